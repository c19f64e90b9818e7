// profile_headers.h - keys `headers` of a profile: fields, identity, codes, names that a peer sees.
//
// All zero is the default: nothing but the allow-list of signaling/call/hide.c passes. Immutable
// like the whole configuration.
#pragma once

#include "base/span.h"
#include "config/header_rules.h"

#include <stdbool.h>
#include <stdint.h>

#define PROFILE_PASS_MAX   64u // names that pass besides the allow-list
#define PROFILE_CODES_MAX  64u // mapped status codes; own texts
#define PROFILE_TEXT_MAX   80u // bytes of a reason phrase, agent or host name

// How the peer is told who diverted a call (RFC 5806, RFC 7044).
enum profile_diversion {
	PROFILE_DIVERSION_NONE,
	PROFILE_DIVERSION_HEADER,  // Diversion
	PROFILE_DIVERSION_HISTORY, // History-Info
	PROFILE_DIVERSION_BOTH,
};

// Which Reason the peer is told (RFC 3326).
enum profile_reason {
	PROFILE_REASON_PASS, // what came
	PROFILE_REASON_Q850, // also a Q.850 cause made of the status, where none came
	PROFILE_REASON_SIP,  // also a SIP cause made of the Q.850 cause, where none came
	PROFILE_REASON_NONE,
};

// What an untrusted peer's caller is asserted to be, where only trusted realms assert (RFC 3325).
enum profile_assert {
	PROFILE_ASSERT_NONE,
	PROFILE_ASSERT_FROM,      // user of From
	PROFILE_ASSERT_PREFERRED, // user of P-Preferred-Identity, else of From
};

// Requests outside calls that a peer may have relayed by route.
#define PROFILE_REQUEST_MESSAGE   (1u << 0)
#define PROFILE_REQUEST_PUBLISH   (1u << 1)
#define PROFILE_REQUEST_SUBSCRIBE (1u << 2)
#define PROFILE_REQUEST_OPTIONS   (1u << 3) // else answered here
#define PROFILE_REQUEST_ALL \
	(PROFILE_REQUEST_MESSAGE | PROFILE_REQUEST_PUBLISH | PROFILE_REQUEST_SUBSCRIBE)

struct profile_code {
	uint16_t status; // 300..699, as the other side gave it
	uint16_t told;   // 400..699, as the peer is told
};

struct profile_text {
	uint16_t status; // as the peer is told
	struct span text;
};

struct profile_headers {
	struct header_rules in;    // on what the peer sends, before anything else looks at it
	struct header_rules out;   // on what it is sent, after everything else
	const char **pass;         // [pass_count]
	uint32_t pass_count;
	struct profile_code *codes; // [code_count]
	uint32_t code_count;
	struct profile_text *texts; // [text_count]
	uint32_t text_count;
	const char *agent;         // User-Agent and Server; NULL = neither is sent
	const char *contact_host;  // name instead of our address in Contact; NULL = the address
	const char *via_host;      // likewise in Via
	const char *from_host;     // likewise in From and P-Asserted-Identity
	const char *to_host;       // instead of the peer's address in To and the Request-URI
	enum profile_diversion diversion;
	enum profile_reason reason;
	enum profile_assert identity;
	uint32_t requests;         // PROFILE_REQUEST_ bits: relayed outside calls
	bool is_code_from_cause;   // an error's status follows its Q.850 cause (RFC 3398 7.2.4.1)
	bool is_session_id_off;    // no Session-ID (RFC 7989) to this peer
	bool is_warning_passed;    // Warning, with our name as its agent
	bool is_challenge_passed;  // 401 and 407 of the peer are answered by the other side
};

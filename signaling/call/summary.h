// summary.h - what people and records are told about a call: while it lives and when it ends.
//
// Plain values with their own text: a struct call_info may outlive the call and may be handed to
// another thread. Filled by the owner's thread (core_next_call(), or OUTBOX_CALL_END of the
// outbox).
#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stdint.h>

struct call;
struct core_env;

#define CALL_PARTY_MAX 64 // user part with its NUL, cut if longer
#define CALL_UUID_LEN  32 // hexadecimal digits of a Session-ID (RFC 7989), no NUL
#define CALL_NAME_MAX  32 // trunk, realm and codec names with their NUL

// Leg A faces the caller, leg B the called side.
enum call_side { CALL_LEG_A, CALL_LEG_B, CALL_LEGS };

enum call_state {
	CALL_STATE_IDLE,       // slot in use, nothing sent to B yet
	CALL_STATE_RESOLVING,  // the name of the next host is being looked up
	CALL_STATE_CALLING,    // INVITE sent to B, at most 100 came back
	CALL_STATE_RINGING,    // B sent a provisional answer that went on to A
	CALL_STATE_ANSWERED,   // 2xx sent to A, its ACK is awaited
	CALL_STATE_CONNECTED,  // ACK came
	CALL_STATE_CANCELLING, // A has its final answer, B's is awaited
	CALL_STATE_ENDING,     // BYE sent, its answer is awaited; media is gone already
	CALL_STATE_LINGERING,  // over, kept for what is repeated in it: it came from another worker
	CALL_STATE_COUNT
};

enum call_cause {
	CALL_CAUSE_NONE,
	CALL_CAUSE_BYE,           // a party hung up
	CALL_CAUSE_CANCEL,        // the caller gave up before the answer
	CALL_CAUSE_REJECTED,      // the called side answered with an error
	CALL_CAUSE_UNREACHABLE,   // no host of the trunk answered
	CALL_CAUSE_RING_TIMEOUT,  // limits.ring_timeout_ms passed
	CALL_CAUSE_ACK_TIMEOUT,   // 2xx never acknowledged
	CALL_CAUSE_MEDIA_REFUSED, // SDP unusable or no ports
	CALL_CAUSE_DEAD_DIALOG,   // a request in the dialog met 408, 481 or silence
	CALL_CAUSE_MEDIA_TIMEOUT, // no packet from either side for limits.media_timeout_ms
	CALL_CAUSE_SECURE_FAILED, // no ICE pair, or no DTLS handshake
	CALL_CAUSE_SESSION_EXPIRED, // nobody refreshed a leg's session timer (RFC 4028)
	CALL_CAUSE_DURATION,      // a duration_max passed
	CALL_CAUSE_TRANSFER,      // its other party was given another call
	CALL_CAUSE_SHUTDOWN,      // core_hangup_all()
	CALL_CAUSE_INTERNAL,      // a limit of ours (outbox, transactions)
	CALL_CAUSE_COUNT
};

struct leg_info {
	char realm[CALL_NAME_MAX];
	char trunk[CALL_NAME_MAX];
	struct addr signaling;    // far end
	struct addr local_media;  // ours, as shown to the far end; unset = no media
	struct addr remote_media; // latched source, else the signaled one
	bool is_latched;
	bool has_media;           // media has accepted at least one packet
	uint64_t packets;         // RTP received from the far end
	uint64_t octets;
	uint64_t forwarded;       // of these, sent on by the other leg
	uint64_t dropped;         // from wrong sources, over the rate, malformed or held
	uint64_t lost;            // expected and never seen (RFC 3550 A.3)
	double loss;              // 0..1
	double jitter_ms;         // RFC 3550 A.8
	double mos;               // ITU-T G.107 E-model estimate, 1..5; 0 = nothing to judge
};

struct call_info {
	uint64_t token;           // the call's name in logs
	enum call_state state;
	char from[CALL_PARTY_MAX];
	char to[CALL_PARTY_MAX];  // as dialled, before the route's rewrite
	char codec[CALL_NAME_MAX];// of the first stream as answered, "" = none yet
	uint64_t started_unix_ms;
	uint32_t setup_ms;        // INVITE to 2xx, 0 = not answered
	uint32_t duration_ms;     // since the answer, 0 = not answered
	uint32_t route_line;      // line of the route in the configuration
	bool is_emergency;
	char session_id[2 * CALL_UUID_LEN + 2]; // "caller/called", "" before either is known
	struct leg_info legs[CALL_LEGS];
};

struct call_summary {
	struct call_info info;
	enum call_cause cause;
	enum call_side ended_by;  // meaningful for CALL_CAUSE_BYE
	uint32_t code;            // final SIP status of the INVITE as the caller saw it
	uint64_t ended_unix_ms;
};

// "ringing", "bye", ...: constant words for logs, JSON and the CLI.
const char *call_state_name(enum call_state state);
const char *call_cause_name(enum call_cause cause);

void call_info_fill(const struct call *call, const struct core_env *env, struct call_info *out);

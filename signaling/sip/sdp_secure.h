// sdp_secure.h - ICE and DTLS in session descriptions: candidates and credentials (RFC 8839 5),
// fingerprints (RFC 8122 5), setup (RFC 4145 4, RFC 8842 5), tls-id (RFC 8842 6).
//
// Read from, and written into, what sdp.h parses. Any thread, pure, no allocation; spans lie in the
// parsed text. What may be agreed is call's business.
#pragma once

#include "proto/ice.h"
#include "sip/sdp.h"

#define SDP_CANDIDATES_MAX   16u
#define SDP_FINGERPRINTS_MAX 4u
#define SDP_FINGERPRINT_MAX  64u // bytes

// Over UDP, with a numeric address.
struct sdp_candidate {
	struct addr addr;
	uint32_t priority;   // 1..2^31-1
	uint32_t foundation; // a hash of its text; written as a number
	uint8_t component;   // 1..2
	uint8_t type;        // enum ice_type
};

struct sdp_ice {
	struct span ufrag, pwd; // 4..256 and 22..256 ice-chars
	bool is_lite;
	bool is_trickle;  // ice-options has it (RFC 8840)
	bool is_ended;    // end-of-candidates
	bool is_mismatch; // the far end met candidates that its own c= and m= contradict
	uint32_t ignored; // candidates: other transports, names, extra ones, malformed ones
	uint32_t candidate_count;
	struct sdp_candidate candidates[SDP_CANDIDATES_MAX];
};

enum sdp_hash { SDP_HASH_UNKNOWN, SDP_HASH_SHA256, SDP_HASH_SHA384, SDP_HASH_SHA512 };

struct sdp_fingerprint {
	uint8_t hash; // enum sdp_hash; UNKNOWN: `value` means nothing
	uint8_t value[SDP_FINGERPRINT_MAX];
};

enum sdp_setup {
	SDP_SETUP_NONE, // no a=setup
	SDP_SETUP_ACTPASS,
	SDP_SETUP_ACTIVE,
	SDP_SETUP_PASSIVE,
	SDP_SETUP_HOLDCONN,
};

struct sdp_dtls {
	enum sdp_setup setup;
	struct span tls_id; // empty = none
	uint32_t fingerprint_count; // further ones are left out; 1 or more
	struct sdp_fingerprint fingerprints[SDP_FINGERPRINTS_MAX];
};

// What media[index] says, with what it takes from the session. 0; -ENOENT: no ICE (ufrag and pwd
// are not both there); -EINVAL: one of them is impossible. Candidates that cannot be used are no
// error (RFC 8839 5.1): they are counted.
int sdp_ice_of(const struct sdp_session *sdp, uint32_t index, struct sdp_ice *out);
// 0; -ENOENT: no fingerprint; -EINVAL: a malformed one, or another word in a=setup.
int sdp_dtls_of(const struct sdp_session *sdp, uint32_t index, struct sdp_dtls *out);

// Our role when the far end offered that: the one that it leaves, and active where we may choose
// (RFC 5763 5). NONE: nothing can be agreed.
enum sdp_setup sdp_setup_answer(enum sdp_setup offered);
// Our role when we offered actpass and that came back. NONE: no answer to it.
enum sdp_setup sdp_setup_agreed(enum sdp_setup answered);

// The attributes of one line. ice-lite is of the session: struct sdp_rewrite has it.
// is_mismatch: nothing but that.
void sdp_put_ice(struct sip_writer *w, const struct sdp_ice *ice);
void sdp_put_dtls(struct sip_writer *w, const struct sdp_dtls *dtls);

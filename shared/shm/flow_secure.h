// flow_secure.h - ICE, DTLS and BUNDLE of one leg in the segment: what signaling agreed, and what
// became of it in media.
//
// A slot of the two slabs is one agreement in force: signaling's struct flow_secure[k] and media's
// struct flow_secure_state[k] belong together. Both ports of a leg name the same slot
// (flow_cfg.secure). A changed agreement is another slot; media carries agents and associations
// over by the incarnation. Keys that DTLS made come back as flow_key (flow_crypto.h) and the
// selected pair as the record's remote address, both by signaling. No pointer may appear here.
#pragma once

#include "base/addr.h"
#include "shm/abi.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOW_OWN_SECRET_MAX 32u	 // bytes of our ufrag or pwd
#define FLOW_SECRET_MAX	    256u // of theirs, RFC 8839 5.4
#define FLOW_CANDIDATES_MAX 16u	 // of the far end, in one agreement
#define FLOW_FINGERPRINTS   4u
#define FLOW_MEMBERS_MAX    8u	// m= lines that share a port
#define FLOW_MID_MAX	    16u // bytes; longer ones are not used
#define FLOW_MEMBER_SSRCS   4u

enum flow_ice { FLOW_ICE_OFF, FLOW_ICE_LITE, FLOW_ICE_FULL };
enum flow_dtls { FLOW_DTLS_OFF, FLOW_DTLS_PASSIVE, FLOW_DTLS_ACTIVE };

struct flow_candidate {
	struct ip ip;
	uint32_t priority;
	uint32_t foundation; // a hash of its text
	uint16_t port;
	uint8_t component;
	uint8_t type; // enum ice_type
};

enum { FLOW_HASH_MAX = 3 };

struct flow_fingerprint {
	uint8_t hash; // enum dtls_hash: 1 SHA-256, 2 SHA-384, 3 SHA-512 (FLOW_HASH_MAX)
	uint8_t value[64];
};

// One m= line of a BUNDLE group (RFC 8843): how its packets are known, and whose record says what
// becomes of them.
struct flow_member {
	uint16_t port;	    // own, of its RTP; on the media address of the agreement
	uint8_t mid_bytes;  // 0 = none
	uint8_t spare;	    // 0
	char mid[FLOW_MID_MAX];
	uint8_t payload_types[16];	  // bit n % 8 of byte n / 8: payload type n is its
	uint32_t ssrc[FLOW_MEMBER_SSRCS]; // signaled by a=ssrc, 0 = none
};

// All m= lines of the port, the first one its own.
struct flow_bundle {
	struct flow_member members[FLOW_MEMBERS_MAX];
	uint8_t count;	       // 0 = no group
	uint8_t mid_extension; // RFC 8285 id of urn:ietf:params:rtp-hdrext:sdes:mid, 0 = none
	uint8_t spare[2];      // 0
};

// writer: the signaling worker that owns the slot, before flow_publish(); readers: media's slow
// thread and, of the bundle, the port's lane: both copy and check.
struct flow_secure {
	alignas(64) uint64_t incarnation; // of the pair; 0 = nothing here
	uint64_t serial;		  // names the agreement: never the same twice, never 0
	uint32_t association;		  // another number asks for another DTLS handshake
	uint32_t identity; // number of the certificate that was signaled, 0 = the newest one
	uint16_t media_address;
	uint16_t port;	      // of RTP
	uint8_t ice;	      // enum flow_ice
	uint8_t dtls;	      // enum flow_dtls; needs rtcp-mux: one association for both
	uint8_t components;   // of ICE: 1 with rtcp-mux, else 2
	uint8_t is_controlling;
	uint8_t is_remote_lite;
	uint8_t candidate_count;
	uint8_t fingerprint_count; // 0 = not signaled yet
	uint8_t own_ufrag_bytes, own_pwd_bytes;
	uint8_t far_tls_id[3]; // of a hash of the far end's tls-id; signaling's own note
	uint16_t ufrag_bytes, pwd_bytes; // of the far end, 0 = not signaled yet
	uint32_t own_priority;		 // of our candidate for component 1
	struct ip signaled_ip;		 // c= and m= of the far end; unset = not known yet
	uint16_t signaled_port;
	uint16_t mtu; // of UDP payload
	char own_ufrag[FLOW_OWN_SECRET_MAX];
	char own_pwd[FLOW_OWN_SECRET_MAX];
	char ufrag[FLOW_SECRET_MAX];
	char pwd[FLOW_SECRET_MAX];
	struct flow_candidate candidates[FLOW_CANDIDATES_MAX];
	struct flow_fingerprint fingerprints[FLOW_FINGERPRINTS];
	struct flow_bundle bundle;
	uint32_t checksum; // flow_secure_checksum()
};
_Static_assert(sizeof(struct flow_secure) == 1792, "a change bumps SHM_ABI");
_Static_assert(offsetof(struct flow_secure, checksum) == 1772, "no holes: the checksum sees all");

enum flow_secure_dtls {
	FLOW_SECURE_DTLS_NONE,	  // not agreed, or not begun
	FLOW_SECURE_DTLS_RUNNING, // also: done, but no fingerprint to compare with
	FLOW_SECURE_DTLS_DONE,	  // the keys stand in the result
	FLOW_SECURE_DTLS_FAILED,
};

struct flow_selected {
	struct ip ip;
	uint16_t port; // 0 = nobody is selected
	uint16_t spare;
};

struct flow_secure_result {
	struct flow_selected selected[2]; // by component - 1; without ICE: port 0
	uint8_t ice_state;		  // enum ice_state
	uint8_t dtls_state;		  // enum flow_secure_dtls
	uint8_t dtls_failure;		  // enum dtls_failure
	uint8_t suite;			  // enum srtp_suite of the keys, 0 = none
	uint8_t own_key[32], far_key[32];
	uint8_t own_salt[16], far_salt[16];
	uint32_t association; // whose keys these are
};
_Static_assert(sizeof(struct flow_secure_result) == 144, "two copies in five lines");

// writer: media's slow thread. Readers: signaling, tools.
struct flow_secure_state {
	alignas(64) _Atomic uint64_t incarnation; // release-stored after the first result
	_Atomic uint64_t serial;		  // of the agreement that it is about
	_Atomic uint32_t selector; // result[selector & 1] is whole; release-stored
	uint32_t spare;
	struct flow_secure_result result[2];
};
_Static_assert(sizeof(struct flow_secure_state) == 320, "five lines; a change bumps SHM_ABI");

// CRC-32C over the agreement with `checksum` taken as 0.
uint32_t flow_secure_checksum(const struct flow_secure *secure);
// Whether the copy is whole, belongs to that incarnation, and all counts and lengths in it fit.
bool flow_secure_is_valid(const struct flow_secure *secure, uint64_t incarnation);
// Writer: puts another result in force.
void flow_secure_publish(struct flow_secure_state *state, const struct flow_secure *secure,
	const struct flow_secure_result *result);
// Writer: the agreement is not in force any more. Wipes its results, keys and all, unless the slot
// serves another one by now.
void flow_secure_withdraw(struct flow_secure_state *state, uint64_t incarnation, uint64_t serial);
// Reader: a whole copy of the result of that agreement, which the caller wipes. False: media has
// not answered it yet, or no longer works for it.
bool flow_secure_read(const struct flow_secure_state *state, uint64_t incarnation, uint64_t serial,
	struct flow_secure_result *out);

// The certificate that media shows in DTLS. writer: media's slow thread; readers: signaling.
struct shm_identity {
	_Atomic uint32_t serial; // copy[serial & 1] is whole; 0 = none yet. Release-stored
	struct flow_fingerprint copy[2];
};

void shm_identity_publish(struct shm_identity *identity, const struct flow_fingerprint *value);
// Its number, for flow_secure.identity, and *out; 0: none yet.
uint32_t shm_identity_read(const struct shm_identity *identity, struct flow_fingerprint *out);
// The same of that number: the newest one or the one before. False: gone.
bool shm_identity_find(
	const struct shm_identity *identity, uint32_t serial, struct flow_fingerprint *out);

// stun_message.h - STUN messages as ICE exchanges them (RFC 8489 5 and 14, RFC 8445 7 and 16.1):
// attributes, MESSAGE-INTEGRITY with a short-term credential, FINGERPRINT.
//
// Any thread, pure, borrowed buffers, safe for hostile input. Whether an attribute must be there,
// and what follows from it, is the agent's business; transactions and their repetition, too.
#pragma once

#include "base/addr.h"
#include "proto/stun.h"

#define STUN_TRANSACTION_BYTES 12u
#define STUN_MESSAGE_MAX       1400u // longer ones are refused, and never built
#define STUN_UNKNOWN_MAX       8u    // more of them are not listed
#define STUN_USERNAME_MAX      513u  // two fragments of 256 bytes and a colon (RFC 8445 5.3)

enum stun_error {
	STUN_BAD_REQUEST = 400,
	STUN_UNAUTHENTICATED = 401,
	STUN_FORBIDDEN = 403, // RFC 7675 5.1: consent is withdrawn
	STUN_UNKNOWN_ATTRIBUTE = 420,
	STUN_ROLE_CONFLICT = 487,
};

enum stun_role {
	STUN_ROLE_NONE,
	STUN_ROLE_CONTROLLED,
	STUN_ROLE_CONTROLLING,
};

// A checked message. Spans and pointers lie in the parsed buffer. Of an attribute that occurs twice
// the first one counts; those behind MESSAGE-INTEGRITY do not count (RFC 8489 14.5).
struct stun_message {
	enum stun_class class;
	uint16_t method;             // STUN_METHOD_BINDING, or another
	const uint8_t *transaction;  // [STUN_TRANSACTION_BYTES]
	struct span username;        // empty = none
	struct addr mapped;          // XOR-MAPPED-ADDRESS, port 0 = none
	uint64_t tie_breaker;        // of ICE-CONTROLLING or ICE-CONTROLLED
	uint32_t priority;           // 0 = none
	enum stun_role role;         // the sender's
	uint16_t error;              // 300..699, 0 = no ERROR-CODE
	uint16_t integrity_at;       // offset of MESSAGE-INTEGRITY, 0 = none
	uint16_t unknown_count;      // attributes that must be understood and are not
	uint16_t unknown[STUN_UNKNOWN_MAX];
	bool is_nominating;          // USE-CANDIDATE
	bool has_fingerprint;        // and it is right
};

// 0, or -EBADMSG: no STUN message, an attribute that leaves its bounds or has an impossible size,
// or a FINGERPRINT that is wrong. *out is untouched then.
int stun_parse(const uint8_t *p, uint32_t len, struct stun_message *out);

// Whether MESSAGE-INTEGRITY is there and was made with `key` (RFC 8489 14.5). `message` is what
// stun_parse() found at `p`. Takes the same time whatever the difference is.
bool stun_is_authentic(const uint8_t *p, const struct stun_message *message, struct span key);

// A Binding message to build.
struct stun_build {
	enum stun_class class;
	const uint8_t *transaction; // [STUN_TRANSACTION_BYTES]
	struct span username;       // empty = none
	struct span key;            // of MESSAGE-INTEGRITY, empty = none
	const struct addr *mapped;  // XOR-MAPPED-ADDRESS, NULL = none
	uint64_t tie_breaker;
	enum stun_role role;
	uint32_t priority;          // 0 = none
	uint16_t error;             // 300..699, 0 = none; without a reason phrase
	uint16_t unknown_count;     // <= STUN_UNKNOWN_MAX
	const uint16_t *unknown;    // UNKNOWN-ATTRIBUTES
	bool is_nominating;
	bool has_fingerprint;
};

// Bytes written, or -ENOSPC: more than `cap` or STUN_MESSAGE_MAX, -EINVAL: OpenSSL refuses the key.
int stun_build(const struct stun_build *build, uint8_t *out, uint32_t cap);

// CRC-32 of ITU V.42, which FINGERPRINT is made of (RFC 8489 14.7).
uint32_t stun_crc32(const uint8_t *p, uint32_t len);

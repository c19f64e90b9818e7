// keepalive.h - datagrams on a SIP socket that only keep a NAT's binding open: STUN Binding
// requests (RFC 5626 8) and CRLF. Any thread, pure.
#pragma once

#include "base/addr.h"
#include "base/hash.h"
#include "base/span.h"

#include <stdint.h>

enum keepalive_kind {
	KEEPALIVE_NONE,     // maybe SIP: go on with it
	KEEPALIVE_ANSWERED, // a STUN request; the answer is to be sent back to the source
	KEEPALIVE_HEARD,    // a STUN response; keepalive_heard() says to what
	KEEPALIVE_SILENT,   // blank (CR, LF, NUL only, or empty): done its work by coming
	KEEPALIVE_MALFORMED // begins like STUN, but is neither: drop
};

#define KEEPALIVE_ANSWER_MAX 64u // bytes

// What `datagram` is. Of KEEPALIVE_ANSWERED *answer lies in `buf` of KEEPALIVE_ANSWER_MAX bytes:
// the source's address as XOR-MAPPED-ADDRESS and nothing else or, if the request has attributes
// that must be understood, error 420 with their types: this usage knows none, also none that would
// send the answer elsewhere. No answer is longer than the request by more than 24 bytes.
enum keepalive_kind keepalive_judge(
	struct span datagram, const struct addr *source, uint8_t *buf, struct span *answer);

// A Binding request of our own (RFC 5626 4.4.2): whose it is stands in its transaction identifier,
// under a MAC with the address that is asked, so that any worker knows an answer to it.
struct keepalive_ask {
	uint8_t worker;   // that asks
	uint16_t flow;    // of it
	uint8_t sequence;
};

#define KEEPALIVE_ASK_BYTES 20u

// Borrows `buf` of KEEPALIVE_ASK_BYTES.
struct span keepalive_ask(const struct hash_key *key, const struct keepalive_ask *ask,
	const struct addr *target, uint8_t *buf);
// Of a datagram that is KEEPALIVE_HEARD. False: not an answer to us, from there.
bool keepalive_heard(const struct hash_key *key, struct span datagram, const struct addr *source,
	struct keepalive_ask *out);

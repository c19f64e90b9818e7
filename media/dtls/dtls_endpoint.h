// dtls_endpoint.h - one side of a DTLS 1.2 handshake that makes keys for SRTP (RFC 5763, 5764).
//
// Owned by one thread. No socket: datagrams come in by calls and leave by a callback. Who may send
// them is the caller's business (ICE, or the signaled address), with one exception: an endpoint
// with `cookie_key` answers hellos from addresses that nobody has validated with a cookie of theirs
// and keeps nothing, until one comes back (RFC 6347 4.2.1).
//
// Timers run by OpenSSL's clock (gettimeofday); the caller asks how long it may wait.
#pragma once

#include "base/addr.h"
#include "base/hash.h"
#include "dtls/dtls_identity.h"
#include "proto/srtp.h"

#include <stdbool.h>

#define DTLS_FINGERPRINTS_MAX 4u
#define DTLS_MTU_MIN	      256u
#define DTLS_MTU_DEFAULT      1200u
#define DTLS_RECORD_BYTES     13u // header: shorter datagrams are none

struct dtls_endpoint;

enum dtls_state {
	DTLS_STATE_LISTENING,  // passive, with cookies: nobody came back with one yet
	DTLS_STATE_HANDSHAKE,
	DTLS_STATE_UNVERIFIED, // done, but no fingerprint was signaled yet: no keys
	DTLS_STATE_CONNECTED,
	DTLS_STATE_CLOSED,     // by the far end; keys stay
	DTLS_STATE_FAILED,     // for good: wrong certificate, nothing in common, or no answer
};

// Why an endpoint failed.
enum dtls_failure {
	DTLS_FAILURE_NONE,
	DTLS_FAILURE_FINGERPRINT, // the certificate is not the signaled one
	DTLS_FAILURE_PROFILE,	  // no SRTP profile in common
	DTLS_FAILURE_TIMEOUT,	  // no answer to twelve repetitions
	DTLS_FAILURE_PROTOCOL,	  // a fatal alert, or no DTLS at all
};

// Master key and salt of one direction.
struct dtls_key {
	uint8_t key[SRTP_KEY_MAX];   // as long as the suite says
	uint8_t salt[SRTP_SALT_MAX]; // likewise
};

// RFC 5764 4.2. The caller wipes it.
struct dtls_keys {
	enum srtp_suite suite;
	struct dtls_key own; // of what we send
	struct dtls_key far;
};

struct dtls_params {
	struct dtls_identity *identity;    // a reference is taken
	bool is_active;			   // we send the ClientHello (a=setup:active)
	uint16_t mtu;			   // of UDP payload, at least DTLS_MTU_MIN
	const struct hash_key *cookie_key; // passive: hellos must prove their source; borrowed
	void *context;
	void (*send)(void *context, const struct addr *to, struct span datagram);
};

// NULL: out of memory. An active one sends nothing before dtls_endpoint_start().
struct dtls_endpoint *dtls_endpoint_new(const struct dtls_params *params);
void dtls_endpoint_free(struct dtls_endpoint *endpoint); // NULL is fine

// What signaling said of the far end's certificate: one of them must match. Those with hashes that
// we do not know match nothing. May come before, during or after the handshake; a later set takes
// the place of the one before.
void dtls_endpoint_expect(struct dtls_endpoint *endpoint,
	const struct dtls_fingerprint *fingerprints, uint32_t count);

// Active: the first flight, to that address. Any: what follows goes there (ICE chose another pair).
void dtls_endpoint_start(struct dtls_endpoint *endpoint, const struct addr *to);

// One datagram whose first byte is 20..63.
void dtls_endpoint_receive(
	struct dtls_endpoint *endpoint, const struct addr *source, struct span datagram);

// Repeats the last flight if it is due. dtls_endpoint_wait_ms(): until then, UINT32_MAX = nothing.
void dtls_endpoint_run(struct dtls_endpoint *endpoint);
uint32_t dtls_endpoint_wait_ms(struct dtls_endpoint *endpoint);

enum dtls_state dtls_endpoint_state(const struct dtls_endpoint *endpoint);
enum dtls_failure dtls_endpoint_failure(const struct dtls_endpoint *endpoint);
// Where what we send goes; port 0 = nobody yet.
struct addr dtls_endpoint_peer(const struct dtls_endpoint *endpoint);
// False: not CONNECTED (or CLOSED after that).
bool dtls_endpoint_keys(const struct dtls_endpoint *endpoint, struct dtls_keys *out);
// Tells the far end that we go (close_notify), if there is one.
void dtls_endpoint_close(struct dtls_endpoint *endpoint);

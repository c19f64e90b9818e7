// dtls_identity.h - the certificate that we show in DTLS-SRTP: ECDSA P-256, self-signed, made by
// the process and never stored (RFC 5763 5, RFC 8827 6.5).
//
// Owned by one thread. Endpoints hold a reference, so that a new identity (after
// DTLS_IDENTITY_LIFE_S) leaves calls alone that were signaled with the old one's fingerprint.
#pragma once

#include "base/span.h"

#include <stdint.h>

#define DTLS_IDENTITY_LIFE_S (7u * 24 * 3600) // the certificate itself is valid longer
#define DTLS_FINGERPRINT_MAX 64u	      // bytes of SHA-512

enum dtls_hash {
	DTLS_HASH_NONE,
	DTLS_HASH_SHA256,
	DTLS_HASH_SHA384,
	DTLS_HASH_SHA512,
};

// Of a certificate in DER (RFC 8122 5).
struct dtls_fingerprint {
	uint8_t hash; // enum dtls_hash
	uint8_t value[DTLS_FINGERPRINT_MAX];
};

// 32, 48 or 64; 0: no such hash.
uint32_t dtls_hash_bytes(uint32_t hash);

struct dtls_identity;

// With a new key. `now_s` is Unix time. NULL: out of memory, or OpenSSL refuses.
struct dtls_identity *dtls_identity_new(uint64_t now_s);
struct dtls_identity *dtls_identity_get(struct dtls_identity *identity);
void dtls_identity_put(struct dtls_identity *identity); // NULL is fine

// SHA-256 of the certificate, for a=fingerprint.
const struct dtls_fingerprint *dtls_identity_fingerprint(const struct dtls_identity *identity);
// Unix time at which another one should take its place.
uint64_t dtls_identity_due_s(const struct dtls_identity *identity);

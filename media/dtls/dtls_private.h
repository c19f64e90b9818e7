// dtls_private.h - what the sources of media/dtls share.
#pragma once

#include "dtls/dtls_endpoint.h"

#include <openssl/ssl.h>

// OpenSSL has macros of the same names as values of ours. Theirs are the numbers of RFC 7714 14.2.
#undef SRTP_AEAD_AES_128_GCM
#undef SRTP_AEAD_AES_256_GCM

struct dtls_identity {
	SSL_CTX *ssl_context;
	struct dtls_fingerprint fingerprint;
	uint64_t due_s;
	uint32_t references;
};

struct dtls_endpoint {
	struct dtls_identity *identity;
	SSL *ssl;
	void *context;
	void (*send)(void *context, const struct addr *to, struct span datagram);
	const struct hash_key *cookie_key;
	enum dtls_state state;
	enum dtls_failure failure;
	struct addr source; // of the datagram that is being read
	struct addr peer;   // where we send to
	struct span datagram; // what OpenSSL has not read yet; borrowed during receive
	bool is_peeked;	      // the datagram stays after it was read
	bool is_active;
	struct dtls_fingerprint expected[DTLS_FINGERPRINTS_MAX];
	uint32_t expected_count;
	bool is_expecting; // signaling has named fingerprints, if only unknown ones
	struct dtls_keys keys; // of a handshake that is done, suite SRTP_NONE before
};

// dtls_bio.c: OpenSSL's side of receive and send. NULL: out of memory.
BIO *dtls_bio_new(struct dtls_endpoint *endpoint);
// Frees what all BIOs share; only when no endpoint is left.
void dtls_bio_fini(void);

// dtls_verify.c: the callbacks of the handshake. The endpoint is the SSL's app data.
int dtls_verify_certificate(X509_STORE_CTX *store, void *unused);
int dtls_cookie_make(SSL *ssl, unsigned char *cookie, unsigned int *len);
int dtls_cookie_check(SSL *ssl, const unsigned char *cookie, unsigned int len);
// Whether one of the expected fingerprints is the certificate's.
bool dtls_is_expected(const struct dtls_endpoint *endpoint, const X509 *certificate);

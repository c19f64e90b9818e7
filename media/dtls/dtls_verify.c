// dtls_verify.c - what decides during a handshake: the fingerprint and the cookie.
#include "dtls/dtls_private.h"

#include <openssl/crypto.h>
#include <openssl/x509.h>

uint32_t dtls_hash_bytes(uint32_t hash)
{
	static const uint8_t bytes[] = { 0, 32, 48, 64 };

	return hash < sizeof(bytes) ? bytes[hash] : 0;
}

static bool is_match(const struct dtls_fingerprint *expected, const X509 *certificate)
{
	const EVP_MD *digests[] = { NULL, EVP_sha256(), EVP_sha384(), EVP_sha512() };
	uint8_t value[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	return dtls_hash_bytes(expected->hash) &&
		X509_digest(certificate, digests[expected->hash], value, &len) == 1 &&
		len == dtls_hash_bytes(expected->hash) &&
		CRYPTO_memcmp(value, expected->value, len) == 0;
}

bool dtls_is_expected(const struct dtls_endpoint *endpoint, const X509 *certificate)
{
	for (uint32_t i = 0; i < endpoint->expected_count; i++)
		if (is_match(&endpoint->expected[i], certificate))
			return true;
	return false;
}

// The chain, the names and the dates mean nothing (RFC 5763 5): the fingerprint is all.
int dtls_verify_certificate(X509_STORE_CTX *store, void *unused)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct dtls_endpoint *endpoint = SSL_get_app_data(ssl);
	X509 *certificate = X509_STORE_CTX_get0_cert(store);

	(void)unused;
	if (!endpoint->is_expecting || dtls_is_expected(endpoint, certificate)) {
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	endpoint->failure = DTLS_FAILURE_FINGERPRINT;
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
	return 0;
}

static void cookie_of(const struct dtls_endpoint *endpoint, uint64_t out[2])
{
	struct hash_stream stream;

	hash_stream_begin(&stream, endpoint->cookie_key);
	hash_stream_add(&stream, endpoint->source.ip.b, sizeof(endpoint->source.ip.b));
	hash_stream_add_u64(&stream, endpoint->source.port);
	hash_stream_end(&stream, out);
}

int dtls_cookie_make(SSL *ssl, unsigned char *cookie, unsigned int *len)
{
	uint64_t value[2];

	cookie_of(SSL_get_app_data(ssl), value);
	memcpy(cookie, value, sizeof(value));
	*len = sizeof(value);
	return 1;
}

int dtls_cookie_check(SSL *ssl, const unsigned char *cookie, unsigned int len)
{
	uint64_t value[2];

	cookie_of(SSL_get_app_data(ssl), value);
	return len == sizeof(value) && CRYPTO_memcmp(cookie, value, sizeof(value)) == 0;
}

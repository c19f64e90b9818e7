#include "dtls/dtls_identity.h"

#include "dtls/dtls_private.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdlib.h>

#define VALID_BEFORE_S	 (24L * 3600) // far ends with slow clocks
#define VALID_AFTER_S	 (30L * 24 * 3600)
#define CERT_LIST_MAX	 16384 // bytes of the far end's certificates
#define CIPHERS		 "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!eNULL"
#define GROUPS		 "P-256:X25519:P-384"
// In the order that we prefer as the passive side.
#define PROFILES                                                                                   \
	"SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:"                                             \
	"SRTP_AES128_CM_SHA1_80:SRTP_AES128_CM_SHA1_32"

static bool set_serial(X509 *certificate)
{
	uint64_t serial = 0;

	return RAND_bytes((unsigned char *)&serial, sizeof(serial)) == 1 &&
		ASN1_INTEGER_set_uint64(
			X509_get_serialNumber(certificate), serial >> 1 | 1) == 1;
}

// The name says nothing about us.
static bool set_name(X509 *certificate)
{
	X509_NAME *name = X509_get_subject_name(certificate);

	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		       (const unsigned char *)"media", -1, -1, 0) == 1 &&
		X509_set_issuer_name(certificate, name) == 1;
}

static bool set_times(X509 *certificate, uint64_t now_s)
{
	time_t now = (time_t)now_s;

	return X509_time_adj_ex(X509_getm_notBefore(certificate), 0, -VALID_BEFORE_S, &now) &&
		X509_time_adj_ex(X509_getm_notAfter(certificate), 0, VALID_AFTER_S, &now);
}

static X509 *certificate_new(EVP_PKEY *key, uint64_t now_s)
{
	X509 *certificate = X509_new();

	if (certificate && X509_set_version(certificate, X509_VERSION_3) == 1 &&
		set_serial(certificate) && set_name(certificate) &&
		set_times(certificate, now_s) && X509_set_pubkey(certificate, key) == 1 &&
		X509_sign(certificate, key, EVP_sha256()) > 0)
		return certificate;
	X509_free(certificate);
	return NULL;
}

static bool set_rules(SSL_CTX *context)
{
	SSL_CTX_set_options(context,
		SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_QUERY_MTU |
			SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_max_cert_list(context, CERT_LIST_MAX);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(context, dtls_verify_certificate, NULL);
	SSL_CTX_set_cookie_generate_cb(context, dtls_cookie_make);
	SSL_CTX_set_cookie_verify_cb(context, dtls_cookie_check);
	// This one returns 0 when all is well.
	return SSL_CTX_set_tlsext_use_srtp(context, PROFILES) == 0;
}

static SSL_CTX *context_new(EVP_PKEY *key, X509 *certificate)
{
	SSL_CTX *context = SSL_CTX_new(DTLS_method());

	if (context && SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) == 1 &&
		SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION) == 1 &&
		SSL_CTX_set_cipher_list(context, CIPHERS) == 1 &&
		SSL_CTX_set1_groups_list(context, GROUPS) == 1 &&
		SSL_CTX_use_certificate(context, certificate) == 1 &&
		SSL_CTX_use_PrivateKey(context, key) == 1 && set_rules(context))
		return context;
	SSL_CTX_free(context);
	return NULL;
}

static bool fingerprint_make(X509 *certificate, struct dtls_fingerprint *out)
{
	unsigned int len = 0;

	out->hash = DTLS_HASH_SHA256;
	return X509_digest(certificate, EVP_sha256(), out->value, &len) == 1 && len == 32;
}

struct dtls_identity *dtls_identity_new(uint64_t now_s)
{
	struct dtls_identity *identity = calloc(1, sizeof(*identity));
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = key ? certificate_new(key, now_s) : NULL;

	if (identity && certificate && fingerprint_make(certificate, &identity->fingerprint))
		identity->ssl_context = context_new(key, certificate);
	X509_free(certificate);
	EVP_PKEY_free(key);
	if (!identity || !identity->ssl_context) {
		free(identity);
		return NULL;
	}
	identity->due_s = now_s + DTLS_IDENTITY_LIFE_S;
	identity->references = 1;
	return identity;
}

struct dtls_identity *dtls_identity_get(struct dtls_identity *identity)
{
	identity->references++;
	return identity;
}

void dtls_identity_put(struct dtls_identity *identity)
{
	if (!identity || --identity->references)
		return;
	SSL_CTX_free(identity->ssl_context);
	free(identity);
}

const struct dtls_fingerprint *dtls_identity_fingerprint(const struct dtls_identity *identity)
{
	return &identity->fingerprint;
}

uint64_t dtls_identity_due_s(const struct dtls_identity *identity)
{
	return identity->due_s;
}

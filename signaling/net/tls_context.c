// tls_context.c - certificates and rules, read once at start.
#include "net/tls_private.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

// TLS 1.2: forward secrecy and authenticated encryption only. TLS 1.3 has nothing else.
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

// Of the errors that a failure leaves in OpenSSL's queue, which is one per thread, the first one
// says why. The queue is empty afterwards.
static int fail(char *error, const char *what, const char *file)
{
	unsigned long code = ERR_peek_error();
	const char *reason = ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) :
						      ERR_reason_error_string(code);

	snprintf(error, TLS_ERROR_MAX, "%s%s%s: %s", what, file ? " " : "", file ? file : "",
		reason != NULL ? reason : "unknown error");
	ERR_clear_error();
	return -EINVAL;
}

static int load_certificate(SSL_CTX *ssl, const struct tls_settings *settings, char *error)
{
	if (settings->cert == NULL)
		return 0;
	if (SSL_CTX_use_certificate_chain_file(ssl, settings->cert) != 1)
		return fail(error, "certificate", settings->cert);
	if (SSL_CTX_use_PrivateKey_file(ssl, settings->key, SSL_FILETYPE_PEM) != 1)
		return fail(error, "private key", settings->key);
	if (SSL_CTX_check_private_key(ssl) != 1)
		return fail(error, "private key does not match the certificate:", settings->key);
	return 0;
}

static int load_ca(SSL_CTX *ssl, const struct tls_settings *settings, char *error)
{
	if (settings->ca == NULL) {
		if (!settings->is_server && SSL_CTX_set_default_verify_paths(ssl) != 1)
			return fail(error, "the system's certificates", NULL);
		return 0;
	}
	if (SSL_CTX_load_verify_file(ssl, settings->ca) != 1)
		return fail(error, "certificates of", settings->ca);
	if (!settings->is_server)
		return 0;
	// Clients are told whose certificates we want.
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(settings->ca);
	if (names == NULL)
		return fail(error, "certificates of", settings->ca);
	SSL_CTX_set_client_CA_list(ssl, names);
	return 0;
}

static int verify_mode(enum tls_verify verify)
{
	switch (verify) {
	case TLS_VERIFY_NONE:
		return SSL_VERIFY_NONE;
	case TLS_VERIFY_REQUIRE:
		return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	default:
		return SSL_VERIFY_PEER;
	}
}

static bool set_rules(SSL_CTX *ssl, const struct tls_settings *settings)
{
	static const unsigned char id[] = "muga";

	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
		SSL_OP_CIPHER_SERVER_PREFERENCE);
	// Buffers of idle connections would be 34 kB each.
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	// Sessions live in tickets, which the clients keep: a storm of returning ones is cheap.
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ssl, 1);
	SSL_CTX_set_verify(ssl, verify_mode(settings->verify), NULL);
	return SSL_CTX_set_session_id_context(ssl, id, sizeof(id) - 1) == 1 &&
		SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
		SSL_CTX_set_cipher_list(ssl, CIPHERS) == 1;
}

int tls_context_new(const struct tls_settings *settings, struct tls_context **out, char *error)
{
	struct tls_context *context = calloc(1, sizeof(*context));
	int rc;

	error[0] = '\0';
	ERR_clear_error();
	if (context == NULL)
		return -ENOMEM;
	context->settings = *settings;
	context->ssl = SSL_CTX_new(settings->is_server ? TLS_server_method() : TLS_client_method());
	if (context->ssl == NULL || !set_rules(context->ssl, settings))
		rc = fail(error, "TLS", NULL);
	else if ((rc = load_certificate(context->ssl, settings, error)) == 0)
		rc = load_ca(context->ssl, settings, error);
	if (rc < 0) {
		tls_context_free(context);
		return rc;
	}
	*out = context;
	return 0;
}

void tls_context_free(struct tls_context *context)
{
	if (context == NULL)
		return;
	SSL_CTX_free(context->ssl);
	free(context);
}

// tls_context.c - certificates and rules of a listener or a trunk.
#include "net/tls_private.h"

#include "tls/tls_files.h"

#include <errno.h>
#include <stdlib.h>

// TLS 1.2: forward secrecy and authenticated encryption only. TLS 1.3 has nothing else.
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

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
	if (!settings->is_server) {
		SSL_CTX_set_session_cache_mode(ssl,
			SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(ssl, tls_session_given);
	}
	SSL_CTX_set_num_tickets(ssl, 1);
	SSL_CTX_set_verify(ssl, verify_mode(settings->verify), NULL);
	return SSL_CTX_set_session_id_context(ssl, id, sizeof(id) - 1) == 1 &&
		SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
		SSL_CTX_set_cipher_list(ssl, CIPHERS) == 1;
}

int tls_context_new(const struct tls_settings *settings, struct tls_context **out, char *error)
{
	struct tls_context *context = calloc(1, sizeof(*context));
	struct tls_files files = { .cert = settings->cert, .key = settings->key,
		.ca = settings->ca, .is_server = settings->is_server };
	int rc = -ENOMEM;

	error[0] = '\0';
	if (context == NULL)
		return -ENOMEM;
	context->settings = *settings;
	context->ssl = SSL_CTX_new(settings->is_server ? TLS_server_method() : TLS_client_method());
	context->resume = settings->is_server ? NULL : tls_resume_new();
	bool is_made = context->ssl != NULL && (settings->is_server || context->resume != NULL);
	if (is_made && set_rules(context->ssl, settings))
		rc = tls_files_load(context->ssl, &files, error);
	if (rc < 0) {
		tls_context_free(context);
		return rc;
	}
	context->settings.cert = context->settings.key = context->settings.ca = NULL;
	*out = context;
	return 0;
}

int64_t tls_context_expiry(const struct tls_context *context)
{
	return tls_files_expiry(context->ssl);
}

void tls_context_free(struct tls_context *context)
{
	if (context == NULL)
		return;
	SSL_CTX_free(context->ssl);
	tls_resume_put(context->resume);
	free(context);
}

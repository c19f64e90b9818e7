#include "wire.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static SSL_CTX *context_of(const struct wire_params *params, const SSL_METHOD *method)
{
	SSL_CTX *context = SSL_CTX_new(method);

	if (!context || SSL_CTX_load_verify_locations(context, params->ca, NULL) != 1 ||
		SSL_CTX_use_certificate_chain_file(context, params->cert) != 1 ||
		SSL_CTX_use_PrivateKey_file(context, params->key, SSL_FILETYPE_PEM) != 1) {
		ERR_print_errors_fp(stderr);
		SSL_CTX_free(context);
		return NULL;
	}
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	return context;
}

bool tls_open(struct wire *wire)
{
	wire->client = context_of(&wire->params, TLS_client_method());
	wire->server = context_of(&wire->params, TLS_server_method());
	return wire->client && wire->server;
}

SSL *tls_begin(struct wire *wire, const struct connection *connection)
{
	const struct wire_end *end = &wire->params.end[connection->side];
	SSL *ssl = SSL_new(connection->is_ours ? wire->client : wire->server);

	if (!ssl || SSL_set_fd(ssl, connection->fd) != 1)
		abort();
	if (!connection->is_ours) {
		SSL_set_accept_state(ssl);
		return ssl;
	}
	// The certificate must show the address that we called (RFC 5922 7.2).
	X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), end->border_ip);
	SSL_set_connect_state(ssl);
	return ssl;
}

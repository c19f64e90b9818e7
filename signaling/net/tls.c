// tls.c - one session: two memory BIOs around an SSL object.
#include "net/tls_private.h"

#include "base/check.h"
#include "net/tls_name.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

struct tls_session {
	SSL *ssl;
	BIO *in, *out;     // owned by ssl
	enum tls_verify verify;
	bool is_server;
	struct tls_resume *resume; // NULL as a server
	uint64_t resume_key;
	struct ip ip;
	char why[TLS_ERROR_MAX];
	uint32_t name_len;
	char name[];       // of whom we call
};

SSL *tls_session_ssl(const struct tls_session *session)
{
	return session->ssl;
}

int tls_session_given(SSL *ssl, SSL_SESSION *given)
{
	const struct tls_session *session = SSL_get_app_data(ssl);

	return session != NULL && tls_resume_keep(session->resume, session->resume_key, given);
}

bool tls_session_is_resumed(const struct tls_session *session)
{
	return SSL_session_reused(session->ssl) == 1;
}

// What it gave us last time; it need not take it.
static void take_up(struct tls_session *session)
{
	SSL_SESSION *old = tls_resume_take(session->resume, session->resume_key);

	SSL_set_app_data(session->ssl, session);
	if (old == NULL)
		return;
	SSL_set_session(session->ssl, old);
	SSL_SESSION_free(old);
}

// TLS 1.2 gives nothing new in return for what was taken up.
static void keep_again(struct tls_session *session)
{
	SSL_SESSION *old;

	if (session->is_server || !tls_session_is_resumed(session) ||
		SSL_version(session->ssl) != TLS1_2_VERSION)
		return;
	old = SSL_get1_session(session->ssl);
	if (old != NULL && !tls_resume_keep(session->resume, session->resume_key, old))
		SSL_SESSION_free(old);
}

static bool set_peer(struct tls_session *session)
{
	SSL_set_connect_state(session->ssl);
	// RFC 6066 3: names only. The text ends with NUL.
	return session->name_len == 0 ||
		SSL_set_tlsext_host_name(session->ssl, session->name) == 1;
}

struct tls_session *tls_session_new(struct tls_context *context, struct span name,
	const struct ip *ip)
{
	struct tls_session *session = calloc(1, sizeof(*session) + name.len + 1);

	if (session == NULL)
		return NULL;
	session->is_server = context->settings.is_server;
	session->verify = context->settings.verify;
	session->ssl = SSL_new(context->ssl);
	session->in = BIO_new(BIO_s_mem());
	session->out = BIO_new(BIO_s_mem());
	if (session->ssl == NULL || session->in == NULL || session->out == NULL) {
		BIO_free(session->in);
		BIO_free(session->out);
		SSL_free(session->ssl);
		free(session);
		return NULL;
	}
	SSL_set_bio(session->ssl, session->in, session->out);
	if (session->is_server) {
		SSL_set_accept_state(session->ssl);
		return session;
	}
	session->ip = *ip;
	session->name_len = name.len;
	memcpy(session->name, name.ptr != NULL ? name.ptr : "", name.len);
	if (!set_peer(session)) {
		tls_session_free(session);
		return NULL;
	}
	session->resume = tls_resume_get(context->resume);
	session->resume_key = tls_resume_key(name, ip);
	take_up(session);
	return session;
}

void tls_session_free(struct tls_session *session)
{
	if (session == NULL)
		return;
	// A connection that only broke leaves its session as good as it was (RFC 4346 7.2.1);
	// of one that failed nothing is taken up again.
	if (session->why[0] == '\0')
		SSL_set_shutdown(session->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(session->ssl);
	tls_resume_put(session->resume);
	free(session);
}

bool tls_session_receive(struct tls_session *session, struct span ciphertext)
{
	return ciphertext.len == 0 ||
		BIO_write(session->in, ciphertext.ptr, (int)ciphertext.len) ==
		(int)ciphertext.len;
}

// The first reason is the one to tell; the queue is emptied, since other sessions share it.
static enum tls_state session_fail(struct tls_session *session, const char *what)
{
	long verdict = SSL_get_verify_result(session->ssl);
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	if (verdict != X509_V_OK && session->verify != TLS_VERIFY_NONE)
		what = X509_verify_cert_error_string(verdict);
	else if (what == NULL)
		what = reason != NULL ? reason : "protocol error";
	if (session->why[0] == '\0')
		snprintf(session->why, sizeof(session->why), "%s", what);
	ERR_clear_error();
	return TLS_FAILED;
}

// What SSL_*() returned, as a state. `open` is what "wants more" means here.
static enum tls_state session_state(struct tls_session *session, int rc, enum tls_state open)
{
	switch (SSL_get_error(session->ssl, rc)) {
	case SSL_ERROR_NONE:
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return open;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_CLOSED;
	default:
		return session_fail(session, NULL);
	}
}

static enum tls_state session_opened(struct tls_session *session)
{
	struct span name = span_make(session->name, session->name_len);
	X509 *cert;
	bool is_match;

	if (session->is_server || session->verify != TLS_VERIFY_NAME)
		return TLS_OPEN;
	cert = SSL_get1_peer_certificate(session->ssl);
	is_match = cert != NULL && tls_name_matches(cert, name, &session->ip);
	X509_free(cert);
	return is_match ? TLS_OPEN : session_fail(session, "the certificate shows another name");
}

enum tls_state tls_session_handshake(struct tls_session *session)
{
	ERR_clear_error();
	int rc = SSL_do_handshake(session->ssl);
	if (rc != 1)
		return session_state(session, rc, TLS_HANDSHAKE);
	enum tls_state state = session_opened(session);
	if (state == TLS_OPEN)
		keep_again(session);
	return state;
}

enum tls_state tls_session_read(struct tls_session *session, char *buf, uint32_t cap,
	uint32_t *len)
{
	ERR_clear_error();
	int rc = SSL_read(session->ssl, buf, (int)cap);
	*len = rc > 0 ? (uint32_t)rc : 0;
	return session_state(session, rc, TLS_OPEN);
}

bool tls_session_write(struct tls_session *session, struct span plain)
{
	CHECK(plain.len > 0);
	ERR_clear_error();
	// Memory takes everything, so there is no partial write.
	int rc = SSL_write(session->ssl, plain.ptr, (int)plain.len);
	if (rc == (int)plain.len)
		return true;
	session_fail(session, NULL);
	return false;
}

void tls_session_close(struct tls_session *session)
{
	ERR_clear_error();
	SSL_shutdown(session->ssl);
	ERR_clear_error();
}

struct span tls_session_output(const struct tls_session *session)
{
	char *data;
	long len = BIO_get_mem_data(session->out, &data);
	return len > 0 ? span_make(data, (uint32_t)len) : SPAN_NONE;
}

void tls_session_sent(struct tls_session *session, uint32_t bytes)
{
	char drop[4096];

	while (bytes > 0) {
		uint32_t part = bytes < sizeof(drop) ? bytes : (uint32_t)sizeof(drop);
		CHECK(BIO_read(session->out, drop, (int)part) == (int)part);
		bytes -= part;
	}
}

const char *tls_session_why(const struct tls_session *session)
{
	return session->why;
}

void tls_session_describe(const struct tls_session *session, char *buf, uint32_t cap)
{
	snprintf(buf, cap, "%s %s", SSL_get_version(session->ssl),
		SSL_get_cipher_name(session->ssl));
}

// tls_private.h - what tls_context.c and tls.c share.
#pragma once

#include "net/tls.h"

#include <openssl/ssl.h>

SSL *tls_session_ssl(const struct tls_session *session);

// tls_resume.c: what servers gave to the clients of one context; any thread. Lives as long as one
// of its owners.
struct tls_resume;
struct tls_resume *tls_resume_new(void); // NULL: out of memory
struct tls_resume *tls_resume_get(struct tls_resume *resume);
void tls_resume_put(struct tls_resume *resume); // safe on NULL
// Who is called; an address where the name is empty.
uint64_t tls_resume_key(struct span name, const struct ip *ip);
// Takes the session. False: out of memory, it is still the caller's.
bool tls_resume_keep(struct tls_resume *resume, uint64_t key, SSL_SESSION *session);
// Returned owned. NULL: none.
SSL_SESSION *tls_resume_take(struct tls_resume *resume, uint64_t key);

// A server has given one; see SSL_CTX_sess_set_new_cb().
int tls_session_given(SSL *ssl, SSL_SESSION *given);

struct tls_context {
	struct tls_settings settings; // but for its strings
	SSL_CTX *ssl;
	struct tls_resume *resume; // NULL as a server
};

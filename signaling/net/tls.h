// tls.h - TLS 1.2 and 1.3 by OpenSSL over memory: ciphertext in and out, no socket.
//
// A context holds certificates and rules of a listener or a trunk; it is made once, then shared by
// all threads. A session is one connection's, used by its worker only.
#pragma once

#include "base/addr.h"
#include "base/span.h"
#include "tls/tls_files.h"

#include <stdbool.h>
#include <stdint.h>

enum tls_verify {
	TLS_VERIFY_NONE,
	TLS_VERIFY_REQUEST, // as a server: a certificate may come, then it must be good
	TLS_VERIFY_REQUIRE, // as a server: it must come
	TLS_VERIFY_CHAIN,   // as a client: the certificate must be good, whatever name it shows
	TLS_VERIFY_NAME,    // as a client: it must also show the name that we called (RFC 5922)
};

struct tls_settings {
	bool is_server;
	const char *cert; // PEM file, chain; NULL = none (only as a client)
	const char *key;  // PEM file
	const char *ca;   // PEM file; NULL = as a client, the system's
	enum tls_verify verify;
};

struct tls_context;

// 0, -ENOMEM, or -EINVAL with a sentence in error[TLS_ERROR_MAX] as tls_files_load(). Its strings
// are not used afterwards.
int tls_context_new(const struct tls_settings *settings, struct tls_context **out, char *error);
// Sessions that were made of it go on.
void tls_context_free(struct tls_context *context);
// When our certificate runs out, seconds since 1970; INT64_MAX: it has none.
int64_t tls_context_expiry(const struct tls_context *context);

enum tls_state {
	TLS_HANDSHAKE, // goes on when more comes
	TLS_OPEN,
	TLS_CLOSED,    // the far end said goodbye: nothing more comes
	TLS_FAILED,    // tls_session_why() says why
};

struct tls_session;

// `name` and `ip`: who is called, a DNS name or, if that is empty, the address itself. Both are
// ignored as a server. NULL: out of memory.
struct tls_session *tls_session_new(struct tls_context *context, struct span name,
	const struct ip *ip);
void tls_session_free(struct tls_session *session);

// What came off the wire. Then call tls_session_handshake() until TLS_OPEN, then
// tls_session_read(). False: out of memory.
bool tls_session_receive(struct tls_session *session, struct span ciphertext);
// Goes as far as it can. As a client, also the first step. The costly part of a connection.
enum tls_state tls_session_handshake(struct tls_session *session);
// Up to `cap` bytes of plain text. *len 0 with TLS_OPEN: more must come first.
enum tls_state tls_session_read(struct tls_session *session, char *buf, uint32_t cap,
	uint32_t *len);
// Encrypts all of it, only when open and of at least one byte. False: the session is broken.
bool tls_session_write(struct tls_session *session, struct span plain);
// Says goodbye (close_notify).
void tls_session_close(struct tls_session *session);

// Ciphertext for the wire, empty if there is none; borrowed until the next call.
struct span tls_session_output(const struct tls_session *session);
void tls_session_sent(struct tls_session *session, uint32_t bytes); // so much of it left

// Static text or of the session; "" while all is well.
const char *tls_session_why(const struct tls_session *session);
// Who the far end is, once open (tls_peer.c) ------------------------------------------------------

// Whether it showed a certificate of a CA that we trust.
bool tls_session_is_proved(const struct tls_session *session);
// Whether that has the name, or if that is empty the address (RFC 5922 7.1).
bool tls_session_shows(const struct tls_session *session, struct span name, const struct ip *ip);
// Calls for each domain that it proved to be, until fn returns false.
typedef bool (*tls_name_fn)(void *context, struct span name);
void tls_session_each_name(const struct tls_session *session, tls_name_fn fn, void *context);

// Whether it took up an earlier one, once open: no certificate was sent, that of the earlier one
// holds.
bool tls_session_is_resumed(const struct tls_session *session);
// "TLSv1.3 TLS_AES_256_GCM_SHA384", for the log.
void tls_session_describe(const struct tls_session *session, char *buf, uint32_t cap);

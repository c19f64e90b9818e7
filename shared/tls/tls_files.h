// tls_files.h - certificates, keys and CA files: read into a context of OpenSSL, or only checked.
//
// For muga-signaling, at start and when it takes renewed files, and for `muga check`. Any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define TLS_ERROR_MAX 200u
#define TLS_WARN_DAYS 30 // renewed certificates come earlier than that

// All are PEM.
struct tls_files {
	const char *cert; // our certificate, then the chain above it; NULL = none
	const char *key;  // of it
	const char *ca;   // certificates that we trust; NULL = as a client, the system's
	bool is_server;
};

struct ssl_ctx_st;

// 0, or -EINVAL with a sentence in error[TLS_ERROR_MAX] that names the file and what is wrong: not
// there, not readable, no such thing in it, a key that is another certificate's.
int tls_files_load(struct ssl_ctx_st *context, const struct tls_files *files, char *error);

// The same without a context to keep. *expires: when the first certificate of cert's file runs out,
// seconds since 1970; INT64_MAX without one. -ENOMEM as well.
int tls_files_check(const struct tls_files *files, int64_t *expires, char *error);

// Of what a context has loaded.
int64_t tls_files_expiry(const struct ssl_ctx_st *context);

// Whole days from now until then, negative once it is over; INT64_MAX stays what it is.
int64_t tls_files_days_left(int64_t expires);

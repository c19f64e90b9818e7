#include "tls/tls_files.h"

#include "base/clock.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400

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

static int load_certificate(SSL_CTX *context, const struct tls_files *files, char *error)
{
	if (files->cert == NULL)
		return 0;
	if (SSL_CTX_use_certificate_chain_file(context, files->cert) != 1)
		return fail(error, "certificate", files->cert);
	if (SSL_CTX_use_PrivateKey_file(context, files->key, SSL_FILETYPE_PEM) != 1)
		return fail(error, "private key", files->key);
	if (SSL_CTX_check_private_key(context) != 1)
		return fail(error, "private key does not match the certificate:", files->key);
	return 0;
}

static int load_ca(SSL_CTX *context, const struct tls_files *files, char *error)
{
	if (files->ca == NULL) {
		if (!files->is_server && SSL_CTX_set_default_verify_paths(context) != 1)
			return fail(error, "the system's certificates", NULL);
		return 0;
	}
	if (SSL_CTX_load_verify_file(context, files->ca) != 1)
		return fail(error, "certificates of", files->ca);
	if (!files->is_server)
		return 0;
	// Clients are told whose certificates we want.
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(files->ca);
	if (names == NULL)
		return fail(error, "certificates of", files->ca);
	SSL_CTX_set_client_CA_list(context, names);
	return 0;
}

int tls_files_load(SSL_CTX *context, const struct tls_files *files, char *error)
{
	int rc;

	error[0] = '\0';
	ERR_clear_error();
	rc = load_certificate(context, files, error);
	return rc < 0 ? rc : load_ca(context, files, error);
}

int64_t tls_files_expiry(const SSL_CTX *context)
{
	const X509 *cert = SSL_CTX_get0_certificate(context);
	struct tm tm;

	if (cert == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
		return INT64_MAX;
	return timegm(&tm);
}

int64_t tls_files_days_left(int64_t expires)
{
	if (expires == INT64_MAX)
		return INT64_MAX;
	int64_t left = expires - (int64_t)(clock_unix_ms() / 1000);
	return left / DAY_S - (left % DAY_S < 0);
}

int tls_files_check(const struct tls_files *files, int64_t *expires, char *error)
{
	SSL_CTX *context = SSL_CTX_new(TLS_method());
	int rc;

	if (context == NULL)
		return -ENOMEM;
	rc = tls_files_load(context, files, error);
	if (rc == 0)
		*expires = tls_files_expiry(context);
	SSL_CTX_free(context);
	return rc;
}

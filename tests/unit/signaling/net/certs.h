// certs.h - a certification authority of the test's own, in a folder that goes with it.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#define CERTS_FILES_MAX 32u

struct certs {
	char dir[64];
	EVP_PKEY *key;
	X509 *ca;
	char *files[CERTS_FILES_MAX]; // owned
	unsigned int file_count;
	long serial;
};

// "DIR/NAME", kept until the next call but three.
static inline const char *certs_path(const struct certs *certs, const char *name)
{
	static char paths[4][160];
	static unsigned int next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof(paths[0]), "%s/%s", certs->dir, name);
	return path;
}

static inline FILE *certs_create(struct certs *certs, const char *name, const char *suffix)
{
	char *path;
	assert_true(certs->file_count < CERTS_FILES_MAX);
	assert_true(asprintf(&path, "%s/%s.%s", certs->dir, name, suffix) > 0);
	certs->files[certs->file_count++] = path;
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	return file;
}

static inline void certs_extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	assert_non_null(extension);
	X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
}

// `san` may be NULL; `days` < 0: has expired already.
static inline X509 *certs_issue(struct certs *certs, const char *name, const char *san, long days)
{
	X509 *cert = X509_new();
	EVP_PKEY *key = certs->ca == NULL ? certs->key : EVP_EC_gen("P-256");
	X509_NAME *subject = X509_get_subject_name(cert);
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), ++certs->serial);
	X509_gmtime_adj(X509_getm_notBefore(cert), -86400 * 3);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400 * days);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
		0);
	X509 *issuer = certs->ca != NULL ? certs->ca : cert;
	X509_set_issuer_name(cert, X509_get_subject_name(issuer));
	X509_set_pubkey(cert, key);
	if (certs->ca == NULL)
		certs_extend(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
	if (san != NULL)
		certs_extend(cert, issuer, NID_subject_alt_name, san);
	assert_true(X509_sign(cert, certs->key, EVP_sha256()) > 0);
	FILE *file = certs_create(certs, name, "pem");
	PEM_write_X509(file, cert);
	fclose(file);
	file = certs_create(certs, name, "key");
	PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
	fclose(file);
	if (key != certs->key)
		EVP_PKEY_free(key);
	return cert;
}

// NAME.pem and NAME.key for these names.
static inline void certs_make(struct certs *certs, const char *name, const char *san)
{
	X509_free(certs_issue(certs, name, san, 2));
}

// With ca.pem as its only certificate.
static inline void certs_open(struct certs *certs)
{
	*certs = (struct certs){ .dir = "/tmp/muga-certs-XXXXXX" };
	assert_non_null(mkdtemp(certs->dir));
	certs->key = EVP_EC_gen("P-256");
	certs->ca = certs_issue(certs, "ca", NULL, 2);
}

static inline void certs_close(struct certs *certs)
{
	for (unsigned int i = 0; i < certs->file_count; i++) {
		unlink(certs->files[i]);
		free(certs->files[i]);
	}
	rmdir(certs->dir);
	X509_free(certs->ca);
	EVP_PKEY_free(certs->key);
}

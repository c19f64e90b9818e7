// test_dtls_identity.c - the certificate: key, dates, fingerprint, references.
#include "dtls/dtls_private.h"
#include "unit/unit.h"

#include <openssl/ec.h>
#include <openssl/x509.h>

#define NOW_S 1700000000u

static void test_certificate(void **state)
{
	struct dtls_identity *identity = dtls_identity_new(NOW_S);
	const struct dtls_fingerprint *fingerprint = dtls_identity_fingerprint(identity);
	X509 *certificate = SSL_CTX_get0_certificate(identity->ssl_context);
	time_t before = NOW_S - 3600, due = (time_t)dtls_identity_due_s(identity) + 24 * 3600;
	uint8_t value[32];
	unsigned int len;
	char group[32];
	(void)state;
	assert_int_equal(fingerprint->hash, DTLS_HASH_SHA256);
	assert_int_equal(X509_digest(certificate, EVP_sha256(), value, &len), 1);
	assert_memory_equal(value, fingerprint->value, 32);
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	assert_int_equal(EVP_PKEY_get_group_name(key, group, sizeof(group), NULL), 1);
	assert_string_equal(group, "prime256v1");
	assert_int_equal(X509_verify(certificate, key), 1);
	assert_int_equal(X509_cmp_time(X509_get0_notBefore(certificate), &before), -1);
	assert_int_equal(X509_cmp_time(X509_get0_notAfter(certificate), &due), 1);
	dtls_identity_put(identity);
}

static void test_each_is_another(void **state)
{
	struct dtls_identity *a = dtls_identity_new(NOW_S), *b = dtls_identity_new(NOW_S);
	(void)state;
	assert_memory_not_equal(
		dtls_identity_fingerprint(a)->value, dtls_identity_fingerprint(b)->value, 32);
	dtls_identity_put(a);
	dtls_identity_put(b);
}

static void test_references(void **state)
{
	struct dtls_identity *identity = dtls_identity_new(NOW_S);
	(void)state;
	assert_ptr_equal(dtls_identity_get(identity), identity);
	dtls_identity_put(identity);
	assert_int_equal(identity->references, 1);
	dtls_identity_put(identity);
	dtls_identity_put(NULL);
}

static void test_hash_bytes(void **state)
{
	(void)state;
	assert_int_equal(dtls_hash_bytes(DTLS_HASH_NONE), 0);
	assert_int_equal(dtls_hash_bytes(DTLS_HASH_SHA256), 32);
	assert_int_equal(dtls_hash_bytes(DTLS_HASH_SHA384), 48);
	assert_int_equal(dtls_hash_bytes(DTLS_HASH_SHA512), 64);
	assert_int_equal(dtls_hash_bytes(4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certificate),
		cmocka_unit_test(test_each_is_another),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_hash_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

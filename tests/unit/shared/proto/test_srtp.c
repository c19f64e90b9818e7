// test_srtp.c - the table of suites: lengths as the RFCs say, names both ways.
#include "proto/srtp.h"
#include "unit/unit.h"

static void test_lengths(void **state)
{
	// RFC 3711 8.2, RFC 4568 6.2, RFC 6188 4, RFC 7714 12
	static const struct {
		enum srtp_suite suite;
		const char *name;
		uint8_t key, salt, auth, rtp_tag, rtcp_tag;
	} rows[] = {
		{ SRTP_AES_CM_128_HMAC_SHA1_80, "AES_CM_128_HMAC_SHA1_80", 16, 14, 20, 10, 10 },
		{ SRTP_AES_CM_128_HMAC_SHA1_32, "AES_CM_128_HMAC_SHA1_32", 16, 14, 20, 4, 10 },
		{ SRTP_AES_256_CM_HMAC_SHA1_80, "AES_256_CM_HMAC_SHA1_80", 32, 14, 20, 10, 10 },
		{ SRTP_AES_256_CM_HMAC_SHA1_32, "AES_256_CM_HMAC_SHA1_32", 32, 14, 20, 4, 10 },
		{ SRTP_AEAD_AES_128_GCM, "AEAD_AES_128_GCM", 16, 12, 0, 16, 16 },
		{ SRTP_AEAD_AES_256_GCM, "AEAD_AES_256_GCM", 32, 12, 0, 16, 16 },
	};
	(void)state;

	assert_int_equal(COUNT_OF(rows), SRTP_SUITE_COUNT - 1);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct srtp_suite_info *info = srtp_suite_info(rows[i].suite);
		assert_string_equal(info->name, rows[i].name);
		assert_int_equal(info->key_bytes, rows[i].key);
		assert_int_equal(info->salt_bytes, rows[i].salt);
		assert_int_equal(info->auth_key_bytes, rows[i].auth);
		assert_int_equal(info->rtp_tag_bytes, rows[i].rtp_tag);
		assert_int_equal(info->rtcp_tag_bytes, rows[i].rtcp_tag);
		assert_int_equal(info->is_aead, rows[i].auth == 0);
		assert_int_equal(
			srtp_suite_by_name(rows[i].name, strlen(rows[i].name)), rows[i].suite);
	}
}

static void test_unknown(void **state)
{
	(void)state;
	assert_null(srtp_suite_info(SRTP_NONE));
	assert_null(srtp_suite_info(SRTP_SUITE_COUNT));
	assert_int_equal(srtp_suite_by_name("F8_128_HMAC_SHA1_80", 19), SRTP_NONE);
	assert_int_equal(srtp_suite_by_name("aead_aes_128_gcm", 16), SRTP_NONE);
	assert_int_equal(srtp_suite_by_name("AEAD_AES_128_GCM_8", 18), SRTP_NONE);
	assert_int_equal(srtp_suite_by_name("AEAD_AES_128_GC", 15), SRTP_NONE);
	assert_int_equal(srtp_suite_by_name("", 0), SRTP_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

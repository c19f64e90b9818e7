// test_sdes.c - a=crypto values that can be used and those that cannot, and the way back.
#include "call/sdes.h"
#include "unit/unit.h"

#define KEY_30 "cJOJ7kxQjhFBp2fP6AYjs3vKw7CeBdWZCj0isbJv"
#define KEY_28 "AAECAwQFBgcICQoLDA0OD1F1aWQgcHJvIHF1bw=="

static struct span text(const char *value)
{
	return span_str(value);
}

static void test_usable(void **state)
{
	static const struct {
		const char *value;
		uint32_t tag;
		enum srtp_suite suite;
		uint8_t mki_bytes, mki_last;
	} rows[] = {
		{ "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_30, 1, SRTP_AES_CM_128_HMAC_SHA1_80, 0,
			0 },
		{ "999999999 AES_CM_128_HMAC_SHA1_32 inline:" KEY_30, 999999999,
			SRTP_AES_CM_128_HMAC_SHA1_32, 0, 0 },
		{ "1 AEAD_AES_128_GCM inline:" KEY_28, 1, SRTP_AEAD_AES_128_GCM, 0, 0 },
		{ "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_30 "|2^20", 1,
			SRTP_AES_CM_128_HMAC_SHA1_80, 0, 0 },
		{ "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_30 "|1048576|258:4", 1,
			SRTP_AES_CM_128_HMAC_SHA1_80, 4, 2 },
		{ "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_30 "|7:16", 1,
			SRTP_AES_CM_128_HMAC_SHA1_80, 16, 7 },
		{ "2  AES_CM_128_HMAC_SHA1_80  inline:" KEY_30 " KDR=0 WSH=256 -future", 2,
			SRTP_AES_CM_128_HMAC_SHA1_80, 0, 0 },
	};
	(void)state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sdes_crypto crypto;
		assert_true(sdes_parse(text(rows[i].value), &crypto));
		assert_int_equal(crypto.tag, rows[i].tag);
		assert_int_equal(crypto.key.suite, rows[i].suite);
		assert_int_equal(crypto.key.mki_bytes, rows[i].mki_bytes);
		if (rows[i].mki_bytes)
			assert_int_equal(crypto.key.mki[rows[i].mki_bytes - 1], rows[i].mki_last);
	}
}

static void test_unusable(void **state)
{
	static const char *const values[] = {
		"",
		"1",
		"1 AES_CM_128_HMAC_SHA1_80",
		"x AES_CM_128_HMAC_SHA1_80 inline:" KEY_30,
		"1234567890 AES_CM_128_HMAC_SHA1_80 inline:" KEY_30,
		"1 AES_192_CM_HMAC_SHA1_80 inline:" KEY_30,
		"1 AES_CM_128_HMAC_SHA1_80 uri:" KEY_30,
		"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_28,
		"1 AEAD_AES_128_GCM inline:" KEY_30,
		"1 AES_256_CM_HMAC_SHA1_80 inline:" KEY_30,
		"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_30 ";inline:" KEY_30,
		"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_30 "|2^49",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_30 "|1:17",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_30 "|1:0",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_30 "|256:1",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_30 "|1:4|2^20",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_30 " KDR=24",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_30 " UNENCRYPTED_SRTCP",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_30 " UNAUTHENTICATED_SRTP",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_30 " FEC_ORDER=SRTP_FEC",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_30 " FUTURE",
	};
	struct sdes_crypto crypto;
	(void)state;

	for (size_t i = 0; i < COUNT_OF(values); i++)
		if (sdes_parse(text(values[i]), &crypto))
			fail_msg("taken: %s", values[i]);
}

static void test_every_suite_comes_back(void **state)
{
	struct sdes_key secret, other;
	(void)state;

	sdes_make(&secret);
	sdes_make(&other);
	assert_memory_not_equal(secret.key, other.key, sizeof(secret.key));
	for (uint32_t suite = SRTP_NONE + 1; suite < SRTP_SUITE_COUNT; suite++) {
		struct sdes_key key = sdes_key_for(&secret, suite);
		struct sdes_crypto back;
		char value[SDES_TEXT_MAX];

		uint32_t len = sdes_format(suite * 1000, &key, value);
		assert_in_range(len, 1, SDES_TEXT_MAX);
		assert_true(sdes_parse(span_make(value, len), &back));
		assert_int_equal(back.tag, suite * 1000);
		assert_memory_equal(&back.key, &key, sizeof(key));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usable),
		cmocka_unit_test(test_unusable),
		cmocka_unit_test(test_every_suite_comes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

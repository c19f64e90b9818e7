// test_srtp_kdf.c - RFC 3711 B.3, RFC 6188 7.2 and 7.4, and the 96-bit salts of RFC 7714 11.
#include "srtp_kdf.h"
#include "srtp_hex.h"
#include "unit/unit.h"

#include <errno.h>
#include <openssl/evp.h>

static void derive(enum srtp_suite suite, const char *key, const char *salt,
	struct srtp_session_keys out[2])
{
	uint8_t master_key[SRTP_KEY_MAX], master_salt[SRTP_SALT_MAX];
	const struct srtp_suite_info *info = srtp_suite_info(suite);
	struct srtp_kdf kdf;

	assert_int_equal(srtp_hex(key, master_key), info->key_bytes);
	assert_int_equal(srtp_hex(salt, master_salt), info->salt_bytes);
	assert_int_equal(srtp_kdf_init(&kdf), 0);
	assert_int_equal(srtp_kdf_derive(&kdf, info, master_key, master_salt, out), 0);
	srtp_kdf_fini(&kdf);
}

static void assert_bytes(const uint8_t *got, const char *want)
{
	uint8_t bytes[64];
	uint32_t count = srtp_hex(want, bytes);

	assert_memory_equal(got, bytes, count);
}

static void test_rfc_3711_b3(void **state)
{
	struct srtp_session_keys keys[2];
	(void)state;

	derive(SRTP_AES_CM_128_HMAC_SHA1_80, "E1F97A0D3E018BE0D64FA32C06DE4139",
		"0EC675AD498AFEEBB6960B3AABE6", keys);
	assert_bytes(keys[0].cipher_key, "C61E7A93744F39EE10734AFE3FF7A087");
	assert_bytes(keys[0].salt, "30CBBC08863D8C85D49DB34A9AE1");
	assert_bytes(keys[0].auth_key, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4");
	assert_memory_not_equal(keys[0].cipher_key, keys[1].cipher_key, 16);
}

static void test_rfc_6188_7_4(void **state)
{
	struct srtp_session_keys keys[2];
	(void)state;

	derive(SRTP_AES_256_CM_HMAC_SHA1_80,
		"f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6",
		"3b04803de51ee7c96423ab5b78d2", keys);
	assert_bytes(keys[0].cipher_key,
		"5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4");
	assert_bytes(keys[0].salt, "fa31791685ca444a9e07c6c64e93");
	assert_bytes(keys[0].auth_key, "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05");
}

// One block of the key stream that label and salt give, by AES in ECB: an independent way.
static void stream_block(
	const uint8_t *key, const uint8_t salt[14], uint8_t label, uint8_t out[16])
{
	EVP_CIPHER_CTX *ecb = EVP_CIPHER_CTX_new();
	uint8_t block[32] = { 0 };
	int len;

	memcpy(block, salt, 14);
	block[7] ^= label;
	assert_int_equal(EVP_EncryptInit_ex(ecb, EVP_aes_128_ecb(), NULL, key, NULL), 1);
	assert_int_equal(EVP_EncryptUpdate(ecb, out, &len, block, 16), 1);
	EVP_CIPHER_CTX_free(ecb);
}

// RFC 7714 11: the 96-bit master salt is shifted left by 16 bits; all six labels are used.
static void test_aead_salt_and_labels(void **state)
{
	uint8_t key[16], salt[14] = { 0 }, block[16];
	struct srtp_session_keys keys[2];
	(void)state;

	srtp_hex("000102030405060708090a0b0c0d0e0f", key);
	srtp_hex("517569642070726f2071756f", salt);
	derive(SRTP_AEAD_AES_128_GCM, "000102030405060708090a0b0c0d0e0f",
		"517569642070726f2071756f", keys);
	stream_block(key, salt, 0, block);
	assert_memory_equal(keys[0].cipher_key, block, 16);
	stream_block(key, salt, 2, block);
	assert_memory_equal(keys[0].salt, block, 12);
	stream_block(key, salt, 3, block);
	assert_memory_equal(keys[1].cipher_key, block, 16);
	stream_block(key, salt, 5, block);
	assert_memory_equal(keys[1].salt, block, 12);
	assert_int_equal(keys[0].salt[12] | keys[0].salt[13] | keys[0].auth_key[0], 0);
}

static void test_rtcp_labels(void **state)
{
	uint8_t key[16], salt[14], block[16];
	struct srtp_session_keys keys[2];
	(void)state;

	srtp_hex("E1F97A0D3E018BE0D64FA32C06DE4139", key);
	srtp_hex("0EC675AD498AFEEBB6960B3AABE6", salt);
	derive(SRTP_AES_CM_128_HMAC_SHA1_32, "E1F97A0D3E018BE0D64FA32C06DE4139",
		"0EC675AD498AFEEBB6960B3AABE6", keys);
	stream_block(key, salt, 4, block);
	assert_memory_equal(keys[1].auth_key, block, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc_3711_b3),
		cmocka_unit_test(test_rfc_6188_7_4),
		cmocka_unit_test(test_aead_salt_and_labels),
		cmocka_unit_test(test_rtcp_labels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

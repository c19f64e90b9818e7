// test_srtp_packet.c - layout of protected packets, and the initialization vectors of RFC 3711
// B.2, RFC 6188 7.1 and RFC 7714 16 and 17.
#include "srtp_packet.h"
#include "srtp_hex.h"
#include "unit/unit.h"

#include <openssl/evp.h>

static struct srtp_form form_of(enum srtp_suite suite, uint8_t mki_bytes)
{
	return (struct srtp_form){ .suite = srtp_suite_info(suite), .mki_bytes = mki_bytes };
}

struct layout_row {
	enum srtp_suite suite;
	bool is_rtcp;
	uint8_t mki_bytes;
	uint16_t index_at, mki_at, tag_at, total; // behind 100 plain bytes
};

static const struct layout_row layouts[] = {
	{ SRTP_AES_CM_128_HMAC_SHA1_80, false, 0, 100, 100, 100, 110 },
	{ SRTP_AES_CM_128_HMAC_SHA1_32, false, 0, 100, 100, 100, 104 },
	{ SRTP_AES_CM_128_HMAC_SHA1_80, false, 4, 100, 100, 104, 114 },
	{ SRTP_AES_CM_128_HMAC_SHA1_32, true, 0, 100, 104, 104, 114 },
	{ SRTP_AES_256_CM_HMAC_SHA1_32, true, 2, 100, 104, 106, 116 },
	{ SRTP_AEAD_AES_128_GCM, false, 0, 116, 116, 100, 116 },
	{ SRTP_AEAD_AES_256_GCM, false, 16, 116, 116, 100, 132 },
	{ SRTP_AEAD_AES_128_GCM, true, 0, 116, 120, 100, 120 },
	{ SRTP_AEAD_AES_256_GCM, true, 1, 116, 120, 100, 121 },
};

// Not by their bytes: there are some between the fields.
static void assert_same(const struct srtp_parts *a, const struct srtp_parts *b)
{
	assert_int_equal(a->clear_bytes, b->clear_bytes);
	assert_int_equal(a->end, b->end);
	assert_int_equal(a->index_at, b->index_at);
	assert_int_equal(a->mki_at, b->mki_at);
	assert_int_equal(a->tag_at, b->tag_at);
	assert_int_equal(a->tag_bytes, b->tag_bytes);
	assert_int_equal(a->total, b->total);
}

static void test_layouts(void **state)
{
	uint8_t packet[160] = { 0x80, 200 };
	(void)state;

	for (size_t i = 0; i < COUNT_OF(layouts); i++) {
		const struct layout_row *row = &layouts[i];
		struct srtp_form form = form_of(row->suite, row->mki_bytes);
		struct srtp_parts out, back;

		assert_true(srtp_parts_for(&form, row->is_rtcp, packet, 100, &out));
		assert_int_equal(out.clear_bytes, row->is_rtcp ? 8 : 12);
		assert_int_equal(out.end, 100);
		assert_int_equal(out.mki_at, row->mki_at);
		assert_int_equal(out.tag_at, row->tag_at);
		assert_int_equal(out.total, row->total);
		if (row->is_rtcp)
			assert_int_equal(out.index_at, row->index_at);
		assert_true(srtp_parts_of(&form, row->is_rtcp, packet, out.total, &back));
		assert_same(&out, &back);
	}
}

static void test_too_short(void **state)
{
	uint8_t packet[64] = { 0x80, 0 };
	struct srtp_parts parts;
	(void)state;

	for (uint32_t suite = SRTP_NONE + 1; suite < SRTP_SUITE_COUNT; suite++) {
		struct srtp_form form = form_of(suite, 3);
		const struct srtp_suite_info *info = form.suite;
		uint32_t rtp = 12u + info->rtp_tag_bytes + 3;
		uint32_t rtcp = 8u + info->rtcp_tag_bytes + 4 + 3;

		assert_true(srtp_parts_of(&form, false, packet, rtp, &parts));
		assert_int_equal(parts.end, parts.clear_bytes); // an empty payload is legal
		assert_true(srtp_parts_of(&form, true, packet, rtcp, &parts));
		for (uint32_t len = 0; len < rtp; len++)
			assert_false(srtp_parts_of(&form, false, packet, len, &parts));
		for (uint32_t len = 0; len < rtcp; len++)
			assert_false(srtp_parts_of(&form, true, packet, len, &parts));
	}
}

static void test_header_bytes(void **state)
{
	uint8_t packet[128] = { 0x80 };
	(void)state;

	assert_int_equal(srtp_rtp_header_bytes(packet, 12), 12);
	assert_int_equal(srtp_rtp_header_bytes(packet, 11), 0);
	packet[0] = 0x82; // two CSRC
	assert_int_equal(srtp_rtp_header_bytes(packet, 20), 20);
	assert_int_equal(srtp_rtp_header_bytes(packet, 19), 0);
	packet[0] = 0xb2; // an extension of three words; padding counts as payload
	packet[23] = 3;
	assert_int_equal(srtp_rtp_header_bytes(packet, 36), 36);
	assert_int_equal(srtp_rtp_header_bytes(packet, 35), 0);
	assert_int_equal(srtp_rtp_header_bytes(packet, 23), 0);
	packet[22] = 0xff; // an extension beyond any packet
	assert_int_equal(srtp_rtp_header_bytes(packet, sizeof(packet)), 0);
	packet[0] = 0x40;
	assert_int_equal(srtp_rtp_header_bytes(packet, sizeof(packet)), 0);
}

// A header that reaches into the tag is no header.
static void test_header_ends_before_the_tag(void **state)
{
	uint8_t packet[64] = { 0x82 };
	struct srtp_form form = form_of(SRTP_AES_CM_128_HMAC_SHA1_80, 0);
	struct srtp_parts parts;
	(void)state;

	assert_true(srtp_parts_of(&form, false, packet, 30, &parts));
	assert_false(srtp_parts_of(&form, false, packet, 29, &parts));
}

static void test_iv_aead(void **state)
{
	uint8_t salt[12], iv[12], want[12];
	(void)state;

	srtp_hex("517569642070726f2071756f", salt);
	srtp_hex("51753c6580c2726f20718414", want); // RFC 7714 16.1.1
	srtp_iv_aead(iv, salt, 0x5501a0b2, 0xf17b);
	assert_memory_equal(iv, want, 12);
	srtp_hex("517524055203726f207170bb", want); // RFC 7714 17.1
	srtp_iv_aead(iv, salt, 0x4d617273, 0x5d4);
	assert_memory_equal(iv, want, 12);
	srtp_iv_aead(iv, salt, 0x5501a0b2, 0x12345678f17bull);
	srtp_hex("51753c6580c2605b76098414", want); // the same at roll-over counter 12345678
	assert_memory_equal(iv, want, 12);
}

struct stream_row {
	const char *key;
	uint16_t block;     // where in the key stream
	const char *stream; // three blocks
};

static const struct stream_row streams[] = {
	// RFC 3711 B.2
	{ "2B7E151628AED2A6ABF7158809CF4F3C", 0,
		"E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB "
		"41E95B3BB0A2E8DD477901E4FCA894C0" },
	{ "2B7E151628AED2A6ABF7158809CF4F3C", 0xfeff,
		"EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE "
		"6A2CC3787889374FBEB4C81B17BA6C44" },
	// RFC 6188 7.1
	{ "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98", 0,
		"92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac "
		"63c4868b7096d88421b563b8c94c9a31" },
};

// The key stream of SSRC 0, index 0, through our vector and plain AES in counter mode.
static void test_iv_cm(void **state)
{
	uint8_t salt[14], iv[16], key[32], want[48], got[48];
	static const uint8_t zeros[48];
	(void)state;

	for (size_t i = 0; i < COUNT_OF(streams); i++) {
		EVP_CIPHER_CTX *ctr = EVP_CIPHER_CTX_new();
		int len;

		srtp_hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD", salt);
		srtp_iv_cm(iv, salt, 0, 0);
		iv[14] = (uint8_t)(streams[i].block >> 8);
		iv[15] = (uint8_t)streams[i].block;
		uint32_t key_len = srtp_hex(streams[i].key, key);
		assert_int_equal(srtp_hex(streams[i].stream, want), 48);
		assert_int_equal(EVP_EncryptInit_ex(ctr,
			key_len == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr(), NULL, key, iv), 1);
		assert_int_equal(EVP_EncryptUpdate(ctr, got, &len, zeros, 48), 1);
		assert_memory_equal(got, want, 48);
		EVP_CIPHER_CTX_free(ctr);
	}
}

static void test_iv_cm_places(void **state)
{
	uint8_t salt[14] = { 0 }, iv[16], want[16];
	(void)state;

	srtp_iv_cm(iv, salt, 0xdeadbeef, 0x0123456789abull);
	srtp_hex("00000000 deadbeef 01234567 89ab 0000", want);
	assert_memory_equal(iv, want, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layouts),
		cmocka_unit_test(test_too_short),
		cmocka_unit_test(test_header_bytes),
		cmocka_unit_test(test_header_ends_before_the_tag),
		cmocka_unit_test(test_iv_aead),
		cmocka_unit_test(test_iv_cm),
		cmocka_unit_test(test_iv_cm_places),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// test_crypto.c - both drivers under the vectors of RFC 7714 16 and 17, against OpenSSL for AES-CM
// with HMAC-SHA1, in batches that mix keys, with wrong tags, and with an empty pool.
#include "unit/unit.h"
#include "unit/media/srtp_bed.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

static const enum config_crypto drivers[] = { CONFIG_CRYPTO_AESNI_MB, CONFIG_CRYPTO_OPENSSL };

struct aead_row {
	enum srtp_suite suite;
	bool is_rtcp;
	const char *plain, *protected;
};

#define RTP_7714                                                                                   \
	"8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e207061727465" \
	"732074726573"
#define RTCP_7714                                                                                  \
	"81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeef" \
	"deadbeefdeadbeef"

static const struct aead_row rows[] = {
	{ SRTP_AEAD_AES_128_GCM, false, RTP_7714,
		"8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a"
		"51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce" },
	{ SRTP_AEAD_AES_256_GCM, false, RTP_7714,
		"8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a02"
		"76ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13" },
	{ SRTP_AEAD_AES_128_GCM, true, RTCP_7714,
		"81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda"
		"4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4" },
	{ SRTP_AEAD_AES_256_GCM, true, RTCP_7714,
		"81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be"
		"8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4" },
};

// Session keys of the RFC, which gives no master key.
static void keys_of_7714(struct srtp_session_keys *keys)
{
	*keys = (struct srtp_session_keys){ 0 };
	for (uint8_t i = 0; i < 32; i++)
		keys->cipher_key[i] = i;
	srtp_hex("517569642070726f2071756f", keys->salt);
}

static void fill_aead(const struct aead_row *row, const struct srtp_session_keys *keys,
	const struct srtp_parts *parts, struct crypto_op *op, uint8_t *data)
{
	uint8_t *aad = data;

	srtp_iv_aead(op->iv, keys->salt, row->is_rtcp ? 0x4d617273 : 0x5501a0b2,
		row->is_rtcp ? 0x5d4 : 0xf17b);
	if (row->is_rtcp) {
		memcpy(op->aad, data, 8);
		memcpy(op->aad + 8, data + parts->index_at, 4);
		aad = op->aad;
	}
	uint32_t clear = parts->clear_bytes;
	struct crypto_range text = { clear, parts->end - clear };
	crypto_op_set_aead(op, text, data + parts->tag_at, aad);
}

// The RFC's packet in one direction, wrong when `flip` says so.
static void run_row(const struct crypto *crypto, struct crypto_batch *batch,
	const struct aead_row *row, bool is_protect, bool is_flipped)
{
	struct srtp_form form = { .suite = srtp_suite_info(row->suite) };
	struct srtp_session_keys keys;
	struct srtp_parts parts;
	uint8_t in[256] = { 0 }, want[256];
	uint32_t in_len = srtp_hex(is_protect ? row->plain : row->protected, in);
	uint32_t want_len = srtp_hex(is_protect ? row->protected : row->plain, want);

	keys_of_7714(&keys);
	if (is_protect) {
		assert_true(srtp_parts_for(&form, row->is_rtcp, in, in_len, &parts));
		if (row->is_rtcp)
			rtp_store32(in + parts.index_at, 0x800005d4);
	} else {
		assert_true(srtp_parts_of(&form, row->is_rtcp, in, in_len, &parts));
	}
	in[parts.end - 1] ^= is_flipped;
	struct crypto_session params = { .suite = form.suite, .keys = &keys,
		.is_rtcp = row->is_rtcp, .is_protect = is_protect, .aad_bytes = 12 };
	void *session = crypto_session_new(crypto, &params);
	assert_non_null(session);
	struct rte_mbuf *mbuf = bed_mbuf(0, in, parts.total);
	uint8_t *data = rte_pktmbuf_mtod(mbuf, uint8_t *);
	struct crypto_op *op = crypto_batch_add(batch, session, mbuf);
	fill_aead(row, &keys, &parts, op, data);
	crypto_batch_run(batch);
	assert_int_equal(op->op.status, is_flipped ? RTE_CRYPTO_OP_STATUS_AUTH_FAILED :
						     RTE_CRYPTO_OP_STATUS_SUCCESS);
	if (!is_flipped)
		assert_memory_equal(data, want, want_len);
	crypto_session_free(crypto, session);
}

static void test_rfc_7714(void **state)
{
	static struct crypto_batch batch;
	(void)state;

	for (size_t d = 0; d < COUNT_OF(drivers); d++) {
		struct crypto crypto;
		assert_int_equal(crypto_open(&crypto, drivers[d], 1, 64), 0);
		crypto_batch_init(&batch, &crypto, 0);
		for (size_t i = 0; i < COUNT_OF(rows); i++) {
			run_row(&crypto, &batch, &rows[i], true, false);
			run_row(&crypto, &batch, &rows[i], false, false);
			run_row(&crypto, &batch, &rows[i], false, true);
		}
		crypto_close(&crypto);
	}
}

static void reference_cm(const struct srtp_session_keys *keys, uint32_t key_len,
	const uint8_t iv[16], const uint8_t *in, uint8_t *out)
{
	EVP_CIPHER_CTX *ctr = EVP_CIPHER_CTX_new();
	int len;

	assert_int_equal(EVP_EncryptInit_ex(ctr, key_len == 32 ? EVP_aes_256_ctr() :
		EVP_aes_128_ctr(), NULL, keys->cipher_key, iv), 1);
	assert_int_equal(EVP_EncryptUpdate(ctr, out, &len, in, 100), 1);
	EVP_CIPHER_CTX_free(ctr);
}

// 64 operations of as many keys in one batch: 100 bytes encrypted, 4 in clear before, tag behind.
static void run_mixed(const struct crypto *crypto, struct crypto_batch *batch, uint32_t suite)
{
	const struct srtp_suite_info *info = srtp_suite_info(suite);
	struct srtp_session_keys keys[BURST_MAX];
	void *sessions[BURST_MAX];
	uint8_t plain[BURST_MAX][104], want[104], tag[20];
	uint32_t tag_len;

	for (uint32_t i = 0; i < BURST_MAX; i++) {
		memset(&keys[i], (int)(i + suite), sizeof(keys[i]));
		memset(plain[i], (int)i, sizeof(plain[i]));
		struct crypto_session params = { .suite = info, .keys = &keys[i],
			.is_protect = true };
		sessions[i] = crypto_session_new(crypto, &params);
		assert_non_null(sessions[i]);
		struct rte_mbuf *mbuf = bed_mbuf(i, plain[i], sizeof(plain[i]));
		struct crypto_op *op = crypto_batch_add(batch, sessions[i], mbuf);
		srtp_iv_cm(op->iv, keys[i].salt, i, i * 70000ull);
		crypto_op_set_chain(op, (struct crypto_range){ 4, 100 },
			(struct crypto_range){ 0, 104 }, op->tag);
	}
	crypto_batch_run(batch);
	for (uint32_t i = 0; i < BURST_MAX; i++) {
		const struct crypto_op *op = &batch->ops[i];
		assert_int_equal(op->op.status, RTE_CRYPTO_OP_STATUS_SUCCESS);
		memcpy(want, plain[i], 4);
		reference_cm(&keys[i], info->key_bytes, op->iv, plain[i] + 4, want + 4);
		HMAC(EVP_sha1(), keys[i].auth_key, 20, want, sizeof(want), tag, &tag_len);
		assert_memory_equal(
			rte_pktmbuf_mtod(&bed.mbufs[i].mbuf, uint8_t *), want, sizeof(want));
		assert_memory_equal(op->tag, tag, info->rtp_tag_bytes);
		crypto_session_free(crypto, sessions[i]);
	}
}

static void test_batches_of_many_keys(void **state)
{
	static struct crypto_batch batch;
	(void)state;

	for (size_t d = 0; d < COUNT_OF(drivers); d++) {
		struct crypto crypto;
		assert_int_equal(crypto_open(&crypto, drivers[d], 2, 128), 0);
		crypto_batch_init(&batch, &crypto, 1);
		for (uint32_t suite = SRTP_AES_CM_128_HMAC_SHA1_80;
			suite <= SRTP_AES_256_CM_HMAC_SHA1_32; suite++)
			run_mixed(&crypto, &batch, suite);
		crypto_close(&crypto);
	}
}

static void test_pool_is_bounded(void **state)
{
	struct srtp_session_keys keys = { 0 };
	struct crypto_session params = { .suite = srtp_suite_info(SRTP_AEAD_AES_128_GCM),
		.keys = &keys, .aad_bytes = 12 };
	struct crypto crypto;
	void *sessions[8];
	(void)state;

	assert_int_equal(crypto_open(&crypto, CONFIG_CRYPTO_AUTO, 1, 8), 0);
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 8; i++)
			assert_non_null(sessions[i] = crypto_session_new(&crypto, &params));
		assert_null(crypto_session_new(&crypto, &params));
		for (uint32_t i = 0; i < 8; i++)
			crypto_session_free(&crypto, sessions[i]);
	}
	crypto_close(&crypto);
	assert_null(crypto.sessions);
	crypto_close(&crypto); // closing what is closed does nothing
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc_7714),
		cmocka_unit_test(test_batches_of_many_keys),
		cmocka_unit_test(test_pool_is_bounded),
	};
	return cmocka_run_group_tests(tests, srtp_bed_eal, srtp_bed_eal_end);
}

// test_dtls_endpoint.c - handshakes through a bad network, fingerprints, cookies, floods.
#include "unit/media/dtls/dtls_pair.h"

#include <openssl/x509.h>

static const struct hash_key cookie_key = { { 1, 2 } };
#define HELLO_VERIFY_BYTES 44u

static void test_connects(void **state)
{
	(void)state;
	pair_init(1, DTLS_MTU_DEFAULT, NULL);
	pair_expect(0);
	pair_expect(1);
	assert_int_equal(dtls_endpoint_wait_ms(pair.ends[0].endpoint), UINT32_MAX);
	pair_start();
	pair_run(1000);
	pair_assert_keys(SRTP_AEAD_AES_128_GCM);
	assert_true(pair.ends[0].sent_max <= DTLS_MTU_DEFAULT);
	assert_int_equal(dtls_endpoint_wait_ms(pair.ends[0].endpoint), UINT32_MAX);
	// Whoever goes tells the other, which keeps its keys until signaling says more.
	struct dtls_keys keys;
	dtls_endpoint_close(pair.ends[0].endpoint);
	pair_run(1000);
	assert_int_equal(pair_state(1), DTLS_STATE_CLOSED);
	assert_true(dtls_endpoint_keys(pair.ends[1].endpoint, &keys));
	assert_false(dtls_endpoint_keys(pair.ends[0].endpoint, &keys));
}

// Loss, repetition, overtaking, small datagrams, with and without cookies.
static void test_bad_network(void **state)
{
	static const uint16_t mtus[] = { DTLS_MTU_MIN, 400, DTLS_MTU_DEFAULT, 1452 };
	(void)state;
	for (uint32_t seed = 0; seed < 48; seed++) {
		pair_init(seed, mtus[seed % COUNT_OF(mtus)], seed % 3 ? NULL : &cookie_key);
		pair.loss_percent = seed % 4 * 10;
		pair.repeat_percent = seed % 5 * 10;
		pair.delay_max_us = seed % 2 ? 40000 : 0;
		pair_expect(0);
		pair_expect(1);
		pair_start();
		pair_run(120000);
		if (pair_state(0) != DTLS_STATE_CONNECTED || pair_state(1) != DTLS_STATE_CONNECTED)
			fail_msg("seed %u: states %u %u", seed, pair_state(0), pair_state(1));
		pair_assert_keys(SRTP_AEAD_AES_128_GCM);
		assert_true(pair.ends[0].sent_max <= mtus[seed % COUNT_OF(mtus)]);
		assert_true(pair.ends[1].sent_max <= mtus[seed % COUNT_OF(mtus)]);
	}
}

static void test_wrong_fingerprint(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 2; n++) {
		struct dtls_keys keys;
		struct dtls_fingerprint wrong;

		pair_init(2, DTLS_MTU_DEFAULT, NULL);
		wrong = *dtls_identity_fingerprint(pair.ends[1 - n].identity);
		wrong.value[31] ^= 1;
		pair_expect(1 - n);
		dtls_endpoint_expect(pair.ends[n].endpoint, &wrong, 1);
		pair_start();
		pair_run(5000);
		assert_int_equal(pair_state(n), DTLS_STATE_FAILED);
		assert_int_equal(dtls_endpoint_failure(pair.ends[n].endpoint),
			DTLS_FAILURE_FINGERPRINT);
		assert_false(dtls_endpoint_keys(pair.ends[n].endpoint, &keys));
		assert_false(dtls_endpoint_keys(pair.ends[1 - n].endpoint, &keys) && n == 0);
	}
}

static void fingerprint_of(const struct dtls_identity *identity, enum dtls_hash hash,
	struct dtls_fingerprint *out)
{
	const EVP_MD *digests[] = { NULL, EVP_sha256(), EVP_sha384(), EVP_sha512() };
	unsigned int len;

	out->hash = (uint8_t)hash;
	assert_int_equal(X509_digest(SSL_CTX_get0_certificate(identity->ssl_context),
				 digests[hash], out->value, &len),
		1);
	assert_int_equal(len, dtls_hash_bytes(hash));
}

static void test_hashes(void **state)
{
	struct dtls_fingerprint set[3] = { { .hash = DTLS_HASH_NONE }, { .hash = 200 } };
	(void)state;
	for (enum dtls_hash hash = DTLS_HASH_SHA256; hash <= DTLS_HASH_SHA512; hash++) {
		pair_init(3, DTLS_MTU_DEFAULT, NULL);
		pair_expect(0);
		fingerprint_of(pair.ends[0].identity, hash, &set[2]);
		dtls_endpoint_expect(pair.ends[1].endpoint, set, 3);
		pair_start();
		pair_run(1000);
		pair_assert_keys(SRTP_AEAD_AES_128_GCM);
	}
	// Only what we do not know: nothing can match.
	pair_init(3, DTLS_MTU_DEFAULT, NULL);
	pair_expect(0);
	dtls_endpoint_expect(pair.ends[1].endpoint, set, 2);
	pair_start();
	pair_run(1000);
	assert_int_equal(pair_state(1), DTLS_STATE_FAILED);
}

// The handshake may be over before the answer says who it was with (RFC 5763 5).
static void test_late_fingerprint(void **state)
{
	struct dtls_fingerprint wrong;
	struct dtls_keys keys;
	(void)state;
	for (uint32_t is_right = 0; is_right < 2; is_right++) {
		pair_init(4, DTLS_MTU_DEFAULT, NULL);
		pair_expect(0);
		pair_start();
		pair_run(1000);
		assert_int_equal(pair_state(1), DTLS_STATE_UNVERIFIED);
		assert_false(dtls_endpoint_keys(pair.ends[1].endpoint, &keys));
		wrong = *dtls_identity_fingerprint(pair.ends[0].identity);
		wrong.value[0] ^= is_right ? 0 : 1;
		dtls_endpoint_expect(pair.ends[1].endpoint, &wrong, 1);
		assert_int_equal(
			pair_state(1), is_right ? DTLS_STATE_CONNECTED : DTLS_STATE_FAILED);
		assert_int_equal(dtls_endpoint_keys(pair.ends[1].endpoint, &keys), is_right);
	}
}

static void test_profiles(void **state)
{
	static const struct {
		const char *offered;
		enum srtp_suite suite;
	} cases[] = {
		{ "SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80", SRTP_AEAD_AES_256_GCM },
		{ "SRTP_AES128_CM_SHA1_80", SRTP_AES_CM_128_HMAC_SHA1_80 },
		{ "SRTP_AES128_CM_SHA1_32", SRTP_AES_CM_128_HMAC_SHA1_32 },
		{ "SRTP_AES128_CM_SHA1_32:SRTP_AES128_CM_SHA1_80", SRTP_AES_CM_128_HMAC_SHA1_80 },
		{ "SRTP_AES128_CM_SHA1_32:SRTP_AEAD_AES_128_GCM", SRTP_AEAD_AES_128_GCM },
	};
	(void)state;
	for (uint32_t i = 0; i < COUNT_OF(cases); i++) {
		pair_init(5, DTLS_MTU_DEFAULT, NULL);
		assert_int_equal(
			SSL_set_tlsext_use_srtp(pair.ends[0].endpoint->ssl, cases[i].offered), 0);
		pair_expect(0);
		pair_expect(1);
		pair_start();
		pair_run(1000);
		pair_assert_keys(cases[i].suite);
	}
}

// A far end that speaks DTLS but not SRTP (RFC 5764 4.1).
static void test_no_profile(void **state)
{
	SSL_CTX *plain = SSL_CTX_new(DTLS_method());
	struct pair_end *end;
	(void)state;
	pair_init(6, DTLS_MTU_DEFAULT, NULL);
	end = &pair.ends[0];
	pair_expect(1);
	// The active end without the extension: an SSL of another context in its place.
	SSL *ssl = SSL_new(plain);
	BIO *bio = dtls_bio_new(end->endpoint);
	assert_non_null(bio);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_options(ssl, SSL_OP_NO_QUERY_MTU);
	SSL_set_mtu(ssl, DTLS_MTU_DEFAULT);
	SSL_use_certificate(ssl, SSL_CTX_get0_certificate(end->identity->ssl_context));
	SSL_use_PrivateKey(ssl, SSL_CTX_get0_privatekey(end->identity->ssl_context));
	SSL_set_connect_state(ssl);
	SSL_free(end->endpoint->ssl);
	end->endpoint->ssl = ssl;
	pair_start();
	pair_run(2000);
	assert_int_equal(pair_state(1), DTLS_STATE_FAILED);
	assert_int_equal(dtls_endpoint_failure(pair.ends[1].endpoint), DTLS_FAILURE_PROFILE);
	SSL_CTX_free(plain);
}

static void test_nobody_answers(void **state)
{
	(void)state;
	pair_init(7, DTLS_MTU_DEFAULT, NULL);
	pair.loss_percent = 100;
	pair_expect(0);
	pair_start();
	pair_run(10000);
	assert_int_equal(pair_state(0), DTLS_STATE_HANDSHAKE);
	assert_int_equal(pair.ends[0].sent, 6); // 0, 250, 750, 1750, 3750, 7750 ms
	pair_run(700000);
	assert_int_equal(pair_state(0), DTLS_STATE_FAILED);
	assert_int_equal(
		dtls_endpoint_failure(pair.ends[0].endpoint), DTLS_FAILURE_TIMEOUT);
	assert_int_equal(dtls_endpoint_wait_ms(pair.ends[0].endpoint), UINT32_MAX);
}

// The first hello of the active end, as it lies on the network.
static struct pair_datagram first_hello(void)
{
	pair_start();
	assert_int_equal(pair.count, 1);
	return pair.datagrams[0];
}

// Hellos without a cookie of their source change nothing and get less than they are.
static void test_flood_without_cookies(void **state)
{
	struct pair_datagram hello;
	struct pair_end *end = &pair.ends[1];
	(void)state;
	pair_init(8, DTLS_MTU_DEFAULT, &cookie_key);
	pair_expect(0);
	pair_expect(1);
	hello = first_hello();
	assert_true(hello.len > HELLO_VERIFY_BYTES);
	for (uint32_t i = 0; i < 2000; i++) {
		struct addr elsewhere = { .ip = ip_from_v4(0xcb007100 + i),
			.port = (uint16_t)(1 + i) };
		dtls_endpoint_receive(end->endpoint, &elsewhere,
			span_make((const char *)hello.data, hello.len));
		assert_int_equal(pair_state(1), DTLS_STATE_LISTENING);
		assert_int_equal(dtls_endpoint_peer(end->endpoint).port, 0);
		assert_int_equal(dtls_endpoint_wait_ms(end->endpoint), UINT32_MAX);
	}
	assert_int_equal(end->sent, 2000);
	assert_int_equal(end->sent_max, HELLO_VERIFY_BYTES);
	pair_run(2000);
	pair_assert_keys(SRTP_AEAD_AES_128_GCM);
	// And afterwards, too.
	for (uint32_t i = 0; i < 2000; i++) {
		struct addr elsewhere = { .ip = ip_from_v4(0xcb007100 + i), .port = 7 };
		uint32_t sent = end->sent;

		dtls_endpoint_receive(end->endpoint, &elsewhere,
			span_make((const char *)hello.data, hello.len));
		assert_int_equal(end->sent, sent);
	}
	pair_assert_keys(SRTP_AEAD_AES_128_GCM);
}

// A cookie is of one source.
static void test_stolen_cookie(void **state)
{
	struct addr elsewhere = { .ip = ip_from_v4(0xcb007105), .port = 5 };
	(void)state;
	pair_init(9, DTLS_MTU_DEFAULT, &cookie_key);
	first_hello();
	uint32_t which;
	while (pair_next(&which) < UINT64_MAX && pair.ends[0].sent < 2)
		pair_run(1); // hello, cookie, hello with the cookie
	assert_int_equal(pair.count, 1);
	assert_int_equal(pair.datagrams[0].to, 1);
	dtls_endpoint_receive(pair.ends[1].endpoint, &elsewhere,
		span_make((const char *)pair.datagrams[0].data, pair.datagrams[0].len));
	assert_int_equal(pair_state(1), DTLS_STATE_LISTENING);
	assert_int_equal(pair.ends[1].sent_max, HELLO_VERIFY_BYTES);
	pair_run(1000);
	assert_int_equal(pair_state(1), DTLS_STATE_UNVERIFIED);
}

// Renegotiation, and whatever else an authentic far end or somebody in between may send.
static void test_after_the_handshake(void **state)
{
	uint8_t junk[600];
	(void)state;
	pair_init(10, DTLS_MTU_DEFAULT, NULL);
	pair_expect(0);
	pair_expect(1);
	struct pair_datagram hello = first_hello();
	pair_run(1000);
	// The far end wants to negotiate again: told no, and nothing changes.
	SSL_clear_options(pair.ends[0].endpoint->ssl, SSL_OP_NO_RENEGOTIATION);
	SSL_renegotiate(pair.ends[0].endpoint->ssl);
	SSL_do_handshake(pair.ends[0].endpoint->ssl);
	assert_int_equal(pair.count, 1);
	pair_run(1);
	assert_int_equal(pair.count, 1); // an alert; it ends the one who asked, not us
	assert_int_equal(pair.datagrams[0].data[0], 21);
	pair.count = 0;
	assert_int_equal(pair_state(1), DTLS_STATE_CONNECTED);
	// An old hello again, and garbage in every shape of record.
	dtls_endpoint_receive(pair.ends[1].endpoint, &pair.ends[0].addr,
		span_make((const char *)hello.data, hello.len));
	for (uint32_t i = 0; i < 20000; i++) {
		uint32_t len = rng_below(&pair.rng, sizeof(junk));

		for (uint32_t at = 0; at < len; at++)
			junk[at] = (uint8_t)rng_u64(&pair.rng);
		junk[0] = (uint8_t)(20 + rng_below(&pair.rng, 6));
		junk[1] = 0xfe;
		junk[2] = 0xfd;
		memset(junk + 3, 0, 6);
		junk[4] = (uint8_t)rng_below(&pair.rng, 2); // epoch
		junk[11] = (uint8_t)(len > 13 ? (len - 13) >> 8 : 0);
		junk[12] = (uint8_t)(len > 13 ? len - 13 : 0);
		dtls_endpoint_receive(pair.ends[1].endpoint, &pair.ends[0].addr,
			span_make((const char *)junk, len));
	}
	assert_int_equal(pair_state(1), DTLS_STATE_CONNECTED);
}

// Certificates as long as a far end may send, and longer ones.
static void test_long_certificates(void **state)
{
	(void)state;
	for (uint32_t is_too_long = 0; is_too_long < 2; is_too_long++) {
		struct dtls_identity *own = pair.ends[0].identity, *other;

		pair.ends[0].identity = other = dtls_identity_new(PAIR_NOW_S);
		assert_non_null(other);
		X509 *certificate = SSL_CTX_get0_certificate(other->ssl_context);
		for (uint32_t i = 0; i < (is_too_long ? 80 : 40); i++)
			SSL_CTX_add_extra_chain_cert(
				other->ssl_context, X509_dup(certificate));
		pair_init(11, 300, NULL);
		pair.loss_percent = 5;
		pair_expect(0);
		pair_expect(1);
		pair_start();
		pair_run(60000);
		assert_int_equal(pair_state(1),
			is_too_long ? DTLS_STATE_FAILED : DTLS_STATE_CONNECTED);
		pair_fini();
		dtls_identity_put(other);
		pair.ends[0].identity = own;
	}
}

static int teardown(void **state)
{
	(void)state;
	pair_fini();
	for (uint32_t n = 0; n < 2; n++)
		dtls_identity_put(pair.ends[n].identity);
	dtls_bio_fini();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connects),
		cmocka_unit_test(test_bad_network),
		cmocka_unit_test(test_wrong_fingerprint),
		cmocka_unit_test(test_hashes),
		cmocka_unit_test(test_late_fingerprint),
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_no_profile),
		cmocka_unit_test(test_nobody_answers),
		cmocka_unit_test(test_flood_without_cookies),
		cmocka_unit_test(test_stolen_cookie),
		cmocka_unit_test(test_after_the_handshake),
		cmocka_unit_test(test_long_certificates),
	};
	return cmocka_run_group_tests(tests, NULL, teardown);
}

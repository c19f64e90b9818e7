// test_hash.c - published vectors, and the two CRC implementations against each other.
#include "base/hash.h"
#include "base/rng.h"
#include "unit/unit.h"

// Aumasson, Bernstein: SipHash-2-4 of 00, 00 01, ... under the key 00..0f (appendix A and the first
// and last of the reference table).
static void test_siphash_vectors(void **state)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} cases[] = {
		{ 0, 0x726fdb47dd0e0e31ull },  { 1, 0x74f839c593dc67fdull },
		{ 2, 0x0d6c8009d9a94f5aull },  { 3, 0x85676696d7fb7e2dull },
		{ 4, 0xcf2794e0277187b7ull },  { 5, 0x18765564cd99a68dull },
		{ 6, 0xcbc9466e58fee3ceull },  { 7, 0xab0200f58b01d137ull },
		{ 8, 0x93f5f5799a932462ull },  { 15, 0xa129ca6149be45e5ull },
		{ 63, 0x958a324ceb064572ull },
	};
	struct hash_key key = { { 0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull } };
	uint8_t data[64];
	(void)state;
	for (uint8_t i = 0; i < sizeof data; i++)
		data[i] = i;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(hash_sip(&key, data, cases[i].len), cases[i].hash);
}

static void test_siphash_depends_on_key(void **state)
{
	struct hash_key a = { { 1, 2 } }, b = { { 1, 3 } };
	(void)state;
	assert_true(hash_sip(&a, "abc", 3) != hash_sip(&b, "abc", 3));
}

// The reference implementation's table for 128 bits of output, under the same key.
static void test_siphash_128_vectors(void **state)
{
	static const struct {
		size_t len;
		uint8_t hash[16];
	} cases[] = {
		{ 0, { 0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7,
			     0x55, 0x02, 0x93 } },
		{ 1, { 0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b,
			     0x22, 0xfc, 0x45 } },
	};
	struct hash_key key = { { 0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull } };
	const uint8_t zero = 0;
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct hash_stream stream;
		uint64_t out[2];
		hash_stream_begin(&stream, &key);
		hash_stream_add(&stream, &zero, cases[i].len);
		hash_stream_end(&stream, out);
		assert_memory_equal(out, cases[i].hash, sizeof out);
	}
}

// Any cut gives the same hash, any other byte another one.
static void test_siphash_128_in_pieces(void **state)
{
	struct hash_key key = { { 3, 4 } };
	uint8_t data[40];
	uint64_t whole[2], pieces[2];
	struct hash_stream stream;
	(void)state;
	for (uint8_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 7);
	for (size_t len = 0; len <= sizeof data; len++) {
		hash_stream_begin(&stream, &key);
		hash_stream_add(&stream, data, len);
		hash_stream_end(&stream, whole);
		for (size_t cut = 0; cut <= len; cut++) {
			hash_stream_begin(&stream, &key);
			hash_stream_add(&stream, data, cut);
			hash_stream_add(&stream, data + cut, len - cut);
			hash_stream_end(&stream, pieces);
			assert_memory_equal(pieces, whole, sizeof whole);
		}
		hash_stream_begin(&stream, &key);
		hash_stream_add(&stream, data, len);
		hash_stream_add(&stream, "", 1);
		hash_stream_end(&stream, pieces);
		assert_memory_not_equal(pieces, whole, sizeof whole);
	}
	hash_stream_begin(&stream, &key);
	hash_stream_add(&stream, "abc", 3);
	hash_stream_add_u64(&stream, 0x0807060504030201ull);
	hash_stream_end(&stream, pieces);
	hash_stream_begin(&stream, &key);
	hash_stream_add(&stream, "abc\1\2\3\4\5\6\7\10", 11);
	hash_stream_end(&stream, whole);
	assert_memory_equal(pieces, whole, sizeof whole);
}

// RFC 3720 B.4, and the usual check value.
static void test_crc32c_vectors(void **state)
{
	uint8_t zeros[32] = { 0 }, ones[32], up[32], down[32];
	(void)state;
	memset(ones, 0xff, sizeof ones);
	for (uint8_t i = 0; i < 32; i++) {
		up[i] = i;
		down[i] = (uint8_t)(31 - i);
	}
	assert_int_equal(hash_crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(hash_crc32c(0, zeros, 32), 0x8a9136aa);
	assert_int_equal(hash_crc32c(0, ones, 32), 0x62a8ab43);
	assert_int_equal(hash_crc32c(0, up, 32), 0x46dd794e);
	assert_int_equal(hash_crc32c(0, down, 32), 0x113fdb5c);
	assert_int_equal(hash_crc32c_portable(0, "123456789", 9), 0xe3069283);
	assert_int_equal(hash_crc32c(0, "", 0), 0);
}

static void test_crc32c_both_ways_and_in_pieces(void **state)
{
	uint8_t data[257];
	struct rng rng;
	(void)state;
	rng_init(&rng, 1);
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)rng_u64(&rng);
	for (size_t len = 0; len < 100; len++) {
		const uint8_t *at = data + len % 9; // every alignment
		uint32_t whole = hash_crc32c(0, at, len);
		assert_int_equal(whole, hash_crc32c_portable(0, at, len));
		uint32_t half = hash_crc32c(0, at, len / 2);
		assert_int_equal(whole, hash_crc32c(half, at + len / 2, len - len / 2));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_siphash_vectors),
		cmocka_unit_test(test_siphash_depends_on_key),
		cmocka_unit_test(test_siphash_128_vectors),
		cmocka_unit_test(test_siphash_128_in_pieces),
		cmocka_unit_test(test_crc32c_vectors),
		cmocka_unit_test(test_crc32c_both_ways_and_in_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

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
		cmocka_unit_test(test_crc32c_vectors),
		cmocka_unit_test(test_crc32c_both_ways_and_in_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

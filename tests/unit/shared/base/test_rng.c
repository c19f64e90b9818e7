// test_rng.c - the published sequence, reproducibility, bounds and rough uniformity.
#include "base/rng.h"
#include "unit/unit.h"

// First outputs of the authors' xoshiro256** for the state {1, 2, 3, 4}.
static void test_reference_sequence(void **state)
{
	static const uint64_t expected[] = { 11520, 0, 1509978240, 1215971899390074240ull,
		1216172134540287360ull };
	struct rng rng = { { 1, 2, 3, 4 } };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(expected); i++)
		assert_int_equal(rng_u64(&rng), expected[i]);
}

static void test_seed_decides(void **state)
{
	struct rng a, b, c;
	(void)state;
	rng_init(&a, 7);
	rng_init(&b, 7);
	rng_init(&c, 8);
	uint64_t first = rng_u64(&a);
	assert_int_equal(first, rng_u64(&b));
	assert_true(first != rng_u64(&c));
	rng_init_system(&a);
	rng_init_system(&b);
	assert_true(rng_u64(&a) != rng_u64(&b));
}

static void test_below_is_uniform(void **state)
{
	uint32_t counts[7] = { 0 };
	struct rng rng;
	(void)state;
	rng_init(&rng, 42);
	for (int i = 0; i < 70000; i++) {
		uint32_t value = rng_below(&rng, 7);
		assert_true(value < 7);
		counts[value]++;
	}
	// 10,000 each with a standard deviation of 93.
	for (int i = 0; i < 7; i++)
		assert_in_range(counts[i], 9500, 10500);
	assert_int_equal(rng_below(&rng, 1), 0);
	for (int i = 0; i < 100; i++)
		assert_true(rng_below(&rng, UINT32_MAX) < UINT32_MAX);
}

static void test_secure_fills(void **state)
{
	uint8_t buf[600] = { 0 };
	size_t zeros = 0;
	(void)state;
	rng_secure(buf, sizeof buf);
	for (size_t i = 0; i < sizeof buf; i++)
		zeros += buf[i] == 0;
	assert_true(zeros < 30);
	rng_secure(buf, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference_sequence),
		cmocka_unit_test(test_seed_decides),
		cmocka_unit_test(test_below_is_uniform),
		cmocka_unit_test(test_secure_fills),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

// Every bucket begins where the one before it ends, and holds what lies between.
static void bounds(void **state)
{
	(void)state;
	assert_int_equal(histogram_floor(HISTOGRAM_BUCKETS), 1ull << 32);
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t floor = histogram_floor(i), next = histogram_floor(i + 1);
		assert_true(floor < next);
		assert_int_equal(histogram_bucket((uint32_t)floor), i);
		assert_int_equal(histogram_bucket((uint32_t)(next - 1)), i);
		assert_true(floor < 4 || (next - floor) * 4 <= floor);
	}
}

static void quantiles(void **state)
{
	static struct histogram histogram;
	struct histogram_counts counts = { 0 };
	(void)state;
	assert_int_equal(histogram_quantile(&counts, 500), 0);
	for (uint32_t value = 1; value <= 10000; value++)
		histogram_add(&histogram, value, 1);
	histogram_sum(&counts, &histogram);
	assert_int_equal(counts.total, 10000);
	static const uint32_t parts[] = { 1, 10, 100, 500, 900, 990, 999 };
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		uint64_t exact = parts[i] * 10, told = histogram_quantile(&counts, parts[i]);
		assert_in_range(told, exact, exact + exact / 4 + 1);
	}
	assert_int_equal(histogram_quantile(&counts, 1000), 10239);
}

// One slow burst among a thousand shows in p99.9 and not before.
static void outlier(void **state)
{
	static struct histogram histogram;
	struct histogram_counts counts = { 0 };
	(void)state;
	histogram_add(&histogram, 100, 999);
	histogram_add(&histogram, UINT32_MAX, 1);
	histogram_sum(&counts, &histogram);
	assert_int_equal(histogram_quantile(&counts, 990), 111);
	assert_int_equal(histogram_quantile(&counts, 999), UINT32_MAX);
}

// Sums of lanes; counts of a hostile file, which may be anything.
static void sums(void **state)
{
	static struct histogram one, two;
	struct histogram_counts counts = { 0 };
	(void)state;
	histogram_add(&one, 7, 2);
	histogram_add(&two, 9, 3);
	histogram_sum(&counts, &one);
	histogram_sum(&counts, &two);
	assert_int_equal(counts.total, 5);
	assert_int_equal(histogram_quantile(&counts, 100), 7);
	assert_int_equal(histogram_quantile(&counts, 900), 9);
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		atomic_store(&one.buckets[i], UINT64_MAX - i);
	histogram_sum(&counts, &one);
	for (uint32_t part = 0; part <= 1000; part++)
		assert_true(histogram_quantile(&counts, part) <= UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds),
		cmocka_unit_test(quantiles),
		cmocka_unit_test(outlier),
		cmocka_unit_test(sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// test_clock.c - the clocks go forward and agree with each other.
#include "base/clock.h"
#include "unit/unit.h"

#include <unistd.h>

static void test_monotonic(void **state)
{
	(void)state;
	uint64_t first = clock_mono_ns();
	uint64_t boot = clock_boot_ns();
	usleep(2000);
	uint64_t second = clock_mono_ns();
	assert_true(second - first >= 2 * NS_PER_MS);
	assert_true(clock_boot_ns() - boot >= 2 * NS_PER_MS);
	assert_true(boot >= first); // it counts suspended time as well
	assert_in_range(clock_mono_ms(), second / NS_PER_MS, second / NS_PER_MS + 10000);
}

static void test_unix(void **state)
{
	(void)state;
	assert_true(clock_unix_ms() > 1700000000000ull); // after 2023
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_monotonic),
		cmocka_unit_test(test_unix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

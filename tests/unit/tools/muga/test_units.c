// Numbers as people read them.
#include "unit/unit.h"

#include "muga/units.h"

typedef const char *units_fn(uint64_t n, char *buf);

static void test_units(void **state)
{
	static const struct {
		units_fn *format;
		uint64_t n;
		const char *text;
	} cases[] = {
		{ units_count, 0, "0" },
		{ units_count, 999, "999" },
		{ units_count, 1000, "1.0k" },
		{ units_count, 12345, "12.3k" },
		{ units_count, 4500000, "4.5M" },
		{ units_count, 7000000000, "7.0G" },
		{ units_count, UINT64_MAX, "18446744.1T" },
		{ units_bytes, 1023, "1023 B" },
		{ units_bytes, 1024, "1.0 KiB" },
		{ units_bytes, 1536, "1.5 KiB" },
		{ units_bytes, 1ull << 30, "1.0 GiB" },
		{ units_bytes, UINT64_MAX, "16777216.0 TiB" },
		{ units_duration, 0, "0.0 s" },
		{ units_duration, 340, "0.3 s" },
		{ units_duration, 9940, "9.9 s" },
		{ units_duration, 10000, "10 s" },
		{ units_duration, 59999, "59 s" },
		{ units_duration, 60000, "1:00" },
		{ units_duration, 125000, "2:05" },
		{ units_duration, 3599999, "59:59" },
		{ units_duration, 3725000, "1:02:05" },
		{ units_duration, UINT64_MAX, "5124095576030:25:51" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char buf[UNITS_MAX];
		const char *text = cases[i].format(cases[i].n, buf);
		assert_ptr_equal(text, buf);
		assert_string_equal(text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_units) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

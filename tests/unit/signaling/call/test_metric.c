#include "call/metric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_every_field_is_described_once(void **state)
{
	(void)state;
	assert_int_equal(core_metric_count, sizeof(struct core_metrics) / sizeof(uint64_t));
	for (uint32_t i = 0; i < core_metric_count; i++) {
		const struct metric_info *info = &core_metric_info[i];
		assert_int_equal(info->offset, i * sizeof(uint64_t));
		assert_true(strlen(info->unit) > 0);
		assert_int_equal(info->help[strlen(info->help) - 1], '.');
		for (uint32_t j = 0; j < i; j++)
			assert_string_not_equal(info->name, core_metric_info[j].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field_is_described_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Names and values of the lanes' counters must be two lists in one order.
#include "base/metric.h"
#include "telemetry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static uint32_t find(const char *const *names, uint32_t count, const char *name)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	fail_msg("no counter is named %s", name);
	return 0;
}

static void test_names_are_unique_and_fit(void **state)
{
	const char *names[SHM_COUNTERS_MAX];
	uint32_t count = telemetry_names(names);

	(void)state;
	assert_in_range(count, DROP_REASON_COUNT, SHM_COUNTERS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		assert_in_range(strlen(names[i]), 1, SHM_NAME_MAX - 1);
		assert_int_equal(find(names, count, names[i]), i);
	}
}

static void test_each_value_stands_at_its_name(void **state)
{
	const char *names[SHM_COUNTERS_MAX];
	uint32_t count = telemetry_names(names);
	_Atomic uint64_t values[SHM_COUNTERS_MAX] = { 0 };
	struct lane_runner *runner = calloc(1, sizeof(*runner));
	char name[SHM_NAME_MAX];

	(void)state;
	assert_non_null(runner);
	metric_add(&runner->lane.counters.received, 11);
	metric_add(&runner->lane.counters.events_lost, 12);
	metric_add(&runner->loop.turns, 13);
	metric_add(&runner->loop.detached, 14);
	for (uint32_t reason = 1; reason < DROP_REASON_COUNT; reason++)
		metric_add(&runner->lane.counters.dropped[reason], 100 + reason);
	telemetry_publish(runner, values);
	assert_int_equal(values[find(names, count, "received")], 11);
	assert_int_equal(values[find(names, count, "events_lost")], 12);
	assert_int_equal(values[find(names, count, "turns")], 13);
	assert_int_equal(values[find(names, count, "detached")], 14);
	for (uint32_t reason = 1; reason < DROP_REASON_COUNT; reason++) {
		snprintf(name, sizeof(name), "dropped_%s", drop_reason_name(reason));
		assert_int_equal(values[find(names, count, name)], 100 + reason);
	}
	free(runner);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_are_unique_and_fit),
		cmocka_unit_test(test_each_value_stands_at_its_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

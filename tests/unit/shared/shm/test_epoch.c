#include "fixture.h"

static struct epoch_slot slots[SHM_LANE_MAX];
static _Atomic uint64_t global = 1;

static void test_lanes_pass(void **state)
{
	(void)state;
	assert_true(epoch_has_passed(slots, 1, 1000)); // nobody is online
	epoch_online(&slots[0], &global, 1);
	epoch_online(&slots[63], &global, 1);
	uint64_t epoch = epoch_advance(&global);
	assert_int_equal(epoch, 2);
	assert_false(epoch_has_passed(slots, 1, epoch));
	epoch_quiescent(&slots[0], &global);
	assert_false(epoch_has_passed(slots, 1, epoch));
	assert_int_equal(epoch_lowest(slots, 1), 1);
	epoch_quiescent(&slots[63], &global);
	assert_true(epoch_has_passed(slots, 1, epoch));
	uint64_t next = epoch_advance(&global);
	epoch_offline(&slots[63]);
	assert_false(epoch_has_passed(slots, 1, next));
	epoch_offline(&slots[0]);
	assert_true(epoch_has_passed(slots, 1, next));
}

static void test_dead_instances_do_not_count(void **state)
{
	(void)state;
	epoch_online(&slots[5], &global, 7);
	uint64_t epoch = epoch_advance(&global);
	assert_false(epoch_has_passed(slots, 7, epoch));
	assert_true(epoch_has_passed(slots, 8, epoch));
	assert_int_equal(epoch_lowest(slots, 8), UINT64_MAX);
	epoch_offline(&slots[5]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lanes_pass),
		cmocka_unit_test(test_dead_instances_do_not_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

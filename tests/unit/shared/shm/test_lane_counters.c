#include "fixture.h"
#include "shm/lane_counters.h"

static void test_names_and_values(void **state)
{
	static const char *const names[] = {
		"received", "a name of more than thirty-one bytes in all", "dropped"
	};
	struct fixture f = fixture_make(1, 1, 256);
	(void)state;
	const struct shm_counters *counters = shm_counters(&f.media);
	assert_int_equal(atomic_load(&counters->count), 0);
	assert_int_equal(shm_counters_name(&f.media, names, 3, 2), 0);
	assert_int_equal(atomic_load(&counters->count), 3);
	assert_int_equal(atomic_load(&counters->lanes), 2);
	assert_string_equal(counters->names[0], "received");
	assert_string_equal(counters->names[1], "a name of more than thirty-one ");
	assert_int_equal(strlen(counters->names[1]), SHM_NAME_MAX - 1);
	assert_string_equal(counters->names[2], "dropped");
	fixture_end(&f);
}

static void test_rows_do_not_overlap(void **state)
{
	struct fixture f = fixture_make(1, 1, 256);
	(void)state;
	for (uint32_t lane = 0; lane < SHM_LANE_MAX; lane++)
		for (uint32_t i = 0; i < SHM_COUNTERS_MAX; i++)
			atomic_store(&shm_lane_counters(&f.media, lane)[i], lane * 1000 + i + 1);
	for (uint32_t lane = 0; lane < SHM_LANE_MAX; lane++)
		for (uint32_t i = 0; i < SHM_COUNTERS_MAX; i++)
			assert_int_equal(atomic_load(&shm_lane_counters(&f.media, lane)[i]),
				lane * 1000 + i + 1);
	// Lanes write at the same time: no line is shared.
	assert_int_equal((uintptr_t)shm_lane_counters(&f.media, 1) % 64, 0);
	fixture_end(&f);
}

static void test_a_new_process_starts_at_zero(void **state)
{
	static const char *const before[] = { "a", "b" }, *const after[] = { "c" };
	struct fixture f = fixture_make(1, 1, 256);
	(void)state;
	assert_int_equal(shm_counters_name(&f.media, before, 2, 4), 0);
	atomic_store(&shm_lane_counters(&f.media, 3)[1], 99);
	assert_int_equal(shm_counters_name(&f.media, after, 1, 1), 0);
	assert_int_equal(atomic_load(&shm_counters(&f.media)->count), 1);
	assert_int_equal(atomic_load(&shm_counters(&f.media)->lanes), 1);
	assert_string_equal(shm_counters(&f.media)->names[0], "c");
	assert_int_equal(atomic_load(&shm_lane_counters(&f.media, 3)[1]), 0);
	fixture_end(&f);
}

static void test_limits(void **state)
{
	static const char *names[SHM_COUNTERS_MAX + 1];
	struct fixture f = fixture_make(1, 1, 256);
	(void)state;
	for (uint32_t i = 0; i <= SHM_COUNTERS_MAX; i++)
		names[i] = "x";
	assert_int_equal(shm_counters_name(&f.media, names, SHM_COUNTERS_MAX, SHM_LANE_MAX), 0);
	assert_int_equal(
		shm_counters_name(&f.media, names, SHM_COUNTERS_MAX + 1, SHM_LANE_MAX), -ENOSPC);
	assert_int_equal(
		shm_counters_name(&f.media, names, SHM_COUNTERS_MAX, SHM_LANE_MAX + 1), -EINVAL);
	assert_int_equal(atomic_load(&shm_counters(&f.media)->count), SHM_COUNTERS_MAX);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_values),
		cmocka_unit_test(test_rows_do_not_overlap),
		cmocka_unit_test(test_a_new_process_starts_at_zero),
		cmocka_unit_test(test_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

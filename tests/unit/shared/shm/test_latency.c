#include "fixture.h"
#include "shm/latency.h"

// Lanes write at the same time: rows do not overlap and share no line.
static void test_rows(void **state)
{
	struct fixture f = fixture_make(3, 1, 768);
	(void)state;
	uint32_t addresses = f.media.geometry.addresses;
	for (uint32_t lane = 0; lane < 2; lane++) {
		assert_int_equal((uintptr_t)shm_lane_latency(&f.media, lane) % 64, 0);
		for (uint32_t i = 0; i < addresses; i++)
			histogram_add(&shm_lane_latency(&f.media, lane)[i], 100, lane * 10 + i + 1);
		histogram_add(shm_lane_bursts(&f.media, lane), 100, lane + 1000);
	}
	for (uint32_t lane = 0; lane < 2; lane++) {
		struct histogram_counts bursts = { 0 };
		for (uint32_t i = 0; i < addresses; i++) {
			struct histogram_counts counts = { 0 };
			histogram_sum(&counts, &shm_lane_latency(&f.media, lane)[i]);
			assert_int_equal(counts.total, lane * 10 + i + 1);
		}
		histogram_sum(&bursts, shm_lane_bursts(&f.media, lane));
		assert_int_equal(bursts.total, lane + 1000);
	}
	assert_true((char *)(shm_lane_bursts(&f.media, 1) + 1) <=
		(char *)f.media.base + f.media.bytes);
	fixture_end(&f);
}

static void test_a_new_process_starts_at_zero(void **state)
{
	struct fixture f = fixture_make(2, 1, 512);
	struct histogram_counts counts = { 0 };
	(void)state;
	assert_int_equal(shm_latency_hz(&f.media), 0);
	histogram_add(shm_lane_bursts(&f.media, 1), 5, 5);
	shm_latency_start(&f.media, 2000000000);
	assert_int_equal(shm_latency_hz(&f.media), 2000000000);
	histogram_sum(&counts, shm_lane_bursts(&f.media, 1));
	assert_int_equal(counts.total, 0);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_a_new_process_starts_at_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

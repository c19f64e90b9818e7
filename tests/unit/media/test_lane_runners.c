// The main thread's side of the lanes, without a lane that runs: wiring, limits, waiting.
#include "base/clock.h"
#include "unit/media/dataplane.h"

#include <errno.h>

static void test_rings_lead_both_ways(void **state)
{
	const uint32_t count = 3;
	struct lane_runner *runners = lane_runners_new(count);

	(void)state;
	assert_non_null(runners);
	for (uint32_t from = 0; from < count; from++) {
		assert_int_equal(runners[from].lane.id, from);
		for (uint32_t to = 0; to < count; to++) {
			assert_ptr_equal(runners[from].to[to], runners[to].from[from]);
			assert_int_equal(runners[from].to[to] == NULL, from == to);
		}
	}
	lane_runners_free(runners, count);
	lane_runners_free(NULL, count);
}

// Each shard has one lane, and all of them agree which.
static void test_shards_are_shared_out(void **state)
{
	const uint32_t count = 3;
	struct lane_runner *runners = lane_runners_new(count);
	uint32_t of[3] = { 0 };

	(void)state;
	for (uint32_t shard = 0; shard < SHM_MEDIA_SHARDS; shard++) {
		uint32_t lane = runners[0].lane.shard_lane[shard];
		assert_true(lane < count);
		of[lane]++;
		for (uint32_t i = 1; i < count; i++)
			assert_int_equal(runners[i].lane.shard_lane[shard], lane);
	}
	for (uint32_t i = 0; i < count; i++)
		assert_in_range(of[i], SHM_MEDIA_SHARDS / count, SHM_MEDIA_SHARDS / count + 1);
	lane_runners_free(runners, count);
}

static void test_as_many_queues_as_fit(void **state)
{
	struct lane_runner *runners = lane_runners_new(1);
	struct lane_rx rx = { .id = 7 };

	(void)state;
	for (uint32_t i = 0; i < LANE_RX_MAX; i++)
		assert_int_equal(lane_runner_add_rx(runners, &rx), 0);
	assert_int_equal(lane_runner_add_rx(runners, &rx), -ENOSPC);
	assert_int_equal(runners->rx_count, LANE_RX_MAX);
	lane_runner_add_tx(runners, 3, &(struct lane_tx){ .id = 5, .queue = 2 }, true);
	assert_non_null(runners->lane.ports[3].send);
	assert_true(runners->lane.ports[3].is_checksum_trusted);
	assert_null(runners->lane.ports[2].send);
	lane_runners_free(runners, 1);
}

static void test_waiting_ends(void **state)
{
	struct lane_runner *runners = lane_runners_new(2);
	struct lane_attachment attachment = { 0 };
	uint64_t began_ns = clock_mono_ns();

	(void)state;
	lane_runners_attach(runners, 2, &attachment); // nobody runs: nobody is waited for
	assert_ptr_equal(atomic_load(&runners[1].attachment), &attachment);
	atomic_store(&runners[0].is_swept, true);
	assert_false(lane_runners_await_sweep(runners, 2, 50));
	assert_true(clock_mono_ns() - began_ns >= 50 * NS_PER_MS);
	atomic_store(&runners[1].is_swept, true);
	assert_true(lane_runners_await_sweep(runners, 2, 50));
	lane_runners_free(runners, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rings_lead_both_ways),
		cmocka_unit_test(test_shards_are_shared_out),
		cmocka_unit_test(test_as_many_queues_as_fit),
		cmocka_unit_test(test_waiting_ends),
	};
	return cmocka_run_group_tests(tests, plane_eal, plane_eal_end);
}

// Headers are ready before the first packet: by hint, by sweep.
#include "unit/media/rtp_frame.h"

static bool is_ready(uint16_t address, uint16_t port)
{
	uint32_t slot = bed.index[address * SHM_PORTS + port];
	return ready_header_is_fresh(&bed.lane, &bed.cfg[slot], &bed.headers[slot]) &&
		bed.headers[slot].egress_reason == DROP_NONE;
}

static void publish_call(uint16_t port)
{
	for (uint16_t address = 0; address < 2; address++) {
		for (uint16_t which = 0; which < 2; which++) {
			struct flow_cfg cfg = leg(address, (uint16_t)(port + which));
			cfg.kind = which ? FLOW_RTCP : FLOW_RTP;
			bed_flow(&cfg);
		}
	}
}

// In the order in which signaling publishes the four ports of a call.
static void test_hints_make_all_four_ready(void **state)
{
	(void)state;
	lane_routes_follow(&bed.lane);
	publish_call(PORT);
	for (uint16_t address = 0; address < 2; address++)
		for (uint16_t which = 0; which < 2; which++)
			lane_flow_changed(&bed.lane, address, PORT + which);
	for (uint16_t address = 0; address < 2; address++)
		for (uint16_t which = 0; which < 2; which++)
			assert_true(is_ready(address, PORT + which));
	uint64_t built = bed.lane.counters.headers_built;
	lane_flow_changed(&bed.lane, 0, PORT); // said twice: nothing to do
	lane_flow_changed(&bed.lane, 1, PORT + 1);
	assert_int_equal(bed.lane.counters.headers_built, built);
}

static void test_hints_for_nobody(void **state)
{
	(void)state;
	publish_call(PORT);
	lane_flow_changed(&bed.lane, 0, PORT + 2);
	lane_flow_changed(&bed.lane, BED_ADDRESSES, PORT);
	lane_flow_changed(&bed.lane, UINT16_MAX, PORT);
	bed.lane.shard_lane[shm_media_shard(PORT)] = 1;
	lane_flow_changed(&bed.lane, 0, PORT);
	assert_int_equal(bed.lane.counters.headers_built, 0);
	bed.lane.shard_lane[shm_media_shard(PORT)] = 0;
	atomic_store(&bed.index[PORT], BED_FLOWS + 5); // the index lies
	lane_flow_changed(&bed.lane, 0, PORT);
	assert_int_equal(bed.lane.counters.headers_built, 0);
}

static void test_sweep_finds_what_no_hint_told(void **state)
{
	(void)state;
	publish_call(PORT);
	assert_int_equal(lane_flows_limit(&bed.lane), BED_FLOWS);
	lane_flows_sweep(&bed.lane, 0, BED_FLOWS);
	assert_true(is_ready(0, PORT) && is_ready(1, PORT));
	uint64_t built = bed.lane.counters.headers_built;
	lane_flows_sweep(&bed.lane, 0, BED_FLOWS + 10); // the end is the table's
	assert_int_equal(bed.lane.counters.headers_built, built);
}

static void test_sweep_leaves_other_lanes_alone(void **state)
{
	(void)state;
	publish_call(PORT);
	memset(bed.lane.shard_lane, 1, sizeof(bed.lane.shard_lane));
	lane_flows_sweep(&bed.lane, 0, BED_FLOWS);
	assert_int_equal(bed.lane.counters.headers_built, 0);
}

static void test_sweep_notices_that_the_peer_went(void **state)
{
	(void)state;
	publish_call(PORT);
	lane_flows_sweep(&bed.lane, 0, BED_FLOWS);
	atomic_store(&bed.index[1 * SHM_PORTS + PORT], SHM_FLOW_NONE);
	lane_flows_sweep(&bed.lane, 0, BED_FLOWS);
	struct rtp_frame frame = frame_of_a(1);
	assert_int_equal(frame_run(&frame), DROP_NO_PEER);
}

// Epochs of lanes never meet, or a header that changes lanes would look fresh.
static void test_epochs_of_lanes_differ(void **state)
{
	static struct lane lanes[2];
	(void)state;
	for (uint32_t i = 0; i < 2; i++)
		lane_init(&lanes[i], i + 1, &bed.lane.view, bed.states);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_not_equal(lanes[0].header_epoch, lanes[1].header_epoch);
		assert_int_not_equal(lanes[0].header_epoch, 0);
		lane_headers_expire(&lanes[0]);
	}
	lanes[0].header_epoch = lanes[0].id << 24 | 0xffffff;
	lane_headers_expire(&lanes[0]);
	assert_int_equal(lanes[0].header_epoch, 1u << 24 | 1);
}

#define BED_TEST(name) cmocka_unit_test_setup(name, frame_bed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(test_hints_make_all_four_ready),
		BED_TEST(test_hints_for_nobody),
		BED_TEST(test_sweep_finds_what_no_hint_told),
		BED_TEST(test_sweep_leaves_other_lanes_alone),
		BED_TEST(test_sweep_notices_that_the_peer_went),
		BED_TEST(test_epochs_of_lanes_differ),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

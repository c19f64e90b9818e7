// A port's state over incarnations and generations, as readers in the other process see it.
#include "flow_sync.h"
#include "unit/media/rtp_frame.h"

static void test_copy_is_judged_whole(void **state)
{
	struct flow_cfg out, cfg = leg(0, PORT);
	(void)state;
	struct flow_cfg *record = bed_flow(&cfg);
	assert_true(flow_sync_copy(&bed.lane, 0, 0, PORT, &out));
	assert_memory_equal(&out, record, sizeof(out));
	assert_false(flow_sync_copy(&bed.lane, 0, 0, PORT + 1, &out));
	assert_false(flow_sync_copy(&bed.lane, 0, 1, PORT, &out));
	record->kind = FLOW_OPAQUE + 1;
	record->checksum = flow_checksum(record);
	assert_false(flow_sync_copy(&bed.lane, 0, 0, PORT, &out));
	record->kind = FLOW_RTP;
	assert_false(flow_sync_copy(&bed.lane, 0, 0, PORT, &out)); // checksum of something else
}

static void test_new_incarnation_starts_clean(void **state)
{
	struct flow_latch latch = { .phase = FLOW_LATCH_LOCKED, .port = 9 };
	struct flow_cfg cfg = leg(0, PORT);
	(void)state;
	struct flow_cfg *record = bed_flow(&cfg);
	struct flow_state *flow = flow_sync_state(&bed.lane, record);
	flow_sync_set_latch(flow, &latch);
	atomic_store(&flow->packets, 5);
	atomic_store(&flow->lost_before, 6);

	record->generation++; // an edit keeps what was learned
	assert_ptr_equal(flow_sync_state(&bed.lane, record), flow);
	assert_int_equal(flow_sync_latch(flow).phase, FLOW_LATCH_LOCKED);
	assert_int_equal(flow->packets, 5);
	assert_int_equal(flow->generation, record->generation);

	record->generation++; // another far end does not
	record->remote_port++;
	flow_sync_state(&bed.lane, record);
	assert_int_equal(flow_sync_latch(flow).phase, FLOW_LATCH_NONE);
	assert_int_equal(flow->packets, 5);

	record->incarnation++; // another call
	flow_sync_state(&bed.lane, record);
	assert_int_equal(flow->packets, 0);
	assert_int_equal(flow->lost_before, 0);
	assert_int_equal(flow->incarnation, record->incarnation);
}

static void test_latch_is_read_whole(void **state)
{
	struct flow_state *flow = &bed.states[1];
	(void)state;
	for (uint16_t port = 1; port < 10; port++) {
		struct flow_latch latch = { .phase = FLOW_LATCH_LOCKED, .port = port }, seen;
		flow_sync_set_latch(flow, &latch);
		assert_int_equal(flow_sync_latch(flow).port, port);
		assert_true(flow_latch_read(flow, &seen)); // the other process's way
		assert_int_equal(seen.port, port);
	}
}

static void test_neighbour(void **state)
{
	struct flow_cfg rtp = leg(0, PORT), rtcp = leg(0, PORT + 1);
	(void)state;
	struct flow_cfg *record = bed_flow(&rtp);
	bed_flow(&rtcp);
	struct flow_state *flow = flow_sync_state(&bed.lane, record);
	assert_ptr_equal(flow_sync_neighbour(&bed.lane, 0, PORT, BED_CALL), flow);
	assert_null(flow_sync_neighbour(&bed.lane, 0, PORT, BED_CALL + 1));
	assert_null(flow_sync_neighbour(&bed.lane, 0, PORT + 1, BED_CALL)); // no packet yet
	assert_null(flow_sync_neighbour(&bed.lane, 0, PORT + 2, BED_CALL));
	record->state_index = BED_FLOWS; // the other process may write what it likes
	assert_null(flow_sync_neighbour(&bed.lane, 0, PORT, BED_CALL));
}

#define BED_TEST(name) cmocka_unit_test_setup(name, frame_bed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(test_copy_is_judged_whole),
		BED_TEST(test_new_incarnation_starts_clean),
		BED_TEST(test_latch_is_read_whole),
		BED_TEST(test_neighbour),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

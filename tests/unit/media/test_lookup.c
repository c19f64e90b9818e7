// From port to record: whatever stands in the index, and the packet after a change.
#include "unit/media/rtp_frame.h"

static void test_index_of_any_value(void **state)
{
	static const struct {
		uint32_t word;
		uint8_t reason;
	} cases[] = {
		{ SHM_FLOW_NONE, DROP_UNKNOWN_PORT },
		{ BED_FLOWS, DROP_BAD_FLOW },
		{ SHM_FLOW_NONE - 1, DROP_BAD_FLOW },
		{ 5, DROP_BAD_FLOW }, // a slot without a record
		{ 1, DROP_BAD_FLOW }, // the record of the other leg
		{ 0, DROP_NONE },
	};
	(void)state;
	call_up();
	for (uint16_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rtp_frame frame = frame_of_a(i);
		atomic_store(&bed.index[PORT], cases[i].word);
		assert_int_equal(frame_run(&frame), cases[i].reason);
	}
}

static void test_headers_fewer_than_flows(void **state)
{
	struct rtp_frame frame = frame_of_a(1);
	(void)state;
	call_up();
	bed.lane.headers_max = 0; // a larger file than memory was taken for
	assert_int_equal(frame_run(&frame), DROP_BAD_FLOW);
}

static void test_next_packet_sees_the_change(void **state)
{
	struct rtp_frame frame = frame_of_a(1);
	struct flow_cfg held = leg(0, PORT);
	(void)state;
	call_up();
	assert_int_equal(frame_run(&frame), DROP_NONE);
	assert_int_equal(sent_to_port(), RTP_B);
	held.flags = FLOW_DROP;
	bed_flow(&held);
	frame = frame_of_a(2);
	assert_int_equal(frame_run(&frame), DROP_HELD);
	assert_int_equal(bed_state(0, PORT)->packets, 2); // received and counted all the same
	atomic_store(&bed.index[PORT], SHM_FLOW_NONE);
	frame = frame_of_a(3);
	assert_int_equal(frame_run(&frame), DROP_UNKNOWN_PORT);
}

#define BED_TEST(name) cmocka_unit_test_setup(name, frame_bed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(test_index_of_any_value),
		BED_TEST(test_headers_fewer_than_flows),
		BED_TEST(test_next_packet_sees_the_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Rates: the stream that was first is served first, whoever else uses its source.
#include "base/metric.h"
#include "unit/media/rtp_frame.h"

#define SECOND (1000 * MS)

static uint64_t now_ns;

static int set_up(void **state)
{
	struct flow_cfg a = leg(0, PORT), b = leg(1, PORT);

	frame_bed(state);
	now_ns = START;
	a.rate_pps_max = 100;
	bed_flow(&a);
	bed_flow(&b);
	return 0;
}

static enum drop_reason say(uint32_t ssrc, uint16_t sequence)
{
	struct rtp_frame frame = frame_of_a(sequence);

	frame.ssrc = ssrc;
	frame.at_ns = now_ns;
	return frame_run(&frame);
}

static uint32_t flood(uint32_t ssrc, uint16_t sequence, uint16_t step)
{
	uint32_t passed = 0;

	for (uint32_t i = 0; i < 200; i++, sequence += step)
		passed += say(ssrc, sequence) == DROP_NONE;
	return passed;
}

// 50 packets a second of a phone, and 10,000 in its name between them, for ten seconds.
static void test_victim_is_not_starved(void **state)
{
	uint32_t forged = 0;
	(void)state;

	for (uint16_t i = 0; i < 500; i++, now_ns += 20 * MS) {
		assert_int_equal(say(7, i), DROP_NONE);
		forged += i > 2 ? flood(i % 2 ? 7 : 0xbad, (uint16_t)(i + 30000), 1) : 0;
	}
	assert_true(forged <= 500 + 12); // what the phone left of 100 a second
	assert_true(metric_read(&bed_state(0, PORT)->dropped_rate) > 90000);
}

// It may change its SSRC: its successor takes its place when it is gone, a forger with a new SSRC
// in each packet does not.
static void test_successor(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 10; i++, now_ns += 20 * MS)
		say(7, i);
	now_ns += 6 * SECOND;
	for (uint32_t i = 0; i < 100; i++)
		say(1000 + i, (uint16_t)i);
	assert_int_equal(say(8, 50), DROP_RATE); // the flood has its half
	assert_int_equal(say(8, 51), DROP_NONE); // and it is known again
	assert_int_equal(flood(9, 1, 1), 0);
	assert_int_equal(say(8, 52), DROP_NONE);
}

// While the first one is there nobody takes its place, however well he counts.
static void test_no_second_owner(void **state)
{
	(void)state;
	say(7, 1);
	say(7, 2);
	assert_true(flood(9, 1, 1) < 13);
	now_ns += 4 * SECOND;
	assert_true(flood(9, 1000, 1) < 13);
	for (uint16_t i = 3; i < 15; i++)
		assert_int_equal(say(7, i), DROP_NONE);
}

// Late, doubled and after a long loss it is still the same stream; a far jump is not.
static void test_same_stream(void **state)
{
	static const uint16_t own[] = { 1005, 1000, 960, 1005, 3900, 3850 };
	(void)state;

	say(7, 1000);
	say(7, 1001);
	flood(9, 1, 1);
	for (uint32_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		assert_int_equal(say(7, own[i]), DROP_NONE);
	assert_int_equal(say(7, 40000), DROP_RATE);
}

// Another far end has been signaled: who was first there has no say any more.
static void test_new_remote(void **state)
{
	struct flow_cfg a = leg(0, PORT);
	(void)state;

	say(7, 1);
	say(7, 2);
	a.rate_pps_max = 100;
	a.remote_port = RTP_A + 8;
	bed_flow(&a);
	struct rtp_frame frame = frame_of_a(500);
	frame.from_port = RTP_A + 8;
	frame.ssrc = 70;
	frame.at_ns = now_ns;
	assert_int_equal(frame_run(&frame), DROP_NONE);
	assert_int_equal(bed_state(0, PORT)->police.owner_s, 0);
	frame.sequence++;
	assert_int_equal(frame_run(&frame), DROP_NONE);
	assert_int_equal(bed_state(0, PORT)->police.owner_ssrc, 70);
}

#define BED_TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(test_victim_is_not_starved),
		BED_TEST(test_successor),
		BED_TEST(test_no_second_owner),
		BED_TEST(test_same_stream),
		BED_TEST(test_new_remote),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

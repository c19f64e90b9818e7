// Streams that go on over a change of their source: no number is missing, none comes twice.
#include "proto/rtp.h"
#include "stream.h"
#include "unit/media/rtp_frame.h"
#include "unit/unit.h"

struct heard {
	uint32_t ssrc, timestamp;
	uint16_t sequence;
};

static uint64_t now_ns;

// The far end of A is where its number says, and B hears a stream of ours.
static void source_is(uint32_t number)
{
	struct flow_cfg a = leg(0, PORT), b = leg(1, PORT);

	a.remote_ip = ip_from_v4(FAR_A + number);
	b.flags = FLOW_ANCHOR;
	bed_flow(&a);
	bed_flow(&b);
	lane_flow_changed(&bed.lane, 0, PORT);
	lane_flow_changed(&bed.lane, 1, PORT);
}

static struct heard last_heard(void)
{
	const uint8_t *rtp = rte_pktmbuf_mtod(bed.ports[1].sent[0], const uint8_t *) + 42;

	assert_int_equal(bed.ports[1].count, 1);
	return (struct heard){ rtp_ssrc(rtp), rtp_timestamp(rtp), rtp_seq(rtp) };
}

static enum drop_reason say(uint32_t number, uint32_t ssrc, uint16_t sequence, uint32_t timestamp)
{
	struct rtp_frame frame = frame_of_a(sequence);

	frame.from = FAR_A + number;
	frame.ssrc = ssrc;
	frame.timestamp = timestamp;
	frame.at_ns = now_ns;
	return frame_run(&frame);
}

static int set_up(void **state)
{
	now_ns = START;
	return frame_bed(state);
}

// Five far ends of 70,000 packets each: all sequences wrap, the sum wraps five times.
static void test_wraps_and_sources(void **state)
{
	struct heard last = { 0 };
	(void)state;

	for (uint32_t source = 0; source < 5; source++) {
		uint16_t sequence = (uint16_t)(source * 12345 + 7);
		uint32_t timestamp = 0u - source * 77777777u;

		source_is(source);
		for (uint32_t i = 0; i < 70000; i++, now_ns += 20 * MS, timestamp += PAYLOAD) {
			assert_int_equal(say(source, 100 + source, sequence++, timestamp),
				DROP_NONE);
			struct heard heard = last_heard();

			assert_int_equal(heard.ssrc, 100);
			if (source + i > 0) {
				assert_int_equal((uint16_t)(heard.sequence - last.sequence), 1);
				assert_int_equal(heard.timestamp - last.timestamp, PAYLOAD);
			}
			last = heard;
		}
	}
}

// A new SSRC from the same far end is a successor, too; what was missing of it stays missing.
static void test_same_far_end_changes_ssrc(void **state)
{
	(void)state;
	source_is(0);
	say(0, 5, 100, 0);
	uint16_t base = last_heard().sequence;
	now_ns += 40 * MS;
	assert_int_equal(say(0, 6, 9000, 777), DROP_NONE);
	assert_int_equal(last_heard().sequence, (uint16_t)(base + 1));
	assert_int_equal(last_heard().timestamp, 320);
	assert_int_equal(last_heard().ssrc, 5);
	assert_int_equal(say(0, 6, 9010, 777 + 10 * PAYLOAD), DROP_NONE);
	assert_int_equal(last_heard().sequence, (uint16_t)(base + 11));
	assert_int_equal(last_heard().timestamp, 320 + 10 * PAYLOAD);
}

// Opus has a dynamic payload type: its clock is known from what it did.
static void test_clock_is_watched(void **state)
{
	struct rtp_frame frame = frame_of_a(1);
	(void)state;

	source_is(0);
	frame.payload_type = 111;
	for (uint32_t i = 0; i < 50; i++, frame.sequence++) {
		frame.timestamp = i * 960;
		frame.at_ns = now_ns += 20 * MS;
		assert_int_equal(frame_run(&frame), DROP_NONE);
	}
	uint32_t before = last_heard().timestamp;
	frame.ssrc = 99;
	frame.timestamp = 5;
	frame.at_ns = now_ns += 100 * MS;
	assert_int_equal(frame_run(&frame), DROP_NONE);
	assert_int_equal(last_heard().timestamp - before, 4800);
}

// All of the stream's state lies in media's file: a new process goes on with it.
static void test_goes_on_after_a_restart(void **state)
{
	(void)state;
	source_is(0);
	say(0, 5, 100, 0);
	source_is(1);
	now_ns += 20 * MS;
	say(1, 6, 7000, 50);
	memset(bed.headers, 0, sizeof(bed.headers));
	now_ns += 20 * MS;
	assert_int_equal(say(1, 6, 7001, 210), DROP_NONE);
	assert_int_equal(last_heard().ssrc, 5);
	assert_int_equal(last_heard().sequence, 102);
	assert_int_equal(last_heard().timestamp, 320);
}

// The flag is taken away: the source that was there keeps its numbers, others have their own.
static void test_without_the_flag(void **state)
{
	struct flow_cfg b = leg(1, PORT);
	(void)state;

	source_is(0);
	say(0, 5, 100, 0);
	source_is(1);
	say(1, 6, 7000, 50);
	bed_flow(&b);
	lane_flow_changed(&bed.lane, 1, PORT);
	assert_int_equal(say(1, 6, 7001, 210), DROP_NONE);
	assert_int_equal(last_heard().ssrc, 5);
	assert_int_equal(last_heard().sequence, 102);
	assert_int_equal(say(1, 8, 7, 70), DROP_NONE);
	assert_int_equal(last_heard().ssrc, 8);
	assert_int_equal(last_heard().sequence, 7);
}

// A new call on the ports knows nothing of the one before.
static void test_new_call_begins_anew(void **state)
{
	struct flow_cfg a = leg(0, PORT), b = leg(1, PORT);
	(void)state;

	source_is(0);
	say(0, 5, 100, 0);
	a.incarnation = b.incarnation = a.peer_incarnation = b.peer_incarnation = BED_CALL + 1;
	b.flags = FLOW_ANCHOR;
	bed_flow(&a);
	bed_flow(&b);
	assert_int_equal(say(0, 9, 3000, 1), DROP_NONE);
	assert_int_equal(last_heard().ssrc, 9);
	assert_int_equal(last_heard().sequence, 3000);
	assert_int_equal(last_heard().timestamp, 1);
}

#define BED_TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(test_wraps_and_sources),
		BED_TEST(test_same_far_end_changes_ssrc),
		BED_TEST(test_clock_is_watched),
		BED_TEST(test_goes_on_after_a_restart),
		BED_TEST(test_without_the_flag),
		BED_TEST(test_new_call_begins_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

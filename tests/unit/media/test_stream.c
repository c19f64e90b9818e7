// Loss and jitter against the formulas of RFC 3550, computed here in floating point.
#include "stream.h"
#include "unit/media/rtp_frame.h"

static uint32_t lost(const struct flow_state *flow)
{
	return stream_get(&flow->lost_before) + stream_get(&flow->sequence_max) -
		stream_get(&flow->sequence_base) + 1 - stream_get(&flow->stream_packets);
}

// A.8: D(i-1,i) = (Rj - Ri) - (Sj - Si); J += (|D| - J) / 16.
static void test_jitter_follows_rfc3550(void **state)
{
	uint64_t random = 88172645463325252ull;
	double jitter = 0, transit_last = 0;
	(void)state;
	call_up();
	for (uint16_t i = 1; i <= 2000; i++) {
		struct rtp_frame frame = frame_of_a(i);
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		frame.at_ns += random % (15 * MS);
		assert_int_equal(frame_run(&frame), DROP_NONE);
		// In units of the RTP clock, as whole as the lane measures it.
		double transit = (double)(frame.at_ns / 125000) - frame.timestamp;
		if (i > 1) {
			double d = transit > transit_last ? transit - transit_last :
							    transit_last - transit;
			jitter += (d - jitter) / 16;
		}
		transit_last = transit;
		if (i < 32)
			continue;
		double measured = stream_get(&bed_state(0, PORT)->jitter_x16) / 16.0;
		assert_true(measured > jitter - 1.5 && measured < jitter + 1.5);
	}
	assert_true(jitter > 20 && jitter < 80); // the input was no still life
}

static void test_loss(void **state)
{
	static const struct {
		uint16_t sequences[8];
		uint32_t lost;
	} cases[] = {
		{ { 1, 2, 3, 4, 5, 6, 7, 8 }, 0 },
		{ { 1, 2, 4, 5, 8, 9, 10, 11 }, 3 },
		{ { 1, 3, 2, 4, 5, 6, 7, 8 }, 0 },		   // reordered
		{ { 65533, 65534, 65535, 0, 1, 2, 4, 5 }, 1 },	   // wraps
		// one stray: counted, not believed
		{ { 1, 2, 3, 60000, 4, 5, 6, 7 }, UINT32_MAX },
		{ { 1, 2, 40000, 40001, 40002, 40004, 40005, 40006 }, 1 }, // a restart is
	};
	(void)state;
	for (uint32_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		frame_bed(NULL);
		call_up();
		for (uint16_t i = 0; i < 8; i++) {
			struct rtp_frame frame = frame_of_a(cases[c].sequences[i]);
			frame.at_ns = START + i * 20 * MS;
			assert_int_equal(frame_run(&frame), DROP_NONE);
		}
		struct flow_state *flow = bed_state(0, PORT);
		assert_int_equal(stream_get(&flow->stream_packets) != 0, true);
		assert_int_equal(metric_read(&flow->packets), 8);
		if (cases[c].lost == UINT32_MAX)
			assert_int_equal(stream_get(&flow->sequence_max), 7);
		else
			assert_int_equal(lost(flow), cases[c].lost);
	}
}

static void test_losses_of_earlier_sources_stay(void **state)
{
	struct rtp_frame frame;
	(void)state;
	call_up();
	for (uint16_t i = 1; i <= 9; i += 2) { // 4 lost
		frame = frame_of_a(i);
		frame_run(&frame);
	}
	frame = frame_of_a(500);
	frame.ssrc = 1234;
	assert_int_equal(frame_run(&frame), DROP_NONE);
	struct flow_state *flow = bed_state(0, PORT);
	assert_int_equal(stream_get(&flow->lost_before), 4);
	assert_int_equal(stream_get(&flow->ssrc), 1234);
	assert_int_equal(lost(flow), 4);
}

static void test_clock_rates(void **state)
{
	static const struct {
		uint8_t payload_type;
		uint32_t rate;
	} cases[] = { { 0, 8000 }, { 8, 8000 }, { 9, 8000 }, { 6, 16000 }, { 10, 44100 },
		{ 14, 90000 }, { 16, 11025 }, { 17, 22050 }, { 34, 90000 }, { 96, 8000 },
		{ 127, 8000 }, { 128 + 10, 44100 } };
	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(stream_clock_rate(cases[i].payload_type), cases[i].rate);
}

// The clock stands still during an event (RFC 4733): no jitter comes of it.
static void test_events_make_no_jitter(void **state)
{
	struct rtp_frame frame = frame_of_a(1);
	(void)state;
	call_up();
	frame_run(&frame);
	for (uint16_t i = 2; i < 30; i++) {
		frame = frame_of_a(i);
		frame.payload_type = 101;
		frame.timestamp = 2 * PAYLOAD;
		frame_put(0, &frame, 16);
		struct burst *burst = bed_burst(0, 1, frame.at_ns);
		forward_burst(&bed.lane, burst);
		burst_finish(&bed.lane, burst);
	}
	assert_int_equal(metric_read(&bed_state(0, PORT)->packets), 29);
	assert_int_equal(stream_get(&bed_state(0, PORT)->jitter_x16), 0);
}

#define BED_TEST(name) cmocka_unit_test_setup(name, frame_bed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(test_jitter_follows_rfc3550),
		cmocka_unit_test(test_loss),
		BED_TEST(test_losses_of_earlier_sources_stay),
		cmocka_unit_test(test_clock_rates),
		BED_TEST(test_events_make_no_jitter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

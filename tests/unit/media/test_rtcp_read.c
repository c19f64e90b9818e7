// test_rtcp_read.c - round trips from RTCP that passes: by the RFC's own example, with hostile and
// foreign blocks; VoIP metrics of RFC 3611.
#include "tap_bed.h"

#include "proto/rtcp.h"
#include "stream.h"

static void mux(struct flow_cfg *cfg)
{
	cfg->flags = FLOW_RTCP_MUX;
}

// Both legs with rtcp-mux, their sources locked.
static int setup(void **state)
{
	struct flow_cfg a = leg(0, PORT), b = leg(1, PORT);

	tap_bed(state);
	mux(&a);
	mux(&b);
	bed_flow(&a);
	bed_flow(&b);
	struct rtp_frame frame = frame_of_a(1);
	assert_int_equal(frame_run(&frame), DROP_NONE);
	return 0;
}

// A datagram with that RTCP from leg A's far end, or from B's.
static void receive(uint32_t side, const uint8_t *rtcp, uint32_t len, uint64_t at_ns)
{
	struct rtp_frame frame = frame_of_a(2);

	frame.from = side ? FAR_B : FAR_A;
	frame.from_port = side ? RTP_B : RTP_A;
	frame_put(0, &frame, len);
	uint8_t *bytes = rte_pktmbuf_mtod(&bed.mbufs[0].mbuf, uint8_t *);
	if (side) {
		bytes[33] = (uint8_t)OWN_B;
		bytes[24] = bytes[25] = 0;
		uint16_t sum = (uint16_t)~sum_fold(sum_header(bytes + 14, 20));
		memcpy(bytes + 24, &sum, sizeof(sum));
	}
	memcpy(bytes + 42, rtcp, len);
	struct burst *burst = bed_burst((uint16_t)side, 1, at_ns);
	forward_burst(&bed.lane, burst);
	assert_int_equal(burst->packets[0].reason, DROP_NONE);
	burst_finish(&bed.lane, burst);
}

static void send_report(uint32_t side, uint64_t ntp, uint64_t at_ns)
{
	struct rtcp_sender sender = { .ntp = ntp };
	struct rtcp_build build = { .ssrc = side, .sender = &sender };
	uint8_t bytes[128];
	int len = rtcp_build_report(&build, bytes, sizeof(bytes));

	assert_true(len > 0);
	receive(side, bytes, (uint32_t)len, at_ns);
}

static void receive_report(uint32_t side, const struct rtcp_report *block, uint64_t at_ns)
{
	struct rtcp_build build = { .ssrc = side, .reports = block, .report_count = 1 };
	uint8_t bytes[128];
	int len = rtcp_build_report(&build, bytes, sizeof(bytes));

	assert_true(len > 0);
	receive(side, bytes, (uint32_t)len, at_ns);
}

// RFC 3550 figure 2: sent at 0xb705:2000, answered 5.25 s later; here 6.125 s pass in all.
static void test_round_trip(void **state)
{
	struct rtcp_report block = { .last_sr = 0xb7052000, .delay_since_sr = 0x54000,
		.fraction_lost = 12, .jitter = 77 };
	(void)state;
	send_report(1, 0xb44db705ull << 32 | 0x20000000, START);
	receive_report(0, &block, START + 6125 * MS);
	const struct flow_report *a = tap_report(0);
	assert_int_equal(stream_get(&a->round_trip_us), 875000);
	assert_int_equal(stream_get(&a->round_trip_max_us), 875000);
	assert_int_equal(stream_get(&a->reports), 1);
	assert_int_equal(stream_get(&a->fraction_lost_max), 12);
	assert_int_equal(stream_get(&a->jitter_max), 77);
	assert_int_equal(stream_get(&tap_report(1)->round_trip_us), 0); // of the other side
	// A better one later: the last is told, and the worst.
	send_report(1, 0xb44db707ull << 32, START + 7000 * MS);
	block = (struct rtcp_report){ .last_sr = 0xb7070000, .fraction_lost = 3 };
	receive_report(0, &block, START + 7020 * MS);
	assert_int_equal(stream_get(&a->round_trip_us), 20000);
	assert_int_equal(stream_get(&a->round_trip_max_us), 875000);
	assert_int_equal(stream_get(&a->fraction_lost_max), 12);
}

static void test_nothing_to_measure(void **state)
{
	static const struct {
		uint32_t last_sr, delay;
		uint64_t after_ms;
	} cases[] = {
		{ 0, 0, 10 },			// heard none yet
		{ 0xb7051999, 0, 10 },		// of somebody else
		{ 0xb7052000, 0x10000, 500 },	// says it held it longer than that
		{ 0xb7052000, 0, 40000 },	// longer than a round trip can be
		{ 0xb7052000, UINT32_MAX, 10 }, // a delay of 18 hours
	};
	(void)state;
	send_report(1, 0xb44db705ull << 32 | 0x20000000, START);
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rtcp_report block = { .last_sr = cases[i].last_sr,
			.delay_since_sr = cases[i].delay };
		receive_report(0, &block, START + cases[i].after_ms * MS);
		if (stream_get(&tap_report(0)->round_trip_us) != 0)
			fail_msg("case %u measured", i);
	}
	assert_int_equal(stream_get(&tap_report(0)->reports), 5);
}

// Four are remembered: enough for a far end that answers an older one.
static void test_older_reports(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < FLOW_SR_LOG + 1; i++)
		send_report(1, (uint64_t)(100 + i) << 32, START + i * 1000 * MS);
	struct rtcp_report block = { .last_sr = 100u << 16 };
	receive_report(0, &block, START + 5000 * MS);
	assert_int_equal(stream_get(&tap_report(0)->round_trip_us), 0); // forgotten
	block.last_sr = 101u << 16;
	receive_report(0, &block, START + 5000 * MS);
	assert_int_equal(stream_get(&tap_report(0)->round_trip_us), 4000000);
}

static void test_voip_metrics(void **state)
{
	uint8_t xr[8 + 36] = { 0x80, RTCP_XR, 0, 10, 0, 0, 0, 7, 7, 0, 0, 8, [32] = 92, [34] = 41,
		[35] = 39 };
	(void)state;
	receive(0, xr, sizeof(xr), START);
	assert_int_equal(stream_get(&tap_report(0)->voip), 1u << 24 | 39u << 16 | 41u << 8 | 92);
	// A block that says it is longer than the packet.
	xr[11] = 9;
	xr[32] = 1;
	receive(0, xr, sizeof(xr), START);
	assert_int_equal(stream_get(&tap_report(0)->voip) & 0xff, 92);
}

// Without tables for it, as in a process without recorder, RTCP passes as ever.
static void test_no_tap(void **state)
{
	struct rtcp_report block = { .last_sr = 1, .jitter = 5 };
	(void)state;
	bed.lane.tap = NULL;
	receive_report(0, &block, START);
	assert_int_equal(stream_get(&bed_state(0, PORT)->remote_jitter), 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, tap_bed_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_nothing_to_measure),
		TEST(test_older_reports),
		TEST(test_voip_metrics),
		TEST(test_no_tap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

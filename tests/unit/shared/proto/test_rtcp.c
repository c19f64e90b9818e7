// test_rtcp.c - reports there and back, compounds, malformed and random input.
#include "base/rng.h"
#include "proto/rtcp.h"
#include "unit/unit.h"

#include <errno.h>
#include <stdlib.h>

static const struct rtcp_sender sender = { .ntp = 0x0123456789abcdefull, .timestamp = 16000,
	.packets = 100, .bytes = 16000 };
static const struct rtcp_report reports[2] = {
	{ .ssrc = 1, .fraction_lost = 25, .lost = 300, .seq_highest = 0x10005, .jitter = 12,
	  .last_sr = 0x456789ab, .delay_since_sr = 65536 },
	{ .ssrc = 2, .lost = -5 },
};

static void assert_same_report(const struct rtcp_report *a, const struct rtcp_report *b)
{
	assert_int_equal(a->ssrc, b->ssrc);
	assert_int_equal(a->fraction_lost, b->fraction_lost);
	assert_int_equal(a->lost, b->lost);
	assert_int_equal(a->seq_highest, b->seq_highest);
	assert_int_equal(a->jitter, b->jitter);
	assert_int_equal(a->last_sr, b->last_sr);
	assert_int_equal(a->delay_since_sr, b->delay_since_sr);
}

static void test_sender_report(void **state)
{
	struct rtcp_build build = { .ssrc = 0xcafe, .sender = &sender, .reports = reports,
		.report_count = 2 };
	uint8_t buf[100];
	struct rtcp_packet packet;
	struct rtcp_sender found;
	struct rtcp_report report;
	uint32_t ssrc;
	(void)state;
	assert_int_equal(rtcp_build_report(&build, buf, 75), -ENOSPC);
	assert_int_equal(rtcp_build_report(&build, buf, sizeof buf), 76);
	assert_true(rtcp_is_valid(buf, 76));
	struct rtcp_walk walk = rtcp_walk_start(buf, 76);
	assert_int_equal(rtcp_next(&walk, &packet), 1);
	assert_int_equal(packet.type, RTCP_SR);
	assert_int_equal(packet.count, 2);
	assert_true(rtcp_packet_ssrc(&packet, &ssrc));
	assert_int_equal(ssrc, 0xcafe);
	assert_true(rtcp_packet_sender(&packet, &found));
	assert_true(found.ntp == sender.ntp && found.timestamp == sender.timestamp);
	assert_true(found.packets == sender.packets && found.bytes == sender.bytes);
	for (uint32_t i = 0; i < 2; i++) {
		assert_true(rtcp_packet_report(&packet, i, &report));
		assert_same_report(&report, &reports[i]);
	}
	assert_false(rtcp_packet_report(&packet, 2, &report));
	assert_int_equal(rtcp_next(&walk, &packet), 0);
}

static void test_receiver_report(void **state)
{
	struct rtcp_build build = { .ssrc = 7, .reports = reports, .report_count = 1 };
	uint8_t buf[32];
	struct rtcp_packet packet;
	struct rtcp_sender found;
	struct rtcp_report report;
	(void)state;
	assert_int_equal(rtcp_build_report(&build, buf, sizeof buf), 32);
	struct rtcp_walk walk = rtcp_walk_start(buf, 32);
	assert_int_equal(rtcp_next(&walk, &packet), 1);
	assert_int_equal(packet.type, RTCP_RR);
	assert_false(rtcp_packet_sender(&packet, &found));
	assert_true(rtcp_packet_report(&packet, 0, &report));
	assert_same_report(&report, &reports[0]);
	build.report_count = RTCP_REPORTS_MAX + 1;
	assert_int_equal(rtcp_build_report(&build, buf, UINT32_MAX), -ENOSPC);
}

// RR, SDES with one chunk, BYE: what every phone sends.
static const uint8_t compound[] = {
	0x80, 201, 0, 1, 0, 0, 0, 7,
	0x81, 202, 0, 3, 0, 0, 0, 7, 1, 4, 'a', '@', 'b', 'c', 0, 0,
	0x81, 203, 0, 1, 0, 0, 0, 7,
};

static void test_compound(void **state)
{
	static const uint8_t types[] = { RTCP_RR, RTCP_SDES, RTCP_BYE };
	struct rtcp_walk walk = rtcp_walk_start(compound, sizeof compound);
	struct rtcp_packet packet;
	uint32_t ssrc;
	(void)state;
	assert_true(rtcp_is_valid(compound, sizeof compound));
	for (size_t i = 0; i < COUNT_OF(types); i++) {
		assert_int_equal(rtcp_next(&walk, &packet), 1);
		assert_int_equal(packet.type, types[i]);
		assert_true(rtcp_packet_ssrc(&packet, &ssrc));
		assert_int_equal(ssrc, 7);
	}
	assert_int_equal(rtcp_next(&walk, &packet), 0);
	for (uint32_t len = 0; len < sizeof compound; len++) {
		bool is_whole = len == 8 || len == 24;
		assert_int_equal(rtcp_is_valid(compound, len), is_whole);
	}
}

static void test_malformed(void **state)
{
	static const struct {
		uint8_t bytes[12];
		uint32_t len;
	} cases[] = {
		{ { 0x40, 201, 0, 1, 0, 0, 0, 7 }, 8 },             // version 1
		{ { 0x80, 191, 0, 1, 0, 0, 0, 7 }, 8 },             // no RTCP type
		{ { 0x80, 201, 0, 2, 0, 0, 0, 7 }, 8 },             // longer than it is
		{ { 0x81, 201, 0, 1, 0, 0, 0, 7 }, 8 },             // a report that is not there
		{ { 0x80, 200, 0, 1, 0, 0, 0, 7 }, 8 },             // SR without sender info
		{ { 0x80, 201, 0, 0 }, 4 },                         // no SSRC
		{ { 0xa0, 201, 0, 1, 0, 0, 0, 0 }, 8 },             // padding of nothing
		{ { 0xa0, 201, 0, 1, 0, 0, 0, 12 }, 8 },            // padding beyond the body
		{ { 0xa0, 201, 0, 1, 0, 0, 0, 4, 0x80, 203, 0, 0 }, 12 }, // padded, not the last
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_false(rtcp_is_valid(cases[i].bytes, cases[i].len));
}

static void test_padding(void **state)
{
	static const uint8_t padded[] = { 0xa0, 201, 0, 2, 0, 0, 0, 7, 0, 0, 0, 4 };
	struct rtcp_walk walk = rtcp_walk_start(padded, sizeof padded);
	struct rtcp_packet packet;
	(void)state;
	assert_true(rtcp_is_valid(padded, sizeof padded));
	assert_int_equal(rtcp_next(&walk, &packet), 1);
	assert_int_equal(packet.body_bytes, 4);
}

// Whatever comes: no read beyond the buffer (ASan watches), every walk ends.
static void test_random_input(void **state)
{
	struct rng rng;
	(void)state;
	rng_init(&rng, 5);
	for (int i = 0; i < 20000; i++) {
		uint32_t len = rng_below(&rng, 64);
		uint8_t *buf = malloc(len ? len : 1); // exact, so that ASan sees one byte over
		for (uint32_t at = 0; at < len; at++)
			buf[at] = (uint8_t)rng_u64(&rng);
		if (len > 3) {
			buf[0] = (uint8_t)(0x80 | (buf[0] & 0x23));
			buf[1] = (uint8_t)(200 + buf[1] % 8);
			buf[2] = 0;
			buf[3] %= 16;
		}
		struct rtcp_walk walk = rtcp_walk_start(buf, len);
		struct rtcp_packet packet;
		struct rtcp_report report;
		uint32_t steps = 0;
		while (rtcp_next(&walk, &packet) > 0) {
			assert_true(packet.body_bytes <= len);
			rtcp_packet_report(&packet, packet.count ? packet.count - 1u : 0, &report);
			assert_true(++steps <= 16);
		}
		free(buf);
	}
}

// The example of RFC 3550 figure 2.
static void test_round_trip(void **state)
{
	struct rtcp_report report = { .last_sr = 0xb7052000, .delay_since_sr = 0x00054000 };
	(void)state;
	assert_int_equal(rtcp_round_trip(&report, 0xb7108000), 0x00062000); // 6.125 s
	assert_int_equal(rtcp_round_trip(&report, 0xb7052000), 0); // earlier than it can be
	assert_int_equal(rtcp_round_trip(&report, 0xb7050000), 0); // before the SR was sent
	report.last_sr = 0xffff0000;                               // the clock wraps between
	assert_int_equal(rtcp_round_trip(&report, 0x00060000), 0x0001c000);
	report.last_sr = 0;
	assert_int_equal(rtcp_round_trip(&report, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sender_report),
		cmocka_unit_test(test_receiver_report),
		cmocka_unit_test(test_compound),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_random_input),
		cmocka_unit_test(test_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

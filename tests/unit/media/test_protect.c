// test_protect.c - no index is used twice, what gets longer must fit, counters count what left.
#include "base/metric.h"
#include "unit/unit.h"
#include "unit/media/srtp_bed.h"

#define SUITE SRTP_AEAD_AES_128_GCM

static void start(void)
{
	srtp_bed_start(CONFIG_CRYPTO_AESNI_MB);
	srtp_bed_key(0, SUITE, 1, 0);
	srtp_bed_key(1, SUITE, 2, 0);
	srtp_bed_call((struct srtp_bed_keys){ 0 }, (struct srtp_bed_keys){ 1, 2 });
}

static struct flow_crypto *tx(void)
{
	return &srtp_bed.states[1];
}

static enum drop_reason send_rtp(uint32_t ssrc, uint16_t sequence)
{
	uint8_t plain[256];

	return srtp_bed_one(0, plain, srtp_bed_rtp(plain, ssrc, sequence, 160));
}

static enum drop_reason send_rtcp(void)
{
	static const uint8_t rr[8] = { 0x80, 201, 0, 1, 0, 0, 0, 77 };

	return srtp_bed_one(0, rr, sizeof(rr));
}

static void test_no_index_twice(void **state)
{
	(void)state;
	start();
	assert_int_equal(send_rtp(7, 1000), DROP_NONE);
	assert_int_equal(send_rtp(7, 1000), DROP_SRTP_INDEX_USED);
	assert_int_equal(send_rtp(7, 1010), DROP_NONE);
	assert_int_equal(send_rtp(7, 1005), DROP_NONE); // late, and new
	assert_int_equal(send_rtp(7, 1005), DROP_SRTP_INDEX_USED);
	assert_int_equal(send_rtp(7, 800), DROP_SRTP_INDEX_USED); // nobody remembers
	assert_int_equal(send_rtp(8, 1000), DROP_NONE); // another source, another key stream
	assert_int_equal(metric_read(&tx()->replayed), 3);
	assert_int_equal(metric_read(&tx()->packets), 4);
	srtp_bed_stop();
}

// A source with many SSRCs in a row is served; one that comes back after it was forgotten is not.
static void test_forgotten_sources_stay_away(void **state)
{
	(void)state;
	start();
	for (uint32_t ssrc = 100; ssrc < 130; ssrc++)
		for (uint16_t sequence = 1; sequence < 60; sequence++)
			assert_int_equal(send_rtp(ssrc, sequence), DROP_NONE);
	assert_int_equal(send_rtp(129, 60), DROP_NONE);
	assert_int_equal(send_rtp(100, 60), DROP_SRTP_INDEX_USED);
	assert_int_equal(send_rtp(101, 5), DROP_SRTP_INDEX_USED);
	srtp_bed_stop();
}

static void test_rtcp_index(void **state)
{
	uint32_t len;
	(void)state;

	start();
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(send_rtcp(), DROP_NONE);
		assert_int_equal(rtp_load32(srtp_bed_sent(1, 0, &len) + 24), 0x80000000 | i);
		assert_int_equal(len, 8 + 16 + 4);
	}
	atomic_store(&tx()->rtcp_index, SRTCP_INDEX_LIMIT - 1);
	assert_int_equal(send_rtcp(), DROP_NONE);
	assert_int_equal(rtp_load32(srtp_bed_sent(1, 0, &len) + 24), 0xffffffff);
	assert_int_equal(send_rtcp(), DROP_SRTP_INDEX_USED); // RFC 3711 9.2: the key is used up
	srtp_bed_stop();
}

static void test_rtp_key_is_used_up(void **state)
{
	(void)state;
	start();
	assert_int_equal(send_rtp(7, 65535), DROP_NONE);
	flow_stream_set_index(&tx()->streams[0], (1ull << 48) - 1);
	assert_int_equal(send_rtp(7, 0), DROP_SRTP_INDEX_USED);
	srtp_bed_stop();
}

static void test_what_gets_longer_must_fit(void **state)
{
	uint8_t plain[1500];
	uint32_t len;
	(void)state;

	start();
	// 1500 of MTU less IPv4, UDP, RTP and the tag.
	assert_int_equal(srtp_bed_one(0, plain, srtp_bed_rtp(plain, 7, 1, 1500 - 28 - 12 - 16)),
		DROP_NONE);
	srtp_bed_sent(1, 0, &len);
	assert_int_equal(len, 1472);
	uint32_t long_len = srtp_bed_rtp(plain, 7, 2, 1500 - 28 - 12 - 15);
	assert_int_equal(srtp_bed_one(0, plain, long_len), DROP_TOO_LONG);
	srtp_bed_stop();
}

static void test_counters(void **state)
{
	(void)state;
	start();
	for (uint32_t i = 0; i < 8; i++) {
		uint8_t plain[256];
		uint32_t len = srtp_bed_rtp(plain, 7, (uint16_t)(i / 2), 100); // each twice
		srtp_bed_put(i, 0, plain, len);
	}
	struct burst *burst = srtp_bed_run(0, 8, START);
	burst_finish(&bed.lane, burst);
	const struct lane_counters *counters = &bed.lane.counters;
	assert_int_equal(metric_read(&counters->forwarded), 4);
	assert_int_equal(metric_read(&counters->forwarded_octets), 4 * (42 + 112 + 16));
	assert_int_equal(metric_read(&counters->dropped[DROP_SRTP_INDEX_USED]), 4);
	assert_int_equal(metric_read(&bed_state(0, PORT)->dropped_other), 4);
	assert_int_equal(metric_read(&bed_state(0, PORT)->forwarded), 4);
	srtp_bed_stop();
}

// From one key to another in one pass of the pipeline, both ways.
static void test_both_legs_have_keys(void **state)
{
	uint8_t plain[256], wire[256];
	uint32_t len = srtp_bed_rtp(plain, 7, 9, 160), wire_len, out_len;
	(void)state;

	start();
	srtp_bed_key(2, SRTP_AES_CM_128_HMAC_SHA1_80, 2, 0); // A's, both ways
	srtp_bed_key(3, SRTP_AES_CM_128_HMAC_SHA1_80, 2, 0);
	srtp_bed_key(4, SUITE, 2, 0); // B receives what it sends
	assert_int_equal(srtp_bed_one(0, plain, len), DROP_NONE);
	memcpy(wire, srtp_bed_sent(1, 0, &wire_len), 256 - 40);
	srtp_bed_call((struct srtp_bed_keys){ 3, 4 }, (struct srtp_bed_keys){ 5, 2 });
	assert_int_equal(srtp_bed_one(1, wire, wire_len), DROP_NONE);
	const uint8_t *out = srtp_bed_sent(0, 0, &out_len);
	assert_int_equal(out_len, len + 10); // GCM came, AES-CM left
	assert_memory_not_equal(out + 12, plain + 12, 160);
	memcpy(wire, out, out_len);
	srtp_bed_call((struct srtp_bed_keys){ 3, 4 }, (struct srtp_bed_keys){ 0 });
	assert_int_equal(srtp_bed_one(0, wire, out_len), DROP_NONE);
	out = srtp_bed_sent(1, 0, &out_len);
	assert_int_equal(out_len, len);
	assert_memory_equal(out, plain, len);
	srtp_bed_stop();
}

// Another call whose B leg sends under the same slot, by a header that has no key yet.
static void second_call(void)
{
	struct flow_cfg legs[2] = { leg(0, PORT + 2), leg(1, PORT + 2) };

	legs[1].key_tx = 2;
	for (uint32_t i = 0; i < 2; i++)
		bed_flow(&legs[i]);
	lane_flow_changed(&bed.lane, 0, PORT + 2);
}

static void put_call(uint32_t at, uint16_t port, uint16_t sequence)
{
	uint8_t plain[256];

	srtp_bed_put(at, 0, plain, srtp_bed_rtp(plain, port, sequence, 160));
	rtp_store16(bed.mbufs[at].buffer + RTE_PKTMBUF_HEADROOM + 36, port);
}

// The other process puts another key into a slot in use, for which the second packet's header is
// built amid the burst: the first one's room was made for a trailer of 16 bytes, not of 32.
static void test_slot_changes_hands_in_a_burst(void **state)
{
	(void)state;
	start();
	assert_int_equal(send_rtp(7, 1), DROP_NONE);
	srtp_bed.keys[1].checksum ^= 1;
	second_call();
	srtp_bed_key(1, SUITE, 3, 16);
	for (uint16_t i = 0; i < 32; i++) { // until a failed header is tried again
		put_call(0, PORT + 2, i);
		struct burst *burst = srtp_bed_run(0, 1, START + (1000 + i) * MS);
		assert_int_equal(burst->packets[0].reason, DROP_SRTP_NO_KEY);
		burst_finish(&bed.lane, burst);
	}
	put_call(0, PORT, 2);
	put_call(1, PORT + 2, 32);
	struct burst *burst = srtp_bed_run(0, 2, START + 2000 * MS);
	assert_int_equal(burst->packets[0].reason, DROP_SRTP_NO_KEY);
	assert_int_equal(burst->packets[1].reason, DROP_NONE);
	assert_int_equal(bed.ports[1].count, 1);
	burst_finish(&bed.lane, burst);
	srtp_bed_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_index_twice),
		cmocka_unit_test(test_forgotten_sources_stay_away),
		cmocka_unit_test(test_rtcp_index),
		cmocka_unit_test(test_rtp_key_is_used_up),
		cmocka_unit_test(test_what_gets_longer_must_fit),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_both_legs_have_keys),
		cmocka_unit_test(test_slot_changes_hands_in_a_burst),
	};
	return cmocka_run_group_tests(tests, srtp_bed_eal, srtp_bed_eal_end);
}

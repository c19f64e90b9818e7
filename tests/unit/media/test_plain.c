// The fast way of plain packets against the general way: the same frame with a byte of padding is
// not plain, and must come out the same.
#include "base/rng.h"
#include "proto/rtp.h"
#include "sum.h"
#include "unit/media/bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define T0     1000000000ull
#define FLOWS  16u
#define ROUNDS 5000u
#define OWN_IP 0xc6336401u

struct sent {
	uint32_t len;
	uint8_t bytes[BED_FRAME_MAX];
};

static uint32_t remote_ip(uint32_t flow)
{
	return 0x0b007105 + flow * 0x01f30b07;
}

static int setup(void **state)
{
	struct address_entry entries[2] = {
		{ .ip = ip_from_v4(OWN_IP), .port_min = 10000, .port_max = 59999 },
		{ .ip = ip_from_v4(0xc6336441),
			.rx_port = 1,
			.address = 1,
			.port_min = 10000,
			.port_max = 59999 },
	};
	(void)state;
	bed_init(entries, 2);
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct flow_cfg cfg = { .media_address = 0,
			.port = (uint16_t)(20000 + 2 * i),
			.kind = FLOW_RTP,
			.latch_mode = FLOW_LATCH_ONCE,
			.probation_packets = 3,
			.dscp = (uint8_t)(i * 3),
			.remote_ip = ip_from_v4(remote_ip(i)),
			.remote_port = (uint16_t)(4000 + i * 997),
			.peer_incarnation = BED_CALL,
			.peer_address = 1,
			.peer_port = (uint16_t)(20000 + 2 * i) };
		bed_flow(&cfg);
		cfg.media_address = 1;
		cfg.remote_ip = ip_from_v4(remote_ip(i) ^ 0x1234);
		cfg.peer_address = 0;
		bed_flow(&cfg);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bed_fini();
	return 0;
}

// Fills in headers around the `len` bytes of RTP at frame + 42. Returns the length of the frame.
static uint32_t wrap(uint8_t *frame, uint32_t flow, uint32_t ip, uint32_t len)
{
	memset(frame, 0, 42);
	frame[12] = 8;
	frame[14] = 0x45;
	rtp_store16(frame + 16, (uint16_t)(28 + len));
	frame[22] = 9;
	frame[23] = 17;
	rtp_store32(frame + 26, ip);
	rtp_store32(frame + 30, OWN_IP);
	uint16_t sum = (uint16_t)~sum_fold(sum_header(frame + 14, 20));
	memcpy(frame + 24, &sum, sizeof(sum));
	rtp_store16(frame + 34, (uint16_t)(4000 + flow * 997));
	rtp_store16(frame + 36, (uint16_t)(20000 + 2 * flow));
	rtp_store16(frame + 38, (uint16_t)(8 + len));
	return 42 + len;
}

static void forward_one(const uint8_t *frame, uint32_t len, struct sent *out)
{
	bed_mbuf(0, frame, len);
	bed.lane.ip_id = 0x7ffe;
	forward_burst(&bed.lane, bed_burst(0, 1, T0));
	bed.lane.event_count = 0;
	assert_int_equal(bed.burst.packets[0].verdict, VERDICT_SENT);
	assert_int_equal(bed.ports[1].count, 1);
	out->len = bed.ports[1].sent[0]->data_len;
	assert_int_equal(bed.ports[1].sent[0]->pkt_len, out->len);
	memcpy(out->bytes, rte_pktmbuf_mtod(bed.ports[1].sent[0], const uint8_t *), out->len);
}

static void test_same_as_general(void **state)
{
	static uint8_t frame[BED_FRAME_MAX];
	static struct sent plain, general;
	struct rng rng;
	(void)state;
	rng_init(&rng, 3);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t flow = rng_below(&rng, FLOWS);
		uint32_t payload = rng_below(&rng, 400);
		struct rtp_header rtp = { .ssrc = 7 + flow,
			.seq = (uint16_t)round,
			.timestamp = (uint32_t)rng_u64(&rng) };
		rtp_build(&rtp, frame + 42);
		for (uint32_t i = 0; i < payload; i++)
			frame[54 + i] = (uint8_t)rng_u64(&rng);
		uint32_t len = wrap(frame, flow, remote_ip(flow), RTP_HEADER_BYTES + payload);
		frame[15] = (uint8_t)rng_u64(&rng); // TOS and identification are not ours to keep
		rtp_store16(frame + 24, 0);
		uint16_t sum = (uint16_t)~sum_fold(sum_header(frame + 14, 20));
		memcpy(frame + 24, &sum, sizeof(sum));
		rtp_store16(frame + 40,
			rng_below(&rng, 8) ? (uint16_t)rng_u64(&rng) :
					     (uint16_t)(0 - rng_below(&rng, 2)));
		forward_one(frame, len, &plain);
		// The first packet of a flow locks its source, so it is not plain.
		if (round >= 20 * FLOWS)
			assert_true(bed.burst.packets[0].flags == PACKET_PLAIN);
		frame[len] = 0xaa;
		forward_one(frame, len + 1, &general);
		assert_int_equal(bed.burst.packets[0].flags, 0);
		assert_int_equal(plain.len, len);
		assert_int_equal(general.len, len);
		assert_memory_equal(plain.bytes, general.bytes, len);
	}
	assert_int_equal(bed.lane.counters.forwarded, 2 * ROUNDS);
}

// UDP checksum of a frame as the far end verifies it (RFC 768).
static bool is_udp_right(const uint8_t *frame, uint32_t len)
{
	uint64_t sum = sum_bytes(frame + 26, 8) + sum_be16(17) + sum_be16((uint16_t)(len - 34));
	return sum_fold(sum + sum_bytes(frame + 34, len - 34)) == 0xffff;
}

static void put_summed(uint32_t i, uint32_t ip, uint16_t seq)
{
	static uint8_t frame[BED_FRAME_MAX];
	struct rtp_header rtp = { .ssrc = ip, .seq = seq };
	rtp_build(&rtp, frame + 42);
	uint32_t len = wrap(frame, 0, ip, RTP_HEADER_BYTES + 160);
	uint64_t pseudo = sum_bytes(frame + 26, 8) + sum_be16(17) + sum_be16((uint16_t)(len - 34));
	uint16_t sum = sum_field_udp(pseudo + sum_bytes(frame + 34, len - 34));
	memcpy(frame + 40, &sum, sizeof(sum));
	assert_true(is_udp_right(frame, len));
	bed_mbuf(i, frame, len);
}

// A candidate's packet lies in the burst in which the signaled source locks the flow: the delta of
// the one must not be used for the other.
static void test_locked_within_burst(void **state)
{
	(void)state;
	put_summed(0, 0xcb007177, 9);
	put_summed(1, remote_ip(0), 500);
	put_summed(2, remote_ip(0), 501);
	put_summed(3, 0xcb007177, 10);
	forward_burst(&bed.lane, bed_burst(0, 4, T0));
	assert_int_equal(bed.ports[1].count, 3);
	assert_int_equal(bed.burst.packets[3].reason, DROP_WRONG_SOURCE);
	for (uint32_t i = 0; i < bed.ports[1].count; i++) {
		const struct rte_mbuf *mbuf = bed.ports[1].sent[i];
		assert_true(is_udp_right(rte_pktmbuf_mtod(mbuf, const uint8_t *), mbuf->data_len));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_same_as_general, setup, teardown),
		cmocka_unit_test_setup_teardown(test_locked_within_burst, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// The headers with which a packet leaves: addresses, ports, checksums, lengths; when it may not.
#include "unit/media/rtp_frame.h"

// UDP checksum of a whole frame with an IPv4 header of 20 bytes, as a receiver computes it: 0xffff
// when it is right.
static uint16_t verify_udp(const uint8_t *frame)
{
	uint16_t len = (uint16_t)(frame[38] << 8 | frame[39]);
	uint64_t sum = sum_bytes(frame + 26, 8) + sum_be16(17) + sum_be16(len);

	return sum_fold(sum + sum_bytes(frame + 34, len));
}

// Gives the received frame a right UDP checksum.
static void set_checksum(uint32_t at)
{
	uint8_t *frame = rte_pktmbuf_mtod(&bed.mbufs[at].mbuf, uint8_t *);
	uint16_t len = (uint16_t)(frame[38] << 8 | frame[39]);

	memset(frame + 40, 0, 2);
	uint64_t sum = sum_bytes(frame + 26, 8) + sum_be16(17) + sum_be16(len);
	uint16_t field = sum_field_udp(sum + sum_bytes(frame + 34, len));
	memcpy(frame + 40, &field, sizeof(field));
}

static const uint8_t *run(uint32_t payload_len, bool has_checksum, enum drop_reason expected)
{
	struct rtp_frame frame = frame_of_a(1);

	frame_put(0, &frame, payload_len);
	if (has_checksum)
		set_checksum(0);
	struct burst *burst = bed_burst(0, 1, frame.at_ns);
	forward_burst(&bed.lane, burst);
	assert_int_equal(burst->packets[0].reason, expected);
	burst_finish(&bed.lane, burst);
	if (expected != DROP_NONE)
		return NULL;
	assert_int_equal(bed.ports[1].count, 1);
	return rte_pktmbuf_mtod(bed.ports[1].sent[0], const uint8_t *);
}

static void test_ipv4_header(void **state)
{
	(void)state;
	call_up();
	const uint8_t *frame = run(FRAME - 42, true, DROP_NONE);
	assert_int_equal(frame[14], 0x45);
	assert_int_equal(frame[16] << 8 | frame[17], FRAME - 14);
	assert_int_equal(frame[20] | frame[21], 0);  // DF 0, no fragment
	assert_int_equal(frame[22], 64);
	assert_memory_equal(frame + 26, "\xc6\x33\x64\x41\xc0\x00\x02\x09", 8);
	assert_int_equal(frame[34] << 8 | frame[35], PORT);
	assert_int_equal(frame[36] << 8 | frame[37], RTP_B);
	assert_int_equal(sum_fold(sum_header(frame + 14, 20)), 0xffff);
	assert_int_equal(verify_udp(frame), 0xffff);
}

static void test_wrong_checksum_stays_wrong(void **state)
{
	struct rtp_frame frame = frame_of_a(1);

	(void)state;
	call_up();
	frame_put(0, &frame, FRAME - 42);
	set_checksum(0);
	rte_pktmbuf_mtod(&bed.mbufs[0].mbuf, uint8_t *)[100] ^= 0x10; // damaged on the way
	forward_burst(&bed.lane, bed_burst(0, 1, frame.at_ns));
	assert_int_not_equal(
		verify_udp(rte_pktmbuf_mtod(bed.ports[1].sent[0], const uint8_t *)), 0xffff);
}

static void test_no_checksum_stays_none(void **state)
{
	(void)state;
	call_up();
	const uint8_t *frame = run(FRAME - 42, false, DROP_NONE);
	assert_int_equal(frame[40] | frame[41], 0);
}

// veth hands over partial sums: what came in says nothing.
static void test_untrusted_checksum_is_computed(void **state)
{
	struct rtp_frame frame = frame_of_a(1);

	(void)state;
	call_up();
	bed.lane.ports[0].is_checksum_trusted = false;
	frame_put(0, &frame, FRAME - 42);
	memset(rte_pktmbuf_mtod(&bed.mbufs[0].mbuf, uint8_t *) + 40, 0x5a, 2);
	forward_burst(&bed.lane, bed_burst(0, 1, frame.at_ns));
	assert_int_equal(
		verify_udp(rte_pktmbuf_mtod(bed.ports[1].sent[0], const uint8_t *)), 0xffff);
}

static void test_dscp(void **state)
{
	struct flow_cfg a = leg(0, PORT), b = leg(1, PORT);

	(void)state;
	a.dscp = 46;
	bed_flow(&a);
	bed_flow(&b);
	struct flow_cfg marked = b;
	marked.dscp = 46;
	bed_flow(&marked);
	const uint8_t *frame = run(FRAME - 42, true, DROP_NONE);
	assert_int_equal(frame[15] >> 2, 46);
	assert_int_equal(frame[15] & 3, 0);
}

static void test_mtu(void **state)
{
	(void)state;
	call_up();
	assert_non_null(run(1500 - 28, true, DROP_NONE));
	run(1500 - 28 + 1, true, DROP_TOO_LONG);
	assert_int_equal(bed_state(0, PORT)->dropped_other, 1);
}

static void test_peer_is_gone(void **state)
{
	(void)state;
	call_up();
	assert_non_null(run(FRAME - 42, true, DROP_NONE));
	atomic_store(&bed.index[SHM_PORTS + PORT], SHM_FLOW_NONE);
	lane_flow_changed(&bed.lane, 1, PORT);
	lane_headers_expire(&bed.lane);
	run(FRAME - 42, true, DROP_NO_PEER);
}

static void test_identification_grows(void **state)
{
	(void)state;
	call_up();
	const uint8_t *frame = run(FRAME - 42, true, DROP_NONE);
	uint16_t first;
	memcpy(&first, frame + 18, sizeof(first));
	frame = run(FRAME - 42, true, DROP_NONE);
	uint16_t second;
	memcpy(&second, frame + 18, sizeof(second));
	assert_int_equal((uint16_t)(second - first), 1);
}

#define BED_TEST(name) cmocka_unit_test_setup(name, frame_bed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(test_ipv4_header),
		BED_TEST(test_wrong_checksum_stays_wrong),
		BED_TEST(test_no_checksum_stays_none),
		BED_TEST(test_untrusted_checksum_is_computed),
		BED_TEST(test_dscp),
		BED_TEST(test_mtu),
		BED_TEST(test_peer_is_gone),
		BED_TEST(test_identification_grows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

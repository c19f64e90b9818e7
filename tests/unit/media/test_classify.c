// Each shape of frame and what the first stage makes of it: the verdict, the reason, the place.
#include "base/metric.h"
#include "unit/media/rtp_frame.h"

// One byte of an RTP frame changed.
struct change {
	const char *name;
	uint16_t at;
	uint8_t value;
	uint8_t verdict, reason;
	bool keeps_sum; // the IPv4 checksum is not mended after the change
};

static void mend_sum(uint8_t *frame)
{
	memset(frame + 24, 0, 2);
	uint32_t header = (frame[14] & 0x0fu) * 4;
	uint16_t sum = (uint16_t)~sum_fold(sum_header(frame + 14, header < 20 ? 20 : header));
	memcpy(frame + 24, &sum, sizeof(sum));
}

static struct packet *classify(uint32_t len)
{
	struct burst *burst;

	if (len) {
		bed.mbufs[0].mbuf.data_len = (uint16_t)len;
		bed.mbufs[0].mbuf.pkt_len = len;
	}
	burst = bed_burst(0, 1, START);
	classify_burst(&bed.lane, burst);
	return &burst->packets[0];
}

static void test_changed_bytes(void **state)
{
	static const struct change changes[] = {
		{ "as it should be", 0, 0, VERDICT_FORWARD, DROP_NONE, false },
		{ "another TOS", 15, 0xb8, VERDICT_FORWARD, DROP_NONE, false },
		{ "don't fragment", 20, 0x40, VERDICT_FORWARD, DROP_NONE, false },
		{ "TTL 1", 22, 1, VERDICT_FORWARD, DROP_NONE, false },
		{ "ARP", 13, 6, VERDICT_EXCEPTION, DROP_NOT_IP, false },
		{ "version 5", 14, 0x55, VERDICT_DROP, DROP_BAD_IP, false },
		{ "header of 16 bytes", 14, 0x44, VERDICT_DROP, DROP_BAD_IP, false },
		{ "total length beyond the frame", 16, 2, VERDICT_DROP, DROP_BAD_IP, false },
		{ "more fragments", 20, 0x20, VERDICT_EXCEPTION, DROP_FRAGMENT, false },
		{ "a later fragment", 21, 1, VERDICT_EXCEPTION, DROP_FRAGMENT, false },
		{ "TCP", 23, 6, VERDICT_EXCEPTION, DROP_NOT_UDP, false },
		{ "IPv4 checksum", 24, 0xee, VERDICT_DROP, DROP_BAD_IP_CHECKSUM, true },
		{ "another destination", 33, 9, VERDICT_EXCEPTION, DROP_NOT_MEDIA, false },
		{ "SIP's port", 36, 0x13, VERDICT_EXCEPTION, DROP_NOT_MEDIA, false },
		{ "datagram beyond the packet", 38, 2, VERDICT_DROP, DROP_BAD_UDP_LENGTH, false },
		{ "datagram shorter than the packet", 39, 8, VERDICT_FORWARD, DROP_NONE, false },
		{ "datagram of 7 bytes", 39, 7, VERDICT_DROP, DROP_BAD_UDP_LENGTH, false },
	};
	struct rtp_frame frame = frame_of_a(1);

	(void)state;
	for (uint32_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		frame_put(0, &frame, FRAME - 42);
		uint8_t *bytes = rte_pktmbuf_mtod(&bed.mbufs[0].mbuf, uint8_t *);
		if (changes[i].at)
			bytes[changes[i].at] = changes[i].value;
		if (changes[i].at && !changes[i].keeps_sum)
			mend_sum(bytes);
		const struct packet *packet = classify(0);
		if (packet->verdict != changes[i].verdict || packet->reason != changes[i].reason)
			fail_msg("%s: verdict %u, reason %s", changes[i].name, packet->verdict,
				drop_reason_name(packet->reason));
	}
}

static void test_place_and_length(void **state)
{
	struct rtp_frame frame = frame_of_a(1);

	(void)state;
	frame.to_port = 59998;
	frame_put(0, &frame, FRAME - 42);
	const struct packet *packet = classify(0);
	assert_int_equal(packet->port, 59998);
	assert_int_equal(packet->address, 0);
	assert_int_equal(packet->udp_len, FRAME - 34);
	assert_int_equal(packet->flags, PACKET_PLAIN);
	assert_ptr_equal(packet->udp, rte_pktmbuf_mtod(&bed.mbufs[0].mbuf, uint8_t *) + 34);
}

static void test_cut_at_every_byte(void **state)
{
	struct rtp_frame frame = frame_of_a(1);

	(void)state;
	for (uint32_t len = 0; len < FRAME; len++) {
		frame_put(0, &frame, FRAME - 42);
		bed.mbufs[0].mbuf.data_len = (uint16_t)len;
		bed.mbufs[0].mbuf.pkt_len = len;
		const struct burst *burst = bed_burst(0, 1, START);
		classify_burst(&bed.lane, &bed.burst);
		assert_int_equal(burst->packets[0].verdict, VERDICT_DROP);
	}
}

static void test_trailer_of_a_short_frame(void **state)
{
	struct rtp_frame frame = frame_of_a(1);

	(void)state;
	frame_put(0, &frame, 12);
	const struct packet *packet = classify(60); // padded by Ethernet, RTP header alone
	assert_int_equal(packet->verdict, VERDICT_FORWARD);
	assert_int_equal(packet->udp_len, 20);
	assert_int_equal(packet->flags, 0); // not plain: the frame does not end with the datagram
}

static void test_vlan_is_part_of_the_address(void **state)
{
	struct address_entry entries[2] = {
		{ .ip = ip_from_v4(OWN_A), .port_min = 10000, .port_max = 59999 },
		{ .ip = ip_from_v4(OWN_A), .vlan = 7, .address = 1, .port_min = 10000,
			.port_max = 59999 },
	};
	static const struct {
		uint16_t tag, place;
		uint8_t verdict;
	} cases[] = {
		{ 7, 1, VERDICT_FORWARD },
		{ 0xe007, 1, VERDICT_FORWARD }, // priority bits do not count
		{ 8, 0, VERDICT_EXCEPTION },
	};
	struct rtp_frame rtp = frame_of_a(1);
	uint8_t tagged[FRAME + 4];

	(void)state;
	bed_init(entries, 2);
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		frame_put(0, &rtp, FRAME - 42);
		const uint8_t *plain = rte_pktmbuf_mtod(&bed.mbufs[0].mbuf, uint8_t *);
		memcpy(tagged, plain, 12);
		memcpy(tagged + 12, "\x81\x00", 2);
		tagged[14] = (uint8_t)(cases[i].tag >> 8);
		tagged[15] = (uint8_t)cases[i].tag;
		memcpy(tagged + 16, plain + 12, FRAME - 12);
		bed_mbuf(0, tagged, sizeof(tagged));
		const struct packet *packet = classify(0);
		assert_int_equal(packet->verdict, cases[i].verdict);
		if (packet->verdict == VERDICT_FORWARD)
			assert_int_equal(packet->address, cases[i].place);
	}
}

// The receive descriptor's word is believed: the port checked already.
static void test_descriptor_flags(void **state)
{
	struct rtp_frame frame = frame_of_a(1);
	static const struct {
		uint64_t flags;
		uint8_t reason;
	} cases[] = {
		{ RTE_MBUF_F_RX_IP_CKSUM_BAD, DROP_BAD_IP_CHECKSUM },
		{ RTE_MBUF_F_RX_L4_CKSUM_BAD, DROP_BAD_UDP_CHECKSUM },
		{ RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD, DROP_NONE },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		frame_put(0, &frame, FRAME - 42);
		bed.mbufs[0].mbuf.ol_flags = cases[i].flags;
		assert_int_equal(classify(0)->reason, cases[i].reason);
	}
}

static void test_other_lane_owns_the_port(void **state)
{
	struct rtp_frame frame = frame_of_a(1);

	(void)state;
	bed.lane.shard_lane[shm_media_shard(PORT)] = 3;
	frame_put(0, &frame, FRAME - 42);
	const struct packet *packet = classify(0);
	assert_int_equal(packet->verdict, VERDICT_HANDOVER);
	assert_int_equal(packet->lane, 3);
	assert_int_equal(metric_read(&bed.lane.counters.handovers), 1);
	// Handed over already: passing it on again would be a loop.
	frame_put(0, &frame, FRAME - 42);
	struct burst *burst = bed_burst(0, 1, START);
	burst->is_handed_over = true;
	classify_burst(&bed.lane, burst);
	assert_int_equal(burst->packets[0].verdict, VERDICT_DROP);
	assert_int_equal(metric_read(&bed.lane.counters.handovers), 1);
}

static void test_counters(void **state)
{
	struct rtp_frame frame = frame_of_a(1);

	(void)state;
	frame_put(0, &frame, FRAME - 42);
	frame_put(1, &frame, FRAME - 42);
	rte_pktmbuf_mtod(&bed.mbufs[1].mbuf, uint8_t *)[13] = 6;
	classify_burst(&bed.lane, bed_burst(0, 2, START));
	assert_int_equal(metric_read(&bed.lane.counters.received), 2);
	assert_int_equal(metric_read(&bed.lane.counters.exceptions), 1);
}

#define BED_TEST(name) cmocka_unit_test_setup(name, frame_bed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(test_changed_bytes),
		BED_TEST(test_place_and_length),
		BED_TEST(test_cut_at_every_byte),
		BED_TEST(test_trailer_of_a_short_frame),
		BED_TEST(test_vlan_is_part_of_the_address),
		BED_TEST(test_descriptor_flags),
		BED_TEST(test_other_lane_owns_the_port),
		BED_TEST(test_counters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

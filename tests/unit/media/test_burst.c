// Whole bursts: mixed verdicts, counters, who is charged for what the port did not take, events,
// sweep.
#include "flow_sync.h"
#include "sum.h"
#include "unit/media/bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define T0 1000000000ull

static void put_frame(uint32_t i, uint16_t dst_port, uint16_t sequence)
{
	uint8_t frame[214] = { [12] = 8,
		[14] = 0x45,
		[16] = 0,
		[17] = 200,
		[22] = 64,
		[23] = 17,
		[26] = 203,
		0,
		113,
		5,
		198,
		51,
		100,
		1,
		0x0f,
		0xa0,
		[38] = 0,
		[39] = 180,
		[42] = 0x80,
		[53] = 7 };
	frame[36] = (uint8_t)(dst_port >> 8);
	frame[37] = (uint8_t)dst_port;
	frame[44] = (uint8_t)(sequence >> 8);
	frame[45] = (uint8_t)sequence;
	uint16_t sum = (uint16_t)~sum_fold(sum_header(frame + 14, 20));
	memcpy(frame + 24, &sum, sizeof(sum));
	bed_mbuf(i, frame, sizeof(frame));
}

static struct flow_cfg flow(uint16_t address, uint16_t port)
{
	return (struct flow_cfg){ .media_address = address,
		.port = port,
		.kind = FLOW_RTP,
		.latch_mode = FLOW_LATCH_ONCE,
		.probation_packets = 3,
		.owner = 5,
		.remote_ip = ip_from_v4(address ? 0xc0000209 : 0xcb007105),
		.remote_port = 4000,
		.peer_incarnation = BED_CALL,
		.peer_address = (uint16_t)(1 - address),
		.peer_port = port };
}

static int setup(void **state)
{
	struct address_entry entries[2] = {
		{ .ip = ip_from_v4(0xc6336401), .port_min = 10000, .port_max = 59999 },
		{ .ip = ip_from_v4(0xc6336441),
			.rx_port = 1,
			.address = 1,
			.port_min = 10000,
			.port_max = 59999 },
	};
	(void)state;
	bed_init(entries, 2);
	for (uint16_t port = 20000; port < 20064; port += 2) {
		struct flow_cfg a = flow(0, port), b = flow(1, port);
		bed_flow(&a);
		bed_flow(&b);
	}
	return 0;
}

static void test_full_burst(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < BURST_MAX; i++) // every eighth for nobody
		put_frame(
			i, (uint16_t)(i % 8 == 7 ? 30000 : 20000 + i % 32 * 2), (uint16_t)(i / 32));
	struct burst *burst = bed_burst(0, BURST_MAX, T0);
	forward_burst(&bed.lane, burst);
	burst_finish(&bed.lane, burst);
	assert_int_equal(bed.lane.counters.received, 64);
	assert_int_equal(bed.lane.counters.forwarded, 56);
	assert_int_equal(bed.lane.counters.forwarded_octets, 56 * 214);
	assert_int_equal(bed.lane.counters.dropped[DROP_UNKNOWN_PORT], 8);
	assert_int_equal(bed.ports[1].count, 56);
	for (uint32_t i = 0; i < BURST_MAX; i++) // freed: only the bed's own reference is left
		assert_int_equal(bed.mbufs[i].mbuf.refcnt, i % 8 == 7 ? 1 : 2);
}

static void test_port_refuses(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 10; i++)
		put_frame(i, 20000, (uint16_t)i);
	bed.ports[1].refuse = 4;
	struct burst *burst = bed_burst(0, 10, T0);
	forward_burst(&bed.lane, burst);
	burst_finish(&bed.lane, burst);
	struct flow_state *flow_state = bed_state(0, 20000);
	assert_int_equal(flow_state->packets, 10);
	assert_int_equal(flow_state->forwarded, 6);
	assert_int_equal(flow_state->dropped_other, 4);
	assert_int_equal(bed.lane.counters.dropped[DROP_TX_FULL], 4);
	assert_int_equal(bed.lane.counters.forwarded_octets, 6 * 214);
	assert_int_equal(bed.lane.ports[1].count, 0);
}

static void test_events(void **state)
{
	(void)state;
	put_frame(0, 20000, 1);
	forward_burst(&bed.lane, bed_burst(0, 1, T0));
	assert_int_equal(bed.lane.event_count, 2);
	assert_int_equal(bed.lane.events[0].hint.kind, HINT_FIRST_PACKET);
	assert_int_equal(bed.lane.events[1].hint.kind, HINT_LATCHED);
	assert_int_equal(bed.lane.events[1].hint.port, 20000);
	assert_int_equal(bed.lane.events[1].owner, 5);
	bed.lane.event_count = LANE_EVENTS_MAX;
	put_frame(0, 20002, 1);
	forward_burst(&bed.lane, bed_burst(0, 1, T0));
	assert_int_equal(bed.lane.counters.events_lost, 2);
}

static void test_header_is_cached(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		put_frame(0, 20000, (uint16_t)i);
		forward_burst(&bed.lane, bed_burst(0, 1, T0 + i));
	}
	assert_int_equal(bed.lane.counters.headers_built, 1);
	nexthop_table_publish(bed.nexthops); // any change of a route: everything is built again
	put_frame(0, 20000, 20);
	forward_burst(&bed.lane, bed_burst(0, 1, T0 + 20));
	assert_int_equal(bed.lane.counters.headers_built, 2);
}

static void test_lost_hint_is_swept(void **state)
{
	(void)state;
	put_frame(0, 20000, 1);
	forward_burst(&bed.lane, bed_burst(0, 1, T0));
	struct flow_cfg moved = flow(1, 20000);
	moved.remote_port = 5000;
	bed_flow(&moved); // and no lane_flow_changed()
	lane_flows_sweep(&bed.lane, 0, BED_FLOWS);
	put_frame(0, 20000, 2);
	forward_burst(&bed.lane, bed_burst(0, 1, T0));
	const uint8_t *frame = rte_pktmbuf_mtod(bed.ports[1].sent[0], const uint8_t *);
	assert_int_equal(frame[36] << 8 | frame[37], 5000);
}

static void test_hint_reaches_peer(void **state)
{
	(void)state;
	put_frame(0, 20000, 1);
	forward_burst(&bed.lane, bed_burst(0, 1, T0));
	struct flow_cfg moved = flow(1, 20000);
	moved.remote_port = 5000;
	bed_flow(&moved);
	lane_flow_changed(&bed.lane, 1, 20000);
	lane_flow_changed(&bed.lane, 63, 20000); // not ours, and no such address: ignored
	put_frame(0, 20000, 2);
	forward_burst(&bed.lane, bed_burst(0, 1, T0));
	const uint8_t *frame = rte_pktmbuf_mtod(bed.ports[1].sent[0], const uint8_t *);
	assert_int_equal(frame[36] << 8 | frame[37], 5000);
}

static void test_handed_over_twice_is_dropped(void **state)
{
	(void)state;
	memset(bed.lane.shard_lane, 1, sizeof(bed.lane.shard_lane));
	put_frame(0, 20000, 1);
	struct burst *burst = bed_burst(0, 1, T0);
	forward_burst(&bed.lane, burst);
	assert_int_equal(burst->packets[0].verdict, VERDICT_HANDOVER);
	assert_int_equal(burst->packets[0].lane, 1);
	put_frame(0, 20000, 1);
	burst = bed_burst(0, 1, T0);
	burst->is_handed_over = true;
	forward_burst(&bed.lane, burst);
	assert_int_equal(burst->packets[0].verdict, VERDICT_DROP);
}

static void test_segments_and_stripped_tags(void **state)
{
	(void)state;
	put_frame(0, 20000, 1);
	put_frame(1, 20000, 2);
	put_frame(2, 20000, 3);
	bed.mbufs[0].mbuf.nb_segs = 2;
	bed.mbufs[1].mbuf.ol_flags = RTE_MBUF_F_RX_VLAN_STRIPPED;
	bed.mbufs[1].mbuf.vlan_tci = 9;
	bed.mbufs[2].mbuf.ol_flags = RTE_MBUF_F_RX_L4_CKSUM_BAD;
	struct burst *burst = bed_burst(0, 3, T0);
	forward_burst(&bed.lane, burst);
	assert_int_equal(burst->packets[0].reason, DROP_TOO_LONG);
	assert_int_equal(burst->packets[1].reason, DROP_NOT_MEDIA);
	assert_int_equal(burst->packets[2].reason, DROP_BAD_UDP_CHECKSUM);
}

static void test_reason_names(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < DROP_REASON_COUNT; i++) {
		assert_string_not_equal(drop_reason_name(i), "?");
		for (uint32_t j = 0; j < i; j++)
			assert_string_not_equal(drop_reason_name(i), drop_reason_name(j));
	}
	assert_string_equal(drop_reason_name(DROP_REASON_COUNT), "?");
	assert_string_equal(drop_reason_help(UINT32_MAX), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_full_burst, setup),
		cmocka_unit_test_setup(test_port_refuses, setup),
		cmocka_unit_test_setup(test_events, setup),
		cmocka_unit_test_setup(test_header_is_cached, setup),
		cmocka_unit_test_setup(test_lost_hint_is_swept, setup),
		cmocka_unit_test_setup(test_hint_reaches_peer, setup),
		cmocka_unit_test_setup(test_handed_over_twice_is_dropped, setup),
		cmocka_unit_test_setup(test_segments_and_stripped_tags, setup),
		cmocka_unit_test(test_reason_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

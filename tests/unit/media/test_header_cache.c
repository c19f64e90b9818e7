// What expires a ready header, and what does not make one.
#include "base/metric.h"
#include "unit/media/rtp_frame.h"

static struct ready_header *header_of(uint16_t address, uint16_t port)
{
	return &bed.lane.headers[bed.index[address * SHM_PORTS + port]];
}

static bool is_fresh(uint16_t address, uint16_t port)
{
	uint32_t slot = bed.index[address * SHM_PORTS + port];
	return ready_header_is_fresh(&bed.lane, &bed.cfg[slot], &bed.headers[slot]);
}

static bool build(uint16_t address, uint16_t port)
{
	return ready_header_build(&bed.lane, bed.index[address * SHM_PORTS + port], address, port);
}

static void test_built_and_expired(void **state)
{
	struct flow_cfg moved = leg(1, PORT);
	(void)state;
	call_up();
	assert_false(is_fresh(0, PORT));
	assert_true(build(0, PORT));
	assert_true(is_fresh(0, PORT));
	assert_int_equal(header_of(0, PORT)->egress_reason, DROP_NONE);
	assert_true(build(1, PORT)); // new: what the peer built before is in doubt
	assert_false(is_fresh(0, PORT));
	assert_true(build(0, PORT));
	assert_true(is_fresh(1, PORT)); // not new any more: no ping-pong

	lane_headers_expire(&bed.lane);
	assert_false(is_fresh(0, PORT));
	assert_true(build(0, PORT) && build(1, PORT));
	// another slot: its header is not there, the peer's leads to the old record
	bed_flow(&moved);
	assert_false(is_fresh(1, PORT));
	assert_true(build(1, PORT));
	assert_false(is_fresh(0, PORT));
}

static void test_why_there_is_no_egress(void **state)
{
	static const struct {
		uint32_t far_b;
		uint16_t port_b;
		uint8_t flags_a;
		uint64_t peer_of_a;
		uint8_t reason;
	} cases[] = {
		{ FAR_B, RTP_B, 0, BED_CALL, DROP_NONE },
		{ FAR_B, RTP_B, FLOW_DROP, BED_CALL, DROP_HELD },
		{ FAR_B, RTP_B, 0, 0, DROP_NO_PEER },
		{ FAR_B, RTP_B, 0, BED_CALL + 1, DROP_NO_PEER }, // another call has the port by now
		{ 0, RTP_B, 0, BED_CALL, DROP_NO_REMOTE },
		{ FAR_B, 0, 0, BED_CALL, DROP_NO_REMOTE },
		{ 0x7f000001, RTP_B, 0, BED_CALL, DROP_BAD_REMOTE },
		{ OWN_A, RTP_B, 0, BED_CALL, DROP_BAD_REMOTE },
		{ 0xe0000001, RTP_B, 0, BED_CALL, DROP_BAD_REMOTE },
	};
	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct flow_cfg a = leg(0, PORT), b = leg(1, PORT);
		frame_bed(NULL);
		a.flags = cases[i].flags_a;
		a.peer_incarnation = cases[i].peer_of_a;
		b.remote_ip = cases[i].far_b ? ip_from_v4(cases[i].far_b) : (struct ip){ 0 };
		b.remote_port = cases[i].port_b;
		bed_flow(&a);
		bed_flow(&b);
		assert_true(build(0, PORT));
		assert_int_equal(header_of(0, PORT)->egress_reason, cases[i].reason);
	}
}

static void test_no_next_hop(void **state)
{
	(void)state;
	call_up();
	struct rtp_frame frame = frame_of_a(1);
	assert_int_equal(frame_run(&frame), DROP_NONE);
	struct nexthop_snapshot *edit = nexthop_table_edit(bed.nexthops);
	memset(edit->egress, 0, sizeof(edit->egress));
	nexthop_table_publish(bed.nexthops);
	frame = frame_of_a(2);
	assert_int_equal(frame_run(&frame), DROP_NO_ROUTE);
}

// Nobody told that the peer came, or where its far end is: the next packet sees it all the same.
static void test_peer_is_seen_before_its_hint(void **state)
{
	struct flow_cfg a = leg(0, PORT), b = leg(1, PORT);
	struct ip far_b = b.remote_ip;
	(void)state;
	bed_flow(&a);
	struct rtp_frame frame = frame_of_a(1);
	assert_int_equal(frame_run(&frame), DROP_NO_PEER);
	b.remote_ip = (struct ip){ 0 };
	bed_flow(&b);
	frame = frame_of_a(2);
	assert_int_equal(frame_run(&frame), DROP_NO_REMOTE);
	b.remote_ip = far_b;
	bed_flow(&b);
	frame = frame_of_a(3);
	assert_int_equal(frame_run(&frame), DROP_NONE);
}

// What fails stays cheap: without a change the record is copied again every 32 packets only.
static void test_failed_egress_is_retried_rarely(void **state)
{
	struct flow_cfg a = leg(0, PORT);
	(void)state;
	bed_flow(&a);
	for (uint16_t i = 1; i <= 66; i++) {
		struct rtp_frame frame = frame_of_a(i);
		assert_int_equal(frame_run(&frame), DROP_NO_PEER);
	}
	assert_in_range(metric_read(&bed.lane.counters.headers_built), 3, 5);
}

static void test_damaged_records_are_refused(void **state)
{
	(void)state;
	call_up();
	uint32_t slot = bed.index[PORT];
	const struct flow_cfg whole = bed.cfg[slot];
	struct flow_cfg *cfg = &bed.cfg[slot];
	for (uint32_t byte = 0; byte < sizeof(whole); byte++) {
		((uint8_t *)cfg)[byte] ^= 0x40;
		assert_false(build(0, PORT));
		*cfg = whole;
	}
	cfg->state_index = BED_FLOWS; // consistent, and out of range
	cfg->checksum = flow_checksum(cfg);
	assert_false(build(0, PORT));
	*cfg = whole;
	assert_false(ready_header_build(&bed.lane, slot, 0, PORT + 2)); // somebody else's place
	assert_false(ready_header_build(&bed.lane, slot, 1, PORT));
	assert_true(build(0, PORT));
}

// A peer whose shard is another lane's would have two writers.
static void test_peer_of_another_lane(void **state)
{
	struct flow_cfg a = leg(0, PORT), b = leg(1, PORT + 2);
	(void)state;
	a.peer_port = PORT + 2;
	bed_flow(&a);
	bed_flow(&b);
	bed.lane.shard_lane[shm_media_shard(PORT + 2)] = 1;
	assert_true(build(0, PORT));
	assert_int_equal(header_of(0, PORT)->egress_reason, DROP_NO_PEER);
}

static void test_cache_memory(void **state)
{
	struct ready_header *headers = header_cache_new(100000);
	(void)state;
	assert_non_null(headers);
	for (uint32_t i = 0; i < 100000; i += 9999)
		assert_int_equal(headers[i].epoch, 0); // never valid: lanes begin at 1
	assert_int_equal((uintptr_t)headers % 64, 0);
	header_cache_free(headers, 100000);
	header_cache_free(NULL, 5);
}

#define BED_TEST(name) cmocka_unit_test_setup(name, frame_bed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(test_built_and_expired),
		cmocka_unit_test(test_why_there_is_no_egress),
		BED_TEST(test_no_next_hop),
		BED_TEST(test_peer_is_seen_before_its_hint),
		BED_TEST(test_failed_egress_is_retried_rarely),
		BED_TEST(test_damaged_records_are_refused),
		BED_TEST(test_peer_of_another_lane),
		cmocka_unit_test(test_cache_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

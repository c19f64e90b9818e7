// Two lanes in two threads over ports of kind ring: handover, attachment, epochs, hints, idling.
#include "unit/media/dataplane.h"

static struct config_device devices[2] = { { .name = "in", .kind = CONFIG_PORT_RING },
	{ .name = "out", .kind = CONFIG_PORT_RING } };
static struct port in, out;

static int setup(void **state)
{
	(void)state;
	plane_start(&in, &out, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	plane_stop();
	return 0;
}

static int group_setup(void **state)
{
	return plane_eal(state) || port_open(&in, &devices[0], PLANE_LANES, plane.pool) ||
		port_open(&out, &devices[1], PLANE_LANES, plane.pool);
}

static int group_teardown(void **state)
{
	port_close(&in);
	port_close(&out);
	return plane_eal_end(state);
}

static bool is_known(const struct flow_pair *pair)
{
	return flow_state_of(plane.writer, pair, 0) != NULL;
}

// Lane 0 receives all; the even shard is its own, the odd one lane 1's.
static void test_handover(void **state)
{
	struct plane_call own = plane_call(4), other = plane_call(5);
	const struct lane_runner *first = &plane.runners[0], *second = &plane.runners[1];

	(void)state;
	plane_send(in.id, &own, 1, 100);
	plane_expect(out.id, 0, 1, 100);
	assert_int_equal(metric_read(&first->lane.counters.handovers), 0);
	plane_send(in.id, &other, 65500, 100); // wraps
	plane_expect(out.id, 1, 65500, 100);
	assert_int_equal(metric_read(&first->lane.counters.handovers), 100);
	assert_int_equal(metric_read(&second->loop.handovers_in), 100);
	assert_int_equal(metric_read(&first->lane.counters.forwarded), 100);
	assert_int_equal(metric_read(&second->lane.counters.forwarded), 100);
	const struct flow_state *flow = flow_state_of(plane.writer, &other.a, 0);
	assert_non_null(flow);
	assert_int_equal(metric_read(&flow->packets), 100);
	assert_int_equal(metric_read(&flow->forwarded), 100);
	// Each lane noted its bursts and, of each eighth, how long it held what it sent.
	for (uint32_t lane = 0; lane < PLANE_LANES; lane++) {
		struct histogram_counts held = { 0 }, bursts = { 0 };
		histogram_sum(&held, &shm_lane_latency(&plane.media, lane)[0]);
		histogram_sum(&bursts, shm_lane_bursts(&plane.media, lane));
		assert_true(bursts.total >= 2);
		assert_in_range(held.total, lane == 0 ? 1 : 0, 100);
		assert_true(metric_read(&plane.runners[lane].loop.cycles_busy) > 0);
	}
}

// No packet ever comes: what lanes know, they know by hint.
static void test_hint_is_acted_on(void **state)
{
	struct plane_call calls[2] = { plane_call(6), plane_call(7) };

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		PLANE_AWAIT(is_known(&calls[i].a) && is_known(&calls[i].b));
		PLANE_AWAIT(metric_read(&plane.runners[i].loop.hints) == 2);
		assert_true(metric_read(&plane.runners[i].lane.counters.headers_built) >= 2);
		assert_int_equal(metric_read(&plane.runners[i].lane.counters.received), 0);
	}
}

// More than a ring holds while no lane listens: all of them are found by the sweep.
static void test_lost_hints_are_swept(void **state)
{
	struct plane_call calls[48];
	struct flow_cfg cfg = { .probation_packets = 1 };

	(void)state;
	lane_runners_attach(plane.runners, PLANE_LANES, NULL);
	for (uint32_t i = 0; i < 48; i++)
		calls[i] = plane_call(8);
	for (uint32_t i = 0; i < HINT_RING_SLOTS; i++) {
		assert_int_equal(flow_publish(plane.writer, &calls[0].a, 1, &cfg), 0);
		flow_writer_run(plane.writer, ++plane.now_ms);
	}
	assert_true(shm_hint_ring(&plane.signaling, 0, 0)->lost > 0);
	lane_runners_attach(plane.runners, PLANE_LANES, &plane.attachment);
	for (uint32_t i = 0; i < 48; i++)
		PLANE_AWAIT(is_known(&calls[i].a) && is_known(&calls[i].b));
	PLANE_AWAIT(metric_read(&plane.runners[0].loop.hints_overflow) > 0);
}

// Nobody reads what lanes send: the ring fills, refuses and nothing else happens.
static void test_unread_events(void **state)
{
	struct plane_call call = plane_call(10);
	struct flow_cfg cfg = { 0 };
	uint64_t sent;

	(void)state;
	PLANE_AWAIT(is_known(&call.a));
	for (uint16_t i = 0; i < 160; i++) { // each new remote is a first packet and a latch
		cfg = (struct flow_cfg){ .kind = FLOW_RTP,
			.latch_mode = FLOW_LATCH_ONCE,
			.probation_packets = 1,
			.remote_ip = ip_from_v4(PLANE_FAR_A),
			.remote_port = (uint16_t)(6000 + i),
			.peer_incarnation = call.b.incarnation,
			.peer_address = 1,
			.peer_port = call.b.port };
		assert_int_equal(flow_publish(plane.writer, &call.a, 0, &cfg), 0);
		flow_writer_run(plane.writer, ++plane.now_ms);
		plane_send(in.id, &call, i, 1);
		plane_expect(out.id, 0, i, 1);
	}
	PLANE_AWAIT(metric_read(&plane.runners[0].loop.hints_unsent) == 320 - HINT_RING_SLOTS);
	const struct hint_ring *ring = shm_hint_ring(&plane.media, 0, 0);
	sent = atomic_load(&ring->head);
	assert_int_equal(sent, HINT_RING_SLOTS);
	assert_int_equal(ring->hints[0].kind, HINT_FIRST_PACKET);
	assert_int_equal(ring->hints[1].kind, HINT_LATCHED);
}

static void test_detached(void **state)
{
	struct plane_call call = plane_call(12);
	const struct epoch_slot *slots = shm_epoch_slots(&plane.media);

	(void)state;
	assert_int_not_equal(epoch_lowest(slots, plane.attachment.instance), UINT64_MAX);
	lane_runners_attach(plane.runners, PLANE_LANES, NULL);
	assert_int_equal(epoch_lowest(slots, plane.attachment.instance), UINT64_MAX);
	plane_send(in.id, &call, 1, 10);
	PLANE_AWAIT(metric_read(&plane.runners[0].loop.detached) == 10);
	lane_runners_attach(plane.runners, PLANE_LANES, &plane.attachment);
	plane_send(in.id, &call, 11, 10);
	plane_expect(out.id, 0, 11, 10);
}

// Ports come back once both lanes have passed a quiescent state, which needs no traffic.
static void test_grace_passes_while_idle(void **state)
{
	struct plane_call call = plane_call(13);
	struct flow_counters counters;

	(void)state;
	PLANE_AWAIT(is_known(&call.a));
	flow_pair_retire(plane.writer, &call.a);
	flow_pair_retire(plane.writer, &call.b);
	flow_writer_counters(plane.writer, &counters);
	for (int i = 0; i < PLANE_WAIT_MS && counters.reclaimed < 2; i++) {
		plane.now_ms += 10;
		flow_writer_run(plane.writer, plane.now_ms);
		flow_writer_counters(plane.writer, &counters);
		plane_pause();
	}
	assert_int_equal(counters.reclaimed, 2);
}

static void test_idle_lanes_sleep(void **state)
{
	const struct lane_loop_counters *loop = &plane.runners[1].loop;
	uint64_t sleeps;

	(void)state;
	PLANE_AWAIT(metric_read(&loop->sleeps) > 0);
	sleeps = metric_read(&loop->sleeps);
	PLANE_AWAIT(metric_read(&loop->sleeps) > sleeps + 10);
	assert_true(metric_read(&loop->turns_empty) <= metric_read(&loop->turns));
}

#define LANE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LANE_TEST(test_handover),
		LANE_TEST(test_hint_is_acted_on),
		LANE_TEST(test_lost_hints_are_swept),
		LANE_TEST(test_unread_events),
		LANE_TEST(test_detached),
		LANE_TEST(test_grace_passes_while_idle),
		LANE_TEST(test_idle_lanes_sleep),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

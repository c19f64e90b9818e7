// The egress queues: who is charged for what a port leaves behind, and bursts to several ports.
#include "base/metric.h"
#include "unit/media/rtp_frame.h"

#define PACKETS 8u

static struct flow_state charged[PACKETS];

// A burst that has passed rewrite: packet i leaves by ports[i], or not at all.
static struct burst *burst_to(const uint8_t *ports, uint32_t count)
{
	struct rtp_frame frame = frame_of_a(1);

	memset(charged, 0, sizeof(charged));
	for (uint32_t i = 0; i < count; i++)
		frame_put(i, &frame, FRAME - 42);
	struct burst *burst = bed_burst(0, count, START);
	for (uint32_t i = 0; i < count; i++) {
		burst->packets[i].state = &charged[i];
		burst->packets[i].tx_port = ports[i];
		if (ports[i] == UINT8_MAX)
			packet_drop(&burst->packets[i], DROP_NO_PEER);
		else
			burst->octets += FRAME;
	}
	return burst;
}

static void test_whole_burst(void **state)
{
	const uint8_t ports[PACKETS] = { 1, 1, 1, 1, 1, 1, 1, 1 };

	(void)state;
	struct burst *burst = burst_to(ports, PACKETS);
	transmit_burst(&bed.lane, burst);
	assert_int_equal(bed.ports[1].count, PACKETS);
	assert_true(burst->is_sent);
	assert_int_equal(metric_read(&bed.lane.counters.forwarded), PACKETS);
	assert_int_equal(metric_read(&bed.lane.counters.forwarded_octets), PACKETS * FRAME);
	for (uint32_t i = 0; i < PACKETS; i++) {
		assert_int_equal(charged[i].forwarded, 1);
		assert_ptr_equal(bed.ports[1].sent[i], &bed.mbufs[i].mbuf); // in order
	}
}

static void test_whole_burst_that_does_not_fit(void **state)
{
	const uint8_t ports[PACKETS] = { 1, 1, 1, 1, 1, 1, 1, 1 };

	(void)state;
	struct burst *burst = burst_to(ports, PACKETS);
	bed.ports[1].refuse = 3;
	transmit_burst(&bed.lane, burst);
	assert_false(burst->is_sent);
	assert_int_equal(metric_read(&bed.lane.counters.forwarded), PACKETS - 3);
	assert_int_equal(metric_read(&bed.lane.counters.forwarded_octets), (PACKETS - 3) * FRAME);
	for (uint32_t i = 0; i < PACKETS; i++) {
		bool is_sent = i < PACKETS - 3;
		assert_int_equal(
			burst->packets[i].verdict, is_sent ? VERDICT_SENT : VERDICT_DROP);
		assert_int_equal(charged[i].forwarded, is_sent);
		assert_int_equal(charged[i].dropped_other, !is_sent);
	}
	burst_finish(&bed.lane, burst);
	assert_int_equal(metric_read(&bed.lane.counters.dropped[DROP_TX_FULL]), 3);
}

static void test_two_ports_and_what_was_dropped(void **state)
{
	const uint8_t ports[PACKETS] = { 0, 1, UINT8_MAX, 0, 1, 1, 0, UINT8_MAX };

	(void)state;
	struct burst *burst = burst_to(ports, PACKETS);
	bed.ports[1].refuse = 1;
	transmit_burst(&bed.lane, burst);
	assert_int_equal(bed.ports[0].count, 3);
	assert_int_equal(bed.ports[1].count, 2);
	assert_int_equal(metric_read(&bed.lane.counters.forwarded), 5);
	assert_int_equal(metric_read(&bed.lane.counters.forwarded_octets), 5 * FRAME);
	assert_ptr_equal(bed.ports[0].sent[1], &bed.mbufs[3].mbuf);
	assert_int_equal(burst->packets[5].reason, DROP_TX_FULL);
	assert_int_equal(burst->packets[2].reason, DROP_NO_PEER); // as it was
	assert_int_equal(bed.lane.ports[0].count, 0);             // nothing waits
	assert_int_equal(bed.lane.ports[1].count, 0);
}

static void test_empty_burst(void **state)
{
	(void)state;
	transmit_burst(&bed.lane, burst_to(NULL, 0));
	assert_int_equal(metric_read(&bed.lane.counters.forwarded), 0);
}

#define BED_TEST(name) cmocka_unit_test_setup(name, frame_bed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(test_whole_burst),
		BED_TEST(test_whole_burst_that_does_not_fit),
		BED_TEST(test_two_ports_and_what_was_dropped),
		BED_TEST(test_empty_burst),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

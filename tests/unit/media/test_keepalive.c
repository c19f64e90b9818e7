// Silent far ends are sent something, others nothing, and what is sent is what RFC 6263 calls it.
#include "keepalive.h"

#include "base/metric.h"
#include "proto/rtcp.h"
#include "proto/stun_message.h"
#include "unit/media/rtp_frame.h"
#include "unit/unit.h"

#define SECOND   (1000 * MS)
#define INTERVAL 15u

static struct bed_mbuf own_mbuf;
static struct flow_cfg legs[2];

static struct rte_mbuf *make_mbuf(void *context)
{
	(void)context;
	memset(&own_mbuf.mbuf, 0, sizeof(own_mbuf.mbuf));
	own_mbuf.mbuf.buf_addr = own_mbuf.buffer;
	own_mbuf.mbuf.buf_len = sizeof(own_mbuf.buffer);
	own_mbuf.mbuf.data_off = RTE_PKTMBUF_HEADROOM;
	own_mbuf.mbuf.refcnt = 2;
	own_mbuf.mbuf.nb_segs = 1;
	return &own_mbuf.mbuf;
}

static void publish(void)
{
	for (uint16_t i = 0; i < 2; i++)
		bed_flow(&legs[i]);
	for (uint16_t i = 0; i < 2; i++)
		lane_flow_changed(&bed.lane, i, PORT);
}

static int set_up(void **state)
{
	frame_bed(state);
	bed.lane.mbuf_new = make_mbuf;
	for (uint16_t i = 0; i < 2; i++)
		legs[i] = leg(i, PORT);
	legs[0].keepalive = FLOW_KEEPALIVE_RTP;
	legs[0].keepalive_s = INTERVAL;
	publish();
	return 0;
}

// What the sweep would have sent to A's far end, NULL: nothing.
static const uint8_t *kept(uint64_t now_ns, uint32_t *len)
{
	uint32_t slot = bed.index[PORT];

	bed.ports[0].count = bed.ports[1].count = 0;
	keepalive_run(&bed.lane, &bed.cfg[slot], now_ns);
	assert_int_equal(bed.ports[1].count, 0);
	if (bed.ports[0].count == 0)
		return NULL;
	const uint8_t *frame = rte_pktmbuf_mtod(bed.ports[0].sent[0], const uint8_t *);
	*len = rtp_load16(frame + 38) - 8u;
	assert_int_equal(rtp_load32(frame + 26), OWN_A);
	assert_int_equal(rtp_load16(frame + 34), PORT);
	return frame + 42;
}

static bool is_kept(uint64_t now_ns)
{
	uint32_t len;

	return kept(now_ns, &len) != NULL;
}

static void test_only_when_silent(void **state)
{
	struct rtp_frame frame = frame_of_a(1);
	(void)state;

	frame.at_ns = START + 100 * SECOND;
	assert_int_equal(frame_run(&frame), DROP_NONE);
	assert_false(is_kept(frame.at_ns + 14 * SECOND));
	assert_true(is_kept(frame.at_ns + 15 * SECOND));
	assert_false(is_kept(frame.at_ns + 29 * SECOND));
	assert_true(is_kept(frame.at_ns + 30 * SECOND));
	assert_int_equal(metric_read(&bed.lane.counters.keepalives), 2);
	frame.sequence++;
	frame.at_ns += 40 * SECOND;
	assert_int_equal(frame_run(&frame), DROP_NONE); // it speaks
	assert_false(is_kept(frame.at_ns + 10 * SECOND));
}

// What B sends reaches A and is enough, unless it is held back.
static void test_what_is_sent_to_it_counts(void **state)
{
	uint64_t now_ns = START + 100 * SECOND;
	(void)state;

	bed_state(1, PORT)->last_ns = now_ns - 5 * SECOND;
	assert_false(is_kept(now_ns));
	legs[1].flags = FLOW_DROP;
	publish();
	assert_true(is_kept(now_ns));
}

static void test_where_it_goes(void **state)
{
	struct rtp_frame frame = frame_of_a(1);
	uint64_t now_ns = START + 100 * SECOND;
	uint32_t len;
	(void)state;

	const uint8_t *payload = kept(now_ns, &len);
	assert_non_null(payload);
	assert_int_equal(rtp_load32(payload - 12), FAR_A); // signaled
	assert_int_equal(rtp_load16(payload - 6), RTP_A);
	frame.from = FAR_A + 1;
	frame.at_ns = now_ns;
	assert_int_equal(frame_run(&frame), DROP_NONE);
	payload = kept(now_ns + 20 * SECOND, &len);
	assert_non_null(payload);
	assert_int_equal(rtp_load32(payload - 12), FAR_A + 1); // where it was heard
	legs[0].remote_ip = (struct ip){ 0 };
	legs[0].remote_port = 0;
	publish();
	assert_null(kept(now_ns + 60 * SECOND, &len)); // nobody knows
}

static void test_rtp(void **state)
{
	struct rtp_view view = { 0 };
	uint32_t len;
	(void)state;

	const uint8_t *first = kept(START + 100 * SECOND, &len);
	assert_non_null(first);
	assert_true(rtp_parse(first, len, &view));
	assert_int_equal(view.payload_bytes, 0);
	assert_int_equal(view.payload_type, 20);
	uint16_t sequence = view.seq;
	const uint8_t *second = kept(START + 115 * SECOND, &len);
	assert_true(rtp_parse(second, len, &view));
	assert_int_equal((uint16_t)(view.seq - sequence), 1);
}

static void test_rtcp(void **state)
{
	struct rtcp_walk walk;
	struct rtcp_packet packet;
	uint32_t len;
	(void)state;

	legs[0].keepalive = FLOW_KEEPALIVE_RTCP;
	publish();
	const uint8_t *payload = kept(START + 100 * SECOND, &len);
	assert_int_equal(rtp_demux_of(payload, len), RTP_DEMUX_RTP); // its RTCP is elsewhere
	legs[0].flags = FLOW_RTCP_MUX;
	publish();
	payload = kept(START + 200 * SECOND, &len);
	assert_non_null(payload);
	assert_true(rtcp_is_valid(payload, len));
	walk = rtcp_walk_start(payload, len);
	assert_int_equal(rtcp_next(&walk, &packet), 1);
	assert_int_equal(packet.type, RTCP_RR);
	assert_int_equal(packet.count, 0);
	assert_int_equal(rtcp_next(&walk, &packet), 1);
	assert_int_equal(packet.type, RTCP_SDES);
	assert_int_equal(rtcp_next(&walk, &packet), 0);
}

// Where there is a key nothing may leave in the clear but STUN.
static void test_stun(void **state)
{
	struct stun_message message;
	uint32_t len;
	(void)state;

	for (uint32_t i = 0; i < 2; i++) {
		legs[0].keepalive = i ? FLOW_KEEPALIVE_RTP : FLOW_KEEPALIVE_STUN;
		legs[0].key_tx = i;
		publish();
		const uint8_t *payload = kept(START + (100 + 100 * i) * SECOND, &len);
		assert_non_null(payload);
		assert_int_equal(stun_parse(payload, len, &message), 0);
		assert_int_equal(message.class, STUN_INDICATION);
		assert_true(message.has_fingerprint);
	}
}

static void test_no_method_no_memory(void **state)
{
	(void)state;
	bed.lane.mbuf_new = NULL;
	assert_false(is_kept(START + 100 * SECOND));
	assert_int_equal(metric_read(&bed.lane.counters.departures_lost), 1);
	bed.lane.mbuf_new = make_mbuf;
	legs[0].keepalive = FLOW_KEEPALIVE_NONE;
	publish();
	assert_false(is_kept(START + 200 * SECOND));
	assert_int_equal(metric_read(&bed.lane.counters.keepalives), 0);
}

// The sweep asks for each record.
static void test_sweep_sends(void **state)
{
	(void)state;
	bed.ports[0].count = 0;
	lane_flows_sweep(&bed.lane, 0, BED_FLOWS);
	assert_int_equal(bed.ports[0].count, 1);
	lane_flows_sweep(&bed.lane, 0, BED_FLOWS);
	assert_int_equal(bed.ports[0].count, 1);
}

#define BED_TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(test_only_when_silent),
		BED_TEST(test_what_is_sent_to_it_counts),
		BED_TEST(test_where_it_goes),
		BED_TEST(test_rtp),
		BED_TEST(test_rtcp),
		BED_TEST(test_stun),
		BED_TEST(test_no_method_no_memory),
		BED_TEST(test_sweep_sends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

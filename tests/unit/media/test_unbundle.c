// test_unbundle.c - packets of a shared port reach the record of their line and no other one, also
// where signaling's tables lie. The rest is in tests/golden/packets/bundle*.txt.
#include "bundle.h"
#include "proto/rtp.h"
#include "unit/media/rtp_frame.h"
#include "unit/unit.h"

#define SECURE	   1 // slot
#define TYPE_VIDEO 96
#define VIDEO	   (PORT + 2)

static struct flow_secure secures[SECURE + 1];
static struct bundle bundles[SECURE + 1];

static void publish_group(uint16_t video_port)
{
	struct flow_secure *s = &secures[SECURE];

	*s = (struct flow_secure){ .incarnation = BED_CALL, .serial = s->serial + 1, .port = PORT,
		.components = 1, .mtu = 1200 };
	s->bundle.count = 2;
	s->bundle.members[0] = (struct flow_member){ .port = PORT };
	s->bundle.members[0].payload_types[1] = 1; // 8
	s->bundle.members[1] = (struct flow_member){ .port = video_port };
	s->bundle.members[1].payload_types[TYPE_VIDEO / 8] = 1;
	s->checksum = flow_secure_checksum(s);
}

// Both lines' records on leg A, where they share a port, and on leg B, where they do not.
static int unbundle_bed(void **state)
{
	memset(bundles, 0, sizeof(bundles));
	frame_bed(state);
	bed.lane.view.secures = secures;
	bed.lane.view.key_count = COUNT_OF(secures);
	bed.lane.bundles = bundles;
	publish_group(VIDEO);
	struct flow_cfg audio = leg(0, PORT), video = leg(0, VIDEO);
	struct flow_cfg far_audio = leg(1, PORT), far_video = leg(1, VIDEO);
	audio.secure = SECURE + 1;
	video.bundle_port = PORT;
	bed_flow(&audio);
	bed_flow(&video);
	bed_flow(&far_audio);
	bed_flow(&far_video);
	return 0;
}

static int unbundle_bed_end(void **state)
{
	(void)state;
	bed_fini();
	return 0;
}

static enum drop_reason send_video(uint16_t sequence)
{
	struct rtp_frame frame = frame_of_a(sequence);

	frame.payload_type = TYPE_VIDEO;
	frame.ssrc = 9;
	return frame_run(&frame);
}

// Published anew with one change.
static void change_video(uint16_t bundle_port, uint64_t call_token)
{
	struct flow_cfg video = leg(0, VIDEO);

	video.bundle_port = bundle_port;
	video.call_token = call_token;
	bed_flow(&video);
	lane_flow_changed(&bed.lane, 0, VIDEO);
}

static void test_each_line_counts_its_own(void **state)
{
	struct rtp_frame audio = frame_of_a(1);
	(void)state;
	assert_int_equal(frame_run(&audio), DROP_NONE);
	assert_int_equal(send_video(1), DROP_NONE);
	assert_int_equal(send_video(2), DROP_NONE);
	assert_int_equal(bed_state(0, PORT)->packets, 1);
	assert_int_equal(bed_state(0, VIDEO)->packets, 2);
	assert_int_equal(bed_state(0, VIDEO)->forwarded, 2);
	// the source is the port's business alone
	assert_int_equal(bed_state(0, PORT)->latch[bed_state(0, PORT)->latch_selector & 1].phase,
		FLOW_LATCH_LOCKED);
	assert_int_equal(bed_state(0, VIDEO)->latch[bed_state(0, VIDEO)->latch_selector & 1].phase,
		FLOW_LATCH_NONE);
}

static void test_a_record_that_does_not_share_the_port(void **state)
{
	(void)state;
	change_video(0, 0);
	assert_int_equal(send_video(1), DROP_BUNDLE_UNKNOWN);
	change_video(PORT + 10, 0);
	assert_int_equal(send_video(2), DROP_BUNDLE_UNKNOWN);
	change_video(PORT, 0);
	assert_int_equal(send_video(3), DROP_NONE);
}

static void test_a_line_without_a_record(void **state)
{
	(void)state;
	publish_group(VIDEO + 100);
	lane_headers_expire(&bed.lane);
	assert_int_equal(send_video(1), DROP_BUNDLE_UNKNOWN);
	publish_group(VIDEO);
	lane_headers_expire(&bed.lane);
	assert_int_equal(send_video(2), DROP_NONE);
}

static void test_a_line_of_another_lane(void **state)
{
	uint8_t shard = (uint8_t)shm_media_shard(VIDEO + 2048);
	(void)state;
	assert_int_not_equal(shard, shm_media_shard(PORT));
	struct flow_cfg video = leg(0, VIDEO + 2048);
	video.bundle_port = PORT;
	bed_flow(&video);
	publish_group(VIDEO + 2048);
	bed.lane.shard_lane[shard] = 1;
	assert_int_equal(send_video(1), DROP_BUNDLE_UNKNOWN);
}

// Towards the shared port: source port, far end and key are the port's; a record of another call
// that names it gets nothing of it.
static enum drop_reason send_back(void)
{
	struct rtp_frame frame = frame_of_a(1);

	frame.from = FAR_B;
	frame.from_port = RTP_B;
	frame.to_port = VIDEO;
	frame_put(0, &frame, FRAME - 42);
	uint8_t *ip = bed.mbufs[0].buffer + RTE_PKTMBUF_HEADROOM + 14;
	rtp_store32(ip + 16, OWN_B);
	rtp_store16(ip + 10, 0);
	uint16_t sum = (uint16_t)~sum_fold(sum_header(ip, 20));
	memcpy(ip + 10, &sum, sizeof(sum));
	struct burst *burst = bed_burst(1, 1, frame.at_ns);
	forward_burst(&bed.lane, burst);
	enum drop_reason reason = burst->packets[0].reason;
	burst_finish(&bed.lane, burst);
	return reason;
}

static void test_back_by_the_shared_port(void **state)
{
	(void)state;
	assert_int_equal(send_back(), DROP_NONE);
	const uint8_t *udp = rte_pktmbuf_mtod(bed.ports[0].sent[0], const uint8_t *) + 34;
	assert_int_equal(rtp_load16(udp), PORT);
	assert_int_equal(rtp_load16(udp + 2), RTP_A);
	change_video(PORT, 5);
	lane_headers_expire(&bed.lane);
	assert_int_equal(send_back(), DROP_NO_PEER);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, unbundle_bed, unbundle_bed_end)
	static const struct CMUnitTest tests[] = {
		TEST(test_each_line_counts_its_own),
		TEST(test_a_record_that_does_not_share_the_port),
		TEST(test_a_line_without_a_record),
		TEST(test_a_line_of_another_lane),
		TEST(test_back_by_the_shared_port),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// test_bundle.c - whose packet it is when m= lines share a port (RFC 8843 9.2).
#include "bundle.h"
#include "proto/rtcp.h"
#include "proto/rtp.h"
#include "unit/media/rtp_frame.h"
#include "unit/unit.h"

#define MID_ID 4
#define AUDIO  0
#define VIDEO  1
#define SECURE 2 // slot

static struct flow_secure secures[SECURE + 1];
static struct bundle bundles[SECURE + 1];

static void set_type(struct flow_member *member, uint32_t type)
{
	member->payload_types[type / 8] |= (uint8_t)(1u << type % 8);
}

static struct flow_secure group(void)
{
	struct flow_secure out = { .incarnation = BED_CALL, .serial = 1, .port = PORT,
		.components = 1, .mtu = 1200 };
	struct flow_member *members = out.bundle.members;

	out.bundle.count = 2;
	out.bundle.mid_extension = MID_ID;
	members[AUDIO] = (struct flow_member){ .port = PORT, .mid_bytes = 5, .mid = "audio" };
	members[VIDEO] = (struct flow_member){
		.port = PORT + 2, .mid_bytes = 5, .mid = "video", .ssrc = { 55, 0, 56, 0 } };
	set_type(&members[AUDIO], 8);
	set_type(&members[AUDIO], 111);
	set_type(&members[VIDEO], 96);
	set_type(&members[AUDIO], 101); // of both: of nobody
	set_type(&members[VIDEO], 101);
	return out;
}

// An RTP packet with that mid, NULL = none. Its length.
static uint32_t rtp_of(uint8_t *out, uint32_t ssrc, uint8_t type, const char *mid)
{
	struct rtp_header header = { .ssrc = ssrc, .payload_type = type };
	uint32_t bytes = mid ? (uint32_t)strlen(mid) : 0, words = (bytes + 4) / 4;

	rtp_build(&header, out);
	if (!mid)
		return RTP_HEADER_BYTES;
	memset(out + 12, 0, 4 + 4 * words);
	out[0] |= 0x10;
	rtp_store16(out + 12, 0xbede);
	rtp_store16(out + 14, (uint16_t)words);
	out[16] = (uint8_t)(MID_ID << 4 | (bytes - 1));
	memcpy(out + 17, mid, bytes);
	return 16 + 4 * words;
}

static int member(const struct bundle *bundle, uint32_t ssrc, uint8_t type, const char *mid)
{
	uint8_t packet[64];
	uint32_t len = rtp_of(packet, ssrc, type, mid);

	return bundle_rtp_member(bundle, packet, len);
}

static void test_mid_then_ssrc_then_type(void **state)
{
	struct flow_secure secure = group();
	struct bundle b;
	(void)state;
	bundle_init(&b, &secure);
	assert_int_equal(member(&b, 1, 8, NULL), AUDIO);
	assert_int_equal(member(&b, 1, 96, NULL), VIDEO);
	assert_int_equal(member(&b, 1, 101, NULL), BUNDLE_NOBODY);
	assert_int_equal(member(&b, 1, 99, NULL), BUNDLE_NOBODY);
	// a=ssrc is stronger than the payload type, a mid stronger than both
	assert_int_equal(member(&b, 55, 8, NULL), VIDEO);
	assert_int_equal(member(&b, 56, 101, NULL), VIDEO);
	assert_int_equal(member(&b, 55, 96, "audio"), AUDIO);
	assert_int_equal(member(&b, 55, 96, "audi"), BUNDLE_NOBODY);
	assert_int_equal(member(&b, 55, 96, "audio2"), BUNDLE_NOBODY);
	// asking teaches nothing
	assert_int_equal(member(&b, 1, 99, "video"), VIDEO);
	assert_int_equal(member(&b, 1, 99, NULL), BUNDLE_NOBODY);
	bundle_hear(&b, 1, VIDEO);
	assert_int_equal(member(&b, 1, 8, NULL), VIDEO);
	bundle_hear(&b, 1, AUDIO);
	assert_int_equal(member(&b, 1, 99, NULL), AUDIO);
	uint8_t none[RTP_HEADER_BYTES - 1] = { 0x80 };
	assert_int_equal(bundle_rtp_member(&b, none, sizeof(none)), BUNDLE_NOBODY);
}

static void test_without_mids(void **state)
{
	struct flow_secure secure = group();
	struct bundle b;
	(void)state;
	secure.bundle.mid_extension = 0;
	bundle_init(&b, &secure);
	assert_int_equal(member(&b, 1, 8, "video"), AUDIO);
	secure = group();
	secure.bundle.members[AUDIO].mid_bytes = 0; // a line without a name has no packets by it
	bundle_init(&b, &secure);
	assert_int_equal(member(&b, 1, 8, "audio"), BUNDLE_NOBODY);
}

static void test_the_longest_silent_source_gives_way(void **state)
{
	struct flow_secure secure = group();
	struct bundle b;
	(void)state;
	memset(secure.bundle.members[VIDEO].ssrc, 0, sizeof(secure.bundle.members[VIDEO].ssrc));
	bundle_init(&b, &secure);
	for (uint32_t ssrc = 1000; ssrc < 1000 + BUNDLE_SOURCES; ssrc++)
		bundle_hear(&b, ssrc, VIDEO);
	bundle_hear(&b, 1000, VIDEO); // heard again: 1001 is the oldest now
	bundle_hear(&b, 2000, VIDEO);
	assert_int_equal(member(&b, 1000, 99, NULL), VIDEO);
	assert_int_equal(member(&b, 1001, 99, NULL), BUNDLE_NOBODY);
	assert_int_equal(member(&b, 2000, 99, NULL), VIDEO);
	b.turn = UINT32_MAX; // comes round: 0 would say free
	bundle_hear(&b, 3000, VIDEO);
	assert_int_equal(member(&b, 3000, 99, NULL), VIDEO);
}

struct rtcp_case {
	const char *what;
	uint8_t bytes[48];
	uint32_t len;
	uint32_t member;
};

// The far side sends SSRC 44 (0x2c) for audio and 45 (0x2d) for video; ours are 11 and 22 (0x16).
static const struct rtcp_case rtcp_cases[] = {
	{ "PLI about video", { 0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 45 }, 12, VIDEO },
	{ "PLI about video from the audio's SSRC",
		{ 0x81, 206, 0, 2, 0, 0, 0, 11, 0, 0, 0, 45 }, 12, VIDEO },
	{ "NACK about audio from the video's SSRC",
		{ 0x81, 205, 0, 3, 0, 0, 0, 22, 0, 0, 0, 44, 0, 1, 0, 0 }, 16, AUDIO },
	{ "PLI about nobody, from video's",
		{ 0x81, 206, 0, 2, 0, 0, 0, 22, 0, 0, 0, 9 }, 12, VIDEO },
	{ "REMB",
		{ 0x8f, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 'R', 'E', 'M', 'B', 1, 8, 0, 0, 0, 0, 0,
			45 },
		24, VIDEO },
	{ "REMB without SSRCs",
		{ 0x8f, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 'R', 'E', 'M', 'B', 0, 8, 0, 0, 0, 0, 0,
			45 },
		24, AUDIO },
	{ "REMB cut short",
		{ 0x8f, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 'R', 'E', 'M', 'B', 1, 8, 0, 0 }, 20,
		AUDIO },
	{ "empty RR, then PLI",
		{ 0x80, 201, 0, 1, 0, 0, 0, 1, 0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 45 }, 20,
		VIDEO },
	{ "RR about video", { 0x81, 201, 0, 7, 0, 0, 0, 1, 0, 0, 0, 45 }, 32, VIDEO },
	{ "RR of video's SSRC", { 0x80, 201, 0, 1, 0, 0, 0, 22 }, 8, VIDEO },
	{ "BYE of video's SSRC", { 0x81, 203, 0, 1, 0, 0, 0, 22 }, 8, VIDEO },
	{ "RR of nobody about nothing", { 0x80, 201, 0, 1, 0, 0, 0, 1 }, 8, AUDIO },
	{ "SSRC 0 is nobody's", { 0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0 }, 12, AUDIO },
	{ "cut off", { 0x81, 206, 0, 9, 0, 0, 0, 1, 0, 0, 0, 45 }, 12, AUDIO },
};

static void test_rtcp(void **state)
{
	static const uint32_t far_ssrc[FLOW_MEMBERS_MAX] = { 44, 45 };
	struct flow_secure secure = group();
	struct bundle b;
	(void)state;
	bundle_init(&b, &secure);
	bundle_hear(&b, 11, AUDIO);
	bundle_hear(&b, 22, VIDEO);
	for (size_t i = 0; i < COUNT_OF(rtcp_cases); i++) {
		const struct rtcp_case *c = &rtcp_cases[i];
		if (bundle_rtcp_member(&b, c->bytes, c->len, far_ssrc) != c->member)
			fail_msg("%s", c->what);
	}
}

// Lanes -------------------------------------------------------------------------------------------

static int bundle_bed(void **state)
{
	memset(bundles, 0, sizeof(bundles));
	memset(secures, 0, sizeof(secures));
	frame_bed(state);
	bed.lane.view.secures = secures;
	bed.lane.view.key_count = COUNT_OF(secures);
	bed.lane.bundles = bundles;
	return 0;
}

static int bundle_bed_end(void **state)
{
	(void)state;
	bed_fini();
	return 0;
}

static void agree(const struct flow_secure *secure)
{
	secures[SECURE] = *secure;
	secures[SECURE].checksum = flow_secure_checksum(&secures[SECURE]);
}

static void test_only_whole_agreements(void **state)
{
	struct flow_secure secure = group();
	struct flow_cfg cfg = leg(0, PORT);
	(void)state;
	cfg.incarnation = BED_CALL;
	assert_false(bundle_take(&bed.lane, &cfg)); // no agreement
	cfg.secure = SECURE + 1;
	assert_false(bundle_take(&bed.lane, &cfg)); // an empty slot
	assert_null(bundle_of(&bed.lane, &cfg));
	agree(&secure);
	assert_true(bundle_take(&bed.lane, &cfg));
	assert_ptr_equal(bundle_of(&bed.lane, &cfg), &bundles[SECURE]);
	bundle_hear(&bundles[SECURE], 77, VIDEO);
	assert_true(bundle_take(&bed.lane, &cfg)); // the same one: what was heard stays
	assert_int_equal(member(&bundles[SECURE], 77, 99, NULL), VIDEO);
	secure.serial++;
	agree(&secure);
	assert_true(bundle_take(&bed.lane, &cfg));
	assert_int_equal(member(&bundles[SECURE], 77, 99, NULL), BUNDLE_NOBODY);
	secures[SECURE].bundle.members[0].port ^= 4; // under the lane's eyes
	assert_false(bundle_take(&bed.lane, &cfg));
	assert_null(bundle_of(&bed.lane, &cfg));
	cfg.secure = COUNT_OF(secures) + 1; // beyond the slab
	assert_false(bundle_take(&bed.lane, &cfg));
	assert_null(bundle_of(&bed.lane, &cfg));
}

static void test_agreements_of_others(void **state)
{
	struct flow_secure secure = group();
	struct flow_cfg cfg = leg(0, PORT);
	(void)state;
	cfg.incarnation = BED_CALL;
	cfg.secure = SECURE + 1;
	agree(&secure);
	cfg.port = PORT + 4;
	assert_false(bundle_take(&bed.lane, &cfg));
	cfg.port = PORT;
	cfg.media_address = 1;
	assert_false(bundle_take(&bed.lane, &cfg));
	cfg.media_address = 0;
	cfg.kind = FLOW_RTCP;
	assert_false(bundle_take(&bed.lane, &cfg));
	cfg.kind = FLOW_RTP;
	cfg.incarnation = BED_CALL + 1;
	assert_false(bundle_take(&bed.lane, &cfg));
	cfg.incarnation = BED_CALL;
	assert_true(bundle_take(&bed.lane, &cfg));
	secure.bundle.count = 0; // one line only: a port as any other
	agree(&secure);
	assert_false(bundle_take(&bed.lane, &cfg));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mid_then_ssrc_then_type),
		cmocka_unit_test(test_without_mids),
		cmocka_unit_test(test_the_longest_silent_source_gives_way),
		cmocka_unit_test(test_rtcp),
		cmocka_unit_test_setup_teardown(
			test_only_whole_agreements, bundle_bed, bundle_bed_end),
		cmocka_unit_test_setup_teardown(
			test_agreements_of_others, bundle_bed, bundle_bed_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

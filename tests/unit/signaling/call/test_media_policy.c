// What realms and profiles say, and which of them is stronger.
#include "call/media_policy.h"
#include "unit/unit.h"

struct bed {
	struct config config;
	struct config_profile profiles[2];
	struct media_stream streams[2];
	struct media media;
	struct media_owner owner;
};

static struct bed bed;

static int set_up(void **state)
{
	(void)state;
	memset(&bed, 0, sizeof(bed));
	bed.config.realm_count = 2;
	bed.config.profiles = bed.profiles;
	bed.config.profile_count = 2;
	bed.config.realms[0] = (struct config_realm){ .latching = CONFIG_LATCH_ONCE, .dscp = 10 };
	bed.config.realms[1] = (struct config_realm){ .latching = CONFIG_LATCH_STRICT, .dscp = 20 };
	bed.media.streams = bed.streams;
	bed.media.count = 2;
	bed.media.realm[CALL_LEG_B] = 1;
	bed.owner.profile[CALL_LEG_B] = 1;
	bed.streams[0].is_audio = bed.streams[0].is_open = true;
	bed.streams[1].is_open = true;
	return 0;
}

static struct flow_cfg fill(uint32_t stream, enum call_side side, uint32_t which)
{
	struct media_place place = { .stream = stream, .side = side, .which = which };
	struct flow_cfg cfg = { .flags = FLOW_RTCP_MUX };

	media_policy_fill(&bed.media, &bed.config, &bed.owner, &place, &cfg);
	assert_true(cfg.flags & FLOW_RTCP_MUX);
	return cfg;
}

static void test_latching(void **state)
{
	static const struct {
		enum config_latching realm;
		enum profile_latching profile;
		enum flow_latch_mode expected;
	} rows[] = {
		{ CONFIG_LATCH_STRICT, PROFILE_LATCHING_REALM, FLOW_LATCH_STRICT },
		{ CONFIG_LATCH_ONCE, PROFILE_LATCHING_REALM, FLOW_LATCH_ONCE },
		{ CONFIG_LATCH_PROOF, PROFILE_LATCHING_REALM, FLOW_LATCH_PROOF },
		{ CONFIG_LATCH_PROOF, PROFILE_LATCHING_STRICT, FLOW_LATCH_STRICT },
		{ CONFIG_LATCH_STRICT, PROFILE_LATCHING_ONCE, FLOW_LATCH_ONCE },
		{ CONFIG_LATCH_ONCE, PROFILE_LATCHING_PROOF, FLOW_LATCH_PROOF },
	};
	(void)state;

	for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
		bed.config.realms[0].latching = rows[i].realm;
		bed.profiles[0].media.latching = rows[i].profile;
		assert_int_equal(fill(0, CALL_LEG_A, 0).latch_mode, rows[i].expected);
		assert_int_equal(fill(0, CALL_LEG_A, 1).latch_mode, rows[i].expected);
		assert_int_equal(fill(0, CALL_LEG_B, 0).latch_mode, FLOW_LATCH_STRICT);
	}
	// Nobody sends to the RTCP port of a far end that muxes: there is nothing to learn.
	bed.streams[0].remote[CALL_LEG_A].is_mux = true;
	assert_int_equal(fill(0, CALL_LEG_A, 1).latch_mode, FLOW_LATCH_STRICT);
	assert_int_equal(fill(0, CALL_LEG_A, 0).latch_mode, FLOW_LATCH_PROOF);
}

// What comes from A leaves for B: with B's mark, at A's rate.
static void test_marks_and_rates(void **state)
{
	(void)state;
	bed.profiles[0].media.rate_max = 300;
	assert_int_equal(fill(0, CALL_LEG_A, 0).dscp, 20);
	assert_int_equal(fill(0, CALL_LEG_B, 0).dscp, 10);
	bed.profiles[1].media.has_dscp = true;
	assert_int_equal(fill(0, CALL_LEG_A, 0).dscp, 0);
	assert_int_equal(fill(0, CALL_LEG_B, 0).dscp, 10);
	assert_int_equal(fill(0, CALL_LEG_A, 0).rate_pps_max, 300);
	assert_int_equal(fill(0, CALL_LEG_A, 1).rate_pps_max, 300);
	assert_int_equal(fill(0, CALL_LEG_B, 0).rate_pps_max, 0);
}

// One audio stream of a port that is its own.
static void test_anchor(void **state)
{
	(void)state;
	assert_int_equal(fill(0, CALL_LEG_A, 0).flags & FLOW_ANCHOR, 0);
	bed.profiles[0].media.anchor = true;
	assert_true(fill(0, CALL_LEG_A, 0).flags & FLOW_ANCHOR);
	assert_true(fill(0, CALL_LEG_A, 1).flags & FLOW_ANCHOR);
	assert_int_equal(fill(0, CALL_LEG_B, 0).flags & FLOW_ANCHOR, 0);
	assert_int_equal(fill(1, CALL_LEG_A, 0).flags & FLOW_ANCHOR, 0); // video
	bed.streams[1].is_bundled = true;
	assert_int_equal(fill(0, CALL_LEG_A, 0).flags & FLOW_ANCHOR, 0);
}

static void test_keepalive(void **state)
{
	(void)state;
	bed.profiles[0].media.keepalive = PROFILE_KEEPALIVE_RTCP;
	bed.profiles[0].media.keepalive_ms = 15000;
	assert_int_equal(fill(0, CALL_LEG_A, 0).keepalive, FLOW_KEEPALIVE_RTCP);
	assert_int_equal(fill(0, CALL_LEG_A, 0).keepalive_s, 15);
	assert_int_equal(fill(0, CALL_LEG_A, 1).keepalive, FLOW_KEEPALIVE_NONE);
	assert_int_equal(fill(0, CALL_LEG_B, 0).keepalive, FLOW_KEEPALIVE_NONE);
	bed.streams[0].remote[CALL_LEG_A].is_blackhole = true; // RFC 3264 8.4: nothing goes there
	assert_int_equal(fill(0, CALL_LEG_A, 0).keepalive, FLOW_KEEPALIVE_NONE);
	bed.streams[0] = (struct media_stream){ .kind = FLOW_OPAQUE };
	assert_int_equal(fill(0, CALL_LEG_A, 0).keepalive, FLOW_KEEPALIVE_NONE);
}

#define BED_TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(test_latching),
		BED_TEST(test_marks_and_rates),
		BED_TEST(test_anchor),
		BED_TEST(test_keepalive),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

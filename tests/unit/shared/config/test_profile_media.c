// Keys of profiles.NAME.media.
#include "loader.h"

static struct loader_fixture f;

static void test_dscp(void **state)
{
	static const struct {
		const char *text;
		int dscp; // -1: the realm's, -2: refused
	} cases[] = { { "EF", 46 }, { "AF41", 34 }, { "0", 0 }, { "63", 63 }, { "realm", -1 },
		{ "64", -2 }, { "REALM", -2 }, { "", -2 } };
	(void)state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config_profile profile = { 0 };

		loader_open(&f);
		const char *message = take(&f, "profiles.media.dscp", cases[i].text, &profile);
		assert_int_equal(message != NULL, cases[i].dscp == -2);
		if (message)
			assert_non_null(strstr(message, "expected realm, a DSCP 0..63"));
		else
			assert_int_equal(profile.media.has_dscp, cases[i].dscp >= 0);
		if (cases[i].dscp >= 0)
			assert_int_equal(profile.media.dscp, cases[i].dscp);
		loader_close(&f);
	}
}

static void test_numbers_and_choices(void **state)
{
	static const struct {
		const char *text;
		bool is_good;
	} cases[] = {
		{ "{latching: proof}", true },
		{ "{latching: learn}", false },
		{ "{rate_max: 1000000}", true },
		{ "{rate_max: 1000001}", false },
		{ "{keepalive: {method: empty}}", false },
		{ "{keepalive: {interval: 4s}}", false },
		{ "{keepalive: {interval: 121s}}", false },
		{ "{latching: proof, rate_max: 1000000, anchor: true, "
		  "keepalive: {method: stun, interval: 5s}}", true },
	};
	struct config_profile profile = { 0 };
	(void)state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		loader_open(&f);
		config_walk_map(&f.loader, yaml_of(&f, cases[i].text), config_profile_media_items,
			&profile);
		if ((f.loader.error_count == 0) != cases[i].is_good)
			fail_msg("%s", cases[i].text);
		loader_close(&f);
	}
	assert_int_equal(profile.media.latching, PROFILE_LATCHING_PROOF);
	assert_int_equal(profile.media.rate_max, 1000000);
	assert_int_equal(profile.media.keepalive, PROFILE_KEEPALIVE_STUN);
	assert_int_equal(profile.media.keepalive_ms, 5000);
	assert_true(profile.media.anchor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dscp),
		cmocka_unit_test(test_numbers_and_choices),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

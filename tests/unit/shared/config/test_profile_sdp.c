// Keys of profiles.NAME.sdp: codecs, bodies, and what a whole profile becomes.
#include "loader.h"

#include <stdio.h>
#include <unistd.h>

static struct loader_fixture f;

static void test_codecs(void **state)
{
	static const struct {
		const char *text, *name; // NULL: refused
		uint32_t clock_rate;
		bool is_video;
	} cases[] = {
		{ "PCMA", "PCMA", 0, false },
		{ "audio/L16/16000", "L16", 16000, false },
		{ "telephone-event", "telephone-event", 0, false },
		{ "video/H264", "H264", 0, true },
		{ "VIDEO/H264/90000", "H264", 90000, true },
		{ "video/*", "*", 0, true },
		{ "", NULL, 0, false },
		{ "video/", NULL, 0, false },
		{ "PCMA/", NULL, 0, false },
		{ "PCMA/x", NULL, 0, false },
		{ "PCMA/0", NULL, 0, false },
		{ "PCMA/99999999", NULL, 0, false },
		{ "PC MA", NULL, 0, false },
		{ "opus/48000/2", NULL, 0, false },
		{ "text/t140", NULL, 0, false },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config_profile profile = { 0 };

		loader_open(&f);
		const char *message = take(&f, "profiles.sdp.codecs.deny", cases[i].text, &profile);
		if (!message != (cases[i].name != NULL))
			fail_msg("%s: %s", cases[i].text, message ? message : "no mistake");
		if (message)
			assert_non_null(strstr(message, "expected a codec like PCMA"));
		assert_int_equal(profile.sdp.deny.count, cases[i].name != NULL);
		if (cases[i].name) {
			const struct profile_codec *codec = &profile.sdp.deny.codecs[0];

			assert_true(span_eq(codec->name, span_str(cases[i].name)));
			assert_int_equal(codec->clock_rate, cases[i].clock_rate);
			assert_int_equal(codec->is_video, cases[i].is_video);
		}
		loader_close(&f);
	}
}

static void test_bodies(void **state)
{
	static const char *const good[] = { "application/isup", "application/pidf+xml",
		"application/resource-lists+xml" };
	static const char *const bad[] = { "", "isup", "application/", "/isup", "a/b;c=d", "a/b/c",
		"multipart/mixed", "Application/SDP", "a /b" };
	struct config_profile profile = { 0 };
	(void)state;
	loader_open(&f);
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_null(take(&f, "profiles.sdp.bodies", good[i], &profile));
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		expect_message(bad[i], take(&f, "profiles.sdp.bodies", bad[i], &profile),
			"expected a media type");
	assert_int_equal(profile.sdp.body_count, COUNT_OF(good));
	assert_true(span_eq(profile.sdp.bodies[2], span_str(good[2])));
	loader_close(&f);
}

#define REALMS                                                                                     \
	"version: 1\nnode: {workers: 1}\ndataplane: {devices: {}}\n"                               \
	"realms: {a: {sip: [{udp: 192.0.2.1:5060}], media: {addresses: [192.0.2.8]}}}\n"

static struct config *load(const char *text, uint32_t *errors)
{
	static struct config_error found[8];
	char path[] = "/tmp/muga-profile-XXXXXX";
	int fd = mkstemp(path);
	struct config *config = NULL;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	config_load(path, &config, found, COUNT_OF(found), errors);
	unlink(path);
	return config;
}

static void test_whole(void **state)
{
	uint32_t errors = 0;
	struct config *config = load(REALMS
		"profiles:\n"
		"  sip-i:\n"
		"    sdp:\n"
		"      codecs: {allow: [PCMA, PCMU], prefer: PCMU, strip_telephone_event: true,"
		" ptime: 20}\n"
		"      streams_max: 2\n"
		"      unanchored: pass\n"
		"      unknown: pass\n"
		"      bundle: strip\n"
		"      srtp: required\n"
		"      bodies: [application/isup]\n", &errors);
	(void)state;
	assert_non_null(config);
	assert_int_equal(errors, 0);
	assert_int_equal(config->profile_count, 2);
	const struct profile_sdp *usual = &config->profiles[0].sdp;
	assert_int_equal(usual->allow.count + usual->deny.count + usual->prefer.count, 0);
	assert_int_equal(usual->streams_max, 16);
	assert_int_equal(usual->unanchored, PROFILE_UNANCHORED_REFUSE);
	assert_int_equal(usual->unknown, PROFILE_UNANCHORED_REFUSE);
	assert_int_equal(usual->bundle, PROFILE_BUNDLE_PASS);
	assert_int_equal(usual->srtp, PROFILE_SRTP_OFF);
	assert_int_equal(usual->body_count, 0);
	assert_false(usual->strip_telephone_event);
	const struct profile_sdp *own = &config->profiles[1].sdp;
	assert_int_equal(own->allow.count, 2);
	assert_int_equal(own->prefer.count, 1);
	assert_true(own->strip_telephone_event);
	assert_int_equal(own->ptime_ms, 20);
	assert_int_equal(own->streams_max, 2);
	assert_int_equal(own->unanchored, PROFILE_UNANCHORED_PASS);
	assert_int_equal(own->unknown, PROFILE_UNANCHORED_PASS);
	assert_int_equal(own->bundle, PROFILE_BUNDLE_STRIP);
	assert_int_equal(own->srtp, PROFILE_SRTP_REQUIRED);
	assert_true(span_eq(own->bodies[0], SPAN_LIT("application/isup")));
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codecs),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

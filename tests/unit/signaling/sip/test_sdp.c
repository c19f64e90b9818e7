// Questions about a parsed description: attributes, codecs, hold.
#include "sip/sdp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

static struct sdp_session sdp;
static struct sdp_fault fault;

static void parse(const char *text)
{
	if (sdp_parse(span_str(text), &sdp, &fault))
		fail_msg("line %u: %s", fault.line, fault.reason);
}

static void codecs(void **state)
{
	struct sdp_codec codec;
	(void)state;
	parse("v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 1.2.3.4\r\nt=0 0\r\n"
		"m=audio 4000 RTP/AVP 0 111 18 96 97 98\r\na=rtpmap:111 opus/48000/2\r\n"
		"a=fmtp:111 minptime=10; useinbandfec=1\r\na=fmtp:18 annexb=no\r\n"
		"a=rtpmap:97 broken\r\na=rtpmap:98 x/0\r\nm=image 4002 udptl t38\r\n");
	assert_int_equal(sdp_codec_of(&sdp, 0, 0, &codec), 0);
	assert_true(span_eq(codec.name, SPAN_LIT("PCMU")));
	assert_int_equal(codec.clock_rate, 8000);
	assert_int_equal(codec.channels, 1);
	assert_int_equal(sdp_codec_of(&sdp, 0, 1, &codec), 0);
	assert_true(span_eq(codec.name, SPAN_LIT("opus")));
	assert_int_equal(codec.channels, 2);
	assert_true(span_eq(codec.fmtp, SPAN_LIT("minptime=10; useinbandfec=1")));
	assert_int_equal(sdp_codec_of(&sdp, 0, 2, &codec), 0);
	assert_true(span_eq(codec.fmtp, SPAN_LIT("annexb=no")));
	assert_int_equal(sdp_codec_of(&sdp, 0, 3, &codec), -ENOENT);
	assert_int_equal(sdp_codec_of(&sdp, 0, 4, &codec), -EINVAL);
	assert_int_equal(sdp_codec_of(&sdp, 0, 5, &codec), -EINVAL);
	assert_int_equal(sdp_codec_of(&sdp, 1, 0, &codec), -ENOENT);
}

static void hold(void **state)
{
	static const struct {
		const char *address, *attr;
		bool is_held;
	} cases[] = { { "IP4 1.2.3.4", "sendrecv", false }, { "IP4 1.2.3.4", "recvonly", false },
		{ "IP4 1.2.3.4", "sendonly", true }, { "IP4 1.2.3.4", "inactive", true },
		{ "IP4 0.0.0.0", "sendrecv", true }, { "IP6 ::", "sendrecv", true },
		{ "IP4 host.example", "sendrecv", false } };
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512];
		snprintf(text, sizeof(text), "v=0\no=- 1 1 IN IP4 1.2.3.4\nc=IN %s\nt=0 0\n"
			"m=audio 4 RTP/AVP 0\na=%s\n", cases[i].address, cases[i].attr);
		parse(text);
		if (sdp_media_is_held(&sdp.media[0]) != cases[i].is_held)
			fail_msg("%s %s", cases[i].address, cases[i].attr);
		assert_string_equal(sdp_direction_name(sdp.media[0].direction), cases[i].attr);
	}
}

static void attributes(void **state)
{
	struct span format, rest;
	(void)state;
	parse("v=0\no=- 1 1 IN IP4 1.2.3.4\nc=IN IP4 1.2.3.4\nt=0 0\na=ice-lite\n"
		"m=audio 4 RTP/AVP 96\na=rtpmap:96 x/8000\na=X-own:1\n");
	assert_non_null(sdp_find(&sdp, -1, SDP_ATTR_ICE_LITE));
	assert_null(sdp_find(&sdp, 0, SDP_ATTR_ICE_LITE));
	const struct sdp_attr *attr = sdp_find(&sdp, 0, SDP_ATTR_RTPMAP);
	assert_non_null(attr);
	assert_true(sdp_attr_format(attr, &format, &rest));
	assert_true(span_eq(format, SPAN_LIT("96")));
	assert_true(span_eq(rest, SPAN_LIT("x/8000")));
	assert_non_null(sdp_find(&sdp, 0, SDP_ATTR_OTHER));
	assert_int_equal(sdp_attr_class(SDP_ATTR_CANDIDATE), SDP_CLASS_ICE);
	assert_int_equal(sdp_attr_class(SDP_ATTR_OTHER), SDP_CLASS_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codecs),
		cmocka_unit_test(hold),
		cmocka_unit_test(attributes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Session descriptions: what is taken, what is refused and where.
#include "sip/sdp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct sdp_session sdp;
static struct sdp_fault fault;

#define HEAD "v=0\r\no=alice 2890844526 7 IN IP4 192.0.2.10\r\ns=call\r\n"

static int parse(const char *text)
{
	return sdp_parse(span_str(text), &sdp, &fault);
}

static void assert_span(struct span s, const char *text)
{
	assert_true(span_eq(s, span_str(text)));
}

static void test_audio_offer(void **state)
{
	(void)state;
	assert_int_equal(parse(HEAD "c=IN IP4 192.0.2.10\r\nt=0 0\r\n"
		"m=audio 49170 RTP/AVP 0 8 97\r\na=rtpmap:97 iLBC/8000\r\na=fmtp:97 mode=30\r\n"
		"a=rtcp:53020 IN IP4 192.0.2.11\r\na=sendonly\r\n"), 0);
	assert_span(sdp.username, "alice");
	assert_span(sdp.session_id, "2890844526");
	assert_int_equal(sdp.media_count, 1);
	const struct sdp_media *m = &sdp.media[0];
	assert_int_equal(m->port, 49170);
	assert_true(m->is_rtp);
	assert_false(m->is_secure);
	assert_int_equal(m->format_count, 3);
	assert_int_equal(m->direction, SDP_SENDONLY);
	assert_int_equal(m->rtcp_port, 53020);
	struct ip want;
	assert_int_equal(ip_parse(SPAN_LIT("192.0.2.11"), &want), 0);
	assert_true(ip_eq(&m->rtcp_ip, &want));
	struct sdp_codec codec;
	assert_int_equal(sdp_codec_of(&sdp, 0, 0, &codec), 0);
	assert_span(codec.name, "PCMU");
	assert_int_equal(sdp_codec_of(&sdp, 0, 2, &codec), 0);
	assert_span(codec.name, "iLBC");
	assert_int_equal(codec.clock_rate, 8000);
	assert_span(codec.fmtp, "mode=30");
}

static void test_session_level_is_inherited(void **state)
{
	(void)state;
	assert_int_equal(parse(HEAD "c=IN IP6 2001:db8::1\nt=0 0\na=inactive\n"
		"m=audio 4000 RTP/SAVPF 111\na=rtpmap:111 opus/48000/2\n"
		"m=video 4002 RTP/AVP 99\nc=IN IP4 192.0.2.9\na=recvonly\na=rtcp-mux\n"), 0);
	assert_int_equal(sdp.media_count, 2);
	assert_true(sdp.media[0].is_secure);
	assert_true(sdp.media[0].connection.is_ip6);
	assert_int_equal(sdp.media[0].direction, SDP_INACTIVE);
	assert_false(sdp.media[0].has_rtcp_mux);
	assert_true(sdp.media[1].has_own_connection);
	assert_int_equal(sdp.media[1].direction, SDP_RECVONLY);
	assert_true(sdp.media[1].has_rtcp_mux);
	struct sdp_codec codec;
	assert_int_equal(sdp_codec_of(&sdp, 0, 0, &codec), 0);
	assert_int_equal(codec.channels, 2);
	assert_int_equal(sdp_codec_of(&sdp, 1, 0, &codec), -ENOENT);
}

static void test_hold(void **state)
{
	(void)state;
	static const struct {
		const char *lines;
		bool is_held;
	} cases[] = {
		{ "c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n", false },
		{ "c=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 0\r\n", true },
		{ "c=IN IP6 ::\r\nm=audio 4000 RTP/AVP 0\r\n", true },
		{ "c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\na=sendonly\r\n", true },
		{ "c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\na=recvonly\r\n", false },
		{ "c=IN IP4 192.0.2.1\r\na=inactive\r\nm=audio 4000 RTP/AVP 0\r\n", true },
		{ "c=IN IP4 phone.example\r\nm=audio 4000 RTP/AVP 0\r\n", false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512];
		snprintf(text, sizeof(text), HEAD "%s", cases[i].lines);
		assert_int_equal(parse(text), 0);
		assert_int_equal(sdp_media_is_held(&sdp.media[0]), cases[i].is_held);
	}
}

static void test_refusals(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint32_t line;
		const char *reason;
	} cases[] = {
		{ "", 0, "SDP does not begin with v=" },
		{ "o=- 1 1 IN IP4 192.0.2.1\r\nv=0\r\n", 1, "SDP does not begin with v=" },
		{ "v=1\r\n", 1, "Unknown SDP version" },
		{ "v=0\r\ns=-\r\n", 2, "SDP without o= line" },
		{ "v=0\r\no=- x 1 IN IP4 192.0.2.1\r\n", 2, "Malformed o= line" },
		{ "v=0\r\no=- 1 1 IN IP5 192.0.2.1\r\n", 2, "Malformed address in o= line" },
		{ HEAD "o=- 1 1 IN IP4 192.0.2.1\r\n", 4, "Second o= line" },
		{ HEAD "c=IN IP4 192.0.2.1/x\r\n", 4, "Malformed c= line" },
		{ HEAD "c=IN IP4\r\n", 4, "Malformed c= line" },
		{ HEAD "m=audio 70000 RTP/AVP 0\r\n", 4, "Malformed m= line" },
		{ HEAD "m=audio -1 RTP/AVP 0\r\n", 4, "Malformed m= line" },
		{ HEAD "m=audio 4000/0 RTP/AVP 0\r\n", 4, "Malformed m= line" },
		{ HEAD "m=audio 4000 RTP/AVP\r\n", 4, "Malformed m= line" },
		{ HEAD "m=audio 4000 RTP/AVP 0\r\n", 4, "Media without c= line" },
		{ HEAD "c=IN IP4 192.0.2.1\r\nm=audio 1 RTP/AVP 0\r\na=rtcp:x\r\n", 6,
			"Malformed a=rtcp" },
		{ HEAD "a=\r\n", 4, "Malformed a= line" },
		{ HEAD "nonsense\r\n", 4, "SDP line is not type=value" },
		{ HEAD "i=a\rb\r\n", 4, "CR inside an SDP line" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].text), -EINVAL);
		assert_string_equal(fault.reason, cases[i].reason);
		assert_int_equal(fault.line, cases[i].line);
	}
}

static void test_limits(void **state)
{
	(void)state;
	static char text[SDP_TEXT_MAX + 2];
	uint32_t len = (uint32_t)snprintf(text, sizeof(text), HEAD "c=IN IP4 192.0.2.1\r\n");
	for (uint32_t i = 0; i <= SDP_MEDIA_MAX; i++)
		len += (uint32_t)snprintf(
			text + len, sizeof(text) - len, "m=audio %u RTP/AVP 0\r\n", i);
	assert_int_equal(parse(text), -EINVAL);
	assert_string_equal(fault.reason, "Too many m= lines");

	len = (uint32_t)snprintf(
		text, sizeof(text), HEAD "c=IN IP4 192.0.2.1\r\nm=audio 2 RTP/AVP");
	for (int i = 0; i < 65; i++)
		len += (uint32_t)snprintf(text + len, sizeof(text) - len, " %d", i);
	assert_int_equal(parse(text), -EINVAL);
	assert_string_equal(fault.reason, "Too many formats in m= line");

	len = (uint32_t)snprintf(text, sizeof(text), HEAD);
	for (int i = 0; i < 513; i++)
		len += (uint32_t)snprintf(text + len, sizeof(text) - len, "a=x%d\r\n", i);
	assert_int_equal(parse(text), -EINVAL);
	assert_string_equal(fault.reason, "Too many attributes");

	memset(text, 'a', sizeof(text));
	assert_int_equal(sdp_parse(span_make(text, SDP_TEXT_MAX + 1), &sdp, &fault), -EINVAL);
	assert_string_equal(fault.reason, "SDP too long");
}

// Every prefix of a good description is either taken or refused; nothing is read past its end.
static void test_truncations(void **state)
{
	(void)state;
	static const char text[] = HEAD "c=IN IP4 224.2.1.1/127/3\r\nt=0 0\r\n"
					"m=audio 49170/2 RTP/AVP 0 96\r\na=rtpmap:96 "
					"opus/48000/2\r\na=rtcp:1 IN IP4 192.0.2.1\r\n";
	for (uint32_t len = 0; len < sizeof(text) - 1; len++) {
		char *copy = malloc(len ? len : 1);
		memcpy(copy, text, len);
		int err = sdp_parse(span_make(copy, len), &sdp, &fault);
		assert_true(err == 0 || err == -EINVAL);
		free(copy);
	}
	assert_int_equal(parse(text), 0);
	assert_true(sdp.connection.is_multicast);
	assert_span(sdp.connection.suffix, "/127/3");
	assert_int_equal(sdp.media[0].port_count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_audio_offer),
		cmocka_unit_test(test_session_level_is_inherited),
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_truncations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

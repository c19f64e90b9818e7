// Filter and order of payload formats, by lists of either side. Whole calls: golden/sdp-calls.
#include "call/codec.h"

#include "unit/unit.h"

#include <stdio.h>

#define HEAD  "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
#define AUDIO                                                                                      \
	HEAD "m=audio 4000 RTP/AVP 96 0 8 13 101 102\r\na=rtpmap:96 opus/48000/2\r\n"              \
	     "a=rtpmap:101 telephone-event/8000\r\na=rtpmap:102 Telephone-Event/48000\r\n"
#define VIDEO                                                                                      \
	HEAD "m=video 4000 RTP/AVPF 96 97 98 99 100\r\na=rtpmap:96 VP8/90000\r\n"                  \
	     "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:98 H264/90000\r\n"             \
	     "a=rtpmap:99 RTX/90000\r\na=fmtp:99 x=1; apt=98\r\na=rtpmap:100 rtx/90000\r\n"

static struct sdp_session sdp;
static struct profile_codec rooms[6][PROFILE_CODECS_MAX];

// "PCMA L16/16000 video/H264"
static struct profile_codec_list list_of(const char *text, uint32_t room)
{
	struct profile_codec_list list = { .codecs = rooms[room] };
	struct span rest = span_str(text ? text : ""), word, name;

	while (span_cut(&rest, ' ', &word)) {
		struct profile_codec *codec = &rooms[room][list.count++];

		*codec = (struct profile_codec){
			.is_video = span_starts(word, SPAN_LIT("video/")) };
		word = span_sub(word, codec->is_video ? 6 : 0, word.len);
		assert_true(span_cut(&word, '/', &name));
		codec->name = name;
		if (word.len)
			assert_int_equal(span_parse_u32(word, 1000000, &codec->clock_rate), 0);
	}
	return list;
}

static void parse(const char *text)
{
	struct sdp_fault fault;

	assert_int_equal(sdp_parse(span_str(text), &sdp, &fault), 0);
}

static void test_lists(void **state)
{
	static const struct {
		const char *text;
		const char *allow, *deny, *prefer;   // of the side that it goes to
		const char *from_allow, *from_deny;
		const char *wanted; // formats, "all", or NULL: nothing is left
	} cases[] = {
		{ AUDIO, NULL, NULL, NULL, NULL, NULL, "all" },
		{ AUDIO, "PCMA", NULL, NULL, NULL, NULL, "8 101 102" },
		{ AUDIO, "pcma PCMU", NULL, NULL, "PCMU", NULL, "0 101 102" },
		{ AUDIO, "opus/48000", NULL, NULL, NULL, NULL, "96 101 102" },
		{ AUDIO, "opus/8000", NULL, NULL, NULL, NULL, NULL },
		{ AUDIO, "PCMA CN", NULL, NULL, NULL, NULL, "8 13 101 102" },
		{ AUDIO, "CN", NULL, NULL, NULL, NULL, NULL },
		{ AUDIO, "video/H264", NULL, NULL, NULL, NULL, "96 0 8 13 101 102" },
		{ AUDIO, NULL, "*", NULL, NULL, NULL, NULL },
		{ AUDIO, NULL, "PCMU CN", NULL, NULL, "opus", "8 101 102" },
		{ AUDIO, NULL, "telephone-event/48000", NULL, NULL, NULL, "96 0 8 13 101" },
		{ AUDIO, "PCMA", "PCMA", NULL, NULL, NULL, NULL },
		{ AUDIO, NULL, NULL, "PCMA PCMU", NULL, NULL, "8 0 96 13 101 102" },
		{ AUDIO, NULL, NULL, "*", NULL, NULL, "96 0 8 13 101 102" },
		{ AUDIO, NULL, NULL, "telephone-event PCMA", NULL, NULL, "101 102 8 96 0 13" },
		{ AUDIO, "PCMU PCMA", NULL, "G729 PCMA", NULL, NULL, "8 0 101 102" },
		{ VIDEO, "PCMA", NULL, NULL, NULL, NULL, "96 97 98 99" },
		{ VIDEO, "video/H264", NULL, NULL, NULL, NULL, "98 99" },
		{ VIDEO, NULL, "video/H264", NULL, NULL, NULL, "96 97" },
		{ VIDEO, NULL, NULL, "video/H264", NULL, NULL, "98 96 97 99" },
		{ VIDEO, NULL, "video/*", NULL, NULL, NULL, NULL },
		{ HEAD "m=audio 4000 RTP/AVP 77 0\r\n", "PCMU", NULL, NULL, NULL, NULL, "0" },
		{ HEAD "m=audio 4000 RTP/AVP 77 0\r\n", NULL, "PCMU", NULL, NULL, NULL, "77" },
		{ HEAD "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 broken\r\n", "PCMU", NULL, NULL,
			NULL, NULL, NULL },
		{ HEAD "m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n", "PCMU",
			NULL, NULL, NULL, NULL, "101" },
		{ HEAD "m=text 4000 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\n", "PCMU", "*", NULL,
			NULL, NULL, "all" },
		{ HEAD "m=image 4000 udptl t38\r\n", "PCMU", "*", NULL, NULL, NULL, "all" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct profile_sdp from = { .allow = list_of(cases[i].from_allow, 0),
			.deny = list_of(cases[i].from_deny, 1) };
		struct profile_sdp to = { .allow = list_of(cases[i].allow, 2),
			.deny = list_of(cases[i].deny, 3), .prefer = list_of(cases[i].prefer, 4) };
		struct sdp_media_rewrite out = { 0 };
		char found[256] = "";
		size_t len = 0;

		parse(cases[i].text);
		bool is_left = codec_choose(&sdp, 0, &from, &to, &out);
		for (uint32_t k = 0; k < out.format_count; k++)
			len += (size_t)snprintf(found + len, sizeof(found) - len, "%s" SPAN_FMT,
				k ? " " : "", SPAN_ARG(sdp.media[0].format[out.format[k]]));
		if (is_left != (cases[i].wanted != NULL))
			fail_msg("case %zu: %s", i, is_left ? found : "nothing is left");
		if (is_left)
			assert_string_equal(len ? found : "all", cases[i].wanted);
	}
}

static void test_events(void **state)
{
	struct profile_sdp plain = { 0 }, strip = { .strip_telephone_event = true };
	struct sdp_media_rewrite out = { 0 };
	(void)state;
	parse(AUDIO);
	assert_true(codec_choose(&sdp, 0, &strip, &plain, &out));
	assert_int_equal(out.format_count, 4);
	out = (struct sdp_media_rewrite){ 0 };
	assert_true(codec_choose(&sdp, 0, &plain, &strip, &out));
	assert_int_equal(out.format_count, 4);
	parse(HEAD "m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n");
	out = (struct sdp_media_rewrite){ 0 };
	assert_false(codec_choose(&sdp, 0, &plain, &strip, &out));
}

static void test_ptime(void **state)
{
	static const struct {
		const char *text;
		uint32_t wanted;
	} cases[] = {
		{ HEAD "m=audio 4000 RTP/AVP 8\r\n", 30 },
		{ HEAD "m=audio 4000 RTP/AVP 8\r\na=maxptime:30\r\n", 30 },
		{ HEAD "m=audio 4000 RTP/AVP 8\r\na=maxptime: 20\r\n", 0 },
		{ HEAD "m=audio 4000 RTP/AVP 8\r\na=maxptime:x\r\n", 30 },
		{ HEAD "m=video 4000 RTP/AVP 31\r\n", 0 },
	};
	struct profile_sdp from = { .ptime_ms = 10 }, to = { .ptime_ms = 30 };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct sdp_media_rewrite out = { 0 };

		parse(cases[i].text);
		assert_true(codec_choose(&sdp, 0, &from, &to, &out));
		assert_int_equal(out.ptime_ms, cases[i].wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_ptime),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

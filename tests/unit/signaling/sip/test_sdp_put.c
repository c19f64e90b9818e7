// Descriptions written back: as they were, and what tests/golden/sdp does not vary.
#include "sip/sdp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct sdp_session sdp;
static struct sip_writer w;
static char buf[4096];

static const char offer[] =
	"v=0\r\no=a 7 8 IN IP4 10.0.0.1\r\ns=x\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"
	"a=sendonly\r\nm=audio 4000 RTP/AVP 0 96 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:96 "
	"opus/48000/2\r\n"
	"a=fmtp:96 x=1\r\na=rtpmap:101 telephone-event/8000\r\na=rtcp-fb:* nack\r\na=rtcp-fb:96 "
	"ccm\r\n"
	"a=recvonly\r\n";

static void assert_written(const char *text)
{
	assert_false(w.is_overflowed);
	if (!span_eq(sip_writer_text(&w), span_str(text)))
		fail_msg("got:\n" SPAN_FMT, SPAN_ARG(sip_writer_text(&w)));
}

static void begin(const char *text)
{
	struct sdp_fault fault;
	if (sdp_parse(span_str(text), &sdp, &fault))
		fail_msg("line %u: %s", fault.line, fault.reason);
	sip_writer_init(&w, buf, sizeof(buf));
}

static struct sdp_rewrite own(void)
{
	return (struct sdp_rewrite){ .username = SPAN_LIT("-"),
		.session_id = 1,
		.session_version = 2,
		.ip = ip_from_v4(0xc0000209),
		.media[0] = { .port = 20000 } };
}

static void as_it_was(void **state)
{
	(void)state;
	begin(offer);
	sdp_put(&w, &sdp);
	assert_written(offer);
}

static void order_becomes_canonical(void **state)
{
	(void)state;
	begin("v=0\nt=0 0\nb=AS:1\ns=\nc=IN IP4 224.2.1.1/127/3\no=- 1 1 IN IP6 "
	      "::1\ni=info\nq=unknown\n"
	      "m=video 5/2 RTP/AVP 31\nb=AS:2\ni=title\n");
	sdp_put(&w, &sdp);
	assert_written("v=0\r\no=- 1 1 IN IP6 ::1\r\ns=-\r\ni=info\r\nc=IN IP4 224.2.1.1/127/3\r\n"
		"b=AS:1\r\nt=0 0\r\nm=video 5/2 RTP/AVP 31\r\ni=title\r\nb=AS:2\r\n");
}

static void formats_and_direction(void **state)
{
	struct sdp_rewrite rewrite = own();
	(void)state;
	begin(offer);
	rewrite.media[0].format_count = 2;
	rewrite.media[0].format[0] = 2;
	rewrite.media[0].format[1] = 0;
	rewrite.media[0].has_direction = true;
	rewrite.media[0].direction = SDP_INACTIVE;
	rewrite.media[0].proto = SPAN_LIT("RTP/AVPF");
	sdp_put_rewritten(&w, &sdp, &rewrite);
	assert_written("v=0\r\no=- 1 2 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
		"m=audio 20000 RTP/AVPF 101 0\r\na=rtpmap:0 PCMU/8000\r\n"
		"a=rtpmap:101 telephone-event/8000\r\na=rtcp-fb:* nack\r\na=inactive\r\n");
}

static void addresses_and_rtcp(void **state)
{
	struct sdp_rewrite rewrite = own();
	(void)state;
	begin("v=0\r\no=a 7 8 IN IP4 10.0.0.1\r\ns=x\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"
	      "m=audio 4000 RTP/AVP 0\r\na=rtcp:9\r\na=rtcp-mux\r\n");
	rewrite.media[0].ip = ip_from_v4(0xc000020a);
	rewrite.media[0].rtcp_port = 20005;
	sdp_put_rewritten(&w, &sdp, &rewrite);
	assert_written("v=0\r\no=- 1 2 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
		       "m=audio 20000 RTP/AVP 0\r\nc=IN IP4 192.0.2.10\r\na=rtcp:20005 IN IP4 "
		       "192.0.2.10\r\n");
}

static void overflow_is_told(void **state)
{
	struct sdp_rewrite rewrite = own();
	(void)state;
	begin(offer);
	w.cap = 100;
	sdp_put_rewritten(&w, &sdp, &rewrite);
	assert_true(w.is_overflowed);
	assert_true(w.len <= 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_it_was),
		cmocka_unit_test(order_becomes_canonical),
		cmocka_unit_test(formats_and_direction),
		cmocka_unit_test(addresses_and_rtcp),
		cmocka_unit_test(overflow_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

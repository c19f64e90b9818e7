// Writing: overflow, escaping, start lines, replies and where they go.
#include "sip/build.h"
#include "sip/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static char buf[2048];
static struct sip_writer w;

static void begin(uint32_t cap)
{
	memset(buf, '#', sizeof(buf));
	sip_writer_init(&w, buf, cap);
}

static void assert_written(const char *text)
{
	if (!span_eq(sip_writer_text(&w), span_str(text)))
		fail_msg("got: " SPAN_FMT, SPAN_ARG(sip_writer_text(&w)));
}

static void overflow_stops_at_the_end(void **state)
{
	(void)state;
	begin(5);
	sip_put_lit(&w, "12345");
	assert_false(w.is_overflowed);
	sip_put(&w, SPAN_NONE);
	assert_false(w.is_overflowed);
	sip_put_char(&w, 'x');
	assert_true(w.is_overflowed);
	sip_put_u64(&w, 12);
	sip_put_value(&w, SPAN_LIT("abc"));
	assert_written("12345");
	assert_int_equal(buf[5], '#');
}

static void numbers_and_addresses(void **state)
{
	struct addr addr = { .port = 5060 };
	(void)state;
	begin(sizeof(buf));
	sip_put_u64(&w, 0);
	sip_put_char(&w, ' ');
	sip_put_u64(&w, UINT64_MAX);
	sip_put_char(&w, ' ');
	ip_parse(SPAN_LIT("2001:db8::1"), &addr.ip);
	sip_put_addr(&w, &addr);
	sip_put_char(&w, ' ');
	addr = (struct addr){ ip_from_v4(0xc0000201), 0 };
	sip_put_addr(&w, &addr);
	assert_written("0 18446744073709551615 [2001:db8::1]:5060 192.0.2.1");
}

static void nothing_breaks_out_of_its_line(void **state)
{
	(void)state;
	begin(sizeof(buf));
	sip_put_header(&w, SIP_HEADER_SUBJECT, SPAN_LIT("a\r\n b\0c"));
	sip_put_header_named(&w, SPAN_LIT("X-Y"), SPAN_LIT("1\r\nVia: z"));
	sip_put_quoted(&w, SPAN_LIT("a\"b\\c\r\n"));
	sip_put_lit(&w, "\r\n");
	sip_put_escaped_user(&w, SPAN_LIT("a b@c;d?e#\xc3/+"));
	assert_written("Subject: a   b c\r\nX-Y: 1  Via: z\r\n\"a\\\"b\\\\c  \"\r\n"
		"a%20b%40c%3Bd%3Fe%23%C3/+");
}

static void whole_request(void **state)
{
	static struct sip_msg msg;
	struct sip_fault fault;
	struct sip_via_out via = { .transport = SPAN_LIT("UDP"), .branch = SPAN_LIT("z9hG4bKq"),
		.sent_by = { ip_from_v4(0xc0000209), 5060 } };
	(void)state;
	begin(sizeof(buf));
	sip_put_request_line(&w, SPAN_LIT("BYE"), SPAN_LIT("sip:a@h"));
	sip_put_via(&w, &via);
	sip_put_header(&w, SIP_HEADER_FROM, SPAN_LIT("<sip:x@y>;tag=1"));
	sip_put_header(&w, SIP_HEADER_TO, SPAN_LIT("<sip:a@h>"));
	sip_put_header(&w, SIP_HEADER_CALL_ID, SPAN_LIT("c"));
	sip_put_cseq(&w, 3, SPAN_LIT("BYE"));
	sip_put_header_u32(&w, SIP_HEADER_MAX_FORWARDS, 70);
	sip_put_body(&w, SPAN_LIT("text/plain"), SPAN_LIT("hello"));
	assert_written("BYE sip:a@h SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKq;rport\r\n"
		"From: <sip:x@y>;tag=1\r\nTo: <sip:a@h>\r\nCall-ID: c\r\nCSeq: 3 BYE\r\n"
		"Max-Forwards: 70\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");
	assert_int_equal(sip_parse(sip_writer_text(&w), &msg, &fault), 0);
}

static const struct {
	const char *via, *top; // of the request, of the answer
	uint16_t port;         // where the answer goes
} replies[] = {
	{ "SIP/2.0/UDP 192.0.2.1:5999;branch=z9hG4bK1",
		"SIP/2.0/UDP 192.0.2.1:5999;branch=z9hG4bK1", 5999 },
	{ "SIP/2.0/UDP 192.0.2.1", "SIP/2.0/UDP 192.0.2.1", 5060 },
	{ "SIP/2.0/UDP host:9;x", "SIP/2.0/UDP host:9;x;received=192.0.2.1", 9 },
	{ "SIP/2.0/UDP 10.0.0.1:9;rport;branch=b",
		"SIP/2.0/UDP 10.0.0.1:9;branch=b;received=192.0.2.1;rport=5070", 5070 },
	{ "SIP/2.0/UDP 10.0.0.1;received=6.6.6.6;rport=7;maddr=9.9.9.9",
		"SIP/2.0/UDP 10.0.0.1;maddr=9.9.9.9;received=192.0.2.1;rport=5070", 5070 },
};

static void replies_repeat_the_request(void **state)
{
	static struct sip_msg msg;
	struct sip_fault fault;
	char text[1024], wanted[1024];
	(void)state;
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		struct sip_reply reply = { .request = &msg,
			.source = { ip_from_v4(0xc0000201), 5070 },
			.status = 404,
			.tag = SPAN_LIT("mine") };
		snprintf(text, sizeof(text),
			"OPTIONS sip:x SIP/2.0\r\nv: %s , SIP/2.0/UDP second\r\n"
			"Via: SIP/2.0/UDP third\r\nf:\r\n <sip:a@h>;tag=1\r\nTo: sip:b\r\ni: c\r\n"
			"Record-Route: <sip:r;lr>\r\nCSeq: 1 OPTIONS\r\n\r\n",
			replies[i].via);
		assert_int_equal(sip_parse(span_str(text), &msg, &fault), 0);
		begin(sizeof(buf));
		sip_put_reply(&w, &reply);
		snprintf(wanted, sizeof(wanted),
			"SIP/2.0 404 Not Found\r\nVia: %s , SIP/2.0/UDP second\r\n"
			"Via: SIP/2.0/UDP third\r\nFrom: <sip:a@h>;tag=1\r\nTo: sip:b;tag=mine\r\n"
			"Call-ID: c\r\nCSeq: 1 OPTIONS\r\n",
			replies[i].top);
		assert_written(wanted);
		struct addr target = sip_reply_target(&msg, &reply.source, SIP_TRANSPORT_UDP);
		assert_true(ip_eq(&target.ip, &reply.source.ip));
		assert_int_equal(target.port, replies[i].port);
	}
	begin(sizeof(buf)); // 100 carries no tag, 180 carries the routes
	sip_put_reply(
		&w, &(struct sip_reply){ .request = &msg, .status = 100, .tag = SPAN_LIT("mine") });
	assert_null(memmem(buf, w.len, "mine", 4));
	assert_null(memmem(buf, w.len, "Record-Route", 12));
	sip_put_reply(&w,
		&(struct sip_reply){ .request = &msg, .status = 180, .has_record_route = true });
	assert_non_null(memmem(buf, w.len, "Record-Route: <sip:r;lr>\r\n", 26));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overflow_stops_at_the_end),
		cmocka_unit_test(numbers_and_addresses),
		cmocka_unit_test(nothing_breaks_out_of_its_line),
		cmocka_unit_test(whole_request),
		cmocka_unit_test(replies_repeat_the_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

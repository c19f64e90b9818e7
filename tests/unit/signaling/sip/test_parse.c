// Whole messages: what is understood, every kind of fault, and whether it can be answered.
#include "guard.h"
#include "sip/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sip_msg msg;
static struct sip_fault fault;

#define START "INVITE sip:bob@h SIP/2.0\r\n"
#define VIA   "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
#define FROM  "From: <sip:a@h>;tag=1\r\n"
#define TO    "To: <sip:b@h>\r\n"
#define ID    "Call-ID: x@y\r\n"
#define CSEQ  "CSeq: 7 INVITE\r\n"
#define HEAD  START VIA FROM TO ID CSEQ

static const struct {
	const char *text;
	enum sip_fault_kind kind; // SIP_FAULT_NONE = accepted
	uint16_t status;
	bool can_answer;
} cases[] = {
	{ HEAD "\r\n", SIP_FAULT_NONE, 0, true },
	{ "\r\n\r\n" HEAD "Content-Length: 0\r\n\r\n", SIP_FAULT_NONE, 0, true },
	{ HEAD "Subject: a\r\n b\r\n\t c\r\n\r\n", SIP_FAULT_NONE, 0, true },
	{ HEAD "Subject \t : x\r\n\r\n", SIP_FAULT_NONE, 0, true },
	{ HEAD "Subject:\r\n\r\n", SIP_FAULT_NONE, 0, true },
	{ HEAD "Subject: \xc3\xa9\xe2\x82\xac\r\n\r\n", SIP_FAULT_NONE, 0, true },
	{ HEAD "Expires: 99999999999\r\n\r\n", SIP_FAULT_NONE, 0, true },
	{ HEAD "Contact: *\r\n\r\n", SIP_FAULT_NONE, 0, true },
	// RFC 3261 7.1: the SIP-Version string is case-insensitive.
	{ "INVITE sip:bob@h sip/2.0\r\n" VIA FROM TO ID CSEQ "\r\n", SIP_FAULT_NONE, 0, true },
	{ "", SIP_FAULT_KEEPALIVE, 0, false },
	{ "\r\n\r\n", SIP_FAULT_KEEPALIVE, 0, false },
	{ "GET / HTTP/1.1\r\n\r\n", SIP_FAULT_NOT_SIP, 0, false },
	{ "garbage", SIP_FAULT_NOT_SIP, 0, false },
	{ "\x16\x03\x01\r\n", SIP_FAULT_NOT_SIP, 0, false },
	{ "INVITE sip:b@h SIP/3.0\r\n" VIA FROM TO ID CSEQ "\r\n", SIP_FAULT_VERSION, 505, true },
	{ "INVITE sip:b@h SIP/x\r\n" VIA FROM TO ID CSEQ "\r\n", SIP_FAULT_START_LINE, 400, true },
	{ "INVITE  sip:b@h SIP/2.0\r\n" VIA FROM TO ID CSEQ "\r\n", SIP_FAULT_START_LINE, 400,
		true },
	{ "INVITE foo:b SIP/2.0\r\n" VIA FROM TO ID CSEQ "\r\n", SIP_FAULT_SCHEME, 416, true },
	{ START FROM TO ID CSEQ "\r\n", SIP_FAULT_MISSING, 400, false },
	{ START VIA TO ID CSEQ "\r\n", SIP_FAULT_MISSING, 400, true },
	{ START VIA FROM ID CSEQ "\r\n", SIP_FAULT_MISSING, 400, true },
	{ START VIA FROM TO CSEQ "\r\n", SIP_FAULT_MISSING, 400, true },
	{ START VIA FROM TO ID "\r\n", SIP_FAULT_MISSING, 400, true },
	{ HEAD TO "\r\n", SIP_FAULT_DUPLICATE, 400, true },
	{ HEAD "t: <sip:b@h>\r\n\r\n", SIP_FAULT_DUPLICATE, 400, true },
	{ HEAD "Max-Forwards: 1\r\nMax-Forwards: 1\r\n\r\n", SIP_FAULT_DUPLICATE, 400, true },
	{ HEAD "Max-Forwards: 256\r\n\r\n", SIP_FAULT_VALUE, 400, true },
	{ HEAD "Max-Forwards: -1\r\n\r\n", SIP_FAULT_VALUE, 400, true },
	{ HEAD "Max-Forwards:\r\n\r\n", SIP_FAULT_VALUE, 400, true },
	{ HEAD "Contact: <sip:a@h\r\n\r\n", SIP_FAULT_VALUE, 400, true },
	{ HEAD "Contact: <sip:a@h>, *\r\n\r\n", SIP_FAULT_VALUE, 400, true },
	{ HEAD "Route: ,\r\n\r\n", SIP_FAULT_VALUE, 400, true },
	{ HEAD "Content-Type: text\r\n\r\n", SIP_FAULT_VALUE, 400, true },
	{ START VIA FROM TO ID "CSeq: 7 BYE\r\n\r\n", SIP_FAULT_CSEQ_METHOD, 400, true },
	{ START VIA FROM TO ID "CSeq: 2147483648 INVITE\r\n\r\n", SIP_FAULT_VALUE, 400, true },
	{ START "Via: SIP/2.0/UDP\r\n" FROM TO ID CSEQ "\r\n", SIP_FAULT_VALUE, 400, false },
	{ HEAD "Content-Length: 5\r\n\r\n1234", SIP_FAULT_LENGTH, 400, true },
	{ HEAD "Content-Length: 99999999999999999999\r\n\r\n", SIP_FAULT_VALUE, 400, true },
	{ HEAD, SIP_FAULT_TRUNCATED, 400, true },
	{ HEAD "Subject: x", SIP_FAULT_TRUNCATED, 400, true },
	{ HEAD "no colon\r\n\r\n", SIP_FAULT_HEADER, 400, true },
	{ HEAD ": empty\r\n\r\n", SIP_FAULT_HEADER, 400, true },
	{ HEAD "Subject: a\nX: b\r\n\r\n", SIP_FAULT_HEADER, 400, true },
	{ HEAD "Subject: a\rb\r\n\r\n", SIP_FAULT_HEADER, 400, true },
	{ HEAD "Subject: a\x01\r\n\r\n", SIP_FAULT_HEADER, 400, true },
	{ HEAD "Subject: \xc3(\r\n\r\n", SIP_FAULT_HEADER, 400, true },
	{ HEAD "Subject: \xed\xa0\x80\r\n\r\n", SIP_FAULT_HEADER, 400, true },
	{ HEAD "Subject: \xc0\x80\r\n\r\n", SIP_FAULT_HEADER, 400, true },
	{ "ACK sip:b@h SIP/2.0\r\n" VIA FROM TO ID "CSeq: 7 BYE\r\n\r\n", SIP_FAULT_CSEQ_METHOD, 0,
		true },
	{ "SIP/2.0 200 OK\r\n" VIA FROM TO ID CSEQ "\r\n", SIP_FAULT_NONE, 0, false },
	{ "SIP/2.0 200\r\n" VIA FROM TO ID CSEQ "\r\n", SIP_FAULT_NONE, 0, false },
	{ "SIP/2.0 99 X\r\n" VIA FROM TO ID CSEQ "\r\n", SIP_FAULT_START_LINE, 0, false },
	{ "SIP/2.0 700 X\r\n" VIA FROM TO ID CSEQ "\r\n", SIP_FAULT_START_LINE, 0, false },
	{ "SIP/1.0 200 OK\r\n" VIA FROM TO ID CSEQ "\r\n", SIP_FAULT_VERSION, 0, false },
	{ "SIP/2.0 200 OK\r\n" VIA FROM TO ID "\r\n", SIP_FAULT_MISSING, 0, false },
};

static void faults(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].text);
		const char *text = guard_place(cases[i].text, len);
		int rc = sip_parse(span_make(text, (uint32_t)len), &msg, &fault);
		if (fault.kind != cases[i].kind || fault.status != cases[i].status ||
			fault.can_answer != cases[i].can_answer || (rc != 0) != (fault.kind != 0))
			fail_msg("case %zu: rc %d kind %d status %u answer %d \"%s\" for:\n%s", i,
				rc, fault.kind, fault.status, fault.can_answer,
				fault.reason ? fault.reason : "", cases[i].text);
	}
}

// However much of a message has come, nothing behind it is touched or believed.
static void every_beginning_is_refused(void **state)
{
	static const char text[] = HEAD "m: \"A\" <sip:a%41@192.0.2.1:5060;user=phone>;q=0.5\r\n"
					"Max-Forwards: 70\r\nContent-Length: 4\r\n\r\nbody";
	const uint32_t whole = sizeof(text) - 1;
	(void)state;
	for (uint32_t len = 0; len < whole; len++) {
		const char *p = guard_place(text, len);
		assert_int_not_equal(sip_parse(span_make(p, len), &msg, &fault), 0);
	}
	assert_int_equal(sip_parse(span_make(guard_place(text, whole), whole), &msg, &fault), 0);
	assert_true(span_eq(msg.body, SPAN_LIT("body")));
}

static void nul_is_refused(void **state)
{
	static const char text[] = HEAD "Subject: a\0b\r\n\r\n";
	(void)state;
	assert_int_not_equal(sip_parse(SPAN_LIT(text), &msg, &fault), 0);
	assert_int_equal(fault.kind, SIP_FAULT_HEADER);
	assert_int_equal(fault.status, 400);
}

static void fields(void **state)
{
	(void)state;
	assert_int_equal(
		sip_parse(SPAN_LIT("INVITE tel:+123 SIP/2.0\r\n"
				   "v: SIP/2.0/UDP h.example:5070;rport;branch=z9hG4bKa , "
				   "SIP/2.0/TCP b\r\nVia: SIP/2.0/UDP c\r\n"
				   "f: \"A \\\" B\" <sip:a@h;x=y>;tag=ft;z\r\nt: "
				   "sip:b@h;tag=tt\r\ni: id\r\ncseq: 009 INVITE\r\n"
				   "m: <sip:a@1.2.3.4:9>, sip:c@d\r\nContact: "
				   "<sip:e@f>\r\nMax-Forwards: 0\r\nExpires: 60\r\n"
				   "c: application/sdp\r\nl: 4\r\nX-Y: z\r\n\r\nbodyEXTRA"),
			&msg, &fault),
		0);
	assert_true(msg.is_request);
	assert_int_equal(msg.method, SIP_METHOD_INVITE);
	assert_int_equal(msg.uri.scheme, SIP_SCHEME_TEL);
	assert_int_equal(msg.via_count, 3);
	assert_true(span_eq(msg.via.branch, SPAN_LIT("z9hG4bKa")));
	assert_int_equal(msg.via.port, 5070);
	assert_true(msg.via.has_rport);
	assert_true(span_eq(msg.from.tag, SPAN_LIT("ft")));
	assert_true(span_eq(msg.from.uri.params, SPAN_LIT("x=y")));
	assert_true(span_eq(msg.to.tag, SPAN_LIT("tt")));
	assert_true(span_eq(msg.call_id, SPAN_LIT("id")));
	assert_int_equal(msg.cseq.number, 9);
	assert_int_equal(msg.contact_count, 3);
	assert_int_equal(msg.contact.uri.port, 9);
	assert_int_equal(msg.max_forwards, 0);
	assert_true(msg.expires == 60);
	assert_true(span_eq(msg.content_type, SPAN_LIT("application/sdp")));
	assert_true(span_eq(msg.body, SPAN_LIT("body")));
	assert_int_equal(msg.header_count, 13);
	assert_true(span_eq(span_sub(msg.raw, msg.raw.len - 4, 4), SPAN_LIT("body")));
}

static void absent_fields(void **state)
{
	(void)state;
	assert_int_equal(sip_parse(SPAN_LIT(HEAD "\r\nall of it"), &msg, &fault), 0);
	assert_int_equal(msg.max_forwards, -1);
	assert_int_equal(msg.content_length, -1);
	assert_true(msg.expires == -1);
	assert_int_equal(msg.contact_count, 0);
	assert_null(sip_msg_header(&msg, SIP_HEADER_CONTACT));
	assert_true(
		span_eq(msg.body, SPAN_LIT("all of it"))); // RFC 3261 18.3: to the datagram's end
}

static void too_many_headers(void **state)
{
	static char text[8192];
	(void)state;
	for (unsigned extra = SIP_HEADERS_MAX - 5; extra <= SIP_HEADERS_MAX - 4; extra++) {
		size_t len = (size_t)snprintf(text, sizeof(text), "%s", HEAD);
		for (unsigned i = 0; i < extra; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "X-%u: y\r\n", i);
		snprintf(text + len, sizeof(text) - len, "\r\n");
		int rc = sip_parse(span_str(text), &msg, &fault);
		assert_int_equal(rc != 0, extra > SIP_HEADERS_MAX - 5);
		assert_int_equal(fault.status, rc ? 513 : 0);
	}
}

static void too_large(void **state)
{
	(void)state;
	char *text = calloc(1, SIP_MESSAGE_MAX + 1);
	assert_non_null(text);
	memcpy(text, HEAD "\r\n", sizeof(HEAD "\r\n"));
	assert_int_equal(sip_parse(span_make(text, SIP_MESSAGE_MAX), &msg, &fault), 0);
	assert_int_not_equal(sip_parse(span_make(text, SIP_MESSAGE_MAX + 1), &msg, &fault), 0);
	assert_int_equal(fault.kind, SIP_FAULT_TOO_LARGE);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults),
		cmocka_unit_test(every_beginning_is_refused),
		cmocka_unit_test(nul_is_refused),
		cmocka_unit_test(fields),
		cmocka_unit_test(absent_fields),
		cmocka_unit_test(too_many_headers),
		cmocka_unit_test(too_large),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

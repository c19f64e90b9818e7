// Values that every message is asked for: lists with commas where they divide and where they do
// not, and what remains of a value that was refused.
#include "guard.h"
#include "sip/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#define VIA  "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
#define REST "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n"

static struct sip_msg msg;
static struct sip_fault fault;

static int parse(const char *first, const char *lines)
{
	char text[1024];
	int len = snprintf(text, sizeof(text), "OPTIONS sip:h SIP/2.0\r\n%s%s" REST, first, lines);
	return sip_parse(span_make(guard_place(text, (size_t)len), (uint32_t)len), &msg, &fault);
}

static void contacts_are_counted(void **state)
{
	static const struct {
		const char *lines;
		int count;         // -1 = refused
		const char *first; // user of the first one
	} cases[] = {
		{ "Contact: <sip:1@h>\r\n", 1, "1" },
		{ "Contact: sip:1@h\r\n", 1, "1" },
		{ "Contact: <sip:1,2@h>\r\n", 1, "1,2" },
		{ "Contact: \"a,b\" <sip:1@h>;x=\"c,d\"\r\n", 1, "1" },
		{ "Contact: \"a,<b\" <sip:1@h>\r\n", 1, "1" },
		{ "Contact: <sip:1@h>,<sip:2@h>\r\n", 2, "1" },
		{ "Contact: , <sip:1@h> ,, sip:2@h,\r\n", 2, "1" },
		{ "Contact: <sip:1,2@h>;q=1,\"x\" <sip:3@h>;y=\",\"\r\n", 2, "1,2" },
		{ "Contact: sip:1@h;x=\"a,b\", sip:2@h\r\n", 2, "1" },
		{ "Contact: <sip:1@h>\r\nm: <sip:2@h>, <sip:3@h>\r\n", 3, "1" },
		{ "Contact: sip:1,2@h\r\n", -1, NULL },
		{ "Contact: <sip:1@h>, <sip:2@h\r\n", -1, NULL },
		{ "Contact: <sip:1@h> x, <sip:2@h>\r\n", -1, NULL },
		{ "Contact: \r\n", -1, NULL },
		{ "Contact: ,\r\n", -1, NULL },
		{ "Contact: *, <sip:1@h>\r\n", -1, NULL },
		{ "Contact: *\r\nContact: <sip:1@h>\r\n", -1, NULL },
		{ "Contact: <sip:1@h>\r\nContact: *\r\n", -1, NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = parse(VIA, cases[i].lines);
		if ((rc != 0) != (cases[i].count < 0))
			fail_msg("%s: %d", cases[i].lines, rc);
		if (rc) {
			assert_int_equal(fault.kind, SIP_FAULT_VALUE);
			assert_int_equal(fault.header, SIP_HEADER_CONTACT);
			continue;
		}
		assert_int_equal(msg.contact_count, cases[i].count);
		assert_true(span_eq(msg.contact.uri.user, span_str(cases[i].first)));
	}
}

// A later line begins anew where an earlier one was refused.
static void a_refused_contact_leaves_nothing(void **state)
{
	(void)state;
	assert_int_not_equal(
		parse(VIA, "Contact: \"A\" <sip:1:2@[::1]:9;x=y>;tag=t, <\r\nContact: <sip:h>\r\n"),
		0);
	assert_int_equal(msg.contact_count, 1);
	assert_false(msg.contact.uri.has_user);
	assert_int_equal(msg.contact.uri.port, 0);
	assert_int_equal(msg.contact.tag.len + msg.contact.display.len + msg.contact.params.len +
			msg.contact.uri.params.len + msg.contact.uri.password.len,
		0);
	assert_true(ip_is_unset(&msg.contact.uri.ip));
}

static void vias_are_counted(void **state)
{
	static const struct {
		const char *lines;
		int count; // -1 = refused
	} cases[] = {
		{ "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport\r\n", 1 },
		{ "v: SIP / 2.0 / UDP 192.0.2.1 : 5060 ; branch = z9hG4bKx\r\n", 1 },
		{ "Via: SIP/2.0/UDP h;x=\"a,b\";branch=z9hG4bKx\r\n", 1 },
		{ "Via: SIP/2.0/UDP h, SIP/2.0/TCP i\r\n", 2 },
		{ "Via: ,SIP/2.0/UDP h ,, SIP/2.0/TCP i,\r\n", 2 },
		{ "Via: SIP/2.0/UDP h\r\nv: anything, really\r\n", 3 },
		{ "Via: SIP/2.0/UDP h;branch=a;branch=b\r\n", -1 },
		{ "Via: SIP/2.0/UDP h;rport=0\r\n", -1 },
		{ "Via: SIP/2.0/UDP h:0\r\n", -1 },
		{ "Via: SIP/2.0/UDP h;ttl=256\r\n", -1 },
		{ "Via: SIP/2.0/UDP h;received=x\r\n", -1 },
		{ "Via: \r\n", -1 },
		{ "Via: ,\r\n", -1 },
		{ "Via: SIP/2.0/UDP h\r\nVia: ,\r\n", -1 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = parse(cases[i].lines, "");
		if ((rc != 0) != (cases[i].count < 0))
			fail_msg("%s: %d", cases[i].lines, rc);
		if (rc == 0)
			assert_int_equal(msg.via_count, cases[i].count);
		else
			assert_int_equal(fault.header, SIP_HEADER_VIA);
	}
}

static void routes_are_checked(void **state)
{
	(void)state;
	assert_int_equal(parse(VIA, "Route: <sip:a;lr>, \"x, y\" <sip:b;lr>\r\n"), 0);
	assert_int_not_equal(parse(VIA, "Route: <sip:a;lr>, sip\r\n"), 0);
	assert_int_equal(fault.header, SIP_HEADER_ROUTE);
	assert_int_not_equal(parse(VIA, "Record-Route: <sip:a;lr\r\n"), 0);
	assert_int_equal(fault.header, SIP_HEADER_RECORD_ROUTE);
	assert_string_equal(fault.reason, "Malformed Record-Route");
}

static void numbers(void **state)
{
	static const struct {
		const char *lines;
		int64_t expires; // -2 = the message is refused
		int32_t max_forwards;
	} cases[] = {
		{ "Expires: 0\r\nMax-Forwards: 255\r\n", 0, 255 },
		{ "Expires: 4294967295\r\n", 4294967295, -1 },
		{ "Expires: 4294967296\r\n", -1, -1 },
		{ "Expires: 0000000000000060\r\n", 60, -1 },
		{ "Expires: 6x\r\nMax-Forwards: 00000000007\r\n", -1, 7 },
		{ "Max-Forwards: 256\r\n", -2, 0 },
		{ "Max-Forwards: 4294967297\r\n", -2, 0 },
		{ "Max-Forwards: 1 2\r\n", -2, 0 },
		{ "Content-Length: 2147483648\r\n", -2, 0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = parse(VIA, cases[i].lines);
		if ((rc != 0) != (cases[i].expires == -2))
			fail_msg("%s: %d", cases[i].lines, rc);
		if (rc)
			continue;
		assert_true(msg.expires == cases[i].expires);
		assert_int_equal(msg.max_forwards, cases[i].max_forwards);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contacts_are_counted),
		cmocka_unit_test(a_refused_contact_leaves_nothing),
		cmocka_unit_test(vias_are_counted),
		cmocka_unit_test(routes_are_checked),
		cmocka_unit_test(numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

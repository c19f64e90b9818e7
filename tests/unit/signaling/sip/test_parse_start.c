// First lines: what is understood of them, and what is reported where.
#include "guard.h"
#include "sip/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#define REST                                                                                       \
	"\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n"     \
	"Call-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n"

static struct sip_msg msg;
static struct sip_fault fault;

static int parse(const char *line)
{
	char text[512];
	int len = snprintf(text, sizeof(text), "%s" REST, line);
	return sip_parse(span_make(guard_place(text, (size_t)len), (uint32_t)len), &msg, &fault);
}

static void request_lines(void **state)
{
	static const struct {
		const char *line;
		enum sip_fault_kind kind;
		uint32_t offset;
		const char *method, *uri; // NULL = not looked at
	} cases[] = {
		{ "INVITE sip:b@h SIP/2.0", SIP_FAULT_NONE, 0, "INVITE", "sip:b@h" },
		{ "INVITE sip:b@h sip/2.0", SIP_FAULT_NONE, 0, "INVITE", "sip:b@h" },
		{ "INVITE tel:+1 SIP/2.0", SIP_FAULT_NONE, 0, "INVITE", "tel:+1" },
		{ "FOO sip:h SIP/2.0", SIP_FAULT_CSEQ_METHOD, 0, "FOO", "sip:h" },
		{ "INVITE foo:b SIP/2.0", SIP_FAULT_SCHEME, 7, "INVITE", "foo:b" },
		{ "INVITE sip:b@h?a=b SIP/2.0", SIP_FAULT_START_LINE, 7, "INVITE", "sip:b@h?a=b" },
		{ "INVITE sip:b@@h SIP/2.0", SIP_FAULT_START_LINE, 7, "INVITE", "sip:b@@h" },
		{ "INVITE <sip:b@h> SIP/2.0", SIP_FAULT_START_LINE, 7, "INVITE", "<sip:b@h>" },
		{ "INVITE  sip:b@h SIP/2.0", SIP_FAULT_START_LINE, 7, "INVITE", NULL },
		{ "INVITE sip:b@h  SIP/2.0", SIP_FAULT_START_LINE, 7, "INVITE", NULL },
		{ "INVITE SIP/2.0", SIP_FAULT_START_LINE, 0, "INVITE", "" },
		{ "INVITE  SIP/2.0", SIP_FAULT_START_LINE, 0, "INVITE", "" },
		{ " SIP/2.0", SIP_FAULT_START_LINE, 0, "", "" },
		{ "\"INVITE sip:b@h SIP/2.0", SIP_FAULT_START_LINE, 0, "", "" },
		{ "\"INVITE sip:b@h SIP/3.0", SIP_FAULT_START_LINE, 0, "", "" },
		{ "INVITE sip:b@h SIP/2.1", SIP_FAULT_VERSION, 14, "INVITE", "sip:b@h" },
		{ "INVITE sip:b@h SIP/22.0", SIP_FAULT_VERSION, 14, "INVITE", "sip:b@h" },
		{ "INVITE sip:b@h SIP/2.", SIP_FAULT_START_LINE, 0, "INVITE", "sip:b@h" },
		{ "INVITE sip:b@h SIP/2.0 ", SIP_FAULT_START_LINE, 0, "INVITE", NULL },
		{ "INVITE sip:b@h SIP/2.0x", SIP_FAULT_START_LINE, 0, "INVITE", "sip:b@h" },
		{ "INVITE sip:b@h HTTP/1.1", SIP_FAULT_NOT_SIP, 0, NULL, NULL },
		{ "INVITE", SIP_FAULT_NOT_SIP, 0, NULL, NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = parse(cases[i].line);
		if (fault.kind != cases[i].kind || fault.offset != cases[i].offset ||
			(rc != 0) != (cases[i].kind != SIP_FAULT_NONE))
			fail_msg("\"%s\": kind %d at %u", cases[i].line, fault.kind, fault.offset);
		assert_true(msg.is_request || fault.kind == SIP_FAULT_NOT_SIP);
		if (cases[i].method)
			assert_true(span_eq(msg.method_text, span_str(cases[i].method)));
		if (cases[i].uri)
			assert_true(span_eq(msg.uri.text, span_str(cases[i].uri)));
	}
}

static void status_lines(void **state)
{
	static const struct {
		const char *line;
		enum sip_fault_kind kind;
		uint16_t status;
		const char *reason;
	} cases[] = {
		{ "SIP/2.0 200 OK", SIP_FAULT_NONE, 200, "OK" },
		{ "sip/2.0 100 ", SIP_FAULT_NONE, 100, "" },
		{ "SIP/2.0 699", SIP_FAULT_NONE, 699, "" },
		{ "SIP/2.0 486 Busy Here ", SIP_FAULT_NONE, 486, "Busy Here " },
		{ "SIP/2.0 099 x", SIP_FAULT_START_LINE, 0, "" },
		{ "SIP/2.0 700 x", SIP_FAULT_START_LINE, 0, "" },
		{ "SIP/2.0 20 OK", SIP_FAULT_START_LINE, 0, "" },
		{ "SIP/2.0 20", SIP_FAULT_START_LINE, 0, "" },
		{ "SIP/2.0 2000 OK", SIP_FAULT_START_LINE, 0, "" },
		{ "SIP/2.0 2x0 OK", SIP_FAULT_START_LINE, 0, "" },
		{ "SIP/2.0  200 OK", SIP_FAULT_START_LINE, 0, "" },
		{ "SIP/2.0", SIP_FAULT_VERSION, 0, "" },
		{ "SIP/3.0 200 OK", SIP_FAULT_VERSION, 0, "" },
		{ "SIP/ 200 OK", SIP_FAULT_VERSION, 0, "" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		parse(cases[i].line);
		if (fault.kind != cases[i].kind || msg.status != cases[i].status)
			fail_msg(
				"\"%s\": kind %d status %u", cases[i].line, fault.kind, msg.status);
		assert_false(msg.is_request);
		assert_false(fault.can_answer);
		assert_int_equal(fault.status, 0);
		assert_true(span_eq(msg.reason, span_str(cases[i].reason)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_lines),
		cmocka_unit_test(status_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

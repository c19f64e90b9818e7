// Methods, lists and reason phrases.
#include "sip/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

static void methods_are_case_sensitive(void **state)
{
	(void)state;
	for (unsigned m = 1; m < SIP_METHOD_COUNT; m++)
		assert_int_equal(sip_method_lookup(span_str(sip_method_name(m))), m);
	assert_int_equal(sip_method_lookup(SPAN_LIT("invite")), SIP_METHOD_OTHER);
	assert_int_equal(sip_method_lookup(SPAN_LIT("INVITEX")), SIP_METHOD_OTHER);
	assert_int_equal(sip_method_lookup(SPAN_LIT("IN")), SIP_METHOD_OTHER);
	assert_int_equal(sip_method_lookup(SPAN_NONE), SIP_METHOD_OTHER);
}

static void lists_cross_lines(void **state)
{
	static const char *const wanted[] = { "\"a,b\" <sip:1@h?x=,>", "<sip:2@h>;q=\"1,2\"",
		"<sip:3@h>", "sip:4@h" };
	static struct sip_msg msg;
	struct sip_fault fault;
	struct sip_list list;
	struct span value;
	(void)state;
	int rc = sip_parse(
		SPAN_LIT("OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
			 "From: sip:a;tag=1\r\nTo: sip:b\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
			 "X-a: 1\r\nk: 100rel , timer\r\nSupported: path\r\n"
			 "P-Asserted-Identity: \"a,b\" <sip:1@h?x=,> ,, "
			 "<sip:2@h>;q=\"1,2\",<sip:3@h>\r\n"
			 "x-A: 2\r\nP-Asserted-Identity: sip:4@h\r\n\r\n"),
		&msg, &fault);
	assert_int_equal(rc, 0);
	sip_list_init(&list, &msg, SIP_HEADER_P_ASSERTED_IDENTITY);
	for (size_t i = 0; i < 4; i++) {
		assert_true(sip_list_next(&list, &value));
		if (!span_eq(value, span_str(wanted[i])))
			fail_msg(SPAN_FMT, SPAN_ARG(value));
	}
	assert_false(sip_list_next(&list, &value));
	assert_true(sip_msg_lists(&msg, SIP_HEADER_SUPPORTED, SPAN_LIT("TIMER")));
	assert_true(sip_msg_lists(&msg, SIP_HEADER_SUPPORTED, SPAN_LIT("path")));
	assert_false(sip_msg_lists(&msg, SIP_HEADER_SUPPORTED, SPAN_LIT("tim")));
	assert_false(sip_msg_lists(&msg, SIP_HEADER_REQUIRE, SPAN_LIT("timer")));
	const struct sip_header *h = sip_msg_find(&msg, SPAN_LIT("X-A"));
	assert_non_null(h);
	assert_true(span_eq(h->value, SPAN_LIT("1")));
	assert_non_null(sip_msg_find(&msg, SPAN_LIT("supported")));
	assert_null(sip_msg_find(&msg, SPAN_LIT("X-B")));
}

static void reasons(void **state)
{
	(void)state;
	assert_string_equal(sip_reason_phrase(486), "Busy Here");
	assert_string_equal(sip_reason_phrase(299), "Unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(methods_are_case_sensitive),
		cmocka_unit_test(lists_cross_lines),
		cmocka_unit_test(reasons),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

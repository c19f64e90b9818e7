// Character classes against the wording of RFC 3261 25.1.
#include "sip/chars.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static void classes_are_the_grammars(void **state)
{
	static const struct {
		unsigned class;
		const char *members;
	} classes[] = {
		{ CHAR_TOKEN, ALNUM "-.!%*_+`'~" },
		{ CHAR_WORD, ALNUM "-.!%*_+`'~()<>:\\\"/[]?{}" },
		{ CHAR_UNRESERVED, ALNUM "-_.!~*'()" },
		{ CHAR_USER, ALNUM "-_.!~*'()&=+$,;?/" },
		{ CHAR_PASSWORD, ALNUM "-_.!~*'()&=+$," },
		{ CHAR_PARAM, ALNUM "-_.!~*'()%+`[]/:&$" },
		{ CHAR_URI_HEADER, ALNUM "-_.!~*'()[]/?:+$=&" },
		{ CHAR_HOST, ALNUM "-._" },
		{ CHAR_HEX, "0123456789abcdefABCDEF" },
		{ CHAR_DIGIT, "0123456789" },
		{ CHAR_URIC, ALNUM "-_.!~*'();/?:@&=+$," },
		{ CHAR_LWS, " \t\r\n" },
		{ CHAR_PHONE, "0123456789abcdefABCDEF*#-.()" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		for (int c = 0; c < 256; c++) {
			bool is_member = c && strchr(classes[i].members, c);
			if (char_is((char)c, classes[i].class) != is_member)
				fail_msg("class %zu, character %d", i, c);
		}
	}
}

static void helpers(void **state)
{
	(void)state;
	assert_int_equal(quoted_skip(SPAN_LIT("\"a\\\"b\"c"), 0), 6);
	assert_int_equal(quoted_skip(SPAN_LIT("\"a\\\""), 0), 0);
	assert_int_equal(quoted_skip(SPAN_LIT("\"\\"), 0), 0);
	assert_true(escape_at(SPAN_LIT("x%4f"), 1));
	assert_false(escape_at(SPAN_LIT("x%4"), 1));
	assert_false(escape_at(SPAN_LIT("%g0"), 0));
	assert_int_equal(run_skip(SPAN_LIT("ab%41c d"), 0, CHAR_UNRESERVED, true), 6);
	assert_int_equal(run_skip(SPAN_LIT("ab%41c d"), 0, CHAR_UNRESERVED, false), 2);
	assert_int_equal(lws_trim(SPAN_LIT(" \r\n\t")).len, 0);
	assert_int_equal(hex_value('f') + hex_value('A') + hex_value('9'), 34);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes_are_the_grammars),
		cmocka_unit_test(helpers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

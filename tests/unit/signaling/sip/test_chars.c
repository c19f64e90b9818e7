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
		{ CHAR_URI_PARAM, ALNUM "-_.!~*'()+`[]/:&$" },
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

static char text[40];

// The run of `classes` in `text`, four at a time against one at a time.
static void check_run(unsigned classes, uint32_t at)
{
	struct span s = span_make(text, sizeof(text));
	uint32_t i = 0;
	while (i < sizeof(text) && char_is(text[i], classes))
		i++;
	assert_int_equal(class_skip(s, 0, classes), i);
	if (at > 5)
		assert_int_equal(class_skip(s, 5, classes), i);
	s.len = at;
	assert_int_equal(class_skip(s, 0, classes), at);
}

// Each byte at each place of a run.
static void runs_end_where_they_end(void **state)
{
	static const unsigned classes[] = { CHAR_TOKEN, CHAR_USER, CHAR_LWS, CHAR_DIGIT,
		CHAR_URI_PARAM, CHAR_TOKEN | CHAR_LWS };
	(void)state;
	for (size_t k = 0; k < sizeof(classes) / sizeof(classes[0]); k++) {
		for (uint32_t n = 0; n < sizeof(text) * 256; n++) {
			uint32_t at = n / 256;
			memset(text, classes[k] == CHAR_LWS ? ' ' : '7', sizeof(text));
			text[at] = (char)n;
			check_run(classes[k], at);
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
		cmocka_unit_test(runs_end_where_they_end),
		cmocka_unit_test(helpers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

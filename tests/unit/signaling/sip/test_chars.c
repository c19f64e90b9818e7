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
		{ CHAR_ABSOLUTE, ALNUM "-_.!~*'();/?:@&=+$,%`[]" },
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
		{ CHAR_ALPHA, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" },
		{ CHAR_DISPLAY, ALNUM "-.!%*_+`'~ \t\r\n" },
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

// The turned table says the same of every byte.
static void rows_are_the_table(void **state)
{
	(void)state;
	for (unsigned k = 0; k < 16 * 256; k++) {
		unsigned class = k / 256, c = k % 256;
		bool is_member = c < 128 && sip_char_rows[class][c % 16] >> (c / 16) & 1;
		assert_int_equal(char_is((char)c, 1u << class), is_member);
	}
}

static void hexadecimal(void **state)
{
	(void)state;
	assert_int_equal(hex_value('f') + hex_value('A') + hex_value('9'), 34);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes_are_the_grammars),
		cmocka_unit_test(rows_are_the_table),
		cmocka_unit_test(hexadecimal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Every length of sequence, its limits, and each way to be wrong.
#include "base/utf8.h"
#include "unit/unit.h"

static void test_valid(void **state)
{
	static const char *const good[] = { "", "a", "12345678", "1234567\xc3\xa9",
		"\xc2\x80\xdf\xbf", "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf",
		"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "12345678\xe2\x82\xac 12345678" };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_true(utf8_is_valid(span_str(good[i])));
	assert_true(utf8_is_valid(span_make("\0\r\n", 3)));
}

static void test_invalid(void **state)
{
	static const char *const bad[] = { "\x80", "\xc3", "\xc3(", "\xc0\x80", "\xc1\xbf",
		"\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82", "\xe2(\xac", "\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf0\x90\x80", "\xff", "12345678\xff",
		"1234567\xc3", "12345678 a\xe2\x82" };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(utf8_is_valid(span_str(bad[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_invalid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

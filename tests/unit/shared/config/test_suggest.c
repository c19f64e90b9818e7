// test_suggest.c - distances and what is near enough to be proposed.
#include "config/suggest.h"
#include "unit/unit.h"

static void test_distance(void **state)
{
	static const struct {
		const char *a, *b;
		uint32_t distance;
	} cases[] = {
		{ "", "", 0 },          { "", "abc", 3 },       { "kitten", "sitting", 3 },
		{ "realm", "relam", 1 }, { "ports", "port", 1 }, { "abc", "abc", 0 },
		{ "ca", "abc", 3 },
	};
	char longer[65];
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct span a = span_str(cases[i].a), b = span_str(cases[i].b);
		assert_int_equal(suggest_distance(a, b), cases[i].distance);
		assert_int_equal(suggest_distance(b, a), cases[i].distance);
	}
	memset(longer, 'x', sizeof longer);
	assert_int_equal(suggest_distance(span_make(longer, 64), SPAN_NONE), 64);
	assert_int_equal(suggest_distance(span_make(longer, 65), SPAN_NONE), UINT32_MAX);
}

static void test_nearest(void **state)
{
	static const struct {
		const char *wanted, *best;
	} cases[] = {
		{ "realsm", "realms" }, { "trunk", "trunks" }, { "route", "routes" },
		{ "zebra", "" },        { "x", "" },           { "verison", "version" },
	};
	static const char *const words[] = { "version", "realms", "trunks", "routes", "to" };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct suggest suggest;
		suggest_init(&suggest, span_str(cases[i].wanted));
		for (size_t w = 0; w < COUNT_OF(words); w++)
			suggest_offer(&suggest, span_str(words[w]));
		assert_true(span_eq(suggest.best, span_str(cases[i].best)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_nearest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

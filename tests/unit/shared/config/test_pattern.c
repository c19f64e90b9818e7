// Expressions of the configuration: what they match, what they may cost, what is refused.
#include "unit/shared/config/patterns.h"

#include <errno.h>

static void replacements(void **state)
{
	static const struct {
		const char *pattern, *subject, *replacement, *result; // NULL: no match
	} cases[] = {
		{ "^0", "030123", "+49", "+4930123" },
		{ "<sip:0([0-9]+)@", "\"A\" <sip:030@x>", "<sip:+49\\1@", "\"A\" <sip:+4930@x>" },
		{ "(a)(b)?", "xac", "[\\1\\2\\0]", "x[aa]c" },
		{ "b", "abab", "-", "a-ab" },
		{ "$", "abc", ";x", "abc;x" },
		{ "", "abc", "x", "xabc" },
		{ ".*", "", "x", "x" },
		{ "\\\\", "a\\b", "\\\\\\\\", "a\\\\b" },
		{ "(?i)ABC", "xabcx", "\\0\\0", "xabcabcx" },
		{ "^x", "abc", "y", NULL },
	};
	char room[64];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct pattern_buffer buffer = { .buf = room, .cap = sizeof room };
		const struct pattern *pattern = pattern_of(cases[i].pattern);
		struct span subject = span_str(cases[i].subject), out = SPAN_NONE;
		int result = pattern_replace(pattern, subject, span_str(cases[i].replacement),
			buffer, &out);

		assert_int_equal(result, cases[i].result ? 1 : 0);
		assert_int_equal(pattern_match(pattern, subject), cases[i].result ? 1 : 0);
		if (cases[i].result && !span_eq(out, span_str(cases[i].result)))
			fail_msg("%s gave " SPAN_FMT, cases[i].pattern, SPAN_ARG(out));
	}
}

static void expansion(void **state)
{
	char room[64];
	struct pattern_buffer buffer = { .buf = room, .cap = sizeof room };
	struct span out;

	(void)state;
	assert_int_equal(pattern_expand(pattern_of("b(.)d"), SPAN_LIT("abcde"), SPAN_LIT("[\\1]"),
				 buffer, &out), 1);
	assert_true(span_eq(out, SPAN_LIT("[c]")));
	assert_int_equal(pattern_expand(pattern_of("x"), SPAN_LIT("abcde"), SPAN_LIT("y"), buffer,
				 &out), 0);
}

static void no_room(void **state)
{
	char room[5];
	struct pattern_buffer buffer = { .buf = room, .cap = sizeof room };
	struct span out = SPAN_LIT("kept");

	(void)state;
	assert_int_equal(pattern_replace(pattern_of("a"), SPAN_LIT("abcde"), SPAN_LIT("xy"),
				 buffer, &out), -ENOSPC);
	assert_true(span_eq(out, SPAN_LIT("kept")));
	assert_int_equal(pattern_replace(pattern_of("a"), SPAN_LIT("abcde"), SPAN_LIT("x"),
				 buffer, &out), 1);
}

// What takes a backtracking matcher centuries is given up.
static void bounded(void **state)
{
	static const char *const patterns[] = { "^(a+)+$", "(a|a)*b", "(.*)*x", "(a?){20}a{20}b" };
	static const char subject[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";

	(void)state;
	for (size_t i = 0; i < COUNT_OF(patterns); i++) {
		int result = pattern_match(pattern_of(patterns[i]), span_str(subject));

		assert_true(result == 0 || result == -E2BIG);
	}
	assert_int_equal(pattern_match(pattern_of("^(a+)+$"), span_str(subject)), -E2BIG);
}

static void refused(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "(", "missing closing parenthesis at byte 2" },
		{ "a{2,1}", "numbers out of order" },
		{ "\\C", "disabled" },
		{ "(*UTF)a", "disabled" },
		{ "(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)", "more than 9 groups" },
	};
	char longest[PATTERN_TEXT_MAX + 2], why[PATTERN_WHY_MAX];
	struct pattern *pattern;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(pattern_new(&arena, span_str(cases[i].text), &pattern, why),
			-EINVAL);
		if (!strstr(why, cases[i].why))
			fail_msg("%s: %s", cases[i].text, why);
	}
	memset(longest, 'a', sizeof longest);
	assert_int_equal(pattern_new(&arena, span_make(longest, PATTERN_TEXT_MAX + 1), &pattern,
				 why), -EINVAL);
	assert_int_equal(pattern_new(&arena, span_make(longest, PATTERN_TEXT_MAX), &pattern, why),
		0);
}

static void groups_named(void **state)
{
	(void)state;
	assert_true(pattern_covers(pattern_of("(a)(b)"), SPAN_LIT("\\0\\1\\2")));
	assert_false(pattern_covers(pattern_of("(a)(b)"), SPAN_LIT("\\3")));
	assert_true(pattern_covers(pattern_of("a"), SPAN_LIT("\\\\1")));
	assert_true(pattern_covers(pattern_of("a"), SPAN_LIT("\\")));
}

static void full_arena(void **state)
{
	struct arena small;
	struct pattern *pattern;
	char why[PATTERN_WHY_MAX];

	(void)state;
	for (size_t limit = 16; limit < 1024; limit += 64) {
		arena_init(&small, limit);
		int err = pattern_new(&small, SPAN_LIT("(a|b)+c"), &pattern, why);
		assert_true(err == 0 || err == -ENOMEM || err == -EINVAL);
		arena_fini(&small);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replacements),
		cmocka_unit_test(expansion),
		cmocka_unit_test(no_room),
		cmocka_unit_test(bounded),
		cmocka_unit_test(refused),
		cmocka_unit_test(groups_named),
		cmocka_unit_test(full_arena),
	};

	return cmocka_run_group_tests(tests, arena_open, arena_close);
}

// test_span.c - comparisons, cutting and number parsing at their edges.
#include "base/span.h"
#include "unit/unit.h"

#include <errno.h>

static void test_compare(void **state)
{
	(void)state;
	assert_true(span_eq(SPAN_LIT("abc"), SPAN_LIT("abc")));
	assert_false(span_eq(SPAN_LIT("abc"), SPAN_LIT("abC")));
	assert_false(span_eq(SPAN_LIT("abc"), SPAN_LIT("ab")));
	assert_true(span_eq(SPAN_NONE, SPAN_LIT("")));
	assert_true(span_ieq(SPAN_LIT("Call-ID"), SPAN_LIT("cALL-id")));
	assert_false(span_ieq(SPAN_LIT("["), SPAN_LIT("{"))); // differ in the case bit only
	assert_false(span_ieq(SPAN_LIT("abc"), SPAN_LIT("abcd")));
	assert_true(span_starts(SPAN_LIT("sip:a"), SPAN_LIT("sip:")));
	assert_false(span_starts(SPAN_LIT("SIP:a"), SPAN_LIT("sip:")));
	assert_true(span_istarts(SPAN_LIT("SIP:a"), SPAN_LIT("sip:")));
	assert_false(span_istarts(SPAN_LIT("si"), SPAN_LIT("sip:")));
	assert_true(span_starts(SPAN_LIT("a"), SPAN_NONE));
}

// Words are compared: at each length and place, every byte against every other one.
// Every pair of bytes at one place of two texts that are equal elsewhere.
static void compare_all_bytes_at(uint32_t at, uint32_t len)
{
	char a[20], b[20];
	memset(a, 'q', sizeof(a));
	memset(b, 'Q', sizeof(b));
	for (int c = 0; c < 256 * 256; c++) {
		int x = c >> 8, y = c & 0xff;
		bool is_letter = (x | 0x20) >= 'a' && (x | 0x20) <= 'z' && x < 128;
		bool is_equal = x == y || (is_letter && (x ^ y) == 0x20);
		a[at] = (char)x;
		b[at] = (char)y;
		if (span_ieq(span_make(a, len), span_make(b, len)) != is_equal)
			fail_msg("%d and %d at %u of %u", x, y, at, len);
	}
}

static void test_compare_without_case(void **state)
{
	(void)state;
	for (uint32_t len = 1; len <= 20; len++)
		for (uint32_t at = 0; at < len; at += len > 9 ? 3 : 1)
			compare_all_bytes_at(at, len);
}

static void test_trim(void **state)
{
	static const struct {
		struct span in, out;
	} cases[] = {
		{ { " \t a b\r\n", 8 }, { "a b", 3 } },
		{ { "a", 1 }, { "a", 1 } },
		{ { " \r\n\t", 4 }, { "", 0 } },
		{ { "", 0 }, { "", 0 } },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_true(span_eq(span_trim(cases[i].in), cases[i].out));
}

static void test_find_and_sub(void **state)
{
	struct span s = SPAN_LIT("a;b;c");
	(void)state;
	assert_int_equal(span_find(s, ';', 0), 1);
	assert_int_equal(span_find(s, ';', 2), 3);
	assert_int_equal(span_find(s, ';', 4), -1);
	assert_int_equal(span_find(s, 'a', 5), -1);
	assert_int_equal(span_find(SPAN_NONE, 'a', 0), -1);
	assert_true(span_eq(span_sub(s, 2, 1), SPAN_LIT("b")));
	assert_true(span_eq(span_sub(s, 2, UINT32_MAX), SPAN_LIT("b;c")));
	assert_true(span_is_empty(span_sub(s, 5, 1)));
	assert_true(span_is_empty(span_sub(s, UINT32_MAX, UINT32_MAX)));
}

static void test_cut(void **state)
{
	struct span rest = SPAN_LIT("a,,b");
	struct span head;
	(void)state;
	assert_true(span_cut(&rest, ',', &head));
	assert_true(span_eq(head, SPAN_LIT("a")));
	assert_true(span_cut(&rest, ',', &head));
	assert_true(span_is_empty(head));
	assert_true(span_cut(&rest, ',', &head));
	assert_true(span_eq(head, SPAN_LIT("b")));
	assert_false(span_cut(&rest, ',', &head));
}

static void test_parse_numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		int err;
		uint64_t value;
	} cases[] = {
		{ "0", 0, 0, 0 },
		{ "65535", 65535, 0, 65535 },
		{ "65536", 65535, -ERANGE, 0 },
		{ "00042", 42, 0, 42 },
		{ "9", 5, -ERANGE, 0 },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, -ERANGE, 0 },
		{ "99999999999999999999999", UINT64_MAX, -ERANGE, 0 },
		{ "", 10, -EINVAL, 0 },
		{ "-1", 10, -EINVAL, 0 },
		{ "+1", 10, -EINVAL, 0 },
		{ " 1", 10, -EINVAL, 0 },
		{ "1 ", 10, -EINVAL, 0 },
		{ "999999x", 10, -EINVAL, 0 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint64_t value = 77;
		int err = span_parse_u64(span_str(cases[i].text), cases[i].max, &value);
		assert_int_equal(err, cases[i].err);
		assert_int_equal(value, err ? 77 : cases[i].value);
	}
	uint32_t small = 5;
	assert_int_equal(span_parse_u32(SPAN_LIT("4294967295"), UINT32_MAX, &small), 0);
	assert_int_equal(small, UINT32_MAX);
	assert_int_equal(span_parse_u32(SPAN_LIT("4294967296"), UINT32_MAX, &small), -ERANGE);
}

static void test_copy(void **state)
{
	char buf[4] = "xxx";
	(void)state;
	assert_int_equal(span_copy(SPAN_LIT("abc"), buf, sizeof buf), 0);
	assert_string_equal(buf, "abc");
	assert_int_equal(span_copy(SPAN_LIT("abcd"), buf, sizeof buf), -ENOSPC);
	assert_string_equal(buf, "");
	assert_int_equal(span_copy(SPAN_NONE, buf, 1), 0);
	assert_int_equal(span_copy(SPAN_NONE, buf, 0), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_compare_without_case),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_find_and_sub),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_parse_numbers),
		cmocka_unit_test(test_copy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// test_value.c - units, ranges and names at their edges.
#include "config/value.h"
#include "unit/unit.h"

#include <errno.h>

static void test_bool(void **state)
{
	bool value = false;
	(void)state;
	assert_int_equal(value_parse_bool(SPAN_LIT("true"), &value), 0);
	assert_true(value);
	assert_int_equal(value_parse_bool(SPAN_LIT("false"), &value), 0);
	assert_false(value);
	assert_int_equal(value_parse_bool(SPAN_LIT("True"), &value), -EINVAL);
	assert_int_equal(value_parse_bool(SPAN_NONE, &value), -EINVAL);
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int err;
		uint32_t ms;
	} cases[] = {
		{ "0", 0, 0 },           { "500ms", 0, 500 },        { "30s", 0, 30000 },
		{ "30 s", 0, 30000 },    { "5m", 0, 300000 },        { "2h", 0, 7200000 },
		{ "49d", 0, 4233600000u }, { "50d", -ERANGE, 0 },    { "5", -EINVAL, 0 },
		{ "5S", -EINVAL, 0 },    { "s", -EINVAL, 0 },        { "-5s", -EINVAL, 0 },
		{ "1.5s", -EINVAL, 0 },  { "5s5", -EINVAL, 0 },      { "", -EINVAL, 0 },
		{ "99999999999999999999s", -ERANGE, 0 },
		{ "18446744073709551615d", -ERANGE, 0 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint32_t ms = 0;
		assert_int_equal(
			value_parse_duration_ms(span_str(cases[i].text), &ms), cases[i].err);
		assert_int_equal(ms, cases[i].ms);
	}
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		int err;
		uint64_t bytes;
	} cases[] = {
		{ "100", 0, 100 },          { "4KiB", 0, 4096 },       { "2GiB", 0, 1ull << 31 },
		{ "1MB", 0, 1000000 },      { "1 kB", 0, 1000 },       { "1Kib", -EINVAL, 0 },
		{ "17179869184GiB", -ERANGE, 0 }, { "GiB", -EINVAL, 0 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint64_t bytes = 0;
		assert_int_equal(value_parse_size(span_str(cases[i].text), &bytes), cases[i].err);
		assert_int_equal(bytes, cases[i].bytes);
	}
}

static void test_ranges(void **state)
{
	uint16_t first = 1, last = 1;
	uint32_t a = 9, b = 9;
	(void)state;
	assert_int_equal(value_parse_ports(SPAN_LIT("20000-60000"), &first, &last), 0);
	assert_true(first == 20000 && last == 60000);
	assert_int_equal(value_parse_ports(SPAN_LIT("20000 - 65535"), &first, &last), 0);
	assert_int_equal(last, 65535);
	assert_int_equal(value_parse_ports(SPAN_LIT("0-5"), &first, &last), -ERANGE);
	assert_int_equal(value_parse_ports(SPAN_LIT("6-5"), &first, &last), -ERANGE);
	assert_int_equal(value_parse_ports(SPAN_LIT("5-65536"), &first, &last), -ERANGE);
	assert_int_equal(value_parse_ports(SPAN_LIT("5"), &first, &last), -EINVAL);
	assert_int_equal(value_parse_ports(SPAN_LIT("5-6-7"), &first, &last), -EINVAL);
	assert_int_equal(value_parse_cpus(SPAN_LIT("3"), &a, &b), 0);
	assert_true(a == 3 && b == 3);
	assert_int_equal(value_parse_cpus(SPAN_LIT("2-1023"), &a, &b), 0);
	assert_true(a == 2 && b == 1023);
	assert_int_equal(value_parse_cpus(SPAN_LIT("1024"), &a, &b), -ERANGE);
	assert_int_equal(value_parse_cpus(SPAN_LIT("x"), &a, &b), -EINVAL);
}

static void test_dscp(void **state)
{
	uint8_t dscp = 0;
	(void)state;
	assert_int_equal(value_parse_dscp(SPAN_LIT("EF"), &dscp), 0);
	assert_int_equal(dscp, 46);
	assert_int_equal(value_parse_dscp(SPAN_LIT("AF41"), &dscp), 0);
	assert_int_equal(dscp, 34);
	assert_int_equal(value_parse_dscp(SPAN_LIT("63"), &dscp), 0);
	assert_int_equal(dscp, 63);
	assert_int_equal(value_parse_dscp(SPAN_LIT("64"), &dscp), -ERANGE);
	assert_int_equal(value_parse_dscp(SPAN_LIT("ef"), &dscp), -EINVAL);
}

static void test_names(void **state)
{
	(void)state;
	assert_true(value_is_name(SPAN_LIT("carrier-a_1")));
	assert_true(value_is_name(SPAN_LIT("abcdefghijklmnopqrstuvwxyz01234")));
	assert_false(value_is_name(SPAN_LIT("abcdefghijklmnopqrstuvwxyz012345")));
	assert_false(value_is_name(SPAN_NONE));
	assert_false(value_is_name(SPAN_LIT("a b")));
	assert_false(value_is_name(SPAN_LIT("a\0b")));
	assert_true(value_is_interface(SPAN_LIT("enp1s0f0.120")));
	assert_false(value_is_interface(SPAN_LIT("sixteen-bytes-xx")));
	assert_false(value_is_interface(SPAN_LIT("..")));
	assert_false(value_is_interface(SPAN_LIT("a/b")));
	assert_true(value_is_user(SPAN_LIT("+49*")));
	assert_false(value_is_user(SPAN_LIT("a@b")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bool),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_dscp),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

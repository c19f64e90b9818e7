// Checksums against RFC 1071's own way of adding, byte pairs in network order.
#include "base/rng.h"
#include "sum.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static uint16_t slow_fold(const uint8_t *at, uint32_t len)
{
	uint32_t sum = 0;
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void test_bytes_any_length(void **state)
{
	uint8_t bytes[300];
	struct rng rng;
	(void)state;
	rng_init(&rng, 7);
	for (uint32_t round = 0; round < 2000; round++) {
		uint32_t len = rng_below(&rng, sizeof(bytes));
		for (uint32_t i = 0; i < len; i++)
			bytes[i] = rng_below(&rng, 3) ? (uint8_t)rng_u64(&rng) : 0xff;
		assert_int_equal(ntohs(sum_fold(sum_bytes(bytes, len))), slow_fold(bytes, len));
	}
}

static void test_fold_edges(void **state)
{
	static const struct {
		uint64_t sum;
		uint16_t folded;
	} cases[] = { { 0, 0 }, { 1, 1 }, { 0xffff, 0xffff }, { 0x10000, 1 }, { 0x1ffff, 1 },
		{ 0xffffffff, 0xffff }, { 0x100000000, 1 }, { 0xffffffffffffffff, 0xffff },
		{ 0x1fffffffe, 0xffff }, { 0x0001000200030004, 10 } };
	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(sum_fold(cases[i].sum), cases[i].folded);
}

static void test_header_with_options(void **state)
{
	uint8_t header[60];
	(void)state;
	for (uint32_t i = 0; i < sizeof(header); i++)
		header[i] = (uint8_t)(i * 37);
	for (uint32_t len = 20; len <= 60; len += 4)
		assert_int_equal(ntohs(sum_fold(sum_header(header, len))), slow_fold(header, len));
}

static void test_header_right(void **state)
{
	uint8_t header[20];
	struct rng rng;
	(void)state;
	rng_init(&rng, 11);
	for (uint32_t round = 0; round < 20000; round++) {
		for (uint32_t i = 0; i < sizeof(header); i++)
			header[i] = rng_below(&rng, 3) ? (uint8_t)rng_u64(&rng) : 0xff;
		header[0] = 0x45;
		header[10] = header[11] = 0;
		uint16_t sum = (uint16_t)~sum_fold(sum_header(header, sizeof(header)));
		memcpy(header + 10, &sum, sizeof(sum));
		assert_true(sum_is_header_right(header));
		header[rng_below(&rng, sizeof(header))] ^= (uint8_t)(1 + rng_below(&rng, 255));
		assert_int_equal(sum_is_header_right(header),
			sum_fold(sum_header(header, sizeof(header))) == 0xffff);
		assert_false(sum_is_header_right(header));
	}
	memset(header, 0xff, sizeof(header));
	assert_true(sum_is_header_right(header));
}

static void test_udp_never_zero(void **state)
{
	(void)state;
	assert_int_equal(sum_field_udp(0xffff), 0xffff);
	assert_int_equal(sum_field_udp(0x1234), 0xedcb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_any_length),
		cmocka_unit_test(test_fold_edges),
		cmocka_unit_test(test_header_with_options),
		cmocka_unit_test(test_header_right),
		cmocka_unit_test(test_udp_never_zero),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// test_stun_message.c - the vectors of RFC 5769, messages there and back, and what must be refused.
#include "base/rng.h"
#include "proto/stun_message.h"
#include "unit/unit.h"

#include <errno.h>

#define PASSWORD SPAN_LIT("VOkJxbRl1RmTxUk/WvJxBt")

// RFC 5769 2.1: request, attributes padded with blanks.
static const uint8_t vector_request[] = { 0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7,
	0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10,
	0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20, 0x63, 0x6c, 0x69, 0x65, 0x6e,
	0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00, 0x08, 0x93, 0x2f,
	0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a, 0x3a,
	0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c,
	0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71,
	0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf };

// RFC 5769 2.2: response over IPv4.
static const uint8_t vector_ipv4[] = { 0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7,
	0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74,
	0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f, 0x72, 0x20, 0x00, 0x20, 0x00, 0x08,
	0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43, 0x00, 0x08, 0x00, 0x14, 0x2b, 0x91, 0xf5,
	0x99, 0xfd, 0x9e, 0x90, 0xc3, 0x8c, 0x74, 0x89, 0xf9, 0x2a, 0xf9, 0xba, 0x53, 0xf0, 0x6b,
	0xe7, 0xd7, 0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96 };

// RFC 5769 2.3: response over IPv6.
static const uint8_t vector_ipv6[] = { 0x01, 0x01, 0x00, 0x48, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7,
	0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74,
	0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f, 0x72, 0x20, 0x00, 0x20, 0x00, 0x14,
	0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4,
	0xb5, 0xbe, 0xd2, 0xb9, 0xd9, 0x00, 0x08, 0x00, 0x14, 0xa3, 0x82, 0x95, 0x4e, 0x4b, 0xe6,
	0x7b, 0xf1, 0x17, 0x84, 0xc9, 0x7c, 0x82, 0x92, 0xc2, 0x75, 0xbf, 0xe3, 0xed, 0x41, 0x80,
	0x28, 0x00, 0x04, 0xc8, 0xfb, 0x0b, 0x4c };

static const uint8_t transaction[STUN_TRANSACTION_BYTES] = "transaction";

static struct addr addr_of(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(span_str(text), 0, &addr), 0);
	return addr;
}

static void test_vector_request(void **state)
{
	struct stun_message m;
	(void)state;
	assert_int_equal(stun_parse(vector_request, sizeof(vector_request), &m), 0);
	assert_int_equal(m.class, STUN_REQUEST);
	assert_int_equal(m.method, STUN_METHOD_BINDING);
	assert_memory_equal(m.transaction, vector_request + 8, STUN_TRANSACTION_BYTES);
	assert_true(span_eq(m.username, SPAN_LIT("evtj:h6vY")));
	assert_int_equal(m.priority, 0x6e0001ff);
	assert_int_equal(m.role, STUN_ROLE_CONTROLLED);
	assert_true(m.tie_breaker == 0x932ff9b151263b36ull);
	assert_true(m.has_fingerprint);
	assert_false(m.is_nominating);
	assert_int_equal(m.unknown_count, 0);
	assert_true(stun_is_authentic(vector_request, &m, PASSWORD));
	assert_false(stun_is_authentic(vector_request, &m, SPAN_LIT("VOkJxbRl1RmTxUk/WvJxBu")));
	assert_false(stun_is_authentic(vector_request, &m, SPAN_NONE));
}

static void test_vector_responses(void **state)
{
	struct addr v4 = addr_of("192.0.2.1:32853");
	struct addr v6 = addr_of("[2001:db8:1234:5678:11:2233:4455:6677]:32853");
	struct stun_message m;
	(void)state;
	assert_int_equal(stun_parse(vector_ipv4, sizeof(vector_ipv4), &m), 0);
	assert_int_equal(m.class, STUN_SUCCESS);
	assert_true(addr_eq(&m.mapped, &v4));
	assert_true(stun_is_authentic(vector_ipv4, &m, PASSWORD));
	assert_int_equal(stun_parse(vector_ipv6, sizeof(vector_ipv6), &m), 0);
	assert_true(addr_eq(&m.mapped, &v6));
	assert_true(stun_is_authentic(vector_ipv6, &m, PASSWORD));
}

// Each bit of a vector counts: for the fingerprint, or for the integrity of what is left.
static void test_every_bit_counts(void **state)
{
	uint8_t copy[sizeof(vector_request)];
	struct stun_message m;
	(void)state;
	for (uint32_t bit = 0; bit < sizeof(copy) * 8; bit++) {
		memcpy(copy, vector_request, sizeof(copy));
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		// Only another type of the last attribute makes it no fingerprint at all.
		assert_true(stun_parse(copy, sizeof(copy), &m) == -EBADMSG || !m.has_fingerprint);
	}
	// The same without fingerprint.
	for (uint32_t bit = 0; bit < (sizeof(copy) - 8) * 8; bit++) {
		memcpy(copy, vector_request, sizeof(copy));
		copy[3] -= 8;
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(stun_parse(copy, sizeof(copy) - 8, &m) == 0 &&
			stun_is_authentic(copy, &m, PASSWORD));
	}
}

static void test_every_cut_is_refused(void **state)
{
	struct stun_message m = { .priority = 7 };
	(void)state;
	for (uint32_t len = 0; len < sizeof(vector_ipv6); len++)
		assert_int_equal(stun_parse(vector_ipv6, len, &m), -EBADMSG);
	assert_int_equal(m.priority, 7);
}

static void test_request_there_and_back(void **state)
{
	const struct stun_build build = { .class = STUN_REQUEST, .transaction = transaction,
		.username = SPAN_LIT("far:near"), .key = PASSWORD, .priority = 0x7effffff,
		.role = STUN_ROLE_CONTROLLING, .tie_breaker = 0x8877665544332211ull,
		.is_nominating = true, .has_fingerprint = true };
	uint8_t buf[200];
	struct stun_message m;
	(void)state;
	int len = stun_build(&build, buf, sizeof(buf));
	assert_int_equal(len, 20 + 8 + 12 + 4 + 12 + 24 + 8);
	for (int cap = 0; cap < len; cap++)
		assert_int_equal(stun_build(&build, buf, (uint32_t)cap), -ENOSPC);
	assert_int_equal(stun_build(&build, buf, (uint32_t)len), len);
	assert_int_equal(stun_parse(buf, (uint32_t)len, &m), 0);
	assert_memory_equal(m.transaction, transaction, sizeof(transaction));
	assert_true(span_eq(m.username, SPAN_LIT("far:near")));
	assert_int_equal(m.priority, 0x7effffff);
	assert_int_equal(m.role, STUN_ROLE_CONTROLLING);
	assert_true(m.tie_breaker == 0x8877665544332211ull);
	assert_true(m.is_nominating && m.has_fingerprint);
	assert_true(stun_is_authentic(buf, &m, PASSWORD));
}

static void test_responses_there_and_back(void **state)
{
	static const char *const addresses[] = { "198.51.100.7:40000", "[2001:db8::9]:1" };
	static const uint16_t unknown[] = { 0x0030, 0x7fff, 0x0002 };
	struct stun_build error = { .class = STUN_ERROR, .transaction = transaction,
		.error = STUN_UNKNOWN_ATTRIBUTE, .unknown = unknown, .unknown_count = 3,
		.has_fingerprint = true };
	uint8_t buf[200];
	struct stun_message m;
	(void)state;
	for (uint32_t i = 0; i < COUNT_OF(addresses); i++) {
		struct addr mapped = addr_of(addresses[i]);
		struct stun_build build = { .class = STUN_SUCCESS, .transaction = transaction,
			.mapped = &mapped, .key = PASSWORD, .has_fingerprint = true };
		int len = stun_build(&build, buf, sizeof(buf));

		assert_int_equal(stun_parse(buf, (uint32_t)len, &m), 0);
		assert_int_equal(m.class, STUN_SUCCESS);
		assert_true(addr_eq(&m.mapped, &mapped));
	}
	int len = stun_build(&error, buf, sizeof(buf));
	assert_int_equal(stun_parse(buf, (uint32_t)len, &m), 0);
	assert_int_equal(m.class, STUN_ERROR);
	assert_int_equal(m.error, 420);
	assert_int_equal(m.unknown_count, 0);
}

// Puts one attribute behind a bare header.
static uint32_t message_of(uint16_t type, const void *value, uint32_t len, uint8_t *out)
{
	uint32_t padded = (len + 3) & ~3u;

	memset(out, 0, STUN_HEADER_BYTES + 4 + padded);
	rtp_store16(out, 0x0001);
	rtp_store16(out + 2, (uint16_t)(4 + padded));
	rtp_store32(out + 4, STUN_MAGIC);
	rtp_store16(out + 20, type);
	rtp_store16(out + 22, (uint16_t)len);
	memcpy(out + 24, value, len);
	return STUN_HEADER_BYTES + 4 + padded;
}

static void test_impossible_attributes(void **state)
{
	static const struct {
		uint16_t type, len;
		uint8_t value[24];
	} cases[] = {
		{ 0x0006, 0, { 0 } },			   // USERNAME empty
		{ 0x0020, 8, { 0, 3 } },		   // XOR-MAPPED-ADDRESS: no such family
		{ 0x0020, 8, { 0, 2 } },		   // IPv6 in 8 bytes
		{ 0x0020, 20, { 0, 1 } },		   // IPv4 in 20
		{ 0x0020, 0, { 0 } },
		{ 0x0020, 1, { 0 } },
		{ 0x0024, 3, { 1 } },			   // PRIORITY
		{ 0x0024, 8, { 1 } },
		{ 0x0025, 4, { 0 } },			   // USE-CANDIDATE has no value
		{ 0x8029, 4, { 0 } },			   // ICE-CONTROLLED
		{ 0x802a, 12, { 0 } },			   // ICE-CONTROLLING
		{ 0x0009, 3, { 0, 0, 4 } },		   // ERROR-CODE
		{ 0x0009, 4, { 0, 0, 2, 0 } },		   // 200
		{ 0x0009, 4, { 0, 0, 7, 0 } },		   // 700
		{ 0x0009, 4, { 0, 0, 4, 100 } },
		{ 0x0008, 16, { 0 } },			   // MESSAGE-INTEGRITY
		{ 0x8028, 0, { 0 } },			   // FINGERPRINT
		{ 0x8028, 4, { 1, 2, 3, 4 } },
	};
	uint8_t buf[64];
	struct stun_message m;
	(void)state;
	for (uint32_t i = 0; i < COUNT_OF(cases); i++) {
		uint32_t len = message_of(cases[i].type, cases[i].value, cases[i].len, buf);
		if (stun_parse(buf, len, &m) != -EBADMSG)
			fail_msg("case %u is taken", i);
	}
}

static void test_bounds(void **state)
{
	static const uint8_t long_value[STUN_MESSAGE_MAX];
	uint8_t buf[STUN_MESSAGE_MAX + 4] = { 0 };
	struct stun_message m;
	(void)state;
	uint32_t len = message_of(0x8022, "four", 4, buf);
	rtp_store16(buf + 22, 5); // needs 8 bytes with its padding
	assert_int_equal(stun_parse(buf, len, &m), -EBADMSG);
	rtp_store16(buf + 22, 0xffff);
	assert_int_equal(stun_parse(buf, len, &m), -EBADMSG);
	len = message_of(0x8022, long_value, STUN_MESSAGE_MAX - 24, buf);
	assert_int_equal(stun_parse(buf, len, &m), 0);
	len = message_of(0x8022, long_value, STUN_MESSAGE_MAX - 20, buf);
	assert_int_equal(stun_parse(buf, len, &m), -EBADMSG);
}

static void test_unknown_and_repeated(void **state)
{
	static const struct stun_build build = { .class = STUN_REQUEST, .transaction = transaction,
		.priority = 1, .key = PASSWORD };
	uint8_t buf[300], small[64];
	struct stun_message m;
	(void)state;
	for (uint32_t i = 0; i < 12; i++) { // more than are listed
		uint32_t len = message_of((uint16_t)(0x7f00 + i), "abc", 3, small);
		assert_int_equal(len, 28);
		memcpy(buf + 20 + 8 * i, small + 20, 8);
	}
	memcpy(buf, small, 20);
	rtp_store16(buf + 2, 96);
	assert_int_equal(stun_parse(buf, 116, &m), 0);
	assert_int_equal(m.unknown_count, STUN_UNKNOWN_MAX);
	assert_int_equal(m.unknown[0], 0x7f00);
	// PRIORITY and USE-CANDIDATE behind MESSAGE-INTEGRITY are not covered by it: not there.
	int len = stun_build(&build, buf, sizeof(buf));
	message_of(0x0024, "\0\0\0\2", 4, small);
	memcpy(buf + len, small + 20, 8);
	message_of(0x0025, "", 0, small);
	memcpy(buf + len + 8, small + 20, 4);
	rtp_store16(buf + 2, (uint16_t)(len + 12 - 20));
	assert_int_equal(stun_parse(buf, (uint32_t)len + 12, &m), 0);
	assert_int_equal(m.priority, 1);
	assert_false(m.is_nominating);
	assert_true(stun_is_authentic(buf, &m, PASSWORD));
}

static void test_random_input(void **state)
{
	struct rng rng;
	uint8_t buf[128];
	struct stun_message m;
	uint32_t with_integrity = 0;
	(void)state;
	rng_init(&rng, 5769);
	for (uint32_t round = 0; round < 100000; round++) {
		uint32_t len = 24 + 4 * rng_below(&rng, 23); // as far as the fingerprint at most
		uint32_t edits = 1 + rng_below(&rng, 4);

		memcpy(buf, vector_request, sizeof(vector_request));
		memset(buf + sizeof(vector_request), 0, sizeof(buf) - sizeof(vector_request));
		rtp_store16(buf + 2, (uint16_t)(len - 20));
		for (uint32_t i = 0; i < edits; i++)
			buf[20 + rng_below(&rng, len - 20)] = (uint8_t)rng_u64(&rng);
		if (stun_parse(buf, len, &m))
			continue;
		with_integrity += m.integrity_at != 0;
		assert_false(stun_is_authentic(buf, &m, SPAN_LIT("another password")));
	}
	assert_true(with_integrity > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vector_request),
		cmocka_unit_test(test_vector_responses),
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_every_cut_is_refused),
		cmocka_unit_test(test_request_there_and_back),
		cmocka_unit_test(test_responses_there_and_back),
		cmocka_unit_test(test_impossible_attributes),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_unknown_and_repeated),
		cmocka_unit_test(test_random_input),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

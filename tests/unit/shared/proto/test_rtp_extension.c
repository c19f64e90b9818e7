// test_rtp_extension.c - both forms of RFC 8285, padding, ends, and everything cut short.
#include "proto/rtp_extension.h"
#include "unit/unit.h"

#include <stdbool.h>
#include <stdlib.h>

struct extension_case {
	const char *what;
	uint8_t csrc;
	uint8_t bytes[20]; // behind the CSRC list
	uint32_t len;	   // of these
	uint8_t id;
	const char *value; // NULL: not found
};

static const struct extension_case cases[] = {
	{ "one byte form", 0, { 0xbe, 0xde, 0, 1, 0x42, 'a', 'b', 'c' }, 8, 4, "abc" },
	{ "behind contributing sources", 3,
		{ 0xbe, 0xde, 0, 1, 0x42, 'a', 'b', 'c' }, 8, 4, "abc" },
	{ "the second element", 0,
		{ 0xbe, 0xde, 0, 2, 0x10, 9, 0x41, 'x', 'y', 0, 0, 0 }, 12, 4, "xy" },
	{ "behind padding", 0, { 0xbe, 0xde, 0, 2, 0, 0, 0, 0x10, 9, 0, 0x40, 'z' }, 12, 4, "z" },
	{ "nothing behind 15", 0,
		{ 0xbe, 0xde, 0, 2, 0xf0, 0, 0x40, 'z', 0, 0, 0, 0 }, 12, 4, NULL },
	{ "another one", 0, { 0xbe, 0xde, 0, 1, 0x52, 'a', 'b', 'c' }, 8, 4, NULL },
	{ "0 is padding", 0, { 0xbe, 0xde, 0, 1, 0x02, 'a', 'b', 'c' }, 8, 0, NULL },
	{ "longer than the extension", 0, { 0xbe, 0xde, 0, 1, 0x43, 'a', 'b', 'c' }, 8, 4, NULL },
	{ "two byte form", 0, { 0x10, 0, 0, 2, 200, 2, 'h', 'i', 0, 0, 0, 0 }, 12, 200, "hi" },
	{ "two byte form, application bits", 0, { 0x10, 7, 0, 1, 4, 1, 'h', 0 }, 8, 4, "h" },
	{ "two byte form, empty", 0, { 0x10, 0, 0, 1, 4, 0, 0, 0 }, 8, 4, "" },
	{ "two byte form, length cut off", 0, { 0x10, 0, 0, 1, 0, 0, 0, 4 }, 8, 4, NULL },
	{ "two byte form, value cut off", 0, { 0x10, 0, 0, 1, 4, 3, 'h', 'i' }, 8, 4, NULL },
	{ "another profile", 0, { 0x20, 0, 0, 1, 0x42, 'a', 'b', 'c' }, 8, 4, NULL },
	{ "more words than there are", 0, { 0xbe, 0xde, 0, 2, 0x42, 'a', 'b', 'c' }, 8, 4, NULL },
	{ "no words", 0, { 0xbe, 0xde, 0, 0 }, 4, 4, NULL },
	{ "no room for the head", 0, { 0xbe, 0xde, 0 }, 3, 4, NULL },
	{ "CSRC list cut off", 15, { 0xbe, 0xde, 0, 1, 0x42, 'a', 'b', 'c' }, 0, 4, NULL },
};

// On the heap and no byte longer, so that AddressSanitizer sees the first byte beyond.
static uint8_t *build(const struct extension_case *c, uint32_t *len)
{
	uint32_t csrc = c->len ? 4u * c->csrc : 0;

	*len = RTP_HEADER_BYTES + csrc + c->len;
	uint8_t *rtp = calloc(1, *len);
	assert_non_null(rtp);
	rtp[0] = (uint8_t)(RTP_VERSION << 6 | 0x10 | c->csrc);
	memcpy(rtp + RTP_HEADER_BYTES + csrc, c->bytes, c->len);
	return rtp;
}

static void test_elements(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct extension_case *c = &cases[i];
		const uint8_t *value = NULL;
		uint32_t len, bytes = 77;
		uint8_t *rtp = build(c, &len);
		bool is_found = rtp_extension_find(rtp, len, c->id, &value, &bytes);

		if (is_found != (c->value != NULL))
			fail_msg("%s", c->what);
		if (is_found) {
			assert_int_equal(bytes, strlen(c->value));
			assert_memory_equal(value, c->value, bytes);
		}
		free(rtp);
	}
}

static void test_no_extension(void **state)
{
	uint8_t rtp[RTP_HEADER_BYTES + 8] = { 0x80, 0, [12] = 0xbe, 0xde, 0, 1, 0x40, 'a' };
	const uint8_t *value;
	uint32_t bytes;
	(void)state;
	assert_false(rtp_extension_find(rtp, sizeof(rtp), 4, &value, &bytes));
	rtp[0] = 0x90;
	assert_true(rtp_extension_find(rtp, sizeof(rtp), 4, &value, &bytes));
	assert_false(rtp_extension_find(rtp, RTP_HEADER_BYTES - 1, 4, &value, &bytes));
	rtp[0] = 0x50; // version 1
	assert_false(rtp_extension_find(rtp, sizeof(rtp), 4, &value, &bytes));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elements),
		cmocka_unit_test(test_no_extension),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

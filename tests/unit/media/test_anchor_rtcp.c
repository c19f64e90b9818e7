// RTCP of both directions, packet by packet, and what hostile compounds may not do.
#include "anchor_rtcp.h"

#include "base/rng.h"
#include "proto/rtcp.h"
#include "unit/unit.h"

#include <stdio.h>

// What one far end sends as SSRC 2, the other hears as 1; what that one sends as 3, this one hears
// as 4, seven sequence numbers later.
static const struct flow_anchor out = { .ssrc_in = 2,
	.ssrc_out = 1,
	.timestamp_shift = 100,
	.packets = 50,
	.octets = 8000,
	.flags = FLOW_ANCHOR_USED };
static const struct flow_anchor back = { .ssrc_in = 3,
	.ssrc_out = 4,
	.sequence_shift = 7,
	.flags = FLOW_ANCHOR_USED };

struct row {
	const char *name, *in, *expected;
};

#define SDES  "81ca0002" "00000002" "01016100"
#define SDES1 "81ca0002" "00000001" "01016100"

static const struct row rows[] = {
	{ "sr",
		"80c80006"
		"00000002"
		"0000000100000002"
		"00000001"
		"00000009"
		"00000008",
		"80c80006"
		"00000001"
		"0000000100000002"
		"00000065"
		"00000032"
		"00001f40" },
	{ "sr of another",
		"80c80006"
		"00000009"
		"0000000100000002"
		"00000001"
		"00000009"
		"00000008",
		"80c80006"
		"00000009"
		"0000000100000002"
		"00000001"
		"00000009"
		"00000008" },
	{ "rr",
		"81c90007"
		"00000002"
		"00000004"
		"00000000"
		"00010007"
		"0000000000000000"
		"00000000",
		"81c90007"
		"00000001"
		"00000003"
		"00000000"
		"00020000"
		"0000000000000000"
		"00000000" },
	{ "sdes of two",
		"82ca0005"
		"00000002"
		"01026161"
		"00000000"
		"00000009"
		"01016200",
		"82ca0005"
		"00000001"
		"01026161"
		"00000000"
		"00000009"
		"01016200" },
	{ "sdes whose items end at a word",
		"82ca0005"
		"00000009"
		"01026161"
		"00000000"
		"00000002"
		"01016200",
		"82ca0005"
		"00000009"
		"01026161"
		"00000000"
		"00000001"
		"01016200" },
	{ "bye between others",
		SDES "81cb0001"
		     "00000002" SDES,
		SDES1 SDES1 },
	{ "bye of two",
		"82cb0002"
		"00000009"
		"00000002",
		"" },
	{ "bye of another",
		"81cb0001"
		"00000009",
		"81cb0001"
		"00000009" },
	{ "app",
		"80cc0002"
		"00000002"
		"6e616d65",
		"80cc0002"
		"00000001"
		"6e616d65" },
	{ "nack",
		"81cd0004"
		"00000002"
		"00000004"
		"00080000"
		"00030001",
		"81cd0004"
		"00000001"
		"00000003"
		"00010000"
		"fffc0001" },
	{ "nack of another",
		"81cd0003"
		"00000002"
		"00000009"
		"00080000",
		"81cd0003"
		"00000001"
		"00000009"
		"00080000" },
	{ "tmmbr",
		"83cd0004"
		"00000002"
		"00000000"
		"00000004"
		"11223344",
		"83cd0004"
		"00000001"
		"00000000"
		"00000003"
		"11223344" },
	{ "pli",
		"81ce0002"
		"00000002"
		"00000004",
		"81ce0002"
		"00000001"
		"00000003" },
	{ "fir of two",
		"84ce0006"
		"00000002"
		"00000000"
		"00000009"
		"01000000"
		"00000004"
		"02000000",
		"84ce0006"
		"00000001"
		"00000000"
		"00000009"
		"01000000"
		"00000003"
		"02000000" },
	{ "remb",
		"8fce0005"
		"00000002"
		"00000000"
		"52454d42"
		"01000000"
		"00000004",
		"8fce0005"
		"00000001"
		"00000000"
		"52454d42"
		"01000000"
		"00000003" },
	{ "xr: voip, dlrr, loss",
		"80cf000c"
		"00000002"
		"07000002"
		"00000004"
		"00000000"
		"05000003"
		"00000004"
		"1111111122222222"
		"01000003"
		"00000004"
		"0008000a"
		"ffff0000",
		"80cf000c"
		"00000001"
		"07000002"
		"00000003"
		"00000000"
		"05000003"
		"00000003"
		"1111111122222222"
		"01000003"
		"00000003"
		"00010003"
		"ffff0000" },
};

static uint32_t from_hex(const char *hex, uint8_t *out_bytes)
{
	uint32_t len = 0;

	for (; hex[0] != '\0'; hex += 2)
		sscanf(hex, "%2hhx", &out_bytes[len++]);
	return len;
}

static void test_rows(void **state)
{
	const struct anchor_view view = { .out = &out, .back = &back, .is_counted = true };
	uint8_t data[256], expected[256];
	(void)state;

	for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
		uint32_t len = from_hex(rows[i].in, data);
		uint32_t want = from_hex(rows[i].expected, expected);

		assert_true(rtcp_is_valid(data, len));
		len = anchor_rtcp(&view, data, len);
		if (len != want || memcmp(data, expected, want) != 0)
			fail_msg("%s", rows[i].name);
	}
}

// A stream whose source only restarted: its numbers shift, its SR counts and its BYE are its own.
static void test_repaired_stream(void **state)
{
	struct flow_anchor repaired = out;
	uint8_t data[256], bytes[256];
	(void)state;

	repaired.ssrc_out = repaired.ssrc_in;
	const struct anchor_view view = { .out = &repaired };
	uint32_t len = from_hex("80c80006" "00000002" "0000000100000002" "00000001" "00000009"
		"00000008" "81cb0001" "00000002", data);
	uint32_t want = from_hex("80c80006" "00000002" "0000000100000002" "00000065" "00000009"
		"00000008" "81cb0001" "00000002", bytes);

	assert_int_equal(anchor_rtcp(&view, data, len), want);
	assert_memory_equal(data, bytes, want);
}

static void test_nothing_to_translate(void **state)
{
	static const struct flow_anchor unused = { .ssrc_in = 2, .ssrc_out = 4 };
	const struct anchor_view views[] = { { 0 }, { .out = &unused, .back = &unused,
		.is_counted = true } };
	uint8_t data[256], before[256];
	(void)state;

	for (uint32_t i = 0; i < COUNT_OF(rows); i++)
		for (uint32_t k = 0; k < COUNT_OF(views); k++) {
			uint32_t len = from_hex(rows[i].in, data);

			memcpy(before, data, len);
			assert_int_equal(anchor_rtcp(&views[k], data, len), len);
			assert_memory_equal(data, before, len);
		}
}

// Lengths, counts and items are anything: nothing beyond the compound is touched, and what is left
// of it is as well formed as before.
static void test_hostile(void **state)
{
	const struct anchor_view view = { .out = &out, .back = &back, .is_counted = true };
	struct rng rng;
	uint8_t data[256 + 16];
	(void)state;

	rng_init(&rng, 20261123);
	for (uint32_t turn = 0; turn < 200000; turn++) {
		const struct row *row = &rows[rng_below(&rng, COUNT_OF(rows))];
		uint32_t len = from_hex(row->in, data);

		for (uint32_t k = rng_below(&rng, 6); k > 0; k--)
			data[rng_below(&rng, len)] = (uint8_t)rng_below(&rng, 256);
		if (!rtcp_is_valid(data, len))
			continue;
		memset(data + len, 0xa5, 16);
		uint32_t left = anchor_rtcp(&view, data, len);
		assert_true(left <= len);
		assert_true(left == 0 || rtcp_is_valid(data, left));
		for (uint32_t i = 0; i < 16; i++)
			assert_int_equal(data[len + i], 0xa5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_repaired_stream),
		cmocka_unit_test(test_nothing_to_translate),
		cmocka_unit_test(test_hostile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

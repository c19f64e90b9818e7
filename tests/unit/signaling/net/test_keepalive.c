// STUN Binding requests and blank datagrams on a SIP socket: what is answered, with which bytes.
#include "net/keepalive.h"
#include "unit/unit.h"

#include <stdio.h>

#define COOKIE "2112a442"
#define ID     "b7e7a701bc34d686fa87dfae"

static uint32_t unhex(const char *hex, uint8_t *out)
{
	uint32_t n = 0;
	unsigned byte;
	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		out[n++] = (uint8_t)byte;
	return n;
}

static const struct {
	const char *datagram; // hexadecimal
	const char *source;
	enum keepalive_kind kind;
	const char *answer;
} cases[] = {
	{ "", "192.0.2.1:32853", KEEPALIVE_SILENT, "" },
	{ "0d0a", "192.0.2.1:1", KEEPALIVE_SILENT, "" },
	{ "0d0a0d0a", "192.0.2.1:1", KEEPALIVE_SILENT, "" },
	{ "00000000", "192.0.2.1:1", KEEPALIVE_SILENT, "" },
	{ "0d0a4f", "192.0.2.1:1", KEEPALIVE_NONE, "" },
	{ "4f5054494f4e53", "192.0.2.1:1", KEEPALIVE_NONE, "" },
	{ "80000000", "192.0.2.1:1", KEEPALIVE_NONE, "" },
	{ "0001", "192.0.2.1:1", KEEPALIVE_MALFORMED, "" },
	// RFC 5769 2.2 and 2.3: their addresses and transaction.
	{ "00010000" COOKIE ID, "192.0.2.1:32853", KEEPALIVE_ANSWERED,
		"0101000c" COOKIE ID "002000080001a147e112a643" },
	{ "00010000" COOKIE ID, "[2001:db8:1234:5678:11:2233:4455:6677]:32853", KEEPALIVE_ANSWERED,
		"01010018" COOKIE ID "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9" },
	// An attribute that may be ignored: SOFTWARE with padding, FINGERPRINT.
	{ "00010010" COOKIE ID "8022000361626300"
	  "8028000400000000",
		"192.0.2.1:32853", KEEPALIVE_ANSWERED,
		"0101000c" COOKIE ID "002000080001a147e112a643" },
	// One that may not: CHANGE-REQUEST, and three of them.
	{ "00010008" COOKIE ID "0003000400000006", "192.0.2.1:1", KEEPALIVE_ANSWERED,
		"01110010" COOKIE ID "0009000400000414000a000200030000" },
	{ "0001000c" COOKIE ID "000300000027000000060000", "192.0.2.1:1", KEEPALIVE_ANSWERED,
		"01110014" COOKIE ID "0009000400000414000a0006000300270006"
		"0000" },
	// Malformed: length, cookie, attribute beyond the end, no Binding, no request.
	{ "00010004" COOKIE ID, "192.0.2.1:1", KEEPALIVE_MALFORMED, "" },
	{ "00010000" COOKIE ID "00000000", "192.0.2.1:1", KEEPALIVE_MALFORMED, "" },
	{ "000100002112a443" ID, "192.0.2.1:1", KEEPALIVE_MALFORMED, "" },
	{ "00010004" COOKIE ID "80220001", "192.0.2.1:1", KEEPALIVE_MALFORMED, "" },
	{ "00010004" COOKIE ID "8022fffd", "192.0.2.1:1", KEEPALIVE_MALFORMED, "" },
	{ "00030000" COOKIE ID, "192.0.2.1:1", KEEPALIVE_MALFORMED, "" },
	{ "00110000" COOKIE ID, "192.0.2.1:1", KEEPALIVE_MALFORMED, "" },
	// Answers, also those that say no.
	{ "01010000" COOKIE ID, "192.0.2.1:1", KEEPALIVE_HEARD, "" },
	{ "01110000" COOKIE ID, "192.0.2.1:1", KEEPALIVE_HEARD, "" },
};

static void test_kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint8_t in[256], want[256], buf[KEEPALIVE_ANSWER_MAX];
		struct span answer = SPAN_NONE;
		struct addr source;
		uint32_t len = unhex(cases[i].datagram, in);
		assert_int_equal(addr_parse(span_str(cases[i].source), 0, &source), 0);
		enum keepalive_kind kind = keepalive_judge(
			span_make((const char *)in, len), &source, buf, &answer);
		if (kind != cases[i].kind)
			fail_msg("case %zu: kind %d", i, (int)kind);
		assert_int_equal(answer.len, unhex(cases[i].answer, want));
		if (answer.len)
			assert_memory_equal(answer.ptr, want, answer.len);
		assert_true(answer.len <= len + 24);
	}
}

// However many unknown attributes there are, the answer has its bound.
static void test_many_unknown(void **state)
{
	uint8_t in[20 + 4 * 100] = { 0, 1, 1, 144, 0x21, 0x12, 0xa4, 0x42 };
	uint8_t buf[KEEPALIVE_ANSWER_MAX];
	struct addr source = { ip_from_v4(0xc0000201), 5060 };
	struct span answer;
	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		in[20 + 4 * i + 1] = (uint8_t)i;
	assert_int_equal(
		keepalive_judge(span_make((const char *)in, sizeof(in)), &source, buf, &answer),
		KEEPALIVE_ANSWERED);
	assert_int_equal(answer.len, 20 + 8 + 4 + 16);
}

// Only an answer to what we asked, from where we asked it.
static void test_ask(void **state)
{
	struct hash_key key = { { 3, 4 } }, other = { { 3, 5 } };
	struct addr target = { ip_from_v4(0xc0000201), 5060 }, stranger = target;
	struct keepalive_ask ask = { .worker = 3, .flow = 517, .sequence = 9 }, heard;
	uint8_t buf[KEEPALIVE_ASK_BYTES], answer_buf[KEEPALIVE_ANSWER_MAX];
	struct span answer, text = keepalive_ask(&key, &ask, &target, buf);
	(void)state;
	assert_int_equal(text.len, KEEPALIVE_ASK_BYTES);
	assert_int_equal(keepalive_judge(text, &target, answer_buf, &answer), KEEPALIVE_ANSWERED);
	assert_int_equal(keepalive_judge(answer, &target, buf, &text), KEEPALIVE_HEARD);
	assert_true(keepalive_heard(&key, answer, &target, &heard));
	assert_int_equal(heard.worker, 3);
	assert_int_equal(heard.flow, 517);
	assert_int_equal(heard.sequence, 9);
	stranger.port++;
	assert_false(keepalive_heard(&key, answer, &stranger, &heard));
	assert_false(keepalive_heard(&other, answer, &target, &heard));
	for (uint32_t i = 8; i < 20; i++) {
		answer_buf[i] ^= 1;
		assert_false(keepalive_heard(&key, answer, &target, &heard));
		answer_buf[i] ^= 1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_many_unknown),
		cmocka_unit_test(test_ask),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

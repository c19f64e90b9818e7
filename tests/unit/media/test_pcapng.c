// test_pcapng.c - blocks as the format has them, read back by another reader; datagrams with right
// checksums.
#include "pcapng_read.h"

#include "sum.h"

#include <stdio.h>

static uint8_t out[8192];

static void test_section(void **state)
{
	uint16_t len;
	(void)state;
	uint32_t bytes = pcapng_section(out, sizeof(out), "call=1 x");
	struct read_block block = read_block(out, bytes);
	assert_int_equal(block.bytes, bytes);
	assert_int_equal(block.type, READ_SECTION);
	assert_int_equal(read_word(block.body), 0x1a2b3c4d);
	assert_int_equal(read_word(block.body + 4), 1);
	assert_int_equal(read_word(block.body + 8), UINT32_MAX);
	assert_memory_equal(read_option(&block, 16, 1, &len), "call=1 x", 8);
	assert_int_equal(len, 8);
	assert_memory_equal(read_option(&block, 16, 4, &len), "muga-media ", 11);
}

static void test_interface(void **state)
{
	uint16_t len;
	(void)state;
	uint32_t bytes =
		pcapng_interface(out, sizeof(out), PCAPNG_LINK_RAW, "a", "from the caller's side");
	struct read_block block = read_block(out, bytes);
	assert_int_equal(block.type, READ_INTERFACE);
	assert_int_equal(read_word(block.body), PCAPNG_LINK_RAW);
	assert_int_equal(read_word(block.body + 4), 0);
	assert_memory_equal(read_option(&block, 8, 2, &len), "a", 1);
	assert_int_equal(*read_option(&block, 8, 9, &len), 9);
	assert_int_equal(len, 1);
}

// Every length of data and comment, so every padding; and no buffer that is too small is overrun.
static void test_packets(void **state)
{
	uint8_t data[40];
	char comment[12] = "";
	(void)state;
	for (uint32_t len = 0; len <= sizeof(data); len++) {
		uint32_t text = len % sizeof(comment);
		memset(data, (int)(0x40 + len), sizeof(data));
		memset(comment, 'c', sizeof(comment));
		comment[text ? text : 0] = '\0';
		struct pcapng_packet packet = { .interface = len & 1,
			.unix_ns = 0x1122334455667788, .data = data, .len = len,
			.comment = text ? comment : NULL };
		uint32_t bytes = pcapng_packet(out, sizeof(out), &packet);
		struct read_block block = read_block(out, bytes);
		struct read_packet read = read_packet(&block);
		assert_int_equal(read.interface, len & 1);
		assert_int_equal(read.unix_ns, 0x1122334455667788);
		assert_int_equal(read.len, len);
		assert_memory_equal(read.data, data, len);
		assert_string_equal(read.comment, text ? comment : "");
		for (uint32_t cap = 0; cap < bytes; cap += 3) {
			memset(out, 0xee, sizeof(out));
			assert_int_equal(pcapng_packet(out, cap, &packet), 0);
			for (uint32_t i = cap; i < bytes; i++)
				assert_int_equal(out[i], 0xee);
		}
	}
}

static void test_statistics(void **state)
{
	uint16_t len;
	(void)state;
	uint32_t bytes = pcapng_statistics(out, sizeof(out), 1, 5ull << 32 | 6, 77);
	struct read_block block = read_block(out, bytes);
	assert_int_equal(block.type, READ_STATISTICS);
	assert_int_equal(read_word(block.body), 1);
	assert_int_equal(read_word(block.body + 4), 5);
	assert_int_equal(read_word(block.body + 8), 6);
	const uint8_t *lost = read_option(&block, 12, 5, &len);
	assert_int_equal(len, 8);
	assert_int_equal(read_word(lost), 77);
}

static void test_datagram_v4(void **state)
{
	struct addr from = { ip_from_v4(0xc0000201), 4000 }, to = { ip_from_v4(0xc6336401), 20000 };
	(void)state;
	for (uint32_t len = 0; len < 9; len++) {
		uint32_t bytes =
			pcapng_datagram(out, sizeof(out), &from, &to, span_make("rtp payl", len));
		assert_int_equal(bytes, 28 + len);
		assert_int_equal(out[0], 0x45);
		assert_int_equal(out[2] << 8 | out[3], bytes);
		assert_true(sum_is_header_right(out));
		assert_int_equal(out[20] << 8 | out[21], 4000);
		assert_int_equal(out[24] << 8 | out[25], 8 + len);
		assert_memory_equal(out + 28, "rtp payl", len);
		uint64_t sum = sum_bytes(out + 12, 8) + sum_be16(17) +
			sum_be16((uint16_t)(8 + len)) + sum_bytes(out + 20, 8 + len);
		assert_int_equal(sum_fold(sum), 0xffff);
	}
	assert_int_equal(pcapng_datagram(out, 35, &from, &to, span_make("rtp payl", 8)), 0);
}

static void test_datagram_v6(void **state)
{
	struct addr from, to, v4 = { ip_from_v4(0xc0000201), 1 };
	(void)state;
	assert_int_equal(addr_parse(SPAN_LIT("[2001:db8::1]:4000"), 0, &from), 0);
	assert_int_equal(addr_parse(SPAN_LIT("[2001:db8::2]:20000"), 0, &to), 0);
	uint32_t bytes = pcapng_datagram(out, sizeof(out), &from, &to, SPAN_LIT("abcde"));
	assert_int_equal(bytes, 53);
	assert_int_equal(out[0], 0x60);
	assert_int_equal(out[4] << 8 | out[5], 13);
	uint64_t sum = sum_bytes(out + 8, 32) + sum_be16(17) + sum_be16(13) +
		sum_bytes(out + 40, 13);
	assert_int_equal(sum_fold(sum), 0xffff);
	assert_int_equal(pcapng_datagram(out, sizeof(out), &from, &v4, SPAN_LIT("x")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_section),
		cmocka_unit_test(test_interface),
		cmocka_unit_test(test_packets),
		cmocka_unit_test(test_statistics),
		cmocka_unit_test(test_datagram_v4),
		cmocka_unit_test(test_datagram_v6),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// pcapng_read.h - reads recordings back, block by block, strictly: lengths at both ends, options
// that end, nothing behind the last block.
#pragma once

#include "pcapng.h"
#include "unit/unit.h"

#define READ_SECTION	0x0a0d0d0au
#define READ_INTERFACE	1u
#define READ_STATISTICS 5u
#define READ_PACKET	6u

struct read_block {
	uint32_t type, bytes;
	const uint8_t *body; // behind type and length
	uint32_t body_bytes; // without the second length
};

static inline uint32_t read_word(const uint8_t *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

// The block at `at` of `len` bytes that are left.
static inline struct read_block read_block(const uint8_t *at, uint32_t len)
{
	struct read_block block;

	assert_true(len >= 12);
	block.type = read_word(at);
	block.bytes = read_word(at + 4);
	assert_true(block.bytes >= 12 && block.bytes % 4 == 0 && block.bytes <= len);
	assert_int_equal(read_word(at + block.bytes - 4), block.bytes);
	block.body = at + 8;
	block.body_bytes = block.bytes - 12;
	return block;
}

// The text or value of an option, whose list begins at `at` of the body; NULL: it is not there.
static inline const uint8_t *read_option(
	const struct read_block *block, uint32_t at, uint16_t code, uint16_t *len)
{
	const uint8_t *found = NULL;

	for (;;) {
		assert_true(at + 4 <= block->body_bytes);
		uint32_t head = read_word(block->body + at);
		uint16_t bytes = (uint16_t)(head >> 16);
		if (head == 0)
			break;
		assert_true(at + 4 + bytes <= block->body_bytes);
		if ((uint16_t)head == code) {
			found = block->body + at + 4;
			*len = bytes;
		}
		at += 4 + ((bytes + 3u) & ~3u);
	}
	assert_int_equal(at + 4, block->body_bytes); // nothing behind the end of options
	return found;
}

struct read_packet {
	uint32_t interface, len;
	uint64_t unix_ns;
	const uint8_t *data;
	char comment[128];
};

static inline struct read_packet read_packet(const struct read_block *block)
{
	struct read_packet packet = { .interface = read_word(block->body),
		.unix_ns = (uint64_t)read_word(block->body + 4) << 32 | read_word(block->body + 8),
		.len = read_word(block->body + 12),
		.data = block->body + 20 };
	uint16_t len = 0;

	assert_int_equal(block->type, READ_PACKET);
	assert_int_equal(read_word(block->body + 16), packet.len);
	const uint8_t *comment = read_option(block, 20 + ((packet.len + 3) & ~3u), 1, &len);
	assert_true(len < sizeof(packet.comment));
	if (comment)
		memcpy(packet.comment, comment, len);
	return packet;
}

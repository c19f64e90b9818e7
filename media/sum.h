// sum.h - the Internet checksum (RFC 1071) in one's complement sums of whole words.
//
// Sums are taken in host byte order over memory as it lies: the checksum is the same in either
// order as long as it is stored the way it was loaded (RFC 1071 2 B). Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

// rte_cpu_to_be_16() is inline assembly that the compiler cannot see through.
static inline uint16_t sum_be16(uint16_t value)
{
	return __builtin_bswap16(value);
}

// Each step adds the two halves in the upper one, where the carry of the lower one arrives by
// itself.
static inline uint16_t sum_fold(uint64_t sum)
{
	sum += sum << 32 | sum >> 32;
	uint32_t half = (uint32_t)(sum >> 32);
	half += half << 16 | half >> 16;
	return (uint16_t)(half >> 16);
}

static inline uint32_t sum_load32(const uint8_t *at)
{
	uint32_t word;
	memcpy(&word, at, sizeof(word));
	return word;
}

// An IPv4 header: `len` is a multiple of 4, >= 20.
static inline uint64_t sum_header(const uint8_t *at, uint32_t len)
{
	uint64_t sum = (uint64_t)sum_load32(at) + sum_load32(at + 4) + sum_load32(at + 8) +
		sum_load32(at + 12) + sum_load32(at + 16);
	for (uint32_t i = 20; i < len; i += 4)
		sum += sum_load32(at + i);
	return sum;
}

// Whether an IPv4 header of 20 bytes, not all zero, has its checksum right: its one's complement
// sum is 0xffff, so any sum of its words is a multiple of that (2^64 is 1 modulo 0xffff, as 2^16
// is). Multiples of an odd number are those that its inverse modulo 2^64 maps into the lowest part.
static inline bool sum_is_header_right(const uint8_t *at)
{
	const uint64_t inverse = 0xfffefffefffeffffull, quotient_max = UINT64_MAX / 0xffff;
	uint64_t sum, second, last = sum_load32(at + 16);

	memcpy(&sum, at, sizeof(sum));
	memcpy(&second, at + sizeof(sum), sizeof(second));
	sum += second;
	sum += sum < second; // the carry; after one there is room for it
	sum += last;
	sum += sum < last;
	return sum * inverse <= quotient_max;
}

// Any bytes; an odd last one counts as if a zero followed.
static inline uint64_t sum_bytes(const uint8_t *at, uint32_t len)
{
	uint64_t sum = 0;
	for (; len >= 4; at += 4, len -= 4)
		sum += sum_load32(at);
	uint32_t last = 0;
	memcpy(&last, at, len);
	return sum + last;
}

// What stands in a checksum field for this sum, where 0 would mean "none" (UDP).
static inline uint16_t sum_field_udp(uint64_t sum)
{
	uint16_t field = (uint16_t)~sum_fold(sum);
	return field != 0 ? field : 0xffff;
}

// sum.h - the Internet checksum (RFC 1071) in one's complement sums of whole words.
//
// Sums are taken in host byte order over memory as it lies: the checksum is the same in either
// order as long as it is stored the way it was loaded (RFC 1071 2 B). Pure.
#pragma once

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

// The same for an IPv4 header without options: two words of 64 bits, whose carry counts as 1.
static inline uint64_t sum_header_plain(const uint8_t *at)
{
	uint64_t first, second;

	memcpy(&first, at, sizeof(first));
	memcpy(&second, at + sizeof(first), sizeof(second));
	first += second;
	first += first < second;
	return (first >> 32) + (uint32_t)first + sum_load32(at + 16);
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

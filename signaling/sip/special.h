// special.h - where the bytes of a message are that are not printable ASCII: those below the blank,
// CR and LF among them, and everything above 127. DEL passes for printable.
//
// They are few, and all that a line has to be asked for: its end, forbidden bytes, whether UTF-8 is
// to be checked. One comparison of 64 bytes leaves a word with their places, which is taken apart
// bit by bit:
//
//    Via: SIP/2.0/UDP h\r\nTo: <sip:b>\r\n        base
//    000000000000000000 1 100000000000 1 1        mask, first byte in bit 0
//
// Private to signaling/sip. Any thread, pure.
#pragma once

#include "base/span.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define SPECIAL_BLOCK 64

struct special_scan {
	const char *base; // the block that `mask` tells about
	uint64_t mask;    // of special bytes in it that were not given out
	const char *end;  // of the message
};

static inline uint64_t special_mask(const char *p)
{
	uint64_t mask = 0;
#ifdef __SSE2__
	for (int i = 0; i < SPECIAL_BLOCK; i += 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
		// Signed: bytes above 127 are negative and stay so, those below 0x20 become so.
		bytes = _mm_subs_epi8(bytes, _mm_set1_epi8(0x20));
		mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(bytes) << i;
	}
#else
	for (int i = 0; i < SPECIAL_BLOCK; i++)
		mask |= (uint64_t)((signed char)p[i] < 0x20) << i;
#endif
	return mask;
}

// As special_mask(), of the last `len` < 64 bytes; the end counts as a special byte.
uint64_t special_mask_tail(const char *p, size_t len);

static inline void special_load(struct special_scan *scan, const char *base)
{
	scan->base = base < scan->end ? base : scan->end;
	if (scan->end - base >= SPECIAL_BLOCK)
		scan->mask = special_mask(base);
	else
		scan->mask = special_mask_tail(scan->base, (size_t)(scan->end - scan->base));
}

// Begins at `from`.
static inline void special_init(struct special_scan *scan, const char *from, const char *end)
{
	scan->end = end;
	special_load(scan, from);
}

// The next special byte, each one once; then the end, again and again.
static inline const char *special_next(struct special_scan *scan)
{
	while (scan->mask == 0)
		special_load(scan, scan->base + SPECIAL_BLOCK);
	const char *p = scan->base + (unsigned)__builtin_ctzll(scan->mask);
	scan->mask &= scan->mask - 1;
	return p;
}

// Drops the next special byte, which is there.
static inline void special_skip(struct special_scan *scan)
{
	if (scan->mask)
		scan->mask &= scan->mask - 1;
	else
		special_next(scan);
}

// header_name.h - which header a name is.
//
// A perfect hash of its first eight bytes, its last one and its length leads to the one known name
// that it may be, and one comparison tells whether it is that. Private to signaling/sip;
// sip_header_lookup() (msg.h) is for everyone. Any thread, pure.
#pragma once

#include "sip/msg.h"
#include "sip/text.h"

#define HEADER_ROW     24u
#define HEADER_BUCKETS 512u

extern const uint8_t sip_header_buckets[HEADER_BUCKETS];         // hash -> enum sip_header_id
extern const char sip_header_rows[SIP_HEADER_COUNT][HEADER_ROW]; // names, padded with zeros
extern const char sip_header_compact[SIP_HEADER_COUNT];          // in lower case, 0 = none

// `head` is the first eight bytes of the name with bit 5 set, bytes behind the name zero.
static inline uint32_t header_bucket(uint64_t head, char last, uint32_t len)
{
	uint64_t key = head + (len << 8 | (unsigned char)last | 0x20);
	return (uint32_t)(key * 0xbb866d928e877dd7u >> 55);
}

#ifdef __SSSE3__
// Whether the sixteen bytes `name`, zeros behind its end, are a row. Bit 6 tells letters of known
// names from '-' and digits, and bit 5 is their case.
static inline bool header_row_eq(__m128i name, const char *row)
{
	__m128i known = _mm_loadu_si128((const __m128i *)(const void *)row);
	__m128i cases = _mm_srli_epi16(_mm_and_si128(known, _mm_set1_epi8(0x40)), 1);
	__m128i diff = _mm_andnot_si128(cases, _mm_xor_si128(name, known));
	return _mm_movemask_epi8(_mm_cmpeq_epi8(diff, _mm_setzero_si128())) == 0xffff;
}
#endif

// The known header whose name and colon stand at `p`, *len is the name's length. SIP_HEADER_OTHER:
// none could be told at one glance, which does not mean that there is none.
static inline enum sip_header_id header_name_glance(struct text t, const char *p, uint32_t *len)
{
#ifdef __SSSE3__
	static const uint8_t ends[32] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	uint32_t colons = text_has_block(t, p) ? block_equal(p, ':') & ~1u : 0;
	if (colons == 0)
		return SIP_HEADER_OTHER;
	uint32_t end = *len = (uint32_t)__builtin_ctz(colons);
	__m128i is_name = _mm_loadu_si128((const __m128i *)(const void *)(ends + 16 - end));
	__m128i name = _mm_and_si128(_mm_loadu_si128((const __m128i *)(const void *)p), is_name);
	__m128i lower = _mm_or_si128(name, _mm_and_si128(is_name, _mm_set1_epi8(0x20)));
	uint64_t head = (uint64_t)_mm_cvtsi128_si64(lower);
	uint8_t id = sip_header_buckets[header_bucket(head, p[end - 1], end)];
	if (header_row_eq(name, sip_header_rows[id]))
		return (enum sip_header_id)id;
	if (end == 1 && (*p | 0x20) == sip_header_compact[id])
		return (enum sip_header_id)id;
#else
	(void)t;
	(void)p;
	(void)len;
#endif
	return SIP_HEADER_OTHER;
}

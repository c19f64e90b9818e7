// text.h - what the parsers read with: a text has an end, and knows how far beyond it one may look.
//
// Bytes are taken up sixteen at a time wherever sixteen may be read. A value is nearly always
// shorter than that, but it lies in a datagram, so what stands behind it can be loaded with it; it
// is then left out of the result.
//
//    p                  end
//    |---- the value ----|---- rest of the datagram ------|
//    [   16 at once    ####]                               # = looked at, not believed
//
// Where the datagram ends, and on CPUs without SSSE3, one byte after the other does the same.
// Private to signaling/sip. Any thread, pure.
#pragma once

#include "sip/chars.h"

#ifdef __SSSE3__
#include <tmmintrin.h>
#endif

#define TEXT_BLOCK 16u // bytes taken up at once

// Goes with a pointer `p` to the next byte, p <= end.
struct text {
	const char *end;
	uintptr_t blocks; // TEXT_BLOCK bytes may be read at addresses below
};

// Alone: nothing behind the span may be read.
static inline struct text text_of(struct span s)
{
	const char *end = s.len ? s.ptr + s.len : s.ptr; // which may be NULL
	return (struct text){ .end = end,
		.blocks = s.len < TEXT_BLOCK ? 0 : (uintptr_t)end - (TEXT_BLOCK - 1) };
}

// The part of it up to `end`.
static inline struct text text_until(struct text t, const char *end)
{
	return (struct text){ .end = end, .blocks = t.blocks };
}

static inline struct span span_between(const char *from, const char *to)
{
	return span_make(from, (uint32_t)(to - from));
}

static inline uint32_t text_len(struct text t, const char *p)
{
	return (uint32_t)(t.end - p);
}

static inline bool text_has_block(struct text t, const char *p)
{
	return (uintptr_t)p < t.blocks;
}

static inline const char *text_clamp(struct text t, const char *p)
{
	return p < t.end ? p : t.end;
}

#ifdef __SSSE3__
// A bit for each of sixteen bytes that is not in `class` (one CHAR_*). The low half of a byte picks
// a row of the class, which has a bit for each high half with which the byte belongs to it.
static inline uint32_t block_outside(const char *p, unsigned class)
{
	const __m128i column = _mm_setr_epi8(
		1, 2, 4, 8, 16, 32, 64, (char)0x80, 0, 0, 0, 0, 0, 0, 0, 0);
	const void *rows = sip_char_rows[__builtin_ctz(class)];
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(0x0f));
	// A shuffle by a byte above 127 gives 0: these are in no class.
	__m128i row = _mm_shuffle_epi8(_mm_load_si128(rows), bytes);
	__m128i in = _mm_and_si128(row, _mm_shuffle_epi8(column, high));
	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(in, _mm_setzero_si128()));
}

// A bit for each of sixteen bytes that is `c`.
static inline uint32_t block_equal(const char *p, char c)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)));
}
#endif

// Behind the run of bytes of `class` (one CHAR_*, a constant) at `p`.
static inline const char *text_run(struct text t, const char *p, unsigned class)
{
#ifdef __SSSE3__
	for (; text_has_block(t, p); p += TEXT_BLOCK) {
		uint32_t outside = block_outside(p, class);
		if (outside)
			return text_clamp(t, p + (unsigned)__builtin_ctz(outside));
		if (p >= t.end)
			break;
	}
#endif
	while (p < t.end && char_is(*p, class))
		p++;
	return text_clamp(t, p);
}

// Whether all of the text is of `class`, and there is something.
static inline bool text_is(struct text t, const char *p, unsigned class)
{
	return p < t.end && text_run(t, p, class) == t.end;
}

// The first `c` at or behind `p`, or the end.
static inline const char *text_find(struct text t, const char *p, char c)
{
#ifdef __SSSE3__
	for (; text_has_block(t, p) && p < t.end; p += TEXT_BLOCK) {
		uint32_t equal = block_equal(p, c);
		if (equal)
			return text_clamp(t, p + (unsigned)__builtin_ctz(equal));
	}
#endif
	while (p < t.end && *p != c)
		p++;
	return text_clamp(t, p);
}

// Whether "%HH" stands at `p`.
static inline bool text_is_escape(struct text t, const char *p)
{
	return p < t.end && *p == '%' && t.end - p > 2 && char_is(p[1], CHAR_HEX) &&
		char_is(p[2], CHAR_HEX);
}

// As text_run(), of bytes of `class` and escapes.
static inline const char *text_run_escaped(struct text t, const char *p, unsigned class)
{
	for (;;) {
		p = text_run(t, p, class);
		if (!text_is_escape(t, p))
			return p;
		p += 3;
	}
}

// White space, at one glance for all that stands above it.
static inline bool is_lws(char c)
{
	return (unsigned char)c <= ' ' && char_is(c, CHAR_LWS);
}

// Behind the white space at `p`, which is short where there is any.
static inline const char *text_lws(struct text t, const char *p)
{
	while (p < t.end && is_lws(*p))
		p++;
	return p;
}

// The end of the text without the white space there.
static inline const char *text_trim_end(struct text t, const char *p)
{
	const char *end = t.end;
	while (end > p && is_lws(end[-1]))
		end--;
	return end;
}

// Behind the quoted-string at `p` (*p is '"'), or NULL if it does not end.
static inline const char *text_quoted(struct text t, const char *p)
{
	for (p++; p < t.end; p++) {
		if (*p == '"')
			return p + 1;
		if (*p == '\\' && ++p == t.end)
			break;
	}
	return NULL;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte is the lowest of a word");

// The whole text as one number, the first byte lowest, at most eight; 0: none or more.
static inline uint64_t text_word(struct text t, const char *p)
{
	size_t len = (size_t)(t.end - p);
	uint64_t word = 0;
	if (len == 0 || len > sizeof(word))
		return 0;
	if (text_has_block(t, p)) {
		memcpy(&word, p, sizeof(word));
		return word & UINT64_MAX >> (64 - 8 * len);
	}
	for (size_t i = 0; i < len; i++)
		word |= (uint64_t)(unsigned char)p[i] << 8 * i;
	return word;
}

// A constant of at most eight bytes as text_word() gives it.
static inline uint64_t word_of(const char *name)
{
	uint64_t word = 0;
	for (size_t i = 0; i < __builtin_strlen(name); i++)
		word |= (uint64_t)(unsigned char)name[i] << 8 * i;
	return word;
}

// Bit 5 of each letter of a constant without capitals: nothing but a letter becomes a letter by it.
static inline uint64_t cases_of(const char *name)
{
	uint64_t cases = 0;
	for (size_t i = 0; i < __builtin_strlen(name); i++)
		cases |= (uint64_t)(name[i] >= 'a' && name[i] <= 'z' ? 0x20 : 0) << 8 * i;
	return cases;
}

// Whether the whole text is `name`, letters of either case: a constant of at most eight bytes
// without capitals.
static inline bool text_is_name(struct text t, const char *p, const char *name)
{
	return (size_t)(t.end - p) == __builtin_strlen(name) &&
		(text_word(t, p) | cases_of(name)) == word_of(name);
}

// Whether the text begins with `name`, as in text_is_name().
static inline bool text_starts(struct text t, const char *p, const char *name)
{
	size_t len = __builtin_strlen(name);
	return (size_t)(t.end - p) >= len && text_is_name(text_until(t, p + len), p, name);
}

// Whether the whole text is `name` byte for byte, a constant of at most eight.
static inline bool text_is_exact(struct text t, const char *p, const char *name)
{
	return (size_t)(t.end - p) == __builtin_strlen(name) && text_word(t, p) == word_of(name);
}

// span.c - comparing, searching and converting borrowed byte ranges.
#include "base/span.h"

#include <errno.h>

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool span_starts(struct span s, struct span prefix)
{
	return s.len >= prefix.len &&
		(prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

// The letters among eight bytes in lower case; each lane stays below 256, so that none carries into
// the next.
static uint64_t lower_eight(uint64_t v)
{
	const uint64_t ones = 0x0101010101010101u, high = ones * 0x80;
	uint64_t low = v & ~high;
	uint64_t from_a = low + (0x80 - 'A') * ones, above_z = low + (0x80 - 'Z' - 1) * ones;
	uint64_t letters = (from_a & ~above_z & ~v) & high;
	return v | letters >> 2;
}

static uint64_t load_eight(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t load_four(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

// In whole words, of which the last one overlaps the one before.
static bool starts_alike(const char *a, const char *b, uint32_t len)
{
	if (len >= 8) {
		for (uint32_t i = 0; i + 8 < len; i += 8) {
			if (lower_eight(load_eight(a + i)) != lower_eight(load_eight(b + i)))
				return false;
		}
		return lower_eight(load_eight(a + len - 8)) == lower_eight(load_eight(b + len - 8));
	}
	if (len >= 4)
		return lower_eight(load_four(a) << 32 | load_four(a + len - 4)) ==
			lower_eight(load_four(b) << 32 | load_four(b + len - 4));
	for (uint32_t i = 0; i < len; i++) {
		if (lower(a[i]) != lower(b[i]))
			return false;
	}
	return true;
}

bool span_istarts(struct span s, struct span prefix)
{
	return s.len >= prefix.len && starts_alike(s.ptr, prefix.ptr, prefix.len);
}

struct span span_trim(struct span s)
{
	while (s.len > 0 && is_blank(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

int32_t span_find(struct span s, char c, uint32_t from)
{
	if (from >= s.len)
		return -1;
	const char *hit = memchr(s.ptr + from, c, s.len - from);
	return hit ? (int32_t)(hit - s.ptr) : -1;
}

bool span_cut(struct span *s, char sep, struct span *head)
{
	if (s->len == 0)
		return false;
	int32_t at = span_find(*s, sep, 0);
	if (at < 0) {
		*head = *s;
		*s = SPAN_NONE;
		return true;
	}
	*head = span_sub(*s, 0, (uint32_t)at);
	*s = span_sub(*s, (uint32_t)at + 1, s->len);
	return true;
}

struct span span_sub(struct span s, uint32_t from, uint32_t len)
{
	if (from >= s.len)
		return SPAN_NONE;
	if (len > s.len - from)
		len = s.len - from;
	return span_make(s.ptr + from, len);
}

#define DIGITS_SAFE 19u // so many cannot overflow 64 bits

int span_parse_u64(struct span s, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;
	bool is_over = false;

	if (s.len == 0)
		return -EINVAL;
	for (uint32_t i = 0; i < s.len; i++) {
		uint64_t digit = (uint64_t)(unsigned char)s.ptr[i] - '0';
		if (digit > 9)
			return -EINVAL;
		if (i >= DIGITS_SAFE)
			is_over |= value > (UINT64_MAX - digit) / 10;
		value = value * 10 + digit;
	}
	if (is_over || value > max)
		return -ERANGE;
	*out = value;
	return 0;
}

int span_parse_u32(struct span s, uint32_t max, uint32_t *out)
{
	uint64_t value;
	int err = span_parse_u64(s, max, &value);
	if (err)
		return err;
	*out = (uint32_t)value;
	return 0;
}

int span_copy(struct span s, char *dst, uint32_t cap)
{
	if (cap == 0)
		return -ENOSPC;
	if (s.len >= cap) {
		dst[0] = '\0';
		return -ENOSPC;
	}
	if (s.len > 0)
		memcpy(dst, s.ptr, s.len);
	dst[s.len] = '\0';
	return 0;
}

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

bool span_ieq(struct span a, struct span b)
{
	return a.len == b.len && span_istarts(a, b);
}

bool span_starts(struct span s, struct span prefix)
{
	return s.len >= prefix.len &&
		(prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

bool span_istarts(struct span s, struct span prefix)
{
	if (s.len < prefix.len)
		return false;
	for (uint32_t i = 0; i < prefix.len; i++) {
		if (lower(s.ptr[i]) != lower(prefix.ptr[i]))
			return false;
	}
	return true;
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

int span_parse_u64(struct span s, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;
	if (s.len == 0)
		return -EINVAL;
	for (uint32_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return -EINVAL;
	}
	for (uint32_t i = 0; i < s.len; i++) {
		uint64_t digit = (uint64_t)(s.ptr[i] - '0');
		if (digit > max || value > (max - digit) / 10)
			return -ERANGE;
		value = value * 10 + digit;
	}
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

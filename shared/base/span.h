// span.h - a borrowed view of bytes: the string type of the whole product.
//
// A span never owns and is never NUL-terminated; it lives as long as the buffer it points into
// (a received datagram, an arena). Any thread. Does no allocation.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct span {
	const char *ptr; // first byte; may be NULL only if len is 0
	uint32_t len;    // bytes
};

#define SPAN_LIT(text)   ((struct span){ .ptr = (text), .len = sizeof(text) - 1 })
#define SPAN_FMT         "%.*s"
#define SPAN_ARG(s)      (int)(s).len, (s).len ? (s).ptr : ""
#define SPAN_NONE        ((struct span){ 0 })

static inline struct span span_make(const char *ptr, uint32_t len)
{
	return (struct span){ .ptr = ptr, .len = len };
}

// Of a NUL-terminated string.
static inline struct span span_str(const char *text)
{
	return (struct span){ .ptr = text, .len = text ? (uint32_t)strlen(text) : 0 };
}

static inline bool span_is_empty(struct span s)
{
	return s.len == 0;
}

// Byte by byte.
bool span_eq(struct span a, struct span b);

bool span_starts(struct span s, struct span prefix);
// ASCII letters compare without case (RFC 3261 7.3.1 tokens).
bool span_istarts(struct span s, struct span prefix);

// As span_istarts().
static inline bool span_ieq(struct span a, struct span b)
{
	return a.len == b.len && span_istarts(a, b);
}

// Without leading and trailing SP, HT, CR, LF.
struct span span_trim(struct span s);

// Index of the first `c` at or after `from`, or -1.
int32_t span_find(struct span s, char c, uint32_t from);

// Cuts off everything up to the first `sep` into `head` and advances `s` past it. Without `sep` the
// whole rest is the head. False when `s` is empty.
bool span_cut(struct span *s, char sep, struct span *head);

// Sub-range, clamped to the span.
struct span span_sub(struct span s, uint32_t from, uint32_t len);

// Decimal digits only, at least one, value <= max. 0, or -EINVAL / -ERANGE.
int span_parse_u32(struct span s, uint32_t max, uint32_t *out);
int span_parse_u64(struct span s, uint64_t max, uint64_t *out);

// Copies and terminates. 0, or -ENOSPC when `cap` < len + 1 (then dst is the empty string).
int span_copy(struct span s, char *dst, uint32_t cap);

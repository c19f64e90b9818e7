// chars.h - character classes of the SIP grammar (RFC 3261 25.1), as bits of one table.
//
// Private to signaling/sip. Any thread, constant.
#pragma once

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	CHAR_TOKEN = 1 << 0,      // token
	CHAR_WORD = 1 << 1,       // word of Call-ID
	CHAR_UNRESERVED = 1 << 2,
	CHAR_USER = 1 << 3,       // user, without escapes
	CHAR_PASSWORD = 1 << 4,
	CHAR_PARAM = 1 << 5,      // name or value of a URI or header parameter, without quotes
	CHAR_URI_HEADER = 1 << 6, // behind '?', with '=' and '&'
	CHAR_HOST = 1 << 7,       // hostname; '_' too, names with it are in use
	CHAR_HEX = 1 << 8,
	CHAR_DIGIT = 1 << 9,
	CHAR_URIC = 1 << 10,      // absoluteURI behind the scheme
	CHAR_LWS = 1 << 11,       // SP HT, and CR LF which only folding leaves in a value
	CHAR_ALPHA = 1 << 12,
	CHAR_PHONE = 1 << 13,     // phonedigit and visual separators (RFC 3966)
	CHAR_URI_PARAM = 1 << 14, // as CHAR_PARAM, but '%' only as an escape (RFC 3261 25.1)
};

extern const uint16_t sip_chars[256];

static inline bool char_is(char c, unsigned classes)
{
	return (sip_chars[(unsigned char)c] & classes) != 0;
}

// Behind the run of bytes in the given classes from `i` on, i <= s.len. Four at a time: most of
// parsing is this loop.
static inline uint32_t class_skip(struct span s, uint32_t i, unsigned classes)
{
	for (; s.len - i >= 4; i += 4) {
		if (!char_is(s.ptr[i], classes))
			return i;
		if (!char_is(s.ptr[i + 1], classes))
			return i + 1;
		if (!char_is(s.ptr[i + 2], classes))
			return i + 2;
		if (!char_is(s.ptr[i + 3], classes))
			return i + 3;
	}
	while (i < s.len && char_is(s.ptr[i], classes))
		i++;
	return i;
}

static inline uint32_t lws_skip(struct span s, uint32_t i)
{
	while (i < s.len && char_is(s.ptr[i], CHAR_LWS))
		i++;
	return i;
}

// Behind the quoted-string that starts at `i` (s.ptr[i] is '"'), or 0 if it does not end.
static inline uint32_t quoted_skip(struct span s, uint32_t i)
{
	for (i++; i < s.len; i++) {
		if (s.ptr[i] == '"')
			return i + 1;
		if (s.ptr[i] == '\\')
			i++;
	}
	return 0;
}

static inline struct span span_from(struct span s, uint32_t from)
{
	return span_make(s.ptr + from, s.len - from);
}

static inline struct span lws_trim(struct span s)
{
	while (s.len && char_is(s.ptr[0], CHAR_LWS)) {
		s.ptr++;
		s.len--;
	}
	while (s.len && char_is(s.ptr[s.len - 1], CHAR_LWS))
		s.len--;
	return s;
}

static inline int hex_value(char c)
{
	return char_is(c, CHAR_DIGIT) ? c - '0' : (c | 0x20) - 'a' + 10;
}

// Whether "%HH" stands at `i`.
static inline bool escape_at(struct span s, uint32_t i)
{
	return i + 2 < s.len && s.ptr[i] == '%' && char_is(s.ptr[i + 1], CHAR_HEX) &&
		char_is(s.ptr[i + 2], CHAR_HEX);
}

// Behind the longest run of the given classes (and of escapes, if `has_escapes`) from `i` on.
static inline uint32_t run_skip(struct span s, uint32_t i, unsigned classes, bool has_escapes)
{
	for (;;) {
		i = class_skip(s, i, classes);
		if (!has_escapes || !escape_at(s, i))
			return i;
		i += 3;
	}
}

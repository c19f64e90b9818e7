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
	CHAR_ABSOLUTE = 1 << 2,   // behind the scheme of a URI that we do not serve
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
	CHAR_DISPLAY = 1 << 15,   // display name without quotes: tokens and the LWS between them
};

extern const uint16_t sip_chars[256];
// The same table, turned: [bit of the class][low half of the byte], a bit for each high half.
extern const uint8_t sip_char_rows[16][16];

static inline bool char_is(char c, unsigned classes)
{
	return (sip_chars[(unsigned char)c] & classes) != 0;
}

static inline struct span span_from(struct span s, uint32_t from)
{
	return span_make(s.ptr + from, s.len - from);
}

static inline int hex_value(char c)
{
	return char_is(c, CHAR_DIGIT) ? c - '0' : (c | 0x20) - 'a' + 10;
}

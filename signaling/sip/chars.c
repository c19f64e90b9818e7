// chars.c - the table of character classes, computed by the compiler from the grammar's wording.

#include "sip/chars.h"

#include <stdalign.h>

#define DIGIT(c)  ((c) >= '0' && (c) <= '9')
#define ALPHA(c)  (((c) >= 'a' && (c) <= 'z') || ((c) >= 'A' && (c) <= 'Z'))
#define ALNUM(c)  (DIGIT(c) || ALPHA(c))
#define HEX(c)    (DIGIT(c) || ((c) >= 'a' && (c) <= 'f') || ((c) >= 'A' && (c) <= 'F'))
#define MARK(c)                                                                                    \
	((c) == '-' || (c) == '_' || (c) == '.' || (c) == '!' || (c) == '~' || (c) == '*' ||       \
		(c) == '\'' || (c) == '(' || (c) == ')')
#define UNRESERVED(c) (ALNUM(c) || MARK(c))
#define TOKEN(c)                                                                                   \
	(ALNUM(c) || (c) == '-' || (c) == '.' || (c) == '!' || (c) == '%' || (c) == '*' ||         \
		(c) == '_' || (c) == '+' || (c) == '`' || (c) == '\'' || (c) == '~')
#define WORD(c)                                                                                    \
	(TOKEN(c) || (c) == '(' || (c) == ')' || (c) == '<' || (c) == '>' || (c) == ':' ||         \
		(c) == '\\' || (c) == '"' || (c) == '/' || (c) == '[' || (c) == ']' ||             \
		(c) == '?' || (c) == '{' || (c) == '}')
#define PASSWORD(c)                                                                                \
	(UNRESERVED(c) || (c) == '&' || (c) == '=' || (c) == '+' || (c) == '$' || (c) == ',')
#define USER(c) (PASSWORD(c) || (c) == ';' || (c) == '?' || (c) == '/')
#define PARAM(c)                                                                                   \
	(TOKEN(c) || UNRESERVED(c) || (c) == '[' || (c) == ']' || (c) == '/' || (c) == ':' ||      \
		(c) == '&' || (c) == '$')
#define URI_PARAM(c) (PARAM(c) && (c) != '%')
#define URI_HEADER(c)                                                                              \
	(UNRESERVED(c) || (c) == '[' || (c) == ']' || (c) == '/' || (c) == '?' || (c) == ':' ||    \
		(c) == '+' || (c) == '$' || (c) == '=' || (c) == '&')
#define HOST(c) (ALNUM(c) || (c) == '-' || (c) == '.' || (c) == '_')
#define URIC(c) (USER(c) || (c) == ':' || (c) == '@')
#define ABSOLUTE(c) (URIC(c) || PARAM(c))
#define LWS(c)  ((c) == ' ' || (c) == '\t' || (c) == '\r' || (c) == '\n')
#define DISPLAY(c) (TOKEN(c) || LWS(c))
#define PHONE(c)                                                                                   \
	(HEX(c) || (c) == '*' || (c) == '#' || (c) == '-' || (c) == '.' || (c) == '(' || (c) == ')')

#define C1(c)                                                                                      \
	((TOKEN(c) ? CHAR_TOKEN : 0) | (WORD(c) ? CHAR_WORD : 0) |                                 \
		(ABSOLUTE(c) ? CHAR_ABSOLUTE : 0) | (USER(c) ? CHAR_USER : 0) |                \
		(PASSWORD(c) ? CHAR_PASSWORD : 0) | (PARAM(c) ? CHAR_PARAM : 0) |                  \
		(URI_HEADER(c) ? CHAR_URI_HEADER : 0) | (HOST(c) ? CHAR_HOST : 0) |                \
		(HEX(c) ? CHAR_HEX : 0) | (DIGIT(c) ? CHAR_DIGIT : 0) |                            \
		(URIC(c) ? CHAR_URIC : 0) | (LWS(c) ? CHAR_LWS : 0) |                              \
		(ALPHA(c) ? CHAR_ALPHA : 0) | (PHONE(c) ? CHAR_PHONE : 0) |                        \
		(URI_PARAM(c) ? CHAR_URI_PARAM : 0) | (DISPLAY(c) ? CHAR_DISPLAY : 0))
#define C4(c)  C1(c), C1((c) + 1), C1((c) + 2), C1((c) + 3)
#define C16(c) C4(c), C4((c) + 4), C4((c) + 8), C4((c) + 12)
#define C64(c) C16(c), C16((c) + 16), C16((c) + 32), C16((c) + 48)

const uint16_t sip_chars[256] = { C64(0), C64(64) }; // bytes above 127 are in no class

// Row `low` of a class: whether the bytes low, 0x10 + low, ... 0x70 + low belong to it.
#define R1(in, low, high) (in((high) << 4 | (low)) ? 1 << (high) : 0)
#define R8(in, low)                                                                                \
	(R1(in, low, 0) | R1(in, low, 1) | R1(in, low, 2) | R1(in, low, 3) | R1(in, low, 4) |      \
		R1(in, low, 5) | R1(in, low, 6) | R1(in, low, 7))
#define R32(in, low) R8(in, low), R8(in, (low) + 1), R8(in, (low) + 2), R8(in, (low) + 3)
#define ROWS(in)     { R32(in, 0), R32(in, 4), R32(in, 8), R32(in, 12) }

// In the order of the bits.
alignas(16) const uint8_t sip_char_rows[16][16] = {
	ROWS(TOKEN),
	ROWS(WORD),
	ROWS(ABSOLUTE),
	ROWS(USER),
	ROWS(PASSWORD),
	ROWS(PARAM),
	ROWS(URI_HEADER),
	ROWS(HOST),
	ROWS(HEX),
	ROWS(DIGIT),
	ROWS(URIC),
	ROWS(LWS),
	ROWS(ALPHA),
	ROWS(PHONE),
	ROWS(URI_PARAM),
	ROWS(DISPLAY),
};

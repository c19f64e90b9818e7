#include "base/base64.h"

#include <errno.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const uint8_t *bytes, size_t len, char *out)
{
	for (size_t i = 0; i < len; i += 3, out += 4) {
		uint32_t word = (uint32_t)bytes[i] << 16;

		word |= i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0;
		word |= i + 2 < len ? bytes[i + 2] : 0;
		out[0] = alphabet[word >> 18];
		out[1] = alphabet[word >> 12 & 63];
		out[2] = i + 1 < len ? alphabet[word >> 6 & 63] : '=';
		out[3] = i + 2 < len ? alphabet[word & 63] : '=';
	}
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(struct span text, uint8_t *out, size_t cap)
{
	uint32_t len = text.len, word = 0, bits = 0;
	size_t used = 0;

	for (uint32_t padding = 0; padding < 2 && len > 0 && text.ptr[len - 1] == '='; padding++)
		len--;
	if (len % 4 == 1 || (len != text.len && text.len % 4 != 0))
		return -EINVAL;
	for (uint32_t i = 0; i < len; i++) {
		int value = value_of(text.ptr[i]);

		if (value < 0)
			return -EINVAL;
		word = word << 6 | (uint32_t)value;
		bits += 6;
		if (bits < 8)
			continue;
		if (used == cap)
			return -ENOSPC;
		bits -= 8;
		out[used++] = (uint8_t)(word >> bits);
		word &= (1u << bits) - 1;
	}
	return word == 0 ? (int)used : -EINVAL;
}

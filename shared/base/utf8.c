#include "base/utf8.h"

// Behind the character that starts at `i` with a byte above 127, or 0 if it is malformed.
static uint32_t sequence_skip(struct span s, uint32_t i)
{
	unsigned char c = (unsigned char)s.ptr[i++];
	uint32_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;

	if (c < 0xc2 || c > 0xf4 || s.len - i < more)
		return 0;
	unsigned char next = (unsigned char)s.ptr[i];
	if ((c == 0xe0 && next < 0xa0) || (c == 0xed && next > 0x9f) ||
		(c == 0xf0 && next < 0x90) || (c == 0xf4 && next > 0x8f))
		return 0;
	for (; more; more--, i++) {
		if (((unsigned char)s.ptr[i] & 0xc0) != 0x80)
			return 0;
	}
	return i;
}

bool utf8_is_valid(struct span s)
{
	uint32_t i = 0;

	while (i < s.len) {
		uint64_t eight;
		if (i + sizeof(eight) <= s.len) {
			memcpy(&eight, s.ptr + i, sizeof(eight));
			if ((eight & 0x8080808080808080u) == 0) {
				i += sizeof(eight);
				continue;
			}
		}
		if ((s.ptr[i] & 0x80) == 0) {
			i++;
			continue;
		}
		i = sequence_skip(s, i);
		if (i == 0)
			return false;
	}
	return true;
}

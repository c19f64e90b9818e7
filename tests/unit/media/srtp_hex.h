// srtp_hex.h - the test vectors of the RFCs as they are printed there.
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <string.h>

// Bytes of a text of hexadecimal digits and blanks; how many.
static inline uint32_t srtp_hex(const char *text, uint8_t *out)
{
	uint32_t count = 0;

	for (const char *c = text; *c;) {
		unsigned value;
		if (*c == ' ') {
			c++;
			continue;
		}
		if (sscanf(c, "%2x", &value) != 1)
			break;
		out[count++] = (uint8_t)value;
		c += 2;
	}
	return count;
}

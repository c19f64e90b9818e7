#include "proto/rtp_extension.h"

#include <stddef.h>

#define HAS_EXTENSION	0x10u
#define PROFILE_ONE	0xbedeu // RFC 8285 4.2
#define PROFILE_TWO	0x1000u // 4.3, with any application bits
#define PROFILE_TWO_MASK 0xfff0u
#define ID_STOP		15u // of the one-byte form: nothing after it is looked at

// Where elements begin and end, and of which form they are.
struct elements {
	const uint8_t *at, *end;
	bool is_one_byte;
};

static bool open_elements(const uint8_t *rtp, uint32_t len, struct elements *out)
{
	if (!rtp_is_valid(rtp, len) || !(rtp[0] & HAS_EXTENSION))
		return false;
	uint32_t at = RTP_HEADER_BYTES + 4u * (rtp[0] & 0x0f);
	if (at + 4 > len)
		return false;
	uint32_t profile = rtp_load16(rtp + at), bytes = 4u * rtp_load16(rtp + at + 2);
	at += 4;
	if (bytes > len - at ||
		(profile != PROFILE_ONE && (profile & PROFILE_TWO_MASK) != PROFILE_TWO))
		return false;
	*out = (struct elements){ rtp + at, rtp + at + bytes, profile == PROFILE_ONE };
	return true;
}

bool rtp_extension_find(
	const uint8_t *rtp, uint32_t len, uint8_t id, const uint8_t **value, uint32_t *bytes)
{
	struct elements e;

	if (id == 0 || !open_elements(rtp, len, &e))
		return false;
	while (e.at < e.end) {
		if (e.at[0] == 0) { // padding
			e.at++;
			continue;
		}
		uint8_t this_id = e.is_one_byte ? e.at[0] >> 4 : e.at[0];
		uint32_t head = e.is_one_byte ? 1 : 2, size;
		if ((e.is_one_byte && this_id == ID_STOP) || e.end - e.at < (ptrdiff_t)head)
			return false;
		size = e.is_one_byte ? (e.at[0] & 15u) + 1 : e.at[1];
		if (e.end - e.at - (ptrdiff_t)head < (ptrdiff_t)size)
			return false;
		if (this_id == id) {
			*value = e.at + head;
			*bytes = size;
			return true;
		}
		e.at += head + size;
	}
	return false;
}

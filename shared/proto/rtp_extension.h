// rtp_extension.h - elements of RTP header extensions (RFC 8285).
//
// Any thread, pure, borrowed bytes, safe for hostile input.
#pragma once

#include "proto/rtp.h"

// The element `id` (1..14 in the one-byte form, 1..255 in the two-byte form) of the RTP packet of
// `len` bytes; *value lies in it. False: no such element, no extension of either form, or cut off.
bool rtp_extension_find(
	const uint8_t *rtp, uint32_t len, uint8_t id, const uint8_t **value, uint32_t *bytes);

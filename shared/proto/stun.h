// stun.h - tells STUN messages from everything else (RFC 8489 5, RFC 7983 7).
//
// Classification only: attributes and their integrity belong to ICE. Any thread, pure.
#pragma once

#include "proto/rtp.h"

#define STUN_HEADER_BYTES 20u
#define STUN_MAGIC        0x2112a442u

enum stun_class { STUN_REQUEST, STUN_INDICATION, STUN_SUCCESS, STUN_ERROR };

#define STUN_METHOD_BINDING 0x001u

// Two zero bits in front, the magic cookie, and a length that is a multiple of 4 and fills the
// datagram exactly.
static inline bool stun_is_message(const uint8_t *p, uint32_t len)
{
	if (len < STUN_HEADER_BYTES || p[0] > 3)
		return false;
	uint32_t body = rtp_load16(p + 2);
	return body % 4 == 0 && body == len - STUN_HEADER_BYTES && rtp_load32(p + 4) == STUN_MAGIC;
}

// Both need a buffer that passed stun_is_message(). Bits C1 and C0 sit between the method's.
static inline enum stun_class stun_class_of(const uint8_t *p)
{
	uint16_t type = rtp_load16(p);
	return (enum stun_class)((type >> 7 & 2) | (type >> 4 & 1));
}

static inline uint16_t stun_method_of(const uint8_t *p)
{
	uint16_t type = rtp_load16(p);
	return (uint16_t)((type & 0x000f) | (type & 0x00e0) >> 1 | (type & 0x3e00) >> 2);
}

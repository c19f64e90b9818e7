// ice.h - words that SDP and the checks of ICE share: types, priorities, limits (RFC 8445 5.1.2,
// RFC 8839 5.4).
//
// Any thread, pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ICE_UFRAG_MIN  4u
#define ICE_PWD_MIN    22u
#define ICE_SECRET_MAX 256u // bytes of either, as received
#define ICE_COMPONENT_RTP  1u
#define ICE_COMPONENT_RTCP 2u
#define ICE_COMPONENTS_MAX 2u

enum ice_type {
	ICE_TYPE_HOST,
	ICE_TYPE_SRFLX,
	ICE_TYPE_PRFLX,
	ICE_TYPE_RELAY,
};

// RFC 8445 5.1.2.2.
static inline uint32_t ice_type_preference(enum ice_type type)
{
	static const uint8_t preferences[] = { 126, 100, 110, 0 };

	return preferences[type];
}

// RFC 8445 5.1.2.1. `local_preference` orders the addresses of one type; component 1..256.
static inline uint32_t ice_priority(
	enum ice_type type, uint16_t local_preference, uint32_t component)
{
	return ice_type_preference(type) << 24 | (uint32_t)local_preference << 8 |
		(256 - component);
}

// What the candidate would have if the far end learned it from a check (RFC 8445 7.1.1).
static inline uint32_t ice_priority_learned(uint32_t priority)
{
	return (priority & 0x00ffffff) | ice_type_preference(ICE_TYPE_PRFLX) << 24;
}

// ice-char: letters, digits, "+" and "/" (RFC 8839 5.1).
static inline bool ice_is_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		c == '+' || c == '/';
}

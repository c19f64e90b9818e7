// rtp.h - the fixed headers of RTP and RTCP (RFC 3550 5.1, 6.4) and what tells them apart on one
// port (RFC 5761 4, RFC 7983 7).
//
// Pure functions over borrowed bytes, any thread, safe for hostile input: every accessor says how
// many bytes its caller must have checked before. Does not keep state; sequence arithmetic only.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define RTP_VERSION      2u
#define RTP_HEADER_BYTES 12u // without CSRC list and extension
#define RTCP_HEADER_BYTES 4u

// RFC 7983 7 with RFC 9443 3: by the first byte of a datagram on a media port.
enum rtp_demux {
	RTP_DEMUX_UNKNOWN, // drop
	RTP_DEMUX_STUN,    // 0..3
	RTP_DEMUX_ZRTP,    // 16..19
	RTP_DEMUX_DTLS,    // 20..63
	RTP_DEMUX_TURN,    // 64..79, TURN channel
	RTP_DEMUX_RTP,     // 128..191 and payload type says RTP
	RTP_DEMUX_RTCP,    // 128..191 and payload type says RTCP
};

// A checked RTP packet. Offsets count from the first byte of the RTP header.
struct rtp_view {
	uint32_t ssrc;
	uint32_t timestamp;
	uint16_t seq;
	uint8_t payload_type;   // 0..127
	bool is_marked;
	uint16_t payload_at;    // after CSRC list and header extension
	uint16_t payload_bytes; // without padding; 0 is legal
};

static inline uint16_t rtp_load16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t rtp_load32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void rtp_store16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static inline void rtp_store32(uint8_t *p, uint32_t value)
{
	rtp_store16(p, (uint16_t)(value >> 16));
	rtp_store16(p + 2, (uint16_t)value);
}

// RFC 5761 4: second bytes 192..223 are RTCP packet types; RTP never uses payload types 64..95 with
// that meaning.
static inline bool rtp_is_rtcp_type(uint8_t second_byte)
{
	return second_byte >= 192 && second_byte <= 223;
}

// Needs no more than `len` bytes at `p`. Only classifies: the packet may still be malformed.
static inline enum rtp_demux rtp_demux_of(const uint8_t *p, uint32_t len)
{
	if (len < 2)
		return RTP_DEMUX_UNKNOWN;
	uint8_t first = p[0];
	if (first >= 128 && first <= 191)
		return rtp_is_rtcp_type(p[1]) ? RTP_DEMUX_RTCP : RTP_DEMUX_RTP;
	if (first <= 3)
		return RTP_DEMUX_STUN;
	if (first >= 20 && first <= 63)
		return RTP_DEMUX_DTLS;
	if (first >= 16 && first <= 19)
		return RTP_DEMUX_ZRTP;
	if (first >= 64 && first <= 79)
		return RTP_DEMUX_TURN;
	return RTP_DEMUX_UNKNOWN;
}

// The cheap check for the forwarding path: version 2 and a whole fixed header.
static inline bool rtp_is_valid(const uint8_t *p, uint32_t len)
{
	return len >= RTP_HEADER_BYTES && p[0] >> 6 == RTP_VERSION;
}

// The next four need RTP_HEADER_BYTES bytes at `p`.
static inline uint8_t rtp_payload_type(const uint8_t *p)
{
	return p[1] & 0x7f;
}

static inline uint16_t rtp_seq(const uint8_t *p)
{
	return rtp_load16(p + 2);
}

static inline uint32_t rtp_timestamp(const uint8_t *p)
{
	return rtp_load32(p + 4);
}

static inline uint32_t rtp_ssrc(const uint8_t *p)
{
	return rtp_load32(p + 8);
}

// The full check: CSRC list, extension and padding lie inside `len` bytes. False: malformed, *out
// untouched.
static inline bool rtp_parse(const uint8_t *p, uint32_t len, struct rtp_view *out)
{
	if (!rtp_is_valid(p, len) || len > UINT16_MAX)
		return false;
	uint32_t at = RTP_HEADER_BYTES + 4u * (p[0] & 0x0f);
	if (p[0] & 0x10) {
		if (at + 4 > len)
			return false;
		at += 4 + 4u * rtp_load16(p + at + 2);
	}
	if (at > len)
		return false;
	uint32_t padding = 0;
	if (p[0] & 0x20) {
		padding = p[len - 1];
		if (padding == 0 || padding > len - at)
			return false;
	}
	*out = (struct rtp_view){
		.ssrc = rtp_ssrc(p),
		.timestamp = rtp_timestamp(p),
		.seq = rtp_seq(p),
		.payload_type = rtp_payload_type(p),
		.is_marked = p[1] >> 7,
		.payload_at = (uint16_t)at,
		.payload_bytes = (uint16_t)(len - at - padding),
	};
	return true;
}

// How far `to` is ahead of `from`, modulo 2^16: negative = older.
static inline int16_t rtp_seq_diff(uint16_t to, uint16_t from)
{
	return (int16_t)(uint16_t)(to - from);
}

struct rtp_header {
	uint32_t ssrc;
	uint32_t timestamp;
	uint16_t seq;
	uint8_t payload_type; // 0..127
	bool is_marked;
};

// Writes RTP_HEADER_BYTES bytes: version 2, no CSRC, extension or padding.
static inline void rtp_build(const struct rtp_header *header, uint8_t *p)
{
	p[0] = RTP_VERSION << 6;
	p[1] = (uint8_t)((header->payload_type & 0x7f) | (header->is_marked ? 0x80 : 0));
	rtp_store16(p + 2, header->seq);
	rtp_store32(p + 4, header->timestamp);
	rtp_store32(p + 8, header->ssrc);
}

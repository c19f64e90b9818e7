// rtcp.h - walking RTCP compounds (RFC 3550 6.1, A.2; RFC 5506 reduced size) and reading their
// report blocks; building a report for tests and tools.
//
// Any thread, pure, borrowed buffers, safe for hostile input. Does not compute intervals or keep
// state of sources.
#pragma once

#include "proto/rtp.h"

enum rtcp_type {
	RTCP_SR = 200,
	RTCP_RR = 201,
	RTCP_SDES = 202,
	RTCP_BYE = 203,
	RTCP_APP = 204,
	RTCP_RTPFB = 205, // RFC 4585
	RTCP_PSFB = 206,  // RFC 4585
	RTCP_XR = 207,    // RFC 3611
};

#define RTCP_REPORT_BYTES 24u
#define RTCP_SENDER_BYTES 20u // sender info of an SR, after the SSRC
#define RTCP_REPORTS_MAX  31u // 5-bit count

// Starts at the first byte of a compound; advanced by rtcp_next().
struct rtcp_walk {
	const uint8_t *ptr;
	uint32_t left; // bytes
};

// One packet of a compound, borrowed from the walked buffer.
struct rtcp_packet {
	const uint8_t *body;  // after the 4-byte header
	uint32_t body_bytes;  // without padding; at least 4 unless SDES or BYE with count 0
	uint8_t type;         // enum rtcp_type, or another value 192..223
	uint8_t count;        // reports, sources, or the feedback's format
};

// RFC 3550 6.4.1: what a receiver says about one source.
struct rtcp_report {
	uint32_t ssrc;           // the source reported on
	uint8_t fraction_lost;   // of 256, since the last report
	int32_t lost;            // cumulative, signed 24 bits: duplicates make it negative
	uint32_t seq_highest;    // extended: cycles << 16 | sequence
	uint32_t jitter;         // in timestamp units
	uint32_t last_sr;        // middle 32 bits of the last SR's NTP time, 0 = none yet
	uint32_t delay_since_sr; // in 1/65536 s
};

struct rtcp_sender {
	uint64_t ntp;       // 32.32 fixed point, since 1900
	uint32_t timestamp; // RTP time of the same moment
	uint32_t packets;
	uint32_t bytes;     // payload only
};

static inline struct rtcp_walk rtcp_walk_start(const void *data, uint32_t len)
{
	return (struct rtcp_walk){ .ptr = data, .left = len };
}

// Whether all of `len` bytes are a sequence of well-formed packets, of any order (RFC 5506).
bool rtcp_is_valid(const void *data, uint32_t len);

// Next packet of the compound. 1: *out filled; 0: end; -EPROTO: malformed rest, the walk is over.
int rtcp_next(struct rtcp_walk *walk, struct rtcp_packet *out);

// SSRC of the packet's sender. False when the packet has none.
bool rtcp_packet_ssrc(const struct rtcp_packet *packet, uint32_t *out);

// Sender info of an SR. False: not an SR, or too short.
bool rtcp_packet_sender(const struct rtcp_packet *packet, struct rtcp_sender *out);

// Report block `index` of an SR or RR. False: no such block.
bool rtcp_packet_report(const struct rtcp_packet *packet, uint32_t index, struct rtcp_report *out);

// What a far end says of what it hears (RFC 3611 4.7); 127 = not available.
struct rtcp_voip {
	uint32_t ssrc;       // the source reported on
	uint8_t loss_rate;   // of 256, since the beginning
	uint8_t r_factor;    // 0..100
	uint8_t mos_lq;      // listening, 10..50
	uint8_t mos_cq;      // conversation, 10..50
};

// The first VoIP metrics block of an XR. False: not an XR, none in it, or malformed.
bool rtcp_packet_voip(const struct rtcp_packet *packet, struct rtcp_voip *out);

struct rtcp_build {
	uint32_t ssrc;                     // ours
	const struct rtcp_sender *sender;  // NULL = build an RR
	const struct rtcp_report *reports; // may be NULL if report_count is 0
	uint32_t report_count;             // 0..RTCP_REPORTS_MAX
};

// Writes one SR or RR. Bytes written, or -ENOSPC when `cap` is too small.
int rtcp_build_report(const struct rtcp_build *build, uint8_t *out, uint32_t cap);

// Round trip in 1/65536 s from a report that arrived at `now` (middle 32 bits of NTP time), RFC
// 3550 6.4.1; 0 when the report names no SR or the times contradict each other.
uint32_t rtcp_round_trip(const struct rtcp_report *report, uint32_t now);

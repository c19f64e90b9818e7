// tone_player.h - plays telephone events (RFC 4733) into a stream that is being relayed.
//
// Pure, the lane that owns the flow. While the stream runs, its packets are given the event's
// payload in place of their own: sequence and timestamps go on by themselves, and nobody hears the
// voice under the key. While it is silent packets are made, and all later ones of the stream are
// moved up by their number.
#pragma once

#include "proto/rtp.h"
#include "shm/flow_report.h"

#define TONE_PACKET_BYTES (RTP_HEADER_BYTES + 4u)
#define TONE_SILENCE_NS	  60000000u // without a packet of the stream, until packets are made
#define TONE_PERIOD_NS	  20000000u // between those

struct tone_player {
	// the stream as it leaves
	uint64_t last_ns; // its newest packet, 0 = there was none
	uint32_t ssrc, timestamp;
	uint16_t sequence;
	uint16_t shift; // made packets less skipped ones, modulo 2^16: added to sequence numbers
	// the event
	bool is_playing;
	uint8_t code;
	uint8_t ends;	    // packets with the end bit that were sent
	uint8_t payload_type;
	bool is_begun;	    // its first packet was sent
	uint16_t duration;  // as sent last
	uint16_t target;    // of the whole event, timestamp units
	uint32_t rate;	    // Hz
	uint32_t start;	    // timestamp of all its packets
	uint64_t start_ns;
	uint64_t free_ns;   // no other event before
};

// Whether another event may begin: there must be a pause between two.
static inline bool tone_player_is_free(const struct tone_player *player, uint64_t now_ns)
{
	return !player->is_playing && now_ns >= player->free_ns;
}

// Where the stream stands, of which no packet was seen here lately: the next packet made goes on
// there. `rtp` has its newest sequence and timestamp. Not while packets are shifted.
void tone_player_sync(struct tone_player *player, const struct rtp_header *rtp, uint64_t last_ns);
// Only while tone_player_is_free(). `rate` > 0 is the clock of the payload type, in Hz.
void tone_player_begin(struct tone_player *player, struct flow_event event, uint8_t payload_type,
	uint32_t rate);

enum tone_step {
	TONE_PASS,     // the packet leaves as it is
	TONE_SHIFTED,  // its sequence number was changed
	TONE_REPLACED, // it is TONE_PACKET_BYTES of the event now
	TONE_ENDED,    // likewise, the last ones of it
};

// A valid RTP packet of the stream, of another payload type than events have. `rtp` is changed in
// place; there is room for TONE_PACKET_BYTES.
enum tone_step tone_player_relay(struct tone_player *player, uint8_t *rtp, uint64_t now_ns);
// A packet of the stream that will not leave: what follows moves up.
void tone_player_skip(struct tone_player *player, const uint8_t *rtp, uint64_t now_ns);
// Whether a packet is to be made now.
bool tone_player_is_due(const struct tone_player *player, uint64_t now_ns);
// Makes it. `ssrc` is that of a stream of our own, if none came yet. TONE_REPLACED or TONE_ENDED.
enum tone_step tone_player_make(
	struct tone_player *player, uint32_t ssrc, uint8_t *out, uint64_t now_ns);

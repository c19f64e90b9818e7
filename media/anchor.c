#include "anchor.h"

#include "anchor_rtcp.h"
#include "flow_sync.h"
#include "lane.h"
#include "proto/rtp.h"
#include "stream.h"

#include <string.h>

#define NS_PER_MS        1000000ull
#define MISORDER_MAX     100u // RFC 3550 A.1 MAX_MISORDER
#define FRESH_PACKETS    256u // after a change: what lies before it may not come out again
#define CLOCK_WATCH_MS   400u // that tell a clock rate from the others
#define CLOCK_NEAR_SHIFT 3u   // by an eighth

// Where the stream leaves and from whom it comes.
struct passage {
	struct flow_state *out;  // of the port that it leaves by; NULL: not ours to write
	struct flow_state *back; // of the RTP port that it came to
	bool is_anchored;        // FLOW_ANCHOR of the former
};

// The RTP port's state of a pair in this lane. Arguments are the other process's words.
static struct flow_state *rtp_state(
	struct lane *lane, uint16_t address, uint16_t port, uint64_t incarnation)
{
	if (incarnation == 0 || address >= lane->view.addresses ||
		lane->shard_lane[shm_media_shard(port)] != lane->id)
		return NULL;
	return flow_sync_neighbour(lane, address, port & (uint16_t)~1u, incarnation);
}

static bool is_anchored(const struct lane *lane, uint16_t address, uint16_t port)
{
	const struct flow_cfg *cfg = flow_lookup(&lane->view, address, port & (uint16_t)~1u);

	return cfg && (cfg->flags & FLOW_ANCHOR);
}

static struct passage passage_of(struct lane *lane, const struct packet *packet)
{
	// Read once: the record is the other process's, what was checked must be what is used.
	uint16_t address = __atomic_load_n(&packet->cfg->peer_address, __ATOMIC_RELAXED);
	uint16_t port = __atomic_load_n(&packet->cfg->peer_port, __ATOMIC_RELAXED);
	struct passage passage = {
		.out = rtp_state(lane, address, port, packet->cfg->peer_incarnation),
		.back = rtp_state(
			lane, packet->address, packet->port, packet->header->incarnation),
	};

	passage.is_anchored = passage.out && is_anchored(lane, address, port);
	return passage;
}

static bool is_used(const struct flow_state *state)
{
	return state && (state->anchor.flags & FLOW_ANCHOR_USED);
}

bool anchor_is_wanted(struct lane *lane, const struct flow_cfg *cfg, const struct flow_cfg *peer)
{
	if (cfg->kind == FLOW_OPAQUE)
		return false;
	return ((cfg->flags | peer->flags) & FLOW_ANCHOR) ||
		is_used(rtp_state(lane, cfg->media_address, cfg->port, cfg->incarnation)) ||
		is_used(rtp_state(lane, peer->media_address, peer->port, peer->incarnation));
}

// Time -------------------------------------------------------------------------------------------

static uint32_t now_ms(const struct burst *burst)
{
	return (uint32_t)(burst->now_ns / NS_PER_MS);
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

// Hz of the source's clock: what it did while it was watched, else what its payload type says.
static uint32_t clock_rate(const struct flow_anchor *anchor, uint8_t payload_type)
{
	static const uint32_t rates[] = { 8000, 11025, 16000, 24000, 32000, 44100, 48000, 90000 };
	uint32_t watched_ms = anchor->sent_ms - anchor->base_ms;
	uint32_t ticks = anchor->timestamp - anchor->timestamp_shift - anchor->base_timestamp;

	if (watched_ms < CLOCK_WATCH_MS)
		return stream_clock_rate(payload_type);
	uint64_t seen = (uint64_t)ticks * 1000 / watched_ms;
	uint32_t best = rates[0];
	for (uint32_t i = 1; i < sizeof(rates) / sizeof(rates[0]); i++)
		if (distance(seen, rates[i]) < distance(seen, best))
			best = rates[i];
	return distance(seen, best) <= best >> CLOCK_NEAR_SHIFT ? best :
								  stream_clock_rate(payload_type);
}

// Numbers ----------------------------------------------------------------------------------------

static uint16_t origin_of(const struct packet *packet)
{
	uint32_t hash = stream_get(&packet->state->remote_hash) ^
		(uint32_t)packet->header->incarnation * 0x9e3779b1u;

	return (uint16_t)(hash ^ hash >> 16);
}

// The source's own numbers, until there is another source.
static void begin(struct flow_anchor *anchor, const struct burst *burst, const uint8_t *rtp)
{
	*anchor = (struct flow_anchor){ .ssrc_in = rtp_ssrc(rtp),
		.ssrc_out = rtp_ssrc(rtp),
		.sequence = (uint16_t)(rtp_seq(rtp) - 1),
		.base_ms = now_ms(burst),
		.base_timestamp = rtp_timestamp(rtp),
		.flags = FLOW_ANCHOR_USED };
}

// The packet is the next one of the stream, whatever its source calls it. Time goes on with the
// wall clock, at least by a millisecond.
static void go_on(struct flow_anchor *anchor, const struct burst *burst, const uint8_t *rtp)
{
	uint64_t gap_ms = now_ms(burst) - anchor->sent_ms;
	uint32_t rate = clock_rate(anchor, rtp_payload_type(rtp));
	uint32_t timestamp = anchor->timestamp +
		(uint32_t)((gap_ms ? gap_ms : 1) * rate / 1000);

	anchor->ssrc_in = rtp_ssrc(rtp);
	anchor->sequence_shift = (uint16_t)(anchor->sequence + 1 - rtp_seq(rtp));
	anchor->timestamp_shift = timestamp - rtp_timestamp(rtp);
	anchor->base_ms = now_ms(burst);
	anchor->base_timestamp = rtp_timestamp(rtp);
	anchor->first = (uint16_t)(anchor->sequence + 1);
	anchor->flags = (anchor->flags & (uint16_t)~FLOW_ANCHOR_JUMP) | FLOW_ANCHOR_FRESH;
}

// RFC 3550 A.1: a jump is believed when a second packet goes on from it.
static bool is_confirmed(struct flow_anchor *anchor, uint16_t sequence)
{
	if ((anchor->flags & FLOW_ANCHOR_JUMP) && sequence == anchor->jump)
		return true;
	anchor->jump = (uint16_t)(sequence + 1);
	anchor->flags |= FLOW_ANCHOR_JUMP;
	return false;
}

// How far the packet is ahead of the last one of its source.
static uint16_t ahead_of(const struct flow_anchor *anchor, const uint8_t *rtp)
{
	return (uint16_t)(rtp_seq(rtp) + anchor->sequence_shift - anchor->sequence);
}

// Its number would be one that the source before has used.
static bool is_before_change(const struct flow_anchor *anchor, uint16_t sequence)
{
	return (anchor->flags & FLOW_ANCHOR_FRESH) && (int16_t)(sequence - anchor->first) < 0;
}

static void note_sent(struct flow_anchor *anchor, const struct burst *burst,
	const struct packet *packet, uint16_t ahead)
{
	const uint8_t *rtp = packet->udp + 8;
	uint32_t header = 8 + RTP_HEADER_BYTES + 4u * (rtp[0] & 0x0f);

	anchor->packets++;
	anchor->octets += packet->udp_len > header ? packet->udp_len - header : 0;
	if (ahead - 1u >= STREAM_DROPOUT_MAX)
		return;
	anchor->sequence = (uint16_t)(anchor->sequence + ahead);
	anchor->timestamp = rtp_timestamp(rtp) + anchor->timestamp_shift;
	anchor->sent_ms = now_ms(burst);
	anchor->flags &= (uint16_t)~FLOW_ANCHOR_JUMP;
	if ((uint16_t)(anchor->sequence - anchor->first) > FRESH_PACKETS)
		anchor->flags &= (uint16_t)~FLOW_ANCHOR_FRESH;
}

// A receiver's jitter buffer looks at the marker where speech begins; an event has its own meaning
// of it (RFC 4733 2.3), and types 64 to 95 would look like RTCP (RFC 5761 4).
static void mark(struct packet *packet)
{
	uint8_t *rtp = packet->udp + 8;

	if (packet->udp_len > 8 + RTP_HEADER_BYTES + STREAM_EVENT_BYTES &&
		!rtp_is_rtcp_type(rtp[1] | 0x80))
		rtp[1] |= 0x80;
}

static void put_numbers(const struct flow_anchor *anchor, struct packet *packet)
{
	uint8_t *rtp = packet->udp + 8;

	rtp_store32(rtp + 8, anchor->ssrc_out);
	rtp_store32(rtp + 4, rtp_timestamp(rtp) + anchor->timestamp_shift);
	rtp_store16(rtp + 2, (uint16_t)(rtp_seq(rtp) + anchor->sequence_shift));
	packet->flags |= PACKET_CHANGED;
}

static bool drop(struct packet *packet, enum drop_reason reason)
{
	packet_drop(packet, reason);
	return false;
}

// Packets ----------------------------------------------------------------------------------------

// Whether the packet's numbers are to be ours, and with which shift. False: dropped.
static bool follow_source(const struct passage *passage, const struct burst *burst,
	struct packet *packet)
{
	struct flow_anchor *anchor = &passage->out->anchor;
	const uint8_t *rtp = packet->udp + 8;
	uint16_t origin = origin_of(packet), ahead = ahead_of(anchor, rtp);
	bool is_same = rtp_ssrc(rtp) == anchor->ssrc_in;

	if (is_same && ahead - 1u < STREAM_DROPOUT_MAX) {
		anchor->origin = origin; // the far end may have moved, its stream goes on
		return true;
	}
	if (!is_same || anchor->origin != origin) {
		anchor->origin = origin;
		go_on(anchor, burst, rtp);
		mark(packet);
		return true;
	}
	if (ahead == 0 || ahead > UINT16_MAX - MISORDER_MAX)
		return !is_before_change(anchor, (uint16_t)(anchor->sequence + ahead)) ||
			drop(packet, DROP_SEQUENCE_JUMP);
	if (!is_confirmed(anchor, rtp_seq(rtp)))
		return drop(packet, DROP_SEQUENCE_JUMP);
	go_on(anchor, burst, rtp);
	return true;
}

static bool pass_rtp(const struct passage *passage, const struct burst *burst,
	struct packet *packet)
{
	struct flow_anchor *anchor = &passage->out->anchor;
	const uint8_t *rtp = packet->udp + 8;

	if (passage->is_anchored && !(anchor->flags & FLOW_ANCHOR_USED)) {
		begin(anchor, burst, rtp);
		anchor->origin = origin_of(packet);
	}
	// Without FLOW_ANCHOR other SSRCs have nothing to do with the one that was given numbers.
	if (!(anchor->flags & FLOW_ANCHOR_USED) ||
		(!passage->is_anchored && rtp_ssrc(rtp) != anchor->ssrc_in))
		return true;
	if (!follow_source(passage, burst, packet))
		return false;
	note_sent(anchor, burst, packet, ahead_of(anchor, rtp));
	if (anchor->ssrc_out != anchor->ssrc_in || anchor->sequence_shift != 0 ||
		anchor->timestamp_shift != 0)
		put_numbers(anchor, packet);
	return true;
}

static bool pass_rtcp(const struct passage *passage, struct packet *packet)
{
	struct anchor_view view = { .out = passage->out ? &passage->out->anchor : NULL,
		.back = passage->back ? &passage->back->anchor : NULL,
		.is_counted = passage->is_anchored };
	uint32_t len = anchor_rtcp(&view, packet->udp + 8, packet->udp_len - 8u);

	if (len == 0)
		return drop(packet, DROP_ANCHORED_BYE);
	packet->udp_len = (uint16_t)(8 + len);
	packet->flags |= PACKET_CHANGED;
	return true;
}

bool anchor_packet(struct lane *lane, const struct burst *burst, struct packet *packet)
{
	struct passage passage = passage_of(lane, packet);

	if (packet->flags & PACKET_RTCP)
		return pass_rtcp(&passage, packet);
	if (!(packet->header->flags & READY_RTP) || !passage.out)
		return true;
	return pass_rtp(&passage, burst, packet);
}

void anchor_restart(struct lane *lane, const struct burst *burst, struct packet *packet,
	uint16_t highest)
{
	struct passage passage = passage_of(lane, packet);
	const uint8_t *rtp = packet->udp + 8; // as it was to leave
	uint16_t sequence = rtp_seq(rtp);

	if (!passage.out)
		return;
	struct flow_anchor *anchor = &passage.out->anchor;
	if (!is_confirmed(anchor, sequence))
		return;
	// Its third packet, as the source will call it, is the one after the highest.
	bool is_ours = is_used(passage.out) && anchor->ssrc_out == rtp_ssrc(rtp);
	if (is_ours)
		sequence = (uint16_t)(sequence - anchor->sequence_shift);
	else
		begin(anchor, burst, rtp);
	anchor->sequence = highest;
	anchor->sequence_shift = (uint16_t)(highest - sequence);
	anchor->timestamp = rtp_timestamp(rtp);
	anchor->sent_ms = now_ms(burst);
	anchor->origin = origin_of(packet);
	anchor->first = (uint16_t)(highest + 1);
	anchor->flags = FLOW_ANCHOR_USED | FLOW_ANCHOR_FRESH;
	packet->header->is_anchored = true;
	ready_header_expire_peers(lane, packet->cfg);
}

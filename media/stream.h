// stream.h - statistics of what a flow receives: RFC 3550 A.1 sequence, A.3 loss, A.8 jitter, and
// what the far end reports by RTCP.
//
// Called by the lane that owns the flow, for accepted packets only. The words lie in struct
// flow_state, written relaxed by this one writer. Loss = expected - received, where expected is
// sequence_max - sequence_base + 1, plus lost_before of earlier SSRCs.
#pragma once

#include "base/metric.h"
#include "lane.h"
#include "proto/rtp.h"

#include <rte_branch_prediction.h>

#define STREAM_DROPOUT_MAX  3000u     // RFC 3550 A.1 MAX_DROPOUT
#define STREAM_CLOCK_RATE   8000u     // Hz, of payload types that no table knows
#define STREAM_EVENT_BYTES  4u        // RFC 4733 payload: its timestamp stands still, so no jitter
#define STREAM_TRANSIT_JUMP 0x100000u // timestamp units: the sender restarted its clock

static inline uint32_t stream_get(const _Atomic uint32_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static inline void stream_set(_Atomic uint32_t *word, uint32_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

extern const uint32_t stream_clock_rates[128];

// Hz of an RTP payload type (RFC 3551 6); dynamic ones are taken for narrow band audio.
static inline uint32_t stream_clock_rate(uint8_t payload_type)
{
	return stream_clock_rates[payload_type & 0x7f];
}

// As for a new incarnation: the next packet begins a stream. Counters of packets are not touched.
void stream_reset(struct flow_state *state);

// A new SSRC, payload type, big jump or the very first packet (RFC 3550 A.1).
void stream_receive_odd(struct burst *burst, struct packet *packet);

// A moment in the units of a clock of `rate` Hz.
static inline uint32_t stream_clock_of(uint64_t ns, uint32_t rate)
{
	return (uint32_t)((unsigned __int128)ns * rate / 1000000000u);
}

// Arrival time likewise.
static inline uint32_t stream_arrival(const struct burst *burst, uint32_t rate)
{
	if (likely(rate == STREAM_CLOCK_RATE))
		return burst->now_8khz;
	return stream_clock_of(burst->now_ns, rate);
}

static inline void stream_jitter(
	const struct burst *burst, struct flow_state *state, uint32_t timestamp, uint32_t rate)
{
	uint32_t transit = stream_arrival(burst, rate) - timestamp;
	int32_t d = (int32_t)(transit - stream_get(&state->transit));
	uint32_t distance = (uint32_t)(d < 0 ? -d : d);
	uint32_t jitter = stream_get(&state->jitter_x16);

	stream_set(&state->transit, transit);
	if (likely(distance < STREAM_TRANSIT_JUMP))
		stream_set(&state->jitter_x16, jitter + distance - ((jitter + 8) >> 4));
}

// Notes when the first accepted datagram of the incarnation came. Not needed on the path of RTP in
// sequence: its first packet never is.
static inline void stream_first(const struct burst *burst, struct packet *packet)
{
	if (metric_read(&packet->state->first_ns) == 0)
		atomic_store_explicit(
			&packet->state->first_ns, burst->now_ns, memory_order_relaxed);
}

// Every accepted datagram, RTP or opaque.
static inline void stream_count(const struct burst *burst, struct packet *packet)
{
	struct flow_state *state = packet->state;

	metric_add(&state->packets, 1);
	metric_add(&state->octets, packet->udp_len - 8u);
	atomic_store_explicit(&state->last_ns, burst->now_ns, memory_order_relaxed);
}

// An accepted RTP packet, whose fixed header has been checked. What is read of packet and burst is
// read before the first store, which could change it for all that the compiler knows.
static inline void stream_receive(struct burst *burst, struct packet *packet)
{
	struct flow_state *state = packet->state;
	const uint8_t *rtp = packet->udp + 8;
	uint8_t type = rtp_payload_type(rtp);
	uint32_t len = packet->udp_len, timestamp = rtp_timestamp(rtp);
	uint32_t max = stream_get(&state->sequence_max);
	uint32_t ahead = (uint16_t)(rtp_seq(rtp) - max);

	if (unlikely(rtp_ssrc(rtp) != stream_get(&state->ssrc) || ahead - 1 >= STREAM_DROPOUT_MAX ||
		    type != stream_get(&state->payload_type) ||
		    len <= 8 + RTP_HEADER_BYTES + STREAM_EVENT_BYTES)) {
		stream_receive_odd(burst, packet);
		return;
	}
	metric_add(&state->packets, 1);
	metric_add(&state->octets, len - 8u);
	atomic_store_explicit(&state->last_ns, burst->now_ns, memory_order_relaxed);
	stream_set(&state->sequence_max, max + ahead);
	stream_set(&state->stream_packets, stream_get(&state->stream_packets) + 1);
	stream_jitter(burst, state, timestamp, stream_clock_rate(type));
}

// An accepted RTCP compound: counts it and keeps what it reports about the stream we send there.
void stream_receive_rtcp(struct lane *lane, const struct burst *burst, struct packet *packet);

#include "police.h"

#include "base/metric.h"
#include "lane.h"
#include "proto/rtp.h"
#include "stream.h"

#define RATE_UNIT          1024u    // tokens of one packet
#define RATE_PPS_LIMIT     4000000u // keeps tokens in 32 bits
#define RATE_BURST_DIVISOR 4u       // a bucket holds a quarter of a second ...
#define RATE_BURST_MIN     16u      // ... at least so many packets
#define NS_PER_SECOND      1000000000ull
#define OWNER_LATE_MAX     100u // sequence numbers behind its last one, RFC 3550 A.1 MAX_MISORDER
#define OWNER_SILENCE_S    5u   // then another stream may come first
#define SUCCESSOR_GAP_MAX  50u  // lost packets that still make two of one stream

static bool is_owner_gone(const struct flow_police *police, uint16_t now_s)
{
	return police->owner_s == 0 || (uint16_t)(now_s - police->owner_s) > OWNER_SILENCE_S;
}

// Whether the packet belongs to the stream that comes first. RTCP and what is no RTP cannot tell
// who they are from: on ports of their own all are equal, among RTP they come second.
static bool is_owner(const struct burst *burst, struct packet *packet)
{
	struct flow_police *police = &packet->state->police;
	const uint8_t *rtp = packet->udp + 8;
	uint16_t now_s = (uint16_t)(burst->now_ns / NS_PER_SECOND);

	if (!(packet->header->flags & READY_RTP))
		return true;
	if (packet->flags & PACKET_RTCP)
		return false;
	now_s += now_s == 0; // 0 means nobody
	uint16_t sequence = rtp_seq(rtp), ahead = (uint16_t)(sequence - police->owner_sequence);
	if (police->owner_s != 0 && rtp_ssrc(rtp) == police->owner_ssrc &&
		(uint16_t)(ahead + OWNER_LATE_MAX) < OWNER_LATE_MAX + STREAM_DROPOUT_MAX) {
		if (ahead < STREAM_DROPOUT_MAX)
			police->owner_sequence = sequence;
		police->owner_s = now_s;
		return true;
	}
	ahead = (uint16_t)(sequence - police->other_sequence);
	if (is_owner_gone(police, now_s) && rtp_ssrc(rtp) == police->other_ssrc && ahead >= 1 &&
		ahead <= SUCCESSOR_GAP_MAX) {
		police->owner_ssrc = rtp_ssrc(rtp);
		police->owner_sequence = sequence;
		police->owner_s = now_s;
		return true;
	}
	police->other_ssrc = rtp_ssrc(rtp);
	police->other_sequence = sequence;
	return false;
}

// Token bucket, filled by the time since the flow's last accepted packet. The first stream may
// empty it, others must leave half of it. What is refused takes nothing, so a flow comes back as
// soon as it keeps to its rate, and no other flow notices.
bool police_accept(const struct burst *burst, struct packet *packet)
{
	struct flow_state *state = packet->state;
	uint64_t rate = packet->header->rate_pps_max;
	uint64_t last_ns = metric_read(&state->last_ns);
	uint64_t elapsed_ns = burst->now_ns > last_ns ? burst->now_ns - last_ns : 0;

	rate = rate < RATE_PPS_LIMIT ? rate : RATE_PPS_LIMIT;
	elapsed_ns = elapsed_ns < NS_PER_SECOND ? elapsed_ns : NS_PER_SECOND;
	uint64_t packets = rate / RATE_BURST_DIVISOR;
	uint64_t full = (packets > RATE_BURST_MIN ? packets : RATE_BURST_MIN) * RATE_UNIT;
	uint64_t tokens = stream_get(&state->rate_tokens) +
		elapsed_ns * rate / (NS_PER_SECOND / RATE_UNIT);
	tokens = tokens < full ? tokens : full;
	if (tokens < RATE_UNIT + (is_owner(burst, packet) ? 0 : full / 2)) {
		metric_add(&state->dropped_rate, 1);
		packet_drop(packet, DROP_RATE);
		return false;
	}
	stream_set(&state->rate_tokens, (uint32_t)(tokens - RATE_UNIT));
	return true;
}

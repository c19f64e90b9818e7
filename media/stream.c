// stream.c - the rare cases of stream.h.
#include "stream.h"

#include "flow_sync.h"
#include "proto/rtcp.h"
#include "rtcp_read.h"
#include "tap.h"

#define MISORDER_MAX 100u // RFC 3550 A.1 MAX_MISORDER
#define NO_TYPE      128u // payload_type before the first RTP packet

// RFC 3551 6, tables 4 and 5; the rest is 8000.
const uint32_t stream_clock_rates[128] = {
	[0 ... 5] = 8000,
	[6] = 16000,
	[7 ... 9] = 8000,
	[10 ... 11] = 44100,
	[12 ... 13] = 8000,
	[14] = 90000,
	[15] = 8000,
	[16] = 11025,
	[17] = 22050,
	[18] = 8000,
	[19 ... 24] = 8000,
	[25 ... 34] = 90000,
	[35 ... 127] = STREAM_CLOCK_RATE,
};

void stream_reset(struct flow_state *state)
{
	stream_set(&state->sequence_base, 0);
	stream_set(&state->sequence_max, 0);
	stream_set(&state->stream_packets, 0);
	stream_set(&state->jitter_x16, 0);
	stream_set(&state->transit, 0);
	stream_set(&state->ssrc, 0);
	stream_set(&state->payload_type, NO_TYPE);
	stream_set(&state->clock_rate, 0);
}

// Losses of the stream so far; duplicates can make them negative, which counts as none.
static uint32_t lost_so_far(const struct flow_state *state)
{
	uint32_t received = stream_get(&state->stream_packets);
	uint32_t expected = stream_get(&state->sequence_max) - stream_get(&state->sequence_base) +
		1;
	return received > 0 && expected > received ? expected - received : 0;
}

// The stream starts here: first packet, another SSRC, or a sender that restarted.
static void start_stream(struct flow_state *state, const uint8_t *rtp)
{
	stream_set(&state->lost_before, stream_get(&state->lost_before) + lost_so_far(state));
	stream_set(&state->sequence_base, rtp_seq(rtp));
	stream_set(&state->sequence_max, rtp_seq(rtp));
	stream_set(&state->stream_packets, 1);
	stream_set(&state->ssrc, rtp_ssrc(rtp));
}

// Transit is measured anew from this packet, with the clock of its payload type.
static void start_clock(const struct burst *burst, struct flow_state *state, const uint8_t *rtp)
{
	uint32_t rate = stream_clock_rate(rtp_payload_type(rtp));

	stream_set(&state->payload_type, rtp_payload_type(rtp));
	stream_set(&state->clock_rate, rate);
	stream_set(&state->transit, stream_arrival(burst, rate) - rtp_timestamp(rtp));
}

// RFC 3550 A.1 update_seq(): whether the packet belongs to the stream as counted. A jump is
// believed when a second packet continues it.
static bool update_sequence(struct packet *packet, const uint8_t *rtp)
{
	struct flow_state *state = packet->state;
	uint32_t max = stream_get(&state->sequence_max);
	uint16_t ahead = (uint16_t)(rtp_seq(rtp) - max);

	if (ahead > 0 && ahead <= STREAM_DROPOUT_MAX) {
		stream_set(&state->sequence_max, max + ahead);
	} else if (ahead != 0 && ahead <= UINT16_MAX - MISORDER_MAX) {
		struct ready_header *header = packet->header;
		if (!(header->flags & READY_BAD_SEQUENCE) || rtp_seq(rtp) != header->bad_sequence) {
			header->bad_sequence = (uint16_t)(rtp_seq(rtp) + 1);
			header->flags |= READY_BAD_SEQUENCE;
			return false;
		}
		start_stream(state, rtp);
		stream_set(&state->jitter_x16, 0);
		packet->header->flags &= (uint16_t)~READY_BAD_SEQUENCE;
		return true;
	}
	stream_set(&state->stream_packets, stream_get(&state->stream_packets) + 1);
	return true;
}

void stream_receive_odd(struct burst *burst, struct packet *packet)
{
	struct flow_state *state = packet->state;
	const uint8_t *rtp = packet->udp + 8;
	bool is_first = stream_get(&state->payload_type) == NO_TYPE;

	stream_first(burst, packet);
	stream_count(burst, packet);
	enum tap_reading reading = tap_read_event(burst, packet);
	if (is_first || rtp_ssrc(rtp) != stream_get(&state->ssrc)) {
		start_stream(state, rtp);
		start_clock(burst, state, rtp);
		stream_set(&state->jitter_x16, 0);
		packet->header->flags &= (uint16_t)~READY_BAD_SEQUENCE;
		return;
	}
	bool is_counted = update_sequence(packet, rtp);
	if (reading != TAP_OTHER) { // of another type than the stream: the next one is odd, too
		if (reading == TAP_EVENT)
			stream_set(&state->payload_type, rtp_payload_type(rtp));
		return;
	}
	if (rtp_payload_type(rtp) != stream_get(&state->payload_type)) {
		start_clock(burst, state, rtp);
		return;
	}
	if (is_counted && packet->udp_len > 8 + RTP_HEADER_BYTES + STREAM_EVENT_BYTES)
		stream_jitter(burst, state, rtp_timestamp(rtp), stream_get(&state->clock_rate));
}

// The state that shows what the far end says: that of the RTP port also when RTCP has its own.
static struct flow_state *report_state(struct lane *lane, const struct packet *packet)
{
	struct flow_state *state;

	if (!(packet->header->flags & READY_RTCP))
		return packet->state;
	state = flow_sync_neighbour(
		lane, packet->address, packet->port ^ 1, packet->header->incarnation);
	return state ? state : packet->state;
}

void stream_receive_rtcp(struct lane *lane, const struct burst *burst, struct packet *packet)
{
	struct rtcp_walk walk = rtcp_walk_start(packet->udp + 8, packet->udp_len - 8u);
	struct flow_state *state = report_state(lane, packet);
	struct rtcp_packet rtcp;
	struct rtcp_report report;

	metric_add(&packet->state->rtcp_packets, 1);
	atomic_store_explicit(&packet->state->last_ns, burst->now_ns, memory_order_relaxed);
	while (rtcp_next(&walk, &rtcp) > 0) {
		rtcp_read(lane, burst, packet, state, &rtcp);
		// The first block is about the stream that the flow's far end hears: it hears one.
		if (!rtcp_packet_report(&rtcp, 0, &report))
			continue;
		stream_set(&state->remote_jitter, report.jitter);
		stream_set(&state->remote_lost, (uint32_t)report.lost & 0xffffff);
		stream_set(&state->remote_fraction, report.fraction_lost);
	}
}

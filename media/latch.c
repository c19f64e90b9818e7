// latch.c - third stage: is it RTP, does it come from whom the flow listens to, and not too fast.
//
// The hot path compares the source that stands in the ready header. Learning (RFC 4961 symmetric
// RTP) is the slow path, and safe by default: the signaled source wins at once; any other one is
// followed for `probation_packets` packets, which must be one SSRC with a continuing sequence;
// then it is locked, and nothing but a new signaled remote opens the flow again; with
// FLOW_LATCH_PROOF also who shows, once the locked source is silent, that he is the same sender.
#include "latch.h"

#include "flow_sync.h"
#include "lane.h"
#include "police.h"
#include "proto/rtcp.h"
#include "stream.h"
#include "sum.h"

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <string.h>

#define CANDIDATE_SILENCE_NS 100000000u // then another source may become the candidate
#define SEQUENCE_GAP_MAX     50u        // lost packets that still count as one stream in probation
#define RTCP_SILENCE_NS      10000000000ull // two intervals (RFC 3550 6.2): its port has moved, too
#define PROOF_SEQUENCE_MS    5u // of silence for each packet that proof may lack: 200 a second

static void drop_counted(struct packet *packet, enum drop_reason reason, _Atomic uint64_t *counter)
{
	metric_add(counter, 1);
	packet_drop(packet, reason);
}

struct addr latch_source(const struct packet *packet)
{
	struct addr source = { .port = rtp_load16(packet->udp) };

	if (packet->flags & PACKET_IPV6)
		memcpy(source.ip.b, packet->ip + 8, sizeof(source.ip.b));
	else
		source.ip = ip_from_v4(rtp_load32(packet->ip + 12));
	return source;
}

// Payload -----------------------------------------------------------------------------------------

// Everything but the plain case: CSRC list, extension, padding, RTCP muxed (RFC 5761) or separate.
static bool is_payload_valid_odd(struct packet *packet, const uint8_t *payload, uint32_t len)
{
	uint16_t flags = packet->header->flags;
	bool is_rtcp = rtp_demux_of(payload, len) == RTP_DEMUX_RTCP;
	struct rtp_view view;

	if (!(flags & (READY_RTP | READY_RTCP)))
		return true;
	if ((flags & READY_RTCP) || (is_rtcp && (flags & READY_MUX))) {
		packet->flags |= PACKET_RTCP;
		return is_rtcp && rtcp_is_valid(payload, len);
	}
	// RFC 3550 A.1: SR and RR on an RTP port are misdirected, not RTP with a marker.
	return !is_rtcp && rtp_parse(payload, len, &view);
}

static bool is_payload_valid(struct packet *packet)
{
	const uint8_t *payload = packet->udp + 8;
	uint32_t len = packet->udp_len - 8u;

	if (likely((packet->header->flags & READY_RTP) && len >= RTP_HEADER_BYTES &&
		    payload[0] == RTP_VERSION << 6 && !rtp_is_rtcp_type(payload[1])))
		return true;
	return is_payload_valid_odd(packet, payload, len);
}

// Source ------------------------------------------------------------------------------------------

static inline bool is_ready_source_v4(const struct packet *packet)
{
	uint16_t port_be;

	memcpy(&port_be, packet->udp, sizeof(port_be));
	return packet->header->source_v4 == sum_load32(packet->ip + 12) &&
		packet->header->source_port_be == port_be;
}

static bool is_ready_source(const struct packet *packet)
{
	uint16_t port_be;

	if (!(packet->flags & PACKET_IPV6))
		return is_ready_source_v4(packet);
	memcpy(&port_be, packet->udp, sizeof(port_be));
	return memcmp(packet->header->source_v6.b, packet->ip + 8, 16) == 0 &&
		packet->header->source_port_be == port_be;
}

bool latch_is_bad_source(
	const struct lane *lane, const struct packet *packet, const struct addr *source)
{
	const struct address_entry *own = address_map_of(lane->addresses, packet->address);

	return source->port == 0 || address_map_has(lane->addresses, &source->ip) ||
		(ip_is_special(&source->ip) && own && !ip_is_special(&own->ip));
}

// Takes `next` as the flow's latch and tells whom it concerns: the peer's header, signaling.
static void set_latch(struct lane *lane, struct packet *packet, const struct flow_latch *next)
{
	struct flow_latch last = flow_sync_latch(packet->state);

	flow_sync_set_latch(packet->state, next);
	if (last.phase == FLOW_LATCH_NONE)
		lane_post(lane, HINT_FIRST_PACKET, packet->cfg);
	if (last.phase == FLOW_LATCH_NONE || last.port != next->port || !ip_eq(&last.ip, &next->ip))
		ready_header_expire_peers(lane, packet->cfg);
	if (next->phase != FLOW_LATCH_LOCKED)
		return;
	ready_header_set_source(packet->header, &next->ip, next->port);
	metric_add(&lane->counters.latched, 1);
	lane_post(lane, HINT_LATCHED, packet->cfg);
}

static bool is_latched(const struct flow_latch *latch, const struct addr *source)
{
	return latch->phase != FLOW_LATCH_NONE && latch->port == source->port &&
		ip_eq(&latch->ip, &source->ip);
}

// Whether this RTP packet goes on where the candidate's last one ended.
static bool is_continuing(const struct packet *packet, const struct flow_latch *latch)
{
	const uint8_t *rtp = packet->udp + 8;
	uint16_t ahead = (uint16_t)(rtp_seq(rtp) - stream_get(&packet->state->sequence_max));

	return rtp_ssrc(rtp) == latch->ssrc && ahead >= 1 && ahead <= SEQUENCE_GAP_MAX;
}

// Whether a newcomer may take the candidate's place: the candidate fell silent, or the newcomer
// has the signaled address (only its port was translated) and the candidate has not.
static bool is_replaceable(const struct burst *burst, const struct packet *packet,
	const struct flow_latch *latch, const struct addr *source)
{
	uint64_t last_ns = metric_read(&packet->state->last_ns);
	const struct ip *signaled = &packet->cfg->remote_ip;

	if (burst->now_ns > last_ns && burst->now_ns - last_ns > CANDIDATE_SILENCE_NS)
		return true;
	return ip_eq(&source->ip, signaled) && !ip_eq(&latch->ip, signaled);
}

// Learning on RTP and opaque ports. False: not from this source now.
static bool learn_media(struct lane *lane, const struct burst *burst, struct packet *packet,
	const struct addr *source)
{
	struct flow_latch latch = flow_sync_latch(packet->state);
	bool is_rtp = packet->header->flags & READY_RTP;
	bool is_candidate = is_latched(&latch, source);
	uint32_t ssrc = is_rtp ? rtp_ssrc(packet->udp + 8) : 0;

	if (latch.phase != FLOW_LATCH_NONE && !is_candidate &&
		!is_replaceable(burst, packet, &latch, source))
		return false;
	if (is_candidate && (!is_rtp || is_continuing(packet, &latch)))
		latch.seen += latch.seen < UINT8_MAX;
	else if (is_candidate && ssrc == latch.ssrc &&
		(uint16_t)(stream_get(&packet->state->sequence_max) - rtp_seq(packet->udp + 8)) <
			SEQUENCE_GAP_MAX)
		return true; // a duplicate or late packet proves nothing, and does no harm
	else
		latch.seen = 1;
	latch.ip = source->ip;
	latch.port = source->port;
	latch.ssrc = ssrc;
	uint32_t needed = packet->cfg->probation_packets;
	needed = needed > UINT8_MAX ? UINT8_MAX : needed;
	latch.phase = latch.seen >= needed ? FLOW_LATCH_LOCKED : FLOW_LATCH_PROBATION;
	set_latch(lane, packet, &latch);
	return true;
}

// Learning on an RTCP port: only from the address that RTP comes from, or else the signaled one.
static bool learn_rtcp(struct lane *lane, struct packet *packet, const struct addr *source)
{
	struct flow_state *rtp = flow_sync_neighbour(
		lane, packet->address, packet->port ^ 1, packet->header->incarnation);
	struct flow_latch rtp_latch = { .phase = FLOW_LATCH_NONE };
	struct flow_latch latch = flow_sync_latch(packet->state);

	if (rtp)
		rtp_latch = flow_sync_latch(rtp);
	if (!ip_eq(&source->ip,
		    rtp_latch.phase == FLOW_LATCH_NONE ? &packet->cfg->remote_ip : &rtp_latch.ip))
		return false;
	uint8_t phase = rtp_latch.phase == FLOW_LATCH_LOCKED ? FLOW_LATCH_LOCKED :
							       FLOW_LATCH_PROBATION;
	if (is_latched(&latch, source) && latch.phase == phase)
		return true;
	latch = (struct flow_latch){
		.ip = source->ip, .port = source->port, .phase = phase, .seen = 1
	};
	set_latch(lane, packet, &latch);
	return true;
}

// Proof ------------------------------------------------------------------------------------------

static uint64_t silence_ns(const struct burst *burst, const struct packet *packet)
{
	uint64_t last_ns = metric_read(&packet->state->last_ns);

	return burst->now_ns > last_ns ? burst->now_ns - last_ns : 0;
}

// The stream of the locked source goes on: its SSRC, and no more packets missing than it can have
// sent since. Blindly that is one guess of 2^32 times 65536 / gap.
static bool is_same_stream(const struct packet *packet, uint64_t silent_ns)
{
	const uint8_t *rtp = packet->udp + 8;
	uint64_t gap = SEQUENCE_GAP_MAX + silent_ns / (PROOF_SEQUENCE_MS * 1000000ull);
	uint16_t ahead = (uint16_t)(rtp_seq(rtp) - stream_get(&packet->state->sequence_max));

	gap = gap < STREAM_DROPOUT_MAX ? gap : STREAM_DROPOUT_MAX;
	return rtp_ssrc(rtp) == stream_get(&packet->state->ssrc) && ahead >= 1 && ahead <= gap;
}

// RTCP on its own port follows where RTP has gone.
static bool is_rtp_there(struct lane *lane, const struct packet *packet,
	const struct flow_latch *latch, const struct addr *source, uint64_t silent_ns)
{
	struct flow_state *rtp = flow_sync_neighbour(
		lane, packet->address, packet->port ^ 1, packet->header->incarnation);

	if (!rtp)
		return false;
	struct flow_latch now = flow_sync_latch(rtp);
	return now.phase == FLOW_LATCH_LOCKED && ip_eq(&now.ip, &source->ip) &&
		(!ip_eq(&latch->ip, &source->ip) || silent_ns > RTCP_SILENCE_NS);
}

// Whether who sends this is the locked source at another address. The tag of SRTP was verified
// before the packet came here.
static bool has_proof(struct lane *lane, const struct burst *burst, const struct packet *packet,
	const struct flow_latch *latch, const struct addr *source)
{
	uint64_t silent_ns = silence_ns(burst, packet);

	if (silent_ns <= CANDIDATE_SILENCE_NS)
		return false;
	if (packet->header->flags & READY_RTCP)
		return is_rtp_there(lane, packet, latch, source, silent_ns);
	if ((packet->flags & PACKET_RTCP) || !(packet->header->flags & READY_RTP))
		return false;
	return (packet->header->flags & READY_SRTP_IN) || is_same_stream(packet, silent_ns);
}

static bool relearn(struct lane *lane, const struct burst *burst, struct packet *packet,
	const struct addr *source)
{
	struct flow_latch latch = flow_sync_latch(packet->state);

	if (packet->cfg->latch_mode != FLOW_LATCH_PROOF ||
		!has_proof(lane, burst, packet, &latch, source))
		return false;
	latch.ip = source->ip;
	latch.port = source->port;
	set_latch(lane, packet, &latch);
	return true;
}

static bool learn(struct lane *lane, const struct burst *burst, struct packet *packet,
	const struct addr *source)
{
	const struct flow_cfg *cfg = packet->cfg;
	struct flow_latch latch = flow_sync_latch(packet->state);

	if (latch.phase == FLOW_LATCH_LOCKED)
		return is_latched(&latch, source) || relearn(lane, burst, packet, source);
	if (cfg->remote_port == source->port && ip_eq(&cfg->remote_ip, &source->ip)) {
		latch = (struct flow_latch){ .ip = source->ip,
			.port = source->port,
			.phase = FLOW_LATCH_LOCKED,
			.seen = 1 };
		set_latch(lane, packet, &latch);
		return true;
	}
	if (cfg->latch_mode == FLOW_LATCH_STRICT)
		return false;
	if (packet->header->flags & READY_RTCP)
		return learn_rtcp(lane, packet, source);
	// Muxed RTCP and other m= lines' packets follow the port's own RTP, they never lead.
	if (packet->flags & (PACKET_RTCP | PACKET_BUNDLED))
		return is_latched(&latch, source);
	return learn_media(lane, burst, packet, source);
}

// The flow has no locked source yet, or the family is not that of the ready one.
static bool accept_source_odd(struct lane *lane, const struct burst *burst, struct packet *packet)
{
	struct addr source = latch_source(packet);

	if ((packet->header->flags & READY_JOINED) && (packet->flags & PACKET_BUNDLED))
		return true; // by the port of its group
	if (latch_is_bad_source(lane, packet, &source)) {
		drop_counted(packet, DROP_BAD_SOURCE, &packet->state->dropped_source);
		return false;
	}
	if ((packet->header->flags & READY_JOINED) || !learn(lane, burst, packet, &source)) {
		drop_counted(packet, DROP_WRONG_SOURCE, &packet->state->dropped_source);
		return false;
	}
	return true;
}

static bool accept_source(struct lane *lane, const struct burst *burst, struct packet *packet)
{
	if (unlikely(!(packet->header->flags & READY_SOURCE)))
		return accept_source_odd(lane, burst, packet);
	if (likely(is_ready_source(packet)))
		return true;
	if (packet->cfg->latch_mode == FLOW_LATCH_PROOF)
		return accept_source_odd(lane, burst, packet);
	drop_counted(packet, DROP_WRONG_SOURCE, &packet->state->dropped_source);
	return false;
}

bool latch_follow(struct lane *lane, const struct burst *burst, struct packet *packet)
{
	packet->flags |= PACKET_BUNDLED;
	return accept_source(lane, burst, packet);
}

bool latch_is_locked_source(const struct packet *packet)
{
	return (packet->header->flags & READY_SOURCE) && is_ready_source(packet);
}

bool latch_drop_foreign(const struct burst *burst, struct packet *packet)
{
	if (!(packet->header->flags & READY_SOURCE) || is_ready_source(packet))
		return false;
	if (packet->cfg->latch_mode == FLOW_LATCH_PROOF &&
		silence_ns(burst, packet) > CANDIDATE_SILENCE_NS)
		return false;
	drop_counted(packet, DROP_WRONG_SOURCE, &packet->state->dropped_source);
	return true;
}

// Stage -------------------------------------------------------------------------------------------

static void count_odd(struct lane *lane, const struct burst *burst, struct packet *packet)
{
	stream_first(burst, packet);
	if (packet->flags & PACKET_RTCP)
		stream_receive_rtcp(lane, burst, packet);
	else
		stream_count(burst, packet);
}

// The common case with nothing left to decide: an RTP packet without CSRC list, extension and
// padding from the locked IPv4 source. `learn` and `rate` have no say in it.
static inline bool is_plain_rtp(const struct packet *packet)
{
	const struct ready_header *header = packet->header;
	const uint8_t *rtp = packet->udp + 8;

	return packet->flags == PACKET_PLAIN && (header->flags & READY_PLAIN_IN) &&
		packet->udp_len >= 8 + RTP_HEADER_BYTES && rtp[0] == RTP_VERSION << 6 &&
		!rtp_is_rtcp_type(rtp[1]) && is_ready_source_v4(packet);
}

static __attribute__((noinline)) void latch_odd(
	struct lane *lane, struct burst *burst, struct packet *packet)
{
	uint16_t flags = packet->header->flags;

	// What passes here may come from a source that the header does not hold (yet).
	packet->flags &= (uint8_t)~PACKET_PLAIN;
	if (unlikely(!is_payload_valid(packet))) {
		drop_counted(packet, packet->flags & PACKET_RTCP ? DROP_NOT_RTCP : DROP_NOT_RTP,
			&packet->state->dropped_other);
		return;
	}
	if (!accept_source(lane, burst, packet))
		return;
	if (unlikely(flags & READY_RATE) && !police_accept(burst, packet))
		return;
	if (likely(flags & READY_RTP) && likely(!(packet->flags & PACKET_RTCP)))
		stream_receive(burst, packet);
	else
		count_odd(lane, burst, packet);
}

void latch_burst(struct lane *lane, struct burst *burst)
{
	for (struct packet *packet = burst->packets, *end = packet + burst->count; packet < end;
		packet++) {
		if (unlikely(packet->verdict != VERDICT_FORWARD))
			continue;
		if (likely(is_plain_rtp(packet)))
			stream_receive(burst, packet);
		else
			latch_odd(lane, burst, packet);
	}
}

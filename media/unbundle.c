// unbundle.c - stage before latch, for ports that several m= lines share (RFC 8843 9.2): each
// packet goes to the record of its line.
//
// Only bursts with such a port come here, after unprotect. The source is checked by the port's own
// record first; nothing is remembered of packets whose source is in doubt.
#include "bundle.h"
#include "base/metric.h"
#include "lane.h"
#include "latch.h"
#include "proto/rtp.h"
#include "stream.h"

#include <rte_branch_prediction.h>

static void drop(struct packet *packet)
{
	metric_add(&packet->state->dropped_other, 1);
	packet_drop(packet, DROP_BUNDLE_UNKNOWN);
}

// The SSRC that came last by the port that is the member's peer.
static uint32_t far_ssrc_of(const struct lane *lane, uint16_t address, uint16_t port)
{
	const struct flow_cfg *member = flow_lookup(&lane->view, address, port);

	if (member == NULL)
		return 0;
	uint16_t peer_address = __atomic_load_n(&member->peer_address, __ATOMIC_RELAXED);
	if (peer_address >= lane->view.addresses)
		return 0;
	const struct flow_cfg *peer = flow_lookup(&lane->view, peer_address,
		__atomic_load_n(&member->peer_port, __ATOMIC_RELAXED));
	if (peer == NULL)
		return 0;
	uint32_t index = __atomic_load_n(&peer->state_index, __ATOMIC_RELAXED);
	return index < lane->view.flows ? stream_get(&lane->states[index].ssrc) : 0;
}

static int member_of(
	const struct lane *lane, const struct packet *packet, const struct bundle *bundle)
{
	const uint8_t *data = packet->udp + 8;
	uint32_t len = packet->udp_len - 8u, far_ssrc[FLOW_MEMBERS_MAX] = { 0 };

	switch (rtp_demux_of(data, len)) {
	case RTP_DEMUX_RTP:
		return bundle_rtp_member(bundle, data, len);
	case RTP_DEMUX_RTCP:
		for (uint32_t i = 0; i < bundle->count; i++)
			far_ssrc[i] = far_ssrc_of(lane, packet->address, bundle->members[i].port);
		return (int)bundle_rtcp_member(bundle, data, len, far_ssrc);
	default:
		return 0; // no media: latch says so
	}
}

// From now on the packet is one of the member's. False: it has no record that shares this port.
static bool change_record(struct lane *lane, struct packet *packet, uint16_t port)
{
	const struct flow_cfg *cfg = flow_lookup(&lane->view, packet->address, port);

	if (cfg == NULL || lane->shard_lane[shm_media_shard(port)] != lane->id ||
		__atomic_load_n(&cfg->bundle_port, __ATOMIC_RELAXED) != packet->port)
		return false;
	uint32_t slot = (uint32_t)(cfg - lane->view.cfg);
	if (slot >= lane->headers_max)
		return false;
	struct ready_header *header = &lane->headers[slot];
	if (!ready_header_is_fresh(lane, cfg, header) &&
		!ready_header_build(lane, slot, packet->address, port))
		return false;
	packet->port = port;
	packet->slot = slot;
	packet->cfg = cfg;
	packet->header = header;
	packet->state = &lane->states[header->state_index];
	packet->flags &= (uint8_t)~PACKET_PLAIN;
	return true;
}

static bool is_rtp(const struct packet *packet)
{
	return rtp_demux_of(packet->udp + 8, packet->udp_len - 8u) == RTP_DEMUX_RTP;
}

// Of the port's own line: latch goes on with it. Its SSRC is remembered once the source is locked.
static void keep(struct bundle *bundle, const struct packet *packet)
{
	if (is_rtp(packet) && packet->udp_len >= 8 + RTP_HEADER_BYTES &&
		latch_is_locked_source(packet))
		bundle_hear(bundle, rtp_ssrc(packet->udp + 8), 0);
}

static void unbundle(struct lane *lane, const struct burst *burst, struct packet *packet)
{
	struct bundle *bundle = bundle_of(lane, packet->cfg);
	int member = bundle ? member_of(lane, packet, bundle) : BUNDLE_NOBODY;

	if (member == BUNDLE_NOBODY) {
		drop(packet);
		return;
	}
	uint16_t port = bundle->members[member].port;
	if (port == packet->port) {
		keep(bundle, packet);
		return;
	}
	if (!latch_follow(lane, burst, packet))
		return;
	if (is_rtp(packet))
		bundle_hear(bundle, rtp_ssrc(packet->udp + 8), (uint32_t)member);
	if (!change_record(lane, packet, port))
		drop(packet);
}

void unbundle_burst(struct lane *lane, struct burst *burst)
{
	for (struct packet *packet = burst->packets, *end = packet + burst->count; packet < end;
		packet++)
		if (packet->verdict == VERDICT_FORWARD && (packet->header->flags & READY_BUNDLE))
			unbundle(lane, burst, packet);
}

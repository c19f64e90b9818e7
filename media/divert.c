// divert.c - stage for flows with ICE or DTLS, before anything of RTP is asked: STUN and DTLS leave
// to the slow thread (RFC 7983 7).
//
// Only bursts with such a flow come here. Nothing is believed yet, and nothing is changed.
#include "base/metric.h"
#include "lane.h"
#include "latch.h"
#include "proto/rtp.h"
#include "slow_link.h"

#include <rte_branch_prediction.h>
#include <string.h>

static bool post(struct lane *lane, const struct packet *packet, const struct addr *source)
{
	uint32_t len = packet->udp_len - 8u;
	struct slow_arrival *arrival;

	if (lane->slow == NULL || len > SLOW_DATAGRAM_MAX)
		return false;
	arrival = ring_reserve(lane->slow->up, (uint32_t)sizeof(*arrival) + len);
	if (arrival == NULL)
		return false;
	*arrival = (struct slow_arrival){ .incarnation = packet->header->incarnation,
		.source = *source,
		.address = packet->address,
		.port = packet->port,
		.len = (uint16_t)len };
	memcpy(arrival->data, packet->udp + 8, len);
	ring_commit(lane->slow->up, (uint32_t)sizeof(*arrival) + len);
	return true;
}

static void divert(struct lane *lane, struct packet *packet)
{
	struct addr source = latch_source(packet);

	if (latch_is_bad_source(lane, packet, &source)) {
		metric_add(&packet->state->dropped_source, 1);
		packet_drop(packet, DROP_BAD_SOURCE);
	} else if (post(lane, packet, &source)) {
		packet_drop(packet, DROP_DIVERTED);
	} else {
		packet_drop(packet, DROP_SLOW_FULL);
	}
}

void divert_burst(struct lane *lane, struct burst *burst)
{
	for (struct packet *packet = burst->packets, *end = packet + burst->count; packet < end;
		packet++) {
		if (packet->verdict != VERDICT_FORWARD ||
			!(packet->header->flags & READY_ASIDE) || packet->cfg->secure == 0)
			continue;
		enum rtp_demux kind = rtp_demux_of(packet->udp + 8, packet->udp_len - 8u);
		if (unlikely(kind == RTP_DEMUX_STUN || kind == RTP_DEMUX_DTLS))
			divert(lane, packet);
	}
}

void slow_link_tell(struct lane *lane, const struct flow_cfg *cfg)
{
	struct slow_arrival *arrival;

	if (lane->slow == NULL)
		return;
	arrival = ring_reserve(lane->slow->up, sizeof(*arrival));
	if (arrival == NULL)
		return;
	*arrival = (struct slow_arrival){ .incarnation = cfg->incarnation,
		.address = cfg->media_address,
		.port = cfg->port };
	ring_commit(lane->slow->up, sizeof(*arrival));
}

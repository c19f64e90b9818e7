// lookup.c - second stage: media port -> flow record, ready header and state.
//
// Two passes, so that the lines of all packets are on their way before the first is needed.
// Classify has asked for the index; the first pass reads it and asks for record and header, the
// second compares these and asks for the state.
#include "lane.h"

#include <rte_branch_prediction.h>
#include <rte_prefetch.h>

static inline void lookup_slot(const struct lane *lane, struct packet *packet)
{
	// acquire: pairs with the release store in flow_publish()
	uint32_t slot = atomic_load_explicit(
		&lane->view.index[packet->address * SHM_PORTS + packet->port],
		memory_order_acquire);

	if (unlikely(slot >= lane->view.flows || slot >= lane->headers_max)) {
		packet_drop(packet, slot == SHM_FLOW_NONE ? DROP_UNKNOWN_PORT : DROP_BAD_FLOW);
		return;
	}
	packet->slot = slot;
	packet->cfg = &lane->view.cfg[slot];
	packet->header = &lane->headers[slot];
	rte_prefetch0(packet->cfg);
	rte_prefetch0(packet->header);
	if (packet->flags & PACKET_IPV6)
		rte_prefetch0(&packet->header->source_v6);
}

static inline void lookup_header(struct lane *lane, struct packet *packet)
{
	const struct ready_header *header = packet->header;

	if (unlikely(!ready_header_is_fresh(lane, packet->cfg, header)) &&
		!ready_header_build(lane, packet->slot, packet->address, packet->port)) {
		packet_drop(packet, DROP_BAD_FLOW);
		return;
	}
	packet->state = &lane->states[header->state_index];
	rte_prefetch0(&packet->state->packets);
}

void lookup_burst(struct lane *lane, struct burst *burst)
{
	for (uint32_t i = 0; i < burst->count; i++)
		if (likely(burst->packets[i].verdict == VERDICT_FORWARD))
			lookup_slot(lane, &burst->packets[i]);
	for (uint32_t i = 0; i < burst->count; i++)
		if (likely(burst->packets[i].verdict == VERDICT_FORWARD))
			lookup_header(lane, &burst->packets[i]);
}

// lookup.c - second stage: media port -> flow record, ready header and state.
//
// Two passes, so that the lines of all packets are on their way before the first is needed.
// Classify has asked for the index; the first pass reads it and asks for record and header, the
// second compares these and asks for the state.
#include "lane.h"

#include <rte_branch_prediction.h>
#include <rte_prefetch.h>

static inline void lookup_slot(const struct lane *lane, struct packet *packet, uint32_t slots)
{
	// acquire: pairs with the release store in flow_publish()
	uint32_t slot = atomic_load_explicit(
		&lane->view.index[packet_place(packet)], memory_order_acquire);

	if (unlikely(slot >= slots)) {
		packet_drop(packet, slot == SHM_FLOW_NONE ? DROP_UNKNOWN_PORT : DROP_BAD_FLOW);
		return;
	}
	packet->slot = slot;
	packet->cfg = &lane->view.cfg[slot];
	packet->header = &lane->headers[slot];
	rte_prefetch0(packet->cfg);
	rte_prefetch0(packet->header);
	if (unlikely(packet->flags & PACKET_IPV6))
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
	struct packet *end = burst->packets + burst->count;
	uint32_t slots = lane->view.flows < lane->headers_max ? lane->view.flows :
								lane->headers_max;

	for (struct packet *packet = burst->packets; packet < end; packet++)
		if (likely(packet->verdict == VERDICT_FORWARD))
			lookup_slot(lane, packet, slots);
	for (struct packet *packet = burst->packets; packet < end; packet++)
		if (likely(packet->verdict == VERDICT_FORWARD))
			lookup_header(lane, packet);
}

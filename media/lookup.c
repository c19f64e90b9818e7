// lookup.c - second stage: media port -> flow record, ready header and state.
//
// Two passes, so that the lines of all packets are on their way before the first is needed.
// Classify has asked for the index; the first pass reads it and asks for record and header, the
// second compares these and asks for the state.
#include "lane.h"

#include <rte_branch_prediction.h>
#include <rte_prefetch.h>
#include <smmintrin.h>

_Static_assert(
	offsetof(struct ready_header, incarnation) == offsetof(struct flow_cfg, incarnation) &&
		offsetof(struct ready_header, generation) ==
			offsetof(struct flow_cfg, generation) &&
		offsetof(struct ready_header, state_index) ==
			offsetof(struct flow_cfg, state_index) &&
		offsetof(struct ready_header, epoch) == 16,
	"the first 16 bytes are the same words");

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

// Incarnation, generation and state by one compare: ready_header_is_fresh() and a little more.
static inline bool is_of_record(const struct ready_header *header, const struct flow_cfg *cfg)
{
	__m128i theirs = _mm_loadu_si128((const __m128i *)cfg);
	__m128i ours = _mm_load_si128((const __m128i *)header);
	__m128i difference = _mm_xor_si128(theirs, ours);

	return _mm_testz_si128(difference, difference);
}

// Adds the header's flags to `ready`.
static inline void lookup_header(struct lane *lane, struct packet *packet, uint16_t *ready)
{
	const struct ready_header *header = packet->header;

	if (unlikely(header->epoch != lane->header_epoch || !is_of_record(header, packet->cfg)) &&
		!ready_header_build(lane, packet->slot, packet->address, packet->port)) {
		packet_drop(packet, DROP_BAD_FLOW);
		return;
	}
	*ready |= header->flags;
	packet->state = &lane->states[header->state_index];
	rte_prefetch0(&packet->state->packets);
}

void lookup_burst(struct lane *lane, struct burst *burst)
{
	struct packet *end = burst->packets + burst->count;
	uint32_t slots = lane->view.flows < lane->headers_max ? lane->view.flows :
								lane->headers_max;
	uint16_t ready = 0;

	for (struct packet *packet = burst->packets; packet < end; packet++)
		if (likely(packet->verdict == VERDICT_FORWARD))
			lookup_slot(lane, packet, slots);
	for (struct packet *packet = burst->packets; packet < end; packet++)
		if (likely(packet->verdict == VERDICT_FORWARD))
			lookup_header(lane, packet, &ready);
	burst->ready = ready;
}

// lane_flows.c - what lane.c calls between bursts to keep ready headers in step with the tables.
#include "base/metric.h"
#include "flow_sync.h"
#include "lane.h"

#include <string.h>

#define EPOCH_COUNT_MASK 0xffffffu

// Epochs of different lanes differ in the high byte, so that a header that changes lanes is
// rebuilt.
static uint32_t next_epoch(const struct lane *lane)
{
	uint32_t count = (lane->header_epoch + 1) & EPOCH_COUNT_MASK;
	return lane->id << 24 | (count ? count : 1);
}

void lane_init(
	struct lane *lane, uint32_t id, const struct flow_view *view, struct flow_state *states)
{
	memset(lane, 0, sizeof(*lane));
	lane->id = id;
	lane->view = *view;
	lane->states = states;
	lane->header_epoch = next_epoch(lane);
	memset(lane->shard_lane, (int)id, sizeof(lane->shard_lane));
}

void lane_headers_expire(struct lane *lane)
{
	lane->header_epoch = next_epoch(lane);
}

void lane_flow_changed(struct lane *lane, uint16_t address, uint16_t port)
{
	struct flow_cfg cfg;

	if (address >= lane->view.addresses || lane->shard_lane[shm_media_shard(port)] != lane->id)
		return;
	const struct flow_cfg *published = flow_lookup(&lane->view, address, port);
	if (published == NULL)
		return; // retired: both legs are, and the sweep finds what is left
	uint32_t slot = (uint32_t)(published - lane->view.cfg);
	if (slot >= lane->headers_max || !flow_sync_copy(lane, slot, address, port, &cfg))
		return;
	flow_sync_state(lane, &cfg);
	ready_header_expire_peers(lane, &cfg);
}

// Whether the record that the header leads to is still the published one of the peer's port.
static bool is_peer_current(const struct lane *lane, uint32_t slot)
{
	const struct flow_cfg *cfg = &lane->view.cfg[slot];
	uint16_t address = __atomic_load_n(&cfg->peer_address, __ATOMIC_RELAXED);

	if (address >= lane->view.addresses)
		return false;
	const struct flow_cfg *peer = flow_lookup(&lane->view, address, cfg->peer_port);
	return peer == &lane->view.cfg[lane->headers[slot].peer_slot] &&
		peer->incarnation == cfg->peer_incarnation;
}

void lane_headers_sweep(struct lane *lane, uint32_t *cursor, uint32_t count)
{
	uint32_t limit = lane->headers_max < lane->view.flows ? lane->headers_max :
								lane->view.flows;

	for (uint32_t i = 0; i < count && limit > 0; i++, (*cursor)++) {
		if (*cursor >= limit)
			*cursor = 0;
		struct ready_header *header = &lane->headers[*cursor];
		if (header->epoch != lane->header_epoch || header->egress_reason != DROP_NONE ||
			header->incarnation != lane->view.cfg[*cursor].incarnation)
			continue;
		if (!is_peer_current(lane, *cursor))
			header->epoch = 0;
	}
}

void lane_post(struct lane *lane, enum hint_kind kind, const struct flow_cfg *cfg)
{
	if (lane->event_count >= LANE_EVENTS_MAX) {
		metric_add(&lane->counters.events_lost, 1);
		return;
	}
	lane->events[lane->event_count++] = (struct lane_event){
		.hint = { .kind = kind,
			.media_address = cfg->media_address,
			.port = cfg->port,
			.incarnation = cfg->incarnation },
		.owner = cfg->owner,
	};
}

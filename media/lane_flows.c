// lane_flows.c - what the loop calls between bursts to keep ready headers in step with the tables.
#include "base/clock.h"
#include "base/metric.h"
#include "keepalive.h"
#include "lane.h"
#include "slow_link.h"

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

// Builds the header of the record that is published there, unless it is ready. NULL: there is none
// for this lane.
static const struct flow_cfg *build_header(struct lane *lane, uint16_t address, uint16_t port)
{
	if (address >= lane->view.addresses || lane->shard_lane[shm_media_shard(port)] != lane->id)
		return NULL;
	const struct flow_cfg *cfg = flow_lookup(&lane->view, address, port);
	if (cfg == NULL)
		return NULL;
	uint32_t slot = (uint32_t)(cfg - lane->view.cfg);
	if (slot >= lane->headers_max)
		return NULL;
	if (!ready_header_is_fresh(lane, cfg, &lane->headers[slot]) &&
		!ready_header_build(lane, slot, address, port))
		return NULL;
	return cfg;
}

void lane_flow_changed(struct lane *lane, uint16_t address, uint16_t port)
{
	const struct flow_cfg *cfg = build_header(lane, address, port);

	if (cfg == NULL)
		return; // retired: both legs are, and the sweep finds what is left
	if (__atomic_load_n(&cfg->secure, __ATOMIC_RELAXED) != 0)
		slow_link_tell(lane, cfg);
	// Read once: the record is the other process's, what was checked must be what is used.
	uint16_t peer_address = __atomic_load_n(&cfg->peer_address, __ATOMIC_RELAXED);
	uint16_t peer_port = __atomic_load_n(&cfg->peer_port, __ATOMIC_RELAXED);
	if (cfg->peer_incarnation == 0)
		return;
	// Both lead to the far end of this port, see ready_header_expire_peers().
	build_header(lane, peer_address, peer_port);
	build_header(lane, peer_address, peer_port ^ 1);
	build_header(lane, address, port); // a peer that was new has put it in doubt
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

static void sweep_slot(struct lane *lane, uint32_t slot)
{
	const struct flow_cfg *cfg = &lane->view.cfg[slot];
	struct ready_header *header = &lane->headers[slot];
	uint16_t address = __atomic_load_n(&cfg->media_address, __ATOMIC_RELAXED);
	uint16_t port = __atomic_load_n(&cfg->port, __ATOMIC_RELAXED);

	// Headers of other lanes are not even read.
	if (cfg->incarnation == 0 || address >= lane->view.addresses ||
		lane->shard_lane[shm_media_shard(port)] != lane->id ||
		flow_lookup(&lane->view, address, port) != cfg)
		return;
	if (cfg->keepalive != FLOW_KEEPALIVE_NONE)
		keepalive_run(lane, cfg, clock_mono_ns());
	if (ready_header_is_fresh(lane, cfg, header)) {
		if (header->egress_reason == DROP_HELD ||
			(header->egress_reason == DROP_NONE && is_peer_current(lane, slot)))
			return;
		header->epoch = 0;
	}
	lane_flow_changed(lane, address, port);
}

uint32_t lane_flows_limit(const struct lane *lane)
{
	return lane->headers_max < lane->view.flows ? lane->headers_max : lane->view.flows;
}

void lane_flows_sweep(struct lane *lane, uint32_t from, uint32_t count)
{
	uint32_t limit = lane_flows_limit(lane);

	for (uint32_t slot = from; slot < limit && slot - from < count; slot++)
		sweep_slot(lane, slot);
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

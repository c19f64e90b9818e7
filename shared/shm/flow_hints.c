// flow_hints.c - what lanes tell a worker: taken off the rings, and whose it is.
#include "shm/event.h"
#include "shm/flow_writer.h"
#include "shm/shard_lanes.h"

#define COUNT_PERIOD_MS 1000u // lanes change when media begins anew

static void count_lanes(struct flow_writer *w)
{
	uint32_t lanes = 0;

	if (w->hint_lanes_ms != 0 && w->now_ms - w->hint_lanes_ms < COUNT_PERIOD_MS)
		return;
	w->hint_lanes_ms = w->now_ms;
	for (uint32_t shard = 0; shard < SHM_MEDIA_SHARDS; shard++) {
		uint32_t lane = shm_shard_lane(&w->media, shard);

		if (lane < SHM_LANE_MAX && lane >= lanes)
			lanes = lane + 1;
	}
	w->hint_lanes = lanes;
}

bool flow_hint_take(struct flow_writer *w, struct hint *out, bool *is_overflowed)
{
	if (!w->has_media)
		return false;
	count_lanes(w);
	for (uint32_t i = 0; i < w->hint_lanes; i++) {
		uint32_t lane = w->hint_lane < w->hint_lanes ? w->hint_lane : 0;
		const struct hint_ring *ring = shm_hint_ring(&w->media, w->worker, lane);
		struct hint_cursor *cursor = shm_hint_cursor(&w->signaling, w->worker, lane);

		if (ring && cursor && hint_pop(ring, cursor, out, is_overflowed))
			return true;
		w->hint_lane = lane + 1;
	}
	return false;
}

uint64_t flow_hint_call(const struct flow_writer *w, const struct hint *hint)
{
	uint32_t slot;

	if (hint->media_address >= w->signaling.geometry.addresses)
		return 0;
	slot = atomic_load_explicit(
		&w->index[hint->media_address * SHM_PORTS + hint->port], memory_order_relaxed);
	if (slot >= w->signaling.geometry.flows || w->cfg[slot].incarnation != hint->incarnation)
		return 0;
	return w->cfg[slot].call_token;
}

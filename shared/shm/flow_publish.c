// flow_publish.c - publish, replace and retire: the stores that lanes see.
#include "shm/flow_writer.h"
#include "shm/shard_lanes.h"

#include "base/check.h"

#include <errno.h>
#include <string.h>

static _Atomic uint32_t *index_of(
	const struct flow_writer *w, const struct flow_pair *pair, uint32_t which)
{
	return &w->index[pair->media_address * SHM_PORTS + pair->port + which];
}

static void fill_record(struct flow_cfg *to, struct flow_cfg *record)
{
	memset(record->spare1, 0, sizeof(record->spare1));
	record->checksum = flow_checksum(record);
	SHM_CRASH_POINT(60);
	memcpy(to, record, offsetof(struct flow_cfg, peer_incarnation));
	SHM_CRASH_POINT(61);
	memcpy(&to->peer_incarnation, &record->peer_incarnation,
		sizeof(*to) - offsetof(struct flow_cfg, peer_incarnation));
	SHM_CRASH_POINT(62);
}

// Tells the lane of the port's shard, so that it resolves the next hop and builds the header before
// the first packet. A hint that finds no room is counted in the ring: its reader then sweeps.
static void push_hint(struct flow_writer *w, const struct flow_pair *pair, uint32_t which)
{
	struct hint hint = {
		.kind = HINT_FLOW_CHANGED,
		.media_address = pair->media_address,
		.port = (uint16_t)(pair->port + which),
		.incarnation = pair->incarnation,
	};

	if (!w->has_media)
		return; // lanes sweep when they start
	uint32_t lane = shm_shard_lane(&w->media, shm_media_shard(hint.port));
	struct hint_ring *ring = shm_hint_ring(&w->signaling, w->worker, lane);
	const struct hint_cursor *reader = shm_hint_cursor(&w->media, w->worker, lane);
	if (ring != NULL && reader != NULL)
		hint_push(ring, reader, &hint);
}

const struct shm_map *flow_writer_signaling(const struct flow_writer *w)
{
	return &w->signaling;
}

int flow_publish(
	struct flow_writer *w, struct flow_pair *pair, uint32_t which, const struct flow_cfg *cfg)
{
	CHECK(which < 2 && pair->incarnation != 0);
	bool is_first = pair->generation[which] == 0;
	// What was adopted after a crash between the two ports lacks slot and state of one.
	uint32_t slot = is_first ? pair->cfg_slot[which] : SHM_FLOW_NONE;
	if (pair->state_index[which] == SHM_FLOW_NONE)
		pair->state_index[which] = pool_take(&w->states);
	if (slot == SHM_FLOW_NONE)
		slot = pool_take(&w->slots);
	if (slot == SHM_FLOW_NONE || pair->state_index[which] == SHM_FLOW_NONE) {
		if (slot != SHM_FLOW_NONE && slot != pair->cfg_slot[which])
			pool_put(&w->slots, slot);
		w->counters.refused_slots++;
		return -ENOMEM;
	}

	struct flow_cfg record = *cfg;
	record.incarnation = pair->incarnation;
	record.generation = pair->generation[which] + 1;
	record.state_index = pair->state_index[which];
	record.media_address = pair->media_address;
	record.port = (uint16_t)(pair->port + which);
	record.owner = w->worker;
	record.key_rx = pair->key[FLOW_KEY_RX];
	record.key_tx = pair->key[FLOW_KEY_TX];
	record.secure = pair->key[FLOW_KEY_SECURE];
	fill_record(&w->cfg[slot], &record);
	// release: pairs with flow_lookup()
	atomic_store_explicit(index_of(w, pair, which), slot, memory_order_release);
	SHM_CRASH_POINT(63);
	push_hint(w, pair, which);
	SHM_CRASH_POINT(66);

	if (!is_first)
		pool_rest(&w->slots, pair->cfg_slot[which]);
	pair->cfg_slot[which] = slot;
	pair->generation[which] = record.generation;
	for (uint32_t use = 0; use < FLOW_KEY_USES; use++) {
		uint32_t old = pair->published_key[which][use];
		pair->published_key[which][use] = pair->key[use];
		key_drop_unused(w, pair, use, old);
	}
	w->counters.published += is_first;
	w->counters.replaced += !is_first;
	return 0;
}

void flow_pair_retire(struct flow_writer *w, struct flow_pair *pair)
{
	CHECK(pair->incarnation != 0);
	for (uint32_t which = 0; which < 2; which++) {
		bool was_published = pair->generation[which] != 0;
		if (was_published) {
			SHM_CRASH_POINT(64);
			atomic_store_explicit(
				index_of(w, pair, which), SHM_FLOW_NONE, memory_order_release);
			SHM_CRASH_POINT(65);
			push_hint(w, pair, which);
		}
		// What no lane can have seen needs no grace period.
		void (*give)(struct id_pool *, uint32_t) = was_published ? pool_rest : pool_put;
		if (pair->cfg_slot[which] != SHM_FLOW_NONE)
			give(&w->slots, pair->cfg_slot[which]);
		if (pair->state_index[which] != SHM_FLOW_NONE)
			give(&w->states, pair->state_index[which]);
	}
	keys_retire(w, pair);
	pair_rest(w, pair_of(w, pair->media_address, pair->port));
	w->pairs_used--;
	w->counters.retired++;
	*pair = (struct flow_pair){ .cfg_slot = { SHM_FLOW_NONE, SHM_FLOW_NONE },
		.state_index = { SHM_FLOW_NONE, SHM_FLOW_NONE } };
}

const struct flow_state *flow_state_of(
	const struct flow_writer *w, const struct flow_pair *pair, uint32_t which)
{
	if (!w->has_media || which > 1 || pair->incarnation == 0 ||
		pair->state_index[which] >= w->media.geometry.flows)
		return NULL;
	const struct flow_state *state = &shm_flow_state(&w->media)[pair->state_index[which]];
	// acquire: pairs with the lane's store after it reset the rest
	if (atomic_load_explicit(&state->incarnation, memory_order_acquire) != pair->incarnation)
		return NULL;
	return state;
}

// orphan.c - flows that an earlier instance left running and no call has claimed yet.
//
// They go on while media flows between them and a peer that is there; then they are retired.
#include "shm/flow_writer.h"

#include "base/check.h"
#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ORPHAN_RUN_MS	 10u // between two slices
#define ORPHAN_RUN_COUNT 64u // orphans looked at in one slice

static struct orphan *orphan_add(struct flow_writer *w, const struct flow_pair *pair)
{
	uint32_t at = pair_of(w, pair->media_address, pair->port);

	if (w->orphan_count == w->orphan_capacity) {
		uint32_t capacity = w->orphan_capacity ? w->orphan_capacity * 2 : 64;
		struct orphan *orphans = realloc(w->orphans, capacity * sizeof(*orphans));
		if (!orphans)
			return NULL;
		w->orphans = orphans;
		w->orphan_capacity = capacity;
	}
	struct orphan *orphan = &w->orphans[w->orphan_count];
	*orphan = (struct orphan){ .adopted_ms = w->now_ms, .pair = *pair };
	w->pair_link[at] = PAIR_ORPHAN | w->orphan_count++;
	return orphan;
}

static bool is_orphan(uint32_t link)
{
	return link & PAIR_ORPHAN && link < PAIR_USED;
}

// A live record of an own port, found at start. False: out of memory.
bool orphan_adopt(struct flow_writer *w, const struct flow_cfg *cfg, uint32_t slot)
{
	uint32_t pair = pair_of(w, cfg->media_address, cfg->port);
	uint32_t link = w->pair_link[pair];
	struct flow_pair found = { .media_address = cfg->media_address,
		.port = cfg->port & 0xfffe,
		.cfg_slot = { SHM_FLOW_NONE, SHM_FLOW_NONE },
		.state_index = { SHM_FLOW_NONE, SHM_FLOW_NONE },
		.incarnation = cfg->incarnation };
	struct orphan *orphan = is_orphan(link) ? &w->orphans[link & ~PAIR_ORPHAN]
						: orphan_add(w, &found);
	if (!orphan)
		return false;
	w->pairs_used += !is_orphan(link);
	uint32_t which = cfg->port & 1;
	orphan->pair.cfg_slot[which] = slot;
	orphan->pair.state_index[which] = cfg->state_index;
	orphan->pair.generation[which] = cfg->generation;
	const uint32_t keys[FLOW_KEY_USES] = { cfg->key_rx, cfg->key_tx, cfg->secure };
	memcpy(orphan->pair.key, keys, sizeof(keys));
	memcpy(orphan->pair.published_key[which], keys, sizeof(keys));
	return true;
}

static struct flow_pair orphan_remove(struct flow_writer *w, uint32_t position)
{
	struct flow_pair pair = w->orphans[position].pair;
	w->pair_link[pair_of(w, pair.media_address, pair.port)] = PAIR_USED;
	w->orphans[position] = w->orphans[--w->orphan_count];
	if (position < w->orphan_count) {
		const struct flow_pair *moved = &w->orphans[position].pair;
		w->pair_link[pair_of(w, moved->media_address, moved->port)] = PAIR_ORPHAN |
									      position;
	}
	return pair;
}

int flow_pair_claim(struct flow_writer *w, uint16_t media_address, uint16_t port,
	uint64_t incarnation, struct flow_pair *out)
{
	if (media_address >= w->pools_open || !port_is_own(w, media_address, port))
		return -ENOENT;
	uint32_t link = w->pair_link[pair_of(w, media_address, port)];
	if (!is_orphan(link) || w->orphans[link & ~PAIR_ORPHAN].pair.incarnation != incarnation)
		return -ENOENT;
	*out = orphan_remove(w, link & ~PAIR_ORPHAN);
	return 0;
}

void flow_pair_disown(struct flow_writer *w, struct flow_pair *pair)
{
	CHECK(pair->incarnation != 0);
	bool is_published = pair->generation[0] != 0 || pair->generation[1] != 0;
	if (!is_published || !orphan_add(w, pair)) {
		flow_pair_retire(w, pair);
		return;
	}
	*pair = (struct flow_pair){ .cfg_slot = { SHM_FLOW_NONE, SHM_FLOW_NONE },
		.state_index = { SHM_FLOW_NONE, SHM_FLOW_NONE } };
}

// When media last used that state for that incarnation, in ms; 0 = never, or not to be believed.
static uint64_t last_packet_ms(
	const struct flow_writer *w, uint32_t state_index, uint64_t incarnation)
{
	if (!w->has_media || state_index >= w->media.geometry.flows)
		return 0;
	const struct flow_state *state = &shm_flow_state(&w->media)[state_index];
	if (atomic_load_explicit(&state->incarnation, memory_order_acquire) != incarnation)
		return 0;
	uint64_t ms = atomic_load_explicit(&state->last_ns, memory_order_relaxed) / NS_PER_MS;
	return ms <= w->now_ms + 1000 ? ms : 0;
}

// One-way media keeps both directions: the silent one carries the other's packets out.
static uint64_t last_active_ms(const struct flow_writer *w, const struct orphan *orphan)
{
	struct flow_view view;
	uint64_t last_ms = orphan->adopted_ms;
	flow_view_init(&view, &w->signaling);
	for (uint32_t which = 0; which < 2; which++) {
		struct flow_cfg peer;
		if (orphan->pair.generation[which] == 0)
			continue;
		const struct flow_cfg *cfg = &w->cfg[orphan->pair.cfg_slot[which]];
		if (cfg->peer_incarnation == 0 ||
			!flow_read(&view, cfg->peer_address, cfg->peer_port, &peer) ||
			peer.incarnation != cfg->peer_incarnation)
			continue;
		uint64_t own = last_packet_ms(w, cfg->state_index, cfg->incarnation);
		uint64_t other = last_packet_ms(w, peer.state_index, peer.incarnation);
		uint64_t later = own > other ? own : other;
		if (later > last_ms)
			last_ms = later;
	}
	return last_ms;
}

void orphan_run(struct flow_writer *w)
{
	if (w->orphan_count == 0 || w->now_ms - w->orphan_run_ms < ORPHAN_RUN_MS)
		return;
	w->orphan_run_ms = w->now_ms;
	for (uint32_t i = 0; i < ORPHAN_RUN_COUNT && w->orphan_count; i++) {
		if (w->orphan_cursor >= w->orphan_count)
			w->orphan_cursor = 0;
		uint64_t last_ms = last_active_ms(w, &w->orphans[w->orphan_cursor]);
		if (w->now_ms < last_ms + w->orphan_timeout_ms) {
			w->orphan_cursor++;
			continue;
		}
		struct flow_pair pair = orphan_remove(w, w->orphan_cursor);
		flow_pair_retire(w, &pair);
		w->counters.orphans_retired++;
	}
}

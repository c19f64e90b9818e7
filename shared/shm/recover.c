// recover.c - what a start finds in the files, and the making of a writer from it.
//
// Live = reachable from the index and whole. Nothing else is believed: the rest of the slots and of
// the ports that were in use goes through grace period and quarantine as if retired just now.
#include "shm/flow_writer.h"

#include <stdlib.h>

#define HEADROOM_PART                                                                              \
	32u // 1/32 of the slots is kept for replacements: calls in progress come first

static bool is_key_whole(const struct flow_writer *w, uint32_t key, uint64_t incarnation)
{
	return key == 0 || (key <= w->keys.limit &&
				   flow_key_is_valid(&w->keys.secrets[key - 1], incarnation));
}

static bool is_secure_whole(const struct flow_writer *w, uint32_t secure, uint64_t incarnation)
{
	return secure == 0 ||
		(secure <= w->keys.limit &&
			flow_secure_is_valid(&w->keys.agreements[secure - 1], incarnation));
}

// Whether the record can be true; whether its state is not another port's as well.
static bool is_live(const struct flow_writer *w, const struct recovery *found, uint32_t address,
	uint16_t port, uint32_t slot)
{
	uint32_t flows = w->signaling.geometry.flows;
	if (slot >= flows || !flow_is_valid(&w->cfg[slot], address, port, flows))
		return false;
	const struct flow_cfg *cfg = &w->cfg[slot];
	if (cfg->incarnation >=
		atomic_load_explicit(shm_incarnation_next(&w->signaling), memory_order_relaxed))
		return false;
	if (!is_key_whole(w, cfg->key_rx, cfg->incarnation) ||
		!is_key_whole(w, cfg->key_tx, cfg->incarnation) ||
		!is_secure_whole(w, cfg->secure, cfg->incarnation))
		return false;
	uint32_t count = atomic_load_explicit(
		shm_address_count(&w->signaling), memory_order_relaxed);
	return address < count && !bit_get(found->states_live, cfg->state_index);
}

static void lend(struct flow_writer *w, struct id_pool *pool, uint32_t id)
{
	if (!id_is_own(w, id) || bit_get(pool->lent, id))
		return;
	bit_set(pool->lent, id);
	pool->lent_count++;
}

// Both ports of a pair name the same keys.
static void recover_key(
	struct flow_writer *w, struct recovery *found, uint32_t key, bool is_own_port)
{
	if (key == 0)
		return;
	if (is_own_port && !bit_get(found->keys_live, key - 1))
		found->foreign += !id_is_own(w, key - 1);
	bit_set(found->keys_live, key - 1);
	if (!is_own_port)
		lend(w, &w->keys, key - 1);
}

static void recover_port(struct flow_writer *w, struct recovery *found, uint32_t address,
	uint16_t port, uint32_t slot)
{
	bool is_own = port_is_own(w, address, port);
	if (!is_live(w, found, address, port, slot)) {
		if (!is_own)
			return; // its owner will
		atomic_store_explicit(&shm_stamps(&w->signaling, address)[port / 2], SHM_STAMP_USED,
			memory_order_relaxed);
		SHM_CRASH_POINT(50);
		atomic_store_explicit(&shm_index(&w->signaling, address)[port], SHM_FLOW_NONE,
			memory_order_release);
		SHM_CRASH_POINT(51);
		w->counters.discarded++;
		return;
	}
	const struct flow_cfg *cfg = &w->cfg[slot];
	bit_set(found->slots_live, slot);
	bit_set(found->states_live, cfg->state_index);
	recover_key(w, found, cfg->key_rx, is_own);
	recover_key(w, found, cfg->key_tx, is_own);
	recover_key(w, found, cfg->secure, is_own);
	if (!is_own) {
		lend(w, &w->slots, slot);
		lend(w, &w->states, cfg->state_index);
		return;
	}
	found->foreign += !id_is_own(w, slot) + !id_is_own(w, cfg->state_index);
	if (!orphan_adopt(w, cfg, slot))
		found->is_out_of_memory = true;
}

static void scan_index(struct flow_writer *w, struct recovery *found)
{
	for (uint32_t address = 0; address < w->signaling.geometry.addresses; address++) {
		const _Atomic uint32_t *index = shm_index(&w->signaling, address);
		for (uint32_t port = 0; port < SHM_PORTS; port++) {
			uint32_t slot = atomic_load_explicit(&index[port], memory_order_acquire);
			if (slot != SHM_FLOW_NONE)
				recover_port(w, found, address, (uint16_t)port, slot);
		}
	}
}

static bool claim_slots(struct flow_writer *w, struct recovery *found)
{
	_Atomic uint64_t *owners = shm_slot_owner(&w->signaling);
	uint32_t blocks = w->signaling.geometry.flows / SHM_BLOCK;
	for (uint32_t block = w->worker; block < blocks; block += w->workers) {
		uint64_t before;
		if (!block_claim(w, &owners[block], &before))
			return false;
		found->is_block_fresh[block] = before == SHM_OWNER_NEVER;
		// Before the index is scanned: what is returned later than that was lent then.
		for (uint32_t i = 0; i < SHM_BLOCK / 64; i++) {
			uint32_t word = block * (SHM_BLOCK / 64) + i;
			atomic_store_explicit(&w->slots.returned[word], 0, memory_order_release);
			atomic_store_explicit(&w->states.returned[word], 0, memory_order_release);
			if (word < w->keys.limit / 64)
				atomic_store_explicit(
					&w->keys.returned[word], 0, memory_order_release);
		}
	}
	return true;
}

// Highest first, so that the stack hands out the lowest first.
static void fill_pool(struct flow_writer *w, struct id_pool *pool, const uint64_t *live,
	const bool *is_block_fresh)
{
	for (uint32_t id = pool->limit; id-- > 0;) {
		if (!id_is_own(w, id) || bit_get(live, id))
			continue;
		if (is_block_fresh[id / SHM_BLOCK])
			pool_put(pool, id);
		else
			pool_rest(pool, id);
	}
}

static bool make_rings(struct flow_writer *w)
{
	uint32_t pairs = w->signaling.geometry.addresses * w->blocks_per_address * BLOCK_PAIRS;
	uint32_t ring = 64;
	while (ring < pairs)
		ring *= 2;
	w->resting_mask = ring - 1;
	w->resting_pairs = malloc(ring * sizeof(*w->resting_pairs));
	w->pair_link = calloc(pairs, sizeof(*w->pair_link));
	w->pools = calloc(w->signaling.geometry.addresses, sizeof(*w->pools));
	w->slots.lent = calloc(w->slots.limit / 64, sizeof(uint64_t));
	w->states.lent = calloc(w->states.limit / 64, sizeof(uint64_t));
	w->keys.lent = calloc(w->keys.limit / 64 + 1, sizeof(uint64_t));
	return w->resting_pairs && w->pair_link && w->pools && w->slots.lent &&
	       w->states.lent && w->keys.lent;
}

bool recover(struct flow_writer *w)
{
	uint32_t flows = w->signaling.geometry.flows;
	struct recovery found = { .slots_live = calloc(flows / 64, sizeof(uint64_t)),
		.states_live = calloc(flows / 64, sizeof(uint64_t)),
		.keys_live = calloc(w->keys.limit / 64 + 1, sizeof(uint64_t)),
		.is_block_fresh = calloc(flows / SHM_BLOCK, sizeof(bool)) };
	bool is_done = false;

	if (!found.slots_live || !found.states_live || !found.keys_live || !found.is_block_fresh ||
		!make_rings(w))
		goto out;
	if (!claim_slots(w, &found))
		goto out;
	scan_index(w, &found);
	if (found.is_out_of_memory || pool_init(w, &w->slots, found.foreign) ||
		pool_init(w, &w->states, found.foreign) || pool_init(w, &w->keys, found.foreign))
		goto out;
	fill_pool(w, &w->slots, found.slots_live, found.is_block_fresh);
	fill_pool(w, &w->states, found.states_live, found.is_block_fresh);
	fill_pool(w, &w->keys, found.keys_live, found.is_block_fresh);
	w->headroom = w->slots.total / HEADROOM_PART;
	ports_open(w);
	is_done = true;
out:
	free(found.slots_live);
	free(found.states_live);
	free(found.keys_live);
	free(found.is_block_fresh);
	return is_done;
}

struct flow_writer *flow_writer_new(const struct flow_writer_params *params, uint64_t now_ms)
{
	if (params->workers == 0 || params->worker >= params->workers)
		return NULL;
	struct flow_writer *w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->signaling = *params->signaling;
	flow_writer_set_media(w, params->media);
	w->worker = params->worker;
	w->workers = params->workers;
	w->quarantine_ms = params->quarantine_ms;
	w->orphan_timeout_ms = params->orphan_timeout_ms;
	w->now_ms = now_ms;
	w->index = shm_index(&w->signaling, 0);
	w->cfg = shm_flow_cfg(&w->signaling);
	w->global_epoch = shm_global_epoch(&w->signaling);
	w->slots.returned = shm_returned_slots(&w->signaling);
	w->states.returned = shm_returned_states(&w->signaling);
	w->keys.returned = shm_returned_keys(&w->signaling);
	w->slots.limit = w->states.limit = w->signaling.geometry.flows;
	w->keys.limit = w->signaling.geometry.keys;
	w->keys.secrets = shm_flow_key(&w->signaling);
	w->keys.agreements = shm_flow_secure(&w->signaling);
	w->slots.sweep_block = w->states.sweep_block = w->keys.sweep_block = w->worker;
	w->blocks_per_address = (SHM_BLOCKS_PER_ADDRESS + w->workers - 1) / w->workers;
	uint32_t instance = atomic_load_explicit(
		&shm_header(&w->signaling)->instance, memory_order_relaxed);
	w->owner_word = (uint64_t)instance << 32 | (w->worker + 1);
	if (!recover(w)) {
		flow_writer_free(w);
		return NULL;
	}
	return w;
}

void flow_writer_free(struct flow_writer *w)
{
	if (!w)
		return;
	pool_fini(&w->slots);
	pool_fini(&w->states);
	pool_fini(&w->keys);
	free(w->resting_pairs);
	free(w->pair_link);
	free(w->pools);
	free(w->orphans);
	free(w);
}

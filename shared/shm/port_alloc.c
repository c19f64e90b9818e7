// port_alloc.c - pairs of ports: one list of free pairs per media address and media shard.
//
// The shards are kept in buckets by how many free pairs they have, as bit masks: taking from the
// fullest shard, or from the fullest that other addresses have too, costs the same at any
// occupancy.
#include "shm/flow_writer.h"

#include "base/check.h"

#include <errno.h>

#define BUCKET_TRIES                                                                               \
	8u // buckets below the fullest that are tried for a shard common to all addresses
#define INCARNATIONS (1u << 16) // taken off the file at once

static bool is_usable(const struct port_pool *pool, uint16_t port)
{
	return port != 0 && port >= pool->info->port_min && port + 1u <= pool->info->port_max;
}

uint16_t pair_port(const struct flow_writer *w, uint32_t pair, uint32_t *address)
{
	uint32_t block = pair / BLOCK_PAIRS;
	*address = block / w->blocks_per_address;
	// The inverse of port_is_own(): the residue of our blocks on that address.
	uint32_t residue = (w->worker + w->workers - *address % w->workers) % w->workers;
	block = block % w->blocks_per_address * w->workers + residue;
	return (uint16_t)(block * SHM_BLOCK + pair % BLOCK_PAIRS * 2);
}

static void bucket_move(struct port_pool *pool, uint32_t shard, uint32_t from, uint32_t to)
{
	uint64_t bit = 1ull << shard;
	pool->bucket[from] &= ~bit;
	pool->bucket[to] |= bit;
	if (to > pool->fullest)
		pool->fullest = to;
	else if (!pool->bucket[pool->fullest])
		pool->fullest = to; // counts move by one, and this shard was the last up there
	if (to == 0)
		pool->stocked &= ~bit;
	else
		pool->stocked |= bit;
}

void pair_free(struct flow_writer *w, uint32_t pair)
{
	uint32_t address;
	uint16_t port = pair_port(w, pair, &address);
	struct port_pool *pool = &w->pools[address];
	uint32_t number = shm_media_shard(port);
	struct port_shard *shard = &pool->shards[number];

	if (!is_usable(pool, port))
		return; // an orphan's, from before the range was narrowed
	w->pair_link[pair] = PAIR_END;
	if (shard->count)
		w->pair_link[shard->tail] = pair;
	else
		shard->head = pair;
	shard->tail = pair;
	shard->count++;
	bucket_move(pool, number, shard->count - 1, shard->count);
	w->pairs_free++;
}

static uint32_t pair_take(struct flow_writer *w, struct port_pool *pool, uint32_t number)
{
	struct port_shard *shard = &pool->shards[number];
	uint32_t pair = shard->head;
	shard->head = w->pair_link[pair];
	shard->count--;
	w->pair_link[pair] = PAIR_USED;
	bucket_move(pool, number, shard->count + 1, shard->count);
	w->pairs_free--;
	return pair;
}

void pair_rest(struct flow_writer *w, uint32_t pair)
{
	CHECK_HOT(w->resting_tail - w->resting_head <= w->resting_mask);
	w->resting_pairs[w->resting_tail++ & w->resting_mask] = pair;
}

// Which shards have pairs on every address that has any: the other leg will want the same one.
static uint64_t shards_in_common(const struct flow_writer *w)
{
	uint64_t common = UINT64_MAX;
	for (uint32_t i = 0; i < w->pools_open; i++)
		if (w->pools[i].stocked)
			common &= w->pools[i].stocked;
	return common;
}

static uint32_t next_in_turn(struct port_pool *pool, uint64_t shards)
{
	uint64_t later = shards & UINT64_MAX << pool->turn;
	uint32_t shard = (uint32_t)__builtin_ctzll(later ? later : shards);
	pool->turn = (shard + 1) % SHM_MEDIA_SHARDS;
	return shard;
}

static uint32_t pick_shard(const struct flow_writer *w, struct port_pool *pool)
{
	uint64_t common = shards_in_common(w) & pool->stocked;
	for (uint32_t i = 0; i < BUCKET_TRIES && i < pool->fullest; i++) {
		uint64_t shards = pool->bucket[pool->fullest - i] & common;
		if (shards)
			return next_in_turn(pool, shards);
	}
	return next_in_turn(pool, common ? common : pool->bucket[pool->fullest]);
}

uint64_t next_incarnation(struct flow_writer *w)
{
	if (w->incarnation == w->incarnation_end) {
		w->incarnation = atomic_fetch_add_explicit(
			shm_incarnation_next(&w->signaling), INCARNATIONS, memory_order_acq_rel);
		w->incarnation_end = w->incarnation + INCARNATIONS;
		SHM_CRASH_POINT(30);
	}
	return w->incarnation++;
}

static int check_room(struct flow_writer *w, uint32_t address, int media_shard)
{
	if (address >= w->pools_open)
		ports_open(w);
	if (media_shard >= (int)SHM_MEDIA_SHARDS)
		return -EINVAL;
	const struct port_pool *pool = &w->pools[address];
	if (address >= w->pools_open || pool->info->is_retired || !pool->stocked ||
		(media_shard >= 0 && !(pool->stocked >> media_shard & 1))) {
		w->counters.refused_ports++;
		return -ENOSPC;
	}
	if (w->slots.free_count < 2 + w->headroom || w->states.free_count < 2) {
		w->counters.refused_slots++;
		return -ENOMEM;
	}
	return 0;
}

int flow_pair_reserve(
	struct flow_writer *w, uint16_t media_address, int media_shard, struct flow_pair *out)
{
	int err = check_room(w, media_address, media_shard);
	if (err)
		return err;

	struct port_pool *pool = &w->pools[media_address];
	uint32_t shard = media_shard >= 0 ? (uint32_t)media_shard : pick_shard(w, pool);
	uint32_t address;
	uint16_t port = pair_port(w, pair_take(w, pool, shard), &address);

	atomic_store_explicit(&pool->stamps[port / 2], SHM_STAMP_USED, memory_order_relaxed);
	SHM_CRASH_POINT(31);
	*out = (struct flow_pair){ .media_address = media_address,
		.port = port,
		.cfg_slot = { pool_take(&w->slots), pool_take(&w->slots) },
		.state_index = { pool_take(&w->states), pool_take(&w->states) },
		.incarnation = next_incarnation(w) };
	w->pairs_used++;
	w->counters.reserved++;
	return 0;
}

static bool must_rest(const struct flow_writer *w, uint64_t owner, uint32_t stamp)
{
	if (owner == SHM_OWNER_UNKNOWN || stamp == SHM_STAMP_USED)
		return true;
	if (owner == SHM_OWNER_NEVER || stamp == SHM_STAMP_NEVER)
		return false;
	// Rounded up: the stamp is in whole seconds. A stamp from the future is not believed.
	uint64_t now_s = w->now_ms / 1000;
	return stamp > now_s || now_s - stamp <= w->quarantine_ms / 1000 + 1;
}

static void open_block(struct flow_writer *w, uint32_t address, uint32_t block)
{
	struct port_pool *pool = &w->pools[address];
	uint64_t before;
	if (!block_claim(w, &shm_port_owner(&w->signaling, address)[block], &before)) {
		w->counters.refused_ports++; // somebody else's of this instance: a caller's mistake
		return;
	}
	for (uint32_t i = 0; i < BLOCK_PAIRS; i++) {
		uint16_t port = (uint16_t)(block * SHM_BLOCK + i * 2);
		uint32_t pair = pair_of(w, address, port);
		if (w->pair_link[pair] & PAIR_ORPHAN && w->pair_link[pair] < PAIR_USED)
			continue;
		w->pair_link[pair] = PAIR_USED;
		if (!is_usable(pool, port))
			continue;
		uint32_t stamp = atomic_load_explicit(
			&pool->stamps[port / 2], memory_order_relaxed);
		if (must_rest(w, before, stamp))
			pair_rest(w, pair);
		else
			pair_free(w, pair);
	}
}

// Takes up addresses that were added since, claiming this worker's blocks of them.
void ports_open(struct flow_writer *w)
{
	// acquire: pairs with the store of whoever appended the address
	uint32_t count = atomic_load_explicit(
		shm_address_count(&w->signaling), memory_order_acquire);
	if (count > w->signaling.geometry.addresses)
		count = w->signaling.geometry.addresses;
	for (; w->pools_open < count; w->pools_open++) {
		struct port_pool *pool = &w->pools[w->pools_open];
		pool->info = &shm_addresses(&w->signaling)[w->pools_open];
		pool->index = shm_index(&w->signaling, w->pools_open);
		pool->stamps = shm_stamps(&w->signaling, w->pools_open);
		pool->bucket[0] = UINT64_MAX;
		uint32_t first = pool->info->port_min / SHM_BLOCK;
		uint32_t last = pool->info->port_max / SHM_BLOCK;
		for (uint32_t block = first; block <= last; block++)
			if (port_is_own(w, w->pools_open, (uint16_t)(block * SHM_BLOCK)))
				open_block(w, w->pools_open, block);
	}
}

// block.c - who owns which blocks, and the pools of slots, states and keys made of them.
//
// An id that a restart with another number of workers put under somebody else's port is lent: its
// borrower sets its bit in the file's `returned` map once the lanes have passed; the owner
// collects.
#include "shm/flow_writer.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP_BLOCKS 4u // looked through per run
#define BLOCK_WORDS  (SHM_BLOCK / 64)

// Owners of this instance live; words of any other instance were left by the dead: the file's lock
// is ours.
bool block_claim(struct flow_writer *w, _Atomic uint64_t *owner, uint64_t *before)
{
	uint64_t old = atomic_load_explicit(owner, memory_order_acquire);
	if (old != w->owner_word && old >> 32 == w->owner_word >> 32)
		return false;
	SHM_CRASH_POINT(20);
	if (!atomic_compare_exchange_strong_explicit(
		    owner, &old, w->owner_word, memory_order_acq_rel, memory_order_acquire))
		return false;
	SHM_CRASH_POINT(21);
	*before = old;
	return true;
}

static uint32_t power_of_two(uint32_t least)
{
	uint32_t size = 64;
	while (size < least)
		size *= 2;
	return size;
}

int pool_init(struct flow_writer *w, struct id_pool *pool, uint32_t foreign)
{
	pool->total = 0;
	for (uint32_t block = w->worker; block < pool->limit / SHM_BLOCK; block += w->workers)
		pool->total += SHM_BLOCK;

	// Each own id and each borrowed one rests at most once at a time.
	uint32_t ring = power_of_two(pool->total + foreign);
	pool->resting_mask = ring - 1;
	pool->free = malloc((pool->total + 1) * sizeof(*pool->free));
	pool->resting = malloc(ring * sizeof(*pool->resting));
	return pool->free && pool->resting ? 0 : -ENOMEM;
}

void pool_fini(struct id_pool *pool)
{
	free(pool->free);
	free(pool->resting);
	free(pool->lent);
}

uint32_t pool_take(struct id_pool *pool)
{
	return pool->free_count ? pool->free[--pool->free_count] : SHM_FLOW_NONE;
}

void pool_put(struct id_pool *pool, uint32_t id)
{
	CHECK(pool->free_count < pool->total);
	pool->free[pool->free_count++] = id;
}

void pool_rest(struct id_pool *pool, uint32_t id)
{
	CHECK_HOT(pool->resting_tail - pool->resting_head <= pool->resting_mask);
	pool->resting[pool->resting_tail++ & pool->resting_mask] = id;
}

uint32_t pool_release(struct flow_writer *w, struct id_pool *pool, uint64_t end, uint32_t budget)
{
	while (pool->resting_head != end && budget) {
		uint32_t id = pool->resting[pool->resting_head++ & pool->resting_mask];
		budget--;
		if (pool->secrets != NULL)
			explicit_bzero(&pool->secrets[id], sizeof(pool->secrets[id]));
		if (pool->agreements != NULL)
			explicit_bzero(&pool->agreements[id], sizeof(pool->agreements[id]));
		if (id_is_own(w, id)) {
			pool_put(pool, id);
			continue;
		}
		SHM_CRASH_POINT(22);
		// release: pairs with pool_sweep_returned() of the owner
		atomic_fetch_or_explicit(
			&pool->returned[id / 64], 1ull << (id % 64), memory_order_release);
		SHM_CRASH_POINT(23);
	}
	return budget;
}

static void collect_word(struct id_pool *pool, uint32_t word)
{
	if (!atomic_load_explicit(&pool->returned[word], memory_order_relaxed))
		return;
	uint64_t bits = atomic_exchange_explicit(&pool->returned[word], 0, memory_order_acquire);
	SHM_CRASH_POINT(24);
	for (; bits; bits &= bits - 1) {
		uint32_t id = word * 64 + (uint32_t)__builtin_ctzll(bits);
		if (!bit_get(pool->lent, id))
			continue; // returned before we looked: it rests already
		pool->lent[id / 64] &= ~(1ull << (id % 64));
		pool->lent_count--;
		pool_put(pool, id);
	}
}

void pool_sweep_returned(struct flow_writer *w, struct id_pool *pool)
{
	if (pool->lent_count == 0)
		return;
	uint32_t blocks = pool->limit / SHM_BLOCK;
	for (uint32_t i = 0; i < SWEEP_BLOCKS; i++) {
		if (pool->sweep_block >= blocks)
			pool->sweep_block = w->worker;
		if (pool->sweep_block >= blocks)
			return;
		for (uint32_t word = 0; word < BLOCK_WORDS; word++)
			collect_word(pool, pool->sweep_block * BLOCK_WORDS + word);
		pool->sweep_block += w->workers;
	}
}

// flow_writer.h - one worker's side of the flow table, for the sources of shared/shm only.
//
// All of it is private memory of one thread, derived anew from the files at each start; what must
// survive lies in the files. Ids of flow_cfg slots and of states come from two equal pools, those
// of keys from a smaller one; a block of any belongs to whom the slots' block of that number does.
#pragma once

#include "shm/flow_table.h"
#include "shm/layout.h"

#define BLOCK_PAIRS	   (SHM_BLOCK / 2)
#define SHARD_PAIRS_MAX	   (SHM_PAIRS / SHM_MEDIA_SHARDS) // per address
#define GRACE_BATCHES	   256u				  // power of two
#define QUARANTINE_BATCHES 1024u			  // power of two
#define RUN_BUDGET	   1024u // ids, and pairs, that one flow_writer_run() moves at most
#define REST_BATCH_MAX	   64u	 // batches that one run lets pass at most

// What pair_link[] holds: the next free pair of the shard's list, or one of these.
#define PAIR_END    UINT32_MAX
#define PAIR_USED   (UINT32_MAX - 1) // reserved, published, resting, or not usable at all
#define PAIR_ORPHAN 0x80000000u	     // | position in orphans[]

// Slots or states: own ones that are free, and whatever rests until the lanes have passed.
struct id_pool {
	uint32_t *free; // stack of own ids
	uint32_t free_count;
	uint32_t total;	   // own ids
	uint32_t *resting; // ring, also of other workers' ids (lent to us)
	uint32_t resting_mask;
	uint64_t resting_head, resting_tail;
	_Atomic uint64_t *returned; // in the file: a bit for each id whose borrower is done with it
	uint64_t *lent;		    // own ids that lie under another worker's port
	uint32_t lent_count;
	uint32_t sweep_block; // next block to look through for returned ids
	uint32_t limit;	      // ids of all workers
	// [limit], both wiped before an id is free again; may be NULL
	struct flow_key *secrets;
	struct flow_secure *agreements;
};

struct port_shard {
	uint32_t head, tail; // pairs, first in first out: the longest rested goes first
	uint32_t count;
};

struct port_pool {
	const struct shm_address *info;
	_Atomic uint32_t *index;
	_Atomic uint32_t *stamps;
	uint64_t stocked;		      // bit per shard that has a free pair
	uint64_t bucket[SHARD_PAIRS_MAX + 1]; // [n]: bit per shard with exactly n free pairs
	uint32_t fullest;		      // highest n whose bucket is not empty
	uint32_t turn;			      // shard after the last one taken
	struct port_shard shards[SHM_MEDIA_SHARDS];
};

// Everything that was retired in one loop turn. Ends are positions in the rings, excluded.
struct grace_batch {
	uint64_t epoch;
	uint64_t closed_ms;
	uint64_t slots_end, states_end, keys_end, pairs_end;
};

struct quarantine_batch {
	uint64_t due_ms;
	uint64_t pairs_end;
};

struct orphan {
	struct flow_pair pair;
	uint64_t adopted_ms;
};

struct flow_writer {
	struct shm_map signaling;
	struct shm_map media;
	bool has_media;
	uint32_t worker, workers;
	uint32_t quarantine_ms, orphan_timeout_ms;
	uint64_t now_ms; // of the last run

	_Atomic uint32_t *index;
	struct flow_cfg *cfg;
	_Atomic uint64_t *global_epoch;
	uint64_t owner_word;
	uint64_t incarnation, incarnation_end; // range taken off the file
	uint32_t headroom;		       // slots that only replacements may take

	struct id_pool slots, states, keys;
	struct port_pool *pools; // [geometry.addresses]
	uint32_t pools_open;	 // addresses taken up so far
	uint32_t blocks_per_address;
	uint32_t *pair_link; // [addresses * blocks_per_address * BLOCK_PAIRS]
	uint32_t pairs_free, pairs_used;

	uint32_t *resting_pairs; // ring: quarantine from head to mid, grace from mid to tail
	uint32_t resting_mask;
	uint64_t resting_head, resting_mid, resting_tail;
	struct grace_batch grace[GRACE_BATCHES];
	uint32_t grace_head, grace_tail;
	// ends of the last closed batch
	uint64_t slots_closed, states_closed, keys_closed, pairs_closed;
	struct quarantine_batch quarantine[QUARANTINE_BATCHES];
	uint32_t quarantine_head, quarantine_tail;
	uint64_t absent_epoch; // batches up to this one were closed when media was proven absent
	uint64_t absent_check_ms;
	bool was_checked;

	uint32_t hint_lanes, hint_lane; // lanes that may have hints for us, and whose turn it is
	uint64_t hint_lanes_ms;		// when they were counted

	struct orphan *orphans;
	uint32_t orphan_count, orphan_capacity, orphan_cursor;
	uint64_t orphan_run_ms;

	struct flow_counters counters;
};

// What a start finds, while it looks.
struct recovery {
	uint64_t *slots_live;  // [flows / 64]
	uint64_t *states_live; // [flows / 64]
	uint64_t *keys_live;   // [keys / 64]
	bool *is_block_fresh;  // [flows / SHM_BLOCK] own blocks never claimed before
	uint32_t foreign;      // slots, states and keys of others under own ports
	bool is_out_of_memory;
};

static inline bool bit_get(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

static inline void bit_set(uint64_t *bits, uint32_t i)
{
	bits[i / 64] |= 1ull << (i % 64);
}

static inline bool id_is_own(const struct flow_writer *w, uint32_t id)
{
	return id / SHM_BLOCK % w->workers == w->worker;
}

static inline bool port_is_own(const struct flow_writer *w, uint32_t address, uint16_t port)
{
	// The address shifts the deal, so that small ranges on many addresses spread over the
	// workers.
	return (port / SHM_BLOCK + address) % w->workers == w->worker;
}

static inline uint32_t pair_of(const struct flow_writer *w, uint32_t address, uint16_t port)
{
	uint32_t block = address * w->blocks_per_address + port / SHM_BLOCK / w->workers;
	return block * BLOCK_PAIRS + port / 2 % BLOCK_PAIRS;
}

// block.c: claims and the pools of slots and states.
bool block_claim(struct flow_writer *w, _Atomic uint64_t *owner, uint64_t *before);
int pool_init(struct flow_writer *w, struct id_pool *pool, uint32_t foreign);
void pool_fini(struct id_pool *pool);
// SHM_FLOW_NONE: empty.
uint32_t pool_take(struct id_pool *pool);
void pool_put(struct id_pool *pool, uint32_t id);  // was never visible to media
void pool_rest(struct id_pool *pool, uint32_t id); // until the grace period is over
// Gives back up to `budget` ids before position `end`; what is left of the budget.
uint32_t pool_release(struct flow_writer *w, struct id_pool *pool, uint64_t end, uint32_t budget);
void pool_sweep_returned(struct flow_writer *w, struct id_pool *pool);

// flow_keys.c
// Gives back the slot unless a record or the pair's next ones still name it.
void key_drop_unused(struct flow_writer *w, const struct flow_pair *pair, enum flow_key_use use,
	uint32_t key);
void keys_retire(struct flow_writer *w, struct flow_pair *pair);

// port_alloc.c
void ports_open(struct flow_writer *w);
uint16_t pair_port(const struct flow_writer *w, uint32_t pair, uint32_t *address);
void pair_free(struct flow_writer *w, uint32_t pair);
void pair_rest(struct flow_writer *w, uint32_t pair);
uint64_t next_incarnation(struct flow_writer *w);

// recover.c
bool recover(struct flow_writer *w);
// orphan.c
bool orphan_adopt(struct flow_writer *w, const struct flow_cfg *cfg, uint32_t slot);
void orphan_run(struct flow_writer *w);

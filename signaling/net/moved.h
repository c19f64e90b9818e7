// moved.h - calls that are not where their shard says: a small table from Call-ID to worker.
//
// Attended transfer brings two calls together at one worker (call/export.h). Dispatch asks this
// table before the shard map; while nothing is in it, that costs one load. A key is a keyed hash of
// the Call-ID, so nobody outside can aim at a slot. Lock-free: any worker writes and reads.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MOVED_MAX 4096u // Call-IDs, a power of two

struct moved;

struct moved *moved_new(void); // NULL: out of memory
void moved_free(struct moved *moved);

// Messages with that key go to `worker` (0..253) from now on. False: no room near its place.
bool moved_put(struct moved *moved, uint64_t key, uint32_t worker);
// Forgets it, unless it went on to yet another worker.
void moved_drop(struct moved *moved, uint64_t key, uint32_t worker);
// -1: where the shard says.
int moved_find(const struct moved *moved, uint64_t key);
// Nothing was moved: moved_find() need not be called.
bool moved_is_empty(const struct moved *moved);

// arena.h - bump allocation with a limit: memory of one message or one call, freed at once.
//
// Owned by one thread. Allocations are 8-byte aligned and never freed one by one.
#pragma once

#include "base/span.h"

#include <stddef.h>
#include <stdint.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; // newest first
	size_t used;                // bytes handed out since the last reset
	size_t limit;               // bytes that may be handed out, > 0
	size_t step; // bytes of each further chunk with its header; 0 = twice as much as the last
};

void arena_init(struct arena *arena, size_t limit);
// For many small ones that live long: grows by little, at the price of more mallocs for a large
// one.
void arena_init_lean(struct arena *arena, size_t limit);
void arena_fini(struct arena *arena);

// Keeps the newest chunk for reuse, frees the others; all pointers into the arena die.
void arena_reset(struct arena *arena);

// Uninitialised memory, or NULL when the limit is reached or malloc fails.
void *arena_alloc(struct arena *arena, size_t size);
void *arena_zalloc(struct arena *arena, size_t size);

// A copy of `s` owned by the arena. False when out of room (then *out is empty).
bool arena_copy(struct arena *arena, struct span s, struct span *out);

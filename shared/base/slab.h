// slab.h - a bounded pool of equal objects with stable addresses and generation-checked handles.
//
// Owned by one thread (each worker has its own slabs). Grows by chunks up to its limit and never
// shrinks; a full slab returns NULL and the caller answers 503.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct slab;

// A reference that survives the object's death: a stale handle looks up as NULL.
struct slab_handle {
	uint32_t index;
	uint32_t generation; // 0 = no object
};

// object_size > 0; count_max <= 2^31. NULL: out of memory.
struct slab *slab_new(size_t object_size, uint32_t count_max);
void slab_free(struct slab *slab);

// Zeroed object, or NULL when full.
void *slab_get(struct slab *slab);
void slab_put(struct slab *slab, void *object);

struct slab_handle slab_handle_of(const struct slab *slab, const void *object);
void *slab_lookup(const struct slab *slab, struct slab_handle handle);

uint32_t slab_count(const struct slab *slab); // objects in use
uint32_t slab_limit(const struct slab *slab);

// For walking all objects in use: the next one at or after *cursor, or NULL at the end. Start with
// 0.
void *slab_next(const struct slab *slab, uint32_t *cursor);

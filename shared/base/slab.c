// slab.c - chunks of equal slots; a free list per slab, oldest freed slot first.
//
// Freed slots go to the tail of the list: a slot rests as long as possible, so a stale pointer in a
// bug report points at a dead object rather than at a stranger.
#include "base/slab.h"

#include "base/check.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SLOTS 256u
#define SLOT_NONE   UINT32_MAX

// Stands in front of each object.
struct slot {
	uint32_t index;
	uint32_t generation; // odd while in use, even while free; 0 never names an object
	uint32_t next_free;  // valid while free
	uint32_t reserved;   // keeps the object at 16 bytes alignment
};

_Static_assert(sizeof(struct slot) % alignof(max_align_t) == 0, "objects stay aligned");

struct slab {
	size_t object_size;
	size_t stride;       // bytes from slot to slot
	uint32_t limit;
	uint32_t carved;     // slots that exist so far
	uint32_t used;
	uint32_t free_head;
	uint32_t free_tail;
	uint32_t chunk_max;
	uint8_t **chunks;    // [chunk_max], NULL = not yet made
};

struct slab *slab_new(size_t object_size, uint32_t count_max)
{
	CHECK(object_size > 0);
	CHECK(count_max > 0 && count_max <= 1u << 31);
	struct slab *slab = calloc(1, sizeof *slab);
	if (!slab)
		return NULL;
	size_t align = alignof(max_align_t);
	slab->object_size = object_size;
	slab->stride = sizeof(struct slot) + (object_size + align - 1) / align * align;
	slab->limit = count_max;
	slab->free_head = SLOT_NONE;
	slab->free_tail = SLOT_NONE;
	slab->chunk_max = (count_max + CHUNK_SLOTS - 1) / CHUNK_SLOTS;
	slab->chunks = calloc(slab->chunk_max, sizeof *slab->chunks);
	if (!slab->chunks) {
		free(slab);
		return NULL;
	}
	return slab;
}

void slab_free(struct slab *slab)
{
	if (!slab)
		return;
	for (uint32_t i = 0; i < slab->chunk_max; i++)
		free(slab->chunks[i]);
	free(slab->chunks);
	free(slab);
}

static struct slot *slot_at(const struct slab *slab, uint32_t index)
{
	uint8_t *chunk = slab->chunks[index / CHUNK_SLOTS];
	return (struct slot *)(void *)(chunk + index % CHUNK_SLOTS * slab->stride);
}

static void *object_of(struct slot *slot)
{
	return slot + 1;
}

static struct slot *slot_of(const struct slab *slab, const void *object)
{
	struct slot *slot = (struct slot *)(uintptr_t)object - 1;
	CHECK_HOT(slot->index < slab->carved && slot_at(slab, slot->index) == slot);
	(void)slab;
	return slot;
}

static bool is_used(const struct slot *slot)
{
	return slot->generation & 1;
}

// A slot that never was in use yet, or NULL when the limit or memory is reached.
static struct slot *carve_slot(struct slab *slab)
{
	if (slab->carved == slab->limit)
		return NULL;
	uint8_t **chunk = &slab->chunks[slab->carved / CHUNK_SLOTS];
	if (!*chunk)
		*chunk = malloc(CHUNK_SLOTS * slab->stride);
	if (!*chunk)
		return NULL;
	struct slot *slot = slot_at(slab, slab->carved);
	*slot = (struct slot){ .index = slab->carved };
	slab->carved++;
	return slot;
}

void *slab_get(struct slab *slab)
{
	struct slot *slot;
	if (slab->free_head != SLOT_NONE) {
		slot = slot_at(slab, slab->free_head);
		slab->free_head = slot->next_free;
		if (slab->free_head == SLOT_NONE)
			slab->free_tail = SLOT_NONE;
	} else {
		slot = carve_slot(slab);
	}
	if (!slot)
		return NULL;
	CHECK_HOT(!is_used(slot));
	slot->generation++;
	slab->used++;
	return memset(object_of(slot), 0, slab->object_size);
}

void slab_put(struct slab *slab, void *object)
{
	struct slot *slot = slot_of(slab, object);
	CHECK(is_used(slot)); // a double free would hand one object to two owners
	slot->generation++;
	slot->next_free = SLOT_NONE;
	if (slab->free_tail == SLOT_NONE)
		slab->free_head = slot->index;
	else
		slot_at(slab, slab->free_tail)->next_free = slot->index;
	slab->free_tail = slot->index;
	slab->used--;
}

struct slab_handle slab_handle_of(const struct slab *slab, const void *object)
{
	struct slot *slot = slot_of(slab, object);
	return (struct slab_handle){ .index = slot->index, .generation = slot->generation };
}

void *slab_lookup(const struct slab *slab, struct slab_handle handle)
{
	if (handle.index >= slab->carved)
		return NULL;
	struct slot *slot = slot_at(slab, handle.index);
	// Handles may come back from the network inside a tag: an even generation is a forgery.
	if (slot->generation != handle.generation || !is_used(slot))
		return NULL;
	return object_of(slot);
}

uint32_t slab_count(const struct slab *slab)
{
	return slab->used;
}

uint32_t slab_limit(const struct slab *slab)
{
	return slab->limit;
}

void *slab_next(const struct slab *slab, uint32_t *cursor)
{
	while (*cursor < slab->carved) {
		struct slot *slot = slot_at(slab, (*cursor)++);
		if (is_used(slot))
			return object_of(slot);
	}
	return NULL;
}

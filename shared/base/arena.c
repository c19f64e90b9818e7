// arena.c - chunks of growing size, filled from the front.
#include "base/arena.h"

#include "base/check.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

// With the header, so that a chunk fills what malloc hands out for it.
#define CHUNK_MIN 1024u
#define LEAN_STEP 512u
#define CHUNK_MAX (256u * 1024)
#define ALIGNMENT 8u

struct arena_chunk {
	struct arena_chunk *next; // older
	size_t size;              // bytes in data
	size_t used;
	alignas(ALIGNMENT) uint8_t data[];
};

void arena_init(struct arena *arena, size_t limit)
{
	CHECK(limit > 0);
	*arena = (struct arena){ .limit = limit };
}

void arena_init_lean(struct arena *arena, size_t limit)
{
	arena_init(arena, limit);
	arena->step = LEAN_STEP;
}

static void free_chunks(struct arena_chunk *chunk)
{
	while (chunk) {
		struct arena_chunk *next = chunk->next;
		free(chunk);
		chunk = next;
	}
}

void arena_fini(struct arena *arena)
{
	free_chunks(arena->chunks);
	arena->chunks = NULL;
	arena->used = 0;
}

void arena_reset(struct arena *arena)
{
	if (arena->chunks) {
		free_chunks(arena->chunks->next);
		arena->chunks->next = NULL;
		arena->chunks->used = 0;
	}
	arena->used = 0;
}

// Twice the last chunk, so that a large message costs few mallocs; lean arenas grow by their step.
static size_t next_bytes(const struct arena *arena)
{
	if (!arena->chunks)
		return CHUNK_MIN;
	if (arena->step)
		return arena->step;
	size_t twice = (sizeof(struct arena_chunk) + arena->chunks->size) * 2;
	return twice < CHUNK_MAX ? twice : CHUNK_MAX;
}

// With room for `size` bytes at least.
static struct arena_chunk *add_chunk(struct arena *arena, size_t size)
{
	size_t room = next_bytes(arena) - sizeof(struct arena_chunk);
	if (room < size)
		room = size;
	struct arena_chunk *chunk = malloc(sizeof *chunk + room);
	if (!chunk)
		return NULL;
	chunk->next = arena->chunks;
	chunk->size = room;
	chunk->used = 0;
	arena->chunks = chunk;
	return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	// An empty allocation still gets an address of its own.
	if (size == 0)
		size = 1;
	if (size > arena->limit)
		return NULL;
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (arena->used > arena->limit || size > arena->limit - arena->used)
		return NULL;
	struct arena_chunk *chunk = arena->chunks;
	if (!chunk || chunk->size - chunk->used < size)
		chunk = add_chunk(arena, size);
	if (!chunk)
		return NULL;
	void *out = chunk->data + chunk->used;
	chunk->used += size;
	arena->used += size;
	return out;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
	void *out = arena_alloc(arena, size);
	if (out)
		memset(out, 0, size);
	return out;
}

bool arena_copy(struct arena *arena, struct span s, struct span *out)
{
	char *copy = arena_alloc(arena, s.len);
	if (!copy) {
		*out = SPAN_NONE;
		return false;
	}
	if (s.len > 0)
		memcpy(copy, s.ptr, s.len);
	*out = span_make(copy, s.len);
	return true;
}

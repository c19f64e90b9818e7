// ring.c - one buffer, two free-running byte cursors, a length word before each record.
//
// A record never wraps: when it does not fit before the end, a skip mark fills the rest. Cursors
// count bytes modulo 2^32 and the capacity is a power of two, so head - tail is always the fill.
#include "base/ring.h"

#include "base/check.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define RING_BYTES_MIN 4096u
#define RING_BYTES_MAX (1u << 30)
#define HEADER_BYTES   8u // length word, padded so that records stay 8-byte aligned
#define SKIP_MARK      UINT32_MAX

struct ring {
	// line 0: constant after ring_new()
	alignas(64) uint8_t *data;
	uint32_t bytes;
	// line 1: writer: producer, readers: both
	alignas(64) _Atomic uint32_t head; // first free byte
	uint32_t tail_seen;                // producer only: last tail it loaded
	uint32_t reserved_at;              // producer only: cursor of the reserved record
	uint32_t reserved_len;             // producer only: its upper bound, 0 = none
	// line 2: writer: consumer, readers: both
	alignas(64) _Atomic uint32_t tail; // oldest byte in use
	uint32_t peeked;                   // consumer only: bytes that ring_release() gives back
};

struct ring *ring_new(uint32_t bytes)
{
	CHECK(bytes >= RING_BYTES_MIN && bytes <= RING_BYTES_MAX && (bytes & (bytes - 1)) == 0);
	struct ring *ring = aligned_alloc(alignof(struct ring), sizeof *ring);
	if (!ring)
		return NULL;
	memset(ring, 0, sizeof *ring);
	ring->bytes = bytes;
	ring->data = aligned_alloc(64, bytes);
	if (!ring->data) {
		free(ring);
		return NULL;
	}
	return ring;
}

void ring_free(struct ring *ring)
{
	if (!ring)
		return;
	free(ring->data);
	free(ring);
}

static uint32_t record_bytes(uint32_t len)
{
	return HEADER_BYTES + ((len + 7) & ~7u);
}

static uint32_t *length_word(const struct ring *ring, uint32_t cursor)
{
	return (uint32_t *)(void *)(ring->data + (cursor & (ring->bytes - 1)));
}

static bool has_room(struct ring *ring, uint32_t head, uint32_t need)
{
	if (ring->bytes - (head - ring->tail_seen) >= need)
		return true;
	// acquire: pairs with ring_release(); the consumer is done reading what we overwrite.
	ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
	return ring->bytes - (head - ring->tail_seen) >= need;
}

void *ring_reserve(struct ring *ring, uint32_t len)
{
	// Half the ring is the longest record: with a skip it then always fits an empty ring.
	if (len > ring->bytes / 2 - HEADER_BYTES)
		return NULL;
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint32_t need = record_bytes(len);
	uint32_t to_end = ring->bytes - (head & (ring->bytes - 1));
	uint32_t skip = need > to_end ? to_end : 0;
	if (!has_room(ring, head, need + skip))
		return NULL;
	// The mark is published together with the record by ring_commit().
	if (skip > 0)
		*length_word(ring, head) = SKIP_MARK;
	ring->reserved_at = head + skip;
	ring->reserved_len = len;
	return (uint8_t *)length_word(ring, ring->reserved_at) + HEADER_BYTES;
}

void ring_commit(struct ring *ring, uint32_t len)
{
	CHECK(len <= ring->reserved_len);
	*length_word(ring, ring->reserved_at) = len;
	ring->reserved_len = 0;
	// release: pairs with ring_peek(); the record's bytes are visible before its end is.
	atomic_store_explicit(&ring->head, ring->reserved_at + record_bytes(len),
		memory_order_release);
}

const void *ring_peek(struct ring *ring, uint32_t *len)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	// acquire: pairs with ring_commit().
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	if (head == tail)
		return NULL;
	uint32_t skip = 0;
	if (*length_word(ring, tail) == SKIP_MARK)
		skip = ring->bytes - (tail & (ring->bytes - 1));
	uint32_t *word = length_word(ring, tail + skip);
	ring->peeked = skip + record_bytes(*word);
	*len = *word;
	return (uint8_t *)word + HEADER_BYTES;
}

void ring_release(struct ring *ring)
{
	CHECK(ring->peeked > 0);
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	// release: pairs with has_room(); our reads of the record end before its bytes are free.
	atomic_store_explicit(&ring->tail, tail + ring->peeked, memory_order_release);
	ring->peeked = 0;
}

bool ring_is_empty(const struct ring *ring)
{
	return atomic_load_explicit(&ring->head, memory_order_acquire) ==
		atomic_load_explicit(&ring->tail, memory_order_acquire);
}

// event.c - the hint rings.
#include "shm/event.h"

#define HINT_MASK (HINT_RING_SLOTS - 1)
_Static_assert((HINT_RING_SLOTS & HINT_MASK) == 0, "slots are found by a mask");

bool hint_push(struct hint_ring *ring, const struct hint_cursor *reader, const struct hint *hint)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	// acquire: the reader is done with what it counted. Any value is safe: it only says "full".
	uint64_t tail = atomic_load_explicit(&reader->tail, memory_order_acquire);

	if (head - tail >= HINT_RING_SLOTS) {
		uint64_t lost = atomic_load_explicit(&ring->lost, memory_order_relaxed);
		atomic_store_explicit(&ring->lost, lost + 1, memory_order_release);
		return false;
	}
	ring->hints[head & HINT_MASK] = *hint;
	atomic_store_explicit(&ring->head, head + 1, memory_order_release); // pairs with hint_pop()
	return true;
}

bool hint_pop(const struct hint_ring *ring, struct hint_cursor *cursor, struct hint *out,
	bool *overflowed)
{
	uint64_t tail = atomic_load_explicit(&cursor->tail, memory_order_relaxed);
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	uint64_t lost = atomic_load_explicit(&ring->lost, memory_order_acquire);

	if (lost != cursor->lost_seen) {
		cursor->lost_seen = lost;
		*overflowed = true;
	}
	if (head - tail > HINT_RING_SLOTS) {
		// Either side began anew, or the ring lies: start at its head, the sweep finds the
		// rest.
		atomic_store_explicit(&cursor->tail, head, memory_order_release);
		*overflowed = true;
		return false;
	}
	if (head == tail)
		return false;
	*out = ring->hints[tail & HINT_MASK];
	atomic_store_explicit(&cursor->tail, tail + 1, memory_order_release);
	return true;
}

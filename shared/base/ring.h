// ring.h - bounded single-producer single-consumer rings, lock-free, between two threads.
//
// struct ring carries variable-length byte records (datagrams handed between workers). Memory is
// the ring's own; both ends only touch it through these calls. Order is FIFO.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ring;

// `bytes` is a power of two >= 4096. NULL: out of memory.
struct ring *ring_new(uint32_t bytes);
void ring_free(struct ring *ring);

// Producer. Reserves room for one record of up to `len` bytes, contiguous, 8-byte aligned; NULL
// when full. ring_commit publishes it with its final length (<= len).
void *ring_reserve(struct ring *ring, uint32_t len);
void ring_commit(struct ring *ring, uint32_t len);

// Consumer. The oldest record, borrowed until ring_release(); NULL when empty.
const void *ring_peek(struct ring *ring, uint32_t *len);
void ring_release(struct ring *ring);

// Either end: a snapshot.
bool ring_is_empty(const struct ring *ring);

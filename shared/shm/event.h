// event.h - hints between worker and lane: small SPSC rings, one per (worker, lane) and direction.
//
// Hints may be lost (full ring, crash): truth is the tables, both sides sweep at start, on overflow
// and slowly always. A ring lies in its writer's file; the reader's cursor lies in the reader's
// file.
#pragma once

#include "shm/abi.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define HINT_RING_SLOTS 256u // power of two

enum hint_kind {
	HINT_FLOW_CHANGED = 1, // signaling -> media: published, replaced or retired
	HINT_LATCHED,	       // media -> signaling: source locked
	HINT_FIRST_PACKET,     // media -> signaling
	HINT_SECURE,	       // media -> signaling: flow_secure_of() has another answer
	HINT_TONE,	       // signaling -> media: an event is to be played (flow_report.h)
	HINT_EVENT,	       // media -> signaling: flow_event_next() has one
};

struct hint {
	uint32_t kind; // enum hint_kind
	uint16_t media_address;
	uint16_t port;
	uint64_t incarnation;
};
_Static_assert(sizeof(struct hint) == 16, "ABI");

// writer: one worker or one lane.
struct hint_ring {
	alignas(64) _Atomic uint64_t head; // hints written since the file was made
	_Atomic uint64_t lost;		   // hints not written because the ring was full
	struct hint hints[HINT_RING_SLOTS];
};

// writer: the reader of the ring.
struct hint_cursor {
	alignas(64) _Atomic uint64_t tail; // hints consumed
	uint64_t lost_seen;		   // ring->lost when last looked at; the reader's own
};

// False when full (counted in ring->lost).
bool hint_push(struct hint_ring *ring, const struct hint_cursor *reader, const struct hint *hint);
// False when empty. *overflowed is set (never cleared) when hints were lost or the cursor was off
// (restart of either side): sweep then. `ring` is the other process's memory: hostile.
bool hint_pop(const struct hint_ring *ring, struct hint_cursor *cursor, struct hint *out,
	bool *overflowed);

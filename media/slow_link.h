// slow_link.h - what a lane and the slow thread hand each other: records in two rings.
//
// The lane stays the only one that reads and sends packets of its flows: STUN and DTLS are copied
// up to the slow thread, what it wants sent comes down as bytes. Full rings lose, counted: those
// who sent will send again.
#pragma once

#include "base/addr.h"
#include "base/ring.h"

#include <stdatomic.h>
#include <stdint.h>

#define SLOW_RING_BYTES	   (256u << 10)
#define SLOW_DATAGRAM_MAX  1500u // bytes of UDP payload; longer ones are no handshake
#define SLOW_PER_TURN	   32u	 // records that a lane takes at a time

// Up. Without bytes: the leg's record is new or another one.
struct slow_arrival {
	uint64_t incarnation; // of the flow that it came for
	struct addr source;
	uint16_t address, port; // own, that it came to
	uint16_t len;
	uint8_t data[];
};

// Down. Without bytes: signaling shall hear that there is a new result (HINT_SECURE).
struct slow_departure {
	uint64_t incarnation;
	struct addr to;
	uint16_t address, port; // own, that it leaves from
	uint16_t len;
	uint8_t data[];
};

// Of one lane. Writers: `up` the lane, `down` the slow thread.
struct slow_link {
	struct ring *up, *down;
};

struct lane;
struct flow_cfg;

// divert.c, on the lane ---------------------------------------------------------------------------

// Tells the slow thread of a record with ICE or DTLS. Lost when the ring is full: it sweeps.
void slow_link_tell(struct lane *lane, const struct flow_cfg *cfg);

// depart.c, on the lane: sends what has come down, between bursts. Returns how many records.
uint32_t depart_run(struct lane *lane);

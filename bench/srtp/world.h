// world.h - calls between a plain leg and one with SRTP, in memory of our own, and their packets.
//
// Call c has port 2 * c on media address 0 (plain) and on 1 (SRTP); on addresses 2 and 3 the same
// calls are plain on both sides. The crypto device is one of DPDK's; there is no network device:
// what is sent is kept for the next burst.
#pragma once

#include "proto/srtp.h"
#include "srtp.h"

#include <stdbool.h>
#include <stdint.h>

#define WORLD_CALLS_MAX	  10000u
#define WORLD_BURST	  32u
#define WORLD_RTP_BYTES	  172u // G.711, 20 ms

struct world;

// Dies when memory or crypto device are missing.
struct world *world_new(void);
const char *world_driver(const struct world *world);

// `calls` calls with that suite, from now on; nothing else.
void world_fill(struct world *world, uint32_t calls, enum srtp_suite suite);

// The next burst of RTP, one packet of each of WORLD_BURST calls in turn, through the whole
// pipeline; `is_srtp`: to the leg with SRTP. TSC cycles of the pipeline for all of them.
uint64_t world_forward(struct world *world, bool is_srtp);
// What world_forward(world, true) has sent, sent back by the far end: SRTP to RTP.
uint64_t world_return(struct world *world);
// Packets that were dropped since world_fill().
uint64_t world_dropped(const struct world *world);

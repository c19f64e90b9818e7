// world.h - one signaling core between two realms, with the segment of both processes, and the
// calls that are put through it message by message.
//
// One thread, a false clock. Dies on anything unexpected: a figure of calls that went wrong is
// none.
#pragma once

#include "call/core.h"

#include <stdbool.h>
#include <stdint.h>

struct world;

struct world_params {
	uint32_t calls_max;
	uint32_t transactions_max;
};

struct world *world_new(const struct world_params *params);
void world_free(struct world *world);

// Sets one call up, from INVITE to ACK, with one audio stream; all four flows carry media, so that
// the forwarder's records of them are in use.
void world_call(struct world *world);
// Hangs up the call that was set up last, from the caller's side.
void world_hang_up(struct world *world);
void world_wait(struct world *world, uint32_t ms);
// From here on callgrind collects what the core does, and nothing else.
void world_count(struct world *world, bool is_counted);
// Makes every page of the segment resident, so that it does not count as what comes after.
void world_touch_segment(const struct world *world);

uint32_t world_calls(const struct world *world);        // alive
uint64_t world_transactions(const struct world *world); // alive, lingering ones included
uint64_t world_lingering(const struct world *world);
uint32_t world_invite_bytes(const struct world *world); // of an INVITE as it comes in

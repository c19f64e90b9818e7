// latch.h - what the stages before latch ask of it. Only on the lane that owns the flow.
#pragma once

#include "base/addr.h"

#include <stdbool.h>

struct burst;
struct lane;
struct packet;

struct addr latch_source(const struct packet *packet);
// Special or our own: nobody may send from there.
bool latch_is_bad_source(
	const struct lane *lane, const struct packet *packet, const struct addr *source);

// For a packet that belongs to another record than that of the port it came by: its source must be
// one that the port follows already, or the signaled one. False: dropped, counted.
bool latch_follow(struct lane *lane, const struct burst *burst, struct packet *packet);

// Whether it comes from the source that its flow has locked.
bool latch_is_locked_source(const struct packet *packet);

// Drops the packet, counted, when its flow has a locked source and this is another one, unless that
// one is silent and could be shown to have moved here. Changes nothing else, so that bytes which
// nobody vouches for yet may be asked about. True: dropped.
bool latch_drop_foreign(const struct burst *burst, struct packet *packet);

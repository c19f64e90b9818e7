// latch.h - what the stages before latch ask of it. Only on the lane that owns the flow.
#pragma once

#include "base/addr.h"

#include <stdbool.h>

struct lane;
struct packet;

struct addr latch_source(const struct packet *packet);
// Special or our own: nobody may send from there.
bool latch_is_bad_source(
	const struct lane *lane, const struct packet *packet, const struct addr *source);

// Drops the packet, counted, when its flow has a locked source and this is another one. Changes
// nothing else, so that bytes which nobody vouches for yet may be asked about. True: dropped.
bool latch_drop_foreign(struct packet *packet);

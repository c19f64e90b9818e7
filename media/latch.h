// latch.h - what the stage before latch asks of it. Only on the lane that owns the flow.
#pragma once

#include <stdbool.h>

struct packet;

// Drops the packet, counted, when its flow has a locked source and this is another one. Changes
// nothing else, so that bytes which nobody vouches for yet may be asked about. True: dropped.
bool latch_drop_foreign(struct packet *packet);

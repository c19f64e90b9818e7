// flow_sync.h - brings a port's struct flow_state in step with its published record, and reads
// records of the other process safely.
//
// Only on the lane that owns the port's shard. Slow path: at first sight of an incarnation or
// generation.
#pragma once

#include "shm/flow.h"

#include <stdbool.h>

struct lane;

// Copies the record in `slot` and checks the copy: checksum, ranges, and that it is the record of
// (address, port). The writer may be hostile: only the copy is used afterwards. False: refused.
bool flow_sync_copy(const struct lane *lane, uint32_t slot, uint16_t address, uint16_t port,
	struct flow_cfg *out);

// Resets the state at first sight of a new incarnation; a new generation keeps the latch unless the
// signaled remote changed. Returns the state.
struct flow_state *flow_sync_state(struct lane *lane, const struct flow_cfg *cfg);

// The state of another port of the same call (same incarnation), as it stands. NULL: none.
struct flow_state *flow_sync_neighbour(
	struct lane *lane, uint16_t address, uint16_t port, uint64_t incarnation);

// The latch that the lane itself wrote last.
struct flow_latch flow_sync_latch(const struct flow_state *state);
// Readers in the other process see the old latch or the new one, never a mixture.
void flow_sync_set_latch(struct flow_state *state, const struct flow_latch *latch);

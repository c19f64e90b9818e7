// lane_hints.h - what lanes and signaling tell each other, and the sweep for what got lost.
//
// On the lane's thread, between bursts, online (epoch.h).
#pragma once

#include "lane_run.h"

// Sends lane->events by the rings of their workers, and has the headers built that a new source
// concerns. A full ring loses hints: nothing depends on them.
void lane_hints_send(struct lane_runner *runner, const struct lane_attachment *attachment);

// Acts on what the workers sent, and sweeps: all flows at once after a start or lost hints, else
// one pass over the table in a second or more.
void lane_hints_take(struct lane_runner *runner, const struct lane_attachment *attachment,
	uint64_t now_ns);

// The whole table is to be looked at soon; runner->is_swept says when it was.
void lane_hints_sweep_all(struct lane_runner *runner);

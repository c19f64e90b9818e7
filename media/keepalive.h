// keepalive.h - what a silent far end is sent so that its NAT stays open (RFC 6263).
//
// Called by the lane's sweep, so an interval is kept to a second or two. A far end that sends, or
// that is sent something, keeps its NAT open without us.
#pragma once

#include <stdint.h>

struct flow_cfg;
struct lane;

// Sends one to the far end of the port if its record wants it, it is known where that is, and
// nothing has passed either way for the record's interval. `cfg` is the record itself, of this
// lane.
void keepalive_run(struct lane *lane, const struct flow_cfg *cfg, uint64_t now_ns);

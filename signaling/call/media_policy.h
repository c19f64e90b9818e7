// media_policy.h - what realm and profiles say about the packets of one port: who may send, how
// fast, and how they leave.
//
// Pure, owner thread, for media.c.
#pragma once

#include "call/media.h"

// A port of a call: which of a stream's records on that side, 0 RTP, 1 RTCP.
struct media_place {
	uint32_t stream; // index
	enum call_side side;
	uint32_t which;
};

// Fills latch_mode, probation_packets, rate_pps_max, dscp and keepalive, and adds FLOW_ANCHOR to
// the flags. The other fields stay.
void media_policy_fill(const struct media *media, const struct config *config,
	const struct media_owner *owner, const struct media_place *place, struct flow_cfg *cfg);

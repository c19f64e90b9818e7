// anchor.h - streams whose SSRC, sequence and timestamps are ours, so that they go on when their
// source changes (a transfer, another early dialog) or begins anew.
//
// Called by rewrite, on the lane of the call, for packets whose header says so (is_anchored): a
// port with FLOW_ANCHOR, or one on which a source that restarted under one SSRC had to be given
// other sequence numbers, because under an SRTP key none may come twice. RTP leaves with the
// numbers of the stream; RTCP of both far ends is translated to match (anchor_rtcp.h). One stream
// for each port: what else runs there under other SSRCs passes as it is, unless the port has
// FLOW_ANCHOR, where each new SSRC is taken for the successor of the one before.
//
// The state lies in the port's struct flow_state, so it outlives muga-media.
#pragma once

#include "shm/flow.h"

#include <stdbool.h>
#include <stdint.h>

struct burst;
struct lane;
struct packet;

// Whether packets from `cfg`'s port to that of `peer` must be shown to anchor_packet(). Both are
// checked copies.
bool anchor_is_wanted(struct lane *lane, const struct flow_cfg *cfg, const struct flow_cfg *peer);

// Gives an RTP or RTCP packet the numbers with which it leaves. False: it does not; packet->reason
// says why, nothing is counted.
bool anchor_packet(struct lane *lane, const struct burst *burst, struct packet *packet);

// RTP that was to leave under a key is far behind `highest`, the last sequence sent under its SSRC.
// The second such packet in sequence gives those that follow other numbers.
void anchor_restart(struct lane *lane, const struct burst *burst, struct packet *packet,
	uint16_t highest);

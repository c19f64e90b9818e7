// rtcp_read.h - what RTCP says about a flow's far end beside loss and jitter: the round trip
// between us and it, and how it rates what it hears (RFC 3611).
//
// Only on the lane that owns the flow. The round trip needs no clock of others: a sender report
// that passes us is answered by the other side with its time and the delay since then (RFC 3550
// 6.4.1), so what lies between the two passings is known, half of the path at a time.
#pragma once

#include "proto/rtcp.h"

struct burst;
struct flow_state;
struct lane;
struct packet;

// One packet of an accepted compound. `state` is that of the flow's RTP port.
void rtcp_read(struct lane *lane, const struct burst *burst, const struct packet *packet,
	const struct flow_state *state, const struct rtcp_packet *rtcp);

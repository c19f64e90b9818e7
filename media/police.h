// police.h - how many packets a flow may receive, and whose come first when there are more.
//
// Called by the latch stage, after the source, for flows with READY_RATE. A sender who forges the
// source passes the latch; without the SSRC and the sequence of the stream that was there first he
// gets only what that stream leaves.
#pragma once

#include <stdbool.h>

struct burst;
struct packet;

// Takes the packet's token. False: dropped, counted; nothing that it says is remembered but where
// the first stream is.
bool police_accept(const struct burst *burst, struct packet *packet);

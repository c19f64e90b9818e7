// latency.h - how long the lanes hold packets, in media's file, for tools that know neither DPDK
// nor media/.
//
// Each lane has a row: a histogram for each media address, of packets that came to it and were sent
// on, by the cycles from their receive call to the end of the send call, one burst in eight; and a
// histogram of all its bursts, by the cycles that each took. What a packet waits in the queue of an
// interface is not in it: nobody stamps it there. They start anew with each media process.
#pragma once

#include "base/histogram.h"
#include "shm/segment.h"

// Media, before its lanes run: empties all rows. `hz` is the rate of the lanes' clock.
void shm_latency_start(const struct shm_map *media, uint64_t hz);
// Cycles per second; 0: no media process has said.
uint64_t shm_latency_hz(const struct shm_map *media);

// [geometry.addresses] of one lane < geometry.lanes, by media address. Writer: that lane.
struct histogram *shm_lane_latency(const struct shm_map *media, uint32_t lane);
// Of its bursts. Writer: that lane.
struct histogram *shm_lane_bursts(const struct shm_map *media, uint32_t lane);

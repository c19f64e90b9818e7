// recorder.h - the thread that writes recordings: packets from the lanes' rings, orders from
// signaling's file, results into media's.
//
// The main thread makes it before the lanes are launched, gives it the segment's files like the
// lanes, and ends it after them. It may wait for a disk as long as it likes: the rings are bounded,
// and lanes count what finds no room.
#pragma once

#include "config/config.h"
#include "lane_run.h"

struct recorder;
struct ring;

// For `lanes` lanes. `config` is borrowed. NULL: out of memory.
struct recorder *recorder_new(const struct config_recording *config, uint32_t lanes);
// Stops the thread if it runs, closes what is open.
void recorder_free(struct recorder *recorder); // NULL is fine
struct ring *recorder_ring(struct recorder *recorder, uint32_t lane);

int recorder_start(struct recorder *recorder); // 0 or -errno
// Gives it another attachment, or NULL, and waits until it works with that one. Files of orders
// that are not in it are closed.
void recorder_attach(struct recorder *recorder, const struct lane_attachment *attachment);

// One turn, for tests without the thread: orders, then packets. How many packets.
uint32_t recorder_turn(struct recorder *recorder, uint64_t now_ns);

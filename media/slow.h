// slow.h - the slow thread: everything of media that may wait a millisecond (ICE, DTLS).
//
// The main thread makes it before the lanes are launched, gives it the segment's files like the
// lanes, and ends it after them. It allocates: OpenSSL does.
#pragma once

#include "slow_table.h"

struct slow;

// NULL: out of memory, or OpenSSL refuses.
struct slow *slow_new(uint32_t lanes);
// Stops the thread if it runs.
void slow_free(struct slow *slow); // NULL is fine
// Of that lane, for lane->slow.
struct slow_link *slow_link_of(struct slow *slow, uint32_t lane);

// 0 or -errno.
int slow_start(struct slow *slow);
// Gives it another attachment, or NULL, and waits until it works with that one.
void slow_attach(struct slow *slow, const struct lane_attachment *attachment);

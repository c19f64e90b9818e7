// segments.h - the two files of the shared segment as the media process holds them.
//
// Main thread only; lanes see them through struct lane_attachment. Media's file is ours alone while
// we hold its lock, which is also what makes a second muga-media refuse.
#pragma once

#include "lane_run.h"

#include <sys/types.h>

struct segments {
	struct shm_map signaling; // read-only
	struct shm_map media;     // ours
	struct lane_attachment attachment;
	struct ready_header *headers;
	uint32_t headers_max;     // allocated: grows with a larger file only
	struct srtp_context *contexts;
	struct srtp_route *routes; // [headers_max]
	struct bundle *bundles;    // [keys_max]
	struct flow_tap *taps;     // [headers_max]
	uint32_t keys_max;         // contexts allocated, likewise
	dev_t device;             // of the signaling file that is mapped
	ino_t inode;
	bool is_open;
};

// Tries once. 0; -ENOENT, -EAGAIN: no signaling yet; -EPROTO: a file that is not ours to read;
// -EBUSY: another muga-media runs; -ERANGE: made for fewer lanes; other -errno.
int segments_open(struct segments *segments, const char *dir, uint32_t lanes);

// Whether signaling has put another file in the place of ours.
bool segments_are_stale(const struct segments *segments, const char *dir);

// Unmaps and gives up the lock. No lane may be attached. The headers stay for the next file.
void segments_close(struct segments *segments);
void segments_free(struct segments *segments);

// shard_lanes.h - which lane of media owns each media shard, in media's file: signaling sends its
// hints there (event.h).
//
// Media publishes the table once per start, before its lanes run. A hint that goes to the wrong
// lane, or to none because the table is not there yet, is merely lost: lanes sweep when they start.
#pragma once

#include "shm/segment.h"

// writer: media. lane_of[shard] < SHM_LANE_MAX.
void shm_shard_lanes_publish(
	const struct shm_map *media, const uint8_t lane_of[SHM_MEDIA_SHARDS]);

// The lane of `shard` < SHM_MEDIA_SHARDS. SHM_LANE_MAX: not known, or the table lies.
uint32_t shm_shard_lane(const struct shm_map *media, uint32_t shard);

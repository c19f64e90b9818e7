// lane_counters.h - what lanes count, in media's file, for tools that know neither DPDK nor media/.
//
// Media names the counters once before its file is ready; each lane then copies its values there a
// few times a second. They start anew with each media process.
#pragma once

#include "shm/segment.h"

#define SHM_COUNTERS_MAX 96u

// writer: media. Readers: tools; names are hostile text there (always cut at SHM_NAME_MAX - 1).
struct shm_counters {
	_Atomic uint32_t count; // names in use; release-stored after them
	_Atomic uint32_t lanes; // lanes that write values
	char names[SHM_COUNTERS_MAX][SHM_NAME_MAX];
	alignas(64) _Atomic uint64_t values[SHM_LANE_MAX][SHM_COUNTERS_MAX];
};
_Static_assert(sizeof(struct shm_counters) % 64 == 0, "whole lines");

struct shm_counters *shm_counters(const struct shm_map *media);

// Media, before the lanes start. -ENOSPC: more than SHM_COUNTERS_MAX; -EINVAL: too many lanes.
int shm_counters_name(const struct shm_map *media, const char *const *names, uint32_t count,
	uint32_t lanes);
// [SHM_COUNTERS_MAX] of one lane < SHM_LANE_MAX. Writer: that lane.
_Atomic uint64_t *shm_lane_counters(const struct shm_map *media, uint32_t lane);

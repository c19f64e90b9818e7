#include "shm/lane_counters.h"

#include "shm/layout.h"

#include <errno.h>
#include <stdio.h>

struct shm_counters *shm_counters(const struct shm_map *media)
{
	return &((struct shm_media *)media->base)->counters;
}

int shm_counters_name(const struct shm_map *media, const char *const *names, uint32_t count,
	uint32_t lanes)
{
	struct shm_counters *counters = shm_counters(media);

	if (count > SHM_COUNTERS_MAX)
		return -ENOSPC;
	if (lanes > SHM_LANE_MAX)
		return -EINVAL;
	atomic_store_explicit(&counters->count, 0, memory_order_relaxed);
	for (uint32_t i = 0; i < count; i++)
		snprintf(counters->names[i], sizeof(counters->names[i]), "%s", names[i]);
	for (uint32_t lane = 0; lane < SHM_LANE_MAX; lane++)
		for (uint32_t i = 0; i < SHM_COUNTERS_MAX; i++)
			atomic_store_explicit(&counters->values[lane][i], 0, memory_order_relaxed);
	atomic_store_explicit(&counters->lanes, lanes, memory_order_relaxed);
	// release: a reader that sees the count sees the names
	atomic_store_explicit(&counters->count, count, memory_order_release);
	return 0;
}

_Atomic uint64_t *shm_lane_counters(const struct shm_map *media, uint32_t lane)
{
	return shm_counters(media)->values[lane];
}

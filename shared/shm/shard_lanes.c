#include "shm/shard_lanes.h"

#include "shm/layout.h"

#include "base/check.h"

void shm_shard_lanes_publish(const struct shm_map *media, const uint8_t lane_of[SHM_MEDIA_SHARDS])
{
	struct shm_media *file = media->base;

	for (uint32_t shard = 0; shard < SHM_MEDIA_SHARDS; shard++) {
		CHECK(lane_of[shard] < SHM_LANE_MAX);
		atomic_store_explicit(&file->shard_lanes[shard], (uint8_t)(lane_of[shard] + 1),
			memory_order_relaxed);
	}
}

uint32_t shm_shard_lane(const struct shm_map *media, uint32_t shard)
{
	const struct shm_media *file = media->base;

	CHECK(shard < SHM_MEDIA_SHARDS);
	uint32_t stored = atomic_load_explicit(&file->shard_lanes[shard], memory_order_relaxed);
	return stored == 0 || stored > media->geometry.lanes ? SHM_LANE_MAX : stored - 1;
}

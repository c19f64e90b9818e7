#include "shm/latency.h"

#include "base/check.h"
#include "shm/layout.h"

static uint32_t row_length(const struct shm_map *media)
{
	return media->geometry.addresses + 1;
}

struct histogram *shm_lane_latency(const struct shm_map *media, uint32_t lane)
{
	struct shm_media_layout layout;

	CHECK(lane < media->geometry.lanes);
	shm_media_layout(&media->geometry, &layout);
	return (struct histogram *)((char *)media->base + layout.latency) +
		(size_t)lane * row_length(media);
}

struct histogram *shm_lane_bursts(const struct shm_map *media, uint32_t lane)
{
	return shm_lane_latency(media, lane) + media->geometry.addresses;
}

void shm_latency_start(const struct shm_map *media, uint64_t hz)
{
	struct shm_media *file = media->base;
	struct histogram *all = shm_lane_latency(media, 0);
	uint32_t count = media->geometry.lanes * row_length(media);

	for (uint32_t i = 0; i < count; i++)
		for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++)
			atomic_store_explicit(&all[i].buckets[bucket], 0, memory_order_relaxed);
	// release: a reader that sees the rate sees no count of an earlier process
	atomic_store_explicit(&file->clock_hz, hz, memory_order_release);
}

uint64_t shm_latency_hz(const struct shm_map *media)
{
	return atomic_load_explicit(&((struct shm_media *)media->base)->clock_hz,
		memory_order_acquire);
}

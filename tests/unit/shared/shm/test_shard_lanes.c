#include "fixture.h"
#include "shm/layout.h"
#include "shm/shard_lanes.h"

static void test_published_table(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 1, 256);
	uint8_t lane_of[SHM_MEDIA_SHARDS];
	for (uint32_t shard = 0; shard < SHM_MEDIA_SHARDS; shard++) {
		assert_int_equal(shm_shard_lane(&f.media, shard), SHM_LANE_MAX);
		lane_of[shard] = shard & 1;
	}
	shm_shard_lanes_publish(&f.media, lane_of);
	for (uint32_t shard = 0; shard < SHM_MEDIA_SHARDS; shard++)
		assert_int_equal(shm_shard_lane(&f.media, shard), shard & 1);
	fixture_end(&f);
}

// Media's file is the other process's: any byte may stand there.
static void test_lies(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 1, 256); // two lanes
	struct shm_media *file = f.media.base;
	for (uint32_t byte = 0; byte <= UINT8_MAX; byte++) {
		atomic_store(&file->shard_lanes[9], (uint8_t)byte);
		uint32_t lane = shm_shard_lane(&f.media, 9);
		assert_int_equal(lane, byte == 1 || byte == 2 ? byte - 1 : SHM_LANE_MAX);
		assert_int_equal(
			shm_hint_ring(&f.signaling, 0, lane) != NULL, lane != SHM_LANE_MAX);
	}
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_table),
		cmocka_unit_test(test_lies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

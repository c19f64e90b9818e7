// Attaching to signaling's file, following it to another one, telemetry names in media's file.
#include "segments.h"

#include "shm/shard_lanes.h"
#include "telemetry.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/segments-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static void path_of(const char *name, char *buf, size_t bytes)
{
	snprintf(buf, bytes, "%s/%s", folder, name);
}

static int teardown(void **state)
{
	static const char *const names[] = { "signaling.seg", "media.seg" };
	char path[128];

	(void)state;
	for (int i = 0; i < 2; i++) {
		path_of(names[i], path, sizeof(path));
		unlink(path);
	}
	return rmdir(folder);
}

static void signaling_make(struct shm_map *map, uint32_t flows, uint32_t lanes)
{
	struct shm_geometry geometry = { .addresses = 1, .flows = flows, .workers = 1,
		.lanes = lanes };

	assert_int_equal(shm_signaling_create(folder, &geometry, map), 0);
}

static void test_open(void **state)
{
	struct segments segments = { 0 }, second = { 0 };
	struct shm_map map;

	(void)state;
	assert_int_equal(segments_open(&segments, folder, 1), -ENOENT);
	signaling_make(&map, 256, 2);
	assert_int_equal(segments_open(&segments, folder, 3), -ERANGE);
	assert_int_equal(segments_open(&segments, folder, 2), 0);
	assert_int_equal(segments_open(&second, folder, 2), -EBUSY); // one muga-media at a time
	assert_int_equal(segments.headers_max, 256);
	assert_int_equal(segments.attachment.view.flows, 256);
	assert_ptr_equal(segments.attachment.headers, segments.headers);
	for (uint32_t shard = 0; shard < SHM_MEDIA_SHARDS; shard++)
		assert_int_equal(shm_shard_lane(&segments.media, shard), lane_of_shard(shard, 2));
	assert_false(segments_are_stale(&segments, folder));
	segments_free(&segments);
	segments_free(&second);
	shm_close(&map);
}

// Signaling comes back with a larger file: seen as stale, attached anew, headers grow and never
// shrink.
static void test_reattach(void **state)
{
	struct segments segments = { 0 };
	struct shm_map map;
	char path[128];

	(void)state;
	signaling_make(&map, 256, 1);
	assert_int_equal(segments_open(&segments, folder, 1), 0);
	shm_close(&map);
	assert_false(segments_are_stale(&segments, folder)); // signaling is down, its file serves
	path_of("signaling.seg", path, sizeof(path));
	unlink(path);
	assert_false(segments_are_stale(&segments, folder)); // until there is another one
	signaling_make(&map, 1024, 1);
	assert_true(segments_are_stale(&segments, folder));
	segments_close(&segments);
	segments_close(&segments); // closed once
	assert_int_equal(segments_open(&segments, folder, 1), 0);
	assert_int_equal(segments.headers_max, 1024);
	assert_int_equal(segments.attachment.view.flows, 1024);
	segments_free(&segments);
	shm_close(&map);
}

static void test_telemetry(void **state)
{
	static struct lane_runner runner;
	struct segments segments = { 0 };
	struct shm_counters *counters;
	struct shm_map map;
	const char *names[SHM_COUNTERS_MAX];
	uint32_t count = telemetry_names(names), drops = 0;

	(void)state;
	signaling_make(&map, 256, 2);
	assert_int_equal(segments_open(&segments, folder, 2), 0);
	counters = shm_counters(&segments.media);
	assert_int_equal(counters->count, count);
	assert_int_equal(counters->lanes, 2);
	atomic_store(&runner.lane.counters.received, 11);
	atomic_store(&runner.loop.sleeps, 12);
	for (uint32_t reason = 1; reason < DROP_REASON_COUNT; reason++)
		atomic_store(&runner.lane.counters.dropped[reason], 100 + reason);
	telemetry_publish(&runner, shm_lane_counters(&segments.media, 1));
	for (uint32_t i = 0; i < count; i++) {
		uint64_t value = counters->values[1][i];

		assert_string_equal(counters->names[i], names[i]);
		assert_int_equal(counters->values[0][i], 0);
		if (!strcmp(names[i], "received"))
			assert_int_equal(value, 11);
		if (!strcmp(names[i], "sleeps"))
			assert_int_equal(value, 12);
		if (strncmp(names[i], "dropped_", 8) != 0)
			continue;
		drops++;
		assert_int_equal(value, 100 + drops);
		assert_string_equal(names[i] + 8, drop_reason_name(drops));
	}
	assert_int_equal(drops, DROP_REASON_COUNT - 1);
	segments_free(&segments);
	shm_close(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reattach, setup, teardown),
		cmocka_unit_test_setup_teardown(test_telemetry, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// show cores: two looks at the lanes, an interval apart.
#include "files.h"

#include "capture.h"

#include <pthread.h>
#include <time.h>

// Between the two looks lane 1 makes 1,000 bursts of 1,000 ns each, one of 50,000.
static void *work(void *context)
{
	static const struct timespec pause = { .tv_nsec = 100 * NS_PER_MS };
	(void)context;
	nanosleep(&pause, NULL);
	histogram_add(shm_lane_bursts(&files.media, 1), 1000, 999);
	histogram_add(shm_lane_bursts(&files.media, 1), 50000, 1);
	return NULL;
}

static void test_interval(void **state)
{
	struct cli cli = files_cli();
	pthread_t thread;
	(void)state;
	cli.interval_ms = 500;
	shm_latency_start(&files.media, 1000000000);
	histogram_add(shm_lane_bursts(&files.media, 1), 8000, 100000); // before
	assert_int_equal(pthread_create(&thread, NULL, work, NULL), 0);
	json_t *value = capture_json(show_cores_run, &cli, CLI_OK);
	pthread_join(thread, NULL);
	assert_int_equal(json_array_size(json_at(value, "lanes")), 2);
	assert_true(json_real_value(json_at(value, "lanes.0.bursts_per_s")) == 0);
	assert_true(json_real_value(json_at(value, "lanes.1.bursts_per_s")) > 0);
	assert_true(json_real_value(json_at(value, "lanes.1.burst_p50_ns")) == 1023);
	assert_true(json_real_value(json_at(value, "lanes.1.burst_p999_ns")) == 57343);
	assert_true(json_real_value(json_at(value, "lanes.1.burst_max_ns")) == 57343);
	json_decref(value);
}

static void test_text(void **state)
{
	struct cli cli = files_cli();
	(void)state;
	assert_int_equal(capture_verb(show_cores_run, &cli), CLI_OK);
	assert_non_null(strstr(captured.out,
		"LANE  BUSY  PACKETS/S  BURSTS/S  BURST P50 US  P99  P99.9  MAX\n"
		"   0  0.0%          0         0             -    -      -    -\n"));
	files_orphan();
	unlink(files_path("media.seg"));
	assert_int_equal(capture_verb(show_cores_run, &cli), CLI_OK);
	assert_string_equal(captured.out, "no lanes: muga-media has not run yet\n");
	unlink(files_path("signaling.seg"));
	assert_int_equal(capture_verb(show_cores_run, &cli), CLI_FAILED);
}

int main(void)
{
#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, files_open, files_close)
	const struct CMUnitTest tests[] = {
		WITH_FILES(test_interval),
		WITH_FILES(test_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// show media: what was carried for each address, and what the lanes counted.
#include "files.h"

#include "capture.h"

// 1,000 packets of address 0 by either lane, held for 2 us of a clock of 1 GHz, one of them for 90.
static void count_latency(void)
{
	shm_latency_start(&files.media, 1000000000);
	histogram_add(&shm_lane_latency(&files.media, 0)[0], 2000, 999);
	histogram_add(&shm_lane_latency(&files.media, 1)[0], 2000, 1000);
	histogram_add(&shm_lane_latency(&files.media, 1)[0], 90000, 1);
}

static void test_text(void **state)
{
	struct cli cli = files_cli();
	(void)state;
	files_count();
	count_latency();
	assert_int_equal(capture_verb(show_media_run, &cli), CLI_OK);
	assert_non_null(strstr(captured.out,
		"REALM   ADDRESS    SAMPLES  HELD P50 US  P99  P99.9   MAX\n"
		"access  127.0.0.1     2000          2.0  2.0    2.0  98.3\n"
		"core    127.0.0.2        0            -    -      -     -\n"));
	assert_non_null(strstr(captured.out, "\nLANE  COUNTER      VALUE\n"
		"1     received      1000\n1     forwarded      900\n"
		"1     drop_source     60\n1     drop_rate       40\n"));
}

static void test_json(void **state)
{
	struct cli cli = files_cli();
	(void)state;
	files_count();
	count_latency();
	json_t *value = capture_json(show_media_run, &cli, CLI_OK);
	assert_int_equal(json_array_size(json_at(value, "addresses")), 2);
	assert_string_equal(json_string_value(json_at(value, "addresses.1.realm")), "core");
	assert_int_equal(json_integer_value(json_at(value, "addresses.0.samples")), 2000);
	assert_true(json_real_value(json_at(value, "addresses.0.held_max_ns")) == 98303);
	assert_true(json_real_value(json_at(value, "addresses.0.held_p99_ns")) == 2047);
	assert_int_equal(json_array_size(json_at(value, "lanes")), 2);
	assert_int_equal(json_integer_value(json_at(value, "lanes.1.drop_source")), 60);
	json_decref(value);
}

// Names that are no UTF-8, counts that overflow.
static void test_hostile(void **state)
{
	struct cli cli = files_cli();
	(void)state;
	files_count();
	memset(shm_addresses(&files.signaling)[0].realm, 0xff, SHM_NAME_MAX);
	memset(shm_counters(&files.media)->names[0], 0x1b, SHM_NAME_MAX);
	memset(shm_counters(&files.media)->names[1], 0xfe, SHM_NAME_MAX);
	memset(shm_lane_latency(&files.media, 0), 0xff, sizeof(struct histogram));
	assert_int_equal(capture_verb(show_media_run, &cli), CLI_OK);
	assert_null(strchr(captured.out, 0x1b));
	assert_null(strchr(captured.out, '\xff'));
	json_t *value = capture_json(show_media_run, &cli, CLI_OK);
	assert_true(json_is_null(json_at(value, "addresses.0.realm")));
	json_decref(value);
}

static void test_without_media(void **state)
{
	struct cli cli = files_cli();
	(void)state;
	files_orphan();
	unlink(files_path("media.seg"));
	assert_int_equal(capture_verb(show_media_run, &cli), CLI_OK);
	assert_non_null(strstr(captured.out, "\nmuga-media has not run yet: no counters\n"));
	json_t *value = capture_json(show_media_run, &cli, CLI_OK);
	assert_int_equal(json_array_size(json_at(value, "lanes")), 0);
	assert_int_equal(json_integer_value(json_at(value, "addresses.0.samples")), 0);
	json_decref(value);
	unlink(files_path("signaling.seg"));
	assert_int_equal(capture_verb(show_media_run, &cli), CLI_FAILED);
	assert_string_equal(captured.out, "");
}

int main(void)
{
#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, files_open, files_close)
	const struct CMUnitTest tests[] = {
		WITH_FILES(test_text),
		WITH_FILES(test_json),
		WITH_FILES(test_hostile),
		WITH_FILES(test_without_media),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

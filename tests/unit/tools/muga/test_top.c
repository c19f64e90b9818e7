// top: one sample as JSON, screens as text, with either side missing.
#include "capture.h"
#include "files.h"
#include "server.h"

static int open_both(void **state)
{
	return server_open(state) || files_open(state) ? -1 : 0;
}

static int close_both(void **state)
{
	int rc = files_close(state);
	return server_close(state) || rc ? -1 : 0;
}

static struct cli top_cli(void)
{
	struct cli cli = server_cli();
	snprintf(cli.shm_dir, sizeof(cli.shm_dir), "%s", files.dir);
	cli.count = 1;
	server.body = "{\"core\": {\"calls\": 3, \"calls_started\": 10, \"calls_answered\": 8, "
		"\"refused\": 2}}";
	server.next_body = "{\"core\": {\"calls\": 4, \"calls_started\": 20, "
		"\"calls_answered\": 8, \"refused\": 1}}";
	files_count();
	return cli;
}

static void test_json(void **state)
{
	struct cli cli = top_cli();
	(void)state;
	json_t *value = capture_json(top_run, &cli, CLI_OK);
	assert_int_equal(server.answers, 2);
	assert_int_equal(json_integer_value(json_at(value, "calls.active")), 4);
	// Ten more in one interval of 20 ms or longer.
	double started = json_real_value(json_at(value, "calls.started_per_s"));
	assert_true(started > 1 && started <= 500);
	assert_true(json_real_value(json_at(value, "calls.answered_per_s")) == 0);
	// Backwards is a restart, no rate.
	assert_true(json_real_value(json_at(value, "calls.refused_per_s")) == 0);
	assert_int_equal(json_integer_value(json_at(value, "ports.used")), 4);
	assert_int_equal(json_integer_value(json_at(value, "ports.total")), 768);
	assert_int_equal(json_array_size(json_at(value, "lanes")), 2);
	assert_int_equal(json_integer_value(json_at(value, "lanes.1.received")), 1000);
	assert_int_equal(json_integer_value(json_at(value, "lanes.1.forwarded")), 900);
	assert_int_equal(json_integer_value(json_at(value, "lanes.1.dropped")), 100);
	assert_int_equal(json_integer_value(json_at(value, "drops.drop_rate")), 40);
	assert_int_equal(json_object_size(json_at(value, "drops")), 2);
	json_decref(value);
}

static void test_text(void **state)
{
	struct cli cli = top_cli();
	(void)state;
	cli.count = 2;
	assert_int_equal(capture_verb(top_run, &cli), CLI_OK);
	assert_int_equal(server.answers, 3);
	assert_ptr_equal(
		strstr(captured.out, "muga " MUGA_VERSION "\ncalls    4 active   "), captured.out);
	assert_non_null(strstr(captured.out, "\nports    4 of 768 used\n"));
	assert_non_null(strstr(captured.out, "\nDROP REASON  PER S  TOTAL\n"
		"drop_source      0     60\ndrop_rate        0     40\n"));
	// No terminal, no clearing of the screen.
	assert_null(strchr(captured.out, '\033'));
}

static void test_nobody_there(void **state)
{
	struct cli cli = { .count = 1, .interval_ms = 1, .run_dir = "/nonexistent",
		.shm_dir = "/nonexistent/shm" };
	(void)state;
	assert_int_equal(capture_verb(top_run, &cli), CLI_OK);
	assert_non_null(strstr(captured.out, "calls    muga-signaling does not answer\n"
		"ports    0 of 0 used\n\nno lanes: muga-media has not run yet\n\n"
		"nothing was dropped\n"));
	json_t *value = capture_json(top_run, &cli, CLI_OK);
	assert_true(json_is_null(json_at(value, "calls")));
	assert_int_equal(json_array_size(json_at(value, "lanes")), 0);
	assert_string_equal(captured.err, "");
	json_decref(value);
}

static void test_hostile(void **state)
{
	struct cli cli = top_cli();
	(void)state;
	server.body = server.next_body = "{\"core\": [\"calls\"]}";
	struct shm_counters *counters = shm_counters(&files.media);
	memset(counters->names, 0xfd, sizeof(counters->names));
	memcpy(counters->names[0], "drop\xff\xff", 6);
	counters->count = counters->lanes = UINT32_MAX;
	json_t *value = capture_json(top_run, &cli, CLI_OK);
	assert_int_equal(json_integer_value(json_at(value, "calls.active")), 0);
	assert_int_equal(json_array_size(json_at(value, "lanes")), SHM_LANE_MAX);
	assert_int_equal(json_object_size(json_at(value, "drops")), 0);
	json_decref(value);
	assert_int_equal(capture_verb(top_run, &cli), CLI_OK);
	assert_null(strchr(captured.out, '\xff'));
}

int main(void)
{
#define WITH_BOTH(test) cmocka_unit_test_setup_teardown(test, open_both, close_both)
	const struct CMUnitTest tests[] = {
		WITH_BOTH(test_json),
		WITH_BOTH(test_text),
		WITH_BOTH(test_hostile),
		cmocka_unit_test(test_nobody_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// shmdump: of living writers, of dead ones, and of what is left of a file.
#include "files.h"

#include "capture.h"

static void test_living(void **state)
{
	struct cli cli = files_cli();
	(void)state;
	files_count();
	assert_int_equal(capture_verb(shmdump_run, &cli), CLI_OK);
	assert_non_null(strstr(captured.out, "/signaling.seg\nfile                 signaling\n"));
	assert_non_null(strstr(captured.out, "\nwriter_is_alive      true\n"));
	assert_non_null(strstr(captured.out, "\nflows_live           4\n"));
	assert_non_null(strstr(captured.out, " call=000000000000feed leg=1 "));
	assert_non_null(strstr(captured.out, "/media.seg\nfile                 media\n"));
	json_t *value = capture_json(shmdump_run, &cli, CLI_OK);
	assert_true(json_is_true(json_at(value, "signaling.writer_is_alive")));
	assert_int_equal(json_integer_value(json_at(value, "signaling.flows_live")), 4);
	assert_int_equal(json_array_size(json_at(value, "signaling.flows")), 4);
	assert_string_equal(json_string_value(json_at(value, "signaling.addresses.1.realm")),
		"core");
	assert_int_equal(json_integer_value(json_at(value, "media.states_touched")), 1);
	assert_string_equal(json_string_value(json_at(value, "media.states.0.source")),
		"198.51.100.7:4010");
	json_decref(value);
}

static void test_dead(void **state)
{
	char *words[] = { files.dir };
	struct cli cli = { .words = words, .word_count = 1 };
	(void)state;
	files_orphan();
	json_t *value = capture_json(shmdump_run, &cli, CLI_OK);
	assert_true(json_is_false(json_at(value, "signaling.writer_is_alive")));
	assert_int_equal(json_integer_value(json_at(value, "signaling.flows_live")), 4);
	json_decref(value);
	unlink(files_path("media.seg"));
	assert_int_equal(capture_verb(shmdump_run, &cli), CLI_OK);
	assert_non_null(
		strstr(captured.out, "/media.seg\nthere is none: muga-media has not run\n"));
	value = capture_json(shmdump_run, &cli, CLI_OK);
	assert_true(json_is_null(json_at(value, "media")));
	json_decref(value);
}

// Every length that a file may have been cut to: said, counted, never a fault, always JSON.
static void test_torn(void **state)
{
	struct cli cli = files_cli();
	struct stat st;
	(void)state;
	files_orphan();
	assert_int_equal(stat(files_path("signaling.seg"), &st), 0);
	for (off_t len = st.st_size; len > 0; len /= 3) {
		assert_int_equal(truncate(files_path("signaling.seg"), len), 0);
		int status = capture_verb(shmdump_run, &cli);
		assert_in_range(status, CLI_OK, CLI_FAILED);
		json_decref(capture_json(shmdump_run, &cli, status));
		if (len < 100)
			assert_int_equal(status, CLI_FAILED);
	}
	assert_non_null(strstr(captured.err,
		"/signaling.seg: not a segment file of this version\n"));
}

static void test_scribbled(void **state)
{
	static uint8_t noise[1u << 16];
	uint32_t seed = 1;
	struct cli cli = files_cli();
	(void)state;
	files_orphan();
	for (int round = 0; round < 8; round++) {
		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
		// Behind the header, so that what follows is believed to be ours.
		off_t offset = (off_t)sizeof(struct shm_header) + round * 40000;
		files_scribble("signaling.seg", offset, noise, sizeof(noise));
		files_scribble("media.seg", offset, noise, sizeof(noise));
		int status = capture_verb(shmdump_run, &cli);
		assert_int_equal(status, CLI_OK);
		json_t *value = capture_json(shmdump_run, &cli, CLI_OK);
		assert_int_equal(json_array_size(json_at(value, "signaling.addresses")), 2);
		json_decref(value);
	}
}

static void test_no_files(void **state)
{
	struct cli cli = { .shm_dir = "/nonexistent" };
	(void)state;
	assert_int_equal(capture_verb(shmdump_run, &cli), CLI_FAILED);
	assert_non_null(strstr(captured.err,
		"muga: /nonexistent/signaling.seg: No such file or directory\n"));
	json_t *value = capture_json(shmdump_run, &cli, CLI_FAILED);
	assert_true(json_is_null(json_at(value, "signaling")));
	json_decref(value);
}

int main(void)
{
#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, files_open, files_close)
	const struct CMUnitTest tests[] = {
		WITH_FILES(test_living),
		WITH_FILES(test_dead),
		WITH_FILES(test_torn),
		WITH_FILES(test_scribbled),
		cmocka_unit_test(test_no_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Options and the directories that follow from them.
#include "capture.h"

#include <getopt.h>

#define WORDS_MAX 8

static struct cli_choices choices;
static struct cli parsed;
static int rc;

// Parses "a b c"; what is printed is in `captured`.
static int parse(const char *line)
{
	static char text[200];
	static char *argv[WORDS_MAX + 1];
	int argc = 0, kept[4];
	snprintf(text, sizeof(text), "%s", line);
	for (char *at = text, *word; argc < WORDS_MAX && (word = strsep(&at, " ")) != NULL;)
		argv[argc++] = word;
	argv[argc] = NULL;
	optind = 0; // getopt() starts anew
	capture_begin(kept);
	rc = options_parse(argc, argv, &choices, &parsed);
	if (rc == CLI_OK)
		rc = options_dirs(&choices, &parsed);
	capture_end(kept);
	return rc;
}

static void test_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse("muga show calls"), CLI_OK);
	assert_int_equal(optind, 1);
	assert_false(parsed.is_json || parsed.is_ended || choices.is_help);
	assert_int_equal(parsed.limit, 1000);
	assert_int_equal(parsed.interval_ms, 1000);
	assert_int_equal(parsed.count, 0);
	assert_int_equal(parsed.quarantine_ms, 5000);
	assert_string_equal(parsed.run_dir, "/run/muga");
	assert_string_equal(parsed.shm_dir, "/run/muga/shm");
}

static void test_options(void **state)
{
	(void)state;
	assert_int_equal(parse("muga show --json calls --ended --limit 7"), CLI_OK);
	assert_true(parsed.is_json && parsed.is_ended);
	assert_int_equal(parsed.limit, 7);
	assert_int_equal(parse("muga top --interval 250 --count 3 --run-dir /x"), CLI_OK);
	assert_int_equal(parsed.interval_ms, 250);
	assert_int_equal(parsed.count, 3);
	assert_string_equal(parsed.run_dir, "/x");
	assert_string_equal(parsed.shm_dir, "/x/shm");
	assert_int_equal(parse("muga --run-dir /x --shm-dir /y top"), CLI_OK);
	assert_string_equal(parsed.shm_dir, "/y");
	assert_int_equal(parse("muga record start x --decrypted --file y"), CLI_OK);
	assert_true(parsed.is_decrypted);
	assert_string_equal(parsed.file, "y");
	assert_int_equal(parse("muga -h"), CLI_OK);
	assert_true(choices.is_help);
}

static void test_refused(void **state)
{
	static const struct {
		const char *line, *message;
	} cases[] = {
		{ "muga --limit x", "\"x\" is not a number from 0 to 20000" },
		{ "muga --limit 20001", "\"20001\" is not a number from 0 to 20000" },
		{ "muga --limit -1", "\"-1\" is not a number" },
		{ "muga --limit ", "\"\" is not a number" },
		{ "muga --interval 3600001", "is not a number from 0 to 3600000" },
		{ "muga --count 4294967296", "is not a number from 0 to 4294967295" },
		{ "muga --colour", "unrecognized option '--colour'" },
		{ "muga --config", "option '--config' requires an argument" },
		{ "muga --json=1", "doesn't allow an argument" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(parse(cases[i].line), CLI_USAGE);
		if (!strstr(captured.err, cases[i].message))
			fail_msg("%s: %s", cases[i].line, captured.err);
	}
}

static void test_path_too_long(void **state)
{
	static char dir[PATH_MAX + 10];
	char *argv[] = { "muga", "--run-dir", dir, NULL };
	int kept[4];
	(void)state;
	for (size_t len = PATH_MAX - 5; len < PATH_MAX + 5; len++) {
		memset(dir, 'x', len);
		dir[len] = '\0';
		optind = 0;
		capture_begin(kept);
		assert_int_equal(options_parse(3, argv, &choices, &parsed), CLI_OK);
		rc = options_dirs(&choices, &parsed);
		capture_end(kept);
		// "/shm" and the end of the string need five.
		assert_int_equal(rc, CLI_USAGE + (len < PATH_MAX - 4 ? -CLI_USAGE : 0));
	}
}

static void test_config(void **state)
{
	char path[] = "/tmp/muga-test-options-XXXXXX", line[200];
	static const char good[] = "version: 1\nnode: {run_dir: /r, shm_dir: /s}\n"
		"limits: {quarantine: 9s}\n"
		"realms: {a: {sip: [{udp: 192.0.2.1}], media: {addresses: [192.0.2.8]}}}\n";
	(void)state;
	int fd = mkstemp(path);
	assert_int_equal(write(fd, good, sizeof(good) - 1), sizeof(good) - 1);
	snprintf(line, sizeof(line), "muga --config %s", path);
	assert_int_equal(parse(line), CLI_OK);
	assert_string_equal(parsed.run_dir, "/r");
	assert_string_equal(parsed.shm_dir, "/s");
	assert_int_equal(parsed.quarantine_ms, 9000);
	// An option goes before the file; the segment follows the run directory then.
	snprintf(line, sizeof(line), "muga --run-dir /x --config %s", path);
	assert_int_equal(parse(line), CLI_OK);
	assert_string_equal(parsed.run_dir, "/x");
	assert_string_equal(parsed.shm_dir, "/x/shm");
	setenv("MUGA_CONFIG", path, 1);
	assert_int_equal(parse("muga --shm-dir /y"), CLI_OK);
	assert_string_equal(parsed.run_dir, "/r");
	assert_string_equal(parsed.shm_dir, "/y");
	assert_int_equal(ftruncate(fd, 10), 0);
	assert_int_equal(parse("muga"), CLI_FAILED);
	assert_non_null(strstr(captured.err, ": the key 'realms' is missing\n"));
	close(fd);
	unlink(path);
	assert_int_equal(parse("muga"), CLI_FAILED);
	assert_non_null(strstr(captured.err, ": No such file or directory\n"));
	unsetenv("MUGA_CONFIG");
}

int main(void)
{
	unsetenv("MUGA_CONFIG");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_path_too_long),
		cmocka_unit_test(test_config),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

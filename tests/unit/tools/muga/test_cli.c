// The verbs by name, as the whole program answers.
#include "capture.h"

#include <getopt.h>

static int run(int argc, char **argv)
{
	int kept[4];
	optind = 0; // getopt() starts anew
	capture_begin(kept);
	int status = cli_run(argc, argv);
	capture_end(kept);
	return status;
}

static void test_usage(void **state)
{
	static const struct {
		int argc;
		char *argv[5];
		int status;
		const char *out, *err; // beginnings
	} cases[] = {
		{ 2, { "muga", "--help" }, CLI_OK, "usage: muga [options] VERB ...\n", "" },
		{ 3, { "muga", "show", "-h" }, CLI_OK, "usage: muga [options] VERB ...\n", "" },
		{ 1, { "muga" }, CLI_USAGE, "", "usage: muga [options] VERB ...\n" },
		{ 2, { "muga", "shw" }, CLI_USAGE, "",
		  "muga: no verb \"shw\"; 'muga --help' lists them\n" },
		{ 2, { "muga", "" }, CLI_USAGE, "", "muga: no verb \"\"" },
		{ 2, { "muga", "check" }, CLI_USAGE, "", "muga: usage: muga check FILE\n" },
		{ 2, { "muga", "show" }, CLI_USAGE, "", "muga: usage: muga show calls" },
		{ 3, { "muga", "show", "all" }, CLI_USAGE, "", "muga: usage: muga show calls" },
		{ 4, { "muga", "show", "calls", "x" }, CLI_USAGE, "", "muga: usage: muga show " },
		{ 3, { "muga", "top", "x" }, CLI_USAGE, "", "muga: usage: muga top" },
		{ 4, { "muga", "shmdump", "a", "b" }, CLI_USAGE, "",
		  "muga: usage: muga shmdump [DIR]\n" },
		{ 2, { "muga", "config" }, CLI_USAGE, "", "muga: usage: muga config schema\n" },
		{ 3, { "muga", "config", "x" }, CLI_USAGE, "",
		  "muga: usage: muga config schema\n" },
		{ 3, { "muga", "config", "schema" }, CLI_OK, "version\n\t", "" },
		{ 2, { "muga", "log" }, CLI_USAGE, "", "muga: usage: muga log " },
		{ 3, { "muga", "drain", "x" }, CLI_USAGE, "", "muga: usage: muga drain\n" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char *argv[6] = { 0 };
		memcpy(argv, cases[i].argv, sizeof(cases[i].argv));
		int status = run(cases[i].argc, argv);
		if (status != cases[i].status ||
			strncmp(captured.out, cases[i].out, strlen(cases[i].out)) != 0 ||
			strncmp(captured.err, cases[i].err, strlen(cases[i].err)) != 0)
			fail_msg("case %zu: %d\n%s\n%s", i, status, captured.out, captured.err);
		assert_int_equal(captured.out[0] == '\0', cases[i].out[0] == '\0');
		assert_int_equal(captured.err[0] == '\0', cases[i].err[0] == '\0');
	}
}

static void test_help_names_every_verb(void **state)
{
	static const char *const words[] = {
		"\n  check FILE ", "\n  show calls|cores|flows|media|ports|recordings|trunks ",
		"\n  record start|stop CALL ", "\n  top ",
		"\n  shmdump [DIR] ", "\n  config schema ", "\n  log ", "\n  reload tls ",
		"\n  drain ", "\n  version ", "\n  --json ", "\n  --limit N ",
		"\nexit: 0 done, 1 failed, 2 wrong usage, 3 ",
	};
	char *argv[] = { "muga", "--help", NULL };
	(void)state;
	assert_int_equal(run(2, argv), CLI_OK);
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (!strstr(captured.out, words[i]))
			fail_msg("no%s in the help", words[i]);
	}
}

// A broken configuration of the environment stops every verb but the one that tells what is wrong.
static void test_check_needs_no_config(void **state)
{
	char *check[] = { "muga", "check", "/nonexistent/b", NULL };
	char *show[] = { "muga", "show", "ports", NULL };
	(void)state;
	setenv("MUGA_CONFIG", "/nonexistent/a", 1);
	assert_int_equal(run(3, check), CLI_FAILED);
	assert_string_equal(captured.err, "muga: /nonexistent/b: No such file or directory\n");
	assert_int_equal(run(3, show), CLI_FAILED);
	assert_string_equal(captured.err, "muga: /nonexistent/a: No such file or directory\n");
	unsetenv("MUGA_CONFIG");
}

static int print_nothing(const struct cli *cli)
{
	(void)cli;
	return cli_print_json(NULL);
}

static void test_print_json(void **state)
{
	struct cli cli = { 0 };
	(void)state;
	assert_int_equal(capture_verb(print_nothing, &cli), CLI_FAILED);
	assert_string_equal(captured.err, "muga: out of memory\n");
}

int main(void)
{
	unsetenv("MUGA_CONFIG");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_help_names_every_verb),
		cmocka_unit_test(test_check_needs_no_config),
		cmocka_unit_test(test_print_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// show WHAT: each word leads to its table, everything else to the usage line.
#include "files.h"

#include "capture.h"

static int show(char *word, int count)
{
	char *words[] = { word, word };
	struct cli cli = files_cli();
	cli.words = words;
	cli.word_count = count;
	return capture_verb(show_run, &cli);
}

static void test_words(void **state)
{
	static const struct {
		char *word;
		int status;
		const char *out, *err; // beginnings
	} cases[] = {
		{ "ports", CLI_OK, "REALM   ADDRESS  ", "" },
		{ "flows", CLI_OK, "CALL               REALM ", "" },
		{ "media", CLI_OK, "REALM   ADDRESS  ", "" },
		{ "cores", CLI_OK, "LANE  BUSY  ", "" },
		// Nobody answers at files_cli()'s run directory.
		{ "calls", CLI_UNREACHABLE, "", "muga: no answer at /nonexistent/muga.sock (" },
		{ "trunks", CLI_UNREACHABLE, "", "muga: no answer at /nonexistent/muga.sock (" },
		{ "call", CLI_USAGE, "", "muga: usage: muga show calls [--ended] | cores" },
		{ "PORTS", CLI_USAGE, "", "muga: usage: muga show calls [--ended] | cores" },
		{ "", CLI_USAGE, "", "muga: usage: muga show calls [--ended] | cores" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(show(cases[i].word, 1), cases[i].status);
		assert_int_equal(strncmp(captured.out, cases[i].out, strlen(cases[i].out)), 0);
		assert_int_equal(strncmp(captured.err, cases[i].err, strlen(cases[i].err)), 0);
		assert_int_equal(captured.out[0] == '\0', cases[i].out[0] == '\0');
	}
	assert_int_equal(show("ports", 0), CLI_USAGE);
	assert_int_equal(show("ports", 2), CLI_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_words, files_open, files_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

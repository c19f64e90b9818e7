// config schema: what config_print_schema() prints, and nothing for other words.
#include "capture.h"

#include "config/config.h"

static int print_schema(const struct cli *cli)
{
	(void)cli;
	config_print_schema(stdout);
	return CLI_OK;
}

static void test_schema(void **state)
{
	static char wanted[sizeof(captured.out)];
	char *words[] = { "schema", "x" };
	struct cli cli = { .words = words };
	(void)state;
	assert_int_equal(capture_verb(print_schema, &cli), CLI_OK);
	memcpy(wanted, captured.out, sizeof(wanted));
	assert_non_null(strstr(wanted, "\nlimits.quarantine\n"));
	assert_int_equal(capture_verb(config_run, &cli), CLI_USAGE);
	cli.word_count = 1;
	assert_int_equal(capture_verb(config_run, &cli), CLI_OK);
	assert_string_equal(captured.out, wanted);
	cli.word_count = 2;
	assert_int_equal(capture_verb(config_run, &cli), CLI_USAGE);
	words[0] = "schemas";
	cli.word_count = 1;
	assert_int_equal(capture_verb(config_run, &cli), CLI_USAGE);
	assert_string_equal(captured.out, "");
	assert_string_equal(captured.err, "muga: usage: muga config schema\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_schema) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// version, drain and log: what they ask and what they say.
#include "capture.h"
#include "server.h"

static void test_version(void **state)
{
	struct cli cli = server_cli();
	(void)state;
	server.body = "{\"version\": \"9.9\"}";
	assert_int_equal(capture_verb(version_run, &cli), CLI_OK);
	assert_string_equal(captured.out, "muga " MUGA_VERSION "\nmuga-signaling 9.9\n");
	json_t *value = capture_json(version_run, &cli, CLI_OK);
	assert_string_equal(json_string_value(json_at(value, "muga_signaling")), "9.9");
	json_decref(value);
	// Nobody running is an answer, too.
	snprintf(cli.run_dir, sizeof(cli.run_dir), "/nonexistent");
	assert_int_equal(capture_verb(version_run, &cli), CLI_OK);
	assert_string_equal(captured.out,
		"muga " MUGA_VERSION "\nmuga-signaling (does not run here)\n");
	assert_string_equal(captured.err, "");
	value = capture_json(version_run, &cli, CLI_OK);
	assert_true(json_is_null(json_at(value, "muga_signaling")));
	json_decref(value);
}

static void test_drain(void **state)
{
	char *words[] = { "now" };
	struct cli cli = server_cli();
	(void)state;
	assert_int_equal(capture_verb(drain_run, &cli), CLI_OK);
	assert_int_equal(strncmp(server.request, "POST /v1/drain ", 15), 0);
	assert_int_equal(strncmp(captured.out, "draining: ", 10), 0);
	cli.words = words;
	cli.word_count = 1;
	server.request[0] = '\0';
	assert_int_equal(capture_verb(drain_run, &cli), CLI_USAGE);
	assert_string_equal(server.request, ""); // a mistyped command drains nothing
	cli.word_count = 0;
	server.status = 503;
	assert_int_equal(capture_verb(drain_run, &cli), CLI_UNREACHABLE);
	assert_string_equal(captured.out, "");
}

static void test_log(void **state)
{
	static const struct {
		char *words[2];
		const char *body;
	} cases[] = {
		{ { "sip", "debug" }, "{\"subsystem\":\"sip\",\"level\":\"debug\"}" },
		{ { "all", "info" }, "{\"subsystem\":\"all\",\"level\":\"info\"}" },
		{ { "call", "00000000000000ab" }, "{\"call\":\"00000000000000ab\"}" },
		{ { "call", "off" }, "{\"call\":null}" },
		{ { "a\"b", "\\" }, "{\"subsystem\":\"a\\\"b\",\"level\":\"\\\\\"}" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char *words[] = { cases[i].words[0], cases[i].words[1] };
		struct cli cli = server_cli();
		cli.words = words;
		cli.word_count = 2;
		assert_int_equal(capture_verb(log_run, &cli), CLI_OK);
		assert_int_equal(strncmp(server.request, "POST /v1/log/level ", 19), 0);
		assert_string_equal(strstr(server.request, "\r\n\r\n") + 4, cases[i].body);
	}
}

static void test_log_usage(void **state)
{
	char *words[] = { "\xff", "debug", "more" };
	struct cli cli = server_cli();
	(void)state;
	cli.words = words;
	for (cli.word_count = 0; cli.word_count < 2; cli.word_count++)
		assert_int_equal(capture_verb(log_run, &cli), CLI_USAGE);
	assert_int_equal(capture_verb(log_run, &cli), CLI_USAGE);
	assert_string_equal(captured.err, "muga: not UTF-8\n");
	cli.word_count = 3;
	assert_int_equal(capture_verb(log_run, &cli), CLI_USAGE);
	assert_int_equal(server.answers, 0);
}

int main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, server_open, server_close)
	const struct CMUnitTest tests[] = {
		WITH_SERVER(test_version),
		WITH_SERVER(test_drain),
		WITH_SERVER(test_log),
		WITH_SERVER(test_log_usage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

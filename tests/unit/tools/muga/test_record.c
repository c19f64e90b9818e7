// record start and stop: what they ask; what they refuse without asking.
#include "capture.h"
#include "server.h"

static const char *asked_body(void)
{
	const char *end = strstr(server.request, "\r\n\r\n");
	return end ? end + 4 : "";
}

static void test_start(void **state)
{
	char *words[] = { "start", "00000000000000ab" };
	struct cli cli = server_cli();
	(void)state;
	cli.words = words;
	cli.word_count = 2;
	server.body = "{}";
	assert_int_equal(capture_verb(record_run, &cli), CLI_OK);
	assert_int_equal(strncmp(server.request, "POST /v1/recordings ", 20), 0);
	assert_string_equal(
		asked_body(), "{\"call\":\"00000000000000ab\",\"decrypted\":false}");
	assert_string_equal(captured.out, "recording: see 'muga show recordings'\n");
	cli.is_decrypted = true;
	cli.file = "a\"b";
	assert_int_equal(capture_verb(record_run, &cli), CLI_OK);
	assert_string_equal(asked_body(),
		"{\"call\":\"00000000000000ab\",\"decrypted\":true,\"file\":\"a\\\"b\"}");
	cli.file = "\xff";
	assert_int_equal(capture_verb(record_run, &cli), CLI_USAGE);
}

static void test_stop(void **state)
{
	char *words[] = { "stop", "00000000000000ab" };
	struct cli cli = server_cli();
	(void)state;
	cli.words = words;
	cli.word_count = 2;
	server.body = "{\"call\": \"00000000000000ab\", \"is_recorded\": false}";
	assert_int_equal(capture_verb(record_run, &cli), CLI_OK);
	assert_int_equal(strncmp(server.request, "POST /v1/recordings/stop ", 25), 0);
	assert_string_equal(asked_body(), "{\"call\":\"00000000000000ab\"}");
	assert_string_equal(captured.out, "stopped\n");
	json_t *value = capture_json(record_run, &cli, CLI_OK);
	assert_true(json_is_false(json_at(value, "is_recorded")));
	json_decref(value);
	server.status = 404;
	assert_int_equal(capture_verb(record_run, &cli), CLI_UNREACHABLE);
	assert_string_equal(captured.out, "");
}

static void test_usage(void **state)
{
	static char *const lines[][3] = { { "start" }, { "begin", "ab" }, { "stop", "ab", "cd" } };
	struct cli cli = server_cli();
	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		cli.words = (char **)lines[i];
		cli.word_count = (int)(i == 0 ? 1 : i + 1);
		server.request[0] = '\0';
		assert_int_equal(capture_verb(record_run, &cli), CLI_USAGE);
		assert_string_equal(server.request, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_start, server_open, server_close),
		cmocka_unit_test_setup_teardown(test_stop, server_open, server_close),
		cmocka_unit_test_setup_teardown(test_usage, server_open, server_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

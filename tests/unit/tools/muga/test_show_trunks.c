// Trunks as muga-signaling tells them.
#include "capture.h"
#include "server.h"

static void test_trunks(void **state)
{
	struct cli cli = server_cli();
	(void)state;
	server.body = "{\"trunks\": [{\"name\": \"carrier\", \"realm\": \"core\", \"calls\": 12, "
		"\"calls_max\": 2000, \"hosts\": [\"192.0.2.1:5060\", \"[2001:db8::1]:5060\"]}, "
		"{\"name\": \"pbx\", \"realm\": \"access\", \"calls\": 0, \"calls_max\": 0, "
		"\"hosts\": []}]}";
	assert_int_equal(capture_verb(show_trunks_run, &cli), CLI_OK);
	assert_string_equal(captured.out,
		"TRUNK    REALM   CALLS  LIMIT  HOSTS\n"
		"carrier  core       12   2000  192.0.2.1:5060, [2001:db8::1]:5060\n"
		"pbx      access      0   none  \n");
	json_t *value = capture_json(show_trunks_run, &cli, CLI_OK);
	assert_int_equal(json_integer_value(json_at(value, "trunks.0.calls_max")), 2000);
	json_decref(value);
}

static void test_odd_trunks(void **state)
{
	struct cli cli = server_cli();
	char body[4096] = "{\"trunks\": [{\"hosts\": [5";
	size_t len = strlen(body);
	(void)state;
	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(body + len, sizeof(body) - len,
			", \"198.51.100.100:5060\"");
	snprintf(body + len, sizeof(body) - len, "]}, 7]}");
	server.body = body;
	assert_int_equal(capture_verb(show_trunks_run, &cli), CLI_OK);
	assert_non_null(strstr(captured.out, "\n?      ?          0   none  ?, 198.51.100.100"));
	server.body = "{}";
	assert_int_equal(capture_verb(show_trunks_run, &cli), CLI_OK);
	assert_string_equal(captured.out, "no trunks\n");
	snprintf(cli.run_dir, sizeof(cli.run_dir), "/nonexistent");
	assert_int_equal(capture_verb(show_trunks_run, &cli), CLI_UNREACHABLE);
}

int main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, server_open, server_close)
	const struct CMUnitTest tests[] = {
		WITH_SERVER(test_trunks),
		WITH_SERVER(test_odd_trunks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Calls as muga-signaling tells them, whole and in pieces.
#include "capture.h"
#include "server.h"

#define LEG(realm) "{\"realm\": \"" realm "\", \"packets\": 12345, \"loss\": 0.0125, " \
	"\"jitter_ms\": 1.26, \"mos\": 4.406}"

static void test_calls(void **state)
{
	struct cli cli = server_cli();
	(void)state;
	server.body = "{\"calls\": [{\"token\": \"00000000000000ab\", \"state\": \"talking\", "
		"\"is_emergency\": true, \"session_id\": \"ab/cd\", "
		"\"from\": \"alice\", \"to\": \"+49301\", \"codec\": \"PCMA\", "
		"\"duration_ms\": 65000, \"legs\": [" LEG("access") ", "
		"{\"realm\": \"core\", \"packets\": 0, \"loss\": 0, \"jitter_ms\": 0}]}], "
		"\"total\": 1, \"is_truncated\": false}";
	assert_int_equal(capture_verb(show_calls_run, &cli), CLI_OK);
	assert_string_equal(captured.out,
		"CALL              STATE        FROM   TO      CODEC  TIME  A       PACKETS  LOSS"
		"  JITTER   MOS  B     PACKETS  LOSS  JITTER  MOS  SESSION-ID\n"
		"00000000000000ab  talking sos  alice  +49301  PCMA   1:05  access    12.3k  1.2%"
		"     1.3  4.41  core        0  0.0%     0.0    -  ab/cd\n");
	assert_int_equal(strncmp(server.request, "GET /v1/calls?limit=1000 ", 25), 0);
}

static void test_ended(void **state)
{
	struct cli cli = server_cli();
	(void)state;
	cli.is_ended = true;
	cli.limit = 2;
	server.body = "{\"calls\": [{\"token\": \"ab\", \"cause\": \"bye\", \"code\": 200, "
		"\"from\": \"\", \"legs\": []}], \"total\": 7, \"is_truncated\": true}";
	assert_int_equal(capture_verb(show_calls_run, &cli), CLI_OK);
	assert_non_null(strstr(captured.out, "\nab    bye 200  -     -   -      0.0 s  -"));
	assert_non_null(strstr(captured.out, "\n... and more: 7 in total (--limit)\n"));
	assert_int_equal(strncmp(server.request, "GET /v1/calls/ended?limit=2 ", 28), 0);
}

static void test_none(void **state)
{
	static const char *const bodies[] = {
		"{\"calls\": []}", "{}", "{\"calls\": 5}", "{\"calls\": {\"a\": 1}}",
	};
	struct cli cli = server_cli();
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		server.body = bodies[i];
		cli.is_ended = false;
		assert_int_equal(capture_verb(show_calls_run, &cli), CLI_OK);
		assert_string_equal(captured.out, "no calls\n");
		cli.is_ended = true;
		assert_int_equal(capture_verb(show_calls_run, &cli), CLI_OK);
		assert_string_equal(captured.out, "no call has ended yet\n");
	}
}

// Another version may leave things out or give them another type; names may be hostile.
static void test_odd_calls(void **state)
{
	struct cli cli = server_cli();
	(void)state;
	server.body = "{\"calls\": [5, null, {}, {\"from\": \"\\u001b[2J\", \"token\": 7, "
		"\"legs\": {\"a\": 1}, \"duration_ms\": \"x\"}]}";
	assert_int_equal(capture_verb(show_calls_run, &cli), CLI_OK);
	assert_null(strchr(captured.out, '\033'));
	assert_non_null(strstr(captured.out, "?[2J"));
	int lines = 0;
	for (const char *c = captured.out; *c; c++)
		lines += *c == '\n';
	assert_int_equal(lines, 5);
}

static void test_json(void **state)
{
	struct cli cli = server_cli();
	(void)state;
	server.body = "{\"calls\": [{\"token\": \"ab\"}]}";
	json_t *value = capture_json(show_calls_run, &cli, CLI_OK);
	assert_string_equal(json_string_value(json_at(value, "calls.0.token")), "ab");
	json_decref(value);
	server.status = 503;
	cli.is_json = true;
	assert_int_equal(capture_verb(show_calls_run, &cli), CLI_UNREACHABLE);
	assert_string_equal(captured.out, "");
}

int main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, server_open, server_close)
	const struct CMUnitTest tests[] = {
		WITH_SERVER(test_calls),
		WITH_SERVER(test_ended),
		WITH_SERVER(test_none),
		WITH_SERVER(test_odd_calls),
		WITH_SERVER(test_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

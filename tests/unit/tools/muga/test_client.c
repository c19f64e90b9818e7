// The client against everything that may answer at a socket, or not.
#include "capture.h"
#include "server.h"

static struct client_request request;
static json_t *answer;

static int ask(const struct cli *cli)
{
	answer = NULL;
	return client_ask(cli, &request, &answer);
}

static void test_answers(void **state)
{
	static const struct {
		int status;
		const char *body;
		int exit;
		const char *reason;
	} cases[] = {
		{ 200, "{\"a\": 1}", CLI_OK, "" },
		{ 200, "{}", CLI_OK, "" },
		{ 200, "", CLI_UNREACHABLE,
		  "muga: muga-signaling sent something that is not JSON\n" },
		{ 200, "[1]", CLI_UNREACHABLE,
		  "muga: muga-signaling sent something that is not JSON\n" },
		{ 200, "{\"a\": 1} x", CLI_UNREACHABLE,
		  "muga: muga-signaling sent something that is not JSON\n" },
		{ 200, "{\"a\": \"\xff\"}", CLI_UNREACHABLE,
		  "muga: muga-signaling sent something that is not JSON\n" },
		{ 503, "{\"error\": \"busy\"}", CLI_UNREACHABLE,
		  "muga: muga-signaling answered 503: busy\n" },
		{ 404, "", CLI_UNREACHABLE, "muga: muga-signaling answered 404: no reason\n" },
		{ 500, "{\"error\": 5}", CLI_UNREACHABLE,
		  "muga: muga-signaling answered 500: no reason\n" },
		{ 201, "{}", CLI_UNREACHABLE, "muga: muga-signaling answered 201: no reason\n" },
	};
	struct cli cli = server_cli();
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		for (int is_quiet = 0; is_quiet < 2; is_quiet++) {
			request = (struct client_request){ .path = "/x", .is_quiet = is_quiet };
			server.status = cases[i].status;
			server.body = cases[i].body;
			assert_int_equal(capture_verb(ask, &cli), cases[i].exit);
			assert_int_equal(answer != NULL, cases[i].exit == CLI_OK);
			assert_string_equal(captured.err, is_quiet ? "" : cases[i].reason);
			json_decref(answer);
		}
	}
}

static void test_requests(void **state)
{
	struct cli cli = server_cli();
	(void)state;
	request = (struct client_request){ .path = "/v1/calls?limit=5" };
	assert_int_equal(capture_verb(ask, &cli), CLI_OK);
	json_decref(answer);
	assert_int_equal(strncmp(server.request, "GET /v1/calls?limit=5 HTTP/1.1\r\n", 32), 0);
	request = (struct client_request){ .path = "/v1/drain", .body = "{\"x\":1}" };
	assert_int_equal(capture_verb(ask, &cli), CLI_OK);
	json_decref(answer);
	assert_int_equal(strncmp(server.request, "POST /v1/drain HTTP/1.1\r\n", 25), 0);
	assert_non_null(strstr(server.request, "\r\n\r\n{\"x\":1}"));
}

// A proxy of the environment must not see what goes to a socket of this machine.
static void test_no_proxy(void **state)
{
	struct cli cli = server_cli();
	(void)state;
	setenv("http_proxy", "http://192.0.2.1:1", 1);
	request = (struct client_request){ .path = "/x" };
	assert_int_equal(capture_verb(ask, &cli), CLI_OK);
	unsetenv("http_proxy");
	json_decref(answer);
}

static void test_broken_answers(void **state)
{
	static const char *const heads[] = {
		"",
		"SSH-2.0-x\r\n",
		"HTTP/1.1 200 X\r\nContent-Length: 50\r\n\r\n{}",
		"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	};
	struct cli cli = server_cli();
	(void)state;
	request = (struct client_request){ .path = "/x" };
	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		server.head = heads[i];
		assert_int_equal(capture_verb(ask, &cli), CLI_UNREACHABLE);
		assert_null(answer);
		assert_non_null(strstr(captured.err, "no answer at /tmp/"));
	}
}

// 64 MiB are taken, more are not: a process that talks without end does not fill our memory.
static void test_size_is_bounded(void **state)
{
	struct cli cli = server_cli();
	(void)state;
	request = (struct client_request){ .path = "/x" };
	server.padding = (64u << 20) - 2;
	assert_int_equal(capture_verb(ask, &cli), CLI_OK);
	json_decref(answer);
	server.padding++;
	assert_int_equal(capture_verb(ask, &cli), CLI_UNREACHABLE);
	assert_null(answer);
}

static void test_nobody_there(void **state)
{
	struct cli cli = server_cli();
	(void)state;
	request = (struct client_request){ .path = "/x" };
	snprintf(cli.run_dir, sizeof(cli.run_dir), "/nonexistent");
	assert_int_equal(capture_verb(ask, &cli), CLI_UNREACHABLE);
	assert_non_null(strstr(captured.err, "no answer at /nonexistent/muga.sock ("));
	assert_non_null(strstr(captured.err, "--run-dir?\n"));
	request.is_quiet = true;
	assert_int_equal(capture_verb(ask, &cli), CLI_UNREACHABLE);
	assert_string_equal(captured.err, "");
	// Longer than a socket's name may be.
	memset(cli.run_dir, 'x', 300);
	cli.run_dir[300] = '\0';
	assert_int_equal(capture_verb(ask, &cli), CLI_UNREACHABLE);
}

int main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, server_open, server_close)
	const struct CMUnitTest tests[] = {
		WITH_SERVER(test_answers),
		WITH_SERVER(test_requests),
		WITH_SERVER(test_no_proxy),
		WITH_SERVER(test_broken_answers),
		WITH_SERVER(test_size_is_bounded),
		WITH_SERVER(test_nobody_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

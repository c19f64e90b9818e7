// The admin socket as a hostile client meets it: raw bytes over AF_UNIX.
#include "admin/admin.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static int fake_calls(void *context, uint32_t limit, json_t **out)
{
	(void)context;
	*out = json_pack("{s:i}", "limit", (int)limit);
	return 0;
}

static int fake_plain(void *context, json_t **out)
{
	(void)context;
	(void)out;
	return -ETIMEDOUT;
}

static const struct admin_ops ops = {
	.calls = fake_calls,
	.ended = fake_calls,
	.trunks = fake_plain,
	.metrics = fake_plain,
	.drain = fake_plain,
	.tls_reload = fake_plain,
};

static char path[100];
static struct admin *admin;

static int set_up(void **state)
{
	(void)state;
	char dir[] = "/tmp/muga-admin-XXXXXX";
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/muga.sock", dir);
	struct admin_params params = { .path = path, .ops = &ops };
	return admin_open(&params, &admin);
}

static int tear_down(void **state)
{
	(void)state;
	admin_close(admin);
	if (access(path, F_OK) == 0)
		return -1; // the socket must be gone
	*strrchr(path, '/') = '\0';
	return rmdir(path);
}

static int dial(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(sa.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

// The status of what comes back, 0 when the connection is closed without an answer.
static int ask(const char *bytes, size_t len, char *answer, size_t room)
{
	int fd = dial();
	size_t got = 0;
	int status = 0;
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
		if (n <= 0)
			break; // it has had enough of us
		bytes += n;
		len -= (size_t)n;
	}
	shutdown(fd, SHUT_WR);
	while (got < room - 1) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n = poll(&p, 1, 3000) == 1 ? recv(fd, answer + got, room - 1 - got, 0) : 0;
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	answer[got] = '\0';
	close(fd);
	sscanf(answer, "HTTP/1.1 %d", &status);
	return status;
}

static int ask_text(const char *text, char *answer, size_t room)
{
	return ask(text, strlen(text), answer, room);
}

static void test_mode_and_stale_socket(void **state)
{
	struct stat st;
	struct admin_params params = { .path = path, .ops = &ops };
	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	admin_close(admin);
	// A dead process leaves its socket file behind.
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(sa.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(fd);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(admin_open(&params, &admin), 0);
	close(dial());
}

static void test_path_too_long(void **state)
{
	char text[200];
	struct admin_params params = { .path = text, .ops = &ops };
	struct admin *none;
	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(admin_open(&params, &none), -ENAMETOOLONG);
}

static void test_answers(void **state)
{
	char answer[4096];
	(void)state;
	assert_int_equal(ask_text("GET /v1/calls?limit=12 HTTP/1.1\r\nHost: x\r\n"
				  "Connection: close\r\n\r\n", answer, sizeof(answer)), 200);
	assert_non_null(strstr(answer, "application/json"));
	assert_non_null(strstr(answer, "{\"limit\":12}"));
	assert_int_equal(ask_text("GET /v1/metrics HTTP/1.1\r\nHost: x\r\n"
				  "Connection: close\r\n\r\n", answer, sizeof(answer)), 503);
	assert_non_null(strstr(answer, "did not answer"));
	assert_int_equal(ask_text("PUT /v1/calls HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
				  "Content-Length: 2\r\n\r\nxx", answer, sizeof(answer)), 405);
	assert_non_null(strstr(answer, "Allow: GET"));
	assert_int_equal(ask_text("POST /v1/log/level HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
				  "Content-Length: 16\r\n\r\n{\"level\":\"info\"}",
		answer, sizeof(answer)), 200);
}

static void test_hostile_bytes(void **state)
{
	static char big[100000];
	static const char noise[] = "\x00\xff\x16\x03\x01 \r\n\r\n\x00";
	char answer[4096];
	(void)state;

	int status = ask(noise, sizeof(noise), answer, sizeof(answer));
	assert_true(status == 0 || status >= 400);
	memset(big, 'A', sizeof(big)); // an endless request line
	status = ask(big, sizeof(big), answer, sizeof(answer));
	assert_true(status == 0 || status >= 400);
	int n = snprintf(big, sizeof(big), "POST /v1/log/level HTTP/1.1\r\nHost: x\r\n"
		"Connection: close\r\nContent-Length: 90000\r\n\r\n");
	memset(big + n, '[', 90000);
	assert_int_equal(ask(big, (size_t)n + 90000, answer, sizeof(answer)), 413);
	n = snprintf(big, sizeof(big), "POST /v1/log/level HTTP/1.1\r\nHost: x\r\n"
		"Connection: close\r\nContent-Length: 4000\r\n\r\n");
	memset(big + n, '[', 4000); // deep nesting within the limit
	assert_int_equal(ask(big, (size_t)n + 4000, answer, sizeof(answer)), 400);
	// It still serves.
	assert_int_equal(ask_text("GET /v1/version HTTP/1.1\r\nHost: x\r\n"
				  "Connection: close\r\n\r\n",
		answer, sizeof(answer)), 200);
}

static void test_many_silent_clients(void **state)
{
	int fds[40];
	char answer[1024];
	(void)state;
	for (int i = 0; i < 40; i++)
		fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	for (int i = 0; i < 40; i++) {
		struct sockaddr_un sa = { .sun_family = AF_UNIX };
		strcpy(sa.sun_path, path);
		connect(fds[i], (struct sockaddr *)&sa, sizeof(sa));
	}
	for (int i = 0; i < 40; i++)
		close(fds[i]);
	assert_int_equal(ask_text("GET /v1/version HTTP/1.1\r\nHost: x\r\n"
				  "Connection: close\r\n\r\n",
		answer, sizeof(answer)), 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hostile_bytes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_silent_clients, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_mode_and_stale_socket, set_up, tear_down),
		cmocka_unit_test(test_path_too_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

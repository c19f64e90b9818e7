// test_check.c - a broken invariant ends the process and says where.
#include "base/check.h"
#include "unit/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int run_check(int value, char *text, size_t cap)
{
	int fds[2], status;
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		dup2(fds[1], STDERR_FILENO);
		CHECK(value == 1);
		_exit(0);
	}
	close(fds[1]);
	ssize_t len = read(fds[0], text, cap - 1);
	text[len > 0 ? len : 0] = '\0';
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void test_check(void **state)
{
	char text[512];
	(void)state;
	int status = run_check(1, text, sizeof text);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_string_equal(text, "");
	status = run_check(2, text, sizeof text);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(text, "value == 1"));
	assert_non_null(strstr(text, "test_check.c:"));
	assert_non_null(strstr(text, "run_check"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

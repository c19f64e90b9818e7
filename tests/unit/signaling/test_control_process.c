#include "control.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/muga-process-XXXXXX");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return rmdir(dir);
}

static void test_make_dir(void **state)
{
	char path[128], file[160], below[192];
	struct stat st;
	(void)state;
	snprintf(path, sizeof(path), "%s/a/b", dir);
	assert_int_equal(process_make_dir(path), 0);
	assert_int_equal(process_make_dir(path), 0); // is there already
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	snprintf(file, sizeof(file), "%s/pid", path);
	assert_int_equal(process_write_pid(file), 0);
	snprintf(below, sizeof(below), "%s/c", file);
	assert_int_equal(process_make_dir(below), -ENOTDIR);
	assert_int_equal(process_make_dir(""), -ENAMETOOLONG);
	unlink(file);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/a", dir);
	rmdir(path);
}

static void test_write_pid(void **state)
{
	char path[128], text[32] = "";
	(void)state;
	snprintf(path, sizeof(path), "%s/pid", dir);
	assert_int_equal(process_write_pid(path), 0);
	FILE *file = fopen(path, "r");
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	assert_int_equal(atoi(text), getpid());
	unlink(path);
	assert_int_equal(process_write_pid("/nonexistent/pid"), -ENOENT);
}

static void test_ready_tells_the_manager(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char text[64] = "";
	(void)state;
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/notify", dir);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	setenv("NOTIFY_SOCKET", sa.sun_path, 1);
	process_ready();
	assert_int_equal(recv(fd, text, sizeof(text) - 1, 0), 7);
	assert_string_equal(text, "READY=1");
	setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
	process_ready(); // logged, not fatal
	unsetenv("NOTIFY_SOCKET");
	close(fd);
	unlink(sa.sun_path);
}

// What the waiting parent returns when its child serves, and when it dies first.
static int background_status(bool is_ready)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		process_background();
		if (is_ready)
			process_ready();
		_exit(0); // the child in the background
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_background(void **state)
{
	(void)state;
	assert_int_equal(background_status(true), 0);
	assert_int_equal(background_status(false), 1);
}

static void test_unknown_user(void **state)
{
	struct config config = { .run_dir = dir, .shm_dir = dir };
	(void)state;
	assert_int_equal(process_drop_privileges("no-such-user-here", &config, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_make_dir, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_write_pid, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ready_tells_the_manager, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_background, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unknown_user, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

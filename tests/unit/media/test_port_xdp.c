// Where the XDP program is looked for; interfaces without one, and those that are not there.
#include "port_xdp.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void test_program_path(void **state)
{
	char file[] = "/tmp/steer-XXXXXX", path[PATH_MAX], small[4];
	int fd = mkstemp(file);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	setenv("MUGA_XDP_PROGRAM", file, 1);
	assert_int_equal(port_xdp_program(path, sizeof(path)), 0);
	assert_string_equal(path, file);
	assert_int_equal(port_xdp_program(small, sizeof(small)), -ENOENT);
	unlink(file);
	assert_int_equal(port_xdp_program(path, sizeof(path)), -ENOENT);
	setenv("MUGA_XDP_PROGRAM", "/tmp", 1); // a folder is no program
	assert_int_equal(port_xdp_program(path, sizeof(path)), -ENOENT);
	unsetenv("MUGA_XDP_PROGRAM");
	assert_int_equal(port_xdp_program(path, sizeof(path)), -ENOENT); // not beside this test
}

static void test_interface_without_program(void **state)
{
	struct port_xdp xdp = { 0 };
	uint32_t loopback = if_nametoindex("lo");

	(void)state;
	assert_int_equal(port_xdp_take_off(loopback), 0);
	assert_int_equal(port_xdp_find(&xdp, loopback), -ENOENT);
	assert_true(port_xdp_take_off(INT_MAX) <= 0); // no such interface
	assert_true(port_xdp_find(&xdp, INT_MAX) < 0);
	port_xdp_close(&xdp); // nothing was open
	assert_int_equal(xdp.ranges_fd, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_program_path),
		cmocka_unit_test(test_interface_without_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

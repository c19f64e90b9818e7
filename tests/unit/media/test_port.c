// DPDK's device arguments; ports that carry frames are in test_port_kinds.c.
#include "port.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_port_args(void **state)
{
	static const struct {
		enum config_port_kind kind;
		const char *interface, *expected;
	} cases[] = {
		{ CONFIG_PORT_XDP, "eth1", "iface=eth1,start_queue=0,queue_count=2,xdp_prog=/x.o" },
		{ CONFIG_PORT_PACKET, "eth2", "iface=eth2,qpairs=2,blocksz=65536,framesz=2048,"
			"framecnt=2048,qdisc_bypass=1" },
		{ CONFIG_PORT_MEMIF, "/run/m", "role=server,socket=/run/m,socket-abstract=no" },
		{ CONFIG_PORT_NULL, NULL, "size=214" },
		{ CONFIG_PORT_RING, NULL, "" },
	};
	char args[PORT_ARGS_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config_device device = { .name = "d", .kind = cases[i].kind,
			.interface = cases[i].interface };

		assert_int_equal(port_args(&device, 2, "/x.o", args, sizeof(args)), 0);
		assert_string_equal(args, cases[i].expected);
		if (args[0])
			assert_int_equal(port_args(&device, 2, "/x.o", args, 8), -ENAMETOOLONG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_port_args) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

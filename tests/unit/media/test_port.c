// Arguments for DPDK from the configuration, and the text of the netfilter guard.
#include "eal.h"
#include "guard.h"
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

static bool has(const struct eal_args *args, const char *text)
{
	for (int i = 0; i < args->count; i++)
		if (!strcmp(args->list[i], text))
			return true;
	return false;
}

static void test_eal_args(void **state)
{
	struct config_dataplane dataplane = { .cores = { 1, 3 }, .lanes = 2, .memory_mb = 256 };
	struct eal_args args;

	(void)state;
	assert_int_equal(eal_args_build(&dataplane, 4, &args), 0);
	assert_true(has(&args, "--lcores=0@(0,2),1@1,2@3"));
	assert_true(has(&args, "--no-huge"));
	assert_false(has(&args, "--in-memory"));
	assert_null(args.list[args.count]);
	dataplane.is_hugepages = true;
	assert_int_equal(eal_args_build(&dataplane, 4, &args), 0);
	assert_true(has(&args, "--in-memory"));
	assert_int_equal(eal_args_build(&dataplane, 3, &args), -EINVAL);
	dataplane.cores[1] = 0; // lanes on every CPU: the main thread shares them
	assert_int_equal(eal_args_build(&dataplane, 2, &args), 0);
	assert_true(has(&args, "--lcores=0@(0,1),1@1,2@0"));
}

static void test_guard(void **state)
{
	static struct config config = { .node_id = "a-1", .realm_count = 2, .device_count = 2 };
	char text[4096];

	(void)state;
	config.devices[0] = (struct config_device){ .name = "x", .kind = CONFIG_PORT_XDP,
		.interface = "eth1" };
	config.devices[1] = (struct config_device){ .name = "n", .kind = CONFIG_PORT_NULL };
	config.realms[0] = (struct config_realm){ .device = 0, .media_count = 2,
		.media = { ip_from_v4(0x0a000001), { { 0xfd, [15] = 1 } } }, .port_min = 20000,
		.port_max = 20999 };
	config.realms[1] = (struct config_realm){ .device = 1, .media_count = 1,
		.media = { ip_from_v4(0x0a000002) }, .port_min = 30000, .port_max = 30999 };
	assert_true(guard_format(&config, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "table inet muga_media_a_1"));
	assert_non_null(strstr(text, "device \"eth1\""));
	assert_non_null(strstr(text, "ip daddr 10.0.0.1 ip frag-off & 0x3fff == 0 udp dport "
		"20000-20999 counter drop"));
	assert_non_null(strstr(text, "ip6 saddr fd00::1 icmpv6 type destination-unreachable icmpv6 code "
		"port-unreachable @th,400,16 20000-20999 counter drop"));
	assert_null(strstr(text, "10.0.0.2")); // no interface, so no kernel that could answer
	assert_int_equal(guard_format(&config, text, 64), -ENOBUFS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_port_args), cmocka_unit_test(test_eal_args),
		cmocka_unit_test(test_guard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

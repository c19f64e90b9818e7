// The text of the netfilter rules; that the kernel takes them show the system tests.
#include "guard.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

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
	assert_non_null(strstr(text,
		"ip6 saddr fd00::1 icmpv6 type destination-unreachable icmpv6 code "
		"port-unreachable @th,400,16 20000-20999 counter drop"));
	assert_null(strstr(text, "10.0.0.2")); // no interface, so no kernel that could answer
	assert_int_equal(guard_format(&config, text, 64), -ENOBUFS);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_guard) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "nexthop_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct ip ip_of(const char *text)
{
	struct ip ip;

	assert_int_equal(ip_parse((struct span){ text, (uint32_t)strlen(text) }, &ip), 0);
	return ip;
}

static void route(
	struct nexthop_snapshot *edit, const char *prefix, const char *gateway, uint32_t metric)
{
	struct nexthop_route *out = &edit->routes[edit->route_count++];

	*out = (struct nexthop_route){ .ifindex = 7, .metric = metric };
	assert_int_equal(ip_prefix_parse((struct span){ prefix, (uint32_t)strlen(prefix) },
		&out->prefix), 0);
	if (gateway)
		out->gateway = ip_of(gateway);
}

static void neighbour(struct nexthop_snapshot *edit, const char *ip, uint8_t mac)
{
	struct nexthop_neighbour *out = &edit->neighbours[edit->neighbour_count++];

	memset(out, 0, sizeof(*out));
	out->ifindex = 7;
	out->ip = ip_of(ip);
	out->mac[5] = mac;
}

static struct nexthop_table *filled(void)
{
	struct nexthop_table *table = nexthop_table_new();
	struct nexthop_snapshot *edit;

	assert_non_null(table);
	edit = nexthop_table_edit(table);
	edit->egress[0] = (struct nexthop_egress){
		.ifindex = 7, .port = 2, .vlan = 5, .mtu = 1400
	};
	edit->egress[1] = (struct nexthop_egress){
		.is_fixed = true, .port = 3, .fixed_mac = { 2 }
	};
	route(edit, "0.0.0.0/0", "10.0.0.254", 100);
	route(edit, "0.0.0.0/0", "10.0.0.253", 50);
	route(edit, "10.0.0.0/24", NULL, 0);
	route(edit, "192.0.2.0/24", "10.0.0.252", 0);
	route(edit, "192.0.2.128/25", "10.0.0.251", 0);
	route(edit, "fd00::/64", NULL, 0);
	neighbour(edit, "10.0.0.251", 51);
	neighbour(edit, "10.0.0.252", 52);
	neighbour(edit, "10.0.0.253", 53);
	neighbour(edit, "10.0.0.254", 54);
	neighbour(edit, "10.0.0.9", 9);
	neighbour(edit, "fd00::9", 69);
	nexthop_table_publish(table);
	return table;
}

static void test_lookup(void **state)
{
	static const struct {
		const char *dst;
		uint8_t mac; // 0 = none
	} cases[] = {
		{ "10.0.0.9", 9 },      { "10.0.0.10", 0 },      { "192.0.2.1", 52 },
		{ "192.0.2.129", 51 },  { "198.51.100.1", 53 },  { "fd00::9", 69 },
		{ "fd00::a", 0 },       { "fd01::1", 0 }, // an IPv4 default route is none for IPv6
	};
	struct nexthop_table *table = filled();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip dst = ip_of(cases[i].dst);
		struct nexthop hop = { 0 };

		assert_int_equal(nexthop_lookup(table, 0, &dst, &hop), cases[i].mac != 0);
		assert_int_equal(hop.mac[5], cases[i].mac);
		if (cases[i].mac)
			assert_int_equal(hop.port, 2);
	}
	nexthop_table_free(table);
}

static void test_requests(void **state)
{
	struct nexthop_table *table = filled();
	struct nexthop_request request;
	struct ip on_link = ip_of("10.0.0.77"), nowhere = ip_of("fd99::1");
	struct nexthop hop;

	(void)state;
	assert_false(nexthop_lookup(table, 0, &nowhere, &hop));
	assert_false(nexthop_table_take_request(table, &request)); // no route: nothing to resolve
	assert_false(nexthop_lookup(table, 0, &on_link, &hop));
	assert_false(nexthop_lookup(table, 0, &on_link, &hop));
	assert_true(nexthop_table_take_request(table, &request));
	assert_true(ip_eq(&request.ip, &on_link));
	assert_int_equal(request.ifindex, 7);
	assert_false(nexthop_table_take_request(table, &request)); // asked twice, told once
	nexthop_table_free(table);
}

static void test_fixed_and_generation(void **state)
{
	struct nexthop_table *table = filled();
	struct ip any = ip_of("203.0.113.1");
	struct nexthop hop;
	uint32_t before = nexthop_generation(table);

	(void)state;
	assert_true(nexthop_lookup(table, 1, &any, &hop));
	assert_int_equal(hop.mac[0], 2);
	assert_int_equal(hop.generation, before);
	assert_false(nexthop_lookup(table, 2, &any, &hop));
	assert_false(nexthop_lookup(table, SHM_ADDRESS_MAX, &any, &hop));
	nexthop_table_edit(table)->route_count = 0;
	nexthop_table_publish(table);
	assert_int_not_equal(nexthop_generation(table), before);
	nexthop_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lookup), cmocka_unit_test(test_requests),
		cmocka_unit_test(test_fixed_and_generation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

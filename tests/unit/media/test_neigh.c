// The kernel's tables as lanes see them: routes, neighbours, links that go and come.
#include "neigh.h"
#include "unit/media/dataplane.h"
#include "unit/media/netns.h"

#include <string.h>
#include <time.h>

#define WAIT_MS 10000

static struct nexthop_table *table;
static struct neigh *neigh;

static struct ip ip_of(const char *text)
{
	struct ip ip;

	assert_int_equal(ip_parse((struct span){ text, (uint32_t)strlen(text) }, &ip), 0);
	return ip;
}

static void shell(const char *command)
{
	assert_int_equal(system(command), 0);
}

// MAC's last byte of the next hop, -1 = none, as a lane would hear it now.
static int hop_to(const char *text)
{
	struct ip dst = ip_of(text);
	struct nexthop hop;

	return nexthop_lookup(table, 3, &dst, &hop) ? hop.mac[5] : -1;
}

static bool await_hop(const char *text, int mac)
{
	for (int ms = 0; ms < WAIT_MS; ms += 5) {
		if (hop_to(text) == mac)
			return true;
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
	return false;
}

static int setup(void **state)
{
	struct neigh_egress egress = { .interface = "near", .port = 2 };

	(void)state;
	table = nexthop_table_new();
	if (!table || neigh_new(table, &neigh))
		return -1;
	neigh_set_egress(neigh, 3, &egress);
	neigh_set_egress(neigh, SHM_ADDRESS_MAX, &egress); // ignored
	return neigh_refresh(neigh) || neigh_start(neigh);
}

static int teardown(void **state)
{
	(void)state;
	neigh_free(neigh);
	nexthop_table_free(table);
	return system("ip neigh flush dev near nud all; ip route flush 192.0.2.0/24");
}

static void test_neighbour_comes_and_moves(void **state)
{
	(void)state;
	assert_int_equal(hop_to("10.9.0.2"), -1);
	shell("ip neigh replace 10.9.0.2 lladdr 02:00:00:00:00:22 dev near nud reachable");
	assert_true(await_hop("10.9.0.2", 0x22));
	shell("ip neigh replace 10.9.0.2 lladdr 02:00:00:00:00:33 dev near nud reachable");
	assert_true(await_hop("10.9.0.2", 0x33));
	shell("ip -6 neigh replace fd09::2 lladdr 02:00:00:00:00:66 dev near nud permanent");
	assert_true(await_hop("fd09::2", 0x66));
}

static void test_routes_by_gateway(void **state)
{
	(void)state;
	shell("ip neigh replace 10.9.0.254 lladdr 02:00:00:00:00:fe dev near nud permanent");
	assert_int_equal(hop_to("192.0.2.77"), -1);
	shell("ip route add 192.0.2.0/24 via 10.9.0.254");
	assert_true(await_hop("192.0.2.77", 0xfe));
	shell("ip neigh replace 10.9.0.253 lladdr 02:00:00:00:00:fd dev near nud permanent");
	shell("ip route add 192.0.2.64/26 via 10.9.0.253");
	assert_true(await_hop("192.0.2.77", 0xfd));
	assert_int_equal(hop_to("192.0.2.1"), 0xfe);
	shell("ip route del 192.0.2.64/26");
	assert_true(await_hop("192.0.2.77", 0xfe));
}

// Nobody has the address, but somebody was asked: the kernel holds an entry for it.
static void test_missing_neighbour_is_asked_for(void **state)
{
	struct neigh_counters counters;
	int found = 0;

	(void)state;
	assert_int_equal(hop_to("10.9.0.77"), -1);
	for (int ms = 0; ms < WAIT_MS && !found; ms += 20) {
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
		found = system("ip neigh show 10.9.0.77 dev near nud all | "
			"grep -qE 'INCOMPLETE|FAILED|PROBE'") == 0;
	}
	assert_true(found);
	neigh_counters(neigh, &counters);
	assert_int_equal(counters.asked, 1);
}

static void test_interface_down(void **state)
{
	(void)state;
	shell("ip neigh replace 10.9.0.2 lladdr 02:00:00:00:00:22 dev near nud permanent");
	assert_true(await_hop("10.9.0.2", 0x22));
	shell("ip link set near down");
	assert_true(await_hop("10.9.0.2", -1));
	shell("ip link set near up; ip addr replace fd09::1/64 dev near nodad");
	shell("ip neigh replace 10.9.0.2 lladdr 02:00:00:00:00:23 dev near nud permanent");
	assert_true(await_hop("10.9.0.2", 0x23));
}

#define NEIGH_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NEIGH_TEST(test_neighbour_comes_and_moves),
		NEIGH_TEST(test_routes_by_gateway),
		NEIGH_TEST(test_missing_neighbour_is_asked_for),
		NEIGH_TEST(test_interface_down),
	};
	int rc = netns_open();

	return rc ? rc : cmocka_run_group_tests(tests, plane_eal, plane_eal_end);
}

#include "control.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static struct config config;

static void realm_set(uint32_t i, const char *name, uint32_t media_count)
{
	struct config_realm *realm = &config.realms[i];
	*realm = (struct config_realm){ .name = name, .media_count = media_count,
		.port_min = 20000, .port_max = 29999, .device = 0, .vlan = (uint16_t)i };
	for (uint32_t m = 0; m < media_count; m++)
		realm->media[m] = ip_from_v4(0x0a000000 + i * 256 + m);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/muga-segment-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	memset(&config, 0, sizeof(config));
	config.shm_dir = dir;
	config.workers = 2;
	config.limits.calls_max = 100;
	config.devices[0].name = "access0";
	config.device_count = 1;
	config.realm_count = 2;
	realm_set(0, "public", 2);
	realm_set(1, "core", 1);
	return 0;
}

static int tear_down(void **state)
{
	char path[128];
	(void)state;
	snprintf(path, sizeof(path), "%s/signaling.seg", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/signaling.seg.new", dir);
	unlink(path);
	return rmdir(dir);
}

static void test_geometry(void **state)
{
	static const struct {
		uint32_t calls, workers;
	} rows[] = { { 1, 1 }, { 100, 2 }, { 10000, 8 }, { 250000, 64 }, { UINT32_MAX, 64 } };
	(void)state;
	for (int i = 0; i < 5; i++) {
		struct shm_geometry g;
		config.limits.calls_max = rows[i].calls;
		config.workers = rows[i].workers;
		control_geometry(&config, &g);
		assert_int_equal(g.flows % SHM_BLOCK, 0);
		assert_true(g.flows >= g.workers * SHM_BLOCK);
		assert_true(g.flows >= (uint64_t)rows[i].calls * 4 || g.flows >= 64u * 65536u);
		assert_true(g.addresses >= 3 && g.addresses <= SHM_ADDRESS_MAX);
		assert_int_equal(g.workers, rows[i].workers);
	}
}

static void test_address_table(void **state)
{
	static const struct {
		uint32_t ip;
		uint16_t vlan;
		const char *realm;
	} want[] = { { 0x0a000000, 0, "public" }, { 0x0a000001, 0, "public" },
		{ 0x0a000100, 1, "core" } };
	struct shm_map map, reader;
	(void)state;
	assert_int_equal(control_segment_open(&config, &map), 0);
	assert_int_equal(shm_signaling_attach(dir, &reader), 0);
	assert_int_equal(atomic_load(shm_address_count(&reader)), 3);
	for (int i = 0; i < 3; i++) {
		const struct shm_address *address = &shm_addresses(&reader)[i];
		struct ip ip = ip_from_v4(want[i].ip);
		assert_true(ip_eq(&address->ip, &ip));
		assert_int_equal(address->vlan, want[i].vlan);
		assert_int_equal(address->port_min, 20000);
		assert_int_equal(address->port_max, 29999);
		assert_string_equal(address->realm, want[i].realm);
		assert_string_equal(address->device, "access0");
	}
	shm_close(&reader);
	shm_close(&map);
}

static void test_second_writer_is_refused(void **state)
{
	struct shm_map map, other;
	(void)state;
	assert_int_equal(control_segment_open(&config, &map), 0);
	assert_int_equal(control_segment_open(&config, &other), -EBUSY);
	shm_close(&map);
	assert_int_equal(control_segment_open(&config, &map), 0);
	shm_close(&map);
}

// One published pair on address 0, as a crashed signaling would leave it.
static void leave_a_flow(struct shm_map *map)
{
	struct flow_writer_params params = { .signaling = map, .worker = 0, .workers = 1,
		.quarantine_ms = 100, .orphan_timeout_ms = 60000 };
	struct flow_cfg cfg = { .kind = FLOW_RTP, .probation_packets = 1 };
	struct flow_pair pair;
	struct flow_writer *writer = flow_writer_new(&params, 1000);
	assert_non_null(writer);
	// Ports of a file that replaced another one rest first: their past is not known.
	for (uint64_t now_ms = 1000; now_ms < 20000; now_ms += 50)
		flow_writer_run(writer, now_ms);
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	assert_int_equal(flow_publish(writer, &pair, 0, &cfg), 0);
	flow_writer_free(writer);
}

static void test_restart_keeps_flows(void **state)
{
	struct shm_map map;
	struct flow_view view;
	uint32_t live = 0;
	(void)state;
	config.workers = 1;
	assert_int_equal(control_segment_open(&config, &map), 0);
	leave_a_flow(&map);
	shm_close(&map);
	realm_set(2, "later", 1); // appended: nothing moves
	config.realm_count = 3;
	assert_int_equal(control_segment_open(&config, &map), 0);
	assert_int_equal(atomic_load(shm_address_count(&map)), 4);
	flow_view_init(&view, &map);
	for (uint32_t port = 0; port < SHM_PORTS; port++)
		live += flow_lookup(&view, 0, (uint16_t)port) != NULL;
	assert_int_equal(live, 1);
	shm_close(&map);
}

static void test_changed_addresses(void **state)
{
	struct shm_map map, reader;
	(void)state;
	config.workers = 1;
	assert_int_equal(control_segment_open(&config, &map), 0);
	assert_int_equal(shm_signaling_attach(dir, &reader), 0);
	shm_close(&map);
	realm_set(0, "public", 1); // "core" would get another id
	assert_int_equal(control_segment_open(&config, &map), 0);
	assert_int_equal(atomic_load(shm_address_count(&map)), 2);
	assert_true(shm_is_superseded(&reader)); // whoever reads the old file learns it
	shm_close(&reader);
	leave_a_flow(&map);
	shm_close(&map);
	realm_set(0, "public", 2); // again, but now a call would hear another one
	assert_int_equal(control_segment_open(&config, &map), -ESTALE);
	realm_set(0, "public", 1);
	assert_int_equal(control_segment_open(&config, &map), 0);
	shm_close(&map);
}

static void test_no_directory(void **state)
{
	struct shm_map map;
	(void)state;
	config.shm_dir = "/nonexistent/muga";
	assert_int_equal(control_segment_open(&config, &map), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_geometry, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_address_table, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_second_writer_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_restart_keeps_flows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_changed_addresses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_directory, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// The address table of the other process: every field may be nonsense.
#include "addresses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct config config = { .device_count = 2,
	.devices = { { .name = "left" }, { .name = "right" } } };

static void test_read(void **state)
{
	static const struct {
		uint32_t ip;
		uint16_t vlan, port_min, port_max;
		const char *device;
		bool is_taken;
	} rows[] = {
		{ 0x0a000001, 0, 20000, 20999, "left", true },
		{ 0x0a000002, 4094, 20000, 20000, "right", true },
		{ 0x0a000003, 4095, 20000, 20999, "right", false },
		{ 0x0a000004, 0, 20999, 20000, "right", false },
		{ 0x0a000005, 0, 20000, 20999, "middle", false },
		{ 0x0a000006, 0, 20000, 20999, "", false },
		{ 0, 0, 20000, 20999, "left", false },
	};
	enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
	struct shm_geometry geometry = {
		.addresses = ROWS, .flows = 256, .workers = 1, .lanes = 1
	};
	struct shm_map signaling, media;
	struct addresses out;
	uint32_t taken = 0;

	(void)state;
	assert_int_equal(shm_anonymous(&geometry, &signaling, &media), 0);
	for (uint32_t i = 0; i < ROWS; i++) {
		struct shm_address *address = &shm_addresses(&signaling)[i];

		if (rows[i].ip)
			address->ip = ip_from_v4(rows[i].ip);
		address->vlan = rows[i].vlan;
		address->port_min = rows[i].port_min;
		address->port_max = rows[i].port_max;
		snprintf(address->device, sizeof(address->device), "%s", rows[i].device);
	}
	atomic_store(shm_address_count(&signaling), UINT32_MAX); // a lie, too
	addresses_read(&signaling, &config, &out);
	assert_int_equal(out.seen, ROWS);
	for (uint32_t i = 0; i < ROWS; i++) {
		if (!rows[i].is_taken)
			continue;
		assert_int_equal(out.entries[taken].address, i);
		assert_int_equal(out.entries[taken].rx_port, strcmp(rows[i].device, "left") != 0);
		assert_int_equal(out.entries[taken].vlan, rows[i].vlan);
		assert_int_equal(out.entries[taken].port_max, rows[i].port_max);
		taken++;
	}
	assert_int_equal(out.count, taken);
	assert_int_equal(out.refused, ROWS - taken);
	memset(shm_addresses(&signaling)[0].device, 'x', SHM_NAME_MAX); // no NUL
	addresses_read(&signaling, &config, &out);
	assert_int_equal(out.refused, ROWS - taken + 1);
	shm_close(&signaling);
	shm_close(&media);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_read) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

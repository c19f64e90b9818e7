// Every entry is found by its own key and by no other.
#include "address_map.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct address_map map;

static struct address_entry entry_of(uint32_t i)
{
	struct address_entry entry = { .rx_port = (uint16_t)(i % 3),
		.vlan = (uint16_t)(i % 5 * 100),
		.address = (uint16_t)i,
		.port_min = 10000,
		.port_max = 20000 };
	if (i % 2)
		entry.ip.b[0] = 0x20, entry.ip.b[15] = (uint8_t)i;
	else
		entry.ip = ip_from_v4(0x0a000000 + i);
	return entry;
}

static const struct address_place *place_of(const struct address_entry *entry, uint16_t vlan)
{
	uint32_t where = (uint32_t)entry->rx_port << 16 | vlan, ip_be;
	uint64_t half[2];
	if (ip_is_v4(&entry->ip)) {
		memcpy(&ip_be, &entry->ip.b[12], 4);
		uint64_t key = address_key_v4(ip_be, where);
		const struct address_place *place = address_map_place(&map, key);
		return place->key == key ? place : NULL;
	}
	memcpy(half, entry->ip.b, sizeof(half));
	const struct address_place *place = address_map_place(
		&map, address_key_v6(half[0], half[1], where));
	return place->entry.address != ADDRESS_NONE && ip_eq(&place->entry.ip, &entry->ip) &&
			place->entry.vlan == vlan ?
		place :
		NULL;
}

static void test_full_map(void **state)
{
	struct address_entry entries[SHM_ADDRESS_MAX];
	(void)state;
	for (uint32_t i = 0; i < SHM_ADDRESS_MAX; i++)
		entries[i] = entry_of(i);
	assert_int_equal(address_map_build(&map, entries, SHM_ADDRESS_MAX), 0);
	for (uint32_t i = 0; i < SHM_ADDRESS_MAX; i++) {
		const struct address_place *place = place_of(&entries[i], entries[i].vlan);
		assert_non_null(place);
		assert_int_equal(place->entry.address, i);
		assert_null(place_of(&entries[i], 4000));
		assert_true(address_map_has(&map, &entries[i].ip));
		assert_ptr_equal(address_map_of(&map, (uint16_t)i), &map.entries[i]);
	}
	struct ip other = ip_from_v4(0x0b000001);
	assert_false(address_map_has(&map, &other));
	assert_null(address_map_of(&map, SHM_ADDRESS_MAX));
}

static void test_refusals(void **state)
{
	static struct address_entry entries[SHM_ADDRESS_MAX + 1];
	(void)state;
	assert_int_equal(address_map_build(&map, entries, SHM_ADDRESS_MAX + 1), -EINVAL);
	entries[0] = entry_of(2);
	entries[1] = entry_of(2);
	assert_int_equal(address_map_build(&map, entries, 2), -EEXIST);
	entries[1].vlan = 7;
	assert_int_equal(address_map_build(&map, entries, 2), 0);
}

static void test_empty(void **state)
{
	struct address_entry none = entry_of(0), zero = { 0 };
	(void)state;
	assert_int_equal(address_map_build(&map, NULL, 0), 0);
	assert_null(place_of(&none, 0));
	assert_null(place_of(&zero, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_map),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

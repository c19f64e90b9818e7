// address_map.c - builds the perfect hash of address_map.h.
#include "address_map.h"

#include "base/rng.h"

#include <errno.h>
#include <string.h>

#define TRIES_MAX 100000

static uint64_t entry_key(const struct address_entry *entry)
{
	uint32_t where = (uint32_t)entry->rx_port << 16 | entry->vlan;
	if (ip_is_v4(&entry->ip)) {
		uint32_t ip_be;
		memcpy(&ip_be, &entry->ip.b[12], sizeof(ip_be));
		return address_key_v4(ip_be, where);
	}
	uint64_t half[2];
	memcpy(half, entry->ip.b, sizeof(half));
	return address_key_v6(half[0], half[1], where);
}

static void clear_places(struct address_map *map)
{
	memset(map->places, 0, sizeof(map->places));
	for (uint32_t i = 0; i < 1u << ADDRESS_MAP_BITS; i++)
		map->places[i].entry.address = ADDRESS_NONE;
}

// Whether all entries found a place of their own.
static bool try_multiplier(struct address_map *map, uint64_t multiplier)
{
	clear_places(map);
	map->multiplier = multiplier;
	for (uint32_t i = 0; i < map->count; i++) {
		uint64_t key = entry_key(&map->entries[i]);
		struct address_place *place =
			&map->places[key * multiplier >> (64 - ADDRESS_MAP_BITS)];
		if (place->entry.address != ADDRESS_NONE)
			return false;
		place->key = key;
		place->entry = map->entries[i];
	}
	return true;
}

int address_map_build(struct address_map *map, const struct address_entry *entries, uint32_t count)
{
	if (count > SHM_ADDRESS_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < i; j++)
			if (entry_key(&entries[i]) == entry_key(&entries[j]))
				return -EEXIST;
	memset(map, 0, sizeof(*map));
	map->count = count;
	if (count > 0)
		memcpy(map->entries, entries, count * sizeof(*entries));
	struct rng rng;
	rng_init(&rng, 1); // the same map for the same addresses: nothing to gain for an attacker
	for (uint32_t i = 0; i < TRIES_MAX; i++)
		if (try_multiplier(map, rng_u64(&rng) | 1))
			return 0;
	return -EEXIST; // 64 distinct keys fail with a chance of 0.98^100000
}

bool address_map_has(const struct address_map *map, const struct ip *ip)
{
	for (uint32_t i = 0; i < map->count; i++)
		if (ip_eq(&map->entries[i].ip, ip))
			return true;
	return false;
}

const struct address_entry *address_map_of(const struct address_map *map, uint16_t address)
{
	for (uint32_t i = 0; i < map->count; i++)
		if (map->entries[i].address == address)
			return &map->entries[i];
	return NULL;
}

// address_map.h - (ingress port, VLAN, destination IP) -> media address, one probe and one compare.
//
// At most SHM_ADDRESS_MAX entries, so a multiplier without collisions is searched when the map is
// built. Immutable once built: the control thread builds a new one and lanes take it between
// bursts.
#pragma once

#include "base/addr.h"
#include "shm/abi.h"

#include <stdbool.h>
#include <stdint.h>

#define ADDRESS_MAP_BITS 9 // 512 places for 64 keys: a perfect multiplier within ~50 tries
#define ADDRESS_NONE     UINT16_MAX

struct address_entry {
	struct ip ip;
	uint16_t rx_port;  // index into lane->ports
	uint16_t vlan;     // 0 = untagged
	uint16_t address;  // media address, index into the segment's table
	uint16_t port_min; // media ports, inclusive
	uint16_t port_max;
};

struct address_place {
	uint64_t key;               // address_key_v4() or address_key_v6()
	struct address_entry entry; // .address = ADDRESS_NONE: empty
};

struct address_map {
	uint64_t multiplier;
	uint32_t count;
	struct address_entry entries[SHM_ADDRESS_MAX]; // as given
	struct address_place places[1u << ADDRESS_MAP_BITS];
};

// 0; -EINVAL: too many; -EEXIST: (port, VLAN, IP) twice.
int address_map_build(struct address_map *map, const struct address_entry *entries, uint32_t count);

// Whether `ip` is one of ours, on any port or VLAN. Not for the hot path.
bool address_map_has(const struct address_map *map, const struct ip *ip);

// The entry of `address`, or NULL.
const struct address_entry *address_map_of(const struct address_map *map, uint16_t address);

// Bit 63 tells the families apart, so an IPv4 key names its entry exactly; an IPv6 key is a hash,
// the address behind it has to be compared. where = rx_port << 16 | vlan.
static inline uint64_t address_key_v4(uint32_t ip_be, uint32_t where)
{
	return 1ull << 63 | (uint64_t)where << 32 | ip_be;
}

static inline uint64_t address_key_v6(uint64_t high, uint64_t low, uint32_t where)
{
	uint64_t mixed = (high ^ (uint64_t)where << 32) + low * 0x9e3779b97f4a7c15ull;
	return mixed & ~(1ull << 63);
}

static inline const struct address_place *address_map_place(
	const struct address_map *map, uint64_t key)
{
	return &map->places[key * map->multiplier >> (64 - ADDRESS_MAP_BITS)];
}

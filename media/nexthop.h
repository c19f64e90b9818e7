// nexthop.h - where a packet to an address goes next: what stages ask of the mirror of the kernel's
// routes and neighbours. Implemented by the neighbour code; a fixed table serves tests and benches.
//
// Threads: nexthop_lookup() and nexthop_generation() on lanes, without locks and without waiting.
// One control thread changes the table.
#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stdint.h>

struct nexthop_table; // private to its implementation

struct nexthop {
	uint8_t mac[6];     // of the next hop
	uint8_t own_mac[6]; // of the egress interface
	uint16_t port;      // index into lane->ports of the egress port
	uint16_t vlan;      // 802.1Q id, 0 = untagged
	uint16_t mtu;       // of the IP packet, bytes
	uint32_t generation; // of the table when this was read; stale when that has moved
};

// The next hop of a packet that leaves from `media_address` (its device, VLAN and route table) to
// `dst`. False: no route, or its neighbour is not resolved; resolution has then been asked for
// (rate limited by the implementation) and the generation moves when it succeeds. *out is
// untouched on false.
bool nexthop_lookup(const struct nexthop_table *table, uint16_t media_address, const struct ip *dst,
	struct nexthop *out);

// Moves with every change of any route, neighbour, link address or MTU. Never 0. Loaded with
// acquire.
uint32_t nexthop_generation(const struct nexthop_table *table);

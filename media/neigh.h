// neigh.h - mirrors the kernel's links, routes and neighbours into a nexthop_table, by netlink.
//
// One thread of its own: it dumps, subscribes, dumps again what an event named (all of it after
// ENOBUFS), asks the kernel to resolve what lanes miss and to keep alive what they use. Addresses
// and routes stay the kernel's business: `ip`, FRR and keepalived work as everywhere.
#pragma once

#include "nexthop_table.h"

#include <stdint.h>

struct neigh;

// Where packets of one media address leave.
struct neigh_egress {
	const char *interface;  // Linux interface; NULL: none, packets go to fixed_mac
	uint16_t port;          // index into lane->ports
	uint16_t vlan;          // the 802.1Q interface with this id over `interface`; 0 = itself
	uint16_t mtu;           // without interface
	uint8_t own_mac[6];     // without interface
	uint8_t fixed_mac[6];
};

struct neigh_counters {
	uint64_t dumps, events, overruns, publications;
	uint64_t asked;         // resolutions asked of the kernel for lanes
	uint64_t lost, expired; // neighbours in use that failed; whose last MAC went out of service
	uint64_t refused;       // routes or neighbours beyond the table's sizes
};

// Opens netlink and fills the table once. 0 or -errno.
int neigh_new(struct nexthop_table *table, struct neigh **out);
// Any thread; copied. Takes effect within some ms.
void neigh_set_egress(
	struct neigh *neigh, uint16_t media_address, const struct neigh_egress *egress);
// Dumps and publishes at once, in the caller's thread. Only before neigh_start().
int neigh_refresh(struct neigh *neigh);
int neigh_start(struct neigh *neigh);
void neigh_counters(const struct neigh *neigh, struct neigh_counters *out);
// Stops the thread and frees. The table stays the caller's.
void neigh_free(struct neigh *neigh);

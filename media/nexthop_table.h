// nexthop_table.h - the control side of nexthop.h: two snapshots, one read by lanes, one being
// made.
//
// Control thread: nexthop_table_edit(), fill, nexthop_table_publish(). Lanes read the published one
// under liburcu's QSBR; memory is all allocated by nexthop_table_new(). A snapshot holds what
// leaves by our devices only, so sizes are those of an access router, not of the Internet.
#pragma once

#include "nexthop.h"
#include "shm/abi.h"

#include <stdatomic.h>

#define NEXTHOP_ROUTES_MAX     32768
#define NEXTHOP_NEIGHBOURS_MAX 16384

// How packets of one media address leave.
struct nexthop_egress {
	uint32_t ifindex;     // Linux interface, 0 = none or down: nothing leaves
	uint16_t port;        // index into lane->ports
	uint16_t vlan;        // 0 = untagged
	uint16_t mtu;
	bool is_fixed;        // port without Linux interface: every packet goes to fixed_mac
	uint8_t own_mac[6];
	uint8_t fixed_mac[6];
};

struct nexthop_route {
	uint32_t ifindex;
	uint32_t metric;
	struct ip_prefix prefix; // host bits zero
	struct ip gateway;       // unset = the destination is on the link
};

struct nexthop_neighbour {
	uint32_t ifindex;
	struct ip ip;
	uint8_t mac[6];
	_Atomic uint8_t is_used; // writer: lanes, when they looked it up; reader: control thread
};

struct nexthop_snapshot {
	uint32_t route_count, neighbour_count;
	struct nexthop_egress egress[SHM_ADDRESS_MAX]; // by media address
	struct nexthop_route routes[NEXTHOP_ROUTES_MAX];
	struct nexthop_neighbour neighbours[NEXTHOP_NEIGHBOURS_MAX];
};

// What a lane could not resolve.
struct nexthop_request {
	uint32_t ifindex;
	struct ip ip;
};

// Empty, generation 1. NULL: out of memory.
struct nexthop_table *nexthop_table_new(void);
void nexthop_table_free(struct nexthop_table *table);

// Before the lanes start: eventfd(2) that is written when a lane asks for something new; -1 = none.
void nexthop_table_set_wake(struct nexthop_table *table, int fd);

// The snapshot that lanes do not read, with whatever it held two publications ago.
struct nexthop_snapshot *nexthop_table_edit(struct nexthop_table *table);
// The one that they do read.
struct nexthop_snapshot *nexthop_table_current(const struct nexthop_table *table);
// Sorts the edited snapshot, gives it to lanes, moves the generation and waits until no lane reads
// the old one. Control thread only, not a registered RCU reader.
void nexthop_table_publish(struct nexthop_table *table);

// The next thing that lanes asked for. False: none. Requests beyond 256 at a time are forgotten;
// the next packet asks again.
bool nexthop_table_take_request(struct nexthop_table *table, struct nexthop_request *out);

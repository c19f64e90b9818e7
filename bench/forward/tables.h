// tables.h - as many published flows as wanted, in memory of our own, for the forwarding benchmark.
//
// Flow f receives on media address f % 32, port 2 * (f / 32); its peer is flow f ^ 1. Records lie
// in scattered order, as after days of calls.
#pragma once

#include "header_cache.h"
#include "lane.h"

#define TABLES_FLOWS_MAX (1u << 20)
#define TABLES_ADDRESSES 32u

struct tables {
	struct lane lane;
	struct address_map addresses;
	struct nexthop_table *nexthops;
	_Atomic uint32_t *index;
	struct flow_cfg *cfg;
	struct flow_state *states;
	struct ready_header *headers;
	struct histogram latency[TABLES_ADDRESSES];
	struct histogram bursts;
	const char *pages; // what the memory is made of, for the report
};

// Dies when memory is short.
void tables_init(struct tables *tables);

// Publishes `flows` flows (power of two, 2..TABLES_FLOWS_MAX) and nothing else; 0 = none.
void tables_fill(struct tables *tables, uint32_t flows);

// Media address of flow f as it stands in a packet.
static inline uint32_t tables_ip_be(uint32_t f)
{
	return __builtin_bswap32(0x0a630001u + (f % TABLES_ADDRESSES));
}

static inline uint16_t tables_port(uint32_t f)
{
	return (uint16_t)(f / TABLES_ADDRESSES * 2);
}

#define TABLES_SOURCE_IP   0xcb007105u // 203.0.113.5: all packets come from there
#define TABLES_SOURCE_PORT 4000u

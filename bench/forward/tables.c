// tables.c - see tables.h.
#include "tables.h"

#include "base/check.h"
#include "nexthop_table.h"

#include <string.h>
#include <sys/mman.h>

#define SCATTER 0x9e3779b1u // odd: a permutation of each power of two

static void *take(struct tables *tables, size_t bytes)
{
	size_t rounded = (bytes + (2u << 20) - 1) & ~((size_t)(2u << 20) - 1);
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	void *memory = mmap(NULL, rounded, PROT_READ | PROT_WRITE, flags | MAP_HUGETLB, -1, 0);

	if (memory != MAP_FAILED)
		return memory;
	tables->pages = "transparent 2 MB";
	memory = mmap(NULL, rounded, PROT_READ | PROT_WRITE, flags, -1, 0);
	CHECK(memory != MAP_FAILED);
	madvise(memory, rounded, MADV_HUGEPAGE);
	return memory;
}

static void init_addresses(struct tables *tables)
{
	struct address_entry entries[TABLES_ADDRESSES];
	struct nexthop_snapshot *snapshot;

	tables->nexthops = nexthop_table_new();
	CHECK(tables->nexthops != NULL);
	snapshot = nexthop_table_edit(tables->nexthops);
	for (uint32_t i = 0; i < TABLES_ADDRESSES; i++) {
		entries[i] = (struct address_entry){ .ip = ip_from_v4(
							     __builtin_bswap32(tables_ip_be(i))),
			.address = (uint16_t)i,
			.port_min = 0,
			.port_max = UINT16_MAX };
		snapshot->egress[i] = (struct nexthop_egress){ .ifindex = 1,
			.mtu = 1500,
			.is_fixed = true,
			.own_mac = { 2, 0, 0, 0, 0, 1 },
			.fixed_mac = { 2, 0, 0, 0, 0, 2 } };
	}
	CHECK(address_map_build(&tables->addresses, entries, TABLES_ADDRESSES) == 0);
	nexthop_table_publish(tables->nexthops);
}

void tables_init(struct tables *tables)
{
	memset(tables, 0, sizeof(*tables));
	tables->pages = "2 MB";
	tables->index = take(tables, (size_t)TABLES_ADDRESSES * SHM_PORTS * sizeof(*tables->index));
	tables->cfg = take(tables, (size_t)TABLES_FLOWS_MAX * sizeof(*tables->cfg));
	tables->states = take(tables, (size_t)TABLES_FLOWS_MAX * sizeof(*tables->states));
	tables->headers = take(tables, (size_t)TABLES_FLOWS_MAX * sizeof(*tables->headers));
	init_addresses(tables);
	struct flow_view view = { .index = tables->index, .cfg = tables->cfg,
		.addresses = TABLES_ADDRESSES, .flows = TABLES_FLOWS_MAX };
	lane_init(&tables->lane, 0, &view, tables->states);
	tables->lane.addresses = &tables->addresses;
	tables->lane.latency = tables->latency;
	tables->lane.bursts = &tables->bursts;
	tables->lane.nexthops = tables->nexthops;
	tables->lane.headers = tables->headers;
	tables->lane.headers_max = TABLES_FLOWS_MAX;
	tables->lane.ports[0].is_checksum_trusted = true;
}

static void publish(struct tables *tables, uint32_t f, uint32_t slot, uint64_t incarnation)
{
	struct flow_cfg *cfg = &tables->cfg[slot];

	*cfg = (struct flow_cfg){
		.incarnation = incarnation,
		.generation = 1,
		.state_index = slot,
		.remote_ip = ip_from_v4(TABLES_SOURCE_IP),
		.remote_port = TABLES_SOURCE_PORT,
		.media_address = (uint16_t)(f % TABLES_ADDRESSES),
		.port = tables_port(f),
		.kind = FLOW_RTP,
		.latch_mode = FLOW_LATCH_ONCE,
		.dscp = 46,
		.probation_packets = 5,
		.peer_incarnation = incarnation,
		.peer_address = (uint16_t)((f ^ 1) % TABLES_ADDRESSES),
		.peer_port = tables_port(f ^ 1),
	};
	cfg->checksum = flow_checksum(cfg);
	atomic_store_explicit(&tables->index[cfg->media_address * SHM_PORTS + cfg->port], slot,
		memory_order_release);
}

void tables_fill(struct tables *tables, uint32_t flows)
{
	static uint64_t incarnation;

	incarnation++;
	memset(tables->index, 0xff, (size_t)TABLES_ADDRESSES * SHM_PORTS * sizeof(*tables->index));
	for (uint32_t f = 0; f < flows; f++)
		publish(tables, f, f * SCATTER & (flows - 1), incarnation);
}

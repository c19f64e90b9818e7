// bed.h - a lane with tables of its own and mbufs built by hand: runs the media stages without EAL.
//
// For unit tests, golden packets, fuzzing. Ports 0 and 1 exist; what they send is captured. One
// bed per program (the memory is static). A flow publishes like signaling does: new slot,
// checksum, index.
#pragma once

#include "base/check.h"
#include "header_cache.h"
#include "lane.h"
#include "nexthop_table.h"

#include <rte_mbuf.h>
#include <string.h>

#define BED_ADDRESSES 4u
#define BED_FLOWS     1024u
#define BED_FRAME_MAX 2048u
#define BED_PORTS     2u
#define BED_CALL      100u // incarnation that bed_flow() gives when none is set

struct bed_mbuf {
	struct rte_mbuf mbuf;
	uint8_t buffer[RTE_PKTMBUF_HEADROOM + BED_FRAME_MAX];
};

struct bed_port {
	uint32_t refuse; // packets that send() leaves behind
	uint32_t count;
	struct rte_mbuf *sent[BURST_MAX]; // of the last burst
};

struct bed {
	struct lane lane;
	struct address_map map;
	struct nexthop_table *nexthops;
	struct flow_state states[BED_FLOWS];
	struct flow_cfg cfg[BED_FLOWS];
	uint32_t cfg_count;
	struct ready_header headers[BED_FLOWS];
	struct bed_port ports[BED_PORTS];
	struct bed_mbuf mbufs[BURST_MAX];
	struct burst burst;
	_Atomic uint32_t index[BED_ADDRESSES * SHM_PORTS];
};

static struct bed bed;

static uint16_t bed_send(void *context, struct rte_mbuf **mbufs, uint16_t count)
{
	struct bed_port *port = context;
	uint16_t taken = count > port->refuse ? (uint16_t)(count - port->refuse) : 0;

	for (uint32_t i = 0; i < taken; i++)
		port->sent[port->count++] = mbufs[i];
	return taken;
}

// Media addresses in order; each leaves by its own rx_port with a fixed next hop.
static inline void bed_init(const struct address_entry *entries, uint32_t count)
{
	struct flow_view view = { .index = bed.index, .cfg = bed.cfg,
		.addresses = BED_ADDRESSES, .flows = BED_FLOWS };

	if (bed.nexthops)
		nexthop_table_free(bed.nexthops);
	memset(&bed, 0, sizeof(bed));
	memset(bed.index, 0xff, sizeof(bed.index));
	lane_init(&bed.lane, 0, &view, bed.states);
	CHECK(address_map_build(&bed.map, entries, count) == 0);
	bed.nexthops = nexthop_table_new();
	CHECK(bed.nexthops != NULL);
	for (uint32_t i = 0; i < count; i++) {
		struct nexthop_snapshot *snapshot = nexthop_table_edit(bed.nexthops);
		for (uint32_t j = 0; j < count; j++)
			snapshot->egress[entries[j].address] = (struct nexthop_egress){
				.ifindex = 1,
				.port = entries[j].rx_port,
				.vlan = entries[j].vlan,
				.mtu = 1500,
				.is_fixed = true,
				.own_mac = { 2, 0, 0, 0, 0, (uint8_t)entries[j].rx_port },
				.fixed_mac = { 2, 0, 0, 0, 1, (uint8_t)entries[j].rx_port },
			};
	}
	nexthop_table_publish(bed.nexthops);
	bed.lane.addresses = &bed.map;
	bed.lane.nexthops = bed.nexthops;
	bed.lane.headers = bed.headers;
	bed.lane.headers_max = BED_FLOWS;
	for (uint32_t i = 0; i < BED_PORTS; i++)
		bed.lane.ports[i] = (struct lane_port){
			.send = bed_send, .context = &bed.ports[i], .is_checksum_trusted = true
		};
}

static inline void bed_fini(void)
{
	nexthop_table_free(bed.nexthops);
	bed.nexthops = NULL;
}

// Publishes a copy of *cfg; identity that is 0 is filled in: the call's incarnation, a generation
// above the record it replaces, a state of the port's own. Returns the record.
static inline struct flow_cfg *bed_flow(const struct flow_cfg *cfg)
{
	uint32_t place = cfg->media_address * SHM_PORTS + cfg->port;
	uint32_t old = bed.index[place];
	uint32_t slot = bed.cfg_count++;

	CHECK(slot < BED_FLOWS);
	struct flow_cfg *out = &bed.cfg[slot];
	*out = *cfg;
	out->incarnation = cfg->incarnation ? cfg->incarnation : BED_CALL;
	if (out->state_index == 0)
		out->state_index = old < BED_FLOWS ? bed.cfg[old].state_index : slot + 1;
	if (out->generation == 0)
		out->generation = old < BED_FLOWS ? bed.cfg[old].generation + 1 : 1;
	out->checksum = flow_checksum(out);
	atomic_store(&bed.index[place], slot);
	return out;
}

static inline struct flow_state *bed_state(uint16_t address, uint16_t port)
{
	uint32_t slot = bed.index[address * SHM_PORTS + port];
	return slot < BED_FLOWS ? &bed.states[bed.cfg[slot].state_index] : NULL;
}

// Mbuf i with that frame. The bed keeps a reference, so that nothing is given to a pool.
static inline struct rte_mbuf *bed_mbuf(uint32_t i, const uint8_t *frame, uint32_t len)
{
	struct bed_mbuf *own = &bed.mbufs[i];

	CHECK(i < BURST_MAX && len <= BED_FRAME_MAX);
	memset(&own->mbuf, 0, sizeof(own->mbuf));
	own->mbuf.buf_addr = own->buffer;
	own->mbuf.buf_len = sizeof(own->buffer);
	own->mbuf.data_off = RTE_PKTMBUF_HEADROOM;
	own->mbuf.refcnt = 2;
	own->mbuf.nb_segs = 1;
	own->mbuf.data_len = (uint16_t)len;
	own->mbuf.pkt_len = len;
	memcpy(own->buffer + RTE_PKTMBUF_HEADROOM, frame, len);
	return &own->mbuf;
}

// Starts a burst of the first `count` mbufs, as received on `rx_port`.
static inline struct burst *bed_burst(uint16_t rx_port, uint32_t count, uint64_t now_ns)
{
	struct rte_mbuf *mbufs[BURST_MAX] = { 0 };

	for (uint32_t i = 0; i < count; i++)
		mbufs[i] = &bed.mbufs[i].mbuf;
	for (uint32_t i = 0; i < BED_PORTS; i++)
		bed.ports[i].count = 0;
	bed.burst.rx_port = rx_port;
	bed.burst.is_handed_over = false;
	burst_init(&bed.burst, mbufs, count, now_ns);
	return &bed.burst;
}

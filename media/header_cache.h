// header_cache.h - per flow, what a lane needs at each packet: who may send, and the header to write.
//
// One entry per flow_cfg slot, in memory private to muga-media: once built from a checked record, the hot
// path trusts it and reads only incarnation and generation of the record again. One writer: the lane of
// the flow's shard. Line 0 is all that IPv4 needs.
#pragma once

#include "base/addr.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lane;
struct packet;

enum ready_flag {
	READY_SOURCE = 1 << 0,    // the source is locked and stands here
	READY_SOURCE_V6 = 1 << 1, // ... in line 1
	READY_RTP = 1 << 2,       // kind FLOW_RTP
	READY_RTCP = 1 << 3,      // kind FLOW_RTCP
	READY_MUX = 1 << 4,       // FLOW_RTCP_MUX
	READY_COMPANION = 1 << 5, // FLOW_RTCP_COMPANION
	READY_RATE = 1 << 6,      // rate_pps_max is set
	READY_EGRESS_V6 = 1 << 7, // addresses of what leaves are in line 1
};

struct ready_header {
	// line 0
	alignas(64) uint64_t incarnation; // of the record it was built from
	uint32_t generation;              // of that record
	uint32_t epoch;                   // lane->header_epoch at that time, 0 = not valid
	uint32_t state_index;             // checked
	uint32_t source_v4;               // network order
	uint16_t source_port_be;
	uint8_t flags;                    // enum ready_flag
	uint8_t egress_reason;            // enum drop_reason: 0 = the egress part is ready
	uint8_t tx_port;                  // index into lane->ports
	uint8_t tos;                      // DSCP << 2
	uint16_t mtu;                     // of the IP packet
	uint8_t macs[12];                 // destination, source
	uint16_t vlan_be;                 // 802.1Q TCI, 0 = untagged
	uint16_t ip_sum;                  // IPv4: header words that never change, folded
	uint32_t egress_v4[2];            // source, destination, network order
	uint16_t egress_ports_be[2];      // source, destination
	uint16_t udp_sum;                 // addresses and ports of the pseudo header, folded
	uint16_t spare;
	// line 1
	alignas(64) struct ip source_v6;
	struct ip egress_v6[2];           // source, destination
	uint32_t rate_pps_max;
	uint32_t peer_slot;               // flow_cfg slot whose far end this leads to
	uint64_t peer_incarnation;
};
_Static_assert(sizeof(struct ready_header) == 128, "two lines");
_Static_assert(offsetof(struct ready_header, source_v6) == 64, "IPv4 to IPv4 touches line 0 only");

// `count` zeroed entries in untouched pages (huge ones if the kernel has them). NULL: out of memory.
struct ready_header *header_cache_new(uint32_t count);
void header_cache_free(struct ready_header *headers, uint32_t count);

// header_cache.h - per flow, what a lane needs at each packet: who may send, and the header to
// write.
//
// One entry per flow_cfg slot, in memory private to muga-media: once built from a checked record,
// the hot path trusts it and reads only incarnation and generation of the record again. One
// writer: the lane of the flow's shard. Line 0 is all that IPv4 needs.
#pragma once

#include "base/addr.h"
#include "burst.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow_cfg;
struct lane;

enum ready_flag {
	READY_SOURCE = 1 << 0,        // the source is locked and stands here
	READY_PLAIN_IN = 1 << 1,      // RTP from a locked IPv4 source, no policing: see udp_delta
	READY_RTP = 1 << 2,           // kind FLOW_RTP
	READY_RTCP = 1 << 3,          // kind FLOW_RTCP
	READY_MUX = 1 << 4,           // FLOW_RTCP_MUX
	READY_COMPANION = 1 << 5,     // FLOW_RTCP_COMPANION
	READY_RATE = 1 << 6,          // rate_pps_max is set
	READY_EGRESS_V6 = 1 << 7,     // addresses of what leaves are in line 1
	READY_PLAIN_OUT = 1 << 8,     // the egress part is ready, IPv4, untagged
	READY_VLAN = 1 << 9,          // what leaves is tagged
	READY_BAD_SEQUENCE = 1 << 10, // bad_sequence is set
	READY_SRTP_IN = 1 << 11,      // what comes must be SRTP: see srtp_route beside the header
	READY_SRTP_OUT = 1 << 12,     // what leaves must be
	// Some of its packets are not only forwarded: ICE or DTLS were agreed (divert), the call is
	// recorded, tones are played (tap.h).
	READY_ASIDE = 1 << 13,
	READY_BUNDLE = 1 << 14,       // several m= lines come by this port: see bundle.h
	READY_JOINED = 1 << 15,       // bundle_port is set: its packets come by that one only
};

struct ready_header {
	// line 0. The first three lie as in struct flow_cfg: one compare tells whether they match.
	alignas(64) uint64_t incarnation; // of the record it was built from
	uint32_t generation;              // of that record
	uint32_t state_index;             // checked
	uint32_t epoch;                   // lane->header_epoch at that time, 0 = not valid
	uint32_t source_v4;               // network order
	uint16_t source_port_be;
	uint16_t flags;        // enum ready_flag
	uint8_t egress_reason; // enum drop_reason: 0 = the egress part is ready
	uint8_t tx_port;       // index into lane->ports
	uint16_t mtu;          // of the IP packet
	uint16_t ip_sum;       // IPv4: header words that never change, folded
	uint16_t udp_delta; // READY_PLAIN_IN: pseudo header as it leaves less as it comes, folded
	// What the frame begins with: destination and source MAC, then either the 802.1Q tag or the
	// EtherType and the first two bytes of the IP header.
	uint8_t link[16];
	uint32_t egress_v4[2];       // source, destination, network order
	uint16_t egress_ports_be[2]; // source, destination
	// line 1
	alignas(64) struct ip source_v6;
	struct ip egress_v6[2]; // source, destination
	uint32_t rate_pps_max : 24; // more is as much as there is
	uint32_t is_anchored : 1;   // one of the two legs hears a stream of ours: anchor.h
	uint32_t peer_slot;    // index word of the peer's port when this was built
	uint16_t bad_sequence; // RFC 3550 A.1 bad_seq, with READY_BAD_SEQUENCE
	uint16_t own_sum; // address and port it comes to, part of the old pseudo header, folded
	uint16_t udp_sum; // addresses and ports of the pseudo header as it leaves, folded
	uint8_t retry_in; // packets until a failed egress part is tried again
	uint8_t tos;      // DSCP << 2
};
_Static_assert(sizeof(struct ready_header) == 128, "two lines");
_Static_assert(offsetof(struct ready_header, source_v6) == 64, "IPv4 to IPv4 touches line 0 only");

// Builds the entry of `slot` from its record (which is checked and copied first): acts on a new
// incarnation or generation, takes the latched source, resolves peer, far end and next hop. Slow
// path. False: the record is refused. A failed egress part is not a failure: it is
// header->egress_reason.
bool ready_header_build(struct lane *lane, uint32_t slot, uint16_t address, uint16_t port);

// Only the egress part, for a packet of our own from that address and port to `to`. *header is
// empty before.
enum drop_reason ready_header_aim(struct lane *lane, uint16_t address, uint16_t port,
	const struct addr *to, struct ready_header *header);

// Whether the peer's port has another record, or none, since the header was built. `header` is one
// of lane->headers[].
bool ready_header_is_peer_moved(const struct lane *lane, const struct ready_header *header);

// The source is locked: the hot path may compare it from now on.
void ready_header_set_source(struct ready_header *header, const struct ip *ip, uint16_t port);

// Marks the headers that lead to the far end of `cfg`'s port for a rebuild: the latch or the
// record of that port changed. These are the one of its peer and the one of the peer's port ^ 1
// (RTCP that leaves a muxed port on the side of a separate one); of all m= lines that share it.
void ready_header_expire_peers(struct lane *lane, const struct flow_cfg *cfg);

// `count` zeroed entries in untouched pages (huge ones if the kernel has them). NULL: out of
// memory.
struct ready_header *header_cache_new(uint32_t count);
void header_cache_free(struct ready_header *headers, uint32_t count);

// burst.h - up to 64 packets on their way through the stages, with a verdict for each.
//
// A burst belongs to one lane and lives for one turn of its loop. Stages decide by setting a
// verdict and leave packets whose verdict is not VERDICT_FORWARD alone. They never free:
// burst_finish() does. Only static inline parts of rte_mbuf are used up to transmit, so stages
// run in tests without EAL.
#pragma once

#include "shm/abi.h"

#include <rte_mbuf_core.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BURST_MAX 64

struct flow_cfg;
struct flow_state;
struct lane;
struct ready_header;

enum verdict {
	VERDICT_FORWARD,   // goes on to the next stage
	VERDICT_DROP,      // packet.reason says why, counted once, in burst_finish()
	VERDICT_EXCEPTION, // not media: for the kernel if the port has such a path, else dropped
	VERDICT_HANDOVER,  // another lane owns the flow: packet.lane
	VERDICT_SENT,      // the mbuf is no longer ours
};

enum drop_reason {
#define DROP_REASON(id, name, help) DROP_##id,
#include "drop_reason.def"
#undef DROP_REASON
	DROP_REASON_COUNT
};

enum packet_flag {
	PACKET_IPV6 = 1 << 0,
	PACKET_RTCP = 1 << 1, // RTCP, also when muxed (RFC 5761)
	// Untagged IPv4 without options, UDP; the frame ends with the datagram. Kept by latch only
	// for RTP from the source that stands in the ready header.
	PACKET_PLAIN = 1 << 2,
	PACKET_CHANGED = 1 << 3, // other payload than came: its UDP checksum is made anew
	PACKET_PROTECT = 1 << 4, // leaves under a key: set by protect_reserve()
	PACKET_BUNDLED = 1 << 5, // came by the port of its group, which has checked the source
};

// What the stages know of one packet. A line, so that a burst stays in the first-level cache.
struct packet {
	struct rte_mbuf *mbuf;
	uint8_t *ip;                 // network header
	uint8_t *udp;                // UDP header
	const struct flow_cfg *cfg;  // borrowed until the quiescent state; set by lookup
	struct ready_header *header; // of cfg's slot, lane-private; set by lookup
	struct flow_state *state;    // set by lookup, null if the record was refused
	uint16_t udp_len;            // header and payload, as announced and checked
	uint8_t lane;                // target of VERDICT_HANDOVER
	uint8_t spare0;
	uint16_t port;    // media port it came to, host order
	uint16_t address; // media address it came to: with `port` the place in the index
	uint8_t flags;    // enum packet_flag
	uint8_t reason;   // enum drop_reason
	uint8_t verdict;  // enum verdict
	uint8_t tx_port;  // set by rewrite: index into lane->ports
	uint32_t slot;    // of cfg
};
_Static_assert(sizeof(struct packet) == 64, "a line for each packet");
_Static_assert(offsetof(struct packet, address) == offsetof(struct packet, port) + 2 &&
		SHM_PORTS == 1u << 16,
	"the two are one word, address * SHM_PORTS + port");
_Static_assert(offsetof(struct packet, tx_port) == offsetof(struct packet, verdict) + 1,
	"transmit compares the two at once");

struct burst {
	uint32_t count;      // packets in use
	uint16_t rx_port;    // index into lane->ports: all packets of a burst came in there
	bool is_handed_over; // came from another lane's ring: a handover again would be a loop
	bool is_sent;        // every packet is VERDICT_SENT: nothing to finish
	bool is_protected;   // some packet is PACKET_PROTECT
	uint16_t ready;      // enum ready_flag of all headers that lookup found, or-ed
	uint32_t octets;     // frame bytes of what rewrite gave to transmit
	struct lane *lane;   // set by forward_burst()
	uint64_t now_ns;     // CLOCK_MONOTONIC, one reading for the burst
	uint32_t now_8khz;   // the same in RTP timestamp units of 8000 Hz
	alignas(64) struct packet packets[BURST_MAX];
	struct rte_mbuf *mbufs[BURST_MAX]; // of packets[], for a port that takes them all
};

// address * SHM_PORTS + port: where the index names the flow's slot.
static inline uint32_t packet_place(const struct packet *packet)
{
	uint32_t place;

	memcpy(&place, &packet->port, sizeof(place));
	return place;
}

static inline void packet_drop(struct packet *packet, enum drop_reason reason)
{
	packet->verdict = VERDICT_DROP;
	packet->reason = (uint8_t)reason;
}

static inline void packet_except(struct packet *packet, enum drop_reason reason)
{
	packet->verdict = VERDICT_EXCEPTION;
	packet->reason = (uint8_t)reason;
}

// Name and help of a reason, "?" beyond the last.
const char *drop_reason_name(uint32_t reason);
const char *drop_reason_help(uint32_t reason);

// Starts a burst over received mbufs (each one segment). count <= BURST_MAX.
void burst_init(
	struct burst *burst, struct rte_mbuf *const *mbufs, uint32_t count, uint64_t now_ns);

// The life of a packet, in order: classify, lookup, divert, unprotect, unbundle, latch, rewrite,
// protect, transmit. Afterwards packets are VERDICT_SENT, DROP, EXCEPTION or HANDOVER; the lane
// takes care of the last two, then calls burst_finish().
void forward_burst(struct lane *lane, struct burst *burst);

// Counts and frees what was dropped. What is still EXCEPTION or HANDOVER is dropped for its reason.
void burst_finish(struct lane *lane, struct burst *burst);

// The stages, for forward_burst() and tests.
void classify_burst(struct lane *lane, struct burst *burst); // headers -> media address and port
void lookup_burst(struct lane *lane, struct burst *burst);   // port -> flow, header, state
// STUN and DTLS to the slow thread. Only for bursts with READY_ASIDE in burst->ready.
void divert_burst(struct lane *lane, struct burst *burst);
// SRTP to RTP. Only for bursts with READY_SRTP_IN in burst->ready.
void unprotect_burst(struct lane *lane, struct burst *burst);
// One port, several m= lines: to the record of each. Only with READY_BUNDLE in burst->ready.
void unbundle_burst(struct lane *lane, struct burst *burst);
void latch_burst(struct lane *lane, struct burst *burst);    // source, RTP validity, rate
void rewrite_burst(struct lane *lane, struct burst *burst);  // the peer's header, stream statistics
void protect_burst(struct lane *lane, struct burst *burst);  // RTP to SRTP: if is_protected
void transmit_burst(struct lane *lane, struct burst *burst); // egress ports

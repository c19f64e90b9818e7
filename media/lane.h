// lane.h - what the stages of one lane work on. The lane's thread owns it; others only read
// counters.
//
// lane_run.c (the loop around the stages: receive, handover rings, kernel path, hints, idle
// back-off, epoch) fills it before the first burst and changes view, addresses and ports only
// between bursts.
#pragma once

#include "address_map.h"
#include "burst.h"
#include "header_cache.h"
#include "nexthop.h"
#include "base/histogram.h"
#include "shm/event.h"
#include "shm/flow_table.h"

#include <rte_branch_prediction.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LANE_PORTS_MAX  32
#define LANE_EVENTS_MAX 128

// writer: the lane. Readers: control thread, telemetry (relaxed).
struct lane_counters {
	alignas(64) _Atomic uint64_t received; // packets given to classify
	_Atomic uint64_t forwarded;            // taken by an egress port
	_Atomic uint64_t forwarded_octets;     // frame bytes of these
	_Atomic uint64_t exceptions;    // not media (verdict EXCEPTION), whatever became of them
	_Atomic uint64_t handovers;     // belong to another lane
	_Atomic uint64_t headers_built; // slow path of rewrite
	_Atomic uint64_t latched;       // sources locked
	_Atomic uint64_t events_lost;   // lane->events was full
	_Atomic uint64_t departed;      // records of the slow thread that were done
	_Atomic uint64_t departures_lost; // that could not be: no route, no memory, port full
	_Atomic uint64_t keepalives;      // sent to silent far ends (keepalive.h)
	_Atomic uint64_t recorded;        // copies given to the recorder
	_Atomic uint64_t recording_lost;  // that found no room on their way there
	_Atomic uint64_t events_read;     // telephone events, each once
	_Atomic uint64_t tones_played;    // whole telephone events played into a flow
	_Atomic uint64_t tones_lost;      // packets of them that could not be made, or queued
	_Atomic uint64_t dropped[DROP_REASON_COUNT];
};

// Takes up to `count` mbufs to egress queue `queue`; returns how many, the rest stays the caller's.
typedef uint16_t (*port_send_fn)(void *context, struct rte_mbuf **mbufs, uint16_t count);

// One egress queue of this lane, with what waits for the end of the burst.
struct lane_port {
	port_send_fn send;        // NULL: no such port
	void *context;            // of send
	uint32_t count;           // in mbufs[], 0 between bursts
	bool is_checksum_trusted; // UDP checksums of what comes in are complete (else recomputed)
	struct rte_mbuf *mbufs[BURST_MAX];
	struct packet *packets[BURST_MAX]; // same order
};

// For signaling, by hint; lane_hints.c empties it after each burst.
struct lane_event {
	struct hint hint;
	uint32_t owner; // worker whose ring it goes to; from the record, so unchecked
};

struct slow_link;
struct srtp_lane;
struct tap_lane;
struct flow_report;

struct lane {
	uint32_t id;                         // 0..lanes-1
	struct flow_view view;               // signaling's tables
	struct flow_state *states;           // media's file, [view.flows]
	const struct address_map *addresses; // immutable, replaced between bursts
	const struct nexthop_table *nexthops;
	struct ready_header *headers;         // [headers_max], shared by lanes: one writer per flow
	struct bundle *bundles;               // [view.key_count], likewise; NULL: none
	uint32_t headers_max;                 // slots beyond it are refused (DROP_BAD_FLOW)
	uint32_t header_epoch;                // headers of another epoch are rebuilt; never 0
	uint32_t route_generation;            // nexthop_generation() at header_epoch
	struct slow_link *slow;               // NULL: no STUN, no DTLS
	struct tap_lane *tap;                 // NULL: no recording, events, reports of RTCP
	struct rte_mbuf *(*mbuf_new)(void *context); // of the lane's own packets; NULL: none
	void *mbuf_context;                   // of mbuf_new
	struct srtp_lane *srtp;               // NULL: flows with keys are refused, packet by packet
	uint16_t ip_id;                       // next IPv4 identification, any value
	uint8_t shard_lane[SHM_MEDIA_SHARDS]; // lane of each media shard
	struct lane_port ports[LANE_PORTS_MAX];
	struct histogram *latency; // media's file, by media address (shm/latency.h)
	struct histogram *bursts;  // likewise, of all
	uint32_t latency_turn;     // bursts noted, any value
	uint32_t event_count;
	struct lane_event events[LANE_EVENTS_MAX];
	struct lane_counters counters;
};

// Zeroes and sets the view; `headers` comes from header_cache_new() and is borrowed. The caller
// then fills addresses, nexthops, ports and shard_lane (all shards are the lane's own at first).
void lane_init(
	struct lane *lane, uint32_t id, const struct flow_view *view, struct flow_state *states);

// Something about that port is new: its record (HINT_FLOW_CHANGED) or its latch. Acts on a new
// incarnation or generation now and builds the headers of the port and of its peer, which has their
// next hops resolved: packets find all of it done. Ports of other lanes, and those without a
// record, are ignored. Between bursts, online (epoch.h).
void lane_flow_changed(struct lane *lane, uint16_t address, uint16_t port);

// Hints were lost, or the view changed: rebuild every header at its next packet.
void lane_headers_expire(struct lane *lane);

// Slots that a sweep must visit.
uint32_t lane_flows_limit(const struct lane *lane);

// Looks at `count` slots from `from`, for what hints did not tell: published records of this lane
// that it does not know yet or that could not be forwarded, headers whose peer is gone or replaced.
// Between bursts, online.
void lane_flows_sweep(struct lane *lane, uint32_t from, uint32_t count);

// Expires the headers when routes or neighbours have changed. Before each burst and each sweep.
static inline void lane_routes_follow(struct lane *lane)
{
	uint32_t generation = nexthop_generation(lane->nexthops);

	if (unlikely(generation != lane->route_generation)) {
		lane->route_generation = generation;
		lane_headers_expire(lane);
	}
}

// Whether `header` was built from this record and nothing that it depends on has moved since.
static inline bool ready_header_is_fresh(
	const struct lane *lane, const struct flow_cfg *cfg, const struct ready_header *header)
{
	return header->incarnation == cfg->incarnation && header->generation == cfg->generation &&
		header->epoch == lane->header_epoch;
}

// Appends to lane->events, or counts it lost.
void lane_post(struct lane *lane, enum hint_kind kind, const struct flow_cfg *cfg);

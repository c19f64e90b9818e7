// lane_run.h - the loop of a lane: receive, stages, handover, hints (lane_hints.h), epoch, idle
// back-off; and the main thread's hand on it (lane_runners.c).
//
// The main thread makes runners before DPDK launches them and steers them afterwards through the
// published pointers only. Everything else in a runner belongs to its lane's thread.
#pragma once

#include "lane.h"

#include <rte_ring.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LANE_RX_MAX 256

struct crypto;

// One pair of segment files as lanes see it. Immutable while published to lanes.
struct lane_attachment {
	const struct shm_map *signaling;
	const struct shm_map *media;
	struct flow_view view;
	struct flow_state *states;
	struct ready_header *headers; // shared by all lanes, one writer per flow
	uint32_t headers_max;
	struct srtp_context *contexts; // likewise, beside the segment's keys: [view.key_count]
	struct srtp_route *routes;     // likewise, beside headers
	struct bundle *bundles;        // likewise, [view.key_count]
	struct flow_crypto *crypto;    // media's file, [view.key_count]
	struct flow_tap *taps;         // likewise, beside the states: [view.flows]
	_Atomic uint64_t *global_epoch;
	uint32_t instance;            // of media's file
};

// One ingress queue.
struct lane_rx {
	uint16_t port;         // index into lane->ports
	uint16_t id;           // DPDK's port
	uint16_t queue;
	bool is_kernel_copied; // AF_PACKET: the kernel has its own copy of what is not ours
};

struct lane_tx {
	uint16_t id;
	uint16_t queue;
};

// What the loop counts besides struct lane_counters. writer: the lane; readers: telemetry.
#define LANE_LOOP_COUNTERS(X)                                                                      \
	X(turns)          /* of the loop */                                                        \
	X(turns_empty)    /* of these, without a packet */                                         \
	X(sleeps)         /* of at most LANE_SLEEP_LONG_NS each */                                 \
	X(cycles_busy)    /* in bursts, until sent; the rest is spinning, chores and sleep */      \
	X(handovers_in)   /* packets taken from other lanes */                                     \
	X(hints)          /* from signaling */                                                     \
	X(hints_overflow) /* hints were lost: every header rebuilt */                              \
	X(hints_unsent)   /* to signaling, its ring was full */                                    \
	X(detached)       /* packets freed while no segment was attached */

struct lane_loop_counters {
#define X(name) _Atomic uint64_t name;
	LANE_LOOP_COUNTERS(X)
#undef X
};

// Where the look through the flow table stands.
struct lane_sweep {
	uint32_t cursor;   // next slot
	bool is_urgent;    // as fast as traffic allows
	uint64_t began_ns; // this pass
};

struct lane_runner {
	struct lane lane;
	struct lane_loop_counters loop;

	// writer: main thread, readers: the lane (acquire)
	_Atomic(const struct lane_attachment *) attachment; // NULL: take hands off the segment
	_Atomic(const struct address_map *) addresses;
	_Atomic bool is_stopping;
	// writer: the lane, reader: main thread
	_Atomic(const struct lane_attachment *) attached;   // what it works with now
	_Atomic bool is_running;
	_Atomic bool is_swept; // has looked through the whole table since it was attached

	// set before the launch
	uint32_t lanes;
	uint32_t rx_count;
	struct lane_rx rx[LANE_RX_MAX];
	struct lane_tx tx[LANE_PORTS_MAX];
	struct rte_ring *from[SHM_LANE_MAX]; // packets of other lanes for this one, NULL at own id
	struct rte_ring *to[SHM_LANE_MAX];

	// the lane's own
	struct burst burst;
	uint32_t idle_turns;
	struct lane_sweep sweep;
	uint64_t chores_ns;
	uint64_t publish_ns;
};

// The longest time that the loop sleeps, which is the latency that idling adds at most (the
// kernel's timer slack is set to 1 ns): short after the last packet, long after some 10 ms without
// any.
#define LANE_SLEEP_SHORT_NS 30000u
#define LANE_SLEEP_LONG_NS  80000u

// The lane of a media shard, with so many lanes.
static inline uint32_t lane_of_shard(uint32_t shard, uint32_t lanes)
{
	return shard % lanes;
}

// `count` runners with the rings between them, or NULL. rte_eal_init() before.
struct lane_runner *lane_runners_new(uint32_t count);
void lane_runners_free(struct lane_runner *runners, uint32_t count);

// Before the launch: SRTP for all of them; without it, flows with keys are refused. 0 or -ENOMEM.
int lane_runners_add_srtp(
	struct lane_runner *runners, uint32_t count, const struct crypto *crypto);

// Before the launch. -ENOSPC: LANE_RX_MAX.
int lane_runner_add_rx(struct lane_runner *runner, const struct lane_rx *rx);
void lane_runner_add_tx(struct lane_runner *runner, uint16_t port, const struct lane_tx *tx,
	bool is_checksum_trusted);

struct slow;
struct recorder;
struct rte_mempool;

// Before the launch: the slow thread's rings for all of them.
void lane_runners_add_slow(struct lane_runner *runners, uint32_t count, struct slow *slow);

// Before the launch: recordings, events and reports for all of them, and the pool of packets that
// they make. 0 or -ENOMEM.
int lane_runners_add_tap(struct lane_runner *runners, uint32_t count, struct recorder *recorder,
	struct rte_mempool *pool);

// Main thread: gives lanes another attachment, or NULL, and waits until all work with it.
void lane_runners_attach(struct lane_runner *runners, uint32_t count,
	const struct lane_attachment *attachment);
// Main thread: waits until the lanes have looked through all flows that were there when they were
// attached, or that long. False: time is up.
bool lane_runners_await_sweep(struct lane_runner *runners, uint32_t count, uint32_t timeout_ms);
// Main thread: gives lanes another map and waits until none reads the old one.
void lane_runners_set_addresses(struct lane_runner *runners, uint32_t count,
	const struct address_map *addresses);

// The thread of the lane: runs until is_stopping. `context` is its runner. Returns 0.
int lane_run(void *context);

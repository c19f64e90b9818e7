// dataplane.h - two lanes with EAL, segment files in memory and flows: for tests of what bed.h
// cannot show.
//
// Port 0 is "in" (media address 0), port 1 is "out" (media address 1); the caller opens both. Only
// lane 0 receives, so packets of lane 1's shards are always handed over. One per program.
#pragma once

#include "addresses.h"
#include "base/metric.h"
#include "lane_hints.h"
#include "lane_run.h"
#include "nexthop_table.h"
#include "port.h"
#include "shm/latency.h"
#include "shm/shard_lanes.h"
#include "sum.h"

#include "ethdev.h"

#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_mbuf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PLANE_LANES   2u
#define PLANE_FLOWS   512u
#define PLANE_FRAME   214u
#define PLANE_WAIT_MS 3000
#define PLANE_OWN_A   0xc6336401u // 198.51.100.1
#define PLANE_OWN_B   0xc6336441u // 198.51.100.65
#define PLANE_FAR_A   0xcb007105u // 203.0.113.5
#define PLANE_FAR_B   0xc0000209u // 192.0.2.9
#define PLANE_PORT_MIN 20480
#define PLANE_PORT_MAX 40959
#define PLANE_RTP_A   4000
#define PLANE_RTP_B   5000

struct plane_call {
	struct flow_pair a, b;
};

struct plane {
	struct rte_mempool *pool;
	struct shm_map signaling, media;
	struct flow_writer *writer;
	struct lane_attachment attachment;
	struct nexthop_table *nexthops;
	struct address_map map;
	struct lane_runner *runners;
	struct ready_header *headers;
	uint64_t now_ms;
};

static struct plane plane;

static inline void plane_pause(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

// Until the condition holds, at most PLANE_WAIT_MS; it is not evaluated again afterwards.
#define PLANE_AWAIT(condition)                                                                     \
	do {                                                                                       \
		bool is_met = (condition);                                                         \
		for (int spent = 0; spent < PLANE_WAIT_MS && !is_met; spent++) {                   \
			plane_pause();                                                             \
			is_met = (condition);                                                      \
		}                                                                                  \
		assert_true(is_met);                                                               \
	} while (0)

static inline int plane_eal(void **state)
{
	char lcores[128], prefix[64];
	long last = sysconf(_SC_NPROCESSORS_ONLN) - 1;
	char *args[] = { "test", "--no-pci", "--no-huge", "--no-shconf", "--no-telemetry", "-m",
		"96", "--log-level=*:error", lcores, "--main-lcore=0", prefix };

	(void)state;
	snprintf(
		lcores, sizeof(lcores), "--lcores=0@(0-%ld),1@(0-%ld),2@(0-%ld)", last, last, last);
	snprintf(prefix, sizeof(prefix), "--file-prefix=unit-%d", (int)getpid());
	if (rte_eal_init(sizeof(args) / sizeof(args[0]), args) < 0)
		return -1;
	plane.pool = rte_pktmbuf_pool_create("packets", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
		SOCKET_ID_ANY);
	return plane.pool ? 0 : -1;
}

static inline int plane_eal_end(void **state)
{
	(void)state;
	rte_mempool_free(plane.pool);
	rte_eal_cleanup();
	return 0;
}

static inline void plane_addresses(uint16_t egress_b)
{
	struct address_entry entries[2] = {
		{ .ip = ip_from_v4(PLANE_OWN_A),
			.port_min = PLANE_PORT_MIN,
			.port_max = PLANE_PORT_MAX },
		{ .ip = ip_from_v4(PLANE_OWN_B),
			.rx_port = 1,
			.address = 1,
			.port_min = PLANE_PORT_MIN,
			.port_max = PLANE_PORT_MAX },
	};
	struct nexthop_snapshot *edit;

	for (uint32_t i = 0; i < 2; i++) {
		struct shm_address *out = &shm_addresses(&plane.signaling)[i];

		out->ip = entries[i].ip;
		out->port_min = entries[i].port_min;
		out->port_max = entries[i].port_max;
	}
	atomic_store(shm_address_count(&plane.signaling), 2);
	assert_int_equal(address_map_build(&plane.map, entries, 2), 0);
	plane.nexthops = nexthop_table_new();
	assert_non_null(plane.nexthops);
	edit = nexthop_table_edit(plane.nexthops);
	for (uint16_t i = 0; i < 2; i++)
		edit->egress[i] = (struct nexthop_egress){ .port = i ? egress_b : 0, .mtu = 1500,
			.is_fixed = true, .own_mac = { 2 }, .fixed_mac = { 2, 1 } };
	nexthop_table_publish(plane.nexthops);
}

static inline void plane_segments(void)
{
	struct shm_geometry geometry = { .addresses = 2, .flows = PLANE_FLOWS, .workers = 1,
		.lanes = PLANE_LANES };
	uint8_t lane_of[SHM_MEDIA_SHARDS];

	assert_int_equal(shm_anonymous(&geometry, &plane.signaling, &plane.media), 0);
	for (uint32_t shard = 0; shard < SHM_MEDIA_SHARDS; shard++)
		lane_of[shard] = (uint8_t)lane_of_shard(shard, PLANE_LANES);
	shm_shard_lanes_publish(&plane.media, lane_of);
	plane.headers = header_cache_new(PLANE_FLOWS);
	plane.attachment = (struct lane_attachment){
		.signaling = &plane.signaling,
		.media = &plane.media,
		.states = shm_flow_state(&plane.media),
		.headers = plane.headers,
		.headers_max = PLANE_FLOWS,
		.global_epoch = shm_global_epoch(&plane.signaling),
		.instance = atomic_load(&shm_header(&plane.media)->instance),
	};
	flow_view_init(&plane.attachment.view, &plane.signaling);
}

// Lanes run from here on. `egress_b`: port by which media address 1 sends.
static inline void plane_start(const struct port *in, const struct port *out, uint16_t egress_b)
{
	struct flow_writer_params params = { .signaling = &plane.signaling, .media = &plane.media,
		.workers = 1, .quarantine_ms = 1000, .orphan_timeout_ms = 5000 };
	struct lane_rx rx = { .id = in->id };

	plane_segments();
	plane_addresses(egress_b);
	plane.now_ms = 100000;
	plane.writer = flow_writer_new(&params, plane.now_ms);
	assert_non_null(plane.writer);
	plane.runners = lane_runners_new(PLANE_LANES);
	assert_non_null(plane.runners);
	assert_int_equal(lane_runner_add_rx(&plane.runners[0], &rx), 0);
	for (uint16_t l = 0; l < PLANE_LANES; l++) {
		plane.runners[l].lane.nexthops = plane.nexthops;
		lane_runner_add_tx(&plane.runners[l], 0, &(struct lane_tx){ in->id, l }, true);
		lane_runner_add_tx(&plane.runners[l], 1, &(struct lane_tx){ out->id, l }, true);
	}
	lane_runners_set_addresses(plane.runners, PLANE_LANES, &plane.map);
	lane_runners_attach(plane.runners, PLANE_LANES, &plane.attachment);
	for (uint32_t l = 0; l < PLANE_LANES; l++)
		assert_int_equal(rte_eal_remote_launch(lane_run, &plane.runners[l], l + 1), 0);
	assert_true(lane_runners_await_sweep(plane.runners, PLANE_LANES, PLANE_WAIT_MS));
}

static inline void plane_stop(void)
{
	for (uint32_t l = 0; l < PLANE_LANES; l++)
		atomic_store(&plane.runners[l].is_stopping, true);
	rte_eal_mp_wait_lcore();
	lane_runners_free(plane.runners, PLANE_LANES);
	flow_writer_free(plane.writer);
	nexthop_table_free(plane.nexthops);
	header_cache_free(plane.headers, PLANE_FLOWS);
	shm_close(&plane.signaling);
	shm_close(&plane.media);
}

static inline void plane_publish(struct flow_pair *own, const struct flow_pair *peer, bool is_b)
{
	struct flow_cfg cfg = { .kind = FLOW_RTP,
		.latch_mode = FLOW_LATCH_STRICT,
		.probation_packets = 3,
		.remote_ip = ip_from_v4(is_b ? PLANE_FAR_B : PLANE_FAR_A),
		.remote_port = is_b ? PLANE_RTP_B : PLANE_RTP_A,
		.peer_incarnation = peer->incarnation,
		.peer_address = peer->media_address,
		.peer_port = peer->port };

	assert_int_equal(flow_publish(plane.writer, own, 0, &cfg), 0);
}

// A call whose ports lie in that shard.
static inline struct plane_call plane_call(int shard)
{
	struct plane_call call;

	assert_int_equal(flow_pair_reserve(plane.writer, 0, shard, &call.a), 0);
	assert_int_equal(flow_pair_reserve(plane.writer, 1, shard, &call.b), 0);
	plane_publish(&call.a, &call.b, false);
	plane_publish(&call.b, &call.a, true);
	return call;
}

static inline struct rte_mbuf *plane_packet(uint16_t port, uint16_t sequence)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(plane.pool);
	uint8_t *frame;
	uint16_t sum;

	assert_non_null(mbuf);
	mbuf->data_len = PLANE_FRAME;
	mbuf->pkt_len = PLANE_FRAME;
	frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	memset(frame, 0, PLANE_FRAME);
	memcpy(frame + 12, "\x08\x00\x45\x00\x00\xc8\x00\x00\x00\x00\x40\x11", 12);
	memcpy(frame + 26, "\xcb\x00\x71\x05\xc6\x33\x64\x01\x0f\xa0", 10);
	frame[36] = (uint8_t)(port >> 8);
	frame[37] = (uint8_t)port;
	frame[39] = PLANE_FRAME - 34;
	frame[42] = 0x80;
	frame[43] = 8;
	frame[44] = (uint8_t)(sequence >> 8);
	frame[45] = (uint8_t)sequence;
	frame[53] = 7;
	sum = (uint16_t)~sum_fold(sum_header(frame + 14, 20));
	memcpy(frame + 24, &sum, sizeof(sum));
	return mbuf;
}

// RTP of the call, sequence numbers from `first`, into queue 0 of the port with DPDK's number `id`.
static inline void plane_send(
	uint16_t id, const struct plane_call *call, uint16_t first, uint16_t count)
{
	for (uint16_t i = 0; i < count; i++) {
		struct rte_mbuf *mbuf = plane_packet(call->a.port, (uint16_t)(first + i));

		PLANE_AWAIT(rte_eth_tx_burst(id, 0, &mbuf, 1) == 1);
	}
}

// Takes `count` packets out of a queue and checks that they are the other leg's, in order.
static inline void plane_expect(uint16_t id, uint16_t queue, uint16_t first, uint16_t count)
{
	for (uint16_t i = 0; i < count; i++) {
		struct rte_mbuf *mbuf = NULL;
		const uint8_t *frame;

		PLANE_AWAIT(rte_eth_rx_burst(id, queue, &mbuf, 1) == 1);
		frame = rte_pktmbuf_mtod(mbuf, const uint8_t *);
		assert_int_equal(rte_pktmbuf_pkt_len(mbuf), PLANE_FRAME);
		assert_memory_equal(frame + 26, "\xc6\x33\x64\x41\xc0\x00\x02\x09", 8);
		assert_int_equal(frame[36] << 8 | frame[37], PLANE_RTP_B);
		assert_int_equal(frame[44] << 8 | frame[45], (uint16_t)(first + i));
		rte_pktmbuf_free(mbuf);
	}
}

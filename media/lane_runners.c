// lane_runners.c - the main thread's side of lane_run.h: making runners, wiring ports, steering
// lanes.
#include "lane_run.h"

#include "ethdev.h"
#include "recorder.h"
#include "slow.h"
#include "srtp.h"
#include "tap.h"

#include "base/clock.h"

#include <errno.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <stdio.h>
#include <time.h>
#include <urcu-qsbr.h>

#define HANDOVER_SLOTS 1024u
#define WAIT_NS	       200000u

static int link_rings(struct lane_runner *runners, uint32_t count)
{
	char name[32];

	for (uint32_t from = 0; from < count; from++) {
		for (uint32_t to = 0; to < count; to++) {
			struct rte_ring *ring;

			if (from == to)
				continue;
			snprintf(name, sizeof(name), "handover_%u_%u", from, to);
			ring = rte_ring_create(name, HANDOVER_SLOTS, SOCKET_ID_ANY,
				RING_F_SP_ENQ | RING_F_SC_DEQ);
			if (!ring)
				return -rte_errno;
			runners[from].to[to] = ring;
			runners[to].from[from] = ring;
		}
	}
	return 0;
}

struct lane_runner *lane_runners_new(uint32_t count)
{
	struct lane_runner *runners = rte_zmalloc("lanes", count * sizeof(*runners), 64);

	if (!runners)
		return NULL;
	for (uint32_t i = 0; i < count; i++) {
		struct flow_view none = { 0 };

		lane_init(&runners[i].lane, i, &none, NULL);
		runners[i].lanes = count;
		for (uint32_t shard = 0; shard < SHM_MEDIA_SHARDS; shard++)
			runners[i].lane.shard_lane[shard] = (uint8_t)lane_of_shard(shard, count);
	}
	if (link_rings(runners, count)) {
		lane_runners_free(runners, count);
		return NULL;
	}
	return runners;
}

void lane_runners_free(struct lane_runner *runners, uint32_t count)
{
	if (!runners)
		return;
	for (uint32_t lane = 0; lane < count; lane++) {
		srtp_lane_free(runners[lane].lane.srtp);
		rte_free(runners[lane].lane.tap);
	}
	for (uint32_t from = 0; from < count; from++)
		for (uint32_t to = 0; to < count; to++)
			rte_ring_free(runners[from].to[to]);
	rte_free(runners);
}

int lane_runners_add_srtp(
	struct lane_runner *runners, uint32_t count, const struct crypto *crypto)
{
	for (uint32_t i = 0; i < count; i++) {
		runners[i].lane.srtp = srtp_lane_new(crypto, i);
		if (!runners[i].lane.srtp)
			return -ENOMEM;
	}
	return 0;
}

static struct rte_mbuf *mbuf_from_pool(void *context)
{
	return rte_pktmbuf_alloc(context);
}

void lane_runners_add_slow(struct lane_runner *runners, uint32_t count, struct slow *slow)
{
	for (uint32_t i = 0; i < count; i++)
		runners[i].lane.slow = slow_link_of(slow, i);
}

int lane_runners_add_tap(struct lane_runner *runners, uint32_t count, struct recorder *recorder,
	struct rte_mempool *pool)
{
	for (uint32_t i = 0; i < count; i++) {
		struct tap_lane *tap = rte_zmalloc("tap", sizeof(*tap), 64);

		if (!tap)
			return -ENOMEM;
		tap->ring = recorder ? recorder_ring(recorder, i) : NULL;
		runners[i].lane.tap = tap;
		runners[i].lane.mbuf_new = mbuf_from_pool;
		runners[i].lane.mbuf_context = pool;
	}
	return 0;
}

int lane_runner_add_rx(struct lane_runner *runner, const struct lane_rx *rx)
{
	if (runner->rx_count == LANE_RX_MAX)
		return -ENOSPC;
	runner->rx[runner->rx_count++] = *rx;
	return 0;
}

static uint16_t send_burst(void *context, struct rte_mbuf **mbufs, uint16_t count)
{
	const struct lane_tx *tx = context;

	return rte_eth_tx_burst(tx->id, tx->queue, mbufs, count);
}

void lane_runner_add_tx(struct lane_runner *runner, uint16_t port, const struct lane_tx *tx,
	bool is_checksum_trusted)
{
	runner->tx[port] = *tx;
	runner->lane.ports[port].send = send_burst;
	runner->lane.ports[port].context = &runner->tx[port];
	runner->lane.ports[port].is_checksum_trusted = is_checksum_trusted;
}

static void wait_a_little(void)
{
	struct timespec pause = { .tv_nsec = WAIT_NS };

	nanosleep(&pause, NULL);
}

void lane_runners_attach(struct lane_runner *runners, uint32_t count,
	const struct lane_attachment *attachment)
{
	for (uint32_t i = 0; i < count; i++)
		// release: pairs with the acquire in follow()
		atomic_store_explicit(&runners[i].attachment, attachment, memory_order_release);
	for (uint32_t i = 0; i < count; i++)
		while (atomic_load_explicit(&runners[i].is_running, memory_order_acquire) &&
			atomic_load_explicit(&runners[i].attached, memory_order_acquire) !=
				attachment)
			wait_a_little();
}

bool lane_runners_await_sweep(struct lane_runner *runners, uint32_t count, uint32_t timeout_ms)
{
	uint64_t end_ns = clock_mono_ns() + timeout_ms * NS_PER_MS;

	for (uint32_t i = 0; i < count; i++)
		while (!atomic_load_explicit(&runners[i].is_swept, memory_order_acquire)) {
			if (clock_mono_ns() >= end_ns)
				return false;
			wait_a_little();
		}
	return true;
}

void lane_runners_set_addresses(struct lane_runner *runners, uint32_t count,
	const struct address_map *addresses)
{
	for (uint32_t i = 0; i < count; i++)
		atomic_store_explicit(&runners[i].addresses, addresses, memory_order_release);
	synchronize_rcu(); // lanes load it once per turn and are quiescent between turns
}

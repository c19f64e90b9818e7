// loop.c - see loop.h.
#include "loop.h"

#include "base/clock.h"
#include "base/metric.h"

#include "ethdev.h"
#include "latency.h"
#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <string.h>
#include <time.h>
#include <valgrind/callgrind.h>

#define BURST   32
#define SCATTER 0x9e3779b1u

// Makes packet number n a packet of a flow: destination, sequence, timestamp. Receive callback.
// tidy-allow parameters: rte_rx_callback_fn
static uint16_t stamp(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t count,
	uint16_t max, void *context)
{
	static uint64_t counters[LOOP_FORWARD + 1]; // apart, so that no flow's sequence has gaps
	const struct loop *loop = context;
	uint64_t n = counters[loop->mode];

	(void)port;
	(void)queue;
	(void)max;
	for (uint16_t i = 0; i < count; i++, n++) {
		uint8_t *frame = rte_pktmbuf_mtod(mbufs[i], uint8_t *);
		uint32_t f = (uint32_t)n * SCATTER & (loop->flows - 1);
		uint32_t round = (uint32_t)(n / loop->flows);
		uint32_t ip_be = tables_ip_be(f);
		// The frames of the file come with checksums for destination 0.0.0.0.
		uint16_t sum;
		memcpy(&sum, frame + 24, sizeof(sum));
		uint32_t fixed = (uint16_t)~sum + (ip_be & 0xffff) + (ip_be >> 16);
		fixed = (fixed & 0xffff) + (fixed >> 16);
		sum = (uint16_t) ~((fixed & 0xffff) + (fixed >> 16));
		memcpy(frame + 24, &sum, sizeof(sum));
		memcpy(frame + 30, &ip_be, sizeof(ip_be));
		uint16_t dst = rte_cpu_to_be_16(tables_port(f));
		memcpy(frame + 36, &dst, sizeof(dst));
		uint16_t sequence = rte_cpu_to_be_16((uint16_t)round);
		memcpy(frame + 44, &sequence, sizeof(sequence));
		uint32_t timestamp = rte_cpu_to_be_32(round * 160);
		memcpy(frame + 46, &timestamp, sizeof(timestamp));
	}
	counters[loop->mode] = n;
	return count;
}

static uint16_t send_port(void *context, struct rte_mbuf **mbufs, uint16_t count)
{
	return rte_eth_tx_burst(((const struct loop *)context)->port, 0, mbufs, count);
}

static uint32_t turn_io(const struct loop *loop)
{
	struct rte_mbuf *mbufs[BURST];
	uint16_t count = rte_eth_rx_burst(loop->port, 0, mbufs, BURST);
	uint16_t sent = rte_eth_tx_burst(loop->port, 0, mbufs, count);

	if (sent < count)
		rte_pktmbuf_free_bulk(mbufs + sent, count - sent);
	return count;
}

// One turn of a lane: everything that lane_run.c does at each burst belongs to the price.
static uint32_t turn_forward(struct loop *loop)
{
	static struct burst burst;
	static struct epoch_slot slot;
	static _Atomic uint64_t epoch = 1;
	struct rte_mbuf *mbufs[BURST];
	uint16_t count = rte_eth_rx_burst(loop->port, 0, mbufs, BURST);
	uint64_t begin = rte_rdtsc();

	burst_init(&burst, mbufs, count, clock_mono_ns());
	forward_burst(&loop->tables->lane, &burst);
	latency_note(&loop->tables->lane, &burst, rte_rdtsc() - begin);
	burst_finish(&loop->tables->lane, &burst);
	loop->tables->lane.event_count = 0;
	epoch_quiescent(&slot, &epoch);
	return count;
}

static inline uint32_t turn(struct loop *loop)
{
	return loop->mode == LOOP_FORWARD ? turn_forward(loop) : turn_io(loop);
}

static uint64_t thread_cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void measure(struct loop *loop)
{
	uint64_t begin_ns = thread_cpu_ns();

	for (uint64_t i = 0; i < loop->bursts; i++) {
		uint64_t start = rte_rdtsc_precise();
		uint32_t count = turn(loop);
		uint64_t cycles = rte_rdtsc_precise() - start;
		if (count == 0)
			continue;
		loop->packets += count;
		stats_count(&loop->histogram, cycles / count);
	}
	loop->cpu_ns = thread_cpu_ns() - begin_ns;
}

int loop_run(void *context)
{
	struct loop *loop = context;
	struct lane *lane = &loop->tables->lane;
	const struct rte_eth_rxtx_callback *callback = NULL;

	lane->ports[0].send = send_port;
	lane->ports[0].context = loop;
	if (loop->mode != LOOP_IO)
		callback = rte_eth_add_rx_callback(loop->port, 0, stamp, loop);
	for (uint64_t i = 0; i < loop->warm_bursts; i++)
		turn(loop);
	uint64_t forwarded = metric_read(&lane->counters.forwarded);
	if (loop->is_instructions)
		CALLGRIND_TOGGLE_COLLECT;
	measure(loop);
	if (loop->is_instructions)
		CALLGRIND_TOGGLE_COLLECT;
	loop->forwarded = metric_read(&lane->counters.forwarded) - forwarded;
	if (callback)
		rte_eth_remove_rx_callback(loop->port, 0, callback);
	return 0;
}

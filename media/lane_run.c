#include "lane_run.h"

#include "ethdev.h"
#include "lane_hints.h"
#include "slow_link.h"
#include "latency.h"
#include "srtp.h"
#include "tap.h"
#include "telemetry.h"

#include "base/clock.h"
#include "base/metric.h"
#include "shm/latency.h"

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <sys/prctl.h>
#include <time.h>
#include <urcu-qsbr.h>

#define SPIN_TURNS         512u   // empty turns that only pause
#define SHORT_TURNS        1024u  // empty turns, of which those beyond SPIN_TURNS sleep shortly
#define CHORES_NS          (1 * NS_PER_MS)
#define PUBLISH_NS         (100 * NS_PER_MS)

static struct epoch_slot *epoch_slot_of(const struct lane_runner *runner,
	const struct lane_attachment *attachment)
{
	return &shm_epoch_slots(attachment->media)[runner->lane.id];
}

static void attach_srtp(struct srtp_lane *srtp, const struct lane_attachment *next)
{
	if (!srtp)
		return;
	srtp->contexts = next->contexts;
	srtp->routes = next->routes;
	srtp->keys = next->view.keys;
	srtp->states = next->crypto;
	srtp->key_count = next->contexts ? next->view.key_count : 0;
}

static void attach_tap(struct tap_lane *tap, const struct lane_attachment *next)
{
	if (!tap)
		return;
	tap->taps = next->taps;
	tap->reports = shm_flow_reports(next->media);
	tap->tones = shm_flow_tones(next->signaling);
	tap->signaling = next->signaling;
	tap->states = shm_recording_states(next->media);
	tap->flows = next->taps ? next->view.flows : 0;
	tap->playing_count = 0;
}

// Takes what the main thread published. Between bursts only.
static const struct lane_attachment *follow(struct lane_runner *runner)
{
	const struct lane_attachment *next =
		atomic_load_explicit(&runner->attachment, memory_order_acquire);
	const struct lane_attachment *now =
		atomic_load_explicit(&runner->attached, memory_order_relaxed);
	struct lane *lane = &runner->lane;

	const struct address_map *addresses =
		atomic_load_explicit(&runner->addresses, memory_order_acquire);

	if (addresses != lane->addresses) {
		lane->addresses = addresses;
		lane_headers_expire(lane); // their sums and sources are of the old addresses
	}
	if (next == now)
		return now;
	if (now) {
		srtp_detach(lane); // the keys are of the old file
		epoch_offline(epoch_slot_of(runner, now));
	}
	if (next) {
		lane->view = next->view;
		lane->states = next->states;
		lane->latency = shm_lane_latency(next->media, lane->id);
		lane->bursts = shm_lane_bursts(next->media, lane->id);
		lane->headers = next->headers;
		lane->headers_max = next->headers_max;
		lane->bundles = next->bundles;
		attach_srtp(lane->srtp, next);
		attach_tap(lane->tap, next);
		epoch_online(epoch_slot_of(runner, next), next->global_epoch, next->instance);
		lane_headers_expire(lane);
		lane_hints_sweep_all(runner);
	}
	atomic_store_explicit(&runner->attached, next, memory_order_release);
	return next;
}

// To the lanes that own the flows. A full ring drops, counted by burst_finish().
static void hand_over(struct lane_runner *runner, struct packet *packet)
{
	struct rte_ring *ring = packet->lane < runner->lanes ? runner->to[packet->lane] : NULL;

	packet->mbuf->port = runner->burst.rx_port;
	if (ring && !rte_ring_enqueue(ring, packet->mbuf))
		packet->verdict = VERDICT_SENT;
	else
		packet->reason = DROP_HANDOVER_FULL;
}

static void settle(struct lane_runner *runner, bool is_kernel_copied)
{
	struct burst *burst = &runner->burst;

	for (uint32_t i = 0; i < burst->count; i++) {
		struct packet *packet = &burst->packets[i];

		if (packet->verdict == VERDICT_HANDOVER) {
			hand_over(runner, packet);
		} else if (packet->verdict == VERDICT_EXCEPTION && is_kernel_copied) {
			rte_pktmbuf_free(packet->mbuf);
			packet->verdict = VERDICT_SENT;
		}
	}
	burst_finish(&runner->lane, burst);
}

static void work(struct lane_runner *runner, struct rte_mbuf **mbufs, uint32_t count,
	const struct lane_rx *rx)
{
	struct burst *burst = &runner->burst;
	uint64_t begin = rte_rdtsc();

	burst_init(burst, mbufs, count, clock_mono_ns());
	burst->rx_port = rx ? rx->port : mbufs[0]->port;
	burst->is_handed_over = !rx;
	forward_burst(&runner->lane, burst);
	uint64_t cycles = rte_rdtsc() - begin;
	latency_note(&runner->lane, burst, cycles);
	metric_add(&runner->loop.cycles_busy, cycles);
	settle(runner, rx && rx->is_kernel_copied);
}

// The kernel takes the 802.1Q tag off frames for AF_PACKET; the stages want it in its place.
static void restore_vlan(struct rte_mbuf **mbufs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (mbufs[i]->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED)
			rte_vlan_insert(&mbufs[i]);
}

static uint32_t receive_ports(struct lane_runner *runner, bool is_attached)
{
	struct rte_mbuf *mbufs[BURST_MAX];
	uint32_t total = 0;

	for (uint32_t i = 0; i < runner->rx_count; i++) {
		const struct lane_rx *rx = &runner->rx[i];
		uint16_t count = rte_eth_rx_burst(rx->id, rx->queue, mbufs, BURST_MAX);

		if (!count)
			continue;
		total += count;
		if (!is_attached) {
			metric_add(&runner->loop.detached, count);
			rte_pktmbuf_free_bulk(mbufs, count);
			continue;
		}
		if (rx->is_kernel_copied)
			restore_vlan(mbufs, count);
		work(runner, mbufs, count, rx);
	}
	return total;
}

// Runs of packets that came in on the same port, since a burst has one.
static void work_handed(struct lane_runner *runner, struct rte_mbuf **mbufs, uint32_t count)
{
	for (uint32_t start = 0, end; start < count; start = end) {
		for (end = start + 1; end < count && mbufs[end]->port == mbufs[start]->port; end++)
			;
		work(runner, &mbufs[start], end - start, NULL);
	}
}

static uint32_t receive_handed(struct lane_runner *runner, bool is_attached)
{
	struct rte_mbuf *mbufs[BURST_MAX];
	uint32_t total = 0;

	for (uint32_t other = 0; other < runner->lanes; other++) {
		struct rte_ring *ring = runner->from[other];
		uint32_t count = 0;

		if (ring)
			count = rte_ring_dequeue_burst(ring, (void **)mbufs, BURST_MAX, NULL);
		if (!count)
			continue;
		total += count;
		metric_add(&runner->loop.handovers_in, count);
		if (is_attached)
			work_handed(runner, mbufs, count);
		else
			rte_pktmbuf_free_bulk(mbufs, count);
	}
	return total;
}

// Once per millisecond, not per packet.
static void do_chores(struct lane_runner *runner, const struct lane_attachment *attachment,
	uint64_t now_ns)
{
	lane_hints_take(runner, attachment, now_ns);
	srtp_sweep(&runner->lane);
	tap_run(&runner->lane, now_ns);
	if (now_ns - runner->publish_ns >= PUBLISH_NS) {
		runner->publish_ns = now_ns;
		telemetry_publish(runner, shm_lane_counters(attachment->media, runner->lane.id));
	}
}

static void sleep_ns(struct lane_runner *runner, long ns)
{
	struct timespec pause = { .tv_nsec = ns };

	metric_add(&runner->loop.sleeps, 1);
	nanosleep(&pause, NULL);
}

// af_xdp has no receive interrupts, so an idle lane naps. It stays online in the epoch: a nap
// delays a grace period by no more than a long burst does.
static void back_off(struct lane_runner *runner, uint32_t packets)
{
	if (packets) {
		runner->idle_turns = 0;
		return;
	}
	metric_add(&runner->loop.turns_empty, 1);
	if (runner->idle_turns < SPIN_TURNS) {
		runner->idle_turns++;
		rte_pause();
	} else if (runner->idle_turns < SHORT_TURNS) {
		runner->idle_turns++;
		sleep_ns(runner, LANE_SLEEP_SHORT_NS);
	} else {
		sleep_ns(runner, LANE_SLEEP_LONG_NS);
	}
}

static void turn(struct lane_runner *runner)
{
	const struct lane_attachment *attachment = follow(runner);
	uint32_t packets = receive_ports(runner, attachment != NULL);

	packets += receive_handed(runner, attachment != NULL);
	if (attachment && runner->lane.slow)
		packets += depart_run(&runner->lane);
	metric_add(&runner->loop.turns, 1);
	if (attachment) {
		uint64_t now_ns = clock_mono_ns();

		if (runner->lane.event_count)
			lane_hints_send(runner, attachment);
		if (now_ns - runner->chores_ns >= CHORES_NS) {
			runner->chores_ns = now_ns;
			do_chores(runner, attachment, now_ns);
		}
		epoch_quiescent(epoch_slot_of(runner, attachment), attachment->global_epoch);
	}
	rcu_quiescent_state();
	back_off(runner, packets);
}

int lane_run(void *context)
{
	struct lane_runner *runner = context;
	const struct lane_attachment *attachment;

	prctl(PR_SET_TIMERSLACK, 1);
	rcu_register_thread();
	follow(runner);
	atomic_store_explicit(&runner->is_running, true, memory_order_release);
	while (!atomic_load_explicit(&runner->is_stopping, memory_order_relaxed))
		turn(runner);
	attachment = atomic_load_explicit(&runner->attached, memory_order_relaxed);
	if (attachment) {
		telemetry_publish(runner, shm_lane_counters(attachment->media, runner->lane.id));
		srtp_detach(&runner->lane);
		epoch_offline(epoch_slot_of(runner, attachment));
	}
	atomic_store_explicit(&runner->is_running, false, memory_order_release);
	rcu_unregister_thread();
	return 0;
}

#include "lane_run.h"

#include "ethdev.h"

#include "base/clock.h"
#include "base/metric.h"
#include "telemetry.h"

#include <errno.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <time.h>
#include <urcu-qsbr.h>

#define HANDOVER_SLOTS     1024u
#define SPIN_TURNS         512u   // empty turns that only pause
#define SHORT_TURNS        1024u  // empty turns, of which those beyond SPIN_TURNS sleep shortly
#define CHORES_NS          (1 * NS_PER_MS)
#define PUBLISH_NS         (100 * NS_PER_MS)
#define SWEEP_SLICE        64u    // headers per CHORES_NS: a million in 16 s
#define HINTS_PER_TURN     32u    // of each worker

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
			runners[i].lane.shard_lane[shard] = (uint8_t)(shard % count);
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
	for (uint32_t from = 0; from < count; from++)
		for (uint32_t to = 0; to < count; to++)
			rte_ring_free(runners[from].to[to]);
	rte_free(runners);
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
	struct timespec pause = { .tv_nsec = 200000 };

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
			atomic_load_explicit(&runners[i].attached, memory_order_acquire) != attachment)
			wait_a_little();
}

void lane_runners_set_addresses(struct lane_runner *runners, uint32_t count,
	const struct address_map *addresses)
{
	for (uint32_t i = 0; i < count; i++)
		atomic_store_explicit(&runners[i].addresses, addresses, memory_order_release);
	synchronize_rcu(); // lanes load it once per turn and are quiescent between turns
}

static struct epoch_slot *epoch_slot_of(const struct lane_runner *runner,
	const struct lane_attachment *attachment)
{
	return &shm_epoch_slots(attachment->media)[runner->lane.id];
}

// Takes what the main thread published. Between bursts only.
static const struct lane_attachment *follow(struct lane_runner *runner)
{
	const struct lane_attachment *next =
		atomic_load_explicit(&runner->attachment, memory_order_acquire);
	const struct lane_attachment *now =
		atomic_load_explicit(&runner->attached, memory_order_relaxed);
	struct lane *lane = &runner->lane;

	lane->addresses = atomic_load_explicit(&runner->addresses, memory_order_acquire);
	if (next == now)
		return now;
	if (now)
		epoch_offline(epoch_slot_of(runner, now));
	if (next) {
		lane->view = next->view;
		lane->states = next->states;
		lane->headers = next->headers;
		lane->headers_max = next->headers_max;
		epoch_online(epoch_slot_of(runner, next), next->global_epoch, next->instance);
		lane_headers_expire(lane);
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

	burst_init(burst, mbufs, count, clock_mono_ns());
	burst->rx_port = rx ? rx->port : mbufs[0]->port;
	burst->is_handed_over = !rx;
	forward_burst(&runner->lane, burst);
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
		uint32_t count = !runner->from[other] ? 0 :
			rte_ring_dequeue_burst(runner->from[other], (void **)mbufs, BURST_MAX, NULL);

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

static void send_events(struct lane_runner *runner, const struct lane_attachment *attachment)
{
	struct lane *lane = &runner->lane;

	for (uint32_t i = 0; i < lane->event_count; i++) {
		const struct lane_event *event = &lane->events[i];
		struct hint_ring *ring = shm_hint_ring(attachment->media, event->owner, lane->id);
		const struct hint_cursor *reader =
			shm_hint_cursor(attachment->signaling, event->owner, lane->id);

		if (!ring || !reader || !hint_push(ring, reader, &event->hint))
			metric_add(&runner->loop.hints_unsent, 1);
	}
	lane->event_count = 0;
}

// False: some were lost, and what they said is unknown.
static bool take_hints(struct lane_runner *runner, const struct lane_attachment *attachment,
	uint32_t worker)
{
	const struct hint_ring *ring = shm_hint_ring(attachment->signaling, worker, runner->lane.id);
	struct hint_cursor *cursor = shm_hint_cursor(attachment->media, worker, runner->lane.id);
	bool is_overflowed = false;
	struct hint hint;

	if (!ring || !cursor)
		return true;
	for (uint32_t i = 0; i < HINTS_PER_TURN && hint_pop(ring, cursor, &hint, &is_overflowed); i++) {
		metric_add(&runner->loop.hints, 1);
		if (hint.kind != HINT_FLOW_CHANGED || hint.media_address >= attachment->view.addresses)
			continue;
		if (runner->lane.shard_lane[shm_media_shard(hint.port)] == runner->lane.id)
			lane_flow_changed(&runner->lane, hint.media_address, hint.port);
	}
	return !is_overflowed;
}

// Once per millisecond, not per packet.
static void do_chores(struct lane_runner *runner, const struct lane_attachment *attachment,
	uint64_t now_ns)
{
	bool is_overflowed = false;

	for (uint32_t worker = 0; worker < attachment->workers; worker++)
		is_overflowed |= !take_hints(runner, attachment, worker);
	if (is_overflowed) {
		metric_add(&runner->loop.hints_overflow, 1);
		lane_headers_expire(&runner->lane);
	}
	lane_headers_sweep(&runner->lane, &runner->sweep_cursor, SWEEP_SLICE);
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

// af_xdp has no receive interrupts, so an idle lane naps. It stays online in the epoch: a nap delays a
// grace period by no more than a long burst does.
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
	metric_add(&runner->loop.turns, 1);
	if (attachment) {
		uint64_t now_ns = clock_mono_ns();

		if (runner->lane.event_count)
			send_events(runner, attachment);
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
		epoch_offline(epoch_slot_of(runner, attachment));
	}
	atomic_store_explicit(&runner->is_running, false, memory_order_release);
	rcu_unregister_thread();
	return 0;
}

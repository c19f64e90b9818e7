#include "lane_hints.h"

#include "tap.h"

#include "base/clock.h"
#include "base/metric.h"

#define HINTS_PER_TURN 64u            // of each worker
#define SWEEP_SLICE    64u            // slots per call: a million in 16 s
#define SWEEP_URGENT   1024u          // the same after a start or lost hints: a million in 1 s
#define SWEEP_PASS_NS  (1 * NS_PER_S) // a pass takes no less, unless it is urgent

void lane_hints_send(struct lane_runner *runner, const struct lane_attachment *attachment)
{
	struct lane *lane = &runner->lane;

	for (uint32_t i = 0; i < lane->event_count; i++) {
		const struct lane_event *event = &lane->events[i];
		struct hint_ring *ring = shm_hint_ring(attachment->media, event->owner, lane->id);
		const struct hint_cursor *reader =
			shm_hint_cursor(attachment->signaling, event->owner, lane->id);

		if (!ring || !reader || !hint_push(ring, reader, &event->hint))
			metric_add(&runner->loop.hints_unsent, 1);
		// What leaves for the new source must not wait for its first packet either.
		lane_flow_changed(lane, event->hint.media_address, event->hint.port);
	}
	lane->event_count = 0;
}

// False: some were lost, and what they said is unknown.
static bool take_from(struct lane_runner *runner, const struct lane_attachment *attachment,
	uint32_t worker)
{
	const struct hint_ring *ring =
		shm_hint_ring(attachment->signaling, worker, runner->lane.id);
	struct hint_cursor *cursor = shm_hint_cursor(attachment->media, worker, runner->lane.id);
	bool is_overflowed = false;
	struct hint hint;

	if (!ring || !cursor)
		return true;
	for (uint32_t i = 0;
		i < HINTS_PER_TURN && hint_pop(ring, cursor, &hint, &is_overflowed); i++) {
		metric_add(&runner->loop.hints, 1);
		if (hint.kind == HINT_FLOW_CHANGED)
			lane_flow_changed(&runner->lane, hint.media_address, hint.port);
		else if (hint.kind == HINT_TONE)
			tap_hint(&runner->lane, hint.media_address, hint.port);
	}
	return !is_overflowed;
}

// Another start of signaling may have another number of workers in the same file.
static uint32_t workers_of(const struct lane_attachment *attachment)
{
	const struct shm_header *header = shm_header(attachment->signaling);
	uint32_t workers = __atomic_load_n(&header->geometry.workers, __ATOMIC_RELAXED);

	return workers < SHM_WORKER_MAX ? workers : SHM_WORKER_MAX;
}

static void sweep(struct lane_runner *runner, uint64_t now_ns)
{
	struct lane_sweep *pass = &runner->sweep;
	uint32_t total = lane_flows_limit(&runner->lane);
	uint32_t slice = pass->is_urgent ? SWEEP_URGENT : SWEEP_SLICE;

	if (pass->cursor >= total) {
		if (pass->is_urgent)
			atomic_store_explicit(&runner->is_swept, true, memory_order_release);
		if (!pass->is_urgent && now_ns - pass->began_ns < SWEEP_PASS_NS)
			return;
		*pass = (struct lane_sweep){ .began_ns = now_ns };
		return;
	}
	slice = total - pass->cursor < slice ? total - pass->cursor : slice;
	lane_flows_sweep(&runner->lane, pass->cursor, slice);
	pass->cursor += slice;
}

void lane_hints_sweep_all(struct lane_runner *runner)
{
	runner->sweep = (struct lane_sweep){ .is_urgent = true };
	atomic_store_explicit(&runner->is_swept, false, memory_order_relaxed);
}

void lane_hints_take(struct lane_runner *runner, const struct lane_attachment *attachment,
	uint64_t now_ns)
{
	uint32_t workers = workers_of(attachment);
	bool is_overflowed = false;

	lane_routes_follow(&runner->lane);
	for (uint32_t worker = 0; worker < workers; worker++)
		is_overflowed |= !take_from(runner, attachment, worker);
	if (is_overflowed) {
		metric_add(&runner->loop.hints_overflow, 1);
		lane_headers_expire(&runner->lane);
		lane_hints_sweep_all(runner);
	}
	sweep(runner, now_ns);
}

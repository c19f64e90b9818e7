// reclaim.c - from retired to free: grace period, then quarantine.
#include "shm/flow_writer.h"

#define ABSENT_CHECK_MS 5u // a system call each
#define STALLED_MS	1000u
#define OPEN_BATCH(w)                                                                              \
	((w)->slots.resting_tail != (w)->slots_closed ||                                           \
		(w)->states.resting_tail != (w)->states_closed ||                                  \
		(w)->keys.resting_tail != (w)->keys_closed ||                                      \
		(w)->resting_tail != (w)->pairs_closed)

// Everything retired since the last turn waits for one epoch together.
static void close_batch(struct flow_writer *w)
{
	if (!OPEN_BATCH(w))
		return;
	uint64_t epoch = epoch_advance(w->global_epoch);
	SHM_CRASH_POINT(40);
	// With the ring full (media is stopped) the newest batch takes all: later, never earlier.
	if (w->grace_tail - w->grace_head < GRACE_BATCHES)
		w->grace_tail++;
	struct grace_batch *batch = &w->grace[(w->grace_tail - 1) % GRACE_BATCHES];
	*batch = (struct grace_batch){ .epoch = epoch,
		.closed_ms = w->now_ms,
		.slots_end = w->slots.resting_tail,
		.states_end = w->states.resting_tail,
		.keys_end = w->keys.resting_tail,
		.pairs_end = w->resting_tail };
	w->slots_closed = batch->slots_end;
	w->states_closed = batch->states_end;
	w->keys_closed = batch->keys_end;
	w->pairs_closed = batch->pairs_end;
}

// The epoch that every lane which may still read has reached.
static uint64_t epoch_passed(struct flow_writer *w)
{
	const struct grace_batch *oldest = &w->grace[w->grace_head % GRACE_BATCHES];
	const struct grace_batch *newest = &w->grace[(w->grace_tail - 1) % GRACE_BATCHES];
	uint64_t passed = w->absent_epoch;

	if (w->has_media) {
		uint32_t instance = atomic_load_explicit(
			&shm_header(&w->media)->instance, memory_order_acquire);
		uint64_t lowest = epoch_lowest(shm_epoch_slots(&w->media), instance);
		// After the slots: a lane is online with a new file only after this mark.
		if (!shm_is_superseded(&w->media) && lowest > passed)
			passed = lowest;
	}
	if (passed >= oldest->epoch)
		return passed;
	if (w->was_checked && w->now_ms - w->absent_check_ms < ABSENT_CHECK_MS)
		return passed;
	w->was_checked = true;
	w->absent_check_ms = w->now_ms;
	// Only what was unpublished before this proof: a process that starts now sees that.
	uint64_t proven = newest->epoch;
	if (shm_media_presence(&w->signaling, w->has_media ? &w->media : NULL) == SHM_ABSENT)
		w->absent_epoch = proven;
	return w->absent_epoch > passed ? w->absent_epoch : passed;
}

static void quarantine_pairs(struct flow_writer *w, uint64_t end)
{
	if (w->resting_mid == end)
		return;
	uint32_t now_s = (uint32_t)(w->now_ms / 1000) + 1; // never SHM_STAMP_NEVER
	for (; w->resting_mid != end; w->resting_mid++) {
		uint32_t address;
		uint32_t pair = w->resting_pairs[w->resting_mid & w->resting_mask];
		uint16_t port = pair_port(w, pair, &address);
		atomic_store_explicit(
			&w->pools[address].stamps[port / 2], now_s, memory_order_relaxed);
		SHM_CRASH_POINT(41);
	}

	uint64_t due_ms = w->now_ms + w->quarantine_ms;
	uint64_t grain_ms = w->quarantine_ms / (QUARANTINE_BATCHES / 2) + 1;
	struct quarantine_batch *last =
		&w->quarantine[(w->quarantine_tail - 1) % QUARANTINE_BATCHES];
	uint32_t count = w->quarantine_tail - w->quarantine_head;
	bool is_joining = count == QUARANTINE_BATCHES ||
			  (count > 0 && due_ms + grain_ms >= last->due_ms &&
				  due_ms <= last->due_ms);
	if (is_joining) {
		last->pairs_end = end;
		if (last->due_ms < due_ms)
			last->due_ms = due_ms;
		return;
	}
	// Rounded up to the grain: what comes within it joins this batch.
	due_ms = (due_ms / grain_ms + 1) * grain_ms;
	w->quarantine[w->quarantine_tail++ % QUARANTINE_BATCHES] = (struct quarantine_batch){
		.due_ms = due_ms, .pairs_end = end
	};
}

static void pass_grace(struct flow_writer *w)
{
	if (w->grace_head == w->grace_tail) {
		w->counters.is_stalled = 0;
		return;
	}
	uint64_t passed = epoch_passed(w);
	uint32_t budget = RUN_BUDGET;
	for (uint32_t i = 0; i < REST_BATCH_MAX && w->grace_head != w->grace_tail; i++) {
		const struct grace_batch *batch = &w->grace[w->grace_head % GRACE_BATCHES];
		if (batch->epoch > passed) {
			w->counters.is_stalled = w->now_ms - batch->closed_ms >= STALLED_MS;
			return;
		}
		budget = pool_release(w, &w->slots, batch->slots_end, budget);
		budget = pool_release(w, &w->states, batch->states_end, budget);
		budget = pool_release(w, &w->keys, batch->keys_end, budget);
		uint64_t pairs = batch->pairs_end - w->resting_mid;
		if (pairs > budget)
			pairs = budget;
		budget -= (uint32_t)pairs;
		quarantine_pairs(w, w->resting_mid + pairs);
		if (w->slots.resting_head != batch->slots_end ||
			w->states.resting_head != batch->states_end ||
			w->keys.resting_head != batch->keys_end ||
			w->resting_mid != batch->pairs_end)
			return; // out of budget
		w->grace_head++;
	}
	w->counters.is_stalled = 0;
}

static void end_quarantine(struct flow_writer *w)
{
	uint32_t budget = RUN_BUDGET;
	while (w->quarantine_head != w->quarantine_tail && budget) {
		const struct quarantine_batch *batch =
			&w->quarantine[w->quarantine_head % QUARANTINE_BATCHES];
		if (batch->due_ms > w->now_ms)
			return;
		for (; w->resting_head != batch->pairs_end && budget; budget--) {
			pair_free(w, w->resting_pairs[w->resting_head++ & w->resting_mask]);
			w->counters.reclaimed++;
		}
		if (w->resting_head == batch->pairs_end)
			w->quarantine_head++;
	}
}

void flow_writer_run(struct flow_writer *w, uint64_t now_ms)
{
	w->now_ms = now_ms;
	ports_open(w);
	orphan_run(w);
	close_batch(w);
	pass_grace(w);
	end_quarantine(w);
	pool_sweep_returned(w, &w->slots);
	pool_sweep_returned(w, &w->states);
	pool_sweep_returned(w, &w->keys);
}

void flow_writer_set_media(struct flow_writer *w, const struct shm_map *media)
{
	w->has_media = media != NULL;
	if (media)
		w->media = *media;
	w->was_checked = false;
}

void flow_writer_counters(const struct flow_writer *w, struct flow_counters *out)
{
	*out = w->counters;
	out->ports_free = w->pairs_free * 2;
	out->ports_used = w->pairs_used * 2;
	out->ports_resting = (uint32_t)(w->resting_tail - w->resting_head) * 2;
	out->slots_free = w->slots.free_count;
	out->slots_total = w->slots.total;
	out->states_free = w->states.free_count;
	out->keys_free = w->keys.free_count;
	out->keys_total = w->keys.total;
	out->orphans = w->orphan_count;
}

#include "shm/flow_report.h"

#include "shm/flow_writer.h"
#include "shm/shard_lanes.h"

#include <errno.h>

static uint32_t get(const _Atomic uint32_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static void set(_Atomic uint32_t *word, uint32_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

const struct flow_report *flow_report_of(const struct flow_writer *w, const struct flow_pair *pair)
{
	const struct flow_report *report;

	if (!w->has_media || pair->incarnation == 0 ||
		pair->state_index[0] >= w->media.geometry.flows)
		return NULL;
	report = &shm_flow_reports(&w->media)[pair->state_index[0]];
	// acquire: pairs with flow_report_reset()
	if (atomic_load_explicit(&report->incarnation, memory_order_acquire) != pair->incarnation)
		return NULL;
	return report;
}

bool flow_event_next(const struct flow_report *report, uint32_t *seen, struct flow_event *out,
	uint32_t *missed)
{
	// acquire: pairs with flow_report_add_event()
	uint32_t count = atomic_load_explicit(&report->events, memory_order_acquire);
	uint32_t waiting = count - *seen;

	if (waiting > INT32_MAX) { // it went back: the file is another process's
		*seen = count;
		return false;
	}
	if (waiting > FLOW_EVENT_LOG) {
		*missed += waiting - FLOW_EVENT_LOG;
		*seen = count - FLOW_EVENT_LOG;
	}
	if (*seen == count)
		return false;
	*out = flow_event_of(get(&report->log[*seen % FLOW_EVENT_LOG]));
	++*seen;
	return true;
}

static void begin_tones(struct flow_tones *tones, uint64_t incarnation)
{
	if (atomic_load_explicit(&tones->incarnation, memory_order_relaxed) == incarnation)
		return;
	atomic_store_explicit(&tones->incarnation, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	set(&tones->asked, 0);
	atomic_store_explicit(&tones->incarnation, incarnation, memory_order_release);
}

static void push_hint(struct flow_writer *w, const struct flow_pair *pair)
{
	struct hint hint = { .kind = HINT_TONE, .media_address = pair->media_address,
		.port = pair->port, .incarnation = pair->incarnation };
	uint32_t lane = shm_shard_lane(&w->media, shm_media_shard(pair->port));
	struct hint_ring *ring = shm_hint_ring(&w->signaling, w->worker, lane);
	const struct hint_cursor *reader = shm_hint_cursor(&w->media, w->worker, lane);

	if (ring != NULL && reader != NULL)
		hint_push(ring, reader, &hint);
}

int flow_pair_play(struct flow_writer *w, const struct flow_pair *pair, struct flow_event event)
{
	const struct flow_report *report = flow_report_of(w, pair);
	struct flow_tones *tones;
	uint32_t asked;

	if (!w->has_media || pair->incarnation == 0 ||
		pair->state_index[0] >= w->signaling.geometry.flows)
		return -ENODEV;
	tones = &shm_flow_tones(&w->signaling)[pair->state_index[0]];
	begin_tones(tones, pair->incarnation);
	asked = get(&tones->asked);
	if (asked - (report ? get(&report->tones_done) : 0) >= FLOW_TONES_MAX)
		return -EAGAIN;
	set(&tones->tone[asked % FLOW_TONES_MAX], flow_event_word(event));
	// release: pairs with flow_tone_next()
	atomic_store_explicit(&tones->asked, asked + 1, memory_order_release);
	push_hint(w, pair);
	return 0;
}

void flow_report_add_event(struct flow_report *report, struct flow_event event)
{
	uint32_t count = get(&report->events);

	set(&report->log[count % FLOW_EVENT_LOG], flow_event_word(event));
	// release: pairs with flow_event_next()
	atomic_store_explicit(&report->events, count + 1, memory_order_release);
}

void flow_report_reset(struct flow_report *report, uint64_t incarnation)
{
	_Atomic uint32_t *const words[] = { &report->reports, &report->round_trip_us,
		&report->round_trip_max_us, &report->fraction_lost_max, &report->jitter_max,
		&report->voip, &report->sr_count, &report->events, &report->tones_done };

	atomic_store_explicit(&report->incarnation, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release); // nobody sees reset words under the old one
	for (uint32_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		set(words[i], 0);
	// release: pairs with flow_report_of()
	atomic_store_explicit(&report->incarnation, incarnation, memory_order_release);
}

bool flow_tone_next(const struct flow_tones *tones, uint64_t incarnation, uint32_t done,
	struct flow_event *out)
{
	if (atomic_load_explicit(&tones->incarnation, memory_order_acquire) != incarnation)
		return false;
	// acquire: pairs with flow_pair_play()
	uint32_t waiting = atomic_load_explicit(&tones->asked, memory_order_acquire) - done;
	if (waiting == 0 || waiting > FLOW_TONES_MAX)
		return false;
	*out = flow_event_of(get(&tones->tone[done % FLOW_TONES_MAX]));
	return true;
}

#include "recorder.h"

#include "record_file.h"
#include "tap.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAP_NS	      2000000 // when nothing came
#define PER_TURN      1024u   // packets of one lane
#define FOLLOW_NS     (50 * NS_PER_MS)
#define COMMENT_BYTES 64
#define FRAME_MAX     2200u // a datagram of an mbuf with other headers

struct recorder_slot {
	uint64_t serial;  // of the order that it serves, 0 = none
	uint64_t gone_ns; // since when the order is not in force, 0 = it is
	struct record_file file;
};

struct recorder {
	const struct config_recording *config;
	uint32_t lanes;
	struct ring *rings[SHM_LANE_MAX];
	struct recorder_slot slots[SHM_RECORDINGS_MAX];
	uint64_t followed_ns;
	int64_t to_unix_ns; // from CLOCK_MONOTONIC
	pthread_t thread;
	bool is_started;
	_Atomic bool is_stopping; // writer: main thread
	// writer: main thread, reader: the recorder (acquire)
	_Atomic(const struct lane_attachment *) attachment;
	_Atomic(const struct lane_attachment *) attached; // the other way round
};

struct recorder *recorder_new(const struct config_recording *config, uint32_t lanes)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));

	if (!recorder)
		return NULL;
	recorder->config = config;
	recorder->lanes = lanes;
	for (uint32_t i = 0; i < SHM_RECORDINGS_MAX; i++)
		recorder->slots[i].file.fd = -1;
	for (uint32_t i = 0; i < lanes; i++) {
		recorder->rings[i] = ring_new(TAP_RING_BYTES);
		if (!recorder->rings[i]) {
			recorder_free(recorder);
			return NULL;
		}
	}
	return recorder;
}

struct ring *recorder_ring(struct recorder *recorder, uint32_t lane)
{
	return recorder->rings[lane];
}

static struct shm_recording_state *state_of(const struct recorder *recorder, uint32_t slot)
{
	const struct lane_attachment *now =
		atomic_load_explicit(&recorder->attached, memory_order_relaxed);

	return now ? &shm_recording_states(now->media)[slot] : NULL;
}

static void set_status(struct shm_recording_state *state, enum recording_status status, int error)
{
	if (!state)
		return;
	atomic_store_explicit(&state->error, (uint32_t)error, memory_order_relaxed);
	atomic_store_explicit(&state->status, status, memory_order_release);
}

static uint64_t lost_of(const struct shm_recording_state *state)
{
	return state ? metric_read(&state->lost_lane) + metric_read(&state->lost_file) : 0;
}

// Why a file ended early: once, and for whoever asks.
static void tell_failure(const struct recorder *recorder, uint32_t slot, int rc)
{
	const struct record_file *file = &recorder->slots[slot].file;

	set_status(state_of(recorder, slot), RECORDING_FAILED, rc == -EFBIG ? 0 : -rc);
	LOG_WARN(MAIN, "recording_failed", "call=%016llx file=%s reason=\"%s\"",
		(unsigned long long)file->order.call_token, file->path,
		rc == -EFBIG ? "recording.file_max is reached" : strerror(-rc));
}

static void begin(struct recorder *recorder, uint32_t slot, uint64_t serial,
	const struct recording_order *order)
{
	struct recorder_slot *own = &recorder->slots[slot];
	struct shm_recording_state *state = state_of(recorder, slot);
	int rc = recording_name_is_valid(order->name) ?
		record_file_open(&own->file, recorder->config, order) : -EINVAL;

	own->serial = serial;
	own->gone_ns = 0;
	atomic_store_explicit(&state->serial, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	for (uint32_t i = 0; i < 4; i++) {
		_Atomic uint64_t *const words[] = { &state->packets, &state->octets,
			&state->lost_file, &state->lost_lane };

		atomic_store_explicit(words[i], 0, memory_order_relaxed);
	}
	state->flags = order->flags;
	state->call_token = order->call_token;
	snprintf(state->path, sizeof(state->path), "%s", own->file.path);
	if (rc)
		tell_failure(recorder, slot, rc);
	else
		set_status(state, RECORDING_RUNNING, 0);
	// release: pairs with readers of the path
	atomic_store_explicit(&state->serial, serial, memory_order_release);
	if (!rc)
		LOG_INFO(MAIN, "recording", "call=%016llx file=%s",
			(unsigned long long)order->call_token, own->file.path);
}

static void finish(struct recorder *recorder, uint32_t slot)
{
	struct recorder_slot *own = &recorder->slots[slot];
	struct shm_recording_state *state = state_of(recorder, slot);
	bool was_open = own->file.fd >= 0;
	int rc = record_file_close(&own->file, clock_unix_ns(), lost_of(state));

	own->serial = 0;
	if (rc) {
		tell_failure(recorder, slot, rc);
	} else if (was_open) {
		set_status(state, RECORDING_DONE, 0);
		LOG_INFO(MAIN, "recorded", "call=%016llx file=%s bytes=%llu lost=%llu",
			(unsigned long long)own->file.order.call_token, own->file.path,
			(unsigned long long)own->file.written,
			(unsigned long long)lost_of(state));
	}
	if (state && was_open)
		atomic_store_explicit(&state->octets, own->file.written, memory_order_relaxed);
}

// An order that is gone is finished a little later: what was on its way is still written.
static void follow_slot(
	struct recorder *recorder, uint32_t slot, const struct shm_map *signaling, uint64_t now_ns)
{
	struct recorder_slot *own = &recorder->slots[slot];
	struct recording_order order;
	uint64_t serial = recording_read(signaling, slot, &order);

	if (own->serial != 0 && serial != own->serial) {
		if (own->gone_ns == 0)
			own->gone_ns = now_ns;
		if (now_ns - own->gone_ns < FOLLOW_NS)
			return;
		finish(recorder, slot);
	}
	if (serial != 0 && own->serial == 0)
		begin(recorder, slot, serial, &order);
	int rc = record_file_flush(&own->file, now_ns);
	if (rc)
		tell_failure(recorder, slot, rc);
}

static void follow_orders(struct recorder *recorder, uint64_t now_ns)
{
	const struct lane_attachment *now =
		atomic_load_explicit(&recorder->attached, memory_order_relaxed);

	if (!now || now_ns - recorder->followed_ns < FOLLOW_NS)
		return;
	recorder->followed_ns = now_ns;
	recorder->to_unix_ns = (int64_t)(clock_unix_ns() - clock_mono_ns());
	for (uint32_t slot = 0; slot < SHM_RECORDINGS_MAX; slot++)
		follow_slot(recorder, slot, now->signaling, now_ns);
}

static void write_packet(
	struct recorder *recorder, const struct tap_record *record, uint64_t now_ns)
{
	struct recorder_slot *own = &recorder->slots[record->recording];
	struct shm_recording_state *state = state_of(recorder, record->recording);
	uint8_t frame[FRAME_MAX];
	char comment[COMMENT_BYTES];
	struct pcapng_packet packet = { .interface = record->leg,
		.unix_ns = record->now_ns + (uint64_t)recorder->to_unix_ns,
		.data = record->data, .len = record->len, .comment = comment };
	int rc;

	if (!state || own->serial == 0 || own->file.order.call_token != record->call_token)
		return; // of a recording that is over
	snprintf(comment, sizeof(comment), "call=%016llx leg=%c",
		(unsigned long long)record->call_token, record->leg == 0 ? 'a' : 'b');
	if (!record->is_frame) {
		packet.len = pcapng_datagram(frame, sizeof(frame), &record->source, &record->to,
			span_make((const char *)record->data, record->len));
		packet.data = frame;
	}
	if (own->file.fd < 0 || packet.len == 0) {
		metric_add(&state->lost_file, 1);
		return;
	}
	rc = record_file_add(&own->file, &packet, now_ns);
	if (rc) {
		metric_add(&state->lost_file, 1);
		tell_failure(recorder, record->recording, rc);
		return;
	}
	metric_add(&state->packets, 1);
	atomic_store_explicit(&state->octets, own->file.written + own->file.used,
		memory_order_relaxed);
}

static uint32_t take(struct recorder *recorder, uint32_t lane, uint64_t now_ns)
{
	uint32_t count = 0, len;

	while (count < PER_TURN) {
		const struct tap_record *record = ring_peek(recorder->rings[lane], &len);

		if (!record)
			break;
		write_packet(recorder, record, now_ns);
		ring_release(recorder->rings[lane]);
		count++;
	}
	return count;
}

static void follow_attachment(struct recorder *recorder)
{
	const struct lane_attachment *next =
		atomic_load_explicit(&recorder->attachment, memory_order_acquire);

	if (next == atomic_load_explicit(&recorder->attached, memory_order_relaxed))
		return;
	for (uint32_t slot = 0; slot < SHM_RECORDINGS_MAX; slot++)
		if (recorder->slots[slot].serial != 0)
			finish(recorder, slot);
	recorder->followed_ns = 0;
	atomic_store_explicit(&recorder->attached, next, memory_order_release);
}

uint32_t recorder_turn(struct recorder *recorder, uint64_t now_ns)
{
	uint32_t count = 0;

	follow_attachment(recorder);
	follow_orders(recorder, now_ns);
	for (uint32_t lane = 0; lane < recorder->lanes; lane++)
		count += take(recorder, lane, now_ns);
	return count;
}

static void *run(void *context)
{
	struct recorder *recorder = context;
	const struct timespec pause = { .tv_nsec = NAP_NS };

	while (!atomic_load_explicit(&recorder->is_stopping, memory_order_relaxed))
		if (recorder_turn(recorder, clock_mono_ns()) == 0)
			nanosleep(&pause, NULL);
	return NULL;
}

int recorder_start(struct recorder *recorder)
{
	int rc = pthread_create(&recorder->thread, NULL, run, recorder);

	if (rc)
		return -rc;
	pthread_setname_np(recorder->thread, "muga-record");
	recorder->is_started = true;
	return 0;
}

void recorder_attach(struct recorder *recorder, const struct lane_attachment *attachment)
{
	const struct timespec pause = { .tv_nsec = NAP_NS };

	// release: pairs with the acquire in follow_attachment()
	atomic_store_explicit(&recorder->attachment, attachment, memory_order_release);
	while (recorder->is_started &&
		atomic_load_explicit(&recorder->attached, memory_order_acquire) != attachment)
		nanosleep(&pause, NULL);
}

void recorder_free(struct recorder *recorder)
{
	if (!recorder)
		return;
	atomic_store(&recorder->is_stopping, true);
	if (recorder->is_started)
		pthread_join(recorder->thread, NULL);
	for (uint32_t slot = 0; slot < SHM_RECORDINGS_MAX; slot++)
		if (recorder->slots[slot].serial != 0)
			finish(recorder, slot);
	for (uint32_t i = 0; i < recorder->lanes; i++)
		ring_free(recorder->rings[i]);
	free(recorder);
}

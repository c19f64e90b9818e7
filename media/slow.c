#include "slow.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define NAP_NS	      500000 // when nothing came: an answer is that late at most
#define WAIT_NS	      200000
#define PER_TURN      64u // records of one lane
#define RENEW_TURN_MS 60000u

struct slow {
	struct slow_table *table;
	uint32_t lanes;
	pthread_t thread;
	bool is_started;
	uint64_t renewed_ms;
	uint64_t seen; // events when the counters were last told
	struct slow_link links[SHM_LANE_MAX];
	_Atomic bool is_stopping; // writer: main thread
	// writer: main thread, reader: the slow thread (acquire)
	_Atomic(const struct lane_attachment *) attachment;
	_Atomic(const struct lane_attachment *) attached; // the other way round
};

struct slow *slow_new(uint32_t lanes)
{
	struct slow *slow = calloc(1, sizeof(*slow));

	if (!slow)
		return NULL;
	slow->lanes = lanes;
	for (uint32_t i = 0; i < lanes; i++) {
		slow->links[i].up = ring_new(SLOW_RING_BYTES);
		slow->links[i].down = ring_new(SLOW_RING_BYTES);
		if (!slow->links[i].up || !slow->links[i].down) {
			slow_free(slow);
			return NULL;
		}
	}
	slow->table = slow_table_new(slow->links, lanes, clock_unix_ms() / 1000);
	if (slow->table)
		return slow;
	slow_free(slow);
	return NULL;
}

struct slow_link *slow_link_of(struct slow *slow, uint32_t lane)
{
	return &slow->links[lane];
}

static void follow(struct slow *slow, uint64_t now_ms)
{
	const struct lane_attachment *next =
		atomic_load_explicit(&slow->attachment, memory_order_acquire);

	if (next == atomic_load_explicit(&slow->attached, memory_order_relaxed))
		return;
	if (slow_table_attach(slow->table, next, now_ms))
		LOG_ERROR(LANE, "no_memory", "thread=slow");
	atomic_store_explicit(&slow->attached, next, memory_order_release);
}

static uint32_t take(struct slow *slow, uint32_t lane, uint64_t now_ms)
{
	struct ring *up = slow->links[lane].up;
	uint32_t count = 0, len;

	while (count < PER_TURN) {
		const struct slow_arrival *arrival = ring_peek(up, &len);

		if (arrival == NULL)
			break;
		slow_table_receive(slow->table, arrival, now_ms);
		ring_release(up);
		count++;
	}
	return count;
}

static void nap(long ns)
{
	struct timespec pause = { .tv_nsec = ns };

	nanosleep(&pause, NULL);
}

#define LOGGED(of) (unsigned long long)metric_read(&(of))

// What the thread counts, once in a while, if anything happened.
static void tell_counters(struct slow *slow)
{
	const struct slow_table_counters *table = slow_table_counters(slow->table);
	const struct secure_env *env = slow_table_env(slow->table);
	const struct secure_counters *dtls = &env->counters;
	const struct ice_counters *ice = &env->ice;
	uint64_t seen = metric_read(&dtls->handshakes) + metric_read(&ice->requests) +
		metric_read(&ice->requests_refused) + metric_read(&dtls->dtls_unwanted);

	if (seen == slow->seen)
		return;
	slow->seen = seen;
	LOG_INFO(LANE, "secure",
		"legs=%llu refused=%llu sends_lost=%llu handshakes=%llu connected=%llu "
		"wrong_fingerprint=%llu failed=%llu dtls_unwanted=%llu",
		LOGGED(table->sessions), LOGGED(table->sessions_refused),
		LOGGED(table->departures_lost), LOGGED(dtls->handshakes),
		LOGGED(dtls->connected), LOGGED(dtls->failed_fingerprint),
		LOGGED(dtls->failed), LOGGED(dtls->dtls_unwanted));
	LOG_INFO(LANE, "ice",
		"requests=%llu refused=%llu withheld=%llu malformed=%llu checks=%llu "
		"responses=%llu selected=%llu failed=%llu consent_lost=%llu",
		LOGGED(ice->requests), LOGGED(ice->requests_refused),
		LOGGED(ice->replies_withheld), LOGGED(ice->malformed), LOGGED(ice->checks_sent),
		LOGGED(ice->responses), LOGGED(ice->selected), LOGGED(ice->failed),
		LOGGED(ice->consent_lost));
}

static void turn(struct slow *slow)
{
	uint64_t now_ms = clock_mono_ns() / NS_PER_MS;
	uint32_t count = 0;

	follow(slow, now_ms);
	for (uint32_t lane = 0; lane < slow->lanes; lane++)
		count += take(slow, lane, now_ms);
	slow_table_run(slow->table, now_ms);
	if (now_ms - slow->renewed_ms >= RENEW_TURN_MS) {
		slow->renewed_ms = now_ms;
		slow_table_renew(slow->table, clock_unix_ms() / 1000);
		tell_counters(slow);
	}
	if (count == 0)
		nap(NAP_NS);
}

static void *run(void *context)
{
	struct slow *slow = context;

	while (!atomic_load_explicit(&slow->is_stopping, memory_order_relaxed))
		turn(slow);
	return NULL;
}

int slow_start(struct slow *slow)
{
	int rc = pthread_create(&slow->thread, NULL, run, slow);

	if (rc)
		return -rc;
	pthread_setname_np(slow->thread, "muga-slow");
	slow->is_started = true;
	return 0;
}

void slow_attach(struct slow *slow, const struct lane_attachment *attachment)
{
	// release: pairs with the acquire in follow()
	atomic_store_explicit(&slow->attachment, attachment, memory_order_release);
	while (slow->is_started &&
		atomic_load_explicit(&slow->attached, memory_order_acquire) != attachment)
		nap(WAIT_NS);
}

void slow_free(struct slow *slow)
{
	if (!slow)
		return;
	atomic_store(&slow->is_stopping, true);
	if (slow->is_started)
		pthread_join(slow->thread, NULL);
	slow_table_free(slow->table);
	for (uint32_t i = 0; i < slow->lanes; i++) {
		ring_free(slow->links[i].up);
		ring_free(slow->links[i].down);
	}
	free(slow);
}

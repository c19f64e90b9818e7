// worker.c - the conductor: opens a worker, runs its loop, keeps the order of a turn.
//
// libuv only tells that something happened. All work is done in one place, once per loop iteration:
// the check callback, right after the poll. The prepare callback, right before it, takes the thread
// offline for RCU, so a sleeping worker never delays a grace period.
#include "worker_private.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <urcu/urcu-qsbr.h>

#define SLEEP_MAX_MS      20u           // ports and slots ripen in portions, also without traffic
#define OUTBOX_ENTRIES    8192u
#define OUTBOX_BYTES      (64u << 20)   // a cap; memory is taken as needed
#define HANGUP_PERIOD_MS  500u
#define NAP_NS            1000000       // what it adds to the way of a message, at most

static void turn_begin(struct worker *worker)
{
	worker->env.now_ms = clock_mono_ms();
	worker->env.unix_ms = clock_unix_ms();
	worker->env.config = rcu_dereference(worker->shared->config);
	worker->env.is_draining =
		atomic_load_explicit(&worker->shared->is_draining, memory_order_relaxed);
	// The map hands out many shards to each worker; one is enough.
	uint32_t shard = worker->env.home_shard;
	while (dispatch_owner(worker->shared->dispatch, shard) != worker->index) {
		shard = (shard + 1) % CORE_SHARDS;
		if (shard == worker->env.home_shard)
			break;
	}
	worker->env.home_shard = shard;
	worker->is_more = false;
	worker->is_busy = false;
}

// Again and again: a call may have been in the middle of a step that cannot be hung up.
static void turn_drain(struct worker *worker)
{
	if (!worker->env.is_draining)
		return;
	struct call_info info;
	uint32_t cursor = 0;
	if (worker->env.now_ms - worker->hangup_ms >= HANGUP_PERIOD_MS) {
		worker->hangup_ms = worker->env.now_ms;
		core_hangup_all(worker->core, &worker->env);
	}
	atomic_store_explicit(&worker->is_drained,
		!core_next_call(worker->core, &cursor, &info), memory_order_relaxed);
}

// While this handle is active, libuv's poll returns at once.
static void on_no_sleep(uv_idle_t *idle)
{
	(void)idle;
}

// libuv runs timers before it polls, so an expired one must keep the poll from sleeping: the check
// callback behind it does the work.
static void on_timer(uv_timer_t *timer)
{
	struct worker *worker = timer->data;
	uv_idle_start(&worker->no_sleep, on_no_sleep);
}

static void turn_sleep(struct worker *worker)
{
	uint64_t now_ms = worker->env.now_ms;
	uint64_t next_ms = core_next_timer_ms(worker->core);
	uint64_t streams_ms = worker_streams_next_ms(worker);
	if (streams_ms < next_ms)
		next_ms = streams_ms;
	uint64_t sleep_ms = next_ms <= now_ms ? 1 : next_ms - now_ms;
	if (sleep_ms > SLEEP_MAX_MS)
		sleep_ms = SLEEP_MAX_MS;
	if (worker->is_more)
		uv_idle_start(&worker->no_sleep, on_no_sleep);
	// uv_timer_start() counts from the loop's cached time, which is that of before the turn.
	uv_update_time(&worker->loop);
	uv_timer_start(&worker->timer, on_timer, sleep_ms, 0);
}

// The life of a turn, in order.
static void worker_turn(struct worker *worker)
{
	turn_begin(worker);
	worker_overload_begin(worker);
	worker_receive(worker);
	worker_streams_receive(worker);
	worker_take(worker);
	worker_resolver_run(worker);
	worker_keep_run(worker);
	worker_media_run(worker);
	core_run_timers(worker->core, &worker->env);
	worker_mailbox_run(&worker->mailbox, worker);
	worker_line_run(worker);
	worker_overload_end(worker);
	turn_drain(worker);
	worker_flush(worker);
	flow_writer_run(worker->env.flows, worker->env.now_ms);
	dispatch_wake(worker->shared->dispatch, worker->index);
	worker->env.config = NULL; // no RCU pointer outlives the turn
	urcu_qsbr_quiescent_state();
	turn_sleep(worker);
}

static void on_async(uv_async_t *async)
{
	(void)async;
}

// Being woken for each datagram costs more than what most of them ask for. While traffic flows and
// nothing is left over, a short nap gathers what comes; a worker that is behind never naps.
static void nap(const struct worker *worker)
{
	if (worker->is_busy && !worker->is_more)
		nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
}

static void on_prepare(uv_prepare_t *prepare)
{
	urcu_qsbr_thread_offline();
	nap(prepare->data);
}

static void on_check(uv_check_t *check)
{
	struct worker *worker = check->data;
	urcu_qsbr_thread_online();
	uv_idle_stop(&worker->no_sleep);
	if (atomic_load_explicit(&worker->is_stopping, memory_order_acquire))
		uv_stop(&worker->loop);
	else
		worker_turn(worker);
}

static int loop_open(struct worker *worker)
{
	int rc = uv_loop_init(&worker->loop);
	if (rc < 0)
		return rc;
	uv_prepare_init(&worker->loop, &worker->prepare);
	uv_check_init(&worker->loop, &worker->check);
	uv_timer_init(&worker->loop, &worker->timer);
	uv_idle_init(&worker->loop, &worker->no_sleep);
	worker->prepare.data = worker;
	worker->check.data = worker;
	worker->timer.data = worker;
	uv_prepare_start(&worker->prepare, on_prepare);
	uv_check_start(&worker->check, on_check);
	uv_idle_start(&worker->no_sleep, on_no_sleep); // the first turn comes at once
	rc = uv_async_init(&worker->loop, &worker->async, on_async);
	if (rc == 0)
		rc = worker_io_poll(worker);
	if (rc == 0)
		rc = worker_resolver_poll(worker);
	return rc < 0 ? rc : worker_streams_poll(worker);
}

static void loop_close(struct worker *worker)
{
	worker_io_close_handles(worker);
	worker_streams_close_handles(worker);
	worker_resolver_close_handles(worker);
	uv_close((uv_handle_t *)&worker->prepare, NULL);
	uv_close((uv_handle_t *)&worker->check, NULL);
	uv_close((uv_handle_t *)&worker->timer, NULL);
	uv_close((uv_handle_t *)&worker->no_sleep, NULL);
	uv_close((uv_handle_t *)&worker->async, NULL);
	uv_run(&worker->loop, UV_RUN_DEFAULT);
	CHECK(uv_loop_close(&worker->loop) == 0);
}

static int parts_open(struct worker *worker, const struct worker_params *params)
{
	const struct config *config = worker->shared->config;
	uint32_t workers = worker->shared->workers;
	uint64_t now_ms = clock_mono_ms();
	// Even parts: the sum is never above the limit, early refusal by uneven shards is accepted.
	struct core_params core = {
		.worker = worker->index,
		.calls_max = (config->limits.calls_max + workers - 1) / workers,
		.transactions_max = (config->limits.transactions_max + workers - 1) / workers,
		.key = worker->shared->key,
		.trunks = worker->shared->trunks,
		.now_ms = now_ms,
	};
	struct flow_writer_params flows = {
		.signaling = params->signaling,
		.media = params->media,
		.worker = worker->index,
		.workers = workers,
		.quarantine_ms = config->limits.quarantine_ms,
		.orphan_timeout_ms = config->limits.orphan_timeout_ms,
	};

	rng_init_system(&worker->rng);
	worker_overload_open(worker, now_ms);
	worker->core = core_new(&core);
	worker->env.flows = flow_writer_new(&flows, now_ms);
	worker->env.outbox = outbox_new(OUTBOX_ENTRIES, OUTBOX_BYTES);
	worker->env.rng = &worker->rng;
	if (!worker->core || !worker->env.flows || !worker->env.outbox)
		return -ENOMEM;
	int rc = worker_line_open(worker);
	if (rc == 0)
		rc = worker_io_open(worker, config);
	if (rc == 0)
		rc = worker_resolver_open(worker, config);
	if (rc == 0)
		rc = worker_keep_open(worker, config);
	return rc < 0 ? rc : worker_streams_open(worker, config, now_ms);
}

static void parts_free(struct worker *worker)
{
	worker_mailbox_clear(&worker->mailbox);
	worker_io_free(worker);
	worker_line_free(worker);
	worker_streams_free(worker);
	worker_resolver_free(worker);
	worker_keep_free(worker);
	if (worker->core != NULL)
		core_free(worker->core);
	if (worker->env.flows != NULL)
		flow_writer_free(worker->env.flows);
	if (worker->env.outbox != NULL)
		outbox_free(worker->env.outbox);
	free(worker);
}

int worker_open(const struct worker_params *params, struct worker **out)
{
	struct worker *worker = aligned_alloc(alignof(struct worker), sizeof(*worker));
	if (worker == NULL)
		return -ENOMEM;
	memset(worker, 0, sizeof(*worker));
	worker->shared = params->shared;
	worker->index = params->index;
	int rc = parts_open(worker, params);
	if (rc < 0) {
		parts_free(worker);
		return rc;
	}
	rc = loop_open(worker);
	if (rc < 0) {
		// libuv fails here only when the process is out of descriptors or memory: the
		// start-up ends, and a half-built loop is left to the exit of the process.
		LOG_ERROR(NET, "loop_failed", "worker=%u error=\"%s\"", worker->index,
			uv_strerror(rc));
		return rc;
	}
	*out = worker;
	return 0;
}

void worker_close(struct worker *worker)
{
	loop_close(worker);
	parts_free(worker);
}

static void *worker_main(void *context)
{
	struct worker *worker = context;
	urcu_qsbr_register_thread();
	LOG_DEBUG(MAIN, "worker_start", "worker=%u listeners=%u", worker->index,
		worker->listener_count);
	uv_run(&worker->loop, UV_RUN_DEFAULT);
	worker_flush(worker);
	urcu_qsbr_unregister_thread();
	return NULL;
}

int worker_start(struct worker *worker)
{
	char name[16];
	int rc = pthread_create(&worker->thread, NULL, worker_main, worker);
	if (rc != 0)
		return -rc;
	snprintf(name, sizeof(name), "worker-%u", worker->index);
	pthread_setname_np(worker->thread, name);
	return 0;
}

void worker_stop(struct worker *worker)
{
	// release: pairs with on_check(); what the caller did before is done when the worker ends
	atomic_store_explicit(&worker->is_stopping, true, memory_order_release);
	worker_wake(worker);
}

void worker_join(struct worker *worker)
{
	pthread_join(worker->thread, NULL);
}

void worker_wake(struct worker *worker)
{
	uv_async_send(&worker->async);
}

void worker_post(struct worker *worker, struct worker_command *command)
{
	worker_mailbox_push(&worker->mailbox, command);
	worker_wake(worker);
}

uint32_t worker_index(const struct worker *worker)
{
	return worker->index;
}

const struct net_metrics *worker_net_metrics(const struct worker *worker)
{
	return &worker->metrics;
}

const struct core_metrics *worker_core_metrics(const struct worker *worker)
{
	return core_metrics(worker->core);
}

const struct sip_transaction_metrics *worker_transaction_metrics(const struct worker *worker)
{
	return core_transaction_metrics(worker->core);
}

bool worker_is_drained(const struct worker *worker)
{
	return atomic_load_explicit(&worker->is_drained, memory_order_relaxed);
}

struct core *worker_core(struct worker *worker)
{
	return worker->core;
}

struct flow_writer *worker_flows(struct worker *worker)
{
	return worker->env.flows;
}

// worker_overload.c - keeps a worker from taking more new calls than it can serve: measures, tells
// the core how many may begin in this turn, sets the sockets' filters.
#include "worker_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "call/metric.h"
#include "net/shed.h"

_Static_assert(CONFIG_EMERGENCY_MAX <= SHED_SPARED_MAX, "a filter knows all numbers of a realm");

void worker_overload_open(struct worker *worker, uint64_t now_ms)
{
	overload_init(&worker->overload, now_ms);
}

void worker_overload_arrival(struct worker *worker, uint64_t unix_ns)
{
	uint64_t now_ns = clock_unix_ns();
	uint64_t waited_us = unix_ns && now_ns > unix_ns ? (now_ns - unix_ns) / 1000 : 0;

	overload_note_delay(&worker->overload,
		waited_us < UINT32_MAX ? (uint32_t)waited_us : UINT32_MAX - 1);
}

void worker_overload_begin(struct worker *worker)
{
	struct core_env *env = &worker->env;

	env->is_overloaded = worker->overload.is_limiting;
	env->calls_left = overload_calls_left(&worker->overload);
	env->refusals_left = overload_refusals_left(&worker->overload);
	env->calls_dropped = 0;
	worker->calls_begun = metric_read(&worker_core_metrics(worker)->calls_started);
}

// Whether a filter can tell all emergency calls of the realm from others: not where a header makes
// any call one, because it is believed, nor one by a number that is longer than filters compare.
static bool may_shed(const struct config_realm *realm)
{
	if (realm->is_trusted)
		return false;
	for (uint32_t i = 0; i < realm->emergency_count; i++)
		if (strlen(realm->emergency[i]) > SHED_NUMBER_MAX)
			return false;
	return true;
}

// Emergency numbers of the listener's realm are spared.
static void shed(struct worker *worker, struct worker_listener *listener)
{
	const struct config_realm *realm = &worker->env.config->realms[listener->id >> 8];
	uint32_t permille = may_shed(realm) ? worker->overload.shed_permille : 0;
	struct span spared[CONFIG_EMERGENCY_MAX];

	if (permille == listener->shed_permille)
		return;
	for (uint32_t i = 0; i < realm->emergency_count; i++)
		spared[i] = span_str(realm->emergency[i]);
	int rc = shed_set(listener->socket.fd, permille, spared, realm->emergency_count);
	if (rc < 0) {
		LOG_WARN(NET, "shed_failed", "realm=%s error=\"%s\"", realm->name, strerror(-rc));
		return;
	}
	listener->shed_permille = permille;
}

void worker_overload_end(struct worker *worker)
{
	const struct core_env *env = &worker->env;
	struct overload *overload = &worker->overload;
	bool was_limiting = overload->is_limiting;
	struct overload_use use = { .dropped = env->calls_dropped };

	if (env->is_overloaded) {
		use.admitted = overload_calls_left(overload) - env->calls_left;
		use.refused = overload_refusals_left(overload) - env->refusals_left;
	} else {
		use.admitted = (uint32_t)(metric_read(
			&worker_core_metrics(worker)->calls_started) - worker->calls_begun);
	}
	overload_note_use(overload, &use);
	if (!overload_run(overload, env->now_ms))
		return;
	for (uint32_t i = 0; i < worker->listener_count; i++)
		shed(worker, &worker->listeners[i]);
	if (overload->is_limiting != was_limiting)
		LOG_WARN(NET, "overload", "worker=%u is_limiting=%d calls_per_s=%u", worker->index,
			overload->is_limiting, overload->is_limiting ? overload->rate : 0);
}

// worker_overload.c - what a worker knows of its overload: measures waits, tells the core what it
// may take and refuse in this turn, sets the sockets' filters.
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

void worker_overload_waited(struct worker *worker, uint64_t waited_us)
{
	overload_note_delay(&worker->overload,
		waited_us < UINT32_MAX ? (uint32_t)waited_us : UINT32_MAX - 1);
}

void worker_overload_arrival(struct worker *worker, uint64_t unix_ns)
{
	uint64_t now_ns = clock_unix_ns();

	worker_overload_waited(worker,
		unix_ns && now_ns > unix_ns ? (now_ns - unix_ns) / 1000 : 0);
}

void worker_overload_begin(struct worker *worker)
{
	struct core_env *env = &worker->env;

	env->is_overloaded = worker->overload.is_limiting;
	env->calls_left = OVERLOAD_CALLS_PER_TURN;
	env->refusals_left = worker->overload.refusals;
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

// What comes through shall be right within a tenth: the kernel takes a filter in by a system call
// that waits for all cores.
static bool is_close(uint32_t set_permille, uint32_t permille)
{
	uint32_t through = 1000 - permille, now = 1000 - set_permille;
	uint32_t off = through > now ? through - now : now - through;

	return set_permille == permille || (set_permille && permille && off * 10 < now);
}

// Emergency numbers of the listener's realm are spared.
static void shed(struct worker *worker, struct worker_listener *listener)
{
	const struct config_realm *realm = &worker->env.config->realms[listener->id >> 8];
	uint32_t permille = may_shed(realm) ? worker->overload.shed_permille : 0;
	struct span spared[CONFIG_EMERGENCY_MAX];

	if (is_close(listener->shed_permille, permille))
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
	struct overload_use use = {
		.admitted = (uint32_t)(metric_read(
			&worker_core_metrics(worker)->calls_started) - worker->calls_begun),
		.refused = overload->refusals - env->refusals_left,
		.dropped = env->calls_dropped,
	};

	overload_note_use(overload, &use);
	if (!overload_run(overload, env->now_ms))
		return;
	for (uint32_t i = 0; i < worker->listener_count; i++)
		shed(worker, &worker->listeners[i]);
	if (overload->is_limiting != was_limiting)
		LOG_WARN(NET, "overload", "worker=%u is_limiting=%d", worker->index,
			overload->is_limiting);
}

// worker_resolver.c - the core's questions about names, and the resolver's answers to them.
#include "worker_private.h"

#include "base/log.h"
#include "call/target.h"

#include <errno.h>

_Static_assert(CONFIG_DNS_MAX <= RESOLVER_SERVERS_MAX, "all servers of the configuration fit");

int worker_resolver_open(struct worker *worker, const struct config *config)
{
	const struct config_dns *dns = &config->dns;
	uint32_t workers = worker->shared->workers;
	struct resolver_options options = {
		.server_count = dns->server_count,
		.timeout_ms = dns->timeout_ms,
		.tries = dns->tries,
		.deadline_ms = dns->deadline_ms,
		.cache_max = dns->cache_max,
		.ttl_min_ms = dns->ttl_min_ms,
		.ttl_max_ms = dns->ttl_max_ms,
		// As many as the core can ask for at once.
		.asks_max = config->limits.transactions_max / workers + 1,
	};

	memcpy(options.servers, dns->servers, sizeof(dns->servers));
	int rc = resolver_open(&options, &worker->rng, &worker->metrics, &worker->resolver);
	if (rc < 0)
		LOG_ERROR(NET, "resolver_failed", "error=\"%s\"", strerror(-rc));
	return rc;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	// Called while the worker is offline for RCU; the turn that follows does the work.
	(void)poll;
	(void)status;
	(void)events;
}

int worker_resolver_poll(struct worker *worker)
{
	int rc = uv_poll_init(&worker->loop, &worker->resolver_poll, resolver_fd(worker->resolver));

	if (rc < 0)
		return rc;
	worker->is_resolver_polled = true;
	return uv_poll_start(&worker->resolver_poll, UV_READABLE, on_poll);
}

void worker_resolver_close_handles(struct worker *worker)
{
	if (worker->is_resolver_polled)
		uv_close((uv_handle_t *)&worker->resolver_poll, NULL);
}

void worker_resolver_free(struct worker *worker)
{
	resolver_close(worker->resolver);
}

void worker_resolve(struct worker *worker, const struct outbox_resolve *resolve)
{
	struct resolver_ask ask = {
		.ticket = resolve->ticket,
		.place = { .host = resolve->host, .port = resolve->port,
			.transport = resolve->transport, .has_transport = resolve->has_transport,
			.is_secure = resolve->is_secure },
	};

	if (worker->env.config == NULL)
		return; // after the last turn there is nobody to be answered
	// What is not taken the core's own deadline ends.
	target_ability(&worker->env.config->realms[resolve->realm], &ask.ability);
	resolver_ask(worker->resolver, &ask, worker->env.now_ms);
	worker->is_more |= resolver_has_answer(worker->resolver);
}

void worker_resolver_run(struct worker *worker)
{
	struct resolver_answer answer;

	resolver_run(worker->resolver, worker->env.now_ms);
	while (resolver_take(worker->resolver, &answer)) {
		if ((uint32_t)answer.ticket & WORKER_KEEP_TICKET) {
			worker_keep_resolved(worker, &answer);
			continue;
		}
		core_resolved(worker->core, &worker->env, answer.ticket, answer.targets,
			answer.count);
	}
}

#include "call/resolve.h"

#include "call/core_private.h"

#include <stddef.h>

// The conductor has a deadline of its own and answers; this one is for when it does not.
#define GRACE_MS    1000u
#define DEADLINE_MS 4000u // where a configuration made by hand names none

struct resolve_ask {
	struct timer timer;
	struct core *core;
	resolve_fn *fn;
	uint64_t owner;
};

static uint64_t ticket_of(const struct core *core, const struct resolve_ask *ask)
{
	struct slab_handle handle = slab_handle_of(core->asks, ask);

	return (uint64_t)handle.generation << 32 | handle.index;
}

static struct resolve_ask *ask_of(const struct core *core, uint64_t ticket)
{
	struct slab_handle handle = { .index = (uint32_t)ticket,
		.generation = (uint32_t)(ticket >> 32) };

	return handle.generation ? slab_lookup(core->asks, handle) : NULL;
}

static void answer(struct resolve_ask *ask, const struct sip_turn *turn,
	const struct sip_target *targets, uint32_t count)
{
	struct resolve_ask copy = *ask;

	timer_stop(copy.core->wheel, &ask->timer);
	slab_put(copy.core->asks, ask);
	copy.fn(copy.core, turn, copy.owner, targets, count);
}

static void on_deadline(struct timer *timer, void *context)
{
	struct resolve_ask *ask =
		(struct resolve_ask *)((char *)timer - offsetof(struct resolve_ask, timer));

	CORE_COUNT(ask->core, resolves_silent);
	answer(ask, context, NULL, 0);
}

uint64_t resolve_start(struct core *core, const struct core_env *env,
	const struct resolve_params *params)
{
	const struct sip_place *place = &params->place;
	uint64_t deadline_ms = env->config->dns.deadline_ms;
	struct resolve_ask *ask = slab_get(core->asks);

	if (!ask) {
		CORE_COUNT(core, resolves_refused);
		return 0;
	}
	ask->core = core;
	ask->fn = params->fn;
	ask->owner = params->owner;
	struct outbox_resolve resolve = { .ticket = ticket_of(core, ask), .realm = params->realm,
		.host = place->host, .port = place->port, .transport = place->transport,
		.has_transport = place->has_transport, .is_secure = place->is_secure };
	if (outbox_resolve(env->outbox, &resolve) < 0) {
		CORE_COUNT(core, outbox_full);
		slab_put(core->asks, ask);
		return 0;
	}
	CORE_COUNT(core, resolves);
	timer_start(core->wheel, &ask->timer,
		env->now_ms + (deadline_ms ? deadline_ms : DEADLINE_MS) + GRACE_MS, on_deadline);
	return resolve.ticket;
}

void resolve_cancel(struct core *core, uint64_t ticket)
{
	struct resolve_ask *ask = ask_of(core, ticket);

	if (!ask)
		return;
	timer_stop(core->wheel, &ask->timer);
	slab_put(core->asks, ask);
}

struct slab *resolve_table_new(uint32_t count_max)
{
	return slab_new(sizeof(struct resolve_ask), count_max);
}

void core_resolved(struct core *core, struct core_env *env, uint64_t ticket,
	const struct sip_target *targets, uint32_t count)
{
	struct sip_turn turn = { .env = env, .now_ms = env->now_ms };
	struct resolve_ask *ask = ask_of(core, ticket);

	core->env = env;
	if (!ask) {
		CORE_COUNT(core, resolves_late);
		return;
	}
	if (count == 0)
		CORE_COUNT(core, resolves_empty);
	answer(ask, &turn, targets, count < SIP_TARGETS_MAX ? count : SIP_TARGETS_MAX);
	core_reap(core);
}

// core.c - the tables of one core, its timers, and its answers to what transactions ask.
#include "call/core_private.h"
#include "call/exchange.h"
#include "call/handover.h"
#include "call/pickup.h"
#include "call/transfer.h"

#include "base/check.h"
#include "base/pages.h"

#include <stdlib.h>

_Static_assert(CORE_SHARDS == SIP_SHARDS, "one number of shards");

// Transactions ask, calls answer ------------------------------------------------------------------

static void on_send(void *context, const struct sip_turn *turn, const struct sip_hop *hop,
	struct span data, uint64_t ticket)
{
	struct core *core = context;
	struct outbox_send send = { .hop = *hop, .data = data, .ticket = ticket };

	if (outbox_send(core_env_of(turn)->outbox, &send) < 0)
		CORE_COUNT(core, outbox_full);
}

static struct sip_local on_local(void *context, const struct sip_turn *turn, uint32_t listener)
{
	(void)context;
	return listener_local(core_env_of(turn)->config, listener);
}

static bool on_find_stream(void *context, const struct sip_turn *turn, const struct sip_hop *hop,
	uint32_t *listener)
{
	(void)context;
	return listener_find_stream(core_env_of(turn)->config, hop, listener);
}

static void on_failure(void *context, const struct sip_turn *turn, struct sip_tx *tx,
	enum sip_tx_failure failure)
{
	struct core *core = context;
	struct call *call = call_of_tx(core, tx);

	if (!call) {
		exchange_failed(core, turn, tx, failure);
		return;
	}
	if (relay_failed(call, turn, tx, failure))
		return;
	if (call->invite.client == tx && !call->invite.is_final) {
		if (call->answered_ms)
			reinvite_failed(call, turn, failure);
		else
			answer_failed(call, turn, failure);
	} else if (call->invite.server == tx && call->invite.is_answered) {
		ack_missing(call, turn);
	} else {
		pickup_over(call, turn, tx, true);
	}
	for (uint32_t side = 0; side < CALL_LEGS; side++)
		if (call->legs[side].bye == tx)
			bye_failed(call, turn, side);
}

static void on_terminated(void *context, const struct sip_turn *turn, struct sip_tx *tx)
{
	struct core *core = context;
	struct call *call = call_of_tx(core, tx);

	if (!call) {
		exchange_terminated(core, tx);
		return;
	}
	relay_terminated(call, turn, tx);
	pickup_over(call, turn, tx, false);
	if (call->accepted == tx)
		call->accepted = NULL;
	if (call->invite.server == tx)
		call->invite.server = NULL;
	if (call->invite.client == tx)
		call->invite.client = NULL;
	if (call_is_given_up(tx))
		call->invites_given_up--;
	for (uint32_t side = 0; side < CALL_LEGS; side++)
		if (call->legs[side].bye == tx)
			bye_done(call, side);
	call_settle(call);
}

static const struct sip_tu_ops tu_ops = {
	.send = on_send,
	.local = on_local,
	.find_stream = on_find_stream,
	.on_request = core_on_request,
	.on_ack = core_on_ack,
	.on_cancel = core_on_cancel,
	.on_response = core_on_response,
	.on_stray_response = core_on_stray_response,
	.on_failure = on_failure,
	.on_terminated = on_terminated,
};

void core_run_timers(struct core *core, struct core_env *env)
{
	struct sip_turn turn = { .env = env, .now_ms = env->now_ms };

	core->env = env;
	timer_wheel_run(core->wheel, env->now_ms, &turn);
	sip_transactions_run(core->txs, &turn);
	core_reap(core);
	atomic_store_explicit(&core->metrics.calls, slab_count(core->calls), memory_order_relaxed);
}

uint64_t core_next_timer_ms(const struct core *core)
{
	uint64_t own = timer_wheel_next(core->wheel);
	uint64_t txs = sip_transactions_next_ms(core->txs);

	return own < txs ? own : txs;
}

void core_hangup_all(struct core *core, struct core_env *env)
{
	struct sip_turn turn = { .env = env, .now_ms = env->now_ms };
	struct call_hangup hangup = { .cause = CALL_CAUSE_SHUTDOWN, .code = 503 };
	uint32_t cursor = 0;
	struct call *call;

	core->env = env;
	while ((call = slab_next(core->calls, &cursor)))
		call_hangup(call, &turn, &hangup);
	core_reap(core);
}

const struct core_metrics *core_metrics(const struct core *core)
{
	return &core->metrics;
}

const struct sip_transaction_metrics *core_transaction_metrics(const struct core *core)
{
	return sip_transactions_metrics(core->txs);
}

uint32_t core_timer_count(const struct core *core)
{
	return timer_wheel_count(core->wheel);
}

bool core_next_call(const struct core *core, uint32_t *cursor, struct call_info *out)
{
	const struct call *call = slab_next(core->calls, cursor);

	if (!call || !core->env || !core->env->config)
		return false;
	call_info_fill(call, core->env, out);
	return true;
}

bool core_scan(const struct sip_keys *keys, struct span message, struct core_scan *out)
{
	if (!sip_scan_callid(message, &out->call_id))
		return false;
	out->shard = sip_callid_shard(keys, out->call_id);
	return true;
}

// Life --------------------------------------------------------------------------------------------

#define FORKS_SPARE         64u   // further early dialogs, beside one for each call
#define STORED_BYTES_PER_TX 2048u // on average; one message may be larger
#define RETRY_AFTER_S       5u

// Emergency calls find a place in a full table.
static uint32_t core_calls_limit(uint32_t calls_max)
{
	return calls_max + calls_max / 16 + 16;
}

static bool make_tables(struct core *core, const struct core_params *params)
{
	uint32_t buckets = 64;
	struct sip_transactions_params txs = {
		.count_max = params->transactions_max,
		.stored_bytes_max = (uint64_t)params->transactions_max * STORED_BYTES_PER_TX,
		.retry_after_s = RETRY_AFTER_S,
		.keys = core->keys,
		.ops = &tu_ops,
		.context = core,
		.now_ms = params->now_ms,
	};

	uint32_t calls_max = core_calls_limit(params->calls_max);

	while (buckets < params->calls_max && buckets < 1u << 20)
		buckets <<= 1;
	core->bucket_mask = buckets - 1;
	core->buckets = pages_alloc(buckets * sizeof(core->buckets[0]));
	core->wheel = timer_wheel_new(params->now_ms);
	core->calls = slab_new(sizeof(struct call), calls_max);
	core->forks = slab_new(sizeof(struct call_fork),
		(size_t)calls_max + FORKS_SPARE);
	core->transfers = slab_new(sizeof(struct transfer), calls_max);
	core->relays = slab_new(sizeof(struct relay), params->transactions_max);
	core->asks = resolve_table_new(params->transactions_max);
	core->handovers = handover_table_new();
	core->txs = sip_transactions_new(&txs);
	core->is_trunks_own = !params->trunks;
	core->trunks = params->trunks ? params->trunks : trunk_table_new();
	bool has_exchanges = exchange_tables_make(core, params->transactions_max, calls_max);

	return has_exchanges && core->buckets &&
		core->wheel && core->calls && core->relays && core->asks && core->forks &&
		core->transfers && core->handovers && core->txs && core->trunks;
}

struct core *core_new(const struct core_params *params)
{
	struct core *core = calloc(1, sizeof(*core));

	CHECK(params->calls_max > 0 && params->transactions_max > 0);
	if (!core)
		return NULL;
	core->params = *params;
	sip_keys_init(&core->keys, &params->key, 0);
	if (make_tables(core, params))
		return core;
	core_free(core);
	return NULL;
}

void core_free(struct core *core)
{
	uint32_t cursor = 0;
	struct call *call;

	if (!core)
		return;
	while (core->calls && (call = slab_next(core->calls, &cursor))) {
		arena_fini(&call->arena);
		for (uint32_t side = 0; side < CALL_LEGS; side++)
			trunk_give(core->trunks, call->legs[side].trunk_slot);
	}
	exchange_tables_free(core);
	if (core->txs)
		sip_transactions_free(core->txs);
	if (core->wheel)
		timer_wheel_free(core->wheel);
	if (core->calls)
		slab_free(core->calls);
	if (core->relays)
		slab_free(core->relays);
	if (core->transfers)
		slab_free(core->transfers);
	if (core->asks)
		slab_free(core->asks);
	if (core->handovers)
		slab_free(core->handovers);
	if (core->forks)
		slab_free(core->forks);
	if (core->is_trunks_own)
		trunk_table_free(core->trunks);
	pages_free(core->buckets, (core->bucket_mask + 1) * sizeof(core->buckets[0]));
	free(core);
}

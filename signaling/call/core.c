#include "call/core_private.h"
#include "call/exchange.h"
#include "call/replaces.h"
#include "call/transfer.h"

#include "base/check.h"
#include "base/log.h"

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

// The call whose dialog the far end names by our tag. NULL: none.
static struct call *find_call(struct core *core, struct span tag, const struct sip_msg *msg,
	enum call_side *side)
{
	struct sip_token token;

	if (!sip_token_verify(&core->keys, SIP_TOKEN_TAG, tag, &token))
		return NULL;
	struct call *call = call_lookup(core, token.value, side);
	if (!call || !call->legs[*side].has_dialog)
		return NULL;
	// An early or forked answer may carry any tag of the far end; requests must name ours and
	// theirs.
	if (msg->is_request && *side == CALL_LEG_B && !call->legs[CALL_LEG_B].dialog.is_confirmed)
		fork_select_tag(call, msg->from.tag);
	return !msg->is_request || sip_dialog_matches(&call->legs[*side].dialog, msg) ? call : NULL;
}

static void receive_outside(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in)
{
	if (refuse_request(core, turn, tx, in) || exchange_receive(core, turn, tx, in))
		return;
	if (in->msg->method != SIP_METHOD_INVITE && in->msg->method != SIP_METHOD_OPTIONS)
		refuse_method(core, turn, tx);
	else if (in->msg->method == SIP_METHOD_OPTIONS)
		options_receive(core, turn, tx);
	else if (sip_msg_header(in->msg, SIP_HEADER_REPLACES))
		replaces_receive(core, turn, tx, in);
	else
		invite_receive(core, turn, tx, in);
}

static void receive_inside(struct call *call, const struct sip_turn *turn, struct sip_tx *tx,
	enum call_side side, const struct sip_received *in)
{
	struct core *core = call->core;
	struct call_leg *leg = &call->legs[side];

	if (sip_dialog_receive_request(&leg->dialog, in->msg) != SIP_DIALOG_OK) {
		CORE_COUNT(core, refused_order);
		refuse_status(core, turn, tx, 500);
		return;
	}
	leg_hear_request(leg, core_env_of(turn), &in->hop);
	switch (in->msg->method) {
	case SIP_METHOD_INVITE:
		reinvite_receive(call, turn, tx, side, in);
		break;
	case SIP_METHOD_BYE:
		bye_receive(call, turn, tx, side, in->msg);
		break;
	case SIP_METHOD_OPTIONS:
		options_receive(core, turn, tx);
		break;
	default:
		relay_receive(call, turn, tx, side, in);
		break;
	}
}

static void receive_request(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in)
{
	enum call_side side;

	if (span_is_empty(in->msg->to.tag)) {
		receive_outside(core, turn, tx, in);
		return;
	}
	struct call *call = find_call(core, in->msg->to.tag, in->msg, &side);
	if (call) {
		session_id_learn(call, core_env_of(turn), side, in->msg);
		receive_inside(call, turn, tx, side, in);
		return;
	}
	if (subscription_receive(core, turn, tx, in))
		return;
	CORE_COUNT(core, refused_dialog);
	refuse_status(core, turn, tx, 481);
}

static void on_request(void *context, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in)
{
	struct core *core = context;
	struct sip_received edited = *in;

	core->peer = edit_peer(core, core_env_of(turn), in);
	core->peer_tx = tx;
	edited.msg = edit_receive(core, core->peer, in->msg);
	receive_request(core, turn, tx, &edited);
	core->peer_tx = NULL;
}

static void on_ack(void *context, const struct sip_turn *turn, const struct sip_received *in)
{
	struct core *core = context;
	enum call_side side;
	struct call *call = find_call(core, in->msg->to.tag, in->msg, &side);

	if (!call) {
		CORE_COUNT(core, acks_repeated);
		return;
	}
	leg_hear_request(&call->legs[side], core_env_of(turn), &in->hop);
	ack_receive(call, turn, side, in->msg);
}

static void on_cancel(void *context, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in)
{
	struct core *core = context;
	struct call *call = call_of_tx(core, tx);

	if (call && call->invite.server == tx)
		cancel_receive(call, turn, in->msg);
	else
		refuse_status(core, turn, tx, 487);
}

static void receive_again(struct core *core, const struct sip_turn *turn, const struct sip_msg *msg)
{
	enum call_side side;
	struct call *call = find_call(core, msg->from.tag, msg, &side);

	if (call && msg->cseq.method == SIP_METHOD_INVITE)
		answer_again(call, turn, side, msg);
	else
		CORE_COUNT(core, responses_stray);
}

// It may be told later, or again, in a reliable answer.
static void keep_answer(struct call *call, enum call_side side, const struct sip_msg *msg)
{
	struct span headers = hide_answer(call, side, msg);

	if (!call_set_text(call, &call->answered_with, headers))
		CORE_COUNT(call->core, arena_full);
}

// To an INVITE that nobody waits on: its final answer came, or its target was given up.
static bool is_past(const struct call *call, const struct sip_tx *tx)
{
	return sip_tx_kind(tx) == SIP_TX_INVITE_CLIENT &&
		(tx != call->invite.client || call->invite.is_final);
}

// What any response of a call tells of its leg. The message as the peer's rules leave it.
static const struct sip_msg *hear_response(struct call *call, const struct sip_turn *turn,
	const struct sip_tx *tx, const struct sip_received *in)
{
	struct core *core = call->core;
	const struct core_env *env = core_env_of(turn);
	const struct sip_msg *msg = in->msg;
	enum call_side side;

	if (find_call(core, msg->from.tag, msg, &side) != call)
		return msg;
	struct call_leg *leg = &call->legs[side];
	struct span tag = msg->to.tag;
	// A fork that lost, or a target that was given up, is another far end than the leg's.
	bool is_foreign = is_past(call, tx) &&
		(span_is_empty(tag) || !span_eq(tag, leg->dialog.remote_tag.text));
	if (in->hop.connection && !is_foreign)
		leg_hear_response(leg, &in->hop);
	if (!is_foreign)
		session_id_learn(call, env, side, msg);
	msg = edit_receive(core, config_profile(env->config, leg->profile), msg);
	if (!is_foreign && msg->cseq.method == SIP_METHOD_INVITE && msg->status > 100 &&
		msg->status < 300)
		keep_answer(call, side, msg);
	return msg;
}

static void on_response(void *context, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in)
{
	struct core *core = context;
	struct call *call = call_of_tx(core, tx);
	const struct sip_msg *msg = in->msg;

	if (!call) {
		if (sip_tx_kind(tx) == SIP_TX_INVITE_CLIENT)
			stray_answer(core, turn, tx, in);
		else if (!exchange_response(core, turn, tx, msg))
			CORE_COUNT(core, responses_stray);
		return;
	}
	msg = hear_response(call, turn, tx, in);
	if (sip_tx_kind(tx) == SIP_TX_INVITE_CLIENT) {
		if (is_past(call, tx))
			receive_again(core, turn, msg);
		else if (call->answered_ms)
			reinvite_response(call, turn, msg);
		else
			answer_response(call, turn, msg);
		return;
	}
	if (relay_response(call, turn, tx, msg))
		return;
	for (uint32_t side = 0; side < CALL_LEGS && msg->status >= 200; side++)
		if (call->legs[side].bye == tx)
			bye_done(call, side);
}

static void on_stray_response(void *context, const struct sip_turn *turn,
	const struct sip_received *in)
{
	receive_again(context, turn, in->msg);
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
	}
	for (uint32_t side = 0; side < CALL_LEGS; side++)
		if (call->legs[side].bye == tx)
			bye_done(call, side);
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
	.on_request = on_request,
	.on_ack = on_ack,
	.on_cancel = on_cancel,
	.on_response = on_response,
	.on_stray_response = on_stray_response,
	.on_failure = on_failure,
	.on_terminated = on_terminated,
};

// The door ----------------------------------------------------------------------------------------

// Strangers get one stateless 403 and cost no memory. Whoever names a dialog by our own tag is
// none.
static bool refuse_stranger(struct core *core, const struct sip_turn *turn,
	const struct sip_received *in)
{
	struct sip_token token;

	if (!in->msg->is_request ||
		sip_token_verify(&core->keys, SIP_TOKEN_TAG, in->msg->to.tag, &token))
		return false;
	if (trunk_find(core_env_of(turn)->config, in->hop.listener >> 8, &in->hop.addr.ip) >= 0)
		return false;
	// The ACK of that 403 comes here too.
	if (in->msg->method != SIP_METHOD_ACK) {
		CORE_COUNT(core, refused_source);
		sip_reply_stateless(core->txs, turn, in, 403, SPAN_NONE);
	}
	return true;
}

static void receive_faulty(struct core *core, const struct sip_turn *turn,
	const struct sip_received *in, const struct sip_fault *fault)
{
	if (fault->kind == SIP_FAULT_KEEPALIVE)
		return;
	CORE_COUNT(core, parse_faults);
	if (fault->status == 0 || !fault->can_answer ||
		trunk_find(core_env_of(turn)->config, in->hop.listener >> 8, &in->hop.addr.ip) <
			0) {
		CORE_COUNT(core, parse_dropped);
		return;
	}
	LOG_DEBUG(SIP, "fault", "status=%u reason=\"%s\" offset=%u", fault->status,
		fault->reason ? fault->reason : "", fault->offset);
	sip_reply_stateless(core->txs, turn, in, fault->status, span_str(fault->reason));
}

// Dispatch looked no further than the first Call-ID; a message that means another one than it shows
// is an attempt to reach a foreign worker's tables.
static bool is_misled(struct core *core, const struct core_message *message)
{
	struct span first;

	// Nearly always both are the same bytes of the message.
	return sip_scan_callid(message->data, &first) && first.ptr != core->msg.call_id.ptr &&
		sip_callid_shard(&core->keys, first) !=
		sip_callid_shard(&core->keys, core->msg.call_id);
}

// Whoever came through a NAT or by a WebSocket can be answered, not dialled.
static bool is_bound(const struct core_env *env, const struct core_message *message)
{
	enum sip_transport transport = listener_local(env->config, message->listener).transport;

	return message->connection &&
		(transport == SIP_TRANSPORT_WS || transport == SIP_TRANSPORT_WSS ||
			env->config->realms[message->listener >> 8].latching == CONFIG_LATCH_LEARN);
}

// Too many new calls: as many as the conductor allows go on, the rest must cost next to nothing.
// Emergency calls, living calls and what a transaction knows already are none of these.
static bool shed_new_call(struct core *core, const struct sip_turn *turn,
	const struct sip_received *in)
{
	struct core_env *env = core_env_of(turn);
	const struct sip_msg *msg = in->msg;

	if (!env->is_overloaded || !msg->is_request || msg->method != SIP_METHOD_INVITE ||
		!span_is_empty(msg->to.tag) || sip_transactions_knows(core->txs, msg) ||
		emergency_is(env, in->hop.listener >> 8, msg))
		return false;
	if (env->calls_left) {
		env->calls_left--;
		return false;
	}
	if (env->refusals_left) {
		env->refusals_left--;
		CORE_COUNT(core, refused_overload);
		sip_reply_stateless(core->txs, turn, in, 503, SPAN_NONE);
	} else {
		env->calls_dropped++;
		CORE_COUNT(core, dropped_overload);
	}
	return true;
}

void core_receive(struct core *core, struct core_env *env, const struct core_message *message)
{
	struct sip_turn turn = { .env = env, .now_ms = env->now_ms };
	struct sip_received in = { .msg = &core->msg,
		.hop = { .listener = message->listener, .addr = message->source,
			.connection = message->connection } };
	struct sip_fault fault;

	core->env = env;
	if (message->listener >> 8 >= env->config->realm_count)
		return;
	CORE_COUNT(core, received);
	in.hop.is_bound = is_bound(env, message);
	if (sip_parse(message->data, &core->msg, &fault) < 0) {
		receive_faulty(core, &turn, &in, &fault);
		return;
	}
	if (refuse_stranger(core, &turn, &in))
		return;
	if (is_misled(core, message)) {
		CORE_COUNT(core, wrong_shard);
		sip_reply_stateless(core->txs, &turn, &in, 400, SPAN_LIT("Ambiguous Call-ID"));
		return;
	}
	if (shed_new_call(core, &turn, &in))
		return;
	sip_transactions_receive(core->txs, &turn, &in);
	core_reap(core);
}

void core_send_failed(struct core *core, struct core_env *env, uint64_t ticket,
	enum core_send_failure failure)
{
	struct sip_turn turn = { .env = env, .now_ms = env->now_ms };

	core->env = env;
	CORE_COUNT(core, sends_failed);
	sip_transactions_send_failed(
		core->txs, &turn, ticket, failure == CORE_SEND_CONNECT_FAILED);
	core_reap(core);
}

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

bool core_scan_shard(const struct sip_keys *keys, struct span message, uint32_t *shard)
{
	return sip_scan_shard(keys, message, shard);
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
	core->buckets = calloc(buckets, sizeof(core->buckets[0]));
	core->wheel = timer_wheel_new(params->now_ms);
	core->calls = slab_new(sizeof(struct call), calls_max);
	core->forks = slab_new(sizeof(struct call_fork),
		(size_t)calls_max + FORKS_SPARE);
	core->transfers = slab_new(sizeof(struct transfer), calls_max);
	core->relays = slab_new(sizeof(struct relay), params->transactions_max);
	core->asks = resolve_table_new(params->transactions_max);
	core->txs = sip_transactions_new(&txs);
	core->is_trunks_own = !params->trunks;
	core->trunks = params->trunks ? params->trunks : trunk_table_new();
	bool has_exchanges = exchange_tables_make(core, params->transactions_max, calls_max);

	return has_exchanges && core->buckets &&
		core->wheel && core->calls && core->relays && core->asks && core->forks &&
		core->transfers && core->txs && core->trunks;
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
	if (core->forks)
		slab_free(core->forks);
	if (core->is_trunks_own)
		trunk_table_free(core->trunks);
	free(core->buckets);
	free(core);
}

// core_door.c - what a message passes before any transaction sees it: parser, strangers, overload.
#include "call/core_private.h"
#include "call/handover.h"

#include "base/log.h"

#define REFUSED_MS 32000u // 64*T1: as long as an INVITE is repeated

// Strangers get one stateless 403 and cost no memory. Whoever names a dialog by our own tag is
// none.
static bool refuse_stranger(struct core *core, const struct sip_turn *turn,
	const struct sip_received *in)
{
	struct sip_token token;

	if (!in->msg->is_request || core_is_own_tag(core, in->msg->to.tag, &token))
		return false;
	if (trunk_find(core_env_of(turn)->config, &in->hop) >= 0)
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
		trunk_find(core_env_of(turn)->config, &in->hop) < 0) {
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
	struct span first = message->call_id;

	if (span_is_empty(first) && !sip_scan_callid(message->data, &first))
		return false;
	// Nearly always both are the same bytes of the message.
	return first.ptr != core->msg.call_id.ptr &&
		sip_callid_shard(&core->keys, first) !=
		sip_callid_shard(&core->keys, core->msg.call_id);
}

// Whoever came through a NAT or by a WebSocket can be answered, not dialled; whom we dialled can be
// dialled again.
static bool is_bound(const struct core_env *env, const struct core_message *message)
{
	enum sip_transport transport = listener_local(env->config, message->listener).transport;

	return message->connection && !message->is_dialled &&
		(transport == SIP_TRANSPORT_WS || transport == SIP_TRANSPORT_WSS ||
			env->config->realms[message->listener >> 8].latching !=
				CONFIG_LATCH_STRICT);
}

static uint64_t refused_print(const struct core *core, const struct sip_msg *msg)
{
	return hash_sip(&core->params.key, msg->call_id.ptr, msg->call_id.len) ^
		hash_sip(&core->params.key, msg->via.branch.ptr, msg->via.branch.len) ^
		msg->cseq.number;
}

// Of an INVITE that was refused without a transaction: its repetitions must not begin a call, whose
// caller has heard that there is none.
static uint64_t *refused_place(struct core *core, uint64_t print)
{
	return &core->refused[print % CORE_REFUSED_MAX];
}

// Too many new calls: as many as the conductor allows go on, the rest must cost next to nothing.
// Emergency calls, living calls and what a transaction knows already are none of these.
static bool shed_new_call(struct core *core, const struct sip_turn *turn,
	const struct sip_received *in)
{
	struct core_env *env = core_env_of(turn);
	const struct sip_msg *msg = in->msg;

	bool is_recent = env->now_ms < core->refused_ms + REFUSED_MS;

	if (!(env->is_overloaded || is_recent) || !msg->is_request ||
		msg->method != SIP_METHOD_INVITE || !span_is_empty(msg->to.tag) ||
		sip_transactions_knows(core->txs, msg) ||
		emergency_is(env, in->hop.listener >> 8, msg))
		return false;
	uint64_t print = refused_print(core, msg);
	uint64_t *refused = refused_place(core, print);
	bool is_refused = is_recent && *refused == print;
	if (!is_refused && !env->is_overloaded)
		return false;
	if (!is_refused && env->calls_left) {
		env->calls_left--;
		return false;
	}
	if (env->refusals_left || in->hop.connection || !env->is_overloaded) {
		env->refusals_left -= env->refusals_left > 0;
		*refused = print;
		core->refused_ms = env->now_ms;
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
			.connection = message->connection, .is_dialled = message->is_dialled,
			.tls_trunk = message->peer_trunk, .peer_trunk = message->peer_trunk } };
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
	if (handover_take(core, &turn, &in, message) || shed_new_call(core, &turn, &in))
		return;
	reuse_hear(core, &turn, &in);
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

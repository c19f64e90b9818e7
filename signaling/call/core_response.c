// core_response.c - responses to our requests: what they tell of the far end, who waits for them.
#include "call/core_private.h"
#include "call/exchange.h"

static void receive_again(struct core *core, const struct sip_turn *turn,
	const struct sip_received *in)
{
	const struct sip_msg *msg = in->msg;
	enum call_side side;
	struct call *call = core_find_call(core, msg->from.tag, msg, &side);

	if (call && msg->cseq.method == SIP_METHOD_INVITE)
		answer_again(call, turn, side, in);
	else
		CORE_COUNT(core, responses_stray);
}

// It may be told later, or again, in a reliable answer.
static void keep_answer(struct call *call, enum call_side side, const struct sip_msg *msg)
{
	if (side == CALL_LEG_B)
		fork_turn_to(call, msg->to.tag);
	struct span headers = hide_answer(call, side, msg);

	if (!call_set_text(call, &call->answered_with, headers))
		CORE_COUNT(call->core, arena_full);
}

// To an INVITE that nobody waits on: its final answer came, or its target was given up, or the leg
// went back to the call that it was taken from.
static bool is_past(const struct call *call, const struct sip_tx *tx)
{
	const struct call_leg *leg = &call->legs[call_other(call->invite.from)];

	return sip_tx_kind(tx) == SIP_TX_INVITE_CLIENT &&
		(tx != call->invite.client || call->invite.is_final || !leg->has_dialog);
}

// What any response of a call tells of its leg. The message as the peer's rules leave it.
static const struct sip_msg *hear_response(struct call *call, const struct sip_turn *turn,
	const struct sip_tx *tx, const struct sip_received *in)
{
	struct core *core = call->core;
	const struct core_env *env = core_env_of(turn);
	const struct sip_msg *msg = in->msg;
	enum call_side side;

	if (core_find_call(core, msg->from.tag, msg, &side) != call)
		return msg;
	struct call_leg *leg = &call->legs[side];
	struct span tag = msg->to.tag;
	// A fork that lost, or a target that was given up, is another far end than the leg's, also
	// where it answers the BYE that it got. Only the INVITE being relayed may bring a new tag.
	bool is_new = sip_tx_kind(tx) == SIP_TX_INVITE_CLIENT && !is_past(call, tx);
	bool is_foreign = !is_new &&
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

// Its call is over, but the leg may have gone on to another one, which knows the forks that were
// ended.
static void receive_late(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in)
{
	enum call_side side;

	if (core_find_call(core, in->msg->from.tag, in->msg, &side))
		receive_again(core, turn, in);
	else
		stray_answer(core, turn, tx, in);
}

void core_on_response(void *context, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in)
{
	struct core *core = context;
	struct call *call = call_of_tx(core, tx);
	struct sip_received heard = *in;

	if (!call) {
		if (sip_tx_kind(tx) == SIP_TX_INVITE_CLIENT)
			receive_late(core, turn, tx, in);
		else if (!exchange_response(core, turn, tx, in->msg))
			CORE_COUNT(core, responses_stray);
		return;
	}
	const struct sip_msg *msg = hear_response(call, turn, tx, in);
	heard.msg = msg;
	if (sip_tx_kind(tx) == SIP_TX_INVITE_CLIENT) {
		if (is_past(call, tx))
			receive_again(core, turn, &heard);
		else if (call->answered_ms)
			reinvite_response(call, turn, &heard);
		else
			answer_response(call, turn, &heard);
		return;
	}
	if (relay_response(call, turn, tx, msg))
		return;
	for (uint32_t side = 0; side < CALL_LEGS && msg->status >= 200; side++)
		if (call->legs[side].bye == tx)
			bye_done(call, side);
}

void core_on_stray_response(void *context, const struct sip_turn *turn,
	const struct sip_received *in)
{
	receive_again(context, turn, in);
}

// core_request.c - requests that the transactions let through, and who takes them.
#include "call/core_private.h"
#include "call/exchange.h"
#include "call/replaces.h"

bool core_read_tag(const struct core *core, struct span tag, struct sip_token *out)
{
	if (sip_token_verify(&core->keys, SIP_TOKEN_TAG, tag, out))
		return true;
	for (uint32_t i = 0; i < SIP_TOKEN_FORK_COUNT; i++)
		if (sip_token_verify(&core->keys, SIP_TOKEN_FORK + i, tag, out))
			return true;
	return false;
}

bool core_is_own_tag(struct core *core, struct span tag, struct sip_token *out)
{
	struct core_own_tag *known = &core->own_tag;

	if (tag.len != SIP_TOKEN_LEN)
		return false;
	if (!known->is_set || memcmp(known->text, tag.ptr, SIP_TOKEN_LEN) != 0) {
		if (!core_read_tag(core, tag, &known->token))
			return false;
		memcpy(known->text, tag.ptr, SIP_TOKEN_LEN);
		known->is_set = true;
	}
	*out = known->token;
	return true;
}

struct call *core_find_call(struct core *core, struct span tag, const struct sip_msg *msg,
	enum call_side *side)
{
	struct sip_token token;

	if (!core_is_own_tag(core, tag, &token))
		return NULL;
	struct call *call = call_lookup(core, token.value, side);
	if (!call || !call->legs[*side].has_dialog)
		return NULL;
	// An early or forked answer may carry any tag of the far end; requests must name ours and
	// theirs.
	if (msg->is_request && !call->legs[CALL_LEG_B].dialog.is_confirmed) {
		if (*side == CALL_LEG_B)
			fork_select_tag(call, msg->from.tag);
		else if (call->forks)
			face_select(call, tag);
	}
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
		bye_receive(call, turn, tx, side, in);
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
	struct call *call = core_find_call(core, in->msg->to.tag, in->msg, &side);
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

void core_on_request(void *context, const struct sip_turn *turn, struct sip_tx *tx,
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

void core_on_ack(void *context, const struct sip_turn *turn, const struct sip_received *in)
{
	struct core *core = context;
	enum call_side side;
	struct call *call = core_find_call(core, in->msg->to.tag, in->msg, &side);

	if (!call) {
		CORE_COUNT(core, acks_repeated);
		return;
	}
	leg_hear_request(&call->legs[side], core_env_of(turn), &in->hop);
	ack_receive(call, turn, side, in->msg);
}

void core_on_cancel(void *context, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in)
{
	struct core *core = context;
	struct call *call = call_of_tx(core, tx);

	if (call && call->invite.server == tx)
		cancel_receive(call, turn, in->msg);
	else
		refuse_status(core, turn, tx, 487);
}

#include "call/core_private.h"
#include "call/transfer.h"

// An INVITE that the hang-up overtakes: its callers get 487, a late offer its ACK, so that nobody
// waits.
void invite_abort(struct call *call, const struct sip_turn *turn, uint16_t code,
	struct span headers)
{
	struct call_invite *invite = &call->invite;
	enum call_side to = call_other(invite->from);

	if (!invite->is_active)
		return;
	if (invite->server && !invite->is_answered) {
		struct leg_response response = { .status = code, .headers = headers };

		leg_respond(call, turn, invite->server, &response);
		invite->is_active = false;
	} else if (invite->is_answered && invite->is_late) {
		invite->is_late = false;
		leg_send_ack(call, turn, to, invite->client_cseq, SPAN_NONE);
	}
	if (invite->client && !invite->is_final)
		sip_client_cancel(call->core->txs, turn, invite->client, headers);
}

// That side is gone: no BYE of ours goes there any more.
static void leave(struct call *call, const struct sip_turn *turn, enum call_side side)
{
	struct call_leg *leg = &call->legs[side];

	leg->is_bye_due = false;
	leg->dialog.is_confirmed = false;
	if (call->invite.is_answered && call->invite.from == side) {
		if (call->invite.server)
			sip_server_acked(call->core->txs, turn, call->invite.server);
		call->invite.is_answered = call->invite.is_active = call->invite.is_late;
	}
}

static void finish(struct call *call, const struct sip_turn *turn, enum call_side side)
{
	CORE_COUNT(call->core, byes);
	call->ended_by = side;
	if (call->code == 0)
		call->code = 487;
	call_finish(call, core_env_of(turn), CALL_CAUSE_BYE);
}

// To a side that challenges -----------------------------------------------------------------------

// The BYE is asked for first, its sender told afterwards: with credentials it comes again, and
// until then the call goes on (RFC 3261 22.3).
static enum relay_verdict ask(struct call *call, const struct sip_turn *turn, struct relay *relay,
	const struct sip_received *in, struct leg_request *out)
{
	struct call_body body;

	body_read(call, core_env_of(turn), relay->from, in->msg, &body);
	out->headers = hide_reason(call, relay->from, in->msg);
	out->body.parts = body.parts;
	return RELAY_SEND;
}

static void confirm(struct call *call, const struct sip_turn *turn, struct relay *relay)
{
	if (relay->server)
		sip_server_respond_simple(call->core->txs, turn, relay->server, 200, SPAN_NONE);
	relay->server = NULL;
	leave(call, turn, relay->from);
}

static void hear_asked(struct call *call, const struct sip_turn *turn, struct relay *relay,
	const struct sip_msg *msg, struct leg_response *out)
{
	(void)out;
	if (hide_is_challenge(call, call_other(relay->from), msg))
		return;
	confirm(call, turn, relay);
	leave(call, turn, call_other(relay->from));
	finish(call, turn, relay->from);
	call_settle(call);
}

// Nothing was heard: both sides are let go as if it had not been asked for.
static void give_up(struct call *call, const struct sip_turn *turn, struct relay *relay)
{
	confirm(call, turn, relay);
	finish(call, turn, relay->from);
	leg_send_bye(call, turn, call_other(relay->from), SPAN_NONE);
	call_settle(call);
}

static const struct relay_ops bye_ops = {
	.request = ask,
	.response = hear_asked,
	.failed = give_up,
	.ended = confirm,
};

static bool is_asked_for(const struct call *call, const struct core_env *env, enum call_side side)
{
	const struct call_leg *other = &call->legs[call_other(side)];

	return call->state == CALL_STATE_CONNECTED && !call->is_finished && !call->transfer &&
		!call->invite.is_active && other->dialog.is_confirmed && !other->bye &&
		config_profile(env->config, other->profile)->headers.is_challenge_passed;
}

void bye_receive(struct call *call, const struct sip_turn *turn, struct sip_tx *tx,
	enum call_side side, const struct sip_received *in)
{
	struct relay_asked asked = { .side = side, .in = in };

	if (is_asked_for(call, core_env_of(turn), side)) {
		relay_take(call, turn, tx, &bye_ops, &asked);
		return;
	}
	sip_server_respond_simple(call->core->txs, turn, tx, 200, SPAN_NONE);
	if (side == CALL_LEG_A && face_take_bye(call, turn))
		return;
	leave(call, turn, side); // we send no BYE of our own any more
	if (call->transfer && transfer_takes_bye(call, side))
		return;
	if (!call->is_finished) {
		struct span reason = hide_reason(call, side, in->msg);
		struct call_body body;

		body_read(call, core_env_of(turn), side, in->msg, &body);
		if (!call_set_text(call, &call->passed_parts, body.parts))
			CORE_COUNT(call->core, parts_lost);
		finish(call, turn, side);
		invite_abort(call, turn, 487, SPAN_NONE);
		leg_send_bye(call, turn, call_other(side), reason);
	}
	call_settle(call);
}

void bye_failed(struct call *call, const struct sip_turn *turn, enum call_side side)
{
	bool has_next = target_of_dialog_failed(call, side);

	call->legs[side].bye = NULL;
	if (has_next)
		leg_send_bye(call, turn, side, SPAN_NONE);
	if (!call->legs[side].bye && !call->legs[side].is_bye_due)
		bye_done(call, side);
}

void bye_done(struct call *call, enum call_side side)
{
	call->legs[side].bye = NULL;
	call->legs[side].dialog.is_confirmed = false;
	call_settle(call);
}

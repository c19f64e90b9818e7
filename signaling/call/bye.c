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

void bye_receive(struct call *call, const struct sip_turn *turn, struct sip_tx *tx,
	enum call_side side,
	const struct sip_msg *msg)
{
	struct call_leg *leg = &call->legs[side];

	sip_server_respond_simple(call->core->txs, turn, tx, 200, SPAN_NONE);
	if (side == CALL_LEG_A && face_take_bye(call, turn))
		return;
	leg->is_bye_due = false;
	leg->dialog.is_confirmed = false; // we send no BYE of our own any more
	if (call->invite.is_answered && call->invite.from == side) {
		if (call->invite.server)
			sip_server_acked(call->core->txs, turn, call->invite.server);
		call->invite.is_answered = call->invite.is_active = call->invite.is_late;
	}
	if (call->transfer && transfer_takes_bye(call, side))
		return;
	if (!call->is_finished) {
		struct span reason = hide_reason(call, side, msg);
		struct call_body body;

		body_read(call, core_env_of(turn), side, msg, &body);
		if (!call_set_text(call, &call->passed_parts, body.parts))
			CORE_COUNT(call->core, parts_lost);

		CORE_COUNT(call->core, byes);
		call->ended_by = side;
		if (call->code == 0)
			call->code = 487;
		call_finish(call, core_env_of(turn), CALL_CAUSE_BYE);
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

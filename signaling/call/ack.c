#include "call/core_private.h"
#include "call/pickup.h"

// The caller's side of an INVITE is done; what waited for the ACK goes on.
static void acknowledged(struct call *call, const struct sip_turn *turn)
{
	struct call_invite *invite = &call->invite;
	enum call_side side = invite->from;

	invite->is_answered = false;
	invite->is_active = false;
	if (call->legs[side].is_bye_due)
		leg_send_bye(call, turn, side, SPAN_NONE);
}

// The answer to an offer that came in the 2xx goes on in our own ACK (RFC 3264 5, RFC 3261 13.2.1).
static void relay_late_answer(struct call *call, const struct sip_turn *turn,
	const struct sip_msg *msg)
{
	struct call_invite *invite = &call->invite;
	enum call_side to = call_other(invite->from);
	enum offer_result result = OFFER_UNUSABLE;
	struct span sdp = body_sdp(msg);

	if (call->offer.is_open && !span_is_empty(sdp))
		result = offer_answer(call, core_env_of(turn), sdp, true);
	else
		offer_drop(call, core_env_of(turn));
	leg_send_ack(call, turn, to, invite->client_cseq,
		result == OFFER_OK ? call->legs[to].sdp_sent.text : SPAN_NONE);
	if (result == OFFER_OK)
		return;
	CORE_COUNT(call->core, answers_unusable);
	struct call_hangup hangup = { .cause = CALL_CAUSE_MEDIA_REFUSED, .code = 488 };
	call_hangup(call, turn, &hangup);
}

void ack_receive(struct call *call, const struct sip_turn *turn, enum call_side side,
	const struct sip_msg *msg)
{
	struct call_invite *invite = &call->invite;

	if (pickup_receive_ack(call, turn, side, msg))
		return;
	if (!invite->is_answered || invite->from != side ||
		msg->cseq.number != invite->server_cseq) {
		CORE_COUNT(call->core, acks_repeated);
		return;
	}
	if (invite->server)
		sip_server_acked(call->core->txs, turn, invite->server);
	else
		timer_stop(call->core->wheel, &call->ring_timer); // of a call taken over
	if (call->state == CALL_STATE_ANSWERED)
		call->state = CALL_STATE_CONNECTED;
	bool is_late = invite->is_late && !call->is_finished;
	bool is_converted = invite->is_converted && !call->is_finished;
	acknowledged(call, turn);
	if (is_late)
		relay_late_answer(call, turn, msg);
	else if (is_converted)
		late_take_ack(call, turn, msg);
	call_settle(call);
}

// 64*T1 passed without an ACK: the caller never got our 2xx, or is gone (RFC 3261 13.3.1.4).
void ack_missing(struct call *call, const struct sip_turn *turn)
{
	struct call_invite *invite = &call->invite;

	CORE_COUNT(call->core, acks_missing);
	bool is_late = invite->is_late && !call->is_finished;
	acknowledged(call, turn);
	if (is_late)
		leg_send_ack(call, turn, call_other(invite->from), invite->client_cseq, SPAN_NONE);
	struct call_hangup hangup = { .cause = CALL_CAUSE_ACK_TIMEOUT, .code = 408 };
	call_hangup(call, turn, &hangup);
	call_settle(call);
}

// answer.c - what the called side says to the first INVITE, and what the caller hears of it.
#include "call/core_private.h"
#include "call/redirect.h"
#include "call/transfer.h"

#include "base/check.h"

#include <errno.h>

enum offer_result answer_take_body(struct call *call, const struct core_env *env,
	struct span sdp)
{
	struct call_invite *invite = &call->invite;

	if (!call->answered_ms)
		return early_take_answer(call, env, sdp);
	if (invite->is_late)
		return span_is_empty(sdp) ?
			OFFER_UNUSABLE :
			offer_receive(call, env, call_other(invite->from), sdp);
	return span_is_empty(sdp) ? OFFER_UNUSABLE : offer_answer(call, env, sdp, true);
}

// The called side is up, the caller cannot be: what was answered is taken down again.
static void reject_answer(struct call *call, const struct sip_turn *turn,
	const struct call_hangup *hangup)
{
	struct call_invite *invite = &call->invite;

	CORE_COUNT(call->core, answers_unusable);
	offer_drop(call, core_env_of(turn));
	leg_send_ack(call, turn, CALL_LEG_B, invite->client_cseq, SPAN_NONE);
	// Forks may follow, until the transaction is over.
	if (invite->client) {
		call_give_up(call, invite->client);
		invite->client = NULL;
	}
	call_hangup(call, turn, hangup);
}

void answer_caller(struct call *call, const struct sip_turn *turn, uint16_t status,
	struct span parts)
{
	const struct core_env *env = core_env_of(turn);
	struct leg_response response = { .status = status };

	// What the caller was told reliably is not said again, unless another fork has won.
	if (!reliable_is_told(call))
		response.body = sip_body_sdp(call->legs[CALL_LEG_A].sdp_sent.text);
	response.body.parts = parts;
	call->answered_ms = env->now_ms;
	call->code = status;
	call->state = CALL_STATE_ANSWERED;
	call->legs[CALL_LEG_A].dialog.is_confirmed = true;
	call->invite.is_answered = true;
	CORE_COUNT(call->core, calls_answered);
	silence_watch(call, env);
	limit_watch(call, env);
	leg_respond(call, turn, call->invite.server, &response);
}

static void relay_answer(struct call *call, const struct sip_turn *turn, const struct sip_msg *msg)
{
	const struct core_env *env = core_env_of(turn);
	struct call_invite *invite = &call->invite;
	struct call_hangup hangup = { .cause = CALL_CAUSE_MEDIA_REFUSED, .code = 488 };

	if (early_take_final(call, msg) < 0) {
		// Without a Contact there is nobody to acknowledge.
		CORE_COUNT(call->core, answers_unusable);
		hangup = (struct call_hangup){ .cause = CALL_CAUSE_REJECTED, .code = 502 };
		call_hangup(call, turn, &hangup);
		return;
	}
	face_win(call, turn);
	stray_expect(call);
	session_hear_answer(&call->legs[CALL_LEG_B], turn, msg);
	if (call->transfer && !invite->server) {
		transfer_answered(call, turn, msg);
		return;
	}
	struct call_body body;
	body_read(call, env, CALL_LEG_B, msg, &body);
	enum offer_result result = answer_take_body(call, env, body.sdp);
	if (result != OFFER_OK) {
		hangup.code = result == OFFER_NO_PORTS ? 503 : 488;
		reject_answer(call, turn, &hangup);
		return;
	}
	if (!invite->is_late)
		leg_send_ack(call, turn, CALL_LEG_B, invite->client_cseq, SPAN_NONE);
	if (!reliable_hold_final(call, msg->status, body.parts))
		answer_caller(call, turn, msg->status, body.parts);
	if (call->transfer)
		transfer_done(call, turn);
}

static void relay_error(struct call *call, const struct sip_turn *turn, const struct sip_msg *msg)
{
	struct leg_response response = { .status = 500 };
	struct call_body body;
	char lines[REDIRECT_LINES_MAX];

	body_read(call, core_env_of(turn), CALL_LEG_B, msg, &body);
	response.body.parts = body.parts;
	response.headers = hide_error(call, CALL_LEG_B, msg, &response.status);
	redirect_pass(call, msg, &response, lines);
	if (call->invite.server)
		leg_respond(call, turn, call->invite.server, &response);
	call->invite.is_active = false;
	call->code = response.status;
	CORE_COUNT(call->core, calls_rejected);
	call_finish(call, core_env_of(turn), CALL_CAUSE_REJECTED);
}

void answer_elsewhere(struct call *call, const struct sip_turn *turn,
	const struct sip_received *in)
{
	struct core *core = call->core;
	struct sip_token token;
	enum call_side side;

	if (!core_is_own_tag(core, in->msg->from.tag, &token))
		return;
	struct call *other = call_lookup(core, token.value, &side);
	if (other && other != call)
		answer_again(other, turn, side, in);
}

void answer_response(struct call *call, const struct sip_turn *turn,
	const struct sip_received *in)
{
	const struct sip_msg *msg = in->msg;
	struct call_invite *invite = &call->invite;

	if (msg->status < 200) {
		if (!call->is_finished)
			early_response(call, turn, msg);
		return;
	}
	invite->is_final = true;
	timer_stop(call->core->wheel, &call->host_timer);
	if (call->is_finished) {
		// CANCEL and 200 crossed (RFC 3261 9.1).
		if (msg->status < 300) {
			leg_shed_answer(call, turn, CALL_LEG_B, in);
			answer_elsewhere(call, turn, in);
			// Forks may follow, until the transaction is over.
			call_give_up(call, call->invite.client);
			call->invite.client = NULL;
		}
	} else if (msg->status < 300) {
		timer_stop(call->core->wheel, &call->ring_timer);
		relay_answer(call, turn, msg);
	} else if (msg->status == 422 && session_raise(&call->legs[CALL_LEG_B], msg) &&
		invite_send_again(call, turn)) {
		invite->is_final = false;
	} else if (msg->status == 503 && invite_try_next(call, turn)) {
		invite->is_final = false;
	} else if (redirect_follow(call, turn, msg) ||
		(msg->status < 600 && redirect_next(call, turn))) {
		CHECK(!invite->is_final); // another user is called
	} else {
		relay_error(call, turn, msg);
	}
	call_settle(call);
}

void answer_failed(struct call *call, const struct sip_turn *turn, enum sip_tx_failure failure)
{
	struct call_hangup hangup = { .cause = CALL_CAUSE_UNREACHABLE,
		.code = failure == SIP_TX_TRANSPORT ? 503 : 408 };

	call->invite.client = NULL;
	if (!call->is_finished && failure != SIP_TX_CANCELLED && invite_try_next(call, turn))
		return;
	call->invite.is_final = true;
	CORE_COUNT(call->core, hosts_silent);
	call_hangup(call, turn, &hangup);
	call_settle(call);
}

// Whether the description that the far end was sent last names the ports that it has now; an offer
// that was never answered left another one.
static bool is_in_force(struct call *call, const struct core_env *env, enum call_side side)
{
	struct sdp_session *sdp = &call->core->sdp;
	struct sdp_fault fault;
	bool is_any = false;

	if (sdp_parse(call->legs[side].sdp_sent.text, sdp, &fault) < 0)
		return false;
	for (uint32_t i = 0; i < sdp->media_count; i++) {
		const struct media_stream *stream = media_stream(&call->media, i);

		if (!sdp->media[i].port || !sdp->media[i].is_rtp)
			continue;
		if (!stream || !stream->is_open ||
			sdp->media[i].port != media_local(&call->media, env->config, i, side).port)
			return false;
		is_any = true;
	}
	return is_any;
}

// The answer to an INVITE that nobody waits for any more: its sender was told otherwise, or its
// transactions died with another worker, or the leg came back to this call. An offer in it is
// answered by what is in force.
static void acknowledge_lost(struct call *call, const struct sip_turn *turn, enum call_side side,
	const struct sip_msg *msg)
{
	struct call_hangup hangup = { .cause = CALL_CAUSE_DEAD_DIALOG, .code = 408 };
	const struct core_env *env = core_env_of(turn);
	struct span answer = SPAN_NONE;

	if (call->invite.is_late && is_in_force(call, env, side))
		answer = describe_answer(call, env, side, body_sdp(msg));
	leg_send_ack(call, turn, side, call->invite.client_cseq, answer);
	if (call->invite.is_late && span_is_empty(answer))
		call_hangup(call, turn, &hangup);
}

void answer_again(struct call *call, const struct sip_turn *turn, enum call_side side,
	const struct sip_received *in)
{
	const struct sip_msg *msg = in->msg;
	struct call_leg *leg = &call->legs[side];

	if (!leg->has_dialog || msg->status >= 300 || msg->status < 200)
		return;
	if (span_eq(msg->to.tag, leg->dialog.remote_tag.text)) {
		CORE_COUNT(call->core, answers_repeated);
		// With a late offer the ACK has to wait for the caller's. What was answered after
		// the call was given up has been shed, and its ACK got lost.
		if (leg->acked_cseq == msg->cseq.number)
			leg_repeat_ack(call, turn, side);
		else if (call->is_finished)
			leg_shed_answer(call, turn, side, in);
		else if (!call->invite.is_active && call->invite.client_cseq == msg->cseq.number)
			acknowledge_lost(call, turn, side, msg);
		return;
	}
	leg_shed_answer(call, turn, side, in);
}

// early.c - what the called side says before its final answer, and what the caller hears of it.
#include "call/ability.h"
#include "call/core_private.h"
#include "call/transfer.h"

#include <errno.h>

// A final-like answer to the caller's offer: it may come again from other forks, and the exchange
// stays open for the winner's.
static bool take_answer(struct call *call, const struct core_env *env, struct span sdp,
	bool is_reliable)
{
	const struct profile_flow *flow =
		&config_profile(env->config, call->legs[CALL_LEG_B].profile)->flow;

	if (!face_open_exchange(call, env))
		return false;
	// Kept for the case that this fork wins: its 2xx will not say it again.
	if ((is_reliable || call->invite.is_converted) &&
		!call_set_text(call, &call->fork.answer, sdp))
		CORE_COUNT(call->core, arena_full);
	if (flow->early_media == PROFILE_EARLY_MEDIA_FIRST && call->media_fork &&
		call->media_fork != call->fork.number)
		return false;
	if (offer_answer(call, env, sdp, false) != OFFER_OK)
		return false;
	call->media_fork = call->fork.number;
	return true;
}

// The INVITE had no offer: the first reliable answer brings it (RFC 3262 5). `*result` says what
// became of it, if there was nothing else to wait for.
static bool take_offer(struct call *call, const struct core_env *env, struct span sdp,
	enum offer_result *result)
{
	struct call_reliable *reliable = &call->reliable;

	if (call->offer.is_open || reliable->is_settled || reliable->is_waiting)
		return false;
	*result = offer_receive(call, env, CALL_LEG_B, sdp);
	if (*result != OFFER_OK)
		return false;
	face_propose(call, sdp);
	reliable->is_offered = true;
	call->media_fork = call->fork.number;
	return true;
}

// True: the caller is to be told of the session.
static bool take_body(struct call *call, const struct sip_turn *turn, struct span sdp,
	bool is_reliable, enum offer_result *result)
{
	const struct core_env *env = core_env_of(turn);

	*result = OFFER_OK;
	if (span_is_empty(sdp))
		return false;
	if (!call->invite.is_late)
		return take_answer(call, env, sdp, is_reliable);
	// An offer in an unreliable answer is none (RFC 3261 13.2.1).
	return is_reliable && reliable_is_possible(call, turn) &&
		take_offer(call, env, sdp, result);
}

static void tell_caller(struct call *call, const struct sip_turn *turn,
	const struct reliable_answer *answer, struct span parts)
{
	struct leg_response response = { .status = answer->status };
	const struct call_reliable *reliable = &call->reliable;
	bool is_demanded = reliable_is_demanded(call, turn);

	// To an INVITE without an offer the first reliable answer must bring one.
	bool is_premature = call->invite.is_converted ||
		(call->invite.is_late && !reliable->is_settled && !reliable->is_offered);
	if (!is_premature && (is_demanded || (answer->rseq && reliable_is_possible(call, turn)))) {
		reliable_send(call, turn, answer, parts);
		return;
	}
	if (answer->rseq)
		reliable_acknowledge(call, turn, answer->rseq);
	if (is_demanded)
		return;
	if (answer->has_body)
		response.body = sip_body_sdp(call->legs[CALL_LEG_A].sdp_sent.text);
	response.body.parts = parts;
	leg_respond(call, turn, call->invite.server, &response);
}

// Repeated or out of order: neither acknowledged nor heard (RFC 3262 4).
static bool is_in_order(struct call *call, uint32_t rseq)
{
	if (!rseq)
		return true;
	if (call->fork.rseq && rseq != call->fork.rseq + 1) {
		CORE_COUNT(call->core, reliable_repeated);
		return false;
	}
	call->fork.rseq = rseq;
	return true;
}

// An offer that the caller cannot be shown, of one of several forks: its PRACK would have to
// answer, so there is none, and that fork gives up. Or a session that has to wait for what was
// asked in another early dialog.
static bool is_deferred(const struct call *call)
{
	if (call->invite.is_late)
		return call->media_fork != call->fork.number;
	return call->offer.is_open && call->offer.fork && call->offer.fork != call->fork.number;
}

// True: it was the only early dialog, and its offer cannot be had, as little as it could be in a
// 2xx. It would be repeated in vain until the called side gives up.
static bool end_unusable(struct call *call, const struct sip_turn *turn, enum offer_result result)
{
	struct call_hangup hangup = { .cause = CALL_CAUSE_MEDIA_REFUSED,
		.code = result == OFFER_NO_PORTS ? 503 : 488 };

	if (result == OFFER_OK || call->forks)
		return false;
	CORE_COUNT(call->core, answers_unusable);
	call_hangup(call, turn, &hangup);
	return true;
}

void early_response(struct call *call, const struct sip_turn *turn, const struct sip_msg *msg)
{
	enum offer_result result;
	uint32_t rseq = reliable_rseq(call, turn, msg);
	struct reliable_answer answer = { .status = msg->status, .rseq = rseq };
	struct call_body body;

	timer_stop(call->core->wheel, &call->host_timer);
	if (msg->status == 100 || (!call->invite.server && !call->transfer))
		return;
	ability_learn(&call->legs[CALL_LEG_B], msg);
	if (fork_take(call, msg) < 0 || !is_in_order(call, rseq))
		return;
	call->state = CALL_STATE_RINGING;
	if (call->transfer && !call->invite.server) {
		transfer_progress(call, turn, msg->status);
		return;
	}
	if (msg->status == 199) {
		// One fork is gone (RFC 6228); a caller who sees one dialog has lost none.
		if (rseq)
			reliable_acknowledge(call, turn, rseq);
		face_tell_gone(call, turn);
		fork_drop(call);
		return;
	}
	if (rseq)
		answer.fork = call->fork.number;
	body_read(call, core_env_of(turn), CALL_LEG_B, msg, &body);
	answer.has_body = take_body(call, turn, body.sdp, rseq != 0, &result) &&
		!call->invite.is_converted;
	if (end_unusable(call, turn, result))
		return;
	if (rseq && !answer.has_body && !span_is_empty(body.sdp) && is_deferred(call)) {
		CORE_COUNT(call->core, reliable_dropped);
		// It is repeated, and heard then, if the caller sees it as a dialog of its own.
		if (face_is_wanted(call))
			call->fork.rseq = rseq - 1;
		return;
	}
	tell_caller(call, turn, &answer, body.parts);
}

int early_take_final(struct call *call, const struct sip_msg *msg)
{
	ability_learn(&call->legs[CALL_LEG_B], msg);
	return fork_take(call, msg);
}

// The exchange of the first INVITE may be over before its 2xx, which then says nothing, or repeats
// what is known.
enum offer_result early_take_answer(struct call *call, const struct core_env *env,
	struct span sdp)
{
	struct call_invite *invite = &call->invite;

	// It is the offer of our own 2xx, and needed once more.
	if (invite->is_converted && !span_is_empty(sdp) &&
		!call_set_text(call, &call->fork.answer, sdp))
		CORE_COUNT(call->core, arena_full);
	bool is_told = !span_is_empty(call->fork.answer.text);
	enum offer_result result;

	if (face_settle(call, env, &result))
		return result;
	if (invite->is_late && call->reliable.is_settled) {
		// The caller, who made no offer, has answered another fork's, and can answer no
		// second one.
		if (!face_is_wanted(call) && call->reliable.told_fork != call->fork.number)
			return OFFER_UNUSABLE;
		invite->is_late = false; // its ACK answers nothing
		return OFFER_OK;
	}
	if (invite->is_late)
		return span_is_empty(sdp) || call->offer.is_open ?
			OFFER_UNUSABLE :
			offer_receive(call, env, CALL_LEG_B, sdp);
	if (!call->offer.is_open)
		return OFFER_OK;
	if (is_told && !invite->is_converted && call->media_fork == call->fork.number) {
		offer_close(call);
		return OFFER_OK;
	}
	if (is_told)
		sdp = call->fork.answer.text;
	if (!span_is_empty(sdp))
		return offer_answer(call, env, sdp, true);
	// The answer stood in a provisional response of this fork already, which was not reliable,
	// but came.
	if (!call->offer.is_early || call->media_fork != call->fork.number)
		return OFFER_UNUSABLE;
	offer_close(call);
	return OFFER_OK;
}

#include "call/transfer.h"

#include "call/ability.h"
#include "call/core_private.h"
#include "call/pickup.h"
#include "call/refer.h"

#include "base/log.h"

bool transfer_is_possible(const struct call *call)
{
	if (call->is_finished || call->transfer || call->invite.is_active || !call->answered_ms ||
		call->offer.is_open || pickup_is_pending(call))
		return false;
	for (uint32_t side = 0; side < CALL_LEGS; side++)
		if (!call->legs[side].has_dialog || !call->legs[side].dialog.is_confirmed)
			return false;
	return true;
}

struct transfer *transfer_new(struct call *old, struct call *consult, const struct core_env *env)
{
	struct core *core = old->core;
	struct transfer *transfer = slab_get(core->transfers);

	if (!transfer)
		return NULL;
	transfer->joined = call_new(core, env, env->home_shard);
	if (!transfer->joined) {
		slab_put(core->transfers, transfer);
		return NULL;
	}
	media_init(&transfer->joined->media, &transfer->joined->arena, 0, 0);
	transfer->old = old;
	transfer->consult = consult;
	old->transfer = transfer->joined->transfer = transfer;
	if (consult)
		consult->transfer = transfer;
	CORE_COUNT(core, transfers);
	LOG_AT(CALL, DEBUG, old->token, "transfer", "joined=%llx",
		(unsigned long long)transfer->joined->token);
	return transfer;
}

// A request that the leg's far end waits on, or we on it, would be answered in the wrong call.
static bool is_busy(const struct call *call)
{
	for (const struct relay *relay = call->relays; relay; relay = relay->next)
		if (relay->server)
			return true;
	return call->invite.is_active || call->is_finished;
}

bool transfer_take(struct transfer *transfer)
{
	struct leg_place from = { transfer->old, transfer->stays };
	struct leg_place to = { transfer->joined, transfer->seat };

	if (!transfer->old || is_busy(transfer->old) || !leg_move(from, to))
		return false;
	to.call->media.realm[to.side] = from.call->media.realm[from.side];
	transfer->is_moved = true;
	return true;
}

bool transfer_take_target(struct transfer *transfer)
{
	struct leg_place from = { transfer->consult, transfer->target };
	struct leg_place to = { transfer->joined, CALL_LEG_B };

	if (is_busy(transfer->consult) || !leg_move(from, to))
		return false;
	to.call->media.realm[to.side] = from.call->media.realm[from.side];
	transfer->is_target_moved = true;
	return true;
}

bool transfer_ask_target(struct transfer *transfer, const struct sip_turn *turn)
{
	struct call *joined = transfer->joined;
	struct leg_request request = { .side = CALL_LEG_B, .method = SIP_METHOD_INVITE,
		.cseq = sip_dialog_next_cseq(&joined->legs[CALL_LEG_B].dialog) };

	joined->invite = (struct call_invite){ .is_active = true, .is_late = true,
		.from = CALL_LEG_A, .client_cseq = request.cseq };
	joined->state = CALL_STATE_RINGING; // there is no other host to try
	joined->sdp_before.text.len = 0;
	joined->invite.client = leg_send(joined, turn, &request);
	if (!joined->invite.client)
		return false;
	invite_watch(joined, core_env_of(turn));
	return true;
}

static void unbind(struct transfer *transfer)
{
	struct call *const calls[] = { transfer->joined, transfer->old, transfer->consult };

	for (uint32_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i])
			calls[i]->transfer = NULL;
}

// The target's 2xx carried an offer. The leg is at `place` now, whose call ends if there is nothing
// to answer with.
static void acknowledge_target(struct transfer *transfer, const struct sip_turn *turn,
	struct leg_place place, struct span answer)
{
	struct call_hangup hangup = { .cause = CALL_CAUSE_MEDIA_REFUSED, .code = 488 };

	if (!transfer->target_cseq)
		return;
	leg_send_ack(place.call, turn, place.side, transfer->target_cseq, answer);
	transfer->target_cseq = 0;
	if (span_is_empty(answer))
		call_hangup(place.call, turn, &hangup);
}

void transfer_refresh(struct call *call, const struct sip_turn *turn)
{
	struct transfer *transfer = transfer_is_possible(call) ?
		slab_get(call->core->transfers) :
		NULL;

	if (!transfer)
		return;
	*transfer = (struct transfer){ .joined = call, .is_moved = true, .is_refresh = true };
	call->transfer = transfer;
	CORE_COUNT(call->core, refreshes);
	if (transfer_ask_target(transfer, turn))
		call->state = CALL_STATE_CONNECTED;
	else
		transfer_fail(transfer, turn, 503);
}

static void give_up_refresh(struct transfer *transfer, const struct sip_turn *turn)
{
	struct call *call = transfer->joined;
	struct transfer last = *transfer;

	describe_restore(call, CALL_LEG_A);
	offer_drop(call, core_env_of(turn));
	call->invite.is_active = false;
	unbind(transfer);
	slab_put(call->core->transfers, transfer);
	acknowledge_target(&last, turn, (struct leg_place){ call, CALL_LEG_B },
		describe_answer(call, core_env_of(turn), CALL_LEG_B, call->offer_text.text));
}

void transfer_fail(struct transfer *transfer, const struct sip_turn *turn, uint16_t code)
{
	struct call_hangup hangup = { .cause = CALL_CAUSE_REJECTED, .code = code };

	if (transfer->is_refresh) {
		give_up_refresh(transfer, turn);
		return;
	}
	transfer->code = code;
	call_hangup(transfer->joined, turn, &hangup);
}

void transfer_progress(struct call *joined, const struct sip_turn *turn, uint16_t status)
{
	struct transfer *transfer = joined->transfer;

	if (status < 180 || status == transfer->progress)
		return;
	transfer->progress = status;
	refer_notify(transfer, turn, status);
}

// The target's offer goes to the one that stays. 0, or the status of the failure.
static uint16_t relay_offer(struct call *joined, const struct sip_turn *turn, struct span sdp)
{
	const struct core_env *env = core_env_of(turn);
	struct call_leg *leg = &joined->legs[CALL_LEG_A];

	if (span_is_empty(sdp))
		return 488;
	describe_keep(joined, CALL_LEG_A);
	enum offer_result result = offer_receive(joined, env, CALL_LEG_B, sdp);
	if (result != OFFER_OK)
		return result == OFFER_NO_PORTS ? 503 : 488;
	struct leg_request request = { .side = CALL_LEG_A, .method = SIP_METHOD_INVITE,
		.cseq = sip_dialog_next_cseq(&leg->dialog),
		.body = sip_body_sdp(leg->sdp_sent.text) };
	joined->invite = (struct call_invite){ .is_active = true, .from = CALL_LEG_B,
		.client_cseq = request.cseq };
	joined->invite.client = leg_send(joined, turn, &request);
	if (!joined->invite.client)
		return 503;
	invite_watch(joined, env);
	return 0;
}

void transfer_answered(struct call *joined, const struct sip_turn *turn, const struct sip_msg *msg)
{
	struct transfer *transfer = joined->transfer;
	uint16_t status = 491;
	struct call_body body;

	sip_dialog_refresh_target(&joined->legs[CALL_LEG_B].dialog, msg);
	transfer->target_cseq = joined->invite.client_cseq;
	if (!transfer->is_refresh)
		joined->answered_ms = core_env_of(turn)->now_ms;
	limit_watch(joined, core_env_of(turn));
	if (transfer->is_moved || transfer_take(transfer)) {
		body_read(joined, core_env_of(turn), CALL_LEG_B, msg, &body);
		// Should nothing come of it, it is answered with what was in force.
		if (!call_set_text(joined, &joined->offer_text, body.sdp))
			CORE_COUNT(joined->core, arena_full);
		status = relay_offer(joined, turn, body.sdp);
	}
	if (status)
		transfer_fail(transfer, turn, status);
}

void transfer_done(struct call *joined, const struct sip_turn *turn)
{
	struct transfer transfer = *joined->transfer;
	struct call_hangup hangup = { .cause = CALL_CAUSE_TRANSFER, .code = 200 };

	slab_put(joined->core->transfers, joined->transfer);
	acknowledge_target(&transfer, turn, (struct leg_place){ joined, CALL_LEG_B },
		joined->legs[CALL_LEG_B].sdp_sent.text);
	joined->code = 200;
	if (!transfer.is_refresh && joined->state != CALL_STATE_ANSWERED) {
		joined->state = CALL_STATE_CONNECTED;
		CORE_COUNT(joined->core, calls_answered);
	}
	if (!transfer.is_refresh)
		CORE_COUNT(joined->core, transfers_done);
	unbind(&transfer);
	// The referrer's leg ends when it has heard of it (RFC 5589 6.1).
	if (transfer.old && !refer_notify(&transfer, turn, 200))
		call_hangup(transfer.old, turn, &hangup);
	if (transfer.consult)
		call_hangup(transfer.consult, turn, &hangup);
}

bool transfer_refused(struct call *joined, const struct sip_turn *turn, uint16_t status)
{
	bool is_refresh = joined->transfer->is_refresh;

	transfer_fail(joined->transfer, turn, status);
	return !is_refresh;
}

bool transfer_takes_bye(struct call *call, enum call_side side)
{
	struct transfer *transfer = call->transfer;

	if (call != transfer->old || side == transfer->stays || transfer->is_moved)
		return false;
	transfer->is_reported = false;
	return true;
}

// Back to the call that it came from, unless that is over or the far end itself has left. What it
// may still answer is acknowledged there (answer.c). False: it stays where it is.
static bool put_back(struct leg_place from, struct leg_place to)
{
	const struct call_leg *leg = &from.call->legs[from.side];
	const struct call_invite *invite = &from.call->invite;

	if (!to.call || to.call->is_finished || !leg->has_dialog || !leg->dialog.is_confirmed ||
		!leg_move(from, to))
		return false;
	if (invite->client && call_other(invite->from) == from.side) {
		to.call->invite.client_cseq = invite->client_cseq;
		to.call->invite.is_late = invite->is_late;
	}
	return true;
}

// Only in its own call, with the ports that it has there, the target has an answer to its offer.
static void put_back_target(struct transfer *transfer, const struct sip_turn *turn)
{
	struct leg_place from = { transfer->joined, CALL_LEG_B };
	struct leg_place to = { transfer->consult, transfer->target };

	if (transfer->is_target_moved && put_back(from, to))
		acknowledge_target(transfer, turn, to,
			describe_answer(to.call, core_env_of(turn), to.side,
				transfer->joined->offer_text.text));
	else
		acknowledge_target(transfer, turn, from, SPAN_NONE);
}

// A call that lost a leg for good has nobody to talk to.
static void end_if_alone(struct call *call, const struct sip_turn *turn)
{
	struct call_hangup hangup = { .cause = CALL_CAUSE_BYE, .code = 487 };

	for (uint32_t side = 0; call && side < CALL_LEGS; side++)
		if (!call->legs[side].has_dialog || !call->legs[side].dialog.is_confirmed)
			call_hangup(call, turn, &hangup);
}

// The joined call is being finished.
static void fail(struct transfer *transfer, const struct sip_turn *turn)
{
	struct call *joined = transfer->joined;
	struct transfer last = *transfer;
	uint16_t code = transfer->code;

	if (code == 0)
		code = joined->code >= 300 ? (uint16_t)joined->code : 487;
	if (!transfer->is_refresh)
		CORE_COUNT(joined->core, transfers_failed);
	unbind(&last);
	slab_put(joined->core->transfers, transfer);
	if (last.is_moved && !last.is_refresh) {
		describe_restore(joined, last.seat);
		put_back((struct leg_place){ joined, last.seat },
			(struct leg_place){ last.old, last.stays });
	}
	put_back_target(&last, turn);
	if (last.is_refresh)
		return;
	if (last.old)
		refer_notify(&last, turn, code);
	end_if_alone(last.old, turn);
	end_if_alone(last.consult, turn);
	// Whom no call takes back.
	leg_send_bye(joined, turn, CALL_LEG_A, SPAN_NONE);
	leg_send_bye(joined, turn, CALL_LEG_B, SPAN_NONE);
}

void transfer_call_ends(struct call *call, const struct sip_turn *turn)
{
	struct transfer *transfer = call->transfer;
	struct call_hangup hangup = { .cause = CALL_CAUSE_CANCEL, .code = 487 };

	call->transfer = NULL;
	if (call == transfer->joined) {
		fail(transfer, turn);
		return;
	}
	if (call == transfer->consult) {
		transfer->consult = NULL;
		return;
	}
	transfer->old = NULL;
	if (!transfer->is_moved)
		call_hangup(transfer->joined, turn, &hangup);
}

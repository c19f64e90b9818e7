// reinvite.c - an INVITE inside the call: offer and answer go end to end, the session changes with
// the answer only (RFC 3261 14, RFC 3264 8).
#include "call/ability.h"
#include "call/core_private.h"
#include "call/pickup.h"
#include "call/transfer.h"

// Our own INVITE that joins two legs (transfer.h); the old call of a transfer may have others.
static bool is_joining(const struct call *call)
{
	return call->transfer && call->transfer->joined == call;
}

static void refuse_pending(struct call *call, const struct sip_turn *turn, struct sip_tx *tx)
{
	CORE_COUNT(call->core, glares);
	refuse_status(call->core, turn, tx, 491);
}

// Relays it to the other leg. 0, or the status to refuse with.
static uint16_t relay(struct call *call, const struct sip_turn *turn, const struct sip_msg *msg)
{
	struct call_invite *invite = &call->invite;
	enum call_side to = call_other(invite->from);
	struct call_leg *leg = &call->legs[to];
	struct call_body body;
	enum body_verdict verdict = body_read(call, core_env_of(turn), invite->from, msg, &body);

	if (verdict != BODY_OK)
		return verdict == BODY_MALFORMED ? 400 : 415;
	invite->is_late = span_is_empty(body.sdp);
	call->sdp_before.text.len = 0;
	if (!invite->is_late) {
		describe_keep(call, to);
		enum offer_result result = offer_receive(call, core_env_of(turn), invite->from,
			body.sdp);
		if (result != OFFER_OK) {
			describe_restore(call, to);
			return result == OFFER_NO_PORTS ? 503 : 488;
		}
	}
	invite->client_cseq = sip_dialog_next_cseq(&leg->dialog);
	struct leg_request request = { .side = to, .method = SIP_METHOD_INVITE,
		.cseq = invite->client_cseq, .headers = hide_request(call, invite->from, msg),
		.body = sip_body_sdp(invite->is_late ? SPAN_NONE : leg->sdp_sent.text) };
	request.body.parts = body.parts;
	invite->client = leg_send(call, turn, &request);
	if (invite->client)
		return 0;
	describe_restore(call, to);
	offer_drop(call, core_env_of(turn));
	return 503;
}

void reinvite_receive(struct call *call, const struct sip_turn *turn, struct sip_tx *tx,
	enum call_side side, const struct sip_received *in)
{
	struct core *core = call->core;

	if (call->is_finished || !call->legs[call_other(side)].dialog.is_confirmed) {
		refuse_status(core, turn, tx, call->is_finished ? 481 : 491);
		return;
	}
	// An UPDATE's offer is open as well (RFC 3311 5.2), and so is the INVITE of whoever picked
	// up until its ACK (RFC 3261 14.1).
	if (call->invite.is_active || call->offer.is_open || call->transfer ||
		pickup_is_pending(call)) {
		refuse_pending(call, turn, tx);
		return;
	}
	if (refuse_extensions(core, turn, tx, in->msg,
		    config_profile(core_env_of(turn)->config, call->legs[side].profile)) ||
		session_refuse(core, turn, tx, in->msg,
			config_profile(core_env_of(turn)->config, call->legs[side].profile)))
		return;
	CORE_COUNT(core, reinvites);
	sip_dialog_refresh_target(&call->legs[side].dialog, in->msg);
	ability_learn(&call->legs[side], in->msg);
	session_hear_request(&call->legs[side], in->msg);
	bool is_quiet = ability_requires(in->msg, OPTION_100REL);
	call->invite = (struct call_invite){ .is_active = true, .from = side, .server = tx,
		.server_cseq = in->msg->cseq.number, .is_quiet = is_quiet };
	sip_tx_set_user(tx, call_user(call));
	uint16_t status = relay(call, turn, in->msg);
	if (status == 0) {
		invite_watch(call, core_env_of(turn));
		return;
	}
	call->invite.is_active = false;
	if (status == 503)
		refuse_busy(core, turn, tx);
	else if (status == 415)
		refuse_type(core, turn, tx,
			config_profile(core_env_of(turn)->config, call->legs[side].profile));
	else
		refuse_status(core, turn, tx, status);
}

bool reinvite_for_update(struct call *call, const struct sip_turn *turn, struct relay *update)
{
	enum call_side to = call_other(update->from);
	struct call_leg *leg = &call->legs[to];
	struct leg_request request = { .side = to, .method = SIP_METHOD_INVITE,
		.cseq = sip_dialog_next_cseq(&leg->dialog),
		.body = sip_body_sdp(leg->sdp_sent.text) };
	struct sip_tx *client = leg_send(call, turn, &request);

	if (!client)
		return false;
	call->invite = (struct call_invite){ .is_active = true, .from = update->from,
		.update = update, .client = client, .client_cseq = request.cseq };
	invite_watch(call, core_env_of(turn));
	return true;
}

bool reinvite_refresh(struct call *call, const struct sip_turn *turn, enum call_side side)
{
	struct call_leg *leg = &call->legs[side];
	struct leg_request request = { .side = side, .method = SIP_METHOD_INVITE };

	if (call->invite.is_active || call->offer.is_open)
		return false;
	request.body = sip_body_sdp(describe_leg(call, core_env_of(turn), side));
	if (span_is_empty(request.body.data))
		return false;
	request.cseq = sip_dialog_next_cseq(&leg->dialog);
	struct sip_tx *client = leg_send(call, turn, &request);
	if (!client)
		return false;
	call->invite = (struct call_invite){ .is_active = true, .is_refresh = true,
		.from = call_other(side), .client = client, .client_cseq = request.cseq };
	invite_watch(call, core_env_of(turn));
	return true;
}

// The far end says again what is in force: it was offered nothing new.
static void take_refreshed(struct call *call, const struct sip_turn *turn,
	const struct sip_msg *msg)
{
	struct call_invite *invite = &call->invite;
	enum call_side side = call_other(invite->from);

	invite->is_active = false;
	if (msg->status < 300)
		leg_send_ack(call, turn, side, invite->client_cseq, SPAN_NONE);
	session_refreshed(&call->legs[side], turn, msg);
	if (msg->status != 408 && msg->status != 481)
		return;
	struct call_hangup hangup = { .cause = CALL_CAUSE_DEAD_DIALOG, .code = msg->status };
	call_hangup(call, turn, &hangup);
}

// The other side of a relayed INVITE wants a longer session, or another place of it has to be asked
// (RFC 3263 4.3): it gets a new one, nobody else hears of it.
static bool send_again(struct call *call, const struct sip_turn *turn, const struct sip_msg *msg)
{
	struct call_invite *invite = &call->invite;
	enum call_side to = call_other(invite->from);
	struct call_leg *leg = &call->legs[to];

	bool is_to_repeat = (msg->status == 422 && session_raise(leg, msg)) ||
		(msg->status == 503 && target_of_dialog_failed(call, to));

	if (!is_to_repeat)
		return false;
	struct leg_request request = { .side = to, .method = SIP_METHOD_INVITE,
		.cseq = sip_dialog_next_cseq(&leg->dialog),
		.body = sip_body_sdp(invite->is_late ? SPAN_NONE : leg->sdp_sent.text) };
	struct sip_tx *client = leg_send(call, turn, &request);
	if (!client)
		return false;
	invite->client = client;
	invite->client_cseq = request.cseq;
	invite->is_final = false;
	invite_watch(call, core_env_of(turn));
	return true;
}

// The final answer to whoever asked. An UPDATE is over with it, an INVITE with its ACK.
static void answer_asker(struct call *call, const struct sip_turn *turn,
	const struct leg_response *response)
{
	struct call_invite *invite = &call->invite;
	struct relay *update = invite->update;

	invite->update = NULL;
	if (update)
		relay_respond(call, turn, update, response);
	else if (invite->server)
		leg_respond(call, turn, invite->server, response);
}

static void take_answer(struct call *call, const struct sip_turn *turn, const struct sip_msg *msg)
{
	const struct core_env *env = core_env_of(turn);
	struct call_invite *invite = &call->invite;
	enum call_side to = call_other(invite->from);

	struct call_body body;

	sip_dialog_refresh_target(&call->legs[to].dialog, msg);
	ability_learn(&call->legs[to], msg);
	session_hear_answer(&call->legs[to], turn, msg);
	body_read(call, env, to, msg, &body);
	if (answer_take_body(call, env, body.sdp) != OFFER_OK) {
		// Both sides disagree about the session now: nothing is left but to end it.
		struct call_hangup hangup = { .cause = CALL_CAUSE_MEDIA_REFUSED, .code = 488 };

		CORE_COUNT(call->core, answers_unusable);
		offer_drop(call, env);
		leg_send_ack(call, turn, to, invite->client_cseq, SPAN_NONE);
		call_hangup(call, turn, &hangup);
		return;
	}
	struct leg_response response = { .status = msg->status,
		.body = sip_body_sdp(call->legs[invite->from].sdp_sent.text) };
	response.body.parts = body.parts;
	// Without a server transaction nobody owes us an ACK.
	invite->is_answered = invite->server != NULL;
	invite->is_active = invite->is_answered;
	silence_watch(call, env);
	if (!invite->is_late || !invite->server)
		leg_send_ack(call, turn, to, invite->client_cseq, SPAN_NONE);
	if (!invite->server)
		offer_drop(call, env);
	answer_asker(call, turn, &response);
}

// `msg` is NULL where nobody answered.
static void take_error(struct call *call, const struct sip_turn *turn, uint16_t status,
	const struct sip_msg *msg)
{
	struct call_invite *invite = &call->invite;
	struct leg_response response = { .status = hide_status(status) };

	if (msg)
		response.headers = hide_error(call, call_other(invite->from), msg,
			&response.status);
	describe_restore(call, call_other(invite->from));
	offer_drop(call, core_env_of(turn));
	invite->is_active = false;
	answer_asker(call, turn, &response);
	if (is_joining(call) && transfer_refused(call, turn, response.status))
		return;
	if (status != 408 && status != 481)
		return;
	// The other side knows the dialog no more, or is gone (RFC 3261 12.2.1.2).
	struct call_hangup hangup = { .cause = CALL_CAUSE_DEAD_DIALOG, .code = status };
	call_hangup(call, turn, &hangup);
}

void reinvite_response(struct call *call, const struct sip_turn *turn,
	const struct sip_received *in)
{
	const struct sip_msg *msg = in->msg;
	struct call_invite *invite = &call->invite;

	if (msg->status < 200) {
		struct leg_response response = { .status = msg->status };

		if (msg->status > 100 && invite->server && !invite->is_quiet && !call->is_finished)
			leg_respond(call, turn, invite->server, &response);
		return;
	}
	invite->is_final = true;
	timer_stop(call->core->wheel, &call->ring_timer);
	if (call->is_finished) {
		if (msg->status < 300) {
			leg_send_ack(call, turn, call_other(invite->from), invite->client_cseq,
				SPAN_NONE);
			answer_elsewhere(call, turn, in);
		}
	} else if (invite->is_refresh) {
		take_refreshed(call, turn, msg);
	} else if (msg->status < 300 && is_joining(call) && invite->is_late) {
		transfer_answered(call, turn, msg);
	} else if (msg->status < 300) {
		take_answer(call, turn, msg);
		if (is_joining(call))
			transfer_done(call, turn);
	} else if (!send_again(call, turn, msg)) {
		take_error(call, turn, msg->status, msg);
	}
	call_settle(call);
}

void reinvite_failed(struct call *call, const struct sip_turn *turn, enum sip_tx_failure failure)
{
	enum call_side to = call_other(call->invite.from);
	struct sip_tx *client = call->is_finished || failure == SIP_TX_CANCELLED ?
		NULL : leg_send_elsewhere(call, turn, to, call->invite.client);

	call->invite.client = client;
	if (client) {
		invite_watch(call, core_env_of(turn));
		return;
	}
	call->invite.is_final = true;
	timer_stop(call->core->wheel, &call->ring_timer);
	if (!call->is_finished) {
		CORE_COUNT(call->core, hosts_silent);
		take_error(call, turn, failure == SIP_TX_CANCELLED ? 487 : 408, NULL);
	}
	call_settle(call);
}

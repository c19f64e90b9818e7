#include "call/update.h"

#include "call/ability.h"
#include "call/core_private.h"

// In relay->data: an offer goes with it.
#define WITH_OFFER 1u

// One UPDATE at a time in each direction of a dialog (RFC 3311 5.2).
static bool is_updating(const struct call *call, const struct relay *own)
{
	for (const struct relay *relay = call->relays; relay; relay = relay->next)
		if (relay != own && relay->ops == &update_ops && relay->from == own->from &&
			relay->fork == own->fork && relay->server)
			return true;
	return false;
}

// The first INVITE's exchange is kept open for the winning fork's answer, but is over for a caller
// who was answered reliably.
static bool is_exchange_open(const struct call *call)
{
	return call->offer.is_open &&
		(call->answered_ms || !call->reliable.is_settled || call->offer.fork);
}

// An offer must wait for the one that is open: 491 if it is ours to that side, 500 if it is that
// side's own (RFC 3311 5.2). True: refused.
static bool refuse_glare(struct call *call, const struct sip_turn *turn, const struct relay *relay,
	bool has_offer)
{
	struct core *core = call->core;

	bool is_open = is_exchange_open(call);

	if (is_updating(call, relay) ||
		(has_offer && is_open && call->offer.from == relay->from)) {
		refuse_early(core, turn, relay->server);
		return true;
	}
	// A re-INVITE without an offer will bring one, and so will a transfer.
	bool is_reinvite = (call->invite.is_active && call->answered_ms) || call->transfer;
	if (!has_offer || (!is_open && !is_reinvite && !call->reliable.is_waiting))
		return false;
	CORE_COUNT(core, glares);
	refuse_status(core, turn, relay->server, 491);
	return true;
}

static enum relay_verdict answer_here(struct call *call, const struct sip_turn *turn,
	struct relay *relay)
{
	struct leg_response response = { .status = 200, .side = relay->from };

	leg_respond(call, turn, relay->server, &response);
	return RELAY_ANSWERED;
}

// The other side must be asked all the same: by an INVITE, which only a confirmed dialog takes.
static enum relay_verdict send_reinvite(struct call *call, const struct sip_turn *turn,
	struct relay *relay)
{
	if (reinvite_for_update(call, turn, relay))
		return RELAY_WAIT;
	offer_drop(call, core_env_of(turn));
	refuse_busy(call->core, turn, relay->server);
	return RELAY_ANSWERED;
}

static enum relay_verdict take_offer(struct call *call, const struct sip_turn *turn,
	struct relay *relay, const struct sip_msg *msg)
{
	const struct call_leg *leg = &call->legs[call_other(relay->from)];
	bool is_allowed = ability_allows(leg, SIP_METHOD_UPDATE);
	enum offer_result result = OFFER_UNUSABLE;

	if (call->offer.is_open)
		offer_close(call);
	describe_keep(call, call_other(relay->from));
	if (is_allowed || (call->answered_ms && leg->dialog.is_confirmed))
		result = offer_receive(call, core_env_of(turn), relay->from, body_sdp(msg));
	if (result == OFFER_NO_PORTS)
		refuse_busy(call->core, turn, relay->server);
	else if (result != OFFER_OK)
		refuse_status(call->core, turn, relay->server, 488);
	if (result != OFFER_OK) {
		describe_restore(call, call_other(relay->from));
		return RELAY_ANSWERED;
	}
	face_propose(call, body_sdp(msg));
	relay->data = WITH_OFFER;
	return is_allowed ? RELAY_SEND : send_reinvite(call, turn, relay);
}

static enum relay_verdict receive_request(struct call *call, const struct sip_turn *turn,
	struct relay *relay, const struct sip_received *in, struct leg_request *out)
{
	struct call_leg *leg = &call->legs[relay->from];
	const struct call_leg *other = &call->legs[call_other(relay->from)];
	bool has_offer = !span_is_empty(body_sdp(in->msg));

	if (refuse_glare(call, turn, relay, has_offer))
		return RELAY_ANSWERED;
	if (session_refuse(call->core, turn, relay->server, in->msg,
		    config_profile(core_env_of(turn)->config, leg->profile)))
		return RELAY_ANSWERED;
	CORE_COUNT(call->core, updates);
	session_hear_request(leg, in->msg);
	sip_dialog_refresh_target(&leg->dialog, in->msg);
	ability_learn(leg, in->msg);
	if (!has_offer && !ability_allows(other, SIP_METHOD_UPDATE))
		return answer_here(call, turn, relay);
	enum relay_verdict verdict =
		has_offer ? take_offer(call, turn, relay, in->msg) : RELAY_SEND;
	if (verdict == RELAY_SEND && has_offer)
		out->body = sip_body_sdp(other->sdp_sent.text);
	return verdict;
}

static void take_answer(struct call *call, const struct sip_turn *turn, const struct relay *relay,
	const struct sip_msg *msg, struct leg_response *out)
{
	const struct core_env *env = core_env_of(turn);
	struct call_hangup hangup = { .cause = CALL_CAUSE_MEDIA_REFUSED, .code = 488 };
	struct span sdp = body_sdp(msg);

	if (!span_is_empty(sdp) && face_answer(call, env, sdp) == OFFER_OK) {
		out->body = sip_body_sdp(call->legs[relay->from].sdp_sent.text);
		if (call->answered_ms)
			silence_watch(call, env);
		return;
	}
	// Both sides disagree about the session now.
	CORE_COUNT(call->core, answers_unusable);
	offer_drop(call, env);
	out->status = 488;
	call_hangup(call, turn, &hangup);
}

static void receive_response(struct call *call, const struct sip_turn *turn, struct relay *relay,
	const struct sip_msg *msg, struct leg_response *out)
{
	struct call_leg *leg = &call->legs[call_other(relay->from)];

	if (msg->status >= 300) {
		if (relay->data == WITH_OFFER) {
			describe_restore(call, call_other(relay->from));
			offer_drop(call, core_env_of(turn));
		}
		out->headers = hide_error(call, call_other(relay->from), msg, &out->status);
		return;
	}
	sip_dialog_refresh_target(&leg->dialog, msg);
	ability_learn(leg, msg);
	if (call->answered_ms)
		session_hear_answer(leg, turn, msg);
	if (relay->data == WITH_OFFER && call->offer.is_open)
		take_answer(call, turn, relay, msg, out);
}

static void fail(struct call *call, const struct sip_turn *turn, struct relay *relay)
{
	struct call_invite *invite = &call->invite;

	if (invite->update == relay) {
		// Nobody waits for the INVITE any more; what it brings is taken all the same.
		invite->update = NULL;
		if (invite->client && !invite->is_final)
			sip_client_cancel(call->core->txs, turn, invite->client, SPAN_NONE);
	} else if (relay->data == WITH_OFFER) {
		describe_restore(call, call_other(relay->from));
		offer_drop(call, core_env_of(turn));
	}
}

const struct relay_ops update_ops = {
	.ends_call = true,
	.request = receive_request,
	.response = receive_response,
	.failed = fail,
};

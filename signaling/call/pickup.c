#include "call/pickup.h"

#include "call/ability.h"
#include "call/core_private.h"
#include "call/mutual.h"
#include "call/replaces.h"

// So that the telephone that rang in vain shows no missed call (RFC 3326).
#define REASON_LINE "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n"

struct call *pickup_find(struct core *core, struct span value)
{
	struct replaces_value name;
	struct sip_token token;

	if (!replaces_parse(value, &name) ||
		!sip_token_verify(&core->keys, SIP_TOKEN_TAG, name.to_tag, &token))
		return NULL;
	struct call_leg *leg = leg_lookup(core, token.value);
	if (!leg || leg != &leg->call->legs[CALL_LEG_B] || leg->call->answered_ms ||
		leg->call->is_finished || !leg->has_dialog ||
		!span_eq(leg->dialog.call_id.text, name.call_id))
		return NULL;
	return fork_select_tag(leg->call, name.from_tag) ? leg->call : NULL;
}

// The caller waits for nothing but an answer to its offer.
static bool is_possible(const struct call *call)
{
	const struct call_invite *invite = &call->invite;

	for (const struct relay *relay = call->relays; relay; relay = relay->next)
		if (relay->server)
			return false;
	return call->state == CALL_STATE_RINGING && invite->server && invite->client &&
		!invite->is_final && !invite->is_late && !invite->is_converted &&
		!call->transfer && !call->invites_given_up && !call->pickup &&
		call->offer.is_open && call->offer.from == CALL_LEG_A &&
		!call->reliable.is_waiting && !call->reliable.is_settled;
}

// The newcomer's offer as the answer to the caller's. False: they have nothing in common, and
// nothing has changed.
static bool answer_offer(struct call *call, const struct core_env *env, struct span sdp)
{
	struct core *core = call->core;
	struct sip_writer w;

	sip_writer_init(&w, core->parts, sizeof(core->parts));
	return mutual_put(core, &w, sdp, call->legs[CALL_LEG_B].sdp_sent.text) &&
		offer_answer(call, env, sip_writer_text(&w), false) == OFFER_OK &&
		offer_answer(call, env, sip_writer_text(&w), true) == OFFER_OK;
}

// Leg B goes with its INVITE, whose answers are awaited by a call that nobody sees.
static bool part(struct call *call, const struct sip_turn *turn)
{
	struct core *core = call->core;
	struct call_invite *invite = &call->invite;
	struct call *left = call_new_empty(core, core_env_of(turn));

	if (!left)
		return false;
	left->token = leg_draw_token(core, core_env_of(turn));
	left->shard = call->shard;
	left->max_forwards = call->max_forwards; // of the ACK and BYE, should it answer
	left->is_finished = true;
	left->state = CALL_STATE_CANCELLING;
	media_init(&left->media, &left->arena, 0, 0);
	if (!leg_move((struct leg_place){ call, CALL_LEG_B },
		    (struct leg_place){ left, CALL_LEG_B })) {
		call_settle(left);
		return false;
	}
	struct call_leg *leg = &left->legs[CALL_LEG_B];
	trunk_give(core->trunks, leg->trunk_slot);
	leg->trunk_slot = TRUNK_NONE;
	left->invite = (struct call_invite){ .client = invite->client,
		.client_cseq = invite->client_cseq };
	sip_tx_set_user(invite->client, call_user(left));
	invite->client = NULL;
	invite->is_final = true;
	sip_client_cancel(core->txs, turn, left->invite.client, SPAN_LIT(REASON_LINE));
	leg_link(call, CALL_LEG_B, left->token + 1, call->shard);
	// What its other forks were asked is known no more, as after any move.
	fork_free_all(call);
	call->fork = (struct fork_state){ 0 };
	call->media_fork = call->reliable.told_fork = 0;
	timer_stop(core->wheel, &call->host_timer);
	target_forget(call);
	return true;
}

// From now on leg B is the newcomer's, described by `sdp`.
static bool seat(struct call *call, const struct sip_turn *turn, struct newcomer *n,
	struct span sdp)
{
	struct call_leg *leg = &call->legs[CALL_LEG_B];
	struct span headers;

	if (newcomer_sit(n, call, CALL_LEG_B) || !call_set_text(call, &leg->sdp_sent, sdp))
		return false;
	call->media.realm[CALL_LEG_B] = (uint16_t)(leg->hop.listener >> 8);
	session_id_learn(call, core_env_of(turn), CALL_LEG_B, n->in->msg);
	// What the caller is told of whom it reached.
	headers = hide_answer(call, CALL_LEG_B, n->in->msg);
	if (!call_set_text(call, &call->answered_with, headers))
		CORE_COUNT(call->core, arena_full);
	leg->dialog.is_confirmed = true;
	return true;
}

static void answer_newcomer(struct call *call, const struct sip_turn *turn)
{
	struct leg_response response = { .status = 200, .side = CALL_LEG_B,
		.body = sip_body_sdp(call->legs[CALL_LEG_B].sdp_sent.text) };

	leg_respond(call, turn, call->pickup->server, &response);
}

uint16_t pickup_take(struct call *call, const struct sip_turn *turn, struct newcomer *n)
{
	const struct core_env *env = core_env_of(turn);
	struct core *core = call->core;
	struct call_leg before = call->legs[CALL_LEG_B];
	struct call_hangup hangup = { .cause = CALL_CAUSE_INTERNAL, .code = 503 };
	struct sip_writer w;

	if (!is_possible(call))
		return 491;
	if (body_read(call, env, CALL_LEG_B, n->in->msg, &n->body) != BODY_OK)
		return 415;
	uint16_t status = newcomer_fits(n, call);
	if (status)
		return status;
	bool is_late = span_is_empty(n->body.sdp);
	struct pickup *pickup = arena_zalloc(&call->arena, sizeof(*pickup));
	if (!pickup)
		return 503;
	if (!is_late && !answer_offer(call, env, n->body.sdp))
		return 488;
	// What the one who rang was offered is the newcomer's, as far as it can do that.
	sip_writer_init(&w, core->parts, sizeof(core->parts));
	if (is_late)
		sip_put(&w, before.sdp_sent.text);
	else
		mutual_put(core, &w, before.sdp_sent.text, n->body.sdp);
	if (!part(call, turn) || !seat(call, turn, n, sip_writer_text(&w))) {
		call_hangup(call, turn, &hangup);
		return 503;
	}
	call->legs[CALL_LEG_B].sdp_id = before.sdp_id;
	call->legs[CALL_LEG_B].sdp_version = before.sdp_version;
	*pickup = (struct pickup){ .server = n->tx, .cseq = n->in->msg->cseq.number,
		.is_late = is_late };
	call->pickup = pickup;
	sip_tx_set_user(n->tx, call_user(call));
	CORE_COUNT(core, calls_picked_up);
	if (!is_late) {
		timer_stop(core->wheel, &call->ring_timer);
		answer_caller(call, turn, 200, SPAN_NONE);
	}
	answer_newcomer(call, turn);
	return 0;
}

bool pickup_is_pending(const struct call *call)
{
	return call->pickup && call->pickup->server;
}

// What waited for the newcomer's ACK.
static void go_on(struct call *call, const struct sip_turn *turn)
{
	if (call->legs[CALL_LEG_B].is_bye_due)
		leg_send_bye(call, turn, CALL_LEG_B, SPAN_NONE);
	call_settle(call);
}

bool pickup_receive_ack(struct call *call, const struct sip_turn *turn, enum call_side side,
	const struct sip_msg *ack)
{
	struct pickup *pickup = call->pickup;
	struct call_hangup hangup = { .cause = CALL_CAUSE_MEDIA_REFUSED, .code = 488 };

	if (!pickup_is_pending(call) || side != CALL_LEG_B || ack->cseq.number != pickup->cseq)
		return false;
	sip_server_acked(call->core->txs, turn, pickup->server);
	pickup->server = NULL;
	if (pickup->is_late && !call->is_finished) {
		struct span sdp = body_sdp(ack);

		timer_stop(call->core->wheel, &call->ring_timer);
		if (!span_is_empty(sdp) &&
			offer_answer(call, core_env_of(turn), sdp, true) == OFFER_OK)
			answer_caller(call, turn, 200, SPAN_NONE);
		else
			call_hangup(call, turn, &hangup);
	}
	go_on(call, turn);
	return true;
}

void pickup_over(struct call *call, const struct sip_turn *turn, const struct sip_tx *tx,
	bool is_failed)
{
	struct call_hangup hangup = { .cause = CALL_CAUSE_ACK_TIMEOUT, .code = 408 };

	if (!pickup_is_pending(call) || call->pickup->server != tx)
		return;
	call->pickup->server = NULL;
	if (is_failed) {
		CORE_COUNT(call->core, acks_missing);
		call_hangup(call, turn, &hangup);
	}
	go_on(call, turn);
}

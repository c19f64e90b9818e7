// invite_setup.c - a call is made of an INVITE: trunks, both dialogs, media, until our own is sent.
#include "call/invite_setup.h"

#include "call/ability.h"
#include "call/redirect.h"

#include "base/check.h"

static bool take_trunk(struct invite_setup *s, enum call_side side,
	const struct config_trunk *trunk)
{
	struct call_leg *leg = &s->call->legs[side];
	struct span name = span_str(trunk->name);
	uint32_t slot = trunk_slot(s->core->trunks, name);

	span_copy(span_sub(name, 0, CALL_NAME_MAX - 1), leg->trunk, sizeof(leg->trunk));
	limit_learn(leg, s->env->config, trunk);
	if (s->call->is_emergency)
		return true;
	if (!trunk_take(s->core->trunks, slot, trunk->calls_max)) {
		CORE_COUNT(s->core, refused_trunk_full);
		return false;
	}
	leg->trunk_slot = slot;
	return true;
}

static bool init_leg_a(struct invite_setup *s)
{
	struct call_leg *leg = &s->call->legs[CALL_LEG_A];
	struct span tag = span_make(leg->tag, sizeof(leg->tag));

	leg->hop = s->in->hop;
	leg->profile = s->env->config->trunks[s->from_trunk].profile;
	ability_learn(leg, s->in->msg);
	reliable_begin(s->call, s->in->msg);
	session_hear_request(leg, s->in->msg);
	// From and To as they came, whatever rules made of them: the far end knows no others.
	if (sip_dialog_init_uas(&leg->dialog, &s->call->arena, &s->core->msg, tag) < 0)
		return false;
	leg->has_dialog = true;
	sip_server_set_tag(s->tx, tag);
	struct sip_hop ignored;
	target_of_dialog(s->call, s->env, CALL_LEG_A, &ignored); // a name is looked up in good time
	return true;
}

// The called user at its own host, or the service that was asked for (RFC 5031 4.2).
static void put_remote_uri(struct sip_writer *w, const struct invite_setup *s, struct span user)
{
	sip_put_char(w, '<');
	if (s->in && sip_uri_is_emergency(&s->in->msg->uri) &&
		span_eq(user, emergency_user(&s->in->msg->uri)))
		sip_put(w, s->in->msg->uri.text);
	else
		target_put_uri(w, s->call, user);
	sip_put_char(w, '>');
}

static void put_local_uri(struct sip_writer *w, const struct invite_setup *s)
{
	struct hide_params hide = hide_params_of(s->call, s->env, CALL_LEG_A,
		s->in ? s->in->msg : NULL);

	if (s->in) {
		identity_put_from(w, &hide, span_str(s->call->from_user));
		return;
	}
	sip_put_lit(w, "<sip:");
	sip_put_escaped_user(w, span_str(s->call->from_user));
	sip_put_char(w, '@');
	hide_put_own_host(w, &hide);
	sip_put_char(w, '>');
}

// The called side sees us as the caller's home, and its own host as that of the called user.
static bool init_leg_b(struct invite_setup *s)
{
	struct call *call = s->call;
	struct call_leg *leg = &call->legs[CALL_LEG_B];
	struct sip_token token = { .shard = (uint16_t)call->shard, .value = call->token + 1 };
	struct sip_writer local, remote;
	char call_id[SIP_TOKEN_LEN];

	sip_token_make(&s->core->keys, SIP_TOKEN_CALL_ID, &token, call_id);
	sip_writer_init(&local, s->core->extra, CORE_EXTRA_MAX / 2);
	put_local_uri(&local, s);
	sip_writer_init(&remote, s->core->extra + CORE_EXTRA_MAX / 2, CORE_EXTRA_MAX / 2);
	put_remote_uri(&remote, s, span_make(s->route.user, s->route.user_len));
	struct span remote_text = sip_writer_text(&remote);
	struct sip_dialog_uac params = {
		.call_id = span_make(call_id, sizeof(call_id)),
		.local_tag = span_make(leg->tag, sizeof(leg->tag)),
		.local = sip_writer_text(&local),
		.remote = remote_text,
		.target = span_sub(remote_text, 1, remote_text.len - 2),
		.cseq_first = 1 + rng_below(s->env->rng, 1u << 16),
	};
	if (local.is_overflowed || remote.is_overflowed ||
		sip_dialog_init_uac(&leg->dialog, &call->arena, &params) < 0)
		return false;
	leg->has_dialog = true;
	return true;
}

static bool copy_headers(struct invite_setup *s)
{
	struct call *call = s->call;
	struct span headers = hide_request(call, CALL_LEG_A, s->in->msg);

	session_id_begin(call, s->env, s->in->msg);
	return call_set_text(call, &call->passed, headers) &&
		divert_receive(call, s->in->msg);
}

// Ends a call that never left: answer, account, free.
COLD static void setup_fail(struct invite_setup *s, uint16_t status, enum call_cause cause)
{
	struct call *call = s->call;

	call->code = status;
	if (!s->tx)
		CORE_COUNT(s->core, originated_failed);
	else if (status == 503)
		refuse_busy(s->core, s->turn, s->tx);
	else if (status == 400)
		invite_refuse(s, status, SPAN_LIT("Unusable Contact or Record-Route"));
	else
		refuse_status(s->core, s->turn, s->tx, status);
	offer_drop(call, s->env);
	call->invite.is_active = false;
	call_finish(call, s->env, cause);
	call_settle(call);
}

static void setup_media(struct invite_setup *s)
{
	struct call *call = s->call;
	struct call_invite *invite = &call->invite;
	enum offer_result result = OFFER_OK;

	if (!call_set_text(call, &call->passed_parts, s->body.parts))
		CORE_COUNT(call->core, parts_lost);
	if (s->in && span_is_empty(s->body.sdp) && late_is_converted(call, s->env)) {
		invite->is_converted = true;
		s->body.sdp = late_make_offer(call);
		CORE_COUNT(call->core, offers_made);
	}
	invite->is_late = span_is_empty(s->body.sdp);
	bool is_redirected = s->in && redirect_prepare(call, s->env, s->in->msg);
	if ((is_redirected || face_is_wanted(call) || target_has_next(call, s->env)) &&
		!call_set_text(call, &call->offer_text, s->body.sdp))
		CORE_COUNT(call->core, arena_full);
	if (!invite->is_late)
		result = offer_receive(call, s->env, CALL_LEG_A, s->body.sdp);
	if (result != OFFER_OK) {
		setup_fail(s, result == OFFER_NO_PORTS ? 503 : 488, CALL_CAUSE_MEDIA_REFUSED);
		return;
	}
	call->state = CALL_STATE_CALLING;
	if (!invite_send(call, s->turn)) {
		setup_fail(s, 503, CALL_CAUSE_INTERNAL);
		return;
	}
	invite_watch(call, s->env);
}

// The first target is known.
static void setup_leg_b(struct invite_setup *s)
{
	if (!init_leg_b(s) || (s->in && !copy_headers(s)))
		setup_fail(s, 503, CALL_CAUSE_INTERNAL);
	else
		setup_media(s);
}

// What goes on with the set-up when a name was looked up: the INVITE is read once more.
struct invite_pending {
	struct span message;
	struct sip_hop hop;
	uint32_t realm;
	int from_trunk;
	struct route_decision route;
};

static bool setup_suspend(struct invite_setup *s)
{
	struct call *call = s->call;

	call->pending = arena_alloc(&call->arena, sizeof(*call->pending));
	if (!call->pending)
		return false;
	*call->pending = (struct invite_pending){ .realm = s->realm,
		.from_trunk = s->from_trunk, .route = s->route };
	call->state = CALL_STATE_RESOLVING;
	if (!s->in)
		return true;
	call->pending->hop = s->in->hop;
	return arena_copy(&call->arena, s->in->msg->raw, &call->pending->message);
}

static void setup_target(struct invite_setup *s, enum target_result result)
{
	switch (result) {
	case TARGET_READY:
		setup_leg_b(s);
		return;
	case TARGET_WAITING:
		if (!s->call->pending && !setup_suspend(s))
			setup_fail(s, 503, CALL_CAUSE_INTERNAL);
		return;
	case TARGET_NONE:
		setup_fail(s, 503, CALL_CAUSE_UNREACHABLE);
		return;
	}
}

static void setup_resume(struct call *call, const struct sip_turn *turn)
{
	struct core *core = call->core;
	const struct invite_pending *pending = call->pending;
	struct sip_received in = { .hop = pending->hop, .msg = &core->msg };
	struct invite_setup s = { .core = core, .turn = turn, .env = core_env_of(turn),
		.tx = call->invite.server, .in = &in, .call = call, .realm = pending->realm,
		.from_trunk = pending->from_trunk, .route = pending->route };
	struct sip_fault fault;

	if (span_is_empty(pending->message))
		s.in = NULL; // of our own
	else
		CHECK(s.tx && sip_parse(pending->message, &core->msg, &fault) == 0);
	if (s.in && !invite_read_body(&s)) {
		// Only where the profile changed meanwhile; it has its answer.
		call->invite.is_active = false;
		call_finish(call, s.env, CALL_CAUSE_REJECTED);
		call_settle(call);
		return;
	}
	enum target_result result = target_next(call, s.env);
	if (result != TARGET_WAITING)
		call->pending = NULL;
	setup_target(&s, result);
}

void invite_resolved(struct call *call, const struct sip_turn *turn)
{
	struct call_hangup hangup = { .cause = CALL_CAUSE_UNREACHABLE, .code = 503 };

	if (call->state != CALL_STATE_RESOLVING)
		return;
	if (call->pending)
		setup_resume(call, turn);
	else if (!invite_try_targets(call, turn))
		call_hangup(call, turn, &hangup);
}

void invite_originate(struct call *call, const struct sip_turn *turn,
	const struct route_decision *route)
{
	const struct core_env *env = core_env_of(turn);
	const struct config_trunk *to = &env->config->trunks[route->trunk];
	struct invite_setup s = { .core = call->core, .turn = turn, .env = env, .call = call,
		.from_trunk = -1, .route = *route };

	call->media.realm[CALL_LEG_B] = (uint16_t)to->realm;
	call->targets.trunk = route->trunk;
	call->route_line = route->line;
	call->legs[CALL_LEG_B].profile = to->profile;
	call->legs[CALL_LEG_B].hop.listener = listener_make(to->realm, 0);
	call->invite = (struct call_invite){ .is_active = true, .from = CALL_LEG_A };
	if (take_trunk(&s, CALL_LEG_B, to))
		setup_target(&s, target_next(call, env));
	else
		setup_fail(&s, 503, CALL_CAUSE_REJECTED);
}

void invite_set_up(struct invite_setup *s)
{
	const struct config *config = s->env->config;
	const struct config_trunk *to = &config->trunks[s->route.trunk];
	struct call *call = s->call;

	media_init(&call->media, &call->arena, s->realm, to->realm);
	call->targets.trunk = s->route.trunk;
	call->targets.is_sips = s->in->msg->uri.scheme == SIP_SCHEME_SIPS;
	call->legs[CALL_LEG_B].profile = to->profile;
	call->legs[CALL_LEG_B].hop.listener = listener_make(to->realm, 0);
	sip_tx_set_user(s->tx, call_user(call));
	call->invite = (struct call_invite){ .is_active = true, .from = CALL_LEG_A,
		.server = s->tx, .server_cseq = s->in->msg->cseq.number };
	call->route_line = s->route.line;
	call->is_session_private = identity_privacy(s->in->msg) & PRIVACY_SESSION;
	call->max_forwards = s->in->msg->max_forwards > 0 ?
		(uint32_t)s->in->msg->max_forwards - 1 :
		69;
	if (!take_trunk(s, CALL_LEG_A, &config->trunks[s->from_trunk]) ||
		!take_trunk(s, CALL_LEG_B, to))
		setup_fail(s, 503, CALL_CAUSE_REJECTED);
	else if (!init_leg_a(s))
		setup_fail(s, 400, CALL_CAUSE_REJECTED);
	else
		setup_target(s, target_next(call, s->env));
}

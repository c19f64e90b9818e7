// invite.c - the first INVITE: from the caller's request to our own on its way to the called side.
#include "call/ability.h"
#include "call/core_private.h"

#include "base/check.h"
#include "base/log.h"

#include <stddef.h>

// Four transmissions unanswered: the next target is tried, if there is one.
#define HOST_SILENT_MS 4000u

static void on_ring_timeout(struct timer *timer, void *context)
{
	struct call *call = (struct call *)((char *)timer - offsetof(struct call, ring_timer));
	struct call_hangup hangup = { .cause = CALL_CAUSE_RING_TIMEOUT, .code = 408 };

	CORE_COUNT(call->core, ring_timeouts);
	// A re-INVITE that is never answered ends alone: 487 comes back, or 64*T1 of silence.
	if (call->answered_ms) {
		if (call->invite.client && !call->invite.is_final)
			sip_client_cancel(call->core->txs, context, call->invite.client, SPAN_NONE);
		return;
	}
	call_hangup(call, context, &hangup);
}

void invite_watch(struct call *call, const struct core_env *env)
{
	timer_start(call->core->wheel, &call->ring_timer,
		env->now_ms + env->config->limits.ring_timeout_ms, on_ring_timeout);
}

static void on_host_silent(struct timer *timer, void *context)
{
	struct call *call = (struct call *)((char *)timer - offsetof(struct call, host_timer));
	struct sip_tx *silent = call->invite.client;

	// Should it come to life after all, the CANCEL meets it, or its answer is shed.
	sip_client_cancel(call->core->txs, context, silent, SPAN_NONE);
	call_give_up(call, silent);
	if (invite_try_next(call, context))
		return;
	struct call_hangup hangup = { .cause = CALL_CAUSE_UNREACHABLE, .code = 503 };
	call_hangup(call, context, &hangup);
}

// What goes along, and who diverted the call so far. Valid until core->extra is used again.
static struct span invite_headers(struct call *call)
{
	struct hide_params hide = hide_params_of(call, call->core->env, CALL_LEG_A, NULL);
	struct sip_writer w;
	char buf[CALL_PARTY_MAX];
	struct sip_uri uri;
	struct span user = SPAN_NONE;

	if (!call->divert)
		return call->passed.text;
	sip_writer_init(&w, call->core->extra, sizeof(call->core->extra));
	sip_put(&w, call->passed.text);
	if (sip_uri_parse(call->legs[CALL_LEG_B].dialog.remote_target.text, &uri) == 0 &&
		sip_uri_user(&uri, buf, sizeof(buf), &user) < 0)
		user = SPAN_NONE;
	divert_put(&w, call->divert, &hide, user);
	return w.is_overflowed ? call->passed.text : sip_writer_text(&w);
}

static bool send_invite(struct call *call, const struct sip_turn *turn)
{
	struct call_leg *leg = &call->legs[CALL_LEG_B];
	const struct core_env *env = core_env_of(turn);

	call->invite.client_cseq = sip_dialog_next_cseq(&leg->dialog);
	struct leg_request request = { .side = CALL_LEG_B, .method = SIP_METHOD_INVITE,
		.cseq = call->invite.client_cseq, .headers = invite_headers(call),
		.body = sip_body_sdp(call->invite.is_late ? SPAN_NONE : leg->sdp_sent.text) };

	request.body.parts = call->passed_parts.text;
	call->invite.client = leg_send(call, turn, &request);
	if (!call->invite.client)
		return false;
	if (target_has_next(call, env))
		timer_start(call->core->wheel, &call->host_timer, env->now_ms + HOST_SILENT_MS,
			on_host_silent);
	return true;
}

bool invite_send_again(struct call *call, const struct sip_turn *turn)
{
	// An early dialog would be taken for the one that the INVITE belongs to.
	return span_is_empty(call->legs[CALL_LEG_B].dialog.remote_tag.text) &&
		send_invite(call, turn);
}

// A target of the other family needs media addresses of its own. False: there are none.
static bool renew_offer(struct call *call, const struct core_env *env, const struct addr *before)
{
	const struct addr *now = &call->legs[CALL_LEG_B].hop.addr;

	if (call->invite.is_late ||
		(call->offer.is_open && ip_is_v4(&before->ip) == ip_is_v4(&now->ip)))
		return true;
	offer_drop(call, env);
	return offer_receive(call, env, CALL_LEG_A, call->offer_text.text) == OFFER_OK;
}

// The next target that can be tried at all, now or after an answer of DNS. False: there is none.
static bool try_next(struct call *call, const struct sip_turn *turn)
{
	const struct core_env *env = core_env_of(turn);
	struct addr before = call->legs[CALL_LEG_B].hop.addr;

	for (;;) {
		enum target_result result = target_next(call, env);

		if (result == TARGET_NONE)
			return false;
		if (result == TARGET_WAITING) {
			call->state = CALL_STATE_RESOLVING;
			call->invite.client = NULL;
			return true;
		}
		call->state = CALL_STATE_CALLING;
		CORE_COUNT(call->core, failovers);
		if (renew_offer(call, env, &before) && send_invite(call, turn))
			return true;
		before = call->legs[CALL_LEG_B].hop.addr;
	}
}

bool invite_try_next(struct call *call, const struct sip_turn *turn)
{
	timer_stop(call->core->wheel, &call->host_timer);
	return call->state == CALL_STATE_CALLING && try_next(call, turn);
}

// What the steps of one INVITE share.
struct setup {
	struct core *core;
	const struct sip_turn *turn;
	const struct core_env *env;
	struct sip_tx *tx;
	const struct sip_received *in;
	struct call *call;
	uint32_t realm;
	bool is_emergency;
	int from_trunk;
	struct route_decision route;
	struct call_body body;
};

static void setup_refuse(struct setup *s, uint16_t status, struct span reason)
{
	struct refusal refusal = { .status = status, .reason = reason };

	refuse(s->core, s->turn, s->tx, &refusal);
}

// Users are kept with their NUL; longer ones are nobody's number.
static bool read_users(struct setup *s, char from[CALL_PARTY_MAX], char to[CALL_PARTY_MAX])
{
	const struct sip_msg *msg = s->in->msg;
	struct span user;

	if (sip_uri_user(&msg->uri, to, CALL_PARTY_MAX - 1, &user) < 0)
		return false;
	if (s->is_emergency && sip_uri_is_emergency(&msg->uri))
		user = emergency_user(&msg->uri);
	if (user.len >= CALL_PARTY_MAX)
		return false;
	memmove(to, user.ptr ? user.ptr : "", user.len);
	to[user.len] = 0;
	if (sip_uri_user(&msg->from.uri, from, CALL_PARTY_MAX - 1, &user) < 0)
		return false;
	memmove(from, user.ptr ? user.ptr : "", user.len);
	from[user.len] = 0;
	return strlen(to) > 0 || !msg->uri.has_user;
}

static bool decide(struct setup *s, const char *from, const char *to)
{
	struct route_query query = { .from_realm = s->realm, .from_trunk = s->from_trunk,
		.from = span_str(from), .to = span_str(to) };

	switch (route_decide(s->env->config, &query, &s->route)) {
	case ROUTE_FOUND:
		return true;
	case ROUTE_TOO_LONG:
		CORE_COUNT(s->core, refused_address);
		setup_refuse(s, 484, SPAN_NONE);
		return false;
	case ROUTE_NONE:
		break;
	}
	CORE_COUNT(s->core, refused_route);
	setup_refuse(s, 404, SPAN_NONE);
	return false;
}

// Both sides' profiles say what may cross besides the session description.
static bool read_body(struct setup *s)
{
	const struct config *config = s->env->config;
	const struct config_profile *const profiles[CALL_LEGS] = {
		config_profile(config, config->trunks[s->from_trunk].profile),
		config_profile(config, config->trunks[s->route.trunk].profile),
	};

	switch (body_read_between(s->core, s->env, profiles, s->in->msg, &s->body)) {
	case BODY_OK:
		return true;
	case BODY_MALFORMED:
		CORE_COUNT(s->core, refused_body);
		setup_refuse(s, 400, SPAN_LIT("Malformed Body"));
		return false;
	case BODY_UNSUPPORTED:
		break;
	}
	refuse_type(s->core, s->turn, s->tx, profiles[CALL_LEG_A]);
	return false;
}

static bool take_trunk(struct setup *s, enum call_side side, const struct config_trunk *trunk)
{
	struct call_leg *leg = &s->call->legs[side];
	struct span name = span_str(trunk->name);
	uint32_t slot = trunk_slot(s->core->trunks, name);

	span_copy(span_sub(name, 0, CALL_NAME_MAX - 1), leg->trunk, sizeof(leg->trunk));
	if (s->call->is_emergency)
		return true;
	if (!trunk_take(s->core->trunks, slot, trunk->calls_max)) {
		CORE_COUNT(s->core, refused_trunk_full);
		return false;
	}
	leg->trunk_slot = slot;
	return true;
}

static bool init_leg_a(struct setup *s)
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
static void put_remote_uri(struct sip_writer *w, const struct setup *s, struct span user)
{
	sip_put_char(w, '<');
	if (s->in && sip_uri_is_emergency(&s->in->msg->uri) &&
		span_eq(user, emergency_user(&s->in->msg->uri)))
		sip_put(w, s->in->msg->uri.text);
	else
		target_put_uri(w, s->call, user);
	sip_put_char(w, '>');
}

static void put_local_uri(struct sip_writer *w, const struct setup *s)
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
static bool init_leg_b(struct setup *s)
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

static bool copy_headers(struct setup *s)
{
	struct call *call = s->call;
	struct span headers = hide_request(call, CALL_LEG_A, s->in->msg);

	session_id_begin(call, s->env, s->in->msg);
	return call_set_text(call, &call->passed, headers) &&
		divert_receive(call, s->in->msg);
}

// Ends a call that never left: answer, account, free.
static void setup_fail(struct setup *s, uint16_t status, enum call_cause cause)
{
	struct call *call = s->call;

	call->code = status;
	if (!s->tx)
		CORE_COUNT(s->core, originated_failed);
	else if (status == 503)
		refuse_busy(s->core, s->turn, s->tx);
	else if (status == 400)
		setup_refuse(s, status, SPAN_LIT("Unusable Contact or Record-Route"));
	else
		refuse_status(s->core, s->turn, s->tx, status);
	offer_drop(call, s->env);
	call->invite.is_active = false;
	call_finish(call, s->env, cause);
	call_settle(call);
}

static void setup_media(struct setup *s)
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
	bool is_redirected = config_profile(s->env->config, call->legs[CALL_LEG_B].profile)
				     ->flow.redirect == PROFILE_REDIRECT_FOLLOW;
	if ((is_redirected || target_has_next(call, s->env)) &&
		!call_set_text(call, &call->offer_text, s->body.sdp))
		CORE_COUNT(call->core, arena_full);
	if (!invite->is_late)
		result = offer_receive(call, s->env, CALL_LEG_A, s->body.sdp);
	if (result != OFFER_OK) {
		setup_fail(s, result == OFFER_NO_PORTS ? 503 : 488, CALL_CAUSE_MEDIA_REFUSED);
		return;
	}
	call->state = CALL_STATE_CALLING;
	if (!send_invite(call, s->turn)) {
		setup_fail(s, 503, CALL_CAUSE_INTERNAL);
		return;
	}
	invite_watch(call, s->env);
}

// The first target is known.
static void setup_leg_b(struct setup *s)
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

static bool setup_suspend(struct setup *s)
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

static void setup_target(struct setup *s, enum target_result result)
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
	struct setup s = { .core = core, .turn = turn, .env = core_env_of(turn),
		.tx = call->invite.server, .in = &in, .call = call, .realm = pending->realm,
		.from_trunk = pending->from_trunk, .route = pending->route };
	struct sip_fault fault;

	if (span_is_empty(pending->message))
		s.in = NULL; // of our own
	else
		CHECK(s.tx && sip_parse(pending->message, &core->msg, &fault) == 0);
	if (s.in && !read_body(&s)) {
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
	else if (!try_next(call, turn))
		call_hangup(call, turn, &hangup);
}

void invite_originate(struct call *call, const struct sip_turn *turn,
	const struct route_decision *route)
{
	const struct core_env *env = core_env_of(turn);
	const struct config_trunk *to = &env->config->trunks[route->trunk];
	struct setup s = { .core = call->core, .turn = turn, .env = env, .call = call,
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

static void setup_call(struct setup *s)
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

// Whoever must acknowledge provisional answers and cannot (RFC 3261 21.4.16).
static bool refuse_unable(struct setup *s)
{
	const struct config *config = s->env->config;
	const struct config_profile *profile =
		config_profile(config, config->trunks[s->from_trunk].profile);
	struct refusal refusal = { .status = 421, .headers = SPAN_LIT("Require: 100rel\r\n") };
	struct call_leg leg = { 0 };

	ability_learn(&leg, s->in->msg);
	if (profile->flow.reliable != PROFILE_RELIABLE_REQUIRE ||
		ability_supports(&leg, OPTION_100REL))
		return false;
	CORE_COUNT(s->core, refused_extension);
	refuse(s->core, s->turn, s->tx, &refusal);
	return true;
}

// The rest of the table is for emergency calls.
static bool is_full(const struct core *core)
{
	return slab_count(core->calls) - core->emergency_calls >= core->params.calls_max;
}

void invite_receive(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in)
{
	struct setup s = { .core = core, .turn = turn, .env = core_env_of(turn), .tx = tx, .in = in,
		.realm = in->hop.listener >> 8 };
	char from[CALL_PARTY_MAX], to[CALL_PARTY_MAX];

	s.from_trunk = trunk_find(s.env->config, s.realm, &in->hop.addr.ip);
	if (s.from_trunk < 0) {
		CORE_COUNT(core, refused_source);
		setup_refuse(&s, 403, SPAN_NONE);
		return;
	}
	// Without it nobody could be sent a BYE (RFC 3261 8.1.1.8).
	if (in->msg->contact_count == 0) {
		CORE_COUNT(core, refused_contact);
		setup_refuse(&s, 400, SPAN_LIT("Missing Contact"));
		return;
	}
	s.is_emergency = emergency_is(s.env, s.realm, in->msg);
	if (!read_users(&s, from, to)) {
		CORE_COUNT(core, refused_address);
		setup_refuse(&s, 484, SPAN_NONE);
		return;
	}
	if (!decide(&s, from, to) || !read_body(&s))
		return;
	if (refuse_unable(&s) || session_refuse(core, turn, tx, in->msg,
		    config_profile(s.env->config, s.env->config->trunks[s.from_trunk].profile)))
		return;
	if (s.env->is_draining && !s.is_emergency) {
		CORE_COUNT(core, refused_draining);
		refuse_busy(core, turn, tx);
		return;
	}
	if (s.is_emergency || !is_full(core))
		s.call = call_new(core, s.env,
			sip_callid_shard(&core->keys, in->msg->call_id));
	if (!s.call) {
		CORE_COUNT(core, refused_full);
		refuse_busy(core, turn, tx);
		return;
	}
	if (s.is_emergency)
		emergency_mark(s.call);
	memcpy(s.call->from_user, from, sizeof(from));
	memcpy(s.call->to_user, to, sizeof(to));
	setup_call(&s);
}

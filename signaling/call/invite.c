// invite.c - the first INVITE as it comes in: who sent it, where it goes, whether it may.
#include "call/ability.h"
#include "call/caller.h"
#include "call/invite_setup.h"

void invite_refuse(struct invite_setup *s, uint16_t status, struct span reason)
{
	struct refusal refusal = { .status = status, .reason = reason };

	refuse(s->core, s->turn, s->tx, &refusal);
}

// Users are kept with their NUL; longer ones are nobody's number.
static bool read_users(struct invite_setup *s, char from[CALL_PARTY_MAX], char to[CALL_PARTY_MAX])
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

static bool decide(struct invite_setup *s, const char *from, const char *to)
{
	struct route_query query = { .from_realm = s->realm, .from_trunk = s->from_trunk,
		.from = span_str(from), .to = span_str(to) };

	switch (route_decide(s->env->config, &query, &s->route)) {
	case ROUTE_FOUND:
		return true;
	case ROUTE_TOO_LONG:
		CORE_COUNT(s->core, refused_address);
		invite_refuse(s, 484, SPAN_NONE);
		return false;
	case ROUTE_NONE:
		break;
	}
	CORE_COUNT(s->core, refused_route);
	invite_refuse(s, 404, SPAN_NONE);
	return false;
}

bool invite_read_body(struct invite_setup *s)
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
		invite_refuse(s, 400, SPAN_LIT("Malformed Body"));
		return false;
	case BODY_UNSUPPORTED:
		break;
	}
	refuse_type(s->core, s->turn, s->tx, profiles[CALL_LEG_A]);
	return false;
}

// Whoever must acknowledge provisional answers and cannot (RFC 3261 21.4.16).
static bool refuse_unable(struct invite_setup *s)
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
	struct invite_setup s = { .core = core, .turn = turn, .env = core_env_of(turn), .tx = tx,
		.in = in, .realm = in->hop.listener >> 8 };
	char from[CALL_PARTY_MAX], to[CALL_PARTY_MAX];

	s.from_trunk = trunk_find(s.env->config, &in->hop);
	if (s.from_trunk < 0) {
		CORE_COUNT(core, refused_source);
		invite_refuse(&s, 403, SPAN_NONE);
		return;
	}
	// Without it nobody could be sent a BYE (RFC 3261 8.1.1.8).
	if (in->msg->contact_count == 0) {
		CORE_COUNT(core, refused_contact);
		invite_refuse(&s, 400, SPAN_LIT("Missing Contact"));
		return;
	}
	s.is_emergency = emergency_is(s.env, s.realm, in->msg);
	if (!read_users(&s, from, to)) {
		CORE_COUNT(core, refused_address);
		invite_refuse(&s, 484, SPAN_NONE);
		return;
	}
	if (!s.is_emergency &&
		!caller_check(&s.env->config->trunks[s.from_trunk], in->msg, from)) {
		CORE_COUNT(core, refused_caller);
		invite_refuse(&s, 403, SPAN_LIT("Foreign Caller"));
		return;
	}
	if (!decide(&s, from, to) || !invite_read_body(&s))
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
	invite_set_up(&s);
}

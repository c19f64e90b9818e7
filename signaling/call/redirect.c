#include "call/redirect.h"

#include "call/hide.h"

#define CONTACTS_MAX 8u // of one answer
#define Q_MAX 1000u

struct redirect_target {
	char user[CALL_PARTY_MAX];
	uint32_t q; // 0..1000
};

struct redirect {
	struct redirect_target targets[CONTACTS_MAX]; // by falling q
	uint32_t count, next;
	uint64_t tried[REDIRECT_TRIED_MAX]; // hashes of users
	uint32_t tried_count;
	struct span invite; // the caller's, empty = there was no room for it
	uint16_t status; // of the answer that named them
};

static const struct profile_flow *flow_of(const struct call *call, const struct core_env *env)
{
	return &config_profile(env->config, call->legs[CALL_LEG_B].profile)->flow;
}

// "0", "1", "0.25", "1.000" (RFC 3261 25.1 qvalue); 1 where it is missing or no number.
static uint32_t read_q(const struct sip_name_addr *contact)
{
	struct sip_param q;
	uint32_t value = 0, scale = Q_MAX;

	if (!sip_param_find(contact->params, SPAN_LIT("q"), &q) || span_is_empty(q.value))
		return Q_MAX;
	for (uint32_t i = 0; i < q.value.len && i < 5; i++) {
		char c = q.value.ptr[i];

		if (i == 1 ? c != '.' : c < '0' || c > '9')
			return Q_MAX;
		if (i != 1)
			value += (uint32_t)(c - '0') * scale;
		if (i != 1)
			scale /= 10;
	}
	return value > Q_MAX ? Q_MAX : value;
}

static bool read_contact(struct span value, struct redirect_target *out)
{
	struct sip_name_addr contact;
	struct span user;

	if (sip_name_addr_parse(value, &contact) < 0 ||
		(contact.uri.scheme != SIP_SCHEME_SIP && contact.uri.scheme != SIP_SCHEME_SIPS &&
			contact.uri.scheme != SIP_SCHEME_TEL) ||
		sip_uri_user(&contact.uri, out->user, sizeof(out->user) - 1, &user) < 0 ||
		span_is_empty(user))
		return false;
	memmove(out->user, user.ptr, user.len);
	out->user[user.len] = 0;
	out->q = read_q(&contact);
	return true;
}

static void add_target(struct redirect *redirect, const struct redirect_target *target)
{
	uint32_t at = redirect->count;

	if (at == CONTACTS_MAX)
		return;
	for (; at > 0 && redirect->targets[at - 1].q < target->q; at--)
		redirect->targets[at] = redirect->targets[at - 1];
	redirect->targets[at] = *target;
	redirect->count++;
}

static void read_contacts(struct redirect *redirect, const struct sip_msg *msg)
{
	struct redirect_target target;
	struct sip_list list;
	struct span value;

	redirect->count = redirect->next = 0;
	redirect->status = msg->status;
	sip_list_init(&list, msg, SIP_HEADER_CONTACT);
	while (sip_list_next(&list, &value))
		if (read_contact(value, &target))
			add_target(redirect, &target);
}

// False: that user was called before, or enough were.
static bool is_new(struct redirect *redirect, const char *user)
{
	static const struct hash_key key = { { 0x7265646972, 0x656374 } };
	uint64_t print = hash_sip(&key, user, strlen(user));

	for (uint32_t i = 0; i < redirect->tried_count; i++)
		if (redirect->tried[i] == print)
			return false;
	if (redirect->tried_count == REDIRECT_TRIED_MAX)
		return false;
	redirect->tried[redirect->tried_count++] = print;
	return true;
}

// To another trunk than before --------------------------------------------------------------------

// Takes its place in the trunk's count; the old one is given back once the change is made.
static bool take_trunk(struct call *call, const struct config_trunk *trunk, uint32_t *slot)
{
	struct trunk_table *trunks = call->core->trunks;

	*slot = TRUNK_NONE;
	if (call->is_emergency)
		return true;
	*slot = trunk_slot(trunks, span_str(trunk->name));
	return trunk_take(trunks, *slot, trunk->calls_max);
}

static void join_trunk(struct call *call, const struct core_env *env,
	const struct config_trunk *trunk, uint32_t slot)
{
	struct call_leg *leg = &call->legs[CALL_LEG_B];

	trunk_give(call->core->trunks, leg->trunk_slot);
	leg->trunk_slot = slot;
	leg->profile = trunk->profile;
	limit_learn(leg, env->config, trunk);
	span_copy(span_sub(span_str(trunk->name), 0, CALL_NAME_MAX - 1), leg->trunk,
		sizeof(leg->trunk));
	// The address tells which family the description was made for.
	leg->hop = (struct sip_hop){ .listener = listener_make(trunk->realm, 0),
		.addr = leg->hop.addr };
	call->media.realm[CALL_LEG_B] = (uint16_t)trunk->realm;
}

// Identifiers that the other realm has not seen. What the old ones asked for is answered by now.
static bool rename_leg(struct call *call, const struct core_env *env)
{
	struct core *core = call->core;
	struct call_leg *leg = &call->legs[CALL_LEG_B];
	struct sip_dialog *dialog = &leg->dialog;
	struct sip_token token = { .shard = (uint16_t)call->shard,
		.value = leg_draw_token(core, env) + 1 };
	char call_id[SIP_TOKEN_LEN];

	leg_unlink(core, leg);
	leg_link(call, CALL_LEG_B, token.value, call->shard);
	sip_token_make(&core->keys, SIP_TOKEN_CALL_ID, &token, call_id);
	dialog->local_cseq = 1 + rng_below(env->rng, 1u << 16);
	return call_set_text(call, &dialog->call_id, span_make(call_id, sizeof(call_id))) &&
		call_set_text(call, &dialog->local_tag, span_make(leg->tag, sizeof(leg->tag)));
}

// The called user at the new peer's own host.
static void put_called(struct sip_writer *w, const struct call *call,
	const struct hide_params *hide, const struct config_trunk *trunk,
	const struct route_decision *route)
{
	sip_put(w, call->targets.is_sips ? SPAN_LIT("<sips:") : SPAN_LIT("<sip:"));
	if (route->user_len) {
		sip_put_escaped_user(w, span_make(route->user, route->user_len));
		sip_put_char(w, '@');
	}
	if (hide->to->headers.to_host)
		sip_put(w, span_str(hide->to->headers.to_host));
	else
		target_put_host(w, &trunk->hosts[0], call->targets.is_sips);
	sip_put_char(w, '>');
}

// What the new peer may see of the caller: From, To, and the lines that go along.
static bool hide_anew(struct call *call, const struct core_env *env,
	const struct sip_msg *invite, const struct route_decision *route)
{
	struct hide_params hide = hide_params_of(call, env, CALL_LEG_A, invite);
	struct sip_dialog *dialog = &call->legs[CALL_LEG_B].dialog;
	char from[CALL_PARTY_MAX * 8], to[CALL_PARTY_MAX * 8];
	struct sip_writer local, remote;

	sip_writer_init(&local, from, sizeof(from));
	identity_put_from(&local, &hide, span_str(call->from_user));
	sip_writer_init(&remote, to, sizeof(to));
	put_called(&remote, call, &hide, &env->config->trunks[route->trunk], route);
	return !local.is_overflowed && !remote.is_overflowed &&
		call_set_text(call, &dialog->local, sip_writer_text(&local)) &&
		call_set_text(call, &dialog->remote, sip_writer_text(&remote)) &&
		call_set_text(call, &call->passed, hide_request(call, CALL_LEG_A, invite));
}

// The caller's offer, or ours in its name, as the new profile wants it.
static bool offer_anew(struct call *call, const struct core_env *env)
{
	struct call_invite *invite = &call->invite;

	if (invite->is_late && late_is_converted(call, env)) {
		invite->is_late = false;
		invite->is_converted = true;
		CORE_COUNT(call->core, offers_made);
		if (!call_set_text(call, &call->offer_text, late_make_offer(call)))
			return false;
	}
	return invite->is_late ||
		offer_renew(call, env, CALL_LEG_A, call->offer_text.text) == OFFER_OK;
}

// Everything that was made for the old trunk is made for the new one. False: nothing that could be
// undone is left, the call fails unless the next Contact leads elsewhere.
static bool change_trunk(struct call *call, const struct core_env *env,
	const struct route_decision *route)
{
	const struct config_trunk *trunk = &env->config->trunks[route->trunk];
	struct core *core = call->core;
	const struct config_profile *const profiles[CALL_LEGS] = {
		config_profile(env->config, call->legs[CALL_LEG_A].profile),
		config_profile(env->config, trunk->profile),
	};
	struct sip_msg *invite = &core->held_msg;
	struct sip_fault fault;
	struct call_body body;
	bool is_abroad = trunk->realm != call->media.realm[CALL_LEG_B];
	uint32_t slot;

	// The same offer will do for another user there, unless somebody has answered it.
	if (span_eq(span_str(trunk->name), span_str(call->legs[CALL_LEG_B].trunk)))
		return (call->offer.is_open && !call->offer.is_early) || offer_anew(call, env);
	if (sip_parse(call->redirect->invite, invite, &fault) < 0 ||
		body_read_between(core, env, profiles, invite, &body) != BODY_OK ||
		!call_set_text(call, &call->passed_parts, body.parts) ||
		(is_abroad && call->invites_given_up) || !take_trunk(call, trunk, &slot))
		return false;
	if (is_abroad && media_change_realm(&call->media, env, CALL_LEG_B, trunk->realm) < 0) {
		trunk_give(core->trunks, slot);
		return false;
	}
	join_trunk(call, env, trunk, slot);
	return (!is_abroad || rename_leg(call, env)) && hide_anew(call, env, invite, route) &&
		offer_anew(call, env);
}

// The next INVITE begins a dialog of its own, addressed to the new user; its host is that of the
// target that is chosen then.
static bool readdress(struct call *call, const struct route_decision *route)
{
	struct sip_dialog *dialog = &call->legs[CALL_LEG_B].dialog;
	char text[CALL_PARTY_MAX * 4];
	struct sip_writer w;

	sip_writer_init(&w, text, sizeof(text));
	sip_put_lit(&w, "<sip:");
	sip_put_escaped_user(&w, span_make(route->user, route->user_len));
	sip_put_lit(&w, "@redirect.invalid>");
	struct span value = sip_writer_text(&w);
	if (w.is_overflowed ||
		!call_set_text(call, &dialog->remote_target, span_sub(value, 1, value.len - 2)))
		return false;
	fork_free_all(call);
	call->fork = (struct fork_state){ 0 };
	// What the last one answered is nobody's answer now.
	call->media_fork = call->reliable.told_fork = 0;
	call->offer.is_early = false;
	dialog->remote_tag.text.len = 0;
	dialog->route_count = 0;
	return true;
}

static bool call_target(struct call *call, const struct sip_turn *turn,
	const struct redirect_target *target)
{
	const struct core_env *env = core_env_of(turn);
	const struct call_leg *caller = &call->legs[CALL_LEG_A];
	struct route_query query = { .from_realm = caller->hop.listener >> 8,
		.from_trunk = config_find_trunk(env->config, span_str(caller->trunk)),
		.from = span_str(call->from_user), .to = span_str(target->user) };
	struct route_decision route;

	if (call->max_forwards == 0 || route_decide(env->config, &query, &route) != ROUTE_FOUND ||
		!change_trunk(call, env, &route) || !readdress(call, &route))
		return false;
	call->max_forwards--;
	divert_add(call, span_str(call->to_user), call->redirect->status);
	memcpy(call->to_user, target->user, sizeof(call->to_user));
	call->targets.trunk = route.trunk;
	call->targets.host = call->targets.count = call->targets.next = 0;
	call->route_line = route.line;
	call->state = CALL_STATE_CALLING;
	call->invite.is_final = false;
	if (!invite_try_next(call, turn)) {
		call->invite.is_final = true;
		return false;
	}
	CORE_COUNT(call->core, redirects_followed);
	return true;
}

bool redirect_next(struct call *call, const struct sip_turn *turn)
{
	struct redirect *redirect = call->redirect;

	// The caller was given an offer of the one who goes elsewhere, or fails now, and can be
	// given no other.
	if (call->invite.is_late && (call->offer.is_open || call->reliable.is_settled))
		return false;
	while (redirect && redirect->next < redirect->count) {
		const struct redirect_target *target = &redirect->targets[redirect->next++];

		if (is_new(redirect, target->user) && call_target(call, turn, target))
			return true;
		CORE_COUNT(call->core, redirects_refused);
	}
	return false;
}

bool redirect_prepare(struct call *call, const struct core_env *env, const struct sip_msg *invite)
{
	if (flow_of(call, env)->redirect != PROFILE_REDIRECT_FOLLOW)
		return false;
	call->redirect = arena_zalloc(&call->arena, sizeof(*call->redirect));
	if (!call->redirect) {
		CORE_COUNT(call->core, arena_full);
		return false;
	}
	is_new(call->redirect, call->to_user); // who is called first
	if (!arena_copy(&call->arena, invite->raw, &call->redirect->invite))
		CORE_COUNT(call->core, arena_full);
	return true;
}

bool redirect_follow(struct call *call, const struct sip_turn *turn, const struct sip_msg *msg)
{
	bool is_ours = call->redirect && call->invite.server && !call->transfer;

	if (!is_ours || msg->status < 300 || msg->status > 302 ||
		flow_of(call, core_env_of(turn))->redirect != PROFILE_REDIRECT_FOLLOW)
		return false;
	read_contacts(call->redirect, msg);
	return redirect_next(call, turn);
}

static void put_q(struct sip_writer *w, uint32_t q)
{
	char digits[] = ";q=0.000";

	if (q == Q_MAX)
		return; // which is the default
	for (uint32_t i = 0; i < 3; i++, q /= 10)
		digits[sizeof(digits) - 2 - i] = (char)('0' + q % 10);
	sip_put(w, span_str(digits));
}

void redirect_pass(struct call *call, const struct sip_msg *msg, struct leg_response *response,
	char *lines)
{
	const struct core_env *env = call->core->env;
	struct sip_local local = listener_local(env->config, call->legs[CALL_LEG_A].hop.listener);
	struct redirect redirect = { 0 };
	struct sip_writer w;

	if (msg->status < 300 || msg->status > 302 ||
		flow_of(call, env)->redirect != PROFILE_REDIRECT_PASS)
		return;
	read_contacts(&redirect, msg);
	sip_writer_init(&w, lines, REDIRECT_LINES_MAX);
	sip_put(&w, response->headers);
	for (uint32_t i = 0; i < redirect.count; i++) {
		sip_put_lit(&w, "Contact: <sip:");
		sip_put_escaped_user(&w, span_str(redirect.targets[i].user));
		sip_put_char(&w, '@');
		sip_put_addr(&w, &local.sent_by);
		sip_put_char(&w, '>');
		put_q(&w, redirect.targets[i].q);
		sip_put_lit(&w, "\r\n");
	}
	if (w.is_overflowed || redirect.count == 0)
		return;
	response->status = msg->status;
	response->headers = sip_writer_text(&w);
	CORE_COUNT(call->core, redirects_passed);
}

// subscription.c - the two dialogs of a SUBSCRIBE and what passes in them: RFC 6665.
#include "call/exchange.h"

#include "call/core_private.h"

#include <stddef.h>

#define SLACK_MS       32000u // 64*T1: the last NOTIFY may still be under way
#define UNANSWERED_MS  64000u // neither answer nor NOTIFY
#define EXPIRES_MAX_S  86400u
#define EXPIRES_USUAL_S 3600u // where neither side says anything

static struct subscription **bucket_of(struct core *core, uint64_t token)
{
	return &core->subscription_buckets[(token >> 1) % SUBSCRIPTION_BUCKETS];
}

static struct subscription *lookup(struct core *core, uint64_t value, enum call_side *side)
{
	struct subscription *s = *bucket_of(core, value);

	while (s && s->token != (value & ~1ull))
		s = s->next;
	*side = value & 1 ? CALL_LEG_B : CALL_LEG_A;
	return s;
}

static void on_expired(struct timer *timer, void *context)
{
	struct subscription *s =
		(struct subscription *)((char *)timer - offsetof(struct subscription, timer));

	(void)context;
	CORE_COUNT(s->core, subscriptions_expired);
	subscription_end(s);
	subscription_settle(s);
}

static void watch(struct subscription *s, uint64_t now_ms, uint64_t ms)
{
	timer_start(s->core->wheel, &s->timer, now_ms + ms, on_expired);
}

void subscription_end(struct subscription *s)
{
	s->is_over = true;
	timer_stop(s->core->wheel, &s->timer);
}

void subscription_settle(struct subscription *s)
{
	struct subscription **link = bucket_of(s->core, s->token);

	if (!s->is_over || s->exchanges)
		return;
	while (*link != s)
		link = &(*link)->next;
	*link = s->next;
	timer_stop(s->core->wheel, &s->timer);
	arena_fini(&s->arena);
	slab_put(s->core->subscriptions, s);
}

// Dialogs ----------------------------------------------------------------------------------------

static void make_identifiers(struct subscription *s)
{
	for (uint32_t side = 0; side < CALL_LEGS; side++) {
		struct sip_token token = { .shard = (uint16_t)s->shard, .value = s->token + side };

		sip_token_make(&s->core->keys, SIP_TOKEN_TAG, &token, s->sides[side].tag);
		sip_token_make(&s->core->keys, SIP_TOKEN_CONTACT, &token, s->sides[side].contact);
	}
}

static bool init_notifier(struct subscription *s, const struct core_env *env,
	const struct hide_params *hide, struct span remote)
{
	struct subscription_side *side = &s->sides[CALL_LEG_B];
	struct sip_token token = { .shard = (uint16_t)s->shard, .value = s->token + 1 };
	char call_id[SIP_TOKEN_LEN], local[1024], user[CALL_PARTY_MAX];
	struct span name = SPAN_NONE;
	struct sip_writer w;

	if (sip_uri_user(&hide->msg->from.uri, user, sizeof(user), &name) < 0)
		return false;
	sip_writer_init(&w, local, sizeof(local));
	identity_put_from(&w, hide, name);
	sip_token_make(&s->core->keys, SIP_TOKEN_CALL_ID, &token, call_id);
	struct sip_dialog_uac params = {
		.call_id = span_make(call_id, sizeof(call_id)),
		.local_tag = span_make(side->tag, sizeof(side->tag)),
		.local = sip_writer_text(&w),
		.remote = remote,
		.target = span_sub(remote, 1, remote.len - 2),
		.cseq_first = 1 + rng_below(env->rng, 1u << 16),
	};
	return !w.is_overflowed && sip_dialog_init_uac(&side->dialog, &s->arena, &params) == 0;
}

static struct subscription *take_slot(struct exchange *x, const struct core_env *env,
	struct span call_id)
{
	struct core *core = x->core;
	struct subscription *s = slab_get(core->subscriptions);
	enum call_side side;

	if (!s) {
		CORE_COUNT(core, refused_full);
		return NULL;
	}
	s->core = core;
	do {
		s->token = rng_u64(env->rng) & SIP_TOKEN_VALUE_MAX & ~1ull;
	} while (lookup(core, s->token, &side) || leg_lookup(core, s->token) ||
		leg_lookup(core, s->token + 1));
	s->shard = sip_callid_shard(&core->keys, call_id);
	arena_init(&s->arena, SUBSCRIPTION_ARENA_MAX);
	s->next = *bucket_of(core, s->token);
	*bucket_of(core, s->token) = s;
	s->exchanges = 1;
	x->subscription = s;
	x->from = CALL_LEG_A;
	for (uint32_t i = 0; i < CALL_LEGS; i++)
		s->sides[i].profile = x->profiles[i];
	s->sides[CALL_LEG_A].hop = x->hop;
	make_identifiers(s);
	return s;
}

struct subscription *subscription_new(struct exchange *x, const struct sip_turn *turn,
	const struct hide_params *hide, struct span remote, uint16_t *status)
{
	const struct core_env *env = core_env_of(turn);
	struct subscription *s = take_slot(x, env, hide->msg->call_id);
	struct span tag;

	*status = 503;
	if (!s)
		return NULL;
	tag = span_make(s->sides[CALL_LEG_A].tag, SIP_TOKEN_LEN);
	if (sip_dialog_init_uas(&s->sides[CALL_LEG_A].dialog, &s->arena, hide->msg, tag) < 0)
		*status = 400;
	else if (init_notifier(s, env, hide, remote)) {
		sip_server_set_tag(x->server, tag);
		watch(s, env->now_ms, UNANSWERED_MS);
		CORE_COUNT(x->core, subscriptions);
		return s;
	}
	s->is_over = true; // goes with its only exchange
	return NULL;
}

// Where the dialog's far end says it is, if it can be believed to be there.
static struct sip_hop hop_of(const struct core_env *env, const struct subscription_side *side)
{
	const struct config_realm *realm = &env->config->realms[side->hop.listener >> 8];
	struct sip_local local = listener_local(env->config, side->hop.listener);
	struct sip_hop hop = side->hop;
	struct sip_uri uri;

	if (hop.connection || realm->latching != CONFIG_LATCH_STRICT ||
		side->dialog.remote_tag.text.len == 0 ||
		sip_dialog_next_hop(&side->dialog, &uri) < 0 || ip_is_unset(&uri.ip) ||
		ip_is_v4(&uri.ip) != ip_is_v4(&local.sent_by.ip))
		return hop;
	hop.addr = (struct addr){ .ip = uri.ip, .port = sip_uri_port(&uri) };
	return hop;
}

bool subscription_send(struct exchange *x, const struct sip_turn *turn, const struct sip_msg *msg)
{
	struct subscription *s = x->subscription;
	struct core *core = s->core;

	if (x->method == SIP_METHOD_SUBSCRIBE)
		s->asked_s = msg->expires;
	const struct core_env *env = core_env_of(turn);
	struct subscription_side *to = &s->sides[call_other(x->from)];
	struct sip_hop hop = hop_of(env, to);
	struct sip_local local = listener_local(env->config, hop.listener);
	struct sip_token token = { .shard = (uint16_t)s->shard,
		.value = rng_u64(env->rng) & SIP_TOKEN_VALUE_MAX };
	const struct subscription_side *from = &s->sides[x->from];
	struct hide_params hide = { .msg = msg, .own = local.sent_by,
		.from = config_profile(env->config, from->profile),
		.to = config_profile(env->config, to->profile),
		.is_from_trusted = env->config->realms[from->hop.listener >> 8].is_trusted,
		.is_to_trusted = env->config->realms[hop.listener >> 8].is_trusted };
	char branch[SIP_BRANCH_LEN];
	struct sip_writer w;

	sip_branch_make(&core->keys, &token, branch);
	struct sip_dialog_request head = {
		.method = span_str(sip_method_name(x->method)),
		.cseq = sip_dialog_next_cseq(&to->dialog),
		.via = { .transport = sip_transport_name(local.transport),
			.sent_by = local.sent_by, .host = span_str(hide.to->headers.via_host),
			.branch = span_make(branch, sizeof(branch)),
			.is_alias = reuse_is_offered(env->config, hop.listener, hop.tls_trunk,
				hide.to) },
		.max_forwards = msg->max_forwards > 0 ? (uint32_t)msg->max_forwards - 1 : 69,
	};
	sip_writer_init(&w, core->message, sizeof(core->message));
	sip_dialog_put_request(&to->dialog, &w, &head);
	exchange_put_contact(&w, env->config, to);
	exchange_put_rest(&w, x, &hide);
	return exchange_send(x, turn, &w, span_make(branch, sizeof(branch)), &hop);
}

// Requests ---------------------------------------------------------------------------------------

// The first NOTIFY may overtake the 2xx, and makes the dialog then (RFC 6665 4.4.1).
static bool belongs(struct subscription_side *side, const struct sip_msg *msg)
{
	struct sip_dialog *dialog = &side->dialog;

	if (!sip_dialog_matches(dialog, msg))
		return false;
	if (dialog->is_confirmed || !dialog->is_uac)
		return true;
	return msg->method == SIP_METHOD_NOTIFY && sip_dialog_take_request(dialog, msg) == 0;
}

static bool is_terminated(const struct sip_msg *msg)
{
	const struct sip_header *h = sip_msg_header(msg, SIP_HEADER_SUBSCRIPTION_STATE);
	struct span rest = h ? h->value : SPAN_NONE, state;

	return span_cut(&rest, ';', &state) && span_ieq(span_trim(state), SPAN_LIT("terminated"));
}

static void relay(struct subscription *s, const struct sip_turn *turn, struct exchange *x,
	const struct sip_msg *msg)
{
	uint16_t status = 0;

	s->exchanges++;
	x->subscription = s;
	for (uint32_t i = 0; i < CALL_LEGS; i++) {
		const struct subscription_side *side = &s->sides[i ? call_other(x->from) : x->from];

		x->profiles[i] = side->profile;
		x->listeners[i] = side->hop.listener;
	}
	sip_dialog_refresh_target(&s->sides[x->from].dialog, msg);
	if (s->sides[call_other(x->from)].dialog.remote_tag.text.len == 0)
		status = 481;
	else if (!subscription_send(x, turn, msg))
		status = 503;
	// The last word is said with it, whatever comes back.
	if (msg->method == SIP_METHOD_NOTIFY && is_terminated(msg))
		subscription_end(s);
	if (!status)
		return;
	exchange_refuse(x, turn, status);
	exchange_free(x);
}

bool subscription_receive(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in)
{
	const struct sip_msg *msg = in->msg;
	struct sip_token token;
	enum call_side side;

	if (!sip_token_verify(&core->keys, SIP_TOKEN_TAG, msg->to.tag, &token))
		return false;
	struct subscription *s = lookup(core, token.value, &side);
	if (!s || s->is_over || !belongs(&s->sides[side], msg))
		return false;
	// The subscriber subscribes, the notifier notifies.
	enum sip_method usual = side == CALL_LEG_A ? SIP_METHOD_SUBSCRIBE : SIP_METHOD_NOTIFY;
	if (msg->method != usual) {
		refuse_method(core, turn, tx);
		return true;
	}
	if (sip_dialog_receive_request(&s->sides[side].dialog, msg) != SIP_DIALOG_OK) {
		CORE_COUNT(core, refused_order);
		refuse_status(core, turn, tx, 500);
		return true;
	}
	if (in->hop.listener == s->sides[side].hop.listener)
		s->sides[side].hop = in->hop;
	struct exchange *x = exchange_new(core, tx);
	if (!x) {
		refuse_busy(core, turn, tx);
		return true;
	}
	x->from = side;
	relay(s, turn, x, msg);
	return true;
}

// Answers ----------------------------------------------------------------------------------------

void subscription_answered(struct exchange *x, const struct sip_turn *turn,
	const struct sip_msg *msg)
{
	struct subscription *s = x->subscription;
	struct sip_dialog *dialog = &s->sides[call_other(x->from)].dialog;
	int64_t expires = msg->expires >= 0 ? msg->expires : s->asked_s;
	bool is_first = !s->sides[CALL_LEG_A].dialog.is_confirmed;

	// The dialog is gone there, or never was (RFC 6665 4.1.2.1, RFC 5057 5.1).
	if (msg->status >= 300) {
		if (is_first || msg->status == 481 || msg->status == 408)
			subscription_end(s);
		return;
	}
	if (x->method != SIP_METHOD_SUBSCRIBE || s->is_over)
		return;
	if (!dialog->is_confirmed)
		sip_dialog_receive_response(dialog, msg);
	else
		sip_dialog_refresh_target(dialog, msg);
	s->sides[CALL_LEG_A].dialog.is_confirmed = true;
	if (expires < 0)
		expires = EXPIRES_USUAL_S;
	if (expires > EXPIRES_MAX_S)
		expires = EXPIRES_MAX_S;
	// With 0 a last NOTIFY is to come.
	watch(s, core_env_of(turn)->now_ms, (uint64_t)expires * 1000 + SLACK_MS);
}

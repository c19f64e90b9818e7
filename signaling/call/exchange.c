// exchange.c - one request outside calls, from its sender to the trunk that its route names.
#include "call/exchange.h"

#include "call/caller.h"
#include "call/core_private.h"
#include "call/resolve.h"

#include <stdlib.h>

// Exchanges -------------------------------------------------------------------------------------

static void *user_of(const struct exchange *x)
{
	struct slab_handle handle = slab_handle_of(x->core->exchanges, x);

	return (void *)(uintptr_t)((uint64_t)handle.generation << 32 | EXCHANGE_USER |
		handle.index);
}

static struct exchange *exchange_of_user(struct core *core, uint64_t user)
{
	struct slab_handle handle = { .index = (uint32_t)user & ~EXCHANGE_USER,
		.generation = (uint32_t)(user >> 32) };

	if (!((uint32_t)user & EXCHANGE_USER) || handle.generation == 0)
		return NULL;
	return slab_lookup(core->exchanges, handle);
}

static struct exchange *exchange_of_tx(struct core *core, const struct sip_tx *tx)
{
	return exchange_of_user(core, (uintptr_t)sip_tx_user(tx));
}

struct exchange *exchange_new(struct core *core, struct sip_tx *server)
{
	struct exchange *x = slab_get(core->exchanges);

	if (!x) {
		CORE_COUNT(core, refused_full);
		return NULL;
	}
	x->core = core;
	x->server = server;
	x->method = sip_tx_method(server);
	arena_init(&x->arena, SIP_MESSAGE_MAX + 64);
	sip_tx_set_user(server, user_of(x));
	return x;
}

void exchange_free(struct exchange *x)
{
	struct subscription *s = x->subscription;

	resolve_cancel(x->core, x->ticket);
	if (x->server)
		sip_tx_set_user(x->server, NULL);
	arena_fini(&x->arena);
	slab_put(x->core->exchanges, x);
	if (!s)
		return;
	s->exchanges--;
	subscription_settle(s);
}

void exchange_refuse(struct exchange *x, const struct sip_turn *turn, uint16_t status)
{
	if (x->server && status == 503)
		refuse_busy(x->core, turn, x->server);
	else if (x->server)
		refuse_status(x->core, turn, x->server, status);
}

// On its way -------------------------------------------------------------------------------------

bool exchange_send(struct exchange *x, const struct sip_turn *turn, const struct sip_writer *w,
	struct span branch, const struct sip_hop *hop)
{
	struct core *core = x->core;
	const struct config_profile *to =
		config_profile(core_env_of(turn)->config, x->profiles[CALL_LEG_B]);
	struct sip_client_params params = {
		.branch = branch,
		.method = x->method,
		.method_text = span_str(sip_method_name(x->method)),
		.hop = *hop,
		.user = user_of(x),
	};

	if (!w->is_overflowed) {
		params.data = edit_send(core, to, sip_writer_text(w));
		x->client = sip_client_start(core->txs, turn, &params);
	}
	if (!x->client)
		CORE_COUNT(core, requests_refused);
	else
		CORE_COUNT(core, exchanges);
	return x->client != NULL;
}

// What the steps of one request share.
struct way {
	struct exchange *x;
	const struct sip_turn *turn;
	const struct core_env *env;
	const struct sip_msg *msg;
	const struct config_trunk *trunk;
	struct route_decision route;
	char from[CALL_PARTY_MAX];
	const struct config_trunk *caller; // see struct hide_params
};

static bool read_user(const struct sip_uri *uri, char out[CALL_PARTY_MAX])
{
	char buf[CALL_PARTY_MAX];
	struct span user;

	return sip_uri_user(uri, buf, sizeof(buf) - 1, &user) == 0 &&
		span_copy(user, out, CALL_PARTY_MAX) == 0;
}

// 0, or the status to refuse with.
static uint16_t find_way(struct way *way, uint32_t realm, int from_trunk)
{
	const struct config *config = way->env->config;
	char to[CALL_PARTY_MAX];

	if (!read_user(&way->msg->uri, to) || !read_user(&way->msg->from.uri, way->from))
		return 484;
	if (from_trunk >= 0 &&
		!caller_check(&config->trunks[from_trunk], way->msg, way->from)) {
		CORE_COUNT(way->x->core, refused_caller);
		return 403;
	}
	struct route_query query = { .from_realm = realm, .from_trunk = from_trunk,
		.from = span_str(way->from), .to = span_str(to) };
	enum route_result result = route_decide(config, &query, &way->route);
	if (result != ROUTE_FOUND)
		return result == ROUTE_TOO_LONG ? 484 : 404;
	if (from_trunk >= 0 && config->trunks[from_trunk].callers != CONFIG_CALLERS_ANY)
		way->caller = &config->trunks[from_trunk];
	way->trunk = &config->trunks[way->route.trunk];
	way->x->profiles[CALL_LEG_B] = way->trunk->profile;
	return 0;
}

// Of the trunk, the one whose targets are tried.
static const struct config_host *host_of(const struct way *way)
{
	return &way->trunk->hosts[way->x->host - 1];
}

static void put_remote(struct sip_writer *w, const struct way *way, const struct sip_hop *hop)
{
	const struct config_profile *to = config_profile(way->env->config, way->trunk->profile);

	sip_put_char(w, '<');
	if (target_put_bulk(w, way->trunk, span_make(way->route.user, way->route.user_len))) {
		sip_put_char(w, '>');
		return;
	}
	sip_put_lit(w, "sip:");
	if (way->route.user_len) {
		sip_put_escaped_user(w, span_make(way->route.user, way->route.user_len));
		sip_put_char(w, '@');
	}
	if (to->headers.to_host)
		sip_put(w, span_str(to->headers.to_host));
	else if (host_of(way)->name)
		target_put_host(w, host_of(way), false);
	else
		sip_put_addr(w, &hop->addr);
	sip_put_char(w, '>');
}

// A request that makes no dialog: its own Call-ID and tag, nobody comes back to them.
static bool send_alone(struct way *way, const struct hide_params *hide, struct span remote,
	const struct sip_hop *hop)
{
	struct exchange *x = way->x;
	struct core *core = x->core;
	struct sip_local local = listener_local(way->env->config, hop->listener);
	struct sip_token token = {
		.shard = (uint16_t)sip_callid_shard(&core->keys, way->msg->call_id),
		.value = rng_u64(way->env->rng) & SIP_TOKEN_VALUE_MAX };
	char call_id[SIP_TOKEN_LEN], tag[SIP_TOKEN_LEN], branch[SIP_BRANCH_LEN];
	struct span method = span_str(sip_method_name(x->method));
	struct sip_writer w;

	sip_token_make(&core->keys, SIP_TOKEN_CALL_ID, &token, call_id);
	sip_token_make(&core->keys, SIP_TOKEN_STATELESS, &token, tag);
	sip_branch_make(&core->keys, &token, branch);
	struct sip_via_out via = { .transport = sip_transport_name(local.transport),
		.sent_by = local.sent_by, .host = span_str(hide->to->headers.via_host),
		.branch = span_make(branch, sizeof(branch)),
		.is_alias = reuse_is_offered(way->env->config, hop->listener, hop->tls_trunk,
			hide->to) };
	sip_writer_init(&w, core->message, sizeof(core->message));
	sip_put_request_line(&w, method, span_sub(remote, 1, remote.len - 2));
	sip_put_via(&w, &via);
	sip_put_header_u32(&w, SIP_HEADER_MAX_FORWARDS,
		way->msg->max_forwards > 0 ? (uint32_t)way->msg->max_forwards - 1 : 69);
	sip_put_lit(&w, "From: ");
	identity_put_from(&w, hide, span_str(way->from));
	sip_put_lit(&w, ";tag=");
	sip_put(&w, span_make(tag, sizeof(tag)));
	sip_put_lit(&w, "\r\n");
	sip_put_header(&w, SIP_HEADER_TO, remote);
	sip_put_header(&w, SIP_HEADER_CALL_ID, span_make(call_id, sizeof(call_id)));
	sip_put_cseq(&w, 1, method);
	exchange_put_rest(&w, x, hide);
	return exchange_send(x, way->turn, &w, span_make(branch, sizeof(branch)), hop);
}

// The target is known. 0, or the status to refuse with.
static uint16_t go_on(struct way *way, const struct sip_target *target)
{
	struct exchange *x = way->x;
	const struct config *config = way->env->config;
	const struct config_realm *realm = &config->realms[way->trunk->realm];
	int listener = listener_find(realm, target->transport, &target->addr.ip);
	char text[1024];
	struct sip_writer remote;
	uint16_t status = 503;

	if (listener < 0 || target_is_own(config, &target->addr)) {
		CORE_COUNT(x->core, targets_refused);
		return 503;
	}
	struct sip_hop hop = { .listener = listener_make(way->trunk->realm, (uint32_t)listener),
		.addr = target->addr, .tls_trunk = (uint16_t)(1 + way->route.trunk),
		.tls_name = host_of(way)->name ? span_str(host_of(way)->name) : SPAN_NONE };
	x->listeners[CALL_LEG_B] = hop.listener;
	struct hide_params hide = { .msg = way->msg,
		.own = listener_local(config, hop.listener).sent_by,
		.from = config_profile(config, x->profiles[CALL_LEG_A]),
		.to = config_profile(config, x->profiles[CALL_LEG_B]),
		.is_from_trusted = config->realms[x->hop.listener >> 8].is_trusted,
		.is_to_trusted = realm->is_trusted, .caller = way->caller };
	sip_writer_init(&remote, text, sizeof(text));
	put_remote(&remote, way, &hop);
	if (remote.is_overflowed)
		return 484;
	if (x->method != SIP_METHOD_SUBSCRIBE)
		return send_alone(way, &hide, sip_writer_text(&remote), &hop) ? 0 : 503;
	struct subscription *s = subscription_new(x, way->turn, &hide, sip_writer_text(&remote),
		&status);
	if (!s)
		return status;
	s->sides[CALL_LEG_B].hop = hop;
	return subscription_send(x, way->turn, way->msg) ? 0 : 503;
}

// The next target that takes it (RFC 3263 4.3). 0, or the status to refuse with.
static uint16_t try_targets(struct way *way)
{
	struct exchange *x = way->x;
	uint16_t status = 503;

	while (status == 503 && x->next < x->count && !x->subscription)
		status = go_on(way, &x->targets[x->next++]);
	return status;
}

// Reads the request once more.
static bool resume(struct way *way)
{
	struct exchange *x = way->x;
	uint32_t realm = x->hop.listener >> 8;
	int trunk = trunk_find(way->env->config, &x->hop);
	struct sip_fault fault;

	way->msg = &x->core->held_msg;
	return x->server && x->held.len > 0 &&
		sip_parse(x->held, &x->core->held_msg, &fault) == 0 &&
		find_way(way, realm, trunk) == 0;
}

static void keep_targets(struct exchange *x, const struct sip_target *targets, uint32_t count)
{
	x->targets = count ? arena_alloc(&x->arena, count * sizeof(targets[0])) : NULL;
	x->count = x->targets ? count : 0;
	x->next = 0;
	if (x->count)
		memcpy(x->targets, targets, count * sizeof(targets[0]));
}

static void on_target(struct core *core, const struct sip_turn *turn, uint64_t owner,
	const struct sip_target *targets, uint32_t count);

// By what is left of the targets, then by the trunk's next host, and so on. 0: on its way, or
// waiting for an answer about a name. Else the status to refuse with.
static uint16_t try_hosts(struct way *way)
{
	struct exchange *x = way->x;
	uint16_t status = try_targets(way);

	while (status == 503 && !x->subscription && x->host < way->trunk->host_count) {
		const struct config_host *host = &way->trunk->hosts[x->host++];
		struct sip_target targets[SIP_TARGETS_MAX];

		if (!host->name) {
			keep_targets(x, targets,
				target_of_host(way->env, way->trunk->realm, host, targets));
			status = try_targets(way);
			continue;
		}
		struct resolve_params params = { .realm = way->trunk->realm, .fn = on_target,
			.owner = (uintptr_t)user_of(x), .place = target_place(host) };
		x->ticket = resolve_start(x->core, way->env, &params);
		if (x->ticket)
			return 0;
	}
	return status;
}

// A first SUBSCRIBE whose target failed begins anew with the next one; what its notifier said
// before counts no more. False: others keep what they have.
static bool drop_first(struct exchange *x)
{
	struct subscription *s = x->subscription;

	if (!s)
		return true;
	if (x->method != SIP_METHOD_SUBSCRIBE || x->from != CALL_LEG_A ||
		s->sides[CALL_LEG_A].dialog.is_confirmed ||
		s->sides[CALL_LEG_B].dialog.is_confirmed || s->exchanges != 1)
		return false;
	x->subscription = NULL;
	s->exchanges--;
	subscription_end(s);
	subscription_settle(s);
	return true;
}

// The target in use failed. False: there is no other one.
static bool retry(struct exchange *x, const struct sip_turn *turn)
{
	struct way way = { .x = x, .turn = turn, .env = core_env_of(turn) };

	// Within a subscription nobody asked for another host.
	if (!x->held.len || !resume(&way) ||
		(x->next == x->count && x->host >= way.trunk->host_count) || !drop_first(x))
		return false;
	x->client = NULL;
	CORE_COUNT(x->core, failovers);
	return try_hosts(&way) == 0;
}

static void on_target(struct core *core, const struct sip_turn *turn, uint64_t owner,
	const struct sip_target *targets, uint32_t count)
{
	struct exchange *x = exchange_of_user(core, owner);
	struct way way = { .x = x, .turn = turn, .env = core_env_of(turn) };

	if (!x)
		return;
	x->ticket = 0;
	keep_targets(x, targets, count);
	uint16_t status = resume(&way) ? try_hosts(&way) : 503;
	if (status == 0)
		return;
	exchange_refuse(x, turn, status);
	exchange_free(x);
}

// The trunk's first host. 0: on its way or waiting.
static uint16_t start(struct way *way)
{
	struct exchange *x = way->x;

	if ((way->trunk->hosts[0].name || way->trunk->host_count > 1) &&
		!arena_copy(&x->arena, way->msg->raw, &x->held))
		return 503;
	return try_hosts(way);
}

static uint32_t request_bit(enum sip_method method)
{
	switch (method) {
	case SIP_METHOD_MESSAGE:
		return PROFILE_REQUEST_MESSAGE;
	case SIP_METHOD_PUBLISH:
		return PROFILE_REQUEST_PUBLISH;
	case SIP_METHOD_SUBSCRIBE:
		return PROFILE_REQUEST_SUBSCRIBE;
	case SIP_METHOD_OPTIONS:
		return PROFILE_REQUEST_OPTIONS;
	default:
		return 0;
	}
}

// Before there is an exchange. 0, or the status to refuse with.
static uint16_t refusal_of(const struct core_env *env, const struct sip_msg *msg)
{
	if (msg->max_forwards == 0)
		return 483;
	if (msg->body.len > EXCHANGE_BODY_MAX)
		return 413;
	if (msg->body.len && span_is_empty(msg->content_type))
		return 400; // what it is nobody could be told (RFC 3261 20.15)
	return env->is_draining ? 503 : 0;
}

bool exchange_receive(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in)
{
	struct way way = { .turn = turn, .env = core_env_of(turn), .msg = in->msg };
	uint32_t realm = in->hop.listener >> 8;
	int trunk = trunk_find(way.env->config, &in->hop);
	uint16_t status = refusal_of(way.env, in->msg);

	if (trunk < 0 || !(core->peer->headers.requests & request_bit(in->msg->method)))
		return false;
	// It asks whoever it reached: us (RFC 3261 11).
	if (status == 483 && in->msg->method == SIP_METHOD_OPTIONS)
		return false;
	way.x = status ? NULL : exchange_new(core, tx);
	if (!way.x) {
		if (status && status != 503)
			refuse_status(core, turn, tx, status);
		else
			refuse_busy(core, turn, tx);
		return true;
	}
	way.x->profiles[CALL_LEG_A] = way.env->config->trunks[trunk].profile;
	way.x->hop = in->hop;
	way.x->listeners[CALL_LEG_A] = in->hop.listener;
	status = find_way(&way, realm, trunk);
	if (!status)
		status = start(&way);
	if (!status)
		return true;
	exchange_refuse(way.x, turn, status);
	exchange_free(way.x);
	return true;
}

// Answers ----------------------------------------------------------------------------------------

static void answer(struct exchange *x, const struct sip_turn *turn, const struct sip_msg *msg)
{
	struct core *core = x->core;
	const struct config *config = core_env_of(turn)->config;
	struct hide_params hide = { .msg = msg,
		.own = listener_local(config, x->listeners[CALL_LEG_A]).sent_by,
		.from = config_profile(config, x->profiles[CALL_LEG_B]),
		.to = config_profile(config, x->profiles[CALL_LEG_A]),
		.is_from_trusted = config->realms[x->listeners[CALL_LEG_B] >> 8].is_trusted,
		.is_to_trusted = config->realms[x->listeners[CALL_LEG_A] >> 8].is_trusted };
	uint16_t status = msg->status < 300 ? msg->status : hide_told(&hide);
	struct sip_writer w;

	sip_writer_init(&w, core->message, sizeof(core->message));
	sip_server_put_head(x->server, &w, status, edit_phrase(hide.to, status));
	edit_put_agent(&w, hide.to, false);
	if (x->subscription && status < 300)
		exchange_put_contact(&w, config, &x->subscription->sides[x->from]);
	else if (x->method == SIP_METHOD_OPTIONS && status < 300)
		relay_put_allow(&w, hide.to);
	if (status < 300)
		hide_put_answer(&w, &hide);
	else
		hide_put_error(&w, &hide);
	exchange_put_answer(&w, x, msg);
	sip_put_body(&w, SPAN_NONE, SPAN_NONE);
	struct span text = edit_send(core, hide.to, sip_writer_text(&w));
	if (w.is_overflowed || sip_server_respond(core->txs, turn, x->server, status, text) < 0)
		CORE_COUNT(core, responses_lost);
}

bool exchange_response(struct core *core, const struct sip_turn *turn, const struct sip_tx *tx,
	const struct sip_msg *msg)
{
	struct exchange *x = exchange_of_tx(core, tx);

	if (!x || x->client != tx)
		return x != NULL;
	if (msg->status < 200 || (msg->status == 503 && retry(x, turn)))
		return true;
	msg = edit_receive(core,
		config_profile(core_env_of(turn)->config, x->profiles[CALL_LEG_B]), msg);
	if (x->subscription)
		subscription_answered(x, turn, msg);
	if (x->server)
		answer(x, turn, msg);
	exchange_free(x);
	return true;
}

// A request that timed out is over for its sender as well: a 408 would only be in the way (RFC 4320
// 4.2). Any other failure is told.
bool exchange_failed(struct core *core, const struct sip_turn *turn, const struct sip_tx *tx,
	enum sip_tx_failure failure)
{
	struct exchange *x = exchange_of_tx(core, tx);

	if (!x)
		return false;
	if (x->client != tx || (failure == SIP_TX_TRANSPORT && retry(x, turn)))
		return true;
	CORE_COUNT(core, exchanges_failed);
	exchange_refuse(x, turn, 504);
	if (x->subscription)
		subscription_end(x->subscription);
	exchange_free(x);
	return true;
}

bool exchange_terminated(struct core *core, const struct sip_tx *tx)
{
	struct exchange *x = exchange_of_tx(core, tx);

	if (!x)
		return false;
	if (x->server == tx)
		x->server = NULL;
	if (x->client == tx)
		x->client = NULL;
	if (!x->server && !x->client && !x->ticket)
		exchange_free(x);
	return true;
}

// Life -------------------------------------------------------------------------------------------

bool exchange_tables_make(struct core *core, uint32_t exchanges_max, uint32_t subscriptions_max)
{
	core->exchanges = slab_new(sizeof(struct exchange), exchanges_max);
	core->subscriptions = slab_new(sizeof(struct subscription), subscriptions_max);
	core->subscription_buckets =
		calloc(SUBSCRIPTION_BUCKETS, sizeof(core->subscription_buckets[0]));
	return core->exchanges && core->subscriptions && core->subscription_buckets;
}

void exchange_tables_free(struct core *core)
{
	struct subscription *s;
	struct exchange *x;
	uint32_t cursor = 0;

	while (core->exchanges && (x = slab_next(core->exchanges, &cursor)))
		arena_fini(&x->arena);
	cursor = 0;
	while (core->subscriptions && (s = slab_next(core->subscriptions, &cursor)))
		arena_fini(&s->arena);
	if (core->exchanges)
		slab_free(core->exchanges);
	if (core->subscriptions)
		slab_free(core->subscriptions);
	free(core->subscription_buckets);
}

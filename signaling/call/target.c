#include "call/target.h"

#include "call/core_private.h"
#include "call/resolve.h"
#include "sip/bulk.h"

#include "base/hash.h"

#define REFRESH_MS 60000u // age of a dialog's answer that is asked for again, beside its use

void target_ability(const struct config_realm *realm, struct sip_ability *out)
{
	*out = (struct sip_ability){ 0 };
	for (uint32_t i = 0; i < realm->listener_count; i++) {
		const struct config_listener *listener = &realm->listeners[i];
		uint8_t bit = (uint8_t)(1u << listener->transport);

		// The family whose listener stands first in the file is tried first.
		if (ip_is_v4(&listener->addr.ip)) {
			out->v4 |= bit;
		} else {
			out->v6_first |= out->v4 & bit ? 0 : bit;
			out->v6 |= bit;
		}
		out->has_loopback |= ip_is_loopback(&listener->addr.ip);
	}
}

int target_listener(const struct config_realm *realm, const struct sip_target *target)
{
	return listener_find(realm, target->transport, &target->addr.ip);
}

bool target_is_own(const struct config *config, const struct addr *addr)
{
	for (uint32_t r = 0; r < config->realm_count; r++)
		for (uint32_t i = 0; i < config->realms[r].listener_count; i++)
			if (addr_eq(&config->realms[r].listeners[i].addr, addr))
				return true;
	return false;
}

// An address needs no questions.
static uint32_t locate_address(const struct core_env *env, uint32_t realm,
	const struct sip_place *place, struct sip_target targets[SIP_TARGETS_MAX])
{
	struct sip_locator locator = { .rng = env->rng };

	target_ability(&env->config->realms[realm], &locator.ability);
	int count = sip_locate(&locator, place, targets);
	return count > 0 ? (uint32_t)count : 0;
}

// The first INVITE -------------------------------------------------------------------------------

static const struct config_trunk *trunk_of(const struct call *call, const struct core_env *env)
{
	struct span name = span_str(call->legs[CALL_LEG_B].trunk);
	const struct config *config = env->config;
	int index = (int)call->targets.trunk;

	// A reload may have renumbered them, or taken this one away.
	if (call->targets.trunk >= config->trunk_count ||
		!span_eq(span_str(config->trunks[index].name), name))
		index = config_find_trunk(config, name);
	return index < 0 ? NULL : &config->trunks[index];
}

bool target_has_next(const struct call *call, const struct core_env *env)
{
	const struct call_targets *targets = &call->targets;
	const struct config_trunk *trunk = trunk_of(call, env);

	return targets->next < targets->count || (trunk && targets->host < trunk->host_count);
}

// Leg B's hop becomes list[next]. False: we cannot or must not send there.
static bool use_next(struct call *call, const struct core_env *env)
{
	struct call_targets *targets = &call->targets;
	const struct sip_target *target = &targets->list[targets->next++];
	uint32_t realm = call->media.realm[CALL_LEG_B];
	const struct config_trunk *trunk = trunk_of(call, env);
	int listener = listener_find(&env->config->realms[realm], target->transport,
		&target->addr.ip);

	if (listener < 0 ||
		(targets->name.text.len && target_is_own(env->config, &target->addr))) {
		CORE_COUNT(call->core, targets_refused);
		return false;
	}
	call->legs[CALL_LEG_B].hop = (struct sip_hop){
		.listener = listener_make(realm, (uint32_t)listener),
		.addr = target->addr,
		.tls_trunk = (uint16_t)(trunk ? 1 + (trunk - env->config->trunks) : 0),
		.tls_name = targets->name.text,
	};
	return true;
}

bool target_put_bulk(struct sip_writer *w, const struct config_trunk *trunk, struct span user)
{
	struct sip_uri contact;

	if (!trunk || span_is_empty(user) || span_is_empty(trunk->bulk_contact) ||
		sip_uri_parse(trunk->bulk_contact, &contact) < 0 ||
		sip_bulk_of(&contact) != SIP_BULK_CONTACT)
		return false;
	sip_bulk_put(w, &contact, user);
	return true;
}

void target_put_uri(struct sip_writer *w, const struct call *call, struct span user)
{
	// What was asked for by sips goes on as such.
	if (!call->targets.is_sips &&
		target_put_bulk(w, trunk_of(call, call->core->env), user))
		return;
	if (call->targets.is_secure)
		sip_put_lit(w, "sips:");
	else
		sip_put_lit(w, "sip:");
	if (user.len) {
		sip_put_escaped_user(w, user);
		sip_put_char(w, '@');
	}
	const struct config *config = call->core->env->config;
	const char *host =
		config_profile(config, call->legs[CALL_LEG_B].profile)->headers.to_host;
	sip_put(w, host ? span_str(host) : call->targets.place.text);
}

// Later hosts are addressed by their own names: they need not know those of the first one.
static bool readdress(struct call *call)
{
	struct call_leg *leg = &call->legs[CALL_LEG_B];
	struct sip_writer w;
	struct sip_uri uri;
	struct span user;
	char buf[CALL_PARTY_MAX * 2], text[1024];

	if (!leg->has_dialog)
		return true;
	if (sip_uri_parse(leg->dialog.remote_target.text, &uri) < 0)
		return false;
	if (uri.scheme == SIP_SCHEME_URN)
		return true; // a service has no host
	if (sip_unescape(uri.user, buf, sizeof(buf), &user) < 0)
		return false;
	sip_writer_init(&w, text, sizeof(text));
	target_put_uri(&w, call, user);
	return !w.is_overflowed &&
		call_set_text(call, &leg->dialog.remote_target, sip_writer_text(&w));
}

void target_put_host(struct sip_writer *w, const struct config_host *host, bool is_secure)
{
	if (!host->name)
		sip_put_addr(w, &host->addr);
	else
		sip_put(w, span_str(host->name));
	if (host->name && host->addr.port) {
		sip_put_char(w, ':');
		sip_put_u64(w, host->addr.port);
	}
	// Of a WebSocket the scheme does not say all (RFC 7118 5.2).
	if (host->has_transport && host->transport >= CONFIG_WS)
		sip_put_lit(w, ";transport=ws");
	if (!host->has_transport || host->is_secure || is_secure)
		return;
	if (host->transport == CONFIG_TCP)
		sip_put_lit(w, ";transport=tcp");
	else if (host->transport == CONFIG_TLS)
		sip_put_lit(w, ";transport=tls");
}

static bool set_place(struct call *call, const struct config_host *host)
{
	struct call_targets *targets = &call->targets;
	struct span name = host->name ? span_str(host->name) : SPAN_NONE;
	struct sip_writer w;
	char text[512];

	sip_writer_init(&w, text, sizeof(text));
	target_put_host(&w, host, targets->is_sips);
	targets->is_secure = host->is_secure || targets->is_sips;
	return !w.is_overflowed && call_set_text(call, &targets->place, sip_writer_text(&w)) &&
		call_set_text(call, &targets->name, name) && readdress(call);
}

struct sip_place target_place(const struct config_host *host)
{
	return (struct sip_place){ .host = host->name ? span_str(host->name) : SPAN_NONE,
		.ip = host->addr.ip, .port = host->addr.port,
		.transport = (enum sip_transport)host->transport,
		.has_transport = host->has_transport, .is_secure = host->is_secure };
}

uint32_t target_of_host(const struct core_env *env, uint32_t realm, const struct config_host *host,
	struct sip_target targets[SIP_TARGETS_MAX])
{
	struct sip_place place = target_place(host);

	return locate_address(env, realm, &place, targets);
}

static bool take_list(struct call *call, const struct sip_target *list, uint32_t count)
{
	struct call_targets *targets = &call->targets;

	if (count > targets->room) {
		targets->list = arena_alloc(&call->arena, count * sizeof(list[0]));
		targets->room = targets->list ? count : 0;
	}
	targets->count = count <= targets->room ? count : 0;
	if (targets->count)
		memcpy(targets->list, list, count * sizeof(list[0]));
	return targets->count == count;
}

static void on_targets(struct core *core, const struct sip_turn *turn, uint64_t owner,
	const struct sip_target *list, uint32_t count)
{
	struct call *call = call_of_user(core, owner);

	if (!call)
		return;
	call->targets.ticket = 0;
	if (!take_list(call, list, count))
		CORE_COUNT(core, arena_full);
	invite_resolved(call, turn);
}

// Fills the list from the trunk's next host, now or later.
static enum target_result look_up(struct call *call, const struct core_env *env,
	const struct config_host *host)
{
	struct call_targets *targets = &call->targets;
	uint32_t realm = call->media.realm[CALL_LEG_B];
	struct sip_place place = target_place(host);

	place.is_secure |= targets->is_sips;
	targets->count = targets->next = 0;
	if (!set_place(call, host)) {
		CORE_COUNT(call->core, arena_full);
		return TARGET_NONE;
	}
	if (!host->name) {
		struct sip_target list[SIP_TARGETS_MAX];

		if (!take_list(call, list, locate_address(env, realm, &place, list)))
			CORE_COUNT(call->core, arena_full);
		return TARGET_READY;
	}
	place.host = targets->name.text;
	struct resolve_params params = { .realm = realm, .place = place, .fn = on_targets,
		.owner = (uintptr_t)call_user(call) };
	targets->ticket = resolve_start(call->core, env, &params);
	return targets->ticket ? TARGET_WAITING : TARGET_READY;
}

enum target_result target_next(struct call *call, const struct core_env *env)
{
	struct call_targets *targets = &call->targets;
	const struct config_trunk *trunk = trunk_of(call, env);

	for (;;) {
		while (targets->next < targets->count)
			if (use_next(call, env))
				return TARGET_READY;
		if (!trunk || targets->host >= trunk->host_count)
			return TARGET_NONE;
		enum target_result result = look_up(call, env, &trunk->hosts[targets->host++]);
		if (result != TARGET_READY)
			return result;
	}
}

// Within a dialog --------------------------------------------------------------------------------

static uint64_t place_key(const struct sip_place *place)
{
	struct hash_key key = { { 0x706c616365, (uint64_t)place->port << 8 |
		(uint64_t)place->transport << 1 | place->is_secure } };

	return hash_sip(&key, place->host.ptr, place->host.len) | 1;
}

static void leg_answered(struct call *call, const struct sip_turn *turn, enum call_side side,
	const struct sip_target *list, uint32_t count)
{
	struct leg_next *next = &call->legs[side].next_hop;

	bool is_ack_due = next->is_ack_due;

	next->ticket = 0;
	next->is_ack_due = false;
	// Where the question fails, the old places stay.
	if (count > 0) {
		next->count = (uint8_t)(count < LEG_TARGETS_MAX ? count : LEG_TARGETS_MAX);
		next->at = 0;
		memcpy(next->targets, list, next->count * sizeof(list[0]));
	}
	if (is_ack_due)
		leg_repeat_ack(call, turn, side);
	if (call->legs[side].is_bye_due)
		leg_send_bye(call, turn, side, SPAN_NONE);
}

bool target_of_dialog_failed(struct call *call, enum call_side side)
{
	struct leg_next *next = &call->legs[side].next_hop;

	if (next->at + 1u >= next->count)
		return false;
	next->at++;
	// What stood to the place that failed leads to no other.
	call->legs[side].hop.connection = 0;
	CORE_COUNT(call->core, failovers);
	return true;
}

static void on_leg_a(struct core *core, const struct sip_turn *turn, uint64_t owner,
	const struct sip_target *list, uint32_t count)
{
	struct call *call = call_of_user(core, owner);

	if (call)
		leg_answered(call, turn, CALL_LEG_A, list, count);
}

static void on_leg_b(struct core *core, const struct sip_turn *turn, uint64_t owner,
	const struct sip_target *list, uint32_t count)
{
	struct call *call = call_of_user(core, owner);

	if (call)
		leg_answered(call, turn, CALL_LEG_B, list, count);
}

// By a listener of the target's transport and family, the leg's own where it is one. The connection
// serves whoever is at its far end, nobody beyond.
static void go_to(const struct core_env *env, const struct sip_target *target, struct sip_hop *hop)
{
	uint32_t realm = hop->listener >> 8;
	struct sip_local own = listener_local(env->config, hop->listener);
	int listener = (int)(hop->listener & 0xff);

	if (own.transport != target->transport ||
		ip_is_v4(&own.sent_by.ip) != ip_is_v4(&target->addr.ip))
		listener = listener_find(&env->config->realms[realm], target->transport,
			&target->addr.ip);
	if (listener < 0)
		return;
	if (listener_make(realm, (uint32_t)listener) != hop->listener ||
		!ip_eq(&hop->addr.ip, &target->addr.ip))
		hop->connection = 0;
	hop->listener = listener_make(realm, (uint32_t)listener);
	hop->addr = target->addr;
}

static void look_up_next(struct call *call, const struct core_env *env, enum call_side side,
	const struct sip_place *place)
{
	struct call_leg *leg = &call->legs[side];
	struct resolve_params params = { .realm = leg->hop.listener >> 8, .place = *place,
		.fn = side == CALL_LEG_A ? on_leg_a : on_leg_b,
		.owner = (uintptr_t)call_user(call) };

	leg->next_hop.asked_ms = env->now_ms;
	leg->next_hop.ticket = resolve_start(call->core, env, &params);
}

static bool follow_name(struct call *call, const struct core_env *env, enum call_side side,
	const struct sip_place *place, struct sip_hop *hop)
{
	struct call_leg *leg = &call->legs[side];
	struct leg_next *next = &leg->next_hop;
	uint64_t key = place_key(place);

	if (next->key != key) {
		resolve_cancel(call->core, next->ticket);
		*next = (struct leg_next){ .key = key };
		look_up_next(call, env, side, place);
	} else if (!next->ticket && env->now_ms - next->asked_ms >= REFRESH_MS) {
		// Calls outlive what DNS said: the next request hears of a move.
		look_up_next(call, env, side, place);
	}
	bool is_known = next->count > 0;
	if (is_known) {
		go_to(env, &next->targets[next->at], hop);
		hop->tls_name = place->host;
	}
	return is_known || !next->ticket;
}

static bool is_websocket(const struct core_env *env, const struct call_leg *leg)
{
	enum sip_transport transport = listener_local(env->config, leg->hop.listener).transport;

	return transport == SIP_TRANSPORT_WS || transport == SIP_TRANSPORT_WSS;
}

bool target_of_dialog(struct call *call, const struct core_env *env, enum call_side side,
	struct sip_hop *hop)
{
	struct call_leg *leg = &call->legs[side];
	const struct config_realm *realm = &env->config->realms[leg->hop.listener >> 8];
	struct sip_target targets[SIP_TARGETS_MAX];
	struct sip_place place;
	struct sip_uri uri;

	*hop = leg->hop;
	// Behind a NAT its Contact is not the far end's: everything goes back to where its messages
	// come from (RFC 3581 in spirit). A browser cannot be dialled at all, and a WebSocket is
	// called by what the configuration says, not by a Contact (RFC 7118 5).
	if (realm->latching != CONFIG_LATCH_STRICT || leg->hop.is_bound || is_websocket(env, leg) ||
		sip_dialog_next_hop(&leg->dialog, &uri) < 0 || sip_place_of_uri(&uri, &place) < 0)
		return true;
	// A dialog keeps its transport unless it is told otherwise.
	if (!place.has_transport) {
		place.transport = listener_local(env->config, leg->hop.listener).transport;
		if (place.is_secure && !sip_transport_is_secure(place.transport))
			place.transport = SIP_TRANSPORT_TLS;
		place.has_transport = true;
	}
	if (ip_is_unset(&place.ip))
		return follow_name(call, env, side, &place, hop);
	if (locate_address(env, leg->hop.listener >> 8, &place, targets) > 0)
		go_to(env, &targets[0], hop);
	return true;
}

void target_forget(struct call *call)
{
	resolve_cancel(call->core, call->targets.ticket);
	call->targets.ticket = 0;
}

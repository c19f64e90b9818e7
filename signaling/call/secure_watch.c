// secure_watch.c - what becomes of ICE and DTLS: media's results are read, selected pairs and keys
// go into the flows, failures and lost consent end the call.
//
// Media says that there is news (core_media_changed()); as hints may be lost, a timer looks too.
// Until a leg has its keys, nothing passes in either direction (media.c).
#include "call/core_private.h"

#include <stddef.h>
#include <string.h>

#define LOOK_SOON_MS    250u   // while something is awaited
#define LOOK_LATER_MS   10000u
#define CONSENT_GONE_MS 30000u // without consent, and without an ICE restart

// Q.850 47: resource unavailable, unspecified; 102: recovery on timer expiry.
#define FAILED_LINE "Reason: Q.850;cause=47;text=\"No secure media\"\r\n"
#define GONE_LINE   "Reason: Q.850;cause=102;text=\"No consent\"\r\n"

// enum ice_state of media/ice, as struct flow_secure_result tells it.
enum { ICE_COMPLETED = 2, ICE_FAILED = 3 };

struct call_secure {
	struct timer timer;
	struct call *call;
};

enum verdict { VERDICT_FINE, VERDICT_FAILED, VERDICT_GONE };

// One leg of one stream.
struct look {
	struct call *call;
	const struct core_env *env;
	struct media_stream *stream;
	enum call_side side;
	struct media_secure *secure;
	struct flow_secure_result result;
};

static bool take_pairs(struct look *look)
{
	struct media_secure *secure = look->secure;
	bool is_changed = false;

	for (uint32_t c = 0; c < 2; c++) {
		const struct flow_selected *found = &look->result.selected[c];
		struct addr addr = { .ip = found->ip, .port = found->port };

		// A restart keeps the pair that it had until it has another one (RFC 8445 9).
		if (found->port == 0 || addr_eq(&addr, &secure->selected[c]))
			continue;
		secure->selected[c] = addr;
		is_changed = true;
	}
	return is_changed;
}

// RFC 7675 5.1: nothing may be sent there any more. True: that is news.
static bool take_loss(struct look *look)
{
	struct media_secure *secure = look->secure;
	bool is_lost = secure->selected[0].port != 0 && look->result.selected[0].port == 0 &&
		(look->result.ice_state == ICE_COMPLETED || look->result.ice_state == ICE_FAILED);

	if (!is_lost)
		return false;
	memset(secure->selected, 0, sizeof(secure->selected));
	if (!secure->is_waiting)
		secure->until_ms = look->env->now_ms + CONSENT_GONE_MS;
	CORE_COUNT(look->call->core, consents_lost);
	return true;
}

static int set_key(struct look *look, enum flow_key_use use, const uint8_t key[32],
	const uint8_t salt[16])
{
	struct flow_key record = { .suite = look->result.suite };

	memcpy(record.key, key, sizeof(record.key));
	memcpy(record.salt, salt, sizeof(record.salt));
	int err = flow_pair_set_key(
		look->env->flows, &look->stream->pair[look->side], use, &record);
	explicit_bzero(&record, sizeof(record));
	return err;
}

// The keys that stand there already keep their place, and with it their roll-over counters.
static bool take_keys(struct look *look)
{
	const struct flow_secure_result *result = &look->result;

	if (!look->secure->has_dtls || result->dtls_state != FLOW_SECURE_DTLS_DONE ||
		result->suite == 0 || (look->secure->is_keyed && !look->secure->is_waiting))
		return false;
	if (set_key(look, FLOW_KEY_RX, result->far_key, result->far_salt) < 0 ||
		set_key(look, FLOW_KEY_TX, result->own_key, result->own_salt) < 0)
		return false; // no slot: the next look tries again, the deadline stands
	if (!look->secure->is_keyed)
		CORE_COUNT(look->call->core, secure_done);
	look->secure->is_keyed = true;
	return true;
}

static bool is_complete(const struct look *look)
{
	const struct media_secure *secure = look->secure;

	return (!secure->has_ice || secure->selected[0].port != 0) &&
		(!secure->has_dtls ||
			(secure->is_keyed &&
				look->result.dtls_state == FLOW_SECURE_DTLS_DONE));
}

static enum verdict judge(const struct look *look)
{
	const struct media_secure *secure = look->secure;
	bool is_failed = look->result.dtls_state == FLOW_SECURE_DTLS_FAILED ||
		(secure->has_ice && secure->selected[0].port == 0 &&
			look->result.ice_state == ICE_FAILED);

	// Keys that are in force outlive an association that media has lost.
	if (secure->is_waiting && secure->until_ms &&
		(is_failed || look->env->now_ms >= secure->until_ms))
		return VERDICT_FAILED;
	if (!secure->is_waiting && secure->until_ms && look->env->now_ms >= secure->until_ms)
		return VERDICT_GONE;
	return VERDICT_FINE;
}

// *is_changed: its records have to be published.
static enum verdict look_at(struct look *look, bool *is_changed)
{
	struct media_secure *secure = look->secure;

	memset(&look->result, 0, sizeof(look->result));
	if (flow_secure_of(look->env->flows, &look->stream->pair[look->side], &look->result)) {
		*is_changed |= secure->has_ice && take_pairs(look);
		*is_changed |= secure->has_ice && take_loss(look);
		*is_changed |= take_keys(look);
		if (is_complete(look)) {
			secure->is_waiting = false;
			secure->until_ms = 0;
		}
	}
	enum verdict verdict = judge(look);
	explicit_bzero(&look->result, sizeof(look->result));
	return verdict;
}

static bool is_looked_at(const struct media_stream *stream, enum call_side side)
{
	const struct media_secure *secure = stream->secure[side];

	return stream->is_open && !stream->is_bundled && secure &&
		(secure->has_ice || secure->has_dtls);
}

static enum verdict look_at_all(struct call *call, const struct core_env *env, bool *is_changed)
{
	enum verdict worst = VERDICT_FINE;

	for (uint32_t i = 0; i < call->media.count * (uint32_t)CALL_LEGS; i++) {
		struct look look = { .call = call, .env = env, .side = i % CALL_LEGS,
			.stream = media_stream(&call->media, i / CALL_LEGS) };

		if (!is_looked_at(look.stream, look.side))
			continue;
		look.secure = look.stream->secure[look.side];
		enum verdict verdict = look_at(&look, is_changed);
		worst = verdict > worst ? verdict : worst;
	}
	return worst;
}

static void give_up(struct call *call, const struct sip_turn *turn, enum verdict verdict)
{
	struct call_hangup hangup = { .cause = CALL_CAUSE_SECURE_FAILED, .code = 488,
		.headers = SPAN_LIT(FAILED_LINE) };

	if (verdict == VERDICT_GONE) {
		hangup = (struct call_hangup){ .cause = CALL_CAUSE_MEDIA_TIMEOUT, .code = 408,
			.headers = SPAN_LIT(GONE_LINE) };
		CORE_COUNT(call->core, media_timeouts);
	} else {
		CORE_COUNT(call->core, secure_failed);
	}
	call_hangup(call, turn, &hangup);
}

static void on_look(struct timer *timer, void *context)
{
	struct call_secure *secure =
		(struct call_secure *)((char *)timer - offsetof(struct call_secure, timer));

	secure_run(secure->call, context);
}

static bool is_anything_awaited(const struct call *call)
{
	for (uint32_t i = 0; i < call->media.count * (uint32_t)CALL_LEGS; i++) {
		const struct media_stream *stream = media_stream(&call->media, i / CALL_LEGS);

		if (is_looked_at(stream, i % CALL_LEGS) &&
			(stream->secure[i % CALL_LEGS]->is_waiting ||
				stream->secure[i % CALL_LEGS]->until_ms))
			return true;
	}
	return false;
}

void secure_run(struct call *call, const struct sip_turn *turn)
{
	const struct core_env *env = core_env_of(turn);
	struct media_owner owner = offer_owner(call);
	bool is_changed = false;

	if (!call->secure || call->is_finished)
		return;
	enum verdict verdict = look_at_all(call, env, &is_changed);
	if (verdict != VERDICT_FINE) {
		give_up(call, turn, verdict);
		return;
	}
	// No slot now: the next look publishes what differs then.
	if (is_changed && media_publish(&call->media, env, &owner) < 0)
		CORE_COUNT(call->core, media_refused);
	secure_watch(call, env);
}

void secure_watch(struct call *call, const struct core_env *env)
{
	if (!call->media.has_secure || call->is_finished)
		return;
	if (!call->secure) {
		call->secure = arena_zalloc(&call->arena, sizeof(*call->secure));
		if (!call->secure) {
			CORE_COUNT(call->core, arena_full);
			return;
		}
		call->secure->call = call;
	}
	uint32_t wait_ms = is_anything_awaited(call) ? LOOK_SOON_MS : LOOK_LATER_MS;
	timer_start(call->core->wheel, &call->secure->timer, env->now_ms + wait_ms, on_look);
}

void secure_stop(struct call *call)
{
	if (call->secure)
		timer_stop(call->core->wheel, &call->secure->timer);
}

// A leg that came from another call has that call's identifiers: the walk finds it.
static struct call *find(const struct core *core, uint64_t token)
{
	const struct call_leg *leg = leg_lookup(core, token);
	uint32_t cursor = 0;
	struct call *call;

	if (leg && leg->call->token == token)
		return leg->call;
	while ((call = slab_next(core->calls, &cursor)))
		if (call->token == token && !call->is_dead)
			return call;
	return NULL;
}

void core_media_changed(struct core *core, struct core_env *env, uint64_t call_token)
{
	struct sip_turn turn = { .env = env, .now_ms = env->now_ms };
	uint32_t cursor = 0;
	struct call *call;

	core->env = env;
	if (call_token != 0) {
		call = find(core, call_token);
		if (call)
			secure_run(call, &turn);
	} else {
		while ((call = slab_next(core->calls, &cursor)))
			if (!call->is_dead)
				secure_run(call, &turn);
	}
	core_reap(core);
}

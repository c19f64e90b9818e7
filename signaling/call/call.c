#include "call/core_private.h"
#include "call/export.h"
#include "call/transfer.h"

#include "base/check.h"
#include "base/log.h"

#include <stddef.h>

#define LINGER_MS 32000u // 64*T1, as long as any transaction (RFC 3261 17)

struct call *call_new_empty(struct core *core, const struct core_env *env)
{
	struct call *call = slab_get(core->calls);

	if (!call)
		return NULL;
	call->core = core;
	call->started_ms = env->now_ms;
	call->started_unix_ms = env->unix_ms;
	arena_init_lean(&call->arena, CALL_ARENA_MAX);
	for (uint32_t side = 0; side < CALL_LEGS; side++)
		call->legs[side].trunk_slot = TRUNK_NONE;
	return call;
}

struct call *call_new(struct core *core, const struct core_env *env, uint32_t shard)
{
	struct call *call = call_new_empty(core, env);

	if (!call)
		return NULL;
	call->token = leg_draw_token(core, env);
	call->shard = shard;
	for (uint32_t side = 0; side < CALL_LEGS; side++)
		leg_link(call, side, call->token + side, call->shard);
	CORE_COUNT(core, calls_started);
	return call;
}

struct call *call_lookup(struct core *core, uint64_t value, enum call_side *side)
{
	const struct call_leg *leg = leg_lookup(core, value);

	if (!leg)
		return NULL;
	*side = leg == &leg->call->legs[CALL_LEG_A] ? CALL_LEG_A : CALL_LEG_B;
	return leg->call;
}

// In the user pointer of a transaction: a bit of the index that no number of calls reaches, beside
// EXCHANGE_USER (exchange.h).
#define GIVEN_UP (UINT64_C(1) << 30)

// Generation above, index below: never 0, because no object has generation 0.
void *call_user(const struct call *call)
{
	struct slab_handle handle = slab_handle_of(call->core->calls, call);

	return (void *)(uintptr_t)((uint64_t)handle.generation << 32 | handle.index);
}

struct call *call_of_user(struct core *core, uint64_t user)
{
	struct slab_handle handle = { .index = (uint32_t)user,
		.generation = (uint32_t)(user >> 32) };

	if (handle.generation == 0)
		return NULL;
	struct call *call = slab_lookup(core->calls, handle);
	return call && !call->is_dead ? call : NULL;
}

struct call *call_of_tx(struct core *core, const struct sip_tx *tx)
{
	return call_of_user(core, (uintptr_t)sip_tx_user(tx) & ~GIVEN_UP);
}

void call_give_up(struct call *call, struct sip_tx *invite)
{
	uint64_t user = (uintptr_t)sip_tx_user(invite);

	if (user & GIVEN_UP)
		return;
	sip_tx_set_user(invite, (void *)(uintptr_t)(user | GIVEN_UP));
	call->invites_given_up++;
}

bool call_is_given_up(const struct sip_tx *tx)
{
	return (uintptr_t)sip_tx_user(tx) & GIVEN_UP;
}

bool call_set_text(struct call *call, struct sip_text *text, struct span value)
{
	if (value.len > text->cap) {
		uint32_t cap = value.len + value.len / 4; // room for a longer one later
		char *room = arena_alloc(&call->arena, cap);

		if (!room)
			return false;
		text->text.ptr = room;
		text->cap = cap;
	}
	if (value.len)
		memcpy((char *)(uintptr_t)text->text.ptr, value.ptr, value.len);
	text->text.len = value.len;
	return true;
}

static void release(struct call *call)
{
	struct core *core = call->core;

	timer_stop(core->wheel, &call->ring_timer);
	timer_stop(core->wheel, &call->host_timer);
	timer_stop(core->wheel, &call->media_timer);
	timer_stop(core->wheel, &call->reliable.timer);
	fork_stop_all(call);
	timer_stop(core->wheel, &call->limit_timer);
	secure_stop(call);
	call->reliable.final_due = 0;
	target_forget(call);
	for (uint32_t side = 0; side < CALL_LEGS; side++) {
		timer_stop(core->wheel, &call->session_timers[side]);
		trunk_give(core->trunks, call->legs[side].trunk_slot);
		call->legs[side].trunk_slot = TRUNK_NONE;
	}
	call->state = CALL_STATE_ENDING;
}

static void bury(struct call *call)
{
	struct core *core = call->core;

	for (uint32_t side = 0; side < CALL_LEGS; side++) {
		const struct call_leg *leg = &call->legs[side];

		if (leg->is_moved && outbox_gone(core->env->outbox,
			core_call_key(&core->keys, leg->dialog.call_id.text)) < 0)
			CORE_COUNT(core, outbox_full);
		leg_unlink(core, &call->legs[side]);
	}
	call->is_dead = true;
	call->next = core->dead;
	core->dead = call;
}

void call_leave(struct call *call, const struct core_env *env)
{
	call->is_finished = true;
	release(call);
	offer_drop(call, env);
	media_disown(&call->media, env);
	stray_leave(call); // forks may answer here when the call is over there
	bury(call);
}

void call_finish(struct call *call, const struct core_env *env, enum call_cause cause)
{
	struct core *core = call->core;
	struct call_summary summary = { 0 };

	if (call->is_finished)
		return;
	call->is_finished = true;
	call->cause = cause;
	call_info_fill(call, env, &summary.info);
	summary.cause = cause;
	summary.ended_by = call->ended_by;
	summary.code = call->code;
	summary.ended_unix_ms = env->unix_ms;
	if (outbox_call_end(env->outbox, &summary) < 0)
		CORE_COUNT(core, outbox_full);
	struct sip_turn turn = { .env = core->env, .now_ms = env->now_ms };
	if (call->transfer)
		transfer_call_ends(call, &turn);
	release(call);
	offer_drop(call, env);
	media_close_all(&call->media, env);
	relay_end_all(call, &turn);
	CORE_COUNT(core, calls_ended);
}

static void on_lingered(struct timer *timer, void *context)
{
	struct call *call = (struct call *)((char *)timer - offsetof(struct call, ring_timer));

	(void)context;
	call->has_lingered = true;
	call_settle(call);
}

// Dispatch brings what is said in a call that came as a record, because somebody told it to. What
// is repeated, or answered late by a fork, must find the call for as long.
static bool is_lingering(struct call *call)
{
	if (call->has_lingered ||
		!(call->legs[CALL_LEG_A].is_moved || call->legs[CALL_LEG_B].is_moved))
		return false;
	call->state = CALL_STATE_LINGERING;
	if (!timer_is_armed(&call->ring_timer))
		timer_start(call->core->wheel, &call->ring_timer,
			call->core->env->now_ms + LINGER_MS, on_lingered);
	return true;
}

void call_settle(struct call *call)
{
	const struct call_invite *invite = &call->invite;

	if (!call->is_finished || call->is_dead)
		return;
	if (call->legs[CALL_LEG_A].bye || call->legs[CALL_LEG_B].bye ||
		call->legs[CALL_LEG_A].is_bye_due || call->legs[CALL_LEG_B].is_bye_due)
		return;
	if (invite->client && !invite->is_final)
		return;
	// A host that comes to life late must find somebody who hangs up.
	if (call->invites_given_up || is_lingering(call))
		return;
	stray_leave(call);
	bury(call);
}

void core_reap(struct core *core)
{
	while (core->dead) {
		struct call *call = core->dead;

		core->dead = call->next;
		CHECK(!timer_is_armed(&call->ring_timer) && !timer_is_armed(&call->host_timer) &&
			!timer_is_armed(&call->media_timer) &&
			!timer_is_armed(&call->reliable.timer) &&
			!timer_is_armed(&call->limit_timer) &&
			!timer_is_armed(&call->session_timers[CALL_LEG_A]) &&
			!timer_is_armed(&call->session_timers[CALL_LEG_B]));
		relay_forget_all(call);
		fork_free_all(call);
		arena_fini(&call->arena);
		core->emergency_calls -= call->is_emergency;
		slab_put(core->calls, call);
	}
}

void call_hangup(struct call *call, const struct sip_turn *turn, const struct call_hangup *hangup)
{
	LOG_AT(CALL, DEBUG, call->token, "hangup", "cause=%s code=%u",
		call_cause_name(hangup->cause), hangup->code);
	if (call->is_finished)
		return;
	if (call->code == 0)
		call->code = hangup->code;
	call_finish(call, core_env_of(turn), hangup->cause);
	invite_abort(call, turn, hangup->code, hangup->headers);
	leg_send_bye(call, turn, CALL_LEG_A, hangup->headers);
	leg_send_bye(call, turn, CALL_LEG_B, hangup->headers);
	call_settle(call);
}

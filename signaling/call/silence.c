// silence.c - an answered call from whose both sides nothing is heard any more is over: both ends
// have vanished without a BYE, and nobody else would ever end it.
//
// A call on hold may rightly be silent, so it is given an hour. One side that is heard keeps the
// call: announcements and music go one way only, and a listener who is gone is missed by the
// speaker.
#include "call/core_private.h"

#include <stddef.h>

#define HELD_TIMEOUT_MS 3600000u
// The limit may be changed while the call lives: it is looked at that often.
#define CHECK_PERIOD_MS 60000u

// Q.850 102: recovery on timer expiry.
#define REASON_LINE "Reason: Q.850;cause=102;text=\"No media\"\r\n"

// How long the call may be silent now; 0 = for ever.
static uint64_t silence_max_ms(const struct call *call, const struct core_env *env)
{
	uint64_t timeout_ms = env->config->limits.media_timeout_ms;

	// Of media that goes past us nothing is ever heard.
	if (call->media.passed > 0)
		return 0;
	if (timeout_ms > 0 && timeout_ms < HELD_TIMEOUT_MS && media_is_held(&call->media))
		return HELD_TIMEOUT_MS;
	return timeout_ms;
}

static void on_check(struct timer *timer, void *context);

static void check_later(struct call *call, const struct core_env *env)
{
	uint64_t next_ms = env->now_ms + CHECK_PERIOD_MS;
	uint64_t max_ms = silence_max_ms(call, env);

	if (max_ms > 0 && call->heard_ms + max_ms < next_ms)
		next_ms = call->heard_ms + max_ms;
	timer_start(call->core->wheel, &call->media_timer, next_ms, on_check);
}

static void on_check(struct timer *timer, void *context)
{
	struct call *call = (struct call *)((char *)timer - offsetof(struct call, media_timer));
	const struct sip_turn *turn = context;
	const struct core_env *env = core_env_of(turn);
	uint64_t last_ms = media_last_ms(&call->media, env);
	uint64_t max_ms = silence_max_ms(call, env);

	if (last_ms > call->heard_ms)
		call->heard_ms = last_ms;
	if (max_ms == 0 || env->now_ms < call->heard_ms + max_ms) {
		check_later(call, env);
		return;
	}
	struct call_hangup hangup = { .cause = CALL_CAUSE_MEDIA_TIMEOUT, .code = 408,
		.headers = SPAN_LIT(REASON_LINE) };
	CORE_COUNT(call->core, media_timeouts);
	call_hangup(call, turn, &hangup);
}

void silence_watch(struct call *call, const struct core_env *env)
{
	silence_resume(call, env, env->now_ms);
}

void silence_resume(struct call *call, const struct core_env *env, uint64_t heard_ms)
{
	call->heard_ms = heard_ms;
	check_later(call, env);
}

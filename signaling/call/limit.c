// limit.c - how long a call may last: the lesser of what the profiles of both sides allow.
#include "call/core_private.h"

#include <stddef.h>

// Q.850 has no cause of its own for it; the text is for people.
#define REASON_LINE "Reason: SIP;cause=503;text=\"Duration limit\"\r\n"

static void on_limit(struct timer *timer, void *context)
{
	struct call *call = (struct call *)((char *)timer - offsetof(struct call, limit_timer));
	struct call_hangup hangup = { .cause = CALL_CAUSE_DURATION, .code = 503,
		.headers = SPAN_LIT(REASON_LINE) };

	CORE_COUNT(call->core, duration_limits);
	call_hangup(call, context, &hangup);
}

void limit_watch(struct call *call, const struct core_env *env)
{
	uint32_t max_ms = 0;

	for (uint32_t side = 0; side < CALL_LEGS; side++) {
		const struct config_profile *profile =
			config_profile(env->config, call->legs[side].profile);
		uint32_t own_ms = profile->flow.duration_max_ms;

		if (own_ms && (!max_ms || own_ms < max_ms))
			max_ms = own_ms;
	}
	if (max_ms)
		timer_start(call->core->wheel, &call->limit_timer, call->answered_ms + max_ms,
			on_limit);
}

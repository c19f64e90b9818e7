// limit.c - how long a call may last: the least of what trunk, realm and profile of either side
// allow. An emergency call lasts as long as it takes (RFC 5031).
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

// 0 stands for no limit.
static uint32_t lesser(uint32_t a, uint32_t b)
{
	return !a || (b && b < a) ? b : a;
}

void limit_learn(struct call_leg *leg, const struct config *config,
	const struct config_trunk *trunk)
{
	leg->duration_max_ms =
		lesser(trunk->duration_max_ms, config->realms[trunk->realm].duration_max_ms);
}

void limit_watch(struct call *call, const struct core_env *env)
{
	uint32_t max_ms = 0;

	if (call->is_emergency)
		return;
	for (uint32_t side = 0; side < CALL_LEGS; side++) {
		const struct call_leg *leg = &call->legs[side];
		const struct config_profile *profile = config_profile(env->config, leg->profile);

		max_ms = lesser(max_ms, lesser(leg->duration_max_ms,
			profile->flow.duration_max_ms));
	}
	if (max_ms)
		timer_start(call->core->wheel, &call->limit_timer, call->answered_ms + max_ms,
			on_limit);
}

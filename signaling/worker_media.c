// worker_media.c - what media tells a worker: hints taken off the rings each turn.
#include "worker_private.h"

#define HINTS_PER_TURN 256u

void worker_media_run(struct worker *worker)
{
	bool is_overflowed = false;
	struct hint hint;

	// Without slots for keys there is neither ICE nor DTLS, and of other news nobody asks.
	if (worker->env.config->limits.srtp_legs_max == 0)
		return;
	for (uint32_t i = 0; i < HINTS_PER_TURN; i++) {
		if (!flow_hint_take(worker->env.flows, &hint, &is_overflowed))
			break;
		if (hint.kind != HINT_SECURE)
			continue;
		uint64_t token = flow_hint_call(worker->env.flows, &hint);
		if (token != 0)
			core_media_changed(worker->core, &worker->env, token);
	}
	if (is_overflowed)
		core_media_changed(worker->core, &worker->env, 0);
}

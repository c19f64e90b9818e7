#include "call/recording.h"

#include "call/core_private.h"
#include "shm/recording.h"

#include <errno.h>
#include <string.h>

// The call of that name whose session goes on. NULL: none here.
static struct call *call_of_token(struct core *core, uint64_t token)
{
	enum call_side side;
	struct call *call = token != 0 && core->env ? call_lookup(core, token, &side) : NULL;

	return call && !call->is_finished ? call : NULL;
}

static int publish(struct call *call, const struct core_env *env)
{
	struct media_owner owner = offer_owner(call);

	return media_publish(&call->media, env, &owner);
}

static void withdraw(struct call *call, const struct core_env *env)
{
	uint32_t slot = call->media.recording - 1u;

	call->media.recording = 0;
	publish(call, env); // what finds no room now goes with the call: its slot names nothing
	recording_close(flow_writer_signaling(env->flows), slot);
}

int core_record_start(struct core *core, uint64_t token, const struct recording_order *order)
{
	struct call *call = call_of_token(core, token);
	struct recording_order mine = *order;
	struct span call_id;
	int slot, rc;

	if (!call || !media_has_open(&call->media))
		return -ENOENT;
	mine.call_token = call->token;
	mine.started_unix_ms = core->env->unix_ms;
	call_id = call->legs[CALL_LEG_A].dialog.call_id.text;
	span_copy(span_sub(call_id, 0, RECORDING_CALL_MAX - 1), mine.call_id,
		sizeof(mine.call_id));
	slot = recording_open(flow_writer_signaling(core->env->flows), &mine);
	if (slot < 0)
		return slot;
	call->media.recording = (uint16_t)(slot + 1);
	rc = publish(call, core->env);
	if (rc)
		withdraw(call, core->env);
	return rc;
}

int core_record_stop(struct core *core, uint64_t token)
{
	struct call *call = call_of_token(core, token);

	if (!call || call->media.recording == 0)
		return -ENOENT;
	withdraw(call, core->env);
	return 0;
}

void recording_resume(struct call *call, const struct core_env *env)
{
	int slot = recording_find(flow_writer_signaling(env->flows), call->token);

	call->media.recording = slot < 0 ? 0 : (uint16_t)(slot + 1);
}

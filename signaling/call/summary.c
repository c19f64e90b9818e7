#include "call/call.h"

static const char *const state_names[CALL_STATE_COUNT] = {
	[CALL_STATE_IDLE] = "idle",
	[CALL_STATE_RESOLVING] = "resolving",
	[CALL_STATE_CALLING] = "calling",
	[CALL_STATE_RINGING] = "ringing",
	[CALL_STATE_ANSWERED] = "answered",
	[CALL_STATE_CONNECTED] = "connected",
	[CALL_STATE_CANCELLING] = "cancelling",
	[CALL_STATE_ENDING] = "ending",
	[CALL_STATE_LINGERING] = "lingering",
};

static const char *const cause_names[CALL_CAUSE_COUNT] = {
	[CALL_CAUSE_NONE] = "none",
	[CALL_CAUSE_BYE] = "bye",
	[CALL_CAUSE_CANCEL] = "cancel",
	[CALL_CAUSE_REJECTED] = "rejected",
	[CALL_CAUSE_UNREACHABLE] = "unreachable",
	[CALL_CAUSE_RING_TIMEOUT] = "ring-timeout",
	[CALL_CAUSE_ACK_TIMEOUT] = "ack-timeout",
	[CALL_CAUSE_MEDIA_REFUSED] = "media-refused",
	[CALL_CAUSE_DEAD_DIALOG] = "dead-dialog",
	[CALL_CAUSE_MEDIA_TIMEOUT] = "media-timeout",
	[CALL_CAUSE_SECURE_FAILED] = "secure-failed",
	[CALL_CAUSE_SESSION_EXPIRED] = "session-expired",
	[CALL_CAUSE_DURATION] = "duration-limit",
	[CALL_CAUSE_TRANSFER] = "transfer",
	[CALL_CAUSE_SHUTDOWN] = "shutdown",
	[CALL_CAUSE_INTERNAL] = "internal",
};

const char *call_state_name(enum call_state state)
{
	return state < CALL_STATE_COUNT ? state_names[state] : "unknown";
}

const char *call_cause_name(enum call_cause cause)
{
	return cause < CALL_CAUSE_COUNT ? cause_names[cause] : "unknown";
}

static void fill_leg(const struct call *call, const struct core_env *env, enum call_side side,
	struct leg_info *out)
{
	const struct call_leg *leg = &call->legs[side];
	const char *realm = env->config->realms[call->media.realm[side]].name;

	span_copy(span_sub(span_str(realm), 0, CALL_NAME_MAX - 1), out->realm, sizeof(out->realm));
	memcpy(out->trunk, leg->trunk, sizeof(out->trunk));
	out->signaling = leg->hop.addr;
	media_leg_info(&call->media, env, side, span_str(call->codec), out);
}

// An end that is not known yet is all zero, as on the wire.
static void fill_session_id(const struct call *call, char out[2 * CALL_UUID_LEN + 2])
{
	if (call->legs[CALL_LEG_A].uuid[0] == '\0')
		return;
	for (uint32_t side = 0; side < CALL_LEGS; side++) {
		char *at = out + side * (CALL_UUID_LEN + 1);

		memset(at, '0', CALL_UUID_LEN);
		if (call->legs[side].uuid[0] != '\0')
			memcpy(at, call->legs[side].uuid, CALL_UUID_LEN);
		at[CALL_UUID_LEN] = side == CALL_LEG_A ? '/' : '\0';
	}
}

void call_info_fill(const struct call *call, const struct core_env *env, struct call_info *out)
{
	*out = (struct call_info){
		.token = call->token,
		.state = call->state,
		.started_unix_ms = call->started_unix_ms,
		.route_line = call->route_line,
		.is_emergency = call->is_emergency,
	};
	fill_session_id(call, out->session_id);
	memcpy(out->from, call->from_user, sizeof(out->from));
	memcpy(out->to, call->to_user, sizeof(out->to));
	memcpy(out->codec, call->codec, sizeof(out->codec));
	if (call->answered_ms) {
		out->setup_ms = (uint32_t)(call->answered_ms - call->started_ms);
		out->duration_ms = (uint32_t)(env->now_ms - call->answered_ms);
	}
	fill_leg(call, env, CALL_LEG_A, &out->legs[CALL_LEG_A]);
	fill_leg(call, env, CALL_LEG_B, &out->legs[CALL_LEG_B]);
}

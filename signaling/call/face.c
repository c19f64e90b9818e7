#include "call/face.h"

#include "call/ability.h"
#include "call/core_private.h"

_Static_assert(FACES_PER_CALL == FORKS_PER_CALL + 1 &&
		FACES_PER_CALL == SIP_TOKEN_FORK_COUNT + 1,
	"a kind of tag for each fork but the first");

bool face_is_wanted(const struct call *call)
{
	const struct call_leg *leg = &call->legs[CALL_LEG_A];

	return call->invite.server && !call->answered_ms && !call->transfer &&
		!leg->dialog.is_confirmed &&
		config_profile(call->core->env->config, leg->profile)->flow.forks ==
			PROFILE_FORKS_ALL;
}

// Which dialog the caller's INVITE is answered in.
static void use_tag(struct call *call)
{
	if (call->invite.server && !call->answered_ms)
		sip_server_set_tag(call->invite.server,
			call->legs[CALL_LEG_A].dialog.local_tag.text);
}

// The caller's side of a dialog that it has not heard of: as after its INVITE.
static bool begin_dialog(struct call *call, struct sip_dialog *dialog)
{
	struct sip_token token = { .shard = (uint16_t)call->legs[CALL_LEG_A].shard,
		.value = call->legs[CALL_LEG_A].token };
	struct span target = dialog->remote_target.text;
	char tag[SIP_TOKEN_LEN];

	sip_token_make(&call->core->keys, SIP_TOKEN_FORK + call->fork_count - 1, &token, tag);
	dialog->local_tag = dialog->remote_target = (struct sip_text){ 0 };
	dialog->local_cseq = 0;
	dialog->remote_cseq = call->invite.server_cseq;
	dialog->has_remote_cseq = true;
	return call_set_text(call, &dialog->local_tag, span_make(tag, sizeof(tag))) &&
		call_set_text(call, &dialog->remote_target, target);
}

bool face_park(struct call *call, struct call_fork *fork)
{
	struct call_leg *leg = &call->legs[CALL_LEG_A];
	struct sip_dialog dialog = leg->dialog;

	fork->call = call;
	fork->face = (struct face){ 0 };
	if (!face_is_wanted(call))
		return true;
	if (call->fork_count >= FACES_PER_CALL || !begin_dialog(call, &dialog))
		return false;
	fork->face.is_shown = true;
	fork->face.dialog = dialog;
	fork->face.reliable.is_required = call->reliable.is_required;
	face_swap(call, fork);
	return true;
}

static void swap_texts(struct sip_text *a, struct sip_text *b)
{
	struct sip_text text = *a;

	*a = *b;
	*b = text;
}

void face_swap(struct call *call, struct call_fork *fork)
{
	struct call_leg *leg = &call->legs[CALL_LEG_A];
	struct face *face = &fork->face;
	struct sip_dialog dialog = leg->dialog;
	uint64_t id = leg->sdp_id, version = leg->sdp_version;

	if (!face->is_shown)
		return;
	leg->dialog = face->dialog;
	face->dialog = dialog;
	leg->sdp_id = face->sdp_id;
	face->sdp_id = id;
	leg->sdp_version = face->sdp_version;
	face->sdp_version = version;
	swap_texts(&leg->sdp_sent, &face->sdp_sent);
	swap_texts(&call->answered_with, &face->answered_with);
	reliable_swap(call, fork);
	use_tag(call);
}

void face_stop(struct call *call, struct call_fork *fork)
{
	timer_stop(call->core->wheel, &fork->face.reliable.timer);
}

void face_select(struct call *call, struct span tag)
{
	for (struct call_fork *fork = call->forks; fork; fork = fork->next) {
		if (!fork->face.is_shown || !span_eq(fork->face.dialog.local_tag.text, tag))
			continue;
		fork_select(call, fork->state.number);
		return;
	}
}

// Sessions ---------------------------------------------------------------------------------------

bool face_open_exchange(struct call *call, const struct core_env *env)
{
	bool is_done = call->reliable.is_settled && call->media_fork == call->fork.number;

	if (call->offer.is_open)
		return call->offer.from == CALL_LEG_A && !call->offer.fork;
	if (!face_is_wanted(call) || is_done || call->fork.has_session ||
		span_is_empty(call->offer_text.text))
		return false;
	return offer_receive(call, env, CALL_LEG_A, call->offer_text.text) == OFFER_OK;
}

void face_propose(struct call *call, struct span sdp)
{
	if (!face_is_wanted(call))
		return;
	call->offer.fork = call->fork.number;
	if (!call_set_text(call, &call->fork.proposed, sdp)) {
		call->fork.proposed.text.len = 0;
		CORE_COUNT(call->core, arena_full);
	}
}

// What both have said is in force until they say something else, or another fork speaks.
static void agree(struct call *call, enum call_side from, struct span answer)
{
	struct fork_state *fork = &call->fork;

	fork->has_session = call_set_text(call, &fork->said[call_other(from)], answer) &&
		call_set_text(call, &fork->said[from], fork->proposed.text);
	fork->offered = from;
	call->media_fork = fork->number;
	if (!fork->has_session)
		CORE_COUNT(call->core, arena_full);
}

enum offer_result face_answer(struct call *call, const struct core_env *env, struct span sdp)
{
	enum call_side from = call->offer.from;

	if (!call->offer.fork || !face_is_wanted(call))
		return offer_answer(call, env, sdp, true);
	enum offer_result result = offer_answer(call, env, sdp, false);
	if (result != OFFER_OK) {
		offer_drop(call, env);
		return result;
	}
	offer_close(call);
	agree(call, from, sdp);
	return OFFER_OK;
}

// The session of the fork at hand comes back into force. Both sides know it, so what they were sent
// stays.
static enum offer_result resume(struct call *call, const struct core_env *env)
{
	const struct fork_state *fork = &call->fork;
	struct sip_text sent[CALL_LEGS];
	enum offer_result result;

	if (call->offer.is_open)
		offer_close(call);
	if (call->media_fork == fork->number)
		return OFFER_OK;
	for (uint32_t side = 0; side < CALL_LEGS; side++) {
		sent[side] = call->legs[side].sdp_sent;
		call->legs[side].sdp_sent = (struct sip_text){ 0 };
	}
	result = offer_receive(call, env, fork->offered, fork->said[fork->offered].text);
	if (result == OFFER_OK)
		result = offer_answer(call, env, fork->said[call_other(fork->offered)].text, true);
	// Leg B's is that of all forks, made anew for this one; leg A's was of this dialog.
	call->legs[CALL_LEG_A].sdp_sent = sent[CALL_LEG_A];
	if (span_is_empty(call->legs[CALL_LEG_B].sdp_sent.text))
		call->legs[CALL_LEG_B].sdp_sent = sent[CALL_LEG_B];
	call->media_fork = fork->number;
	return result;
}

bool face_settle(struct call *call, const struct core_env *env, enum offer_result *result)
{
	*result = OFFER_OK;
	if (!face_is_wanted(call) || call->invite.is_converted)
		return false;
	// What is asked in its own dialog is answered there.
	if (call->offer.is_open && call->offer.fork)
		return !call->invite.is_late;
	if (call->fork.has_session) {
		*result = resume(call, env);
		call->invite.is_late = false;
		return true;
	}
	if (call->invite.is_late || face_open_exchange(call, env))
		return false;
	if (!call->reliable.is_settled || call->media_fork != call->fork.number)
		*result = OFFER_NO_PORTS;
	return true;
}

// Ends -------------------------------------------------------------------------------------------

void face_win(struct call *call, const struct sip_turn *turn)
{
	if (!face_is_wanted(call))
		return;
	relay_end_others(call, turn);
	if (call->offer.is_open && call->offer.fork && call->offer.fork != call->fork.number)
		offer_drop(call, core_env_of(turn));
	for (struct call_fork *fork = call->forks; fork; fork = fork->next)
		face_stop(call, fork);
}

void face_tell_gone(struct call *call, const struct sip_turn *turn)
{
	struct leg_response response = { .status = 199 };

	// Nobody who wants each answer acknowledged needs this one (RFC 6228 4).
	if (face_is_wanted(call) && call->forks && !reliable_is_demanded(call, turn) &&
		ability_supports(&call->legs[CALL_LEG_A], OPTION_199))
		leg_respond(call, turn, call->invite.server, &response);
}

bool face_take_bye(struct call *call, const struct sip_turn *turn)
{
	struct leg_request bye = { .side = CALL_LEG_B, .method = SIP_METHOD_BYE };

	if (call->is_finished || !call->forks || !face_is_wanted(call))
		return false;
	bye.cseq = sip_dialog_next_cseq(&call->legs[CALL_LEG_B].dialog);
	leg_send(call, turn, &bye);
	CORE_COUNT(call->core, forks_ended);
	relay_end_fork(call, turn, call->fork.number);
	if (call->offer.is_open && call->offer.fork == call->fork.number)
		offer_drop(call, core_env_of(turn));
	fork_drop(call);
	return true;
}

#include "call/fork.h"

#include "call/core_private.h"

#include <errno.h>

static void swap(struct call *call, struct call_fork *fork)
{
	struct sip_dialog *dialog = &call->legs[CALL_LEG_B].dialog;
	struct sip_dialog other = *dialog;
	struct fork_state state = call->fork;

	*dialog = fork->dialog;
	call->fork = fork->state;
	fork->dialog = other;
	fork->state = state;
	face_swap(call, fork);
}

static void free_fork(struct call *call, struct call_fork *fork)
{
	face_stop(call, fork);
	slab_put(call->core->forks, fork);
}

bool fork_select_tag(struct call *call, struct span tag)
{
	if (span_eq(call->legs[CALL_LEG_B].dialog.remote_tag.text, tag))
		return true;
	for (struct call_fork *fork = call->forks; fork; fork = fork->next) {
		if (!span_eq(fork->dialog.remote_tag.text, tag))
			continue;
		swap(call, fork);
		return true;
	}
	return false;
}

bool fork_select(struct call *call, uint32_t number)
{
	if (call->fork.number == number)
		return true;
	for (struct call_fork *fork = call->forks; fork; fork = fork->next) {
		if (fork->state.number != number)
			continue;
		swap(call, fork);
		return true;
	}
	return false;
}

// Parks the dialog at hand. The new one shares the texts that never change.
static int park(struct call *call)
{
	struct sip_dialog *dialog = &call->legs[CALL_LEG_B].dialog;
	struct call_fork *fork;
	uint32_t count = 0;

	for (fork = call->forks; fork; fork = fork->next)
		count++;
	fork = count < FORKS_PER_CALL ? slab_get(call->core->forks) : NULL;
	if (!fork) {
		CORE_COUNT(call->core, forks_full);
		return -ENOSPC;
	}
	CORE_COUNT(call->core, forks);
	fork->dialog = *dialog;
	fork->state = call->fork;
	fork->next = call->forks;
	call->forks = fork;
	dialog->remote_tag = (struct sip_text){ 0 };
	dialog->remote_target = (struct sip_text){ 0 };
	dialog->route = NULL;
	dialog->route_count = dialog->route_room = 0;
	dialog->local_cseq = call->invite.client_cseq;
	dialog->has_remote_cseq = false;
	call->fork = (struct fork_state){ 0 };
	// Until it names another one.
	if (!call_set_text(call, &dialog->remote_target, fork->dialog.remote_target.text) ||
		!face_park(call, fork)) {
		CORE_COUNT(call->core, forks_full);
		fork->face = (struct face){ 0 };
		swap(call, fork);
		call->forks = fork->next;
		slab_put(call->core->forks, fork);
		return -ENOMEM;
	}
	return 0;
}

// Leg B's dialog is that fork's, or a new one without a tag yet.
static int turn_to(struct call *call, struct span tag)
{
	const struct sip_dialog *dialog = &call->legs[CALL_LEG_B].dialog;

	if (span_is_empty(tag) || span_is_empty(dialog->remote_tag.text) || dialog->is_confirmed ||
		fork_select_tag(call, tag))
		return 0;
	return park(call);
}

void fork_turn_to(struct call *call, struct span tag)
{
	if (!call->is_finished && face_is_wanted(call))
		turn_to(call, tag);
}

int fork_take(struct call *call, const struct sip_msg *msg)
{
	struct sip_dialog *dialog = &call->legs[CALL_LEG_B].dialog;
	int err = turn_to(call, msg->to.tag);

	// A final answer needs no room: its dialog takes the place of an early one.
	if (err && msg->status < 200)
		return err;
	if (err) {
		dialog->remote_tag.text.len = 0;
		dialog->route_count = 0;
		dialog->has_remote_cseq = false;
		call->fork = (struct fork_state){ 0 };
	}
	err = sip_dialog_receive_response(dialog, msg);
	if (err == 0 && call->fork.number == 0 && !span_is_empty(dialog->remote_tag.text))
		call->fork.number = ++call->fork_count;
	return err;
}

void fork_drop(struct call *call)
{
	struct call_fork *fork = call->forks;

	// Its session is gone with it: whose comes next is the first again.
	if (call->media_fork == call->fork.number)
		call->media_fork = 0;
	if (!fork)
		return;
	swap(call, fork);
	call->forks = fork->next;
	free_fork(call, fork);
}

uint32_t fork_cseq(const struct call *call, struct span tag)
{
	const struct sip_dialog *dialog = &call->legs[CALL_LEG_B].dialog;

	if (span_eq(dialog->remote_tag.text, tag))
		return dialog->local_cseq;
	for (const struct call_fork *fork = call->forks; fork; fork = fork->next)
		if (span_eq(fork->dialog.remote_tag.text, tag))
			return fork->dialog.local_cseq;
	return 0;
}

void fork_free_all(struct call *call)
{
	while (call->forks) {
		struct call_fork *fork = call->forks;

		call->forks = fork->next;
		free_fork(call, fork);
	}
}

void fork_stop_all(struct call *call)
{
	for (struct call_fork *fork = call->forks; fork; fork = fork->next)
		face_stop(call, fork);
}

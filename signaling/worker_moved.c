// worker_moved.c - calls that go from one worker to another, and the messages that follow them.
//
// The asker's ring brings the question to the worker that has the call, its ring the record back;
// what arrives for the call in between is passed on behind the record, in the same ring.
#include "worker_private.h"

#include "call/export.h"
#include "net/moved.h"

#include <errno.h>

uint32_t worker_owner_of(const struct worker *worker, const struct core_scan *scan)
{
	const struct dispatch *dispatch = worker->shared->dispatch;
	const struct moved *moved = dispatch_moved(dispatch);

	if (!moved_is_empty(moved) && !span_is_empty(scan->call_id)) {
		int at = moved_find(moved, core_call_key(&worker->shared->keys, scan->call_id));

		if (at >= 0)
			return (uint32_t)at;
	}
	return dispatch_owner(dispatch, scan->shard);
}

static void give(struct worker *worker, const struct dispatch_message *asked, struct span record)
{
	struct dispatch_message message = { .kind = DISPATCH_GIVE, .ticket = asked->ticket,
		.data = record };

	if (!dispatch_pass(worker->shared->dispatch, worker->index, asked->from, &message))
		metric_add(&worker->metrics.ring_full, 1);
}

// Both Call-IDs, or none. They are in the table before the call has left.
static bool point_to(struct worker *worker, const uint64_t keys[2], uint32_t to)
{
	struct moved *moved = dispatch_moved(worker->shared->dispatch);

	if (!moved_put(moved, keys[0], to))
		return false;
	if (moved_put(moved, keys[1], to))
		return true;
	moved_drop(moved, keys[0], to);
	return false;
}

void worker_asked(struct worker *worker, const struct dispatch_message *message)
{
	struct moved *moved = dispatch_moved(worker->shared->dispatch);
	uint8_t buf[CALL_RECORD_MAX];
	struct record_out out = { .buf = buf };
	uint64_t keys[2];

	// What has left the core must not find a full ring: it would be nobody's call.
	if (!dispatch_has_room(worker->shared->dispatch, worker->index, message->from,
		CALL_RECORD_MAX) ||
		!core_call_keys(worker->core, message->name, keys) ||
		!point_to(worker, keys, message->from)) {
		give(worker, message, SPAN_NONE);
		return;
	}
	if (core_move_out(worker->core, &worker->env, message->name, &out) < 0) {
		for (uint32_t i = 0; i < 2; i++)
			moved_drop(moved, keys[i], message->from);
		give(worker, message, SPAN_NONE);
		return;
	}
	metric_add(&worker->metrics.calls_given, 1);
	give(worker, message, span_make((const char *)buf, out.len));
}

void worker_given(struct worker *worker, const struct dispatch_message *message)
{
	core_fetched(worker->core, &worker->env, message->ticket, message->data);
}

void worker_fetch(struct worker *worker, const struct outbox_fetch *fetch)
{
	struct dispatch *dispatch = worker->shared->dispatch;
	uint32_t owner = dispatch_owner(dispatch, fetch->shard);
	struct dispatch_message message = { .kind = DISPATCH_ASK, .from = worker->index,
		.ticket = fetch->ticket, .name = fetch->name };

	if (owner == worker->index ||
		!dispatch_pass(dispatch, worker->index, owner, &message))
		core_fetched(worker->core, &worker->env, fetch->ticket, SPAN_NONE);
}

void worker_hand_over(struct worker *worker, const struct outbox_handover *handover)
{
	struct dispatch *dispatch = worker->shared->dispatch;
	struct moved *moved = dispatch_moved(dispatch);
	int at = moved_find(moved, handover->dialog);
	uint32_t owner = at < 0 ? dispatch_owner(dispatch, handover->shard) : (uint32_t)at;
	struct dispatch_message message = { .kind = DISPATCH_RECEIVED, .hop = handover->hop,
		.data = handover->data };
	struct core_message back = { .listener = handover->hop.listener,
		.source = handover->hop.addr, .connection = handover->hop.connection,
		.is_dialled = handover->hop.is_dialled, .peer_trunk = handover->hop.peer_trunk,
		.data = handover->data, .is_handed_over = true };

	if (owner != worker->index && moved_put(moved, handover->own, owner)) {
		if (dispatch_pass(dispatch, worker->index, owner, &message)) {
			metric_add(&worker->metrics.passed, 1);
			return;
		}
		moved_drop(moved, handover->own, owner);
		metric_add(&worker->metrics.ring_full, 1);
	}
	core_receive(worker->core, &worker->env, &back);
}

void worker_leg_gone(struct worker *worker, uint64_t key)
{
	moved_drop(dispatch_moved(worker->shared->dispatch), key, worker->index);
}

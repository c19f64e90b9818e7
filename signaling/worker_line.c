// worker_line.c - where new calls wait while a worker is busy with living ones.
//
// Whatever belongs to a call is handed to the core as it comes; of new calls only so many in a turn
// that the turn stays short. The others stand in a line, whose first ones begin when everything
// else is done. Under overload the line is short, and those who find no place are turned away.
#include "worker_private.h"

#include "call/newcomer.h"

#include <errno.h>

#define LINE_BYTES (1u << 20) // some 1,000 INVITEs: what comes in the first moments of an overload
#define LATE_MS    400u       // who has waited so long under overload is about to ask again

// What lies in the ring before the message's bytes.
struct waiting {
	struct dispatch_message message; // its spans mean nothing
	uint64_t since_ms;
	uint32_t call_id, call_id_len;   // where it stands in the data
	uint32_t len;
	char data[];
};

int worker_line_open(struct worker *worker)
{
	worker->line.ring = ring_new(LINE_BYTES);
	return worker->line.ring ? 0 : -ENOMEM;
}

void worker_line_free(struct worker *worker)
{
	ring_free(worker->line.ring);
}

static bool line_add(struct worker *worker, const struct dispatch_message *message,
	struct span call_id)
{
	struct worker_line *line = &worker->line;
	uint32_t bytes = (uint32_t)sizeof(struct waiting) + message->data.len;

	if (line->count >= worker->overload.line_max)
		return false;
	struct waiting *waiting = ring_reserve(line->ring, bytes);
	if (!waiting)
		return false;
	waiting->message = *message;
	waiting->since_ms = worker->env.now_ms;
	waiting->call_id_len = call_id.len;
	waiting->call_id = call_id.len ? (uint32_t)(call_id.ptr - message->data.ptr) : 0;
	waiting->len = message->data.len;
	memcpy(waiting->data, message->data.ptr, message->data.len);
	ring_commit(line->ring, bytes);
	line->count++;
	return true;
}

// The core says 503, unless it knows the INVITE already. Who came over a connection is never left
// without an answer: nobody repeats there.
static void turn_away(struct worker *worker, const struct dispatch_message *message,
	struct span call_id)
{
	struct core_env *env = &worker->env;
	struct core_env before = *env;

	if (env->refusals_left == 0 && !message->hop.connection) {
		env->calls_dropped++;
		metric_add(&worker->metrics.dropped_overload, 1);
		return;
	}
	env->is_overloaded = true;
	env->calls_left = 0;
	worker_core_take(worker, message, call_id);
	env->is_overloaded = before.is_overloaded;
	env->calls_left = before.calls_left;
}

bool worker_line_take(struct worker *worker, const struct dispatch_message *message,
	struct span call_id)
{
	struct worker_line *line = &worker->line;
	if (!span_starts(message->data, SPAN_LIT("INVITE ")))
		return false;
	// While nobody waits one that is no new call may count as one. Later it must not, or the
	// requests of living calls would keep the line standing for ever.
	if (line->count == 0 && line->taken < OVERLOAD_CALLS_PER_TURN) {
		line->taken++;
		return false;
	}
	if (!newcomer_is(worker->env.config, &message->hop, message->data))
		return false;
	if (!line_add(worker, message, call_id))
		turn_away(worker, message, call_id);
	return true;
}

static void serve(struct worker *worker, const struct waiting *waiting)
{
	struct dispatch_message message = waiting->message;
	bool is_late = worker->env.now_ms - waiting->since_ms > LATE_MS;

	message.data = span_make(waiting->data, waiting->len);
	struct span call_id = span_sub(message.data, waiting->call_id, waiting->call_id_len);
	if (worker->overload.is_limiting && is_late) {
		turn_away(worker, &message, call_id);
		return;
	}
	worker->line.taken++;
	worker_core_take(worker, &message, call_id);
}

void worker_line_run(struct worker *worker)
{
	struct worker_line *line = &worker->line;
	const struct waiting *first = NULL;
	uint64_t waited_ms = 0;
	uint32_t len;

	while (line->count > 0) {
		first = ring_peek(line->ring, &len);
		if (line->taken >= OVERLOAD_CALLS_PER_TURN)
			break;
		serve(worker, first);
		ring_release(line->ring);
		line->count--;
	}
	line->taken = 0;
	if (line->count > 0) {
		waited_ms = worker->env.now_ms - first->since_ms;
		worker->is_more = true;
	}
	worker_overload_waited(worker, waited_ms * 1000);
}

// stream_deadline.c - how long a connection may take for what. One timer each, for the next of its
// deadlines.
#include "net/stream_private.h"

#include <stddef.h>

struct deadline {
	uint64_t at_ms;
	enum close_reason reason;
};

#define PING CLOSE_REASON_COUNT // no end: something is to be sent

static void deadline_limit(struct deadline *deadline, uint64_t since_ms, uint64_t ms,
	enum close_reason reason)
{
	if (since_ms + ms < deadline->at_ms)
		*deadline = (struct deadline){ since_ms + ms, reason };
}

static struct deadline connection_deadline(const struct connection *connection)
{
	const struct stream_params *params = &connection->streams->params;
	struct deadline deadline = { UINT64_MAX, CLOSE_IDLE };

	if (connection->stalled_ms != 0)
		deadline_limit(&deadline, connection->stalled_ms, params->message_ms,
			CLOSE_STALLED);
	if (connection->state != CONNECTION_OPEN) {
		if (connection->is_outbound)
			deadline_limit(&deadline, connection->opened_ms, params->connect_ms,
				CLOSE_CONNECT_TIMEOUT);
		else
			deadline_limit(&deadline, connection->opened_ms, params->handshake_ms,
				CLOSE_HANDSHAKE_TIMEOUT);
		return deadline;
	}
	if (connection->pinged_ms != 0)
		deadline_limit(&deadline, connection->pinged_ms, STREAM_PONG_MS, CLOSE_NO_PONG);
	else if (connection->ping_ms != 0)
		deadline_limit(&deadline, connection->ping_ms, 0, PING);
	if (connection->ended_ms != 0)
		deadline_limit(&deadline, connection->ended_ms, params->message_ms, CLOSE_PEER);
	if (connection->partial_ms != 0)
		deadline_limit(&deadline, connection->partial_ms, params->message_ms, CLOSE_SLOW);
	if (!connection->has_spoken && !connection->is_outbound)
		deadline_limit(&deadline, connection->opened_ms,
			(uint64_t)params->handshake_ms + params->message_ms, CLOSE_SILENT);
	if (params->idle_ms != 0)
		deadline_limit(&deadline, connection->active_ms, params->idle_ms, CLOSE_IDLE);
	return deadline;
}

// Times move on with each message, the timer does not: it asks again when it fires.
static void on_deadline(struct timer *timer, void *context)
{
	struct connection *connection =
		(struct connection *)((char *)timer - offsetof(struct connection, timer));
	struct streams *streams = context;
	struct deadline deadline = connection_deadline(connection);

	if (deadline.at_ms <= streams->now_ms && deadline.reason == PING) {
		connection_ping(connection);
		deadline = connection_deadline(connection);
	}
	if (deadline.at_ms <= streams->now_ms)
		connection_close(connection, deadline.reason, NULL);
	else if (deadline.at_ms != UINT64_MAX)
		timer_start(streams->wheel, &connection->timer, deadline.at_ms, on_deadline);
}

void connection_arm(struct connection *connection)
{
	uint64_t at_ms = connection_deadline(connection).at_ms;

	if (connection->state == CONNECTION_CLOSED || at_ms == UINT64_MAX)
		return;
	if (!timer_is_armed(&connection->timer) || at_ms < connection->timer.deadline_ms)
		timer_start(connection->streams->wheel, &connection->timer, at_ms, on_deadline);
}

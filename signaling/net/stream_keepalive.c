// stream_keepalive.c - keep-alive by the side that dialled (RFC 5626 4.4.1): we ask, the far end
// answers within ten seconds or the connection is dead, whatever TCP believes.
//
// A ping is a double CRLF, on a WebSocket a frame of its own (RFC 6455 5.5.2).
#include "net/stream_private.h"

#define SPREAD 21u // per cent: 80 to 100 of the interval, so that flows do not ask in step

static uint64_t next_ping(struct connection *connection)
{
	uint32_t interval_ms = connection->keepalive_ms;
	uint32_t draw = (uint32_t)(connection->handle ^ connection->handle >> 32) * 2654435761u +
		connection->pings * 40503u;

	return connection->streams->now_ms + interval_ms -
		(uint64_t)interval_ms * (draw % SPREAD) / 100;
}

void connection_keep_alive(struct connection *connection, uint32_t interval_ms)
{
	connection->keepalive_ms = interval_ms;
	connection->ping_ms = interval_ms > 0 ? next_ping(connection) : 0;
}

void connection_ping(struct connection *connection)
{
	connection->pinged_ms = connection->streams->now_ms;
	connection->pings++;
	metric_add(&connection->streams->params.metrics->stream_pings, 1);
	// A queue that has no room for it is no sign of life: the deadline stands.
	if (connection->ws != NULL) {
		ws_ping(connection->ws);
		return;
	}
	sip_framer_expect_pong(&connection->framer);
	connection_send(connection, &(struct stream_send){
		.data = SIP_FRAME_PING_TEXT, .is_again = true });
}

void connection_ponged(struct connection *connection)
{
	if (connection->pinged_ms == 0)
		return;
	connection->pinged_ms = 0;
	connection->ping_ms = next_ping(connection);
	metric_add(&connection->streams->params.metrics->stream_pongs, 1);
	connection_arm(connection);
}

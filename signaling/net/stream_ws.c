// stream_ws.c - WebSocket between the bytes of a connection and its messages (RFC 7118).
#include "net/stream_private.h"

#include <stdio.h>

#define MESSAGE_MAX SIP_MESSAGE_MAX

static void on_open(void *user)
{
	connection_opened(user);
}

static void on_message(void *user, struct span message)
{
	static const struct sip_frame_limits limits = SIP_FRAME_LIMITS_DEFAULT;
	struct connection *connection = user;
	struct sip_frame frame;

	// The codec may hold more of what came when a message ended the connection.
	if (!connection_is_usable(connection))
		return;
	sip_frame_single(message, &limits, &frame);
	connection_take_frame(connection, &frame);
}

static void on_output(void *user, struct span bytes)
{
	struct connection *connection = user;

	// A frame of which a part is missing would be the end of the stream's sense.
	if (connection->state == CONNECTION_CLOSED || connection->is_cut)
		return;
	connection->is_cut = !connection_put(connection, bytes);
}

bool connection_open_ws(struct connection *connection)
{
	const struct stream_listener *listener =
		stream_listener_of(connection->streams, connection->hop.listener);
	char host[ADDR_TEXT_MAX];
	struct ws_params params = {
		.handler = { .user = connection, .on_open = on_open, .on_message = on_message,
			.on_output = on_output },
		.message_max = MESSAGE_MAX,
		.host = connection->hop.tls_name,
		.path = SPAN_LIT("/"),
		.origins = listener->origins,
		.origin_count = listener->origin_count,
	};

	if (params.host.len == 0)
		params.host = span_make(host, addr_format(&connection->hop.addr, host));
	connection->ws = connection->is_outbound ? ws_new_client(&params) : ws_new_server(&params);
	return connection->ws != NULL;
}

void connection_receive_ws(struct connection *connection, struct span data)
{
	connection->is_receiving = true;
	enum ws_verdict verdict = ws_receive(connection->ws, data);
	connection->is_receiving = false;

	if (!connection_is_usable(connection))
		return;
	if (connection->is_cut) {
		connection_close(connection, CLOSE_BUFFERS, NULL);
		return;
	}
	if (verdict == WS_OVER) {
		connection_finish(connection, CLOSE_WEBSOCKET, ws_why(connection->ws));
		return;
	}
	connection_send_waiting(connection);
	if (connection->state == CONNECTION_OPEN && ws_is_idle(connection->ws)) {
		connection->partial_ms = 0;
	} else if (connection->partial_ms == 0) {
		connection->partial_ms = connection->streams->now_ms;
		connection_arm(connection);
	}
}

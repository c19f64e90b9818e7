// stream_ws.c - WebSocket between the bytes of a connection and its messages (RFC 7118).
#include "net/stream_private.h"

#include <stdio.h>

#define MESSAGE_MAX SIP_MESSAGE_MAX
#define HOST_MAX    (SIP_TLS_NAME_MAX + sizeof(":65535"))

_Static_assert(HOST_MAX >= ADDR_TEXT_MAX, "an address fits as well");

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

// A keep-alive like any other, and like any other a part of the turn's portion.
static void on_control(void *user)
{
	struct connection *connection = user;

	connection_spoke(connection);
	if (ws_pongs(connection->ws) == connection->pongs_seen) {
		metric_add(&connection->streams->params.metrics->stream_keepalives, 1);
		return;
	}
	connection->pongs_seen = ws_pongs(connection->ws);
	connection_ponged(connection);
}

static void on_output(void *user, struct span bytes)
{
	struct connection *connection = user;

	// A frame of which a part is missing would be the end of the stream's sense.
	if (connection->state == CONNECTION_CLOSED || connection->is_cut)
		return;
	connection->is_cut = !connection_put(connection, bytes);
}

// Whom we ask for: the name that we called or the address, with a port that is not the usual one.
static struct span host_of(const struct connection *connection, char buf[HOST_MAX])
{
	const struct addr *addr = &connection->hop.addr;
	struct span name = connection->hop.tls_name;
	bool is_usual = addr->port == (connection->transport == SIP_TRANSPORT_WSS ? 443 : 80);
	int len;

	if (name.len == 0)
		return span_make(buf, addr_format(addr, buf));
	if (is_usual)
		return name;
	len = snprintf(buf, HOST_MAX, SPAN_FMT ":%u", SPAN_ARG(name), addr->port);
	return span_make(buf, (uint32_t)len);
}

bool connection_open_ws(struct connection *connection)
{
	const struct stream_listener *listener =
		stream_listener_of(connection->streams, connection->hop.listener);
	char host[HOST_MAX];
	struct ws_params params = {
		.handler = { .user = connection, .on_open = on_open, .on_message = on_message,
			.on_control = on_control, .on_output = on_output },
		.message_max = MESSAGE_MAX,
		.host = host_of(connection, host),
		.path = connection->is_outbound ? connection_rules(connection).path : SPAN_NONE,
		.origins = listener->origins,
		.origin_count = listener->origin_count,
	};

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

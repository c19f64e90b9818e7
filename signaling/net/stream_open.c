// stream_open.c - from a socket to a connection that carries messages: accept, dial, TLS.
#include "net/stream_private.h"

#include "base/log.h"
#include "net/tcp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void log_refused(struct streams *streams, const struct sip_hop *hop, const char *event,
	const char *why)
{
	char text[ADDR_TEXT_MAX];

	if (!stream_may_log(streams))
		return;
	addr_format(&hop->addr, text);
	LOG_WARN(NET, event, "peer=%s listener=%u.%u reason=\"%s\"", text, hop->listener >> 8,
		hop->listener & 0xff, why);
}

// False: no more of them now.
static bool accept_one(struct streams *streams, struct stream_listener *listener)
{
	struct net_metrics *metrics = streams->params.metrics;
	struct sip_hop hop = { .listener = listener->id };
	int fd = tcp_accept(listener->fd, &hop.addr);

	if (fd == -EAGAIN)
		return false;
	if (fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS || fd == -ENOMEM) {
		metric_add(&metrics->stream_accept_errors, 1);
		log_refused(streams, &hop, "accept_failed", strerror(-fd));
		streams->paused_ms = streams->now_ms;
		return false;
	}
	if (fd < 0) { // that one is gone again
		metric_add(&metrics->stream_accept_errors, 1);
		return true;
	}
	struct connection *connection = connection_add(streams, &hop, fd, false);
	if (connection == NULL) {
		log_refused(streams, &hop, "connection_refused", "limit of connections");
		return true;
	}
	metric_add(&metrics->stream_accepted, 1);
	connection_connected(connection);
	return true;
}

void stream_accept(struct streams *streams, struct stream_listener *listener)
{
	while (streams->accepts_left > 0 && streams->paused_ms == 0) {
		streams->accepts_left--;
		if (!accept_one(streams, listener))
			return;
	}
}

struct connection *stream_dial(struct streams *streams, const struct sip_hop *hop)
{
	const struct stream_listener *listener = stream_listener_of(streams, hop->listener);
	struct connection *connection;
	struct sip_hop target = *hop;
	int fd = listener != NULL ? tcp_dial(&listener->addr, &hop->addr) : -EADDRNOTAVAIL;

	target.is_bound = false;
	if (fd < 0) {
		metric_add(&streams->params.metrics->stream_connect_failed, 1);
		log_refused(streams, hop, "connect_failed", strerror(-fd));
		return NULL;
	}
	tcp_mark(fd, &listener->addr, listener->dscp);
	connection = connection_add(streams, &target, fd, true);
	if (connection == NULL) {
		log_refused(streams, hop, "connect_failed", "limit of connections");
		return NULL;
	}
	metric_add(&streams->params.metrics->stream_dialled, 1);
	connection_arm(connection);
	return connection;
}

// TLS is open, or there is none.
static void connection_go_on(struct connection *connection)
{
	if (connection->transport != SIP_TRANSPORT_WS && connection->transport != SIP_TRANSPORT_WSS)
		connection_opened(connection);
	else if (!connection_open_ws(connection))
		connection_close(connection, CLOSE_WEBSOCKET, "out of memory");
}

static bool connection_open_tls(struct connection *connection)
{
	struct tls_context *context = connection_rules(connection).tls;

	if (context != NULL)
		connection->tls = tls_session_new(context, connection->hop.tls_name,
			&connection->hop.addr.ip);
	return connection->tls != NULL;
}

void connection_connected(struct connection *connection)
{
	bool is_secure = sip_transport_is_secure(connection->transport);
	bool was_write_polled = connection->is_write_polled;

	connection->is_write_polled = false;
	connection->state = is_secure ? CONNECTION_TLS : CONNECTION_UPGRADE;
	if (was_write_polled)
		connection_poll(connection);
	connection_arm(connection);
	if (!is_secure)
		connection_go_on(connection);
	else if (connection->is_outbound) // a client begins; a server waits, without a session
		connection_handshake(connection);
}

static void tls_opened(struct connection *connection)
{
	const struct stream_handler *handler = &connection->streams->params.handler;
	char text[ADDR_TEXT_MAX], what[80];

	if (handler->peer_of != NULL)
		connection->hop.peer_trunk =
			handler->peer_of(handler->user, &connection->hop, connection->tls);
	metric_add(&connection->streams->params.metrics->tls_handshakes, 1);
	if (tls_session_is_resumed(connection->tls))
		metric_add(&connection->streams->params.metrics->tls_resumed, 1);
	if (log_is_on(LOG_NET, LOG_LEVEL_DEBUG, 0) && stream_may_log(connection->streams)) {
		addr_format(&connection->hop.addr, text);
		tls_session_describe(connection->tls, what, sizeof(what));
		LOG_DEBUG(NET, "tls_open", "peer=%s direction=%s tls=\"%s\"", text,
			connection->is_outbound ? "out" : "in", what);
	}
	connection->state = CONNECTION_UPGRADE;
	connection_go_on(connection);
}

bool connection_handshake(struct connection *connection)
{
	if (connection->tls == NULL && !connection_open_tls(connection)) {
		connection_close(connection, CLOSE_TLS, "no TLS rules, or out of memory");
		return false;
	}
	switch (tls_session_handshake(connection->tls)) {
	case TLS_OPEN:
		connection_touch(connection);
		tls_opened(connection);
		return connection->state != CONNECTION_CLOSED;
	case TLS_HANDSHAKE:
		connection_touch(connection);
		return false;
	default:
		connection_close(connection, CLOSE_TLS, tls_session_why(connection->tls));
		return false;
	}
}

void connection_opened(struct connection *connection)
{
	connection->state = CONNECTION_OPEN;
	connection->active_ms = connection->streams->now_ms;
	if (connection->is_outbound)
		connection_keep_alive(connection, connection_rules(connection).keepalive_ms);
	connection_arm(connection);
	connection_touch(connection);
	connection_send_waiting(connection);
}

// stream_read.c - from the socket to whole messages.
//
// Half a message is kept in memory of its own, all else passes through the buffer of the streams. A
// handler may end any connection meanwhile, this one too: its state is looked at after each call.
#include "net/stream_private.h"

#include "base/check.h"
#include "net/tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RX_BYTES_MIN 2048u

// Half a message grows by doubling; what it takes is counted at the source.
static bool rx_reserve(struct connection *connection, uint32_t bytes)
{
	uint32_t cap = connection->rx_cap > 0 ? connection->rx_cap : RX_BYTES_MIN;
	char *larger;

	while (cap < bytes)
		cap *= 2;
	if (cap == connection->rx_cap)
		return true;
	if (!connection_take_bytes(connection, cap - connection->rx_cap))
		return false;
	larger = realloc(connection->rx, cap);
	if (larger == NULL) {
		connection_give_bytes(connection, cap - connection->rx_cap);
		return false;
	}
	connection->rx = larger;
	connection->rx_cap = cap;
	return true;
}

static void rx_drop(struct connection *connection)
{
	connection_give_bytes(connection, connection->rx_cap);
	free(connection->rx);
	connection->rx = NULL;
	connection->rx_len = 0;
	connection->rx_cap = 0;
	connection->partial_ms = 0;
}

// Keeps `rest`, which may lie in rx itself, for the next read.
static void rx_keep(struct connection *connection, struct span rest)
{
	if (rest.len == 0) {
		rx_drop(connection);
		return;
	}
	if (connection->rx == NULL && !rx_reserve(connection, rest.len)) {
		connection_close(connection, CLOSE_BUFFERS, NULL);
		return;
	}
	memmove(connection->rx, rest.ptr, rest.len);
	connection->rx_len = rest.len;
}

static bool rx_append(struct connection *connection, struct span data)
{
	if (!rx_reserve(connection, connection->rx_len + data.len))
		return false;
	memcpy(connection->rx + connection->rx_len, data.ptr, data.len);
	connection->rx_len += data.len;
	return true;
}

// Something whole came: deadlines begin anew. A keep-alive counts in the portion of the turn like a
// message: thousands of them fit into one read.
void connection_spoke(struct connection *connection)
{
	struct streams *streams = connection->streams;

	connection->active_ms = streams->now_ms;
	connection->partial_ms = 0;
	connection->has_spoken = true;
	if (streams->messages_left > 0)
		streams->messages_left--;
}

// Whether the far end waits for an answer to it.
static bool is_question(struct span message)
{
	return !span_starts(message, SPAN_LIT("SIP/2.0 ")) &&
		!span_starts(message, SPAN_LIT("ACK "));
}

static void take_message(struct connection *connection, struct span message)
{
	struct streams *streams = connection->streams;
	const struct stream_handler *handler = &streams->params.handler;

	connection->owed += is_question(message);

	metric_add(&streams->params.metrics->stream_messages, 1);
	handler->on_message(handler->user, &connection->hop, message);
}

void connection_take_frame(struct connection *connection, const struct sip_frame *frame)
{
	switch (frame->kind) {
	case SIP_FRAME_MORE:
		return;
	case SIP_FRAME_MESSAGE:
		connection_spoke(connection);
		take_message(connection, frame->data);
		return;
	case SIP_FRAME_PING:
		connection_spoke(connection);
		metric_add(&connection->streams->params.metrics->stream_keepalives, 1);
		// Of no use by another connection.
		connection_send(connection, &(struct stream_send){
			.data = SIP_FRAME_PONG_TEXT, .is_again = true });
		return;
	case SIP_FRAME_PONG:
		connection_spoke(connection);
		connection_ponged(connection);
		return;
	case SIP_FRAME_REFUSE:
		connection_refuse(connection, frame);
		return;
	case SIP_FRAME_CLOSE:
		connection_close(connection, CLOSE_GARBAGE, frame->reason);
		return;
	}
}

// All the messages of the stream that are complete.
static void take_stream(struct connection *connection, struct span data)
{
	struct span pending = data;
	struct sip_frame frame;

	if (connection->rx_len > 0) {
		if (!rx_append(connection, data)) {
			connection_close(connection, CLOSE_BUFFERS, NULL);
			return;
		}
		pending = span_make(connection->rx, connection->rx_len);
	}
	do {
		sip_framer_next(&connection->framer, pending, &frame);
		CHECK(frame.consumed <= pending.len);
		connection_take_frame(connection, &frame);
		if (!connection_is_usable(connection))
			return;
		pending = span_sub(pending, frame.consumed, pending.len - frame.consumed);
	} while (frame.kind != SIP_FRAME_MORE);
	rx_keep(connection, pending);
	if (connection->rx_len > 0 && connection->partial_ms == 0) {
		connection->partial_ms = connection->streams->now_ms;
		connection_arm(connection);
	}
}

static void take_plain(struct connection *connection, struct span data)
{
	if (connection->ws != NULL)
		connection_receive_ws(connection, data);
	else
		take_stream(connection, data);
}

static void take_tls(struct connection *connection, struct span data)
{
	struct streams *streams = connection->streams;
	uint32_t len = 1;

	if (connection->tls == NULL || connection->state == CONNECTION_TLS) {
		streams->handshakes_left--;
		// The first bytes of a client make its session; before them it costs little.
		if (connection->tls == NULL && !connection_handshake(connection) &&
			connection->state == CONNECTION_CLOSED)
			return;
		if (!tls_session_receive(connection->tls, data)) {
			connection_close(connection, CLOSE_TLS, "out of memory");
			return;
		}
		if (!connection_handshake(connection))
			return;
	} else if (!tls_session_receive(connection->tls, data)) {
		connection_close(connection, CLOSE_TLS, "out of memory");
		return;
	}
	while (connection_is_usable(connection) && connection->ended_ms == 0 && len > 0) {
		enum tls_state state = tls_session_read(connection->tls, streams->plain,
			sizeof(streams->plain), &len);
		if (len > 0)
			take_plain(connection, span_make(streams->plain, len));
		else if (state == TLS_CLOSED)
			connection_ended(connection);
		else if (state == TLS_FAILED)
			connection_close(connection, CLOSE_TLS, tls_session_why(connection->tls));
	}
	// Answers to key updates and the like.
	if (connection->state != CONNECTION_CLOSED &&
		tls_session_output(connection->tls).len > 0)
		connection_touch(connection);
}

void connection_receive(struct connection *connection)
{
	struct streams *streams = connection->streams;
	ssize_t n;

	if (streams->messages_left == 0 ||
		(connection->state == CONNECTION_TLS && streams->handshakes_left == 0))
		return; // the next turn sees it again
	n = tcp_receive(connection->fd, streams->wire, sizeof(streams->wire));
	if (n == -EAGAIN)
		return;
	if (n == 0) {
		connection_ended(connection);
		return;
	}
	if (n < 0) {
		connection_close(connection, CLOSE_ERROR, strerror((int)-n));
		return;
	}
	metric_add(&streams->params.metrics->stream_received_bytes, (uint64_t)n);
	connection_note_acked(connection);
	struct span data = span_make(streams->wire, (uint32_t)n);
	if (connection->is_over)
		return; // what comes behind a refused message is not looked at
	if (sip_transport_is_secure(connection->transport))
		take_tls(connection, data);
	else
		take_plain(connection, data);
}

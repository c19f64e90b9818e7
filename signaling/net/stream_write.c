// stream_write.c - a bounded queue for each connection, written in order, as one or many.
#include "net/stream_private.h"

#include "base/check.h"
#include "net/tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define QUEUE_BYTES_MAX   (2u << 20) // of one connection
#define VECTORS_MAX       32
#define ENCRYPT_BYTES_MAX 32768u     // so much ciphertext waits in memory before it is written

bool connection_take_bytes(struct connection *connection, uint32_t bytes)
{
	struct source_table *sources = connection->streams->params.sources;

	if (!source_take_bytes(sources, &connection->hop.addr.ip, bytes))
		return false;
	connection->bytes += bytes;
	return true;
}

void connection_give_bytes(struct connection *connection, uint32_t bytes)
{
	CHECK(bytes <= connection->bytes);
	connection->bytes -= bytes;
	source_give_bytes(connection->streams->params.sources, &connection->hop.addr.ip, bytes);
}

void connection_touch(struct connection *connection)
{
	struct streams *streams = connection->streams;

	if (connection->is_dirty || connection->state == CONNECTION_CLOSED)
		return;
	connection->is_dirty = true;
	connection->next_dirty = streams->dirty;
	streams->dirty = connection;
}

void chunk_append(struct chunk_list *list, struct chunk *chunk)
{
	if (list->tail != NULL)
		list->tail->next = chunk;
	else
		list->head = chunk;
	list->tail = chunk;
}

struct chunk *chunk_pop(struct chunk_list *list)
{
	struct chunk *chunk = list->head;

	list->head = chunk->next;
	if (list->head == NULL)
		list->tail = NULL;
	return chunk;
}

static uint32_t chunk_bytes(uint32_t len)
{
	return (uint32_t)sizeof(struct chunk) + len;
}

// A copy of `data`, counted at the source. NULL: no room.
static struct chunk *chunk_new(struct connection *connection, struct span data)
{
	uint32_t bytes = chunk_bytes(data.len);
	struct chunk *chunk;

	if (connection->bytes + bytes > QUEUE_BYTES_MAX ||
		!connection_take_bytes(connection, bytes))
		return NULL;
	chunk = malloc(bytes);
	if (chunk == NULL) {
		connection_give_bytes(connection, bytes);
		return NULL;
	}
	*chunk = (struct chunk){ .len = data.len };
	memcpy(chunk->data, data.ptr, data.len);
	return chunk;
}

void chunk_free(struct connection *connection, struct chunk *chunk)
{
	connection_give_bytes(connection, chunk_bytes(chunk->len));
	free(chunk);
}

static void tell_failed(struct connection *connection, const struct chunk *chunk,
	enum stream_failure failure)
{
	const struct stream_handler *handler = &connection->streams->params.handler;

	if (chunk->ticket != 0)
		handler->on_failed(handler->user, chunk->from, chunk->ticket, failure);
}

void chunk_fail(struct connection *connection, struct chunk *chunk, enum stream_failure failure)
{
	metric_add(&connection->streams->params.metrics->stream_unsent, 1);
	tell_failed(connection, chunk, failure);
	chunk_free(connection, chunk);
}

static void list_fail(struct connection *connection, struct chunk_list *list,
	enum stream_failure failure)
{
	while (list->head != NULL)
		chunk_fail(connection, chunk_pop(list), failure);
}

void connection_fail_queued(struct connection *connection, enum stream_failure failure)
{
	list_fail(connection, &connection->unacked, failure);
	list_fail(connection, &connection->out, failure);
	list_fail(connection, &connection->waiting, failure);
}

// Appends to `out` what carries the current message of WebSocket, or bytes of nobody's.
bool connection_put(struct connection *connection, struct span bytes)
{
	struct chunk *chunk;

	if (bytes.len == 0)
		return true;
	chunk = chunk_new(connection, bytes);
	if (chunk == NULL)
		return false;
	if (connection->current != NULL) {
		// The ticket moves to the last of the chunks that carry the message.
		chunk->ticket = connection->current->ticket;
		chunk->from = connection->current->from;
		if (connection->last_of_current != NULL)
			connection->last_of_current->ticket = 0;
		connection->last_of_current = chunk;
	}
	chunk_append(&connection->out, chunk);
	connection_touch(connection);
	return true;
}

// By WebSocket: 0 or -errno; the ticket went over to the frame.
static int send_framed(struct connection *connection, struct chunk *message)
{
	int rc;

	connection->current = message;
	connection->last_of_current = NULL;
	connection->is_cut = false;
	rc = ws_send(connection->ws, span_make(message->data, message->len));
	if (rc == 0 && connection->is_cut)
		rc = -ENOBUFS;
	if (rc < 0 && connection->last_of_current != NULL)
		connection->last_of_current->ticket = 0;
	connection->current = NULL;
	connection->last_of_current = NULL;
	return rc;
}

void connection_send_waiting(struct connection *connection)
{
	// The codec would keep it until all is read, outside of every limit and without its ticket.
	if (connection->is_receiving)
		return;
	while (connection->waiting.head != NULL && connection->state == CONNECTION_OPEN) {
		struct chunk *chunk = chunk_pop(&connection->waiting);
		int rc = 0;
		if (connection->ws == NULL) {
			chunk_append(&connection->out, chunk);
			continue;
		}
		// Its frame takes the room from here on: it is not counted twice.
		connection_give_bytes(connection, chunk_bytes(chunk->len));
		rc = send_framed(connection, chunk);
		if (rc < 0)
			tell_failed(connection, chunk, STREAM_CLOSED);
		free(chunk);
		if (rc < 0)
			connection_close(connection, CLOSE_WEBSOCKET, strerror(-rc));
	}
}

static bool is_final_answer(struct span message)
{
	return message.len > 8 && span_starts(message, SPAN_LIT("SIP/2.0 ")) &&
		message.ptr[8] != '1';
}

void connection_send(struct connection *connection, const struct stream_send *send)
{
	struct streams *streams = connection->streams;
	struct chunk *chunk = send->data.len > 0 ? chunk_new(connection, send->data) : NULL;

	if (chunk == NULL) {
		metric_add(&streams->params.metrics->stream_queue_full, 1);
		if (send->ticket != 0)
			streams->params.handler.on_failed(streams->params.handler.user, send->from,
				send->ticket, STREAM_QUEUE_FULL);
		return;
	}
	chunk->ticket = send->ticket;
	chunk->from = send->from;
	chunk->is_again = send->is_again;
	metric_add(&streams->params.metrics->stream_sent, 1);
	connection->active_ms = streams->now_ms;
	if (connection->owed > 0 && is_final_answer(send->data))
		connection->owed--;
	chunk_append(&connection->waiting, chunk);
	if (connection->state == CONNECTION_OPEN) {
		connection_send_waiting(connection);
		connection_touch(connection);
	}
}

// To the socket -----------------------------------------------------------------------------------

static void poll_for(struct connection *connection, bool is_writing)
{
	if (connection->is_write_polled == is_writing)
		return;
	connection->is_write_polled = is_writing;
	connection_poll(connection);
}

// What a write returned. True: go on writing.
static bool note_written(struct connection *connection, ssize_t n, size_t wanted)
{
	if (n < 0 && n != -EAGAIN) {
		connection_close(connection, CLOSE_ERROR, strerror((int)-n));
		return false;
	}
	if (n > 0) {
		metric_add(&connection->streams->params.metrics->stream_sent_bytes, (uint64_t)n);
		connection->stalled_ms = 0;
	}
	if (n == (ssize_t)wanted)
		return true;
	if (connection->stalled_ms == 0) {
		connection->stalled_ms = connection->streams->now_ms;
		connection_arm(connection);
	}
	poll_for(connection, true);
	return false;
}

static void drop_written(struct connection *connection, size_t bytes)
{
	while (bytes > 0) {
		struct chunk *chunk = connection->out.head;
		uint32_t left = chunk->len - chunk->sent;
		if (bytes < left) {
			chunk->sent += (uint32_t)bytes;
			connection->wire_bytes += bytes;
			return;
		}
		bytes -= left;
		connection->wire_bytes += left;
		connection_written(connection, chunk_pop(&connection->out));
	}
}

// False: the socket took all it can, or broke.
static bool pump_plain(struct connection *connection)
{
	struct iovec vectors[VECTORS_MAX];
	struct msghdr header = { .msg_iov = vectors };
	size_t wanted = 0;

	for (struct chunk *chunk = connection->out.head;
		chunk != NULL && header.msg_iovlen < VECTORS_MAX; chunk = chunk->next) {
		vectors[header.msg_iovlen++] = (struct iovec){ chunk->data + chunk->sent,
			chunk->len - chunk->sent };
		wanted += chunk->len - chunk->sent;
	}
	ssize_t n = sendmsg(connection->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		n = errno == EINTR ? -EAGAIN : -errno;
	if (n > 0)
		drop_written(connection, (size_t)n);
	return note_written(connection, n, wanted);
}

// Chunks stay in the queue until their ciphertext left: their tickets say what was not written.
static bool encrypt_some(struct connection *connection)
{
	for (struct chunk *chunk = connection->out.head; chunk != NULL; chunk = chunk->next) {
		if (!tls_session_write(connection->tls, span_make(chunk->data, chunk->len))) {
			connection_close(connection, CLOSE_TLS, tls_session_why(connection->tls));
			return false;
		}
		chunk->is_encrypted = true;
		if (tls_session_output(connection->tls).len >= ENCRYPT_BYTES_MAX)
			break;
	}
	return true;
}

static bool pump_tls(struct connection *connection)
{
	struct span output = tls_session_output(connection->tls);

	if (output.len == 0 && connection->state > CONNECTION_TLS) {
		if (!encrypt_some(connection))
			return false;
		output = tls_session_output(connection->tls);
	}
	if (output.len == 0)
		return false;
	ssize_t n = tcp_send(connection->fd, output);
	if (n > 0) {
		tls_session_sent(connection->tls, (uint32_t)n);
		connection->wire_bytes += (uint64_t)n;
	}
	if (!note_written(connection, n, output.len))
		return false;
	while (connection->out.head != NULL && connection->out.head->is_encrypted)
		connection_written(connection, chunk_pop(&connection->out));
	return true;
}

void connection_pump(struct connection *connection)
{
	bool is_going = connection->state != CONNECTION_CLOSED &&
		connection->state != CONNECTION_CONNECTING;

	if (!is_going)
		return;
	connection_note_acked(connection);
	while (is_going)
		is_going = connection->tls != NULL ? pump_tls(connection) :
			connection->out.head != NULL && pump_plain(connection);
	if (connection->state == CONNECTION_CLOSED || connection->stalled_ms != 0)
		return;
	poll_for(connection, false);
	if (connection->is_over)
		connection_close(connection, connection->over_reason, connection->over_detail);
	else if (connection->ended_ms != 0 && connection->owed == 0)
		connection_close(connection, CLOSE_PEER, NULL);
}

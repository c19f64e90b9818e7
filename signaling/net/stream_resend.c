// stream_resend.c - what a broken connection takes with it goes once more, by a new one.
//
// Written is not delivered: a peer that lost its state, or a firewall on the way that did, answers
// the next message by RST, and that message would be missed until its transaction gives up after
// 32 s. So messages of connections that we opened are kept until the far end's kernel has them. One
// that comes twice is no harm, transactions know it by its branch (RFC 3261 17.2.3).
#include "net/stream_private.h"

#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>

// A WebSocket's chunks are frames of that connection; who connected to us cannot be dialled.
static bool is_kept(const struct connection *connection)
{
	return connection->is_outbound && connection->ws == NULL;
}

void connection_written(struct connection *connection, struct chunk *chunk)
{
	if (!is_kept(connection)) {
		chunk_free(connection, chunk);
		return;
	}
	chunk->end_at = connection->wire_bytes;
	chunk_append(&connection->unacked, chunk);
}

void connection_note_acked(struct connection *connection)
{
	int left = 0;

	if (connection->unacked.head == NULL || ioctl(connection->fd, SIOCOUTQ, &left) < 0)
		return;
	while (connection->unacked.head != NULL &&
		connection->unacked.head->end_at + (uint64_t)left <= connection->wire_bytes)
		chunk_free(connection, chunk_pop(&connection->unacked));
}

static void list_resend(struct connection *connection, struct chunk_list *list)
{
	struct streams *streams = connection->streams;
	struct stream_send send = { .hop = connection->hop, .is_again = true };

	send.hop.connection = 0;
	while (list->head != NULL) {
		struct chunk *chunk = chunk_pop(list);
		if (!is_kept(connection) || chunk->is_again) {
			chunk_fail(connection, chunk, STREAM_CLOSED);
			continue;
		}
		send.data = span_make(chunk->data, chunk->len);
		send.ticket = chunk->ticket;
		send.from = chunk->from;
		metric_add(&streams->params.metrics->stream_resent, 1);
		streams_send(streams, &send);
		chunk_free(connection, chunk);
	}
}

void connection_resend(struct connection *connection)
{
	list_resend(connection, &connection->unacked);
	list_resend(connection, &connection->out);
}

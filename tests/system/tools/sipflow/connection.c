#include "websocket.h"
#include "wire.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection *connection_add(struct wire *wire, int side, int fd, bool is_ours)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	const struct wire_end *end = &wire->params.end[side];

	if (!connection)
		abort();
	connection->id = ++wire->last_id;
	connection->side = side;
	connection->fd = fd;
	connection->is_ours = is_ours;
	if (end->kind == WIRE_TLS || end->kind == WIRE_WSS)
		connection->ssl = tls_begin(wire, connection);
	if (wire_is_websocket(end->kind))
		connection->ws = websocket_new(is_ours, end->border_ip, &connection->out);
	connection->next = wire->connections;
	wire->connections = connection;
	return connection;
}

void connection_free(struct connection *connection)
{
	SSL_free(connection->ssl);
	websocket_free(connection->ws);
	bytes_free(&connection->in);
	bytes_free(&connection->out);
	close(connection->fd);
	free(connection);
}

// Bytes read or written, 0 = not now, -1 = it is over.
static ssize_t transfer(struct connection *connection, char *data, size_t len, bool is_write)
{
	ssize_t done;

	errno = 0;
	if (connection->ssl) {
		ERR_clear_error();
		done = is_write ? SSL_write(connection->ssl, data, (int)len) :
			SSL_read(connection->ssl, data, (int)len);
		if (done > 0)
			return done;
		int error = SSL_get_error(connection->ssl, (int)done);
		connection->wants_write |= error == SSL_ERROR_WANT_WRITE;
		if (error == SSL_ERROR_SSL)
			ERR_print_errors_fp(stderr);
		return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
	}
	done = is_write ? send(connection->fd, data, len, MSG_NOSIGNAL) :
		recv(connection->fd, data, len, 0);
	if (done > 0)
		return done;
	connection->wants_write |= is_write && errno == EAGAIN;
	return done < 0 && errno == EAGAIN ? 0 : -1;
}

void connection_flush(struct wire *wire, struct connection *connection)
{
	struct bytes *out = &connection->out;
	ssize_t done = 1;

	connection->wants_write = false;
	while (out->len && done > 0 && !connection->is_dead) {
		done = transfer(connection, out->data, out->len, true);
		if (done > 0)
			bytes_take(out, (size_t)done);
	}
	connection->is_dead |= done < 0;
	struct epoll_event event = { .data.ptr = connection,
		.events = EPOLLIN | (connection->wants_write ? EPOLLOUT : 0) };
	epoll_ctl(wire->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
}

void connection_send(struct wire *wire, struct connection *connection, const char *text)
{
	if (connection->ws)
		websocket_send(connection->ws, &connection->out, text);
	else
		bytes_put(&connection->out, text, strlen(text));
	connection_flush(wire, connection);
}

static void deliver(struct wire *wire, const struct connection *connection, const char *text)
{
	wire->counts.received++;
	wire->receive(wire->context, &(struct wire_message){ .side = connection->side,
		.connection = connection->id, .text = text });
}

// Length of the message at the front, 0 = it is not whole yet.
static size_t whole_message(const struct bytes *in)
{
	const char *end = in->len ? strstr(in->data, "\r\n\r\n") : NULL;
	char length[16] = "0";

	if (!end)
		return 0;
	sip_text_header(in->data, "Content-Length", length, sizeof(length));
	size_t len = (size_t)(end + 4 - in->data) + strtoul(length, NULL, 10);
	return len <= in->len ? len : 0;
}

static void cut_stream(struct wire *wire, struct connection *connection)
{
	struct bytes *in = &connection->in;
	size_t len;

	while (in->len >= 2 && !strncmp(in->data, "\r\n", 2))
		bytes_take(in, 2);
	while ((len = whole_message(in)) > 0) {
		char *text = strndup(in->data, len);
		bytes_take(in, len);
		deliver(wire, connection, text);
		free(text);
		while (in->len >= 2 && !strncmp(in->data, "\r\n", 2))
			bytes_take(in, 2);
	}
}

static void cut_websocket(struct wire *wire, struct connection *connection)
{
	struct bytes message = { 0 };
	enum websocket_event event;

	while ((event = websocket_next(connection->ws, &connection->in, &connection->out,
			&message)) != WEBSOCKET_NOTHING) {
		if (event == WEBSOCKET_OVER) {
			connection->is_dead = true;
			break;
		}
		deliver(wire, connection, message.data);
		message.len = 0;
	}
	bytes_free(&message);
}

void connection_pump(struct wire *wire, struct connection *connection)
{
	char data[16384];
	ssize_t len;

	if (connection->is_dead)
		return;
	while ((len = transfer(connection, data, sizeof(data), false)) > 0)
		bytes_put(&connection->in, data, (size_t)len);
	if (connection->in.len && connection->ws)
		cut_websocket(wire, connection);
	else if (connection->in.len)
		cut_stream(wire, connection);
	connection_flush(wire, connection);
	connection->is_dead |= len < 0;
}

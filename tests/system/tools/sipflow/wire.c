#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DATAGRAM_MAX = 65535, EVENTS_MAX = 64 };

static const char *const names[] = { "UDP", "TCP", "TLS", "WS", "WSS" };

const char *wire_name(enum wire_kind kind)
{
	return names[kind];
}

bool wire_kind_of(const char *name, enum wire_kind *out)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcasecmp(name, names[i])) {
			*out = (enum wire_kind)i;
			return true;
		}
	}
	return false;
}

bool wire_is_websocket(enum wire_kind kind)
{
	return kind == WIRE_WS || kind == WIRE_WSS;
}

static bool enter(const char *netns)
{
	int fd;

	if (!netns)
		return true;
	fd = open(netns, O_RDONLY | O_CLOEXEC);
	bool is_inside = fd >= 0 && !setns(fd, CLONE_NEWNET);
	if (fd >= 0)
		close(fd);
	return is_inside;
}

static void watch(struct wire *wire, int fd, void *what)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = what };

	epoll_ctl(wire->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

// A socket in the side's namespace, bound to its address; a port of 0 is any.
static int bound_socket(const struct wire_end *end, int type, uint16_t port)
{
	struct sockaddr_storage local;
	int one = 1, bytes = 4 << 20, fd;

	if (!enter(end->netns) || !sip_text_address(end->ip, port, &local))
		return -1;
	fd = socket(local.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (type == SOCK_DGRAM)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	else
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&local, sip_text_address_len(&local))) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool open_end(struct wire *wire, int side)
{
	const struct wire_end *end = &wire->params.end[side];
	bool is_datagram = end->kind == WIRE_UDP;
	int fd = bound_socket(end, is_datagram ? SOCK_DGRAM : SOCK_STREAM, end->port);

	wire->socket_fd[side] = fd;
	if (fd < 0 || (!is_datagram && listen(fd, SOMAXCONN))) {
		fprintf(stderr, "sipflow: cannot open %s:%u in %s: %s\n", end->ip, end->port,
			end->netns ? end->netns : "this namespace", strerror(errno));
		return false;
	}
	watch(wire, fd, &wire->socket_fd[side]);
	return true;
}

bool wire_open(struct wire *wire, const struct wire_params *params)
{
	wire->params = *params;
	wire->socket_fd[SIDE_A] = wire->socket_fd[SIDE_B] = -1;
	wire->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return wire->epoll_fd >= 0 && (!params->ca || tls_open(wire)) &&
		open_end(wire, SIDE_A) && open_end(wire, SIDE_B);
}

void wire_close(struct wire *wire)
{
	while (wire->connections) {
		struct connection *gone = wire->connections;
		wire->connections = gone->next;
		connection_free(gone);
	}
	for (int side = 0; side < SIDES; side++) {
		if (wire->socket_fd[side] >= 0)
			close(wire->socket_fd[side]);
	}
	SSL_CTX_free(wire->client);
	SSL_CTX_free(wire->server);
	close(wire->epoll_fd);
}

static struct connection *find(struct wire *wire, uint32_t id)
{
	struct connection *connection = id ? wire->connections : NULL;

	while (connection && (connection->id != id || connection->is_dead))
		connection = connection->next;
	return connection;
}

static struct connection *dial(struct wire *wire, int side)
{
	const struct wire_end *end = &wire->params.end[side];
	int fd = bound_socket(end, SOCK_STREAM, 0);
	struct sockaddr_storage border;

	if (fd < 0 || !sip_text_address(end->border_ip, end->border_port, &border))
		return NULL;
	// It goes on in the background; what is sent meanwhile waits.
	if (connect(fd, (struct sockaddr *)&border, sip_text_address_len(&border)) &&
		errno != EINPROGRESS) {
		wire->counts.failed++;
		close(fd);
		return NULL;
	}
	wire->counts.dialled++;
	struct connection *connection = connection_add(wire, side, fd, true);
	watch(wire, fd, connection);
	return connection;
}

void wire_send(struct wire *wire, int side, uint32_t *connection, const char *text)
{
	const struct wire_end *end = &wire->params.end[side];
	struct sockaddr_storage border;

	wire->counts.sent++;
	if (end->kind == WIRE_UDP) {
		sip_text_address(end->border_ip, end->border_port, &border);
		(void)!sendto(wire->socket_fd[side], text, strlen(text), 0,
			(struct sockaddr *)&border, sip_text_address_len(&border));
		return;
	}
	struct connection *found = find(wire, *connection);
	if (!found)
		found = dial(wire, side);
	*connection = found ? found->id : 0;
	if (found)
		connection_send(wire, found, text);
}

void wire_hang_up(struct wire *wire, uint32_t id, bool is_abrupt)
{
	struct connection *connection = find(wire, id);
	struct linger reset = { .l_onoff = 1 };

	if (!connection)
		return;
	if (is_abrupt)
		setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	else if (connection->ssl)
		SSL_shutdown(connection->ssl);
	connection->is_dead = true;
}

static void accept_all(struct wire *wire, int side)
{
	const int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
	int fd;

	while ((fd = accept4(wire->socket_fd[side], NULL, NULL, flags)) >= 0) {
		wire->counts.accepted++;
		watch(wire, fd, connection_add(wire, side, fd, false));
	}
}

static void receive_datagrams(struct wire *wire, int side)
{
	static char text[DATAGRAM_MAX + 1];
	ssize_t len;

	while ((len = recv(wire->socket_fd[side], text, DATAGRAM_MAX, 0)) >= 0) {
		text[len] = '\0';
		wire->counts.received++;
		wire->receive(wire->context, &(struct wire_message){ .side = side, .text = text });
	}
}

static void bury_dead(struct wire *wire)
{
	struct connection **at = &wire->connections;

	while (*at) {
		struct connection *connection = *at;
		if (!connection->is_dead) {
			at = &connection->next;
			continue;
		}
		*at = connection->next;
		wire->counts.closed++;
		connection_free(connection);
	}
}

void wire_turn(struct wire *wire, int timeout_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(wire->epoll_fd, events, EVENTS_MAX, timeout_ms);

	for (int i = 0; i < count; i++) {
		int *fd = events[i].data.ptr;
		if (fd != &wire->socket_fd[SIDE_A] && fd != &wire->socket_fd[SIDE_B])
			connection_pump(wire, events[i].data.ptr);
		else if (wire->params.end[fd - wire->socket_fd].kind == WIRE_UDP)
			receive_datagrams(wire, (int)(fd - wire->socket_fd));
		else
			accept_all(wire, (int)(fd - wire->socket_fd));
	}
	bury_dead(wire);
}

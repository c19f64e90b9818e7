// stream.c - the life of connections: found, timed, ended.
#include "net/stream_private.h"

#include "base/check.h"
#include "base/log.h"
#include "net/tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

// The portion of a turn: what it may cost at most is 3 ms or so of handshakes, the rest is less.
#define EVENTS_MAX     64
#define ACCEPTS_MAX    16u
#define HANDSHAKES_MAX 4u
#define MESSAGES_MAX   256u
#define LOG_LINES_MAX  20u  // a second
#define PAUSE_MS       100u // of accepting, when the process has no descriptor left

static const struct {
	const char *name;
	uint32_t metric; // offset in struct net_metrics
	bool is_abort;
} reasons[CLOSE_REASON_COUNT] = {
#define CLOSE(id, name, metric, is_abort)                                                          \
	[CLOSE_##id] = { name, offsetof(struct net_metrics, metric), is_abort },
#include "net/close_reason.def"
#undef CLOSE
};

int streams_new(const struct stream_params *params, struct streams **out)
{
	struct streams *streams = calloc(1, sizeof(*streams));
	int rc = -ENOMEM;

	if (streams == NULL)
		return -ENOMEM;
	streams->params = *params;
	streams->now_ms = params->now_ms;
	streams->table =
		connection_table_new(params->worker, params->connections_max, &params->key);
	streams->wheel = timer_wheel_new(params->now_ms);
	streams->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (streams->epoll < 0)
		rc = -errno;
	if (streams->epoll < 0 || streams->table == NULL || streams->wheel == NULL) {
		streams_free(streams);
		return rc;
	}
	*out = streams;
	return 0;
}

static void connection_reap(struct connection *connection)
{
	struct streams *streams = connection->streams;

	tls_session_free(connection->tls);
	if (connection->ws != NULL)
		ws_free(connection->ws);
	free(connection->rx);
	connection_free(streams->table, connection);
	metric_add(&streams->params.metrics->stream_connections, (uint64_t)-1);
}

static void listener_free(struct stream_listener *listener)
{
	for (uint32_t i = 0; i < listener->origin_count; i++)
		free((char *)listener->origins[i].ptr);
	free(listener);
}

void streams_free(struct streams *streams)
{
	struct connection *connection;
	uint32_t cursor = 0;

	if (streams == NULL)
		return;
	while (streams->table != NULL &&
		(connection = connection_next(streams->table, &cursor)) != NULL) {
		if (connection->state != CONNECTION_CLOSED)
			connection_close(connection, CLOSE_IDLE, "shutdown");
		connection_reap(connection);
	}
	for (uint32_t i = 0; i < streams->listener_count; i++) {
		close(streams->listeners[i]->fd);
		listener_free(streams->listeners[i]);
	}
	connection_table_free(streams->table);
	if (streams->wheel != NULL)
		timer_wheel_free(streams->wheel);
	if (streams->epoll >= 0)
		close(streams->epoll);
	free(streams);
}

static struct stream_listener *listener_new(const struct stream_listen *listen)
{
	struct stream_listener *listener = calloc(1, sizeof(*listener));

	if (listener == NULL)
		return NULL;
	*listener = (struct stream_listener){ .kind = POLL_LISTENER, .id = listen->id,
		.transport = listen->transport, .dscp = listen->dscp };
	CHECK(listen->origin_count <= WS_ORIGINS_MAX);
	for (uint32_t i = 0; i < listen->origin_count; i++) {
		char *copy = strdup(listen->origins[i]);
		if (copy == NULL) {
			listener_free(listener);
			return NULL;
		}
		listener->origins[listener->origin_count++] = span_str(copy);
	}
	return listener;
}

int streams_listen(struct streams *streams, const struct stream_listen *listen)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct stream_listener *listener;

	CHECK(streams->listener_count < STREAM_LISTENERS_MAX);
	listener = listener_new(listen);
	if (listener == NULL)
		return -ENOMEM;
	event.data.ptr = listener;
	listener->fd = tcp_listen(&listen->addr, &listener->addr);
	if (listener->fd >= 0)
		tcp_mark(listener->fd, &listener->addr, listener->dscp);
	if (listener->fd < 0 ||
		epoll_ctl(streams->epoll, EPOLL_CTL_ADD, listener->fd, &event) < 0) {
		int rc = listener->fd < 0 ? listener->fd : -errno;
		if (listener->fd >= 0)
			close(listener->fd);
		listener_free(listener);
		return rc;
	}
	streams->listeners[streams->listener_count++] = listener;
	return 0;
}

const struct stream_listener *stream_listener_of(const struct streams *streams, uint32_t id)
{
	for (uint32_t i = 0; i < streams->listener_count; i++)
		if (streams->listeners[i]->id == id)
			return streams->listeners[i];
	return NULL;
}

bool streams_address(const struct streams *streams, uint32_t id, struct addr *out)
{
	const struct stream_listener *listener = stream_listener_of(streams, id);

	if (listener != NULL)
		*out = listener->addr;
	return listener != NULL;
}

int streams_fd(const struct streams *streams)
{
	return streams->epoll;
}

struct stream_rules connection_rules(const struct connection *connection)
{
	const struct stream_handler *handler = &connection->streams->params.handler;

	return handler->rules_of(handler->user, &connection->hop);
}

bool stream_may_log(struct streams *streams)
{
	uint64_t second = streams->now_ms / 1000;

	if (second != streams->log_second) {
		streams->log_second = second;
		streams->log_lines = 0;
	}
	return streams->log_lines++ < LOG_LINES_MAX;
}

// Begin and end -----------------------------------------------------------------------------------

struct connection *connection_add(struct streams *streams, const struct sip_hop *hop, int fd,
	bool is_outbound)
{
	struct net_metrics *metrics = streams->params.metrics;
	struct epoll_event event = { .events = is_outbound ? EPOLLOUT : EPOLLIN };
	enum source_verdict verdict =
		source_open(streams->params.sources, &hop->addr.ip, is_outbound);
	struct connection *connection =
		verdict == SOURCE_OK ? connection_new(streams->table, hop, is_outbound) : NULL;

	event.data.ptr = connection;
	if (connection == NULL || epoll_ctl(streams->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		metric_add(verdict == SOURCE_TOO_MANY ? &metrics->stream_refused_source :
							&metrics->stream_refused_full, 1);
		if (connection != NULL)
			connection_free(streams->table, connection);
		if (verdict == SOURCE_OK)
			source_close(streams->params.sources, &hop->addr.ip, is_outbound);
		tcp_abort(fd);
		return NULL;
	}
	connection->streams = streams;
	connection->hop.is_dialled = is_outbound;
	connection->fd = fd;
	connection->is_write_polled = is_outbound;
	connection->transport = stream_listener_of(streams, hop->listener)->transport;
	connection->opened_ms = streams->now_ms;
	connection->active_ms = streams->now_ms;
	sip_framer_init(&connection->framer, &SIP_FRAME_LIMITS_DEFAULT);
	metric_add(&metrics->stream_connections, 1);
	return connection;
}

static void log_close(const struct connection *connection, enum close_reason reason,
	const char *detail)
{
	char text[ADDR_TEXT_MAX], quoted[LOG_QUOTE_MAX];
	// A connection that we wanted and did not get is the operator's business.
	bool is_trouble = (connection->is_outbound && connection->state != CONNECTION_OPEN) ||
		reason == CLOSE_TLS || reason == CLOSE_BUFFERS || reason == CLOSE_STALLED ||
		reason == CLOSE_NO_PONG;

	if (!log_is_on(LOG_NET, is_trouble ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, 0) ||
		!stream_may_log(connection->streams))
		return;
	addr_format(&connection->hop.addr, text);
	log_write(LOG_NET, is_trouble ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, 0, "connection_closed",
		"transport=" SPAN_FMT " peer=%s direction=%s reason=%s detail=%s age_ms=%llu",
		SPAN_ARG(sip_transport_name(connection->transport)), text,
		connection->is_outbound ? "out" : "in", reasons[reason].name,
		log_quote(span_str(detail != NULL ? detail : ""), quoted),
		(unsigned long long)(connection->streams->now_ms - connection->opened_ms));
}

// The farewell of TLS, if the socket takes it at once.
static void say_goodbye(struct connection *connection)
{
	if (connection->tls == NULL)
		return;
	if (connection->state >= CONNECTION_UPGRADE)
		tls_session_close(connection->tls);
	struct span rest = tls_session_output(connection->tls);
	if (rest.len > 0 && connection->stalled_ms == 0)
		tcp_send(connection->fd, rest);
}

void connection_close(struct connection *connection, enum close_reason reason, const char *detail)
{
	struct streams *streams = connection->streams;
	struct net_metrics *metrics = streams->params.metrics;
	bool is_opening = connection->state != CONNECTION_OPEN;

	if (connection->state == CONNECTION_CLOSED)
		return;
	bool is_lost = !is_opening &&
		(reason == CLOSE_ERROR || reason == CLOSE_PEER || reason == CLOSE_NO_PONG);
	enum stream_failure failure =
		is_opening && connection->is_outbound ? STREAM_CONNECT_FAILED : STREAM_CLOSED;
	connection_note_acked(connection);
	log_close(connection, reason, detail);
	metric_add((_Atomic uint64_t *)(void *)((char *)metrics + reasons[reason].metric), 1);
	if (reasons[reason].is_abort) {
		tcp_abort(connection->fd);
	} else {
		say_goodbye(connection);
		close(connection->fd);
	}
	connection->fd = -1;
	connection->state = CONNECTION_CLOSED;
	timer_stop(streams->wheel, &connection->timer);
	connection_drop_alias(connection);
	connection_hide(streams->table, connection);
	if (is_lost)
		connection_resend(connection);
	connection_fail_queued(connection, failure);
	if (connection->watch_ticket != 0)
		streams->params.handler.on_failed(streams->params.handler.user,
			connection->watch_from, connection->watch_ticket, failure);
	connection_give_bytes(connection, connection->bytes);
	source_close(streams->params.sources, &connection->hop.addr.ip, connection->is_outbound);
	connection->next_closed = streams->closed;
	streams->closed = connection;
}

void connection_finish(struct connection *connection, enum close_reason reason, const char *detail)
{
	connection->is_over = true;
	connection->over_reason = reason;
	connection->over_detail = detail;
	connection->partial_ms = 0;
	connection_touch(connection);
}

void connection_poll(struct connection *connection)
{
	struct epoll_event event = { .events = (connection->ended_ms == 0 ? EPOLLIN : 0) |
			(connection->is_write_polled ? EPOLLOUT : 0),
		.data.ptr = connection };

	epoll_ctl(connection->streams->epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

// Who closes one direction only may still listen (RFC 3261 18.4 expects answers on the connection
// of the request). A second sign of the end, which the kernel gives unasked, means both. What we
// owe on a connection that we opened goes by the next one.
void connection_ended(struct connection *connection)
{
	bool is_owed = connection->owed > 0 || connection->out.head != NULL;

	if (connection->is_outbound || connection->ws != NULL || connection->ended_ms != 0 ||
		connection->state != CONNECTION_OPEN || !is_owed) {
		connection_close(connection, CLOSE_PEER, NULL);
		return;
	}
	metric_add(&connection->streams->params.metrics->stream_half_closed, 1);
	connection->ended_ms = connection->streams->now_ms;
	connection->partial_ms = 0;
	connection_poll(connection);
	connection_arm(connection);
}

// Not before the turn after: somebody up the stack may still hold it.
static void reap(struct streams *streams)
{
	struct connection *connection = streams->closed;

	streams->closed = NULL;
	while (connection != NULL) {
		struct connection *next = connection->next_closed;
		if (connection->is_dirty) {
			connection->next_closed = streams->closed;
			streams->closed = connection;
		} else {
			connection_reap(connection);
		}
		connection = next;
	}
}

// The turn ----------------------------------------------------------------------------------------

static void connection_event(struct connection *connection, uint32_t events)
{
	if (connection->state == CONNECTION_CLOSED)
		return;
	if (connection->state == CONNECTION_CONNECTING) {
		int rc = tcp_error(connection->fd);
		if (rc < 0)
			connection_close(connection, CLOSE_CONNECT, strerror(-rc));
		else
			connection_connected(connection);
		return;
	}
	if (events & ~(uint32_t)EPOLLOUT)
		connection_receive(connection);
	if ((events & EPOLLOUT) && connection->state != CONNECTION_CLOSED)
		connection_pump(connection);
}

static void set_listening(struct streams *streams, bool is_on)
{
	for (uint32_t i = 0; i < streams->listener_count; i++) {
		struct epoll_event event = { .events = is_on ? EPOLLIN : 0,
			.data.ptr = streams->listeners[i] };
		epoll_ctl(streams->epoll, EPOLL_CTL_MOD, streams->listeners[i]->fd, &event);
		streams->listeners[i]->is_paused = !is_on;
	}
}

// Without a descriptor every accept fails, and the listener stays readable: it rests for a while.
static void check_pause(struct streams *streams)
{
	if (streams->paused_ms == 0)
		return;
	bool is_over = streams->now_ms - streams->paused_ms >= PAUSE_MS;
	bool is_paused = streams->listener_count > 0 && streams->listeners[0]->is_paused;
	if (is_over)
		streams->paused_ms = 0;
	if (is_over == is_paused)
		set_listening(streams, is_over);
}

void streams_run(struct streams *streams, uint64_t now_ms, bool is_readable)
{
	struct epoll_event events[EVENTS_MAX];

	streams->now_ms = now_ms;
	reap(streams);
	timer_wheel_run(streams->wheel, now_ms, streams);
	check_pause(streams);
	if (!is_readable)
		return;
	streams->accepts_left = ACCEPTS_MAX;
	streams->handshakes_left = HANDSHAKES_MAX;
	streams->messages_left = MESSAGES_MAX;
	// Level-triggered: what this portion leaves is seen again by the next turn, behind what the
	// kernel has not shown yet.
	int count = epoll_wait(streams->epoll, events, EVENTS_MAX, 0);
	for (int i = 0; i < count; i++) {
		enum poll_kind *kind = events[i].data.ptr;
		if (*kind == POLL_LISTENER)
			stream_accept(streams, events[i].data.ptr);
		else
			connection_event(events[i].data.ptr, events[i].events);
	}
}

uint64_t streams_next_ms(const struct streams *streams)
{
	uint64_t next_ms = timer_wheel_next(streams->wheel);

	if (streams->paused_ms != 0 && streams->paused_ms + PAUSE_MS < next_ms)
		next_ms = streams->paused_ms + PAUSE_MS;
	return next_ms;
}

bool streams_has(const struct streams *streams, sip_connection handle)
{
	return connection_is_usable(connection_lookup(streams->table, handle));
}

void streams_send(struct streams *streams, const struct stream_send *send)
{
	struct connection *connection = connection_lookup(streams->table, send->hop.connection);

	if (!connection_is_usable(connection) && !send->hop.is_bound) {
		connection = connection_find(streams->table, &send->hop);
		if (!connection_is_usable(connection))
			connection = stream_dial(streams, &send->hop);
	}
	if (connection_is_usable(connection) && send->data.len > 0) {
		connection_send(connection, send);
		return;
	}
	if (connection_is_usable(connection)) {
		connection->watch_ticket = send->ticket;
		connection->watch_from = send->from;
		return;
	}
	metric_add(&streams->params.metrics->stream_gone, 1);
	if (send->ticket != 0)
		streams->params.handler.on_failed(streams->params.handler.user, send->from,
			send->ticket,
			send->hop.is_bound ? STREAM_CLOSED : STREAM_CONNECT_FAILED);
}

void streams_flush(struct streams *streams)
{
	while (streams->dirty != NULL) {
		struct connection *connection = streams->dirty;
		streams->dirty = connection->next_dirty;
		connection->is_dirty = false;
		connection_pump(connection);
	}
}

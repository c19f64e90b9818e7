// worker_io.c - where a worker meets the network: sockets, dispatch by shard, the outbox.
#include "worker_private.h"

#include "base/check.h"
#include "base/log.h"
#include "net/keepalive.h"

#include <errno.h>
#include <stdlib.h>

#define SOCKET_BUFFER_BYTES (8u << 20) // a burst of 5,000 INVITEs while a worker is busy elsewhere
#define SEND_RETRY_MAX      1024u      // datagrams per socket
#define BATCHES_MAX         16u        // of datagrams from one socket per turn
#define TAKE_MAX            512u       // messages from other workers per turn
#define FLUSH_AT            512u       // outbox entries that are sent before the turn is over

static int listener_open(struct worker *worker, listener_id id,
	const struct config_listener *config)
{
	const struct addr *addr = &config->addr;
	struct udp_options options = {
		.buffer_bytes = SOCKET_BUFFER_BYTES,
		.is_shared = true,
		.dscp = config->dscp,
		.is_anywhere = true,
	};
	struct worker_listener *listener = &worker->listeners[worker->listener_count];
	int rc = udp_open(addr, &options, &listener->socket);
	if (rc < 0) {
		char text[ADDR_TEXT_MAX];
		addr_format(addr, text);
		LOG_ERROR(NET, "listen_failed", "transport=udp addr=%s error=\"%s\"", text,
			strerror(-rc));
		return rc;
	}
	listener->sender = udp_sender_new(SEND_RETRY_MAX);
	if (listener->sender == NULL) {
		udp_close(&listener->socket);
		return -ENOMEM;
	}
	listener->worker = worker;
	listener->id = id;
	worker->listener_count++;
	worker->listener_at[id >> 8][id & 0xff] = (uint16_t)worker->listener_count;
	return 0;
}

static int realm_open(struct worker *worker, const struct config *config, uint32_t realm)
{
	const struct config_realm *r = &config->realms[realm];
	for (uint32_t i = 0; i < r->listener_count; i++) {
		if (r->listeners[i].transport != CONFIG_UDP)
			continue; // worker_stream.c
		int rc = listener_open(worker, listener_make(realm, i), &r->listeners[i]);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int worker_io_open(struct worker *worker, const struct config *config)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < config->realm_count; i++)
		count += config->realms[i].listener_count;
	worker->batch = udp_batch_new();
	worker->listeners = calloc(count + 1, sizeof(worker->listeners[0]));
	if (worker->batch == NULL || worker->listeners == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < config->realm_count; i++) {
		int rc = realm_open(worker, config, i);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct worker_listener *listener = poll->data;
	// Called while the worker is offline for RCU: only notes what happened, the turn does the
	// work. An error is read like data: recvmmsg() fetches and clears it.
	if (status < 0 || (events & UV_READABLE))
		listener->is_readable = true;
}

int worker_io_poll(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->listener_count; i++) {
		struct worker_listener *listener = &worker->listeners[i];
		int rc = uv_poll_init(&worker->loop, &listener->poll, listener->socket.fd);
		if (rc < 0)
			return rc;
		listener->is_polled = true;
		listener->poll.data = listener;
		rc = uv_poll_start(&listener->poll, UV_READABLE, on_poll);
		if (rc < 0)
			return rc;
	}
	return 0;
}

void worker_io_close_handles(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->listener_count; i++)
		if (worker->listeners[i].is_polled)
			uv_close((uv_handle_t *)&worker->listeners[i].poll, NULL);
}

void worker_io_free(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->listener_count; i++) {
		udp_close(&worker->listeners[i].socket);
		udp_sender_free(worker->listeners[i].sender);
	}
	free(worker->listeners);
	udp_batch_free(worker->batch);
}

void worker_core_take(struct worker *worker, const struct dispatch_message *message,
	struct span call_id)
{
	struct core_message in = {
		.listener = message->hop.listener,
		.source = message->hop.addr,
		.connection = message->hop.connection,
		.is_dialled = message->hop.is_dialled,
		.peer_trunk = message->hop.peer_trunk,
		.data = message->data,
		.call_id = call_id,
	};
	core_receive(worker->core, &worker->env, &in);
	if (outbox_count(worker->env.outbox) >= FLUSH_AT)
		worker_flush(worker);
}

void worker_dispatch(struct worker *worker, const struct dispatch_message *message)
{
	struct worker_shared *shared = worker->shared;
	struct net_metrics *metrics = &worker->metrics;
	struct core_scan scan;
	if (!core_scan(&shared->keys, message->data, &scan)) {
		metric_add(&metrics->no_call_id, 1);
		scan = (struct core_scan){ 0 };
	}
	uint32_t owner = worker_owner_of(worker, &scan);
	if (owner == worker->index) {
		if (!worker_line_take(worker, message, scan.call_id))
			worker_core_take(worker, message, scan.call_id);
	} else if (message->hops >= DISPATCH_HOPS_MAX) {
		metric_add(&metrics->lost_owner, 1);
	} else if (dispatch_pass(shared->dispatch, worker->index, owner, message)) {
		metric_add(message->hops == 0 ? &metrics->passed : &metrics->passed_again, 1);
	} else {
		metric_add(&metrics->ring_full, 1);
	}
}

// To the worker that asked: the kernel may give the answer to another one's socket.
static void keepalive_take_answer(struct worker *worker, const struct udp_datagram *datagram)
{
	struct keepalive_ask ask;
	struct dispatch_message message = { .kind = DISPATCH_HEARD };

	if (!keepalive_heard(&worker->shared->key, datagram->data, &datagram->source, &ask)) {
		metric_add(&worker->metrics.stun_malformed, 1);
	} else if (ask.worker == worker->index) {
		worker_keep_heard(worker, &ask);
	} else if (ask.worker < worker->shared->workers) {
		message.ticket = (uint64_t)ask.flow << 8 | ask.sequence;
		if (!dispatch_pass(worker->shared->dispatch, worker->index, ask.worker, &message))
			metric_add(&worker->metrics.ring_full, 1);
	}
}

// True: the datagram only kept a NAT's binding open, or is no SIP at all.
static bool keepalive_take(struct worker *worker, const struct worker_listener *listener,
	const struct udp_datagram *datagram)
{
	struct net_metrics *metrics = &worker->metrics;
	uint8_t buf[KEEPALIVE_ANSWER_MAX];
	struct outbox_send answer = {
		.hop = { .listener = listener->id, .addr = datagram->source }
	};
	switch (keepalive_judge(datagram->data, &datagram->source, buf, &answer.data)) {
	case KEEPALIVE_NONE:
		return false;
	case KEEPALIVE_ANSWERED:
		metric_add(&metrics->stun_answered, 1);
		outbox_send(worker->env.outbox, &answer); // a full outbox counts it
		return true;
	case KEEPALIVE_HEARD:
		keepalive_take_answer(worker, datagram);
		return true;
	case KEEPALIVE_SILENT:
		metric_add(&metrics->blank, 1);
		return true;
	case KEEPALIVE_MALFORMED:
		break;
	}
	metric_add(&metrics->stun_malformed, 1);
	return true;
}

static bool listener_receive_batch(struct worker *worker, struct worker_listener *listener,
	bool is_first)
{
	bool is_more;
	uint32_t count =
		udp_receive(&listener->socket, worker->batch, &worker->metrics, &is_more);
	worker->is_busy |= count > 0;
	if (is_first && count > 0)
		worker_overload_arrival(worker, udp_batch_at(worker->batch, 0)->unix_ns);
	for (uint32_t i = 0; i < count; i++) {
		const struct udp_datagram *datagram = udp_batch_at(worker->batch, i);
		struct dispatch_message message = {
			.kind = DISPATCH_RECEIVED,
			.hop = { .listener = listener->id, .addr = datagram->source },
			.data = datagram->data,
		};
		if (!keepalive_take(worker, listener, datagram))
			worker_dispatch(worker, &message);
	}
	return is_more;
}

// To its end, so that no message of a living call stands behind new ones; but a flood must not
// starve timers or rings.
static void listener_receive(struct worker *worker, struct worker_listener *listener)
{
	bool is_more = true;

	for (uint32_t i = 0; i < BATCHES_MAX && is_more; i++)
		is_more = listener_receive_batch(worker, listener, i == 0);
	listener->is_readable = is_more;
	worker->is_more |= is_more;
}

void worker_receive(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->listener_count; i++)
		if (worker->listeners[i].is_readable)
			listener_receive(worker, &worker->listeners[i]);
}

static void take_message(struct worker *worker, const struct dispatch_message *message)
{
	metric_add(&worker->metrics.taken, 1);
	if (message->kind == DISPATCH_RECEIVED)
		worker_dispatch(worker, message);
	else if (message->kind == DISPATCH_SEND)
		worker_stream_send(worker, message);
	else if (message->kind == DISPATCH_HEARD)
		worker_keep_heard(worker, &(struct keepalive_ask){
			.flow = (uint16_t)(message->ticket >> 8),
			.sequence = (uint8_t)message->ticket });
	else if (message->kind == DISPATCH_ALIAS)
		worker_stream_alias(worker, message);
	else if (message->kind == DISPATCH_ASK)
		worker_asked(worker, message);
	else if (message->kind == DISPATCH_GIVE)
		worker_given(worker, message);
	else
		worker_stream_failed(worker, message);
}

void worker_take(struct worker *worker)
{
	struct dispatch *dispatch = worker->shared->dispatch;
	struct dispatch_message message;
	for (uint32_t i = 0; i < TAKE_MAX; i++) {
		if (!dispatch_take(dispatch, worker->index, &message))
			return;
		take_message(worker, &message);
		dispatch_release(dispatch, worker->index);
	}
	worker->is_more = true;
}

static struct worker_listener *listener_of(struct worker *worker, listener_id id)
{
	uint32_t realm = id >> 8, i = id & 0xff;
	if (realm >= CONFIG_REALMS_MAX || i >= CONFIG_LISTENERS_MAX)
		return NULL;
	uint32_t at = worker->listener_at[realm][i];
	return at == 0 ? NULL : &worker->listeners[at - 1];
}

// Each request of a connection offers it again.
static void alias_carry_out(struct worker *worker, const struct outbox_alias *alias)
{
	struct dispatch_message message = { .kind = DISPATCH_ALIAS, .hop = alias->hop,
		.is_trusted = alias->is_trusted };

	if (alias_find(worker->shared->aliases, &alias->hop) != alias->hop.connection)
		worker_stream_alias(worker, &message);
}

static void outbox_carry_out(struct worker *worker, const struct outbox_entry *entry)
{
	struct addr local;

	if (entry->kind == OUTBOX_RESOLVE) {
		worker_resolve(worker, &entry->resolve);
		return;
	}
	if (entry->kind == OUTBOX_FETCH) {
		worker_fetch(worker, &entry->fetch);
		return;
	}
	if (entry->kind == OUTBOX_HANDOVER) {
		worker_hand_over(worker, &entry->handover);
		return;
	}
	if (entry->kind == OUTBOX_ALIAS) {
		alias_carry_out(worker, &entry->alias);
		return;
	}
	if (entry->kind == OUTBOX_GONE) {
		worker_leg_gone(worker, entry->gone);
		return;
	}
	if (entry->kind == OUTBOX_CALL_END) {
		worker_call_ended(worker, entry->call_end);
		return;
	}
	const struct outbox_send *send = &entry->send;
	struct worker_listener *listener = listener_of(worker, send->hop.listener);
	if (listener == NULL && streams_address(worker->streams, send->hop.listener, &local)) {
		struct dispatch_message message = { .kind = DISPATCH_SEND, .from = worker->index,
			.ticket = send->ticket, .hop = send->hop, .data = send->data };
		worker_stream_send(worker, &message);
		return;
	}
	if (listener == NULL) {
		metric_add(&worker->metrics.send_no_listener, 1);
		return;
	}
	udp_sender_add(listener->sender, &listener->socket, &send->hop.addr, send->data,
		&worker->metrics);
}

static void listener_flush(struct worker *worker, struct worker_listener *listener)
{
	if (!listener->is_blocked && udp_sender_is_idle(listener->sender))
		return;
	bool is_blocked = !udp_sender_flush(listener->sender, &listener->socket, &worker->metrics);
	if (is_blocked != listener->is_blocked)
		uv_poll_start(&listener->poll, UV_READABLE | (is_blocked ? UV_WRITABLE : 0),
			on_poll);
	listener->is_blocked = is_blocked;
}

void worker_flush(struct worker *worker)
{
	struct outbox *outbox = worker->env.outbox;
	for (uint32_t i = 0; i < outbox_count(outbox); i++)
		outbox_carry_out(worker, outbox_at(outbox, i));
	for (uint32_t i = 0; i < worker->listener_count; i++)
		listener_flush(worker, &worker->listeners[i]);
	streams_flush(worker->streams);
	outbox_clear(outbox);
}

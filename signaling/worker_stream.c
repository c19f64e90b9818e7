// worker_stream.c - the connections of a worker: its own by net/stream.h, others' by their owners.
//
// A connection belongs to the worker that accepted it, or to the one that connection_owner() names
// if it is to be opened. Everybody else posts what is to be sent, and hears what did not leave.
#include "worker_private.h"

#include "base/log.h"

#include <stdlib.h>
#include <urcu/urcu-qsbr.h>

_Static_assert((int)STREAM_QUEUE_FULL == (int)CORE_SEND_QUEUE_FULL, "one order");
_Static_assert((int)STREAM_CONNECT_FAILED == (int)CORE_SEND_CONNECT_FAILED, "one order");
_Static_assert((int)STREAM_CLOSED == (int)CORE_SEND_CLOSED, "one order");
_Static_assert((int)SIP_TRANSPORT_WSS == (int)CONFIG_WSS, "one order");

static void on_message(void *user, const struct sip_hop *from, struct span message)
{
	struct dispatch_message in = { .kind = DISPATCH_RECEIVED, .hop = *from, .data = message };

	worker_dispatch(user, &in);
}

// The core is not called back in the middle of its own sending: it hears with the next turn.
static void failure_keep(struct worker *worker, uint64_t ticket, uint32_t failure)
{
	struct worker_failures *failures = &worker->failures;

	if ((uint32_t)ticket & WORKER_KEEP_TICKET) {
		worker_keep_failed(worker, ticket);
		return;
	}
	if (failures->count == WORKER_FAILURES_MAX) {
		metric_add(&worker->metrics.stream_failures_lost, 1);
		return;
	}
	failures->of[failures->count++] = (struct worker_failure){ ticket, failure };
}

static void on_failed(void *user, uint32_t from, uint64_t ticket, enum stream_failure failure)
{
	struct worker *worker = user;
	struct dispatch_message out = { .kind = DISPATCH_FAILED, .ticket = ticket,
		.failure = failure };

	if (from == worker->index)
		failure_keep(worker, ticket, failure);
	else if (!dispatch_pass(worker->shared->dispatch, worker->index, from, &out))
		metric_add(&worker->metrics.stream_failures_lost, 1);
}

static const struct config_trunk *trunk_of(const struct worker *worker, uint32_t number)
{
	const struct config *config = worker->env.config;

	return number > 0 && config != NULL && number <= config->trunk_count ?
		&config->trunks[number - 1] : NULL;
}

static struct stream_rules rules_of(void *user, const struct sip_hop *hop)
{
	struct worker *worker = user;
	const struct worker_tls *tls = rcu_dereference(worker->shared->tls);
	const struct config_trunk *trunk = trunk_of(worker, hop->tls_trunk);
	struct stream_rules rules = { .tls = worker_tls_server(tls, hop->listener) };

	if (!hop->is_dialled)
		return rules;
	rules.tls = worker_tls_client(tls, hop);
	if (trunk != NULL && trunk->connection.path != NULL)
		rules.path = span_str(trunk->connection.path);
	if (trunk != NULL)
		rules.keepalive_ms = trunk->connection.keepalive_ms;
	return rules;
}

struct peer_search {
	const struct config *config;
	uint32_t realm;
	uint16_t found; // 1 + index
};

static bool on_name(void *context, struct span name)
{
	struct peer_search *search = context;

	search->found =
		(uint16_t)(config_find_tls_name(search->config, search->realm, name) + 1);
	return search->found == 0;
}

// Whom we dialled is who we meant once its certificate did; a client is the trunk that has one of
// its names.
static uint16_t peer_of(void *user, const struct sip_hop *hop, const struct tls_session *tls)
{
	struct worker *worker = user;
	struct peer_search search = { .config = worker->env.config, .realm = hop->listener >> 8 };

	if (hop->is_dialled)
		return tls_session_is_proved(tls) ? hop->tls_trunk : 0;
	if (search.config != NULL)
		tls_session_each_name(tls, on_name, &search);
	return search.found;
}

static int listener_open(struct worker *worker, listener_id id,
	const struct config_listener *listener)
{
	struct stream_listen listen = {
		.id = id,
		.transport = (enum sip_transport)listener->transport,
		.addr = listener->addr,
		.dscp = listener->dscp,
		.origins = listener->origins,
		.origin_count = listener->origin_count,
	};
	char text[ADDR_TEXT_MAX];
	int rc = streams_listen(worker->streams, &listen);

	if (rc < 0) {
		addr_format(&listener->addr, text);
		LOG_ERROR(NET, "listen_failed", "transport=" SPAN_FMT " addr=%s error=\"%s\"",
			SPAN_ARG(sip_transport_name(listen.transport)), text, strerror(-rc));
	}
	return rc;
}

int worker_streams_open(struct worker *worker, const struct config *config, uint64_t now_ms)
{
	const struct config_connections *limits = &config->connections;
	struct stream_params params = {
		.worker = worker->index,
		.workers = worker->shared->workers,
		.key = worker->shared->key,
		.connections_max = limits->count_max,
		.connect_ms = limits->connect_ms,
		.handshake_ms = limits->handshake_ms,
		.message_ms = limits->message_ms,
		.idle_ms = limits->idle_ms,
		.sources = worker->shared->sources,
		.aliases = worker->shared->aliases,
		.metrics = &worker->metrics,
		.handler = { .user = worker, .on_message = on_message, .on_failed = on_failed,
			.rules_of = rules_of, .peer_of = peer_of },
		.now_ms = now_ms,
	};
	int rc = streams_new(&params, &worker->streams);

	for (uint32_t r = 0; r < config->realm_count && rc == 0; r++) {
		const struct config_realm *realm = &config->realms[r];
		for (uint32_t i = 0; i < realm->listener_count && rc == 0; i++)
			if (realm->listeners[i].transport != CONFIG_UDP)
				rc = listener_open(worker, listener_make(r, i),
					&realm->listeners[i]);
	}
	return rc;
}

// Called while the worker is offline for RCU: only notes what happened.
static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct worker *worker = poll->data;

	(void)status;
	(void)events;
	worker->is_stream_readable = true;
}

int worker_streams_poll(struct worker *worker)
{
	int rc = uv_poll_init(&worker->loop, &worker->stream_poll, streams_fd(worker->streams));

	if (rc < 0)
		return rc;
	worker->is_stream_polled = true;
	worker->stream_poll.data = worker;
	return uv_poll_start(&worker->stream_poll, UV_READABLE, on_poll);
}

void worker_streams_close_handles(struct worker *worker)
{
	if (worker->is_stream_polled)
		uv_close((uv_handle_t *)&worker->stream_poll, NULL);
}

void worker_streams_free(struct worker *worker)
{
	streams_free(worker->streams);
}

static void failures_tell(struct worker *worker)
{
	struct worker_failures *failures = &worker->failures;
	uint32_t count = failures->count;

	// What comes of telling them is told in the next turn.
	struct worker_failure *of = worker->failures_told;
	memcpy(of, failures->of, count * sizeof(of[0]));
	failures->count = 0;
	for (uint32_t i = 0; i < count; i++)
		core_send_failed(worker->core, &worker->env, of[i].ticket,
			(enum core_send_failure)of[i].failure);
}

void worker_streams_receive(struct worker *worker)
{
	bool is_readable = worker->is_stream_readable;

	worker->is_stream_readable = false;
	streams_run(worker->streams, worker->env.now_ms, is_readable);
	failures_tell(worker);
}

uint64_t worker_streams_next_ms(const struct worker *worker)
{
	return worker->failures.count > 0 ? 0 : streams_next_ms(worker->streams);
}

static void send_here(struct worker *worker, const struct dispatch_message *message)
{
	struct stream_send send = { .hop = message->hop, .data = message->data,
		.ticket = message->ticket, .from = message->from };

	streams_send(worker->streams, &send);
}

static void send_there(struct worker *worker, uint32_t to, const struct dispatch_message *message)
{
	if (dispatch_pass(worker->shared->dispatch, worker->index, to, message)) {
		metric_add(&worker->metrics.send_posted, 1);
		return;
	}
	metric_add(&worker->metrics.ring_full, 1);
	if (message->ticket != 0)
		on_failed(worker, message->from, message->ticket, STREAM_QUEUE_FULL);
}

// The name that a trunk's certificate shows is the operator's to say. A trunk that called us, and
// is to be called back, is called by the name that it has.
static struct span tls_name_of(const struct worker *worker, const struct sip_hop *hop)
{
	const struct config_trunk *trunk = trunk_of(worker, hop->tls_trunk);

	if (trunk != NULL && trunk->has_tls && trunk->tls.name != NULL)
		return span_str(trunk->tls.name);
	if (trunk == NULL || hop->tls_name.len > 0)
		return hop->tls_name;
	for (uint32_t i = 0; i < trunk->host_count; i++)
		if (trunk->hosts[i].name == NULL && addr_eq(&trunk->hosts[i].addr, &hop->addr))
			return SPAN_NONE;
	return trunk->hosts[0].name != NULL ? span_str(trunk->hosts[0].name) : SPAN_NONE;
}

// To the worker of the connection that hop names.
static bool is_elsewhere(const struct worker *worker, const struct sip_hop *hop)
{
	uint32_t at = connection_worker(hop->connection);

	return hop->connection != 0 && at != worker->index && at < worker->shared->workers;
}

// Whether it may go by the connection that it names, which is this worker's if it lives.
static bool may_go(struct worker *worker, const struct dispatch_message *message)
{
	if (message->alias != DISPATCH_ALIAS_ASKED)
		return streams_has(worker->streams, message->hop.connection);
	if (!streams_leads_to(worker->streams, &message->hop))
		return false;
	metric_add(&worker->metrics.alias_used, 1);
	return true;
}

// To the connection if it lives, else to one that the far end opened for both (RFC 5923), else to
// whoever may open another one: three rings at most.
void worker_stream_send(struct worker *worker, const struct dispatch_message *message)
{
	struct dispatch_message rest = *message;
	uint32_t at;

	if (is_elsewhere(worker, &rest.hop)) {
		send_there(worker, connection_worker(rest.hop.connection), &rest);
		return;
	}
	if (rest.hop.is_bound || may_go(worker, &rest)) {
		send_here(worker, &rest);
		return;
	}
	rest.hop.connection = 0;
	rest.hop.tls_name = tls_name_of(worker, &rest.hop);
	if (rest.alias == DISPATCH_ALIAS_UNTRIED && rest.data.len > 0)
		rest.hop.connection = alias_find(worker->shared->aliases, &rest.hop);
	rest.alias = rest.hop.connection != 0 ? DISPATCH_ALIAS_ASKED : DISPATCH_ALIAS_REFUSED;
	if (rest.hop.connection != 0) {
		worker_stream_send(worker, &rest);
		return;
	}
	at = connection_owner(&worker->shared->key, &rest.hop, worker->shared->workers);
	if (at == worker->index)
		send_here(worker, &rest);
	else
		send_there(worker, at, &rest);
}

void worker_stream_alias(struct worker *worker, const struct dispatch_message *message)
{
	if (!is_elsewhere(worker, &message->hop))
		streams_alias(worker->streams, &message->hop, message->is_trusted);
	else if (!dispatch_pass(worker->shared->dispatch, worker->index,
		connection_worker(message->hop.connection), message))
		metric_add(&worker->metrics.ring_full, 1);
}

void worker_stream_failed(struct worker *worker, const struct dispatch_message *message)
{
	failure_keep(worker, message->ticket, message->failure);
}

// worker_keep.c - flows to trunks that are kept without a call (RFC 5626 4.4.2, 4.5): connections
// that are opened at start and again when they break, and STUN asked of hosts reached by UDP.
//
// Each host of a trunk that asks for it is one flow, of the worker that its number falls to. A name
// is looked up anew whenever its flow begins.
#include "worker_private.h"

#include "base/check.h"
#include "base/log.h"
#include "call/target.h"
#include "net/keepalive.h"

#include <errno.h>
#include <stdlib.h>

#define RETRY_MS      2000u   // first wait behind a failure, doubled with each one
#define RETRY_MAX_MS  120000u
#define STEADY_MS     60000u  // a flow that stood so long begins anew to count
#define LOOKUP_MAX_MS 30000u  // for an answer that never comes
#define STUN_RTO_MS   500u    // RFC 5389 7.2.1
#define STUN_DEAD_MS  10000u  // RFC 5626 4.4.1, for this one as well
#define NEVER         UINT64_MAX

struct worker_flow {
	uint16_t trunk, host;   // indices
	uint64_t due_ms;        // when something is to be done, NEVER = something will be heard
	uint64_t opened_ms;     // 0 = not since the last failure
	uint32_t failures;      // in a row
	uint32_t generation;    // of what is awaited
	// by UDP
	struct sip_hop hop;     // who is asked
	struct keepalive_ask ask;
	bool is_asking, is_dead;
	uint64_t asked_ms;      // first
	uint32_t wait_ms;       // until it is asked again
};

struct worker_keep {
	uint64_t due_ms;        // the earliest of all
	uint32_t count;
	struct worker_flow flows[];
};

// Both kinds of tickets have an index below, which is never that large for the core's own.
static uint64_t ticket_of(const struct worker_keep *keep, const struct worker_flow *flow)
{
	return (uint64_t)flow->generation << 32 | WORKER_KEEP_TICKET |
		(uint32_t)(flow - keep->flows);
}

static struct worker_flow *flow_of(struct worker_keep *keep, uint64_t ticket)
{
	uint32_t index = (uint32_t)ticket & ~WORKER_KEEP_TICKET;

	return index < keep->count && keep->flows[index].generation == ticket >> 32 ?
		&keep->flows[index] : NULL;
}

static void flow_wait(struct worker_keep *keep, struct worker_flow *flow, uint64_t due_ms)
{
	flow->due_ms = due_ms;
	if (due_ms < keep->due_ms)
		keep->due_ms = due_ms;
}

static bool is_wanted(const struct config_trunk *trunk)
{
	return trunk->connection.is_kept || trunk->connection.has_stun;
}

int worker_keep_open(struct worker *worker, const struct config *config)
{
	uint32_t count = 0, number = 0;

	for (uint32_t t = 0; t < config->trunk_count; t++)
		count += is_wanted(&config->trunks[t]) ? config->trunks[t].host_count : 0;
	worker->keep = calloc(1, sizeof(*worker->keep) + count * sizeof(worker->keep->flows[0]));
	if (worker->keep == NULL)
		return -ENOMEM;
	for (uint32_t t = 0; t < config->trunk_count; t++) {
		const struct config_trunk *trunk = &config->trunks[t];
		for (uint32_t h = 0; is_wanted(trunk) && h < trunk->host_count; h++)
			if (number++ % worker->shared->workers == worker->index)
				worker->keep->flows[worker->keep->count++] = (struct worker_flow){
					.trunk = (uint16_t)t, .host = (uint16_t)h };
	}
	worker->keep->due_ms = worker->keep->count > 0 ? 0 : NEVER;
	return 0;
}

void worker_keep_free(struct worker *worker)
{
	free(worker->keep);
}

// Twice as long with each failure, half of it drawn.
static void flow_fail(struct worker *worker, struct worker_flow *flow)
{
	uint64_t now_ms = worker->env.now_ms, wait_ms = RETRY_MS;

	if (flow->opened_ms != 0 && now_ms - flow->opened_ms >= STEADY_MS)
		flow->failures = 0;
	flow->opened_ms = 0; // a name that leads nowhere now never stood
	for (uint32_t i = 0; i < flow->failures && wait_ms < RETRY_MAX_MS; i++)
		wait_ms *= 2;
	if (wait_ms > RETRY_MAX_MS)
		wait_ms = RETRY_MAX_MS;
	flow->failures++;
	flow->generation++;
	flow_wait(worker->keep, flow,
		now_ms + wait_ms / 2 + rng_below(&worker->rng, (uint32_t)wait_ms / 2));
}

// By UDP ------------------------------------------------------------------------------------------

static void flow_ask(struct worker *worker, struct worker_flow *flow)
{
	uint8_t buf[KEEPALIVE_ASK_BYTES];
	struct outbox_send send = { .hop = flow->hop };

	send.data = keepalive_ask(&worker->shared->key, &flow->ask, &flow->hop.addr, buf);
	outbox_send(worker->env.outbox, &send); // a full outbox counts it
	metric_add(&worker->metrics.stun_asked, 1);
	flow_wait(worker->keep, flow, worker->env.now_ms + flow->wait_ms);
}

static void flow_log(const struct worker *worker, const struct worker_flow *flow)
{
	const char *trunk = worker->env.config->trunks[flow->trunk].name;
	char text[ADDR_TEXT_MAX];

	addr_format(&flow->hop.addr, text);
	if (flow->is_dead)
		LOG_WARN(NET, "flow_dead", "trunk=%s peer=%s", trunk, text);
	else
		LOG_INFO(NET, "flow_alive", "trunk=%s peer=%s", trunk, text);
}

static void flow_begin_asking(struct worker *worker, struct worker_flow *flow)
{
	flow->is_asking = true;
	flow->asked_ms = worker->env.now_ms;
	flow->wait_ms = STUN_RTO_MS;
	flow->ask = (struct keepalive_ask){ .worker = (uint8_t)worker->index,
		.flow = (uint16_t)(flow - worker->keep->flows),
		.sequence = (uint8_t)(flow->ask.sequence + 1) };
	flow_ask(worker, flow);
}

static void flow_ask_again(struct worker *worker, struct worker_flow *flow)
{
	if (worker->env.now_ms - flow->asked_ms < STUN_DEAD_MS) {
		flow->wait_ms *= 2;
		flow_ask(worker, flow);
		return;
	}
	if (!flow->is_dead) {
		flow->is_dead = true;
		metric_add(&worker->metrics.flows_dead, 1);
		flow_log(worker, flow);
	}
	flow->is_asking = false;
	flow->hop = (struct sip_hop){ 0 }; // its name may lead elsewhere by now
	flow_fail(worker, flow);
}

void worker_keep_heard(struct worker *worker, const struct keepalive_ask *ask)
{
	struct worker_flow *flow;

	if (ask->flow >= worker->keep->count)
		return;
	flow = &worker->keep->flows[ask->flow];
	if (!flow->is_asking || ask->sequence != flow->ask.sequence)
		return;
	metric_add(&worker->metrics.stun_heard, 1);
	flow->is_asking = false;
	flow->failures = 0;
	if (flow->is_dead) {
		flow->is_dead = false;
		flow_log(worker, flow);
	}
	uint32_t interval_ms = worker->env.config->trunks[flow->trunk].connection.keepalive_ms;
	flow_wait(worker->keep, flow, worker->env.now_ms + interval_ms -
		rng_below(&worker->rng, interval_ms / 5 + 1));
}

// Both --------------------------------------------------------------------------------------------

static void flow_begin(struct worker *worker, struct worker_flow *flow,
	const struct sip_target *target)
{
	const struct config *config = worker->env.config;
	const struct config_trunk *trunk = &config->trunks[flow->trunk];
	const char *name = trunk->hosts[flow->host].name;
	int listener = target_listener(&config->realms[trunk->realm], target);
	bool is_wanted = sip_transport_is_reliable(target->transport) ?
		trunk->connection.is_kept : trunk->connection.has_stun;

	if (listener < 0 || !is_wanted) {
		flow_wait(worker->keep, flow, NEVER);
		return;
	}
	struct sip_hop hop = { .listener = listener_make(trunk->realm, (uint32_t)listener),
		.addr = target->addr, .tls_trunk = (uint16_t)(1 + flow->trunk),
		.tls_name = name != NULL ? span_str(name) : SPAN_NONE };
	struct dispatch_message message = { .kind = DISPATCH_SEND, .from = worker->index,
		.ticket = ticket_of(worker->keep, flow), .hop = hop };
	flow->opened_ms = worker->env.now_ms;
	if (sip_transport_is_reliable(target->transport)) {
		flow_wait(worker->keep, flow, NEVER);
		worker_stream_send(worker, &message);
		return;
	}
	flow->hop = hop;
	flow->hop.tls_name = SPAN_NONE;
	flow_begin_asking(worker, flow);
}

static void flow_look_up(struct worker *worker, struct worker_flow *flow)
{
	const struct config_trunk *trunk = &worker->env.config->trunks[flow->trunk];
	const struct config_host *host = &trunk->hosts[flow->host];
	struct resolver_ask ask = { .place = target_place(host) };
	struct sip_target targets[SIP_TARGETS_MAX];

	target_ability(&worker->env.config->realms[trunk->realm], &ask.ability);
	flow->generation++;
	ask.ticket = ticket_of(worker->keep, flow);
	if (host->name != NULL) {
		flow_wait(worker->keep, flow, worker->env.now_ms + LOOKUP_MAX_MS);
		resolver_ask(worker->resolver, &ask, worker->env.now_ms);
		worker->is_more |= resolver_has_answer(worker->resolver);
		return;
	}
	// An address needs no questions.
	struct sip_locator locator = { .ability = ask.ability, .rng = &worker->rng };
	if (sip_locate(&locator, &ask.place, targets) > 0)
		flow_begin(worker, flow, &targets[0]);
	else
		flow_wait(worker->keep, flow, NEVER);
}

void worker_keep_resolved(struct worker *worker, const struct resolver_answer *answer)
{
	struct worker_flow *flow = flow_of(worker->keep, answer->ticket);

	if (flow == NULL)
		return;
	if (answer->count > 0)
		flow_begin(worker, flow, &answer->targets[0]);
	else
		flow_fail(worker, flow);
}

void worker_keep_failed(struct worker *worker, uint64_t ticket)
{
	struct worker_flow *flow = flow_of(worker->keep, ticket);

	if (flow == NULL)
		return;
	metric_add(&worker->metrics.flows_lost, 1);
	flow_fail(worker, flow);
}

static void flow_run(struct worker *worker, struct worker_flow *flow)
{
	if (flow->is_asking)
		flow_ask_again(worker, flow);
	else if (flow->hop.addr.port != 0)
		flow_begin_asking(worker, flow);
	else
		flow_look_up(worker, flow);
}

void worker_keep_run(struct worker *worker)
{
	struct worker_keep *keep = worker->keep;
	uint64_t now_ms = worker->env.now_ms;

	if (now_ms < keep->due_ms || worker->env.is_draining)
		return;
	keep->due_ms = NEVER;
	for (uint32_t i = 0; i < keep->count; i++) {
		struct worker_flow *flow = &keep->flows[i];
		uint64_t due_ms = flow->due_ms;
		if (due_ms <= now_ms)
			flow_run(worker, flow);
		if (flow->due_ms < keep->due_ms)
			keep->due_ms = flow->due_ms;
	}
}

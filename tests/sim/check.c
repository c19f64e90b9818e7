// check.c - the invariants, seen from outside the core.
#include "sim.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/metric.h"
#include "call/core.h"
#include "sip/transaction.h"

static bool has_text(struct span data, const char *text)
{
	return memmem(data.ptr, data.len, text, strlen(text)) != NULL;
}

// Topology: nothing of the other sides' names, addresses and identifiers.
static void check_hidden(struct sim *sim, enum sim_side to, struct span data)
{
	static const char *const prefix[SIM_SIDES] = { "10.1.", "10.2.", "fd00:2:" };

	for (uint32_t side = 0; side < SIM_SIDES; side++) {
		if (side == to)
			continue;
		if (has_text(data, sim_secret[side]) || has_text(data, prefix[side]))
			sim_fail(sim, "side %u is shown to side %u:\n%.*s", side, to,
				(int)data.len, data.ptr);
	}
}

// Retransmissions are byte by byte the same, and may outlive their call's ports.
static bool is_repeated(struct sim *sim, struct span data)
{
	struct hash_key key = { { 3, 4 } };
	uint64_t hash = hash_sip(&key, data.ptr, data.len);

	for (uint32_t i = 0; i < sim->seen_count; i++)
		if (sim->seen[i] == hash)
			return true;
	CHECK(sim->seen_count < SIM_SEEN_MAX);
	sim->seen[sim->seen_count++] = hash;
	return false;
}

// Order: a port that a message reveals is published before the message is in the outbox.
static void check_ports(struct sim *sim, enum sim_side to, const struct sip_msg *msg)
{
	struct sdp_fault fault;

	if (sdp_parse(msg->body, &sim->sdp, &fault) < 0) {
		sim_fail(sim, "own session description does not parse: %s", fault.reason);
		return;
	}
	for (uint32_t i = 0; i < sim->sdp.media_count; i++) {
		const struct sdp_media *m = &sim->sdp.media[i];

		if (m->port == 0)
			continue;
		if (!ip_eq(&m->connection.ip, &sim->config.realms[to].media[0]))
			sim_fail(sim, "foreign media address in our description");
		if (!flow_lookup(&sim->view, to, m->port))
			sim_fail(sim, "port %u is revealed before it is published", m->port);
	}
}

void check_sent(struct sim *sim, const struct addr *from, const struct addr *to, struct span data)
{
	struct sip_fault fault;

	if (world_side(from) != world_side(to))
		sim_fail(sim, "message leaves by the wrong realm");
	check_hidden(sim, world_side(to), data);
	// What answers a mangled request has to copy what was mangled.
	if (is_repeated(sim, data) || to->ip.b[15] == 250)
		return;
	if (sip_parse(data, &sim->msg, &fault) < 0)
		sim_fail(sim, "own message does not parse: %s\n%.*s", fault.reason, (int)data.len,
			data.ptr);
	else if (!span_is_empty(sim->msg.body))
		check_ports(sim, world_side(to), &sim->msg);
}

static bool is_living(struct sim *sim, uint64_t token)
{
	struct call_info info;

	for (uint32_t i = 0; i < SIM_WORKERS; i++) {
		uint32_t cursor = 0;

		while (core_next_call(sim->cores[i], &cursor, &info))
			if (info.token == token && info.state != CALL_STATE_ENDING &&
				info.state != CALL_STATE_CANCELLING)
				return true;
	}
	return false;
}

// No flow without a call.
void check_flows(struct sim *sim)
{
	for (uint32_t side = 0; side < SIM_SIDES; side++) {
		const struct config_realm *realm = &sim->config.realms[side];

		for (uint32_t port = realm->port_min; port <= realm->port_max; port++) {
			const struct flow_cfg *cfg =
				flow_lookup(&sim->view, side, (uint16_t)port);

			if (cfg && !is_living(sim, cfg->call_token))
				sim_fail(sim, "flow on port %u of realm %u without a call", port,
					side);
		}
	}
}

static void check_worker(struct sim *sim, uint32_t i)
{
	struct flow_counters now;
	struct call_info info;
	uint32_t cursor = 0;
	const struct flow_counters *start = &sim->at_start[i];
	const struct sip_transaction_metrics *txs = core_transaction_metrics(sim->cores[i]);

	flow_writer_counters(sim->envs[i].flows, &now);
	if (core_next_call(sim->cores[i], &cursor, &info))
		sim_fail(sim, "worker %u: call %llx in state %s is left", i,
			(unsigned long long)info.token, call_state_name(info.state));
	if (core_timer_count(sim->cores[i]))
		sim_fail(sim, "worker %u: %u timers are left", i, core_timer_count(sim->cores[i]));
	if (metric_read(&txs->active) || metric_read(&txs->stored_bytes))
		sim_fail(sim, "worker %u: %llu transactions, %llu bytes are left", i,
			(unsigned long long)metric_read(&txs->active),
			(unsigned long long)metric_read(&txs->stored_bytes));
	if (now.ports_free != start->ports_free || now.slots_free != start->slots_free ||
		now.states_free != start->states_free)
		sim_fail(sim, "worker %u: %u ports, %u slots, %u states are lost", i,
			start->ports_free - now.ports_free, start->slots_free - now.slots_free,
			start->states_free - now.states_free);
}

void check_end(struct sim *sim)
{
	check_flows(sim);
	for (uint32_t i = 0; i < SIM_WORKERS; i++)
		check_worker(sim, i);
	for (uint32_t i = 0; i < sim->ua_count; i++) {
		const struct ua *ua = &sim->uas[i];

		// Each repetition was lost with 1 %: an answer must have come.
		if (ua->is_caller && ua->invite.is_active && sim->loss_permille == 0)
			sim_fail(sim, "INVITE of %s was never answered", ua->call_id);
	}
}

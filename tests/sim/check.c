// check.c - the invariants, seen from outside the core: messages, flows, and what is left at the
// end. Those of the protocol are in ledger.c.
#include "sim.h"

#include "base/metric.h"
#include "call/core.h"
#include "call/metric.h"
#include "call/trunk.h"
#include "sip/multipart.h"
#include "sip/transaction.h"

#define ORPHAN_SLACK_MS  3000u // orphans are looked at in slices, and only when time passes
#define SILENCE_SLACK_MS 3000u
#define OFFER_MS         21000u // ring_timeout

static bool has_text(struct span data, const char *text)
{
	return memmem(data.ptr, data.len, text, strlen(text)) != NULL;
}

bool check_is_hidden(enum sim_side side, struct span data)
{
	static const char *const prefix[SIM_SIDES] = { "10.1.", "10.2.", "fd00:2:" };

	for (uint32_t other = 0; other < SIM_SIDES; other++)
		if (other != side &&
			(has_text(data, sim_secret[other]) || has_text(data, prefix[other])))
			return false;
	return true;
}

// Topology: nothing of the other sides' names, addresses and identifiers.
static void check_hidden(struct sim *sim, enum sim_side to, struct span data)
{
	if (!check_is_hidden(to, data))
		sim_fail(sim, "hidden: another side is shown to side %u:\n%.*s", to,
			(int)data.len, data.ptr);
}

// A timer may speak for a call that another one ends in the same turn. And an ACK that had to wait
// says what was in force, though its call ends in that turn, or has ended since it was sent first.
static bool is_parting(struct sim *sim)
{
	if (sim->ends_ahead)
		return true;
	return sim->msg.is_request && sim->msg.method == SIP_METHOD_ACK &&
		(sim->is_call_ending || ledger_is_acked_again(sim, &sim->msg));
}

// Order: a port that a message reveals is published before the message is in the outbox.
static void check_ports(struct sim *sim, enum sim_side to, struct span description)
{
	struct sdp_fault fault;

	if (sdp_parse(description, &sim->sdp, &fault) < 0) {
		sim_fail(sim, "own session description does not parse: %s", fault.reason);
		return;
	}
	ledger_described(sim, &sim->msg, &sim->sdp);
	for (uint32_t i = 0; i < sim->sdp.media_count; i++) {
		const struct sdp_media *m = &sim->sdp.media[i];

		if (m->port == 0)
			continue;
		if (!ip_eq(&m->connection.ip, &sim->config.realms[to].media[0]))
			sim_fail(sim, "foreign media address in our description");
		if (!flow_lookup(&sim->view, to, m->port) && !is_parting(sim))
			sim_fail(sim, "port %u is revealed before it is published", m->port);
	}
}

// Of the message at hand. Only listed parts cross.
static void check_body(struct sim *sim, enum sim_side to)
{
	static struct body_parts parts;
	struct span description = ua_description(&sim->msg);

	if (multipart_is(sim->msg.content_type) &&
		multipart_parse(sim->msg.content_type, sim->msg.body, &parts) < 0)
		sim_fail(sim, "body: own multipart does not parse:\n%.*s", SPAN_ARG(sim->msg.body));
	if (has_text(sim->msg.body, "text/plain"))
		sim_fail(sim, "body: a part crosses that is not listed");
	if (!span_is_empty(description))
		check_ports(sim, to, description);
}

// A call that people talk in knows its dialogs, also when it came back from a record. Whoever
// answered next to another one, or too late, was sent a BYE, which may have been lost.
static void check_known(struct sim *sim, const struct sip_msg *msg)
{
	struct call_info info;
	struct sip_token token;

	if (msg->is_request || msg->status != 481 ||
		(msg->method != SIP_METHOD_INVITE && msg->method != SIP_METHOD_BYE &&
			msg->method != SIP_METHOD_UPDATE && msg->method != SIP_METHOD_INFO) ||
		!sip_token_verify(&sim->keys, SIP_TOKEN_TAG, msg->to.tag, &token) ||
		ledger_has_ended(sim, msg->call_id, msg->from.tag))
		return;
	for (uint32_t i = 0; i < SIM_WORKERS; i++) {
		uint32_t cursor = 0;

		while (core_next_call(sim->cores[i], &cursor, &info))
			if (info.token == (token.value & ~1ull) &&
				info.state == CALL_STATE_CONNECTED)
				sim_fail(sim, "dialog: 481 to a %s of call %llx, which lives",
					sip_method_name(msg->method),
					(unsigned long long)info.token);
	}
}

void check_received(struct sim *sim, const struct packet *packet)
{
	struct sip_fault fault;

	if (sip_parse(span_make(packet->data, packet->len), &sim->msg, &fault) < 0)
		return;
	// Mangled copies ask for no answer, but what they make us do goes to the Contact they name.
	if (packet->from.ip.b[15] == 250) {
		ledger_named(sim, &sim->msg);
		ledger_mangled(sim, &sim->msg);
	} else {
		ledger_received(sim, &packet->from, &sim->msg);
	}
}

// Nothing is repeated over what delivers by itself, but the 2xx to INVITE and its ACK (RFC 3261
// 13.2.2.4, 13.3.1.4); a provisional answer is ours as often as it is the called side's.
static bool may_repeat(struct span data)
{
	if (!span_starts(data, SPAN_LIT("SIP/2.0 ")))
		return span_starts(data, SPAN_LIT("ACK "));
	return span_starts(data, SPAN_LIT("SIP/2.0 1")) ||
		(span_starts(data, SPAN_LIT("SIP/2.0 2")) && has_text(data, " INVITE\r\n"));
}

void check_carried(struct sim *sim, struct span data, bool is_stream)
{
	bool is_request = !span_starts(data, SPAN_LIT("SIP/2.0 "));
	const char *via = is_stream ? "\r\nVia: SIP/2.0/TCP " : "\r\nVia: SIP/2.0/UDP ";

	if (is_stream && ledger_was_sent(sim, data) && !may_repeat(data))
		sim_fail(sim, "stream: repeated over a connection:\n%.*s", (int)data.len, data.ptr);
	if (is_request && !has_text(data, via))
		sim_fail(sim, "stream: the Via names another transport:\n%.*s", (int)data.len,
			data.ptr);
}

// The profile's header rules, and what a refusal has to say.
static void check_rules(struct sim *sim, enum sim_side to)
{
	const struct sip_header *rule = sip_msg_find(&sim->msg, SPAN_LIT("X-Rule"));
	const char *name = sim->config.realms[to].name;

	if (sim->msg.is_request && sim->msg.method == SIP_METHOD_INVITE &&
		(!rule || !span_eq(rule->value, span_str(name))))
		sim_fail(sim, "rules: INVITE to %s without its X-Rule", name);
	if (!sim->msg.is_request && sim->msg.status == 503 && sim->is_refusing &&
		!sip_msg_header(&sim->msg, SIP_HEADER_RETRY_AFTER))
		sim_fail(sim, "refusal: 503 without Retry-After");
}

void check_sent(struct sim *sim, const struct addr *from, const struct addr *to, struct span data)
{
	struct sip_fault fault;

	if (world_side(from) != world_side(to))
		sim_fail(sim, "message leaves by the wrong realm");
	check_hidden(sim, world_side(to), data);
	// What answers a mangled request has to copy what was mangled. But a Contact may have
	// become this address: then it is the dialog's, and who answers is acknowledged there.
	if (to->ip.b[15] == 250) {
		if (sip_parse(data, &sim->msg, &fault) == 0)
			ledger_sent_astray(sim, &sim->msg);
		return;
	}
	if (ledger_is_repeated(sim, data))
		return;
	if (sip_parse(data, &sim->msg, &fault) < 0) {
		sim_fail(sim, "own message does not parse: %s\n%.*s", fault.reason, (int)data.len,
			data.ptr);
		return;
	}
	ledger_sent(sim, to, &sim->msg, data);
	check_rules(sim, world_side(to));
	check_known(sim, &sim->msg);
	check_body(sim, world_side(to));
}

static bool is_living(struct sim *sim, uint64_t token)
{
	struct call_info info;

	for (uint32_t i = 0; i < SIM_WORKERS; i++) {
		uint32_t cursor = 0;

		while (core_next_call(sim->cores[i], &cursor, &info))
			if (info.token == token && info.state < CALL_STATE_ENDING &&
				info.state != CALL_STATE_CANCELLING)
				return true;
	}
	return false;
}

// A call that was lost with its worker keeps its flows while they are used, then for the timeout.
static bool is_orphan(const struct sim *sim, uint64_t token)
{
	for (uint32_t i = 0; i < sim->voice_count; i++) {
		const struct voice *voice = &sim->voices[i];

		if (voice->token != token || !voice->lost_ms)
			continue;
		uint64_t last_ms = voice->lost_ms > voice->heard_ms ? voice->lost_ms :
								      voice->heard_ms;
		return sim->now_ms < last_ms + SIM_ORPHAN_MS + ORPHAN_SLACK_MS;
	}
	return false;
}

// No flow without a call, and none whose peer is missing.
static void check_flow(struct sim *sim, const struct flow_cfg *cfg)
{
	const struct flow_cfg *peer = flow_lookup(&sim->view, cfg->peer_address, cfg->peer_port);
	bool is_orphaned = is_orphan(sim, cfg->call_token);
	bool is_alive = is_living(sim, cfg->call_token);

	if (!is_orphaned && !is_alive)
		sim_fail(sim, "flow: port %u of realm %u has no call, %llx is none", cfg->port,
			cfg->media_address, (unsigned long long)cfg->call_token);
	else if ((!is_orphaned || (is_alive && voice_of(sim, cfg->call_token)->is_whole)) &&
		(!peer || peer->call_token != cfg->call_token))
		sim_fail(sim, "flow: port %u of realm %u, of call %llx, has no peer", cfg->port,
			cfg->media_address, (unsigned long long)cfg->call_token);
}

static bool has_flow(const struct sim *sim, const struct call_info *info, uint32_t leg)
{
	const struct addr *local = &info->legs[leg].local_media;
	const struct flow_cfg *cfg = NULL;

	if (!ip_is_unset(&local->ip))
		cfg = flow_lookup(&sim->view, world_side(local), local->port);
	return cfg && cfg->call_token == info->token;
}

// A call that moved is like any other when it has had ports of its new worker for as long as the
// offer of them may be open.
static const struct voice *note_settled(struct sim *sim, const struct call_info *info)
{
	struct voice *voice = voice_of(sim, info->token);

	if (!voice->is_moved)
		return voice;
	if (!has_flow(sim, info, CALL_LEG_A) || !has_flow(sim, info, CALL_LEG_B)) {
		voice->settled_ms = 0;
	} else if (!voice->settled_ms) {
		voice->settled_ms = sim->now_ms;
	} else if (sim->now_ms > voice->settled_ms + OFFER_MS) {
		voice->is_moved = false;
		voice->heard_ms = sim->now_ms;
		cover(sim, COVER_PORTS_CHANGED);
	}
	return voice;
}

// A call that people talk in has flows on both legs.
static void check_call(struct sim *sim, const struct call_info *info)
{
	if (info->state != CALL_STATE_ANSWERED && info->state != CALL_STATE_CONNECTED)
		return;
	for (uint32_t leg = 0; leg < CALL_LEGS; leg++) {
		// Until both ends have changed to ports of the new worker.
		if (ip_is_unset(&info->legs[leg].local_media.ip) &&
			voice_of(sim, info->token)->is_moved)
			continue;
		if (!has_flow(sim, info, leg))
			sim_fail(sim, "flow: call %llx from %s is %s and has none on leg %u",
				(unsigned long long)info->token, info->from,
				call_state_name(info->state), leg);
	}
	const struct voice *voice = note_settled(sim, info);
	uint64_t answered_ms = sim->now_ms - info->duration_ms;
	uint64_t heard_ms = voice->heard_ms > answered_ms ? voice->heard_ms : answered_ms;
	if (info->state == CALL_STATE_CONNECTED && !voice->may_be_held && !voice->is_moved &&
		sim->now_ms > heard_ms + SIM_SILENCE_MS + SILENCE_SLACK_MS)
		sim_fail(sim, "silence: call %llx from %s to %s was heard last at %llu",
			(unsigned long long)info->token, info->from, info->to,
			(unsigned long long)voice->heard_ms);
}

void check_flows(struct sim *sim)
{
	struct call_info info;

	for (uint32_t side = 0; side < SIM_SIDES; side++) {
		const struct config_realm *realm = &sim->config.realms[side];

		for (uint32_t port = realm->port_min; port <= realm->port_max; port++) {
			const struct flow_cfg *cfg =
				flow_lookup(&sim->view, side, (uint16_t)port);

			if (cfg)
				check_flow(sim, cfg);
		}
	}
	for (uint32_t i = 0; i < SIM_WORKERS; i++) {
		uint32_t cursor = 0;

		while (core_next_call(sim->cores[i], &cursor, &info))
			check_call(sim, &info);
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
		sim_fail(sim, "left: call at worker %u: %llx in state %s", i,
			(unsigned long long)info.token, call_state_name(info.state));
	if (core_timer_count(sim->cores[i]))
		sim_fail(sim, "left: timers at worker %u: %u", i, core_timer_count(sim->cores[i]));
	if (metric_read(&txs->active) || metric_read(&txs->stored_bytes))
		sim_fail(sim, "left: transactions at worker %u: %llu, %llu bytes", i,
			(unsigned long long)metric_read(&txs->active),
			(unsigned long long)metric_read(&txs->stored_bytes));
	if (metric_read(&core_metrics(sim->cores[i])->outbox_full) ||
		outbox_refused(sim->envs[i].outbox))
		sim_fail(sim, "left: worker %u: the outbox was full", i);
	if (now.ports_free != start->ports_free || now.slots_free != start->slots_free ||
		now.states_free != start->states_free || now.orphans)
		sim_fail(sim, "left: ports at worker %u: %u, %u slots, %u states, %u orphans", i,
			start->ports_free - now.ports_free, start->slots_free - now.slots_free,
			start->states_free - now.states_free, now.orphans);
}

static void check_trunks(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->config.trunk_count; i++) {
		uint32_t slot = trunk_slot(sim->trunk_table, span_str(sim->trunks[i].name));
		uint32_t calls = trunk_calls(sim->trunk_table, slot);

		if (calls)
			sim_fail(sim, "left: trunk %s counts %u calls", sim->trunks[i].name, calls);
	}
}

// Who waited long enough must have been answered. A 1xx came: the caller waits as long as it takes,
// and the final answer is repeated for 32 s. None came: only loss of all of them excuses us.
static void check_caller(struct sim *sim, const struct ua *ua)
{
	if (!ua->invite.cseq || ua->invite.final || ua->is_excused || ua->is_dead ||
		ua->invite.is_excused || ua->has_hung_up)
		return;
	if (ua->invite.is_active || sim->loss_permille == 0)
		sim_fail(sim, "final: INVITE %u of %s was never answered", ua->invite.cseq,
			ua->call_id);
}

void check_end(struct sim *sim)
{
	check_flows(sim);
	for (uint32_t i = 0; i < SIM_WORKERS; i++)
		check_worker(sim, i);
	check_trunks(sim);
	ledger_check_end(sim);
	for (uint32_t i = 0; i < sim->ua_count; i++)
		check_caller(sim, &sim->uas[i]);
}

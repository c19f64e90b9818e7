// world.c - the system under test: its configuration, segment and cores, and the conductor's part.
#include "sim.h"

#include "base/check.h"
#include "call/trunk.h"

#include <stdlib.h>

struct place {
	const char *realm, *listener, *media, *match, *host, *host2;
};

static const struct place places[SIM_SIDES] = {
	[SIM_ACCESS] = { "access", "10.1.0.1:5060", "10.1.0.2", "10.1.0.0/16", "10.1.1.200", NULL },
	[SIM_CORE] = { "core", "10.2.0.1:5060", "10.2.0.2", NULL, "10.2.1.1", "10.2.1.2" },
	[SIM_CORE6] = { "core6", "[fd00:2::1]:5060", "fd00:2::2", NULL, "fd00:2::a", NULL },
};

static struct addr to_addr(const char *text)
{
	struct addr addr;

	CHECK(addr_parse(span_str(text), 5060, &addr) == 0);
	return addr;
}

static void make_realm(struct sim *sim, uint32_t i)
{
	struct config_realm *realm = &sim->config.realms[i];

	*realm = (struct config_realm){ .name = places[i].realm, .listener_count = 1,
		.media_count = 1, .port_min = 20000, .port_max = 22047, .device = -1,
		.latching = i == SIM_ACCESS ? CONFIG_LATCH_ONCE : CONFIG_LATCH_STRICT,
		.is_trusted = true };
	realm->listeners[0].addr = to_addr(places[i].listener);
	realm->emergency[0] = "112";
	realm->emergency_count = fault_is(sim, "emergency-shed") ? 0 : 1;
	if (sim->stream_permille) {
		realm->listeners[1] = realm->listeners[0];
		realm->listeners[1].transport = CONFIG_TCP;
		realm->listener_count = 2;
	}
	realm->media[0] = to_addr(places[i].media).ip;
}

static void make_profile(struct sim *sim, uint32_t i)
{
	static struct span bodies[] = { SPAN_LIT("application/isup") };
	static struct profile_codec preferred[] = { { .name = SPAN_LIT("PCMU") } };
	static struct header_rule rules[SIM_SIDES];
	struct profile_sdp *sdp = &sim->profiles[i].sdp;

	sim->profiles[i].name = places[i].realm;
	rules[i] = (struct header_rule){ .action = HEADER_SET, .messages = HEADER_IN_REQUESTS,
		.name = "X-Rule", .value = places[i].realm, .methods = { "INVITE" },
		.method_count = 1 };
	sim->profiles[i].headers.out = (struct header_rules){ .list = &rules[i], .count = 1 };
	sim->profiles[i].headers.requests = PROFILE_REQUEST_ALL |
		(sim_chance(sim, 500) ? PROFILE_REQUEST_OPTIONS : 0);
	sdp->streams_max = PROFILE_STREAMS_MAX;
	sdp->bundle = i == SIM_CORE6 ? PROFILE_BUNDLE_STRIP : PROFILE_BUNDLE_PASS;
	sdp->bodies = bodies;
	sdp->body_count = 1;
	if (i == SIM_CORE)
		sdp->prefer = (struct profile_codec_list){ .codecs = preferred, .count = 1 };

	struct profile_flow *flow = &sim->profiles[i].flow;
	flow->reliable = sim_chance(sim, 800) ? PROFILE_RELIABLE_AUTO : rng_below(&sim->rng, 3);
	flow->early_media = rng_below(&sim->rng, 2);
	// Without a draw: the other seeds stay as they were.
	flow->forks = sim->seed % 4 == 1 ? PROFILE_FORKS_ALL : PROFILE_FORKS_ONE;
	flow->late_offer = rng_below(&sim->rng, 2);
	// Session timers end most calls whose far ends died, before silence does.
	flow->session_mode =
		fault_is(sim, "silence-kept") ? PROFILE_SESSION_OFF : rng_below(&sim->rng, 3);
	flow->session_refresher = rng_below(&sim->rng, 3);
	flow->session_expires_ms = flow->session_min_ms = 90000;
	flow->redirect = rng_below(&sim->rng, 3);
	flow->refer = sim_chance(sim, 600) ? PROFILE_REFER_HANDLE : rng_below(&sim->rng, 3);
	flow->duration_max_ms = sim_chance(sim, 100) ? 20000 : 0;
}

static void make_trunk(struct sim *sim, uint32_t i)
{
	struct config_trunk *trunk = &sim->trunks[i];

	*trunk = (struct config_trunk){ .name = places[i].realm, .realm = i,
		.profile = i };
	if (i == SIM_CORE && sim->has_names)
		trunk->hosts[trunk->host_count++].name = SIM_NAME;
	trunk->hosts[trunk->host_count++].addr = to_addr(places[i].host);
	if (places[i].host2)
		trunk->hosts[trunk->host_count++].addr = to_addr(places[i].host2);
	for (uint32_t host = 0; host < trunk->host_count; host++) {
		trunk->hosts[host].has_transport = sim_chance(sim, sim->stream_permille);
		trunk->hosts[host].transport = trunk->hosts[host].has_transport ? CONFIG_TCP :
										  CONFIG_UDP;
	}
	if (i == SIM_CORE)
		CHECK(ip_prefix_parse(SPAN_LIT("10.2.0.0/16"), &trunk->match[0]) == 0);
	else if (i == SIM_CORE6)
		CHECK(ip_prefix_parse(SPAN_LIT("fd00:2::/32"), &trunk->match[0]) == 0);
	else
		CHECK(ip_prefix_parse(SPAN_LIT("10.1.0.0/16"), &trunk->match[0]) == 0);
	trunk->match_count = 1;
}

static void make_config(struct sim *sim)
{
	sim->config = (struct config){ .node_id = "sim", .workers = SIM_WORKERS,
		.realm_count = SIM_SIDES, .trunks = sim->trunks, .trunk_count = SIM_SIDES,
		.routes = sim->routes, .route_count = 5, .profiles = sim->profiles,
		.profile_count = SIM_SIDES };
	sim->config.limits.ring_timeout_ms = 20000;
	sim->config.limits.media_timeout_ms = fault_is(sim, "silence-kept") ? 0 : SIM_SILENCE_MS;
	sim->config.limits.quarantine_ms = 5000;
	for (uint32_t i = 0; i < SIM_SIDES; i++) {
		make_profile(sim, i);
		make_realm(sim, i);
		make_trunk(sim, i);
	}
	sim->routes[0] = (struct config_route){ .from_realm = SIM_ACCESS, .from_trunk = -1,
		.to = SPAN_LIT("6*"), .trunk = SIM_CORE6, .line = 1 };
	sim->routes[1] = (struct config_route){ .from_realm = SIM_ACCESS, .from_trunk = -1,
		.to = SPAN_LIT("1*"), .trunk = SIM_CORE, .prefix = SPAN_LIT("+49"), .line = 2 };
	sim->routes[2] = (struct config_route){ .from_realm = SIM_CORE, .from_trunk = -1,
		.trunk = SIM_ACCESS, .strip = SPAN_LIT("+"), .line = 3 };
	sim->routes[3] = (struct config_route){ .from_realm = SIM_CORE6, .from_trunk = -1,
		.trunk = SIM_ACCESS, .line = 4 };
	sim->routes[4] = (struct config_route){ .from_realm = SIM_ACCESS, .from_trunk = -1,
		.to = SPAN_LIT("sos*"), .trunk = SIM_CORE, .line = 5 };
}

static bool open_segment(struct sim *sim)
{
	struct shm_geometry geometry = { .addresses = SIM_SIDES, .flows = 8192,
		.workers = SIM_WORKERS, .lanes = 1 };

	if (shm_anonymous(&geometry, &sim->signaling, &sim->media) < 0)
		return false;
	struct shm_address *addresses = shm_addresses(&sim->signaling);
	for (uint32_t i = 0; i < SIM_SIDES; i++) {
		addresses[i].ip = sim->config.realms[i].media[0];
		addresses[i].port_min = sim->config.realms[i].port_min;
		addresses[i].port_max = sim->config.realms[i].port_max;
	}
	atomic_store(shm_address_count(&sim->signaling), SIM_SIDES);
	flow_view_init(&sim->view, &sim->signaling);
	return true;
}

static bool open_worker(struct sim *sim, uint32_t i)
{
	struct core_params params = { .worker = i, .calls_max = 64,
		.transactions_max = 1024, .key = { { 1, 2 } }, .trunks = sim->trunk_table,
		.now_ms = sim->now_ms };
	struct flow_writer_params flows = { .signaling = &sim->signaling, .media = &sim->media,
		.worker = i, .workers = SIM_WORKERS, .quarantine_ms = 5000,
		.orphan_timeout_ms = fault_is(sim, "orphan-kept") ? 3600000 : SIM_ORPHAN_MS };

	sim->cores[i] = core_new(&params);
	sim->envs[i] = (struct core_env){ .now_ms = sim->now_ms, .unix_ms = sim->now_ms,
		.rng = &sim->rng, .config = &sim->config,
		.flows = flow_writer_new(&flows, sim->now_ms), .outbox = outbox_new(4096,
			4u << 20) };
	if (!sim->cores[i] || !sim->envs[i].flows || !sim->envs[i].outbox)
		return false;
	return true;
}

static void close_worker(struct sim *sim, uint32_t i)
{
	core_free(sim->cores[i]);
	flow_writer_free(sim->envs[i].flows);
	outbox_free(sim->envs[i].outbox);
}

void world_restart_worker(struct sim *sim, uint32_t worker)
{
	cover_core(sim, worker);
	close_worker(sim, worker);
	resolver_forget(sim, worker);
	stream_lose_worker(sim, worker);
	CHECK(open_worker(sim, worker));
	sim->is_broken |= fault_is(sim, "orphan-kept");
}

bool world_open(struct sim *sim)
{
	struct hash_key key = { { 1, 2 } };

	make_config(sim);
	sip_keys_init(&sim->keys, &key, 0);
	sim->trunk_table = trunk_table_new();
	if (!sim->trunk_table || !open_segment(sim))
		return false;
	for (uint32_t i = 0; i < SIM_WORKERS; i++)
		if (!open_worker(sim, i))
			return false;
	for (uint32_t i = 0; i < SIM_WORKERS; i++)
		flow_writer_counters(sim->envs[i].flows, &sim->at_start[i]);
	return true;
}

void world_close(struct sim *sim)
{
	for (uint32_t i = 0; i < SIM_WORKERS; i++)
		close_worker(sim, i);
	trunk_table_free(sim->trunk_table);
	shm_close(&sim->signaling);
	shm_close(&sim->media);
}

enum sim_side world_side(const struct addr *addr)
{
	if (!ip_is_v4(&addr->ip))
		return SIM_CORE6;
	return addr->ip.b[13] == 1 ? SIM_ACCESS : SIM_CORE;
}

bool world_is_ours(const struct addr *addr)
{
	struct addr own = to_addr(places[world_side(addr)].listener);

	return addr_eq(&own, addr);
}

bool world_is_host(const struct sim *sim, const struct addr *addr)
{
	for (uint32_t i = 0; i < sim->config.trunk_count; i++)
		for (uint32_t host = 0; host < sim->trunks[i].host_count; host++)
			if (addr_eq(&sim->trunks[i].hosts[host].addr, addr))
				return true;
	return false;
}

static void send_out(struct sim *sim, uint32_t worker, const struct outbox_send *send)
{
	const struct config_realm *realm = &sim->config.realms[send->hop.listener >> 8];
	const struct addr *from = &realm->listeners[send->hop.listener & 0xff].addr;
	bool is_stream = realm->listeners[send->hop.listener & 0xff].transport == CONFIG_TCP;

	if (fault_send(sim, from, &send->hop.addr, send->data))
		return;
	check_carried(sim, send->data, is_stream);
	check_sent(sim, from, &send->hop.addr, send->data);
	if (!is_stream) {
		network_send(sim, from, &send->hop.addr, send->data);
		return;
	}
	stream_from_core(sim, worker, send, from);
	if (fault_is(sim, "stream-repeated") && span_starts(send->data, SPAN_LIT("INVITE "))) {
		sim->is_broken = true;
		check_carried(sim, send->data, is_stream);
	}
}

static void keep_handover(struct sim *sim, uint32_t worker, const struct outbox_handover *handover)
{
	struct sim_handover *kept = &sim->handovers[sim->handover_count];

	if (sim->handover_count == SIM_FETCHES_MAX || handover->data.len > sizeof(kept->text))
		return; // it comes again
	sim->handover_count++;
	kept->worker = worker;
	kept->handover = *handover;
	memcpy(kept->text, handover->data.ptr, handover->data.len);
	kept->handover.data = span_make(kept->text, handover->data.len);
}

// The outbox, in order, as worker.c does it.
void world_flush(struct sim *sim, uint32_t worker)
{
	struct outbox *outbox = sim->envs[worker].outbox;

	sim->ends_ahead = 0;
	for (uint32_t i = 0; i < outbox_count(outbox); i++)
		sim->ends_ahead += outbox_at(outbox, i)->kind == OUTBOX_CALL_END;
	sim->is_call_ending = sim->ends_ahead > 0;
	for (uint32_t i = 0; i < outbox_count(outbox); i++) {
		const struct outbox_entry *entry = outbox_at(outbox, i);

		if (entry->kind == OUTBOX_CALL_END) {
			sim->ends_ahead--;
			sim->calls_ended++;
			sim->calls_connected += entry->call_end->info.duration_ms > 0;
			fprintf(sim->ladder, "%8llu call %llx ends: %s, code %u\n",
				(unsigned long long)sim->now_ms,
				(unsigned long long)entry->call_end->info.token,
				call_cause_name(entry->call_end->cause), entry->call_end->code);
			fault_call_ended(sim, worker, entry->call_end);
			continue;
		}
		if (entry->kind == OUTBOX_RESOLVE) {
			resolver_ask(sim, worker, &entry->resolve);
			continue;
		}
		if (entry->kind == OUTBOX_GONE)
			record_gone(sim, worker, entry->gone);
		if (entry->kind == OUTBOX_FETCH && sim->fetch_count < SIM_FETCHES_MAX)
			sim->fetches[sim->fetch_count++] = (struct sim_fetch){ .fetch =
				entry->fetch, .worker = worker };
		if (entry->kind == OUTBOX_HANDOVER)
			keep_handover(sim, worker, &entry->handover);
		if (entry->kind != OUTBOX_SEND)
			continue;
		const struct outbox_send *send = &entry->send;
		send_out(sim, worker, send);
	}
	outbox_clear(outbox);
}

void world_turn(struct sim *sim, uint32_t worker)
{
	sim->worker = worker;
	sim->envs[worker].now_ms = sim->now_ms;
	sim->envs[worker].unix_ms = sim->now_ms;
	sim->envs[worker].home_shard = worker;
	stress_turn(sim, worker);
}

void world_receive(struct sim *sim, const struct packet *packet)
{
	struct core_message message = {
		.listener = listener_make(world_side(&packet->to), packet->wire ? 1 : 0),
		.source = packet->from,
		.connection = packet->wire,
		.data = span_make(packet->data, packet->len),
	};
	struct core_scan scan = { 0 };

	if (core_scan(&sim->keys, message.data, &scan))
		message.call_id = scan.call_id;
	uint32_t worker = record_worker_of(sim, message.data, scan.shard % SIM_WORKERS);
	world_turn(sim, worker);
	check_received(sim, packet);
	stress_before(sim, worker);
	core_receive(sim->cores[worker], &sim->envs[worker], &message);
	stress_after(sim, worker, &packet->from);
	world_flush(sim, worker);
	sim->is_refusing = false;
	record_keep(sim, worker);
}

void world_resolved(struct sim *sim, const struct sim_ask *ask, const struct sip_target *targets,
	uint32_t count)
{
	world_turn(sim, ask->worker);
	core_resolved(sim->cores[ask->worker], &sim->envs[ask->worker], ask->ticket, targets,
		count);
	world_flush(sim, ask->worker);
}

void world_run(struct sim *sim)
{
	while (sim->handover_count)
		record_hand_over(sim, &sim->handovers[--sim->handover_count]);
	while (sim->fetch_count) {
		struct sim_fetch fetch = sim->fetches[--sim->fetch_count];

		record_fetch(sim, fetch.worker, &fetch.fetch);
		world_flush(sim, fetch.worker);
		record_keep(sim, fetch.worker);
	}
	for (uint32_t i = 0; i < SIM_WORKERS; i++) {
		struct undelivered lost;

		world_turn(sim, i);
		while (stream_take_failure(sim, i, &lost)) {
			core_send_failed(sim->cores[i], &sim->envs[i], lost.ticket, lost.failure);
			world_flush(sim, i);
		}
		core_run_timers(sim->cores[i], &sim->envs[i]);
		world_flush(sim, i);
		flow_writer_run(sim->envs[i].flows, sim->now_ms);
		record_keep(sim, i);
	}
}

uint64_t world_next_ms(const struct sim *sim)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < SIM_WORKERS; i++) {
		uint64_t own = core_next_timer_ms(sim->cores[i]);

		next = own < next ? own : next;
	}
	return next;
}

void world_hangup(struct sim *sim)
{
	for (uint32_t i = 0; i < SIM_WORKERS; i++) {
		world_turn(sim, i);
		core_hangup_all(sim->cores[i], &sim->envs[i]);
		world_flush(sim, i);
		record_keep(sim, i);
	}
}

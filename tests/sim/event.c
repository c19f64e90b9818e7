// event.c - what befalls a run: voices in the flows, deaths of peers and of workers.
#include "sim.h"

#include "base/check.h"
#include "base/clock.h"

#define VOICE_STEP_MS 500u
#define LAST_DEATH_MS 60000u // of workers

struct voice *voice_of(struct sim *sim, uint64_t token)
{
	for (uint32_t i = 0; i < sim->voice_count; i++)
		if (sim->voices[i].token == token)
			return &sim->voices[i];
	CHECK(sim->voice_count < SIM_VOICES_MAX);
	struct voice *voice = &sim->voices[sim->voice_count++];
	*voice = (struct voice){ .token = token, .heard_ms = sim->now_ms };
	return voice;
}

// Who sends to that port: the port of a user agent names it.
static struct ua *speaker_of(struct sim *sim, const struct flow_cfg *cfg)
{
	uint32_t number = (cfg->remote_port - SIM_VOICE_PORT) / SIM_VOICE_PORTS;

	if (cfg->remote_port < SIM_VOICE_PORT || number >= sim->ua_count)
		return NULL;
	return &sim->uas[number];
}

// As a lane does when a packet was accepted.
static void speak(struct sim *sim, const struct flow_cfg *cfg)
{
	const struct ua *ua = speaker_of(sim, cfg);
	struct voice *voice = voice_of(sim, cfg->call_token);

	if (ua)
		voice->may_be_held |= ua->has_reinvited || ua->script.reinvite_ms ||
			ua->script.update_ms;
	if (!ua || ua->is_dead || ua->is_over || !ua->connected_ms)
		return;
	struct flow_state *state = &shm_flow_state(&sim->media)[cfg->state_index];
	atomic_store_explicit(&state->last_ns, sim->now_ms * NS_PER_MS, memory_order_relaxed);
	// release: pairs with flow_state_of()
	atomic_store_explicit(&state->incarnation, cfg->incarnation, memory_order_release);
	voice->heard_ms = sim->now_ms;
}

static void run_voices(struct sim *sim)
{
	for (uint32_t side = 0; side < SIM_SIDES; side++) {
		const struct config_realm *realm = &sim->config.realms[side];

		for (uint32_t port = realm->port_min; port <= realm->port_max; port++) {
			const struct flow_cfg *cfg =
				flow_lookup(&sim->view, side, (uint16_t)port);

			if (cfg)
				speak(sim, cfg);
		}
	}
}

// Power is gone: nothing is heard of that peer any more, and often not of the other end either.
static void kill_peers(struct sim *sim)
{
	struct ua *ua = &sim->uas[rng_below(&sim->rng, sim->ua_count)];
	bool is_one = sim_chance(sim, 500);

	sim->is_rough = true;
	cover(sim, COVER_PEER_DEAD);
	sim->is_broken |= fault_is(sim, "silence-kept");
	for (uint32_t i = 0; i < sim->ua_count; i++)
		if (!is_one || &sim->uas[i] == ua)
			sim->uas[i].is_dead = true;
	fprintf(sim->ladder, "%8llu %s\n", (unsigned long long)sim->now_ms,
		is_one ? "a peer dies" : "all peers die");
}

// Calls of the worker are lost with it, unless they come back from their records; their flows go on
// as orphans.
static void lose_calls(struct sim *sim, uint32_t worker)
{
	struct call_info info;
	uint32_t cursor = 0;

	while (core_next_call(sim->cores[worker], &cursor, &info))
		voice_of(sim, info.token)->lost_ms = sim->now_ms;
	// What was an orphan already is adopted once more.
	for (uint32_t i = 0; i < sim->voice_count; i++)
		if (sim->voices[i].lost_ms)
			sim->voices[i].lost_ms = sim->now_ms;
	ledger_lose_worker(sim, worker);
	for (uint32_t i = 0; i < sim->ua_count; i++)
		if (record_worker_of_call(sim, sim->uas[i].call_id) == worker)
			sim->uas[i].is_excused = true;
}

static void kill_workers(struct sim *sim)
{
	bool is_one = sim_chance(sim, 500);
	uint32_t first = rng_below(&sim->rng, SIM_WORKERS);
	bool is_lost = sim_chance(sim, 200) || fault_is(sim, "orphan-kept");
	uint64_t dead = 0;

	sim->is_rough = true;
	cover(sim, is_lost ? COVER_WORKER_FORGOTTEN : COVER_WORKER_DEAD);
	for (uint32_t i = 0; i < SIM_WORKERS; i++) {
		if (is_one && i != first)
			continue;
		lose_calls(sim, i);
		sim->fetch_count = sim->handover_count = 0;
		fprintf(sim->ladder, "%8llu worker %u dies\n", (unsigned long long)sim->now_ms, i);
		world_restart_worker(sim, i);
		dead |= UINT64_C(1) << i;
	}
	if (is_lost)
		record_forget(sim, dead);
	else
		record_restore(sim, dead);
}

void event_run(struct sim *sim)
{
	if (sim->now_ms >= sim->voice_ms) {
		sim->voice_ms = sim->now_ms + VOICE_STEP_MS;
		run_voices(sim);
	}
	if (sim->kill_peers_ms && sim->now_ms >= sim->kill_peers_ms && sim->ua_count) {
		sim->kill_peers_ms = 0;
		kill_peers(sim);
	}
	if (sim->kill_workers_ms && sim->now_ms >= sim->kill_workers_ms) {
		sim->kill_workers_ms = sim_chance(sim, 600) && sim->now_ms < LAST_DEATH_MS ?
			sim->now_ms + sim_between(sim, 100, 15000) :
			0;
		kill_workers(sim);
	}
}

uint64_t event_next_ms(const struct sim *sim)
{
	uint64_t next = sim->voice_ms;

	if (sim->kill_peers_ms && sim->kill_peers_ms < next)
		next = sim->kill_peers_ms;
	if (sim->kill_workers_ms && sim->kill_workers_ms < next)
		next = sim->kill_workers_ms;
	return next;
}

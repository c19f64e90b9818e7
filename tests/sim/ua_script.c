// ua_script.c - what a user agent will do, chosen at random.
#include "sim.h"

static void script_session(struct sim *sim, struct script *script)
{
	script->session = (uint8_t)rng_below(&sim->rng, 3);
	script->session_s = sim_chance(sim, 150) ? 60 : 90;
	script->least_s = sim_chance(sim, 100) ? 120 : 0;
	script->is_lazy = sim_chance(sim, 500);
}

static void script_early(struct sim *sim, struct script *script)
{
	script->reliable = (uint8_t)rng_below(&sim->rng, 3);
	script->is_prackless = sim_chance(sim, 100);
	script->has_update = sim_chance(sim, 600);
	script->is_forked_early = sim_chance(sim, 500);
	script->has_early_media = sim_chance(sim, 300);
	script->is_forked = sim_chance(sim, 80);
}

static uint32_t maybe(struct sim *sim, uint32_t permille, uint32_t most_ms)
{
	return sim_chance(sim, permille) ? sim_between(sim, 1, most_ms) : 0;
}

// What it does in a call that stands; people that are patient do less.
static void script_talk(struct sim *sim, struct script *script)
{
	script->hold = (uint8_t)rng_below(&sim->rng, 4);
	script->is_resuming = sim_chance(sim, 500);
	script->is_slow = sim_chance(sim, 200);
	script->is_attended = sim_chance(sim, 650);
	script->is_hasty = sim_chance(sim, 300);
	if (sim->is_patient && sim_chance(sim, 800))
		return;
	script->talk_ms = maybe(sim, 500, 15000);
	script->reinvite_ms = maybe(sim, 400, 6000);
	script->refer_ms = maybe(sim, 300, 8000);
	script->info_ms = maybe(sim, 150, 8000);
	if (script->has_update)
		script->update_ms = maybe(sim, 500, 6000);
}

struct script ua_script(struct sim *sim)
{
	static const uint16_t statuses[] = { 200, 200, 200, 200, 200, 200, 486, 503, 404, 302 };
	struct script script = {
		.ring_ms = sim_chance(sim, 40) ? 60000 : sim_between(sim, 1, 6000),
		.status = statuses[rng_below(&sim->rng, sizeof(statuses) / sizeof(statuses[0]))],
		.is_silent = sim_chance(sim, 60),
		.is_late = sim_chance(sim, 150),
		.is_ackless = sim_chance(sim, 50),
		.has_video = sim_chance(sim, 250),
		.is_bundling = sim_chance(sim, 300),
		.has_parts = sim_chance(sim, 200),
		.lines = (uint8_t)(sim_chance(sim, 300) ? sim_between(sim, 1, 4) : 0),
		.has_uuid = sim_chance(sim, 700),
	};

	script.cancel_ms = maybe(sim, 200, 7000);
	script_early(sim, &script);
	script_session(sim, &script);
	script_talk(sim, &script);
	return script;
}

// resolver.c - the simulated DNS: answers soon, late, never, or with nothing, by the seed.
//
// "core.example" is the core's two hosts, whatever else is asked leads nowhere.
#include "sim.h"

#include "base/check.h"

#define SOON_MS 40u
#define LATE_MS 9000u // far beyond the core's own deadline

void resolver_ask(struct sim *sim, uint32_t worker, const struct outbox_resolve *resolve)
{
	struct sim_ask ask = { .worker = worker, .ticket = resolve->ticket,
		.is_known = span_ieq(resolve->host, SPAN_LIT(SIM_NAME)),
		.due_ms = sim->now_ms + sim_between(sim, 0, SOON_MS) };

	fprintf(sim->ladder, "%8llu worker %u asks for %.*s\n", (unsigned long long)sim->now_ms,
		worker, (int)resolve->host.len, resolve->host.ptr);
	if (sim_chance(sim, sim->dns_lost_permille)) {
		cover(sim, COVER_NAME_LOST);
		return;
	}
	if (sim_chance(sim, sim->dns_late_permille)) {
		cover(sim, COVER_NAME_LATE);
		ask.due_ms += LATE_MS;
	}
	if (sim_chance(sim, sim->dns_failed_permille)) {
		cover(sim, COVER_NAME_FAILED);
		ask.is_known = false;
	}
	CHECK(sim->asks < SIM_ASKS_MAX);
	sim->ask[sim->asks++] = ask;
}

static uint32_t locate(const struct sim *sim, struct sip_target targets[SIP_TARGETS_MAX])
{
	const struct config_trunk *trunk = &sim->trunks[SIM_CORE];
	uint32_t count = 0;

	for (uint32_t i = 0; i < trunk->host_count; i++)
		if (!trunk->hosts[i].name)
			targets[count++] = (struct sip_target){ trunk->hosts[i].addr,
				(enum sip_transport)trunk->hosts[i].transport };
	return count;
}

void resolver_run(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->asks;) {
		struct sip_target targets[SIP_TARGETS_MAX];
		struct sim_ask ask = sim->ask[i];

		if (ask.due_ms > sim->now_ms) {
			i++;
			continue;
		}
		sim->ask[i] = sim->ask[--sim->asks];
		world_resolved(sim, &ask, targets, ask.is_known ? locate(sim, targets) : 0);
	}
}

uint64_t resolver_next_ms(const struct sim *sim)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < sim->asks; i++)
		if (sim->ask[i].due_ms < next)
			next = sim->ask[i].due_ms;
	return next;
}

// A worker's resolver dies with it.
void resolver_forget(struct sim *sim, uint32_t worker)
{
	for (uint32_t i = 0; i < sim->asks;) {
		if (sim->ask[i].worker == worker)
			sim->ask[i] = sim->ask[--sim->asks];
		else
			i++;
	}
}

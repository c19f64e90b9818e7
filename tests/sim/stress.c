// stress.c - more calls than a worker takes, and one that is to be stopped: who may be turned away
// then, how, and who never.
#include "sim.h"

#include "base/metric.h"
#include "call/metric.h"

void stress_plan(struct sim *sim)
{
	struct stress *stress = &sim->stress;

	if (sim_chance(sim, 250)) {
		stress->overload_ms[0] = sim_between(sim, 1000, 30000);
		stress->overload_ms[1] = stress->overload_ms[0] + sim_between(sim, 2000, 20000);
	}
	if (sim_chance(sim, 120)) {
		stress->drain_ms[0] = sim_between(sim, 5000, 50000);
		stress->drain_ms[1] = UINT64_MAX;
	}
}

static bool is_within(const struct sim *sim, const uint64_t span_ms[2])
{
	return sim->now_ms >= span_ms[0] && sim->now_ms < span_ms[1];
}

void stress_turn(struct sim *sim, uint32_t worker)
{
	struct core_env *env = &sim->envs[worker];

	env->is_draining = is_within(sim, sim->stress.drain_ms);
	env->is_overloaded = is_within(sim, sim->stress.overload_ms);
	env->calls_left = env->refusals_left = env->calls_dropped = 0;
	if (!env->is_overloaded)
		return;
	env->calls_left = sim_chance(sim, 300);
	env->refusals_left = sim_chance(sim, 700);
}

static uint64_t count_refused(const struct core_metrics *metrics)
{
	return metric_read(&metrics->refused_overload) + metric_read(&metrics->refused_draining) +
		metric_read(&metrics->refused_full) + metric_read(&metrics->refused_trunk_full);
}

void stress_before(struct sim *sim, uint32_t worker)
{
	sim->stress.refused = count_refused(core_metrics(sim->cores[worker]));
}

static bool is_emergency(const struct sip_msg *msg)
{
	return msg->is_request && msg->method == SIP_METHOD_INVITE &&
		(span_starts(msg->uri.text, SPAN_LIT("urn:service:sos")) ||
			span_starts(msg->uri.text, SPAN_LIT("sip:112@")));
}

// Of the message that the core has just seen, before its answers leave.
void stress_after(struct sim *sim, uint32_t worker, const struct addr *from)
{
	const struct core_metrics *metrics = core_metrics(sim->cores[worker]);
	const struct core_env *env = &sim->envs[worker];
	bool is_refused = count_refused(metrics) > sim->stress.refused;
	bool is_mutant = from->ip.b[15] == 250;

	sim->is_refusing = is_refused;
	if (is_mutant || (!env->is_overloaded && !env->is_draining))
		return;
	if (is_emergency(&sim->msg)) {
		cover(sim, COVER_EMERGENCY_OVERLOADED);
		sim->is_broken |= fault_is(sim, "emergency-shed");
		if (is_refused || env->calls_dropped)
			sim_fail(sim, "emergency: a call is turned away");
		return;
	}
	if (is_refused)
		cover(sim, env->is_draining ? COVER_DRAINED : COVER_OVERLOADED);
	if (!env->calls_dropped)
		return;
	cover(sim, COVER_OVERLOAD_DROPPED);
	ledger_dropped(sim, &sim->msg);
	for (uint32_t i = 0; i < sim->ua_count; i++)
		if (span_eq(span_str(sim->uas[i].call_id), sim->msg.call_id))
			sim->uas[i].invite.is_excused = true;
}

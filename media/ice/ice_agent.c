#include "ice/ice_agent.h"

#include "ice/ice_private.h"

#include <errno.h>
#include <stdlib.h>

static bool is_secret(struct span text, uint32_t min)
{
	if (text.len < min || text.len > ICE_SECRET_MAX)
		return false;
	for (uint32_t i = 0; i < text.len; i++)
		if (!ice_is_char((uint8_t)text.ptr[i]))
			return false;
	return true;
}

int ice_credentials_set(struct ice_credentials *credentials, struct span ufrag, struct span pwd)
{
	if (!is_secret(ufrag, ICE_UFRAG_MIN) || !is_secret(pwd, ICE_PWD_MIN))
		return -EINVAL;
	credentials->ufrag_len = (uint16_t)ufrag.len;
	credentials->pwd_len = (uint16_t)pwd.len;
	memcpy(credentials->ufrag, ufrag.ptr, ufrag.len);
	memcpy(credentials->pwd, pwd.ptr, pwd.len);
	return 0;
}

struct ice_agent *ice_agent_new(void)
{
	return calloc(1, sizeof(struct ice_agent));
}

void ice_agent_free(struct ice_agent *agent)
{
	if (agent)
		explicit_bzero(agent, sizeof(*agent));
	free(agent);
}

static void draw_tie_breaker(struct ice_agent *agent)
{
	agent->env->random(agent->env->context, &agent->tie_breaker, sizeof(agent->tie_breaker));
}

void ice_agent_init(struct ice_agent *agent, const struct ice_params *params, uint64_t now_ms)
{
	memset(agent, 0, sizeof(*agent));
	agent->env = params->env;
	agent->components = params->components == 1 ? 1 : ICE_COMPONENTS_MAX;
	agent->is_lite = params->is_lite;
	agent->is_controlling = params->is_controlling && !params->is_lite;
	agent->own = *params->own;
	agent->ran_ms = now_ms - 1;
	draw_tie_breaker(agent);
}

void ice_agent_restart(struct ice_agent *agent, const struct ice_credentials *own,
	bool is_controlling, uint64_t now_ms)
{
	agent->old_own = agent->own;
	agent->old_remote = agent->remote;
	agent->own = *own;
	agent->remote = (struct ice_credentials){ 0 };
	agent->is_controlling = is_controlling && !agent->is_lite;
	agent->is_remote_lite = false;
	agent->remote_count = agent->pair_count = agent->queued = 0;
	agent->started_ms = agent->next_check_ms = 0;
	agent->ran_ms = now_ms - 1;
	agent->state = ICE_STATE_WAITING;
	for (uint32_t i = 0; i < agent->components; i++) {
		agent->component[i].is_old = agent->component[i].is_selected;
		agent->component[i].valid_ms = 0;
	}
	draw_tie_breaker(agent);
}

int ice_agent_add_local(struct ice_agent *agent, const struct ice_candidate *candidate)
{
	if (candidate->component < 1 || candidate->component > agent->components)
		return -EINVAL;
	if (agent->local_count == ICE_LOCALS_MAX)
		return -ENOSPC;
	agent->locals[agent->local_count++] = *candidate;
	if (agent->remote.ufrag_len)
		ice_pairs_form(agent);
	return 0;
}

void ice_agent_set_remote(struct ice_agent *agent, const struct ice_credentials *remote,
	bool is_remote_lite, uint64_t now_ms)
{
	agent->remote = *remote;
	agent->is_remote_lite = is_remote_lite;
	// RFC 8445 6.1.1: the full side controls; two lite ones check nothing.
	if (is_remote_lite && !agent->is_lite)
		agent->is_controlling = true;
	if (agent->is_lite || agent->started_ms)
		return;
	agent->started_ms = now_ms;
	agent->next_check_ms = now_ms;
	agent->state = ICE_STATE_RUNNING;
	ice_pairs_form(agent);
	ice_pairs_rank(agent);
}

static bool is_special_far(const struct ice_agent *agent, const struct ip *ip)
{
	if (!ip_is_special(ip))
		return false;
	for (uint32_t i = 0; i < agent->local_count; i++)
		if (ip_is_special(&agent->locals[i].addr.ip))
			return false; // a laboratory on loopback, a link of its own
	return true;
}

static bool is_own_address(const struct ice_agent *agent, const struct addr *addr)
{
	for (uint32_t i = 0; i < agent->local_count; i++)
		if (addr_eq(&agent->locals[i].addr, addr))
			return true;
	return false;
}

int ice_agent_add_remote(struct ice_agent *agent, const struct ice_candidate *candidate)
{
	uint32_t known;

	if (candidate->component < 1 || candidate->component > agent->components ||
		candidate->type > ICE_TYPE_RELAY || candidate->priority == 0 ||
		candidate->priority > INT32_MAX || candidate->addr.port == 0 ||
		ip_is_unset(&candidate->addr.ip) || is_special_far(agent, &candidate->addr.ip) ||
		is_own_address(agent, &candidate->addr)) {
		metric_add(&agent->env->counters->candidates_refused, 1);
		return -EINVAL;
	}
	known = ice_remote_find(agent, &candidate->addr, candidate->component);
	if (known < ICE_REMOTES_MAX) {
		// A check may have been faster than the signaling that tells what it is.
		agent->remotes[known].type = candidate->type;
		return 0;
	}
	if (agent->remote_count == ICE_REMOTES_MAX) {
		metric_add(&agent->env->counters->candidates_refused, 1);
		return -ENOSPC;
	}
	agent->remotes[agent->remote_count++] = *candidate;
	if (!agent->started_ms)
		return 0;
	for (uint32_t local = 0; local < agent->local_count; local++)
		ice_pair_make(agent, local, agent->remote_count - 1);
	return 0;
}

void ice_agent_run(struct ice_agent *agent, uint64_t now_ms)
{
	agent->ran_ms = now_ms;
	ice_checks_run(agent, now_ms);
	ice_consents_run(agent, now_ms);
}

uint64_t ice_agent_next(const struct ice_agent *agent)
{
	uint64_t checks = ice_checks_next(agent);
	uint64_t consents = ice_consents_next(agent);

	return checks < consents ? checks : consents;
}

enum ice_state ice_agent_state(const struct ice_agent *agent)
{
	return (enum ice_state)agent->state;
}

bool ice_agent_is_controlling(const struct ice_agent *agent)
{
	return agent->is_controlling;
}

uint32_t ice_agent_take_events(struct ice_agent *agent)
{
	uint32_t events = agent->events;

	agent->events = 0;
	return events;
}

bool ice_agent_selected(const struct ice_agent *agent, uint32_t component, uint32_t *local,
	struct addr *remote)
{
	const struct ice_component *found;

	if (component < 1 || component > agent->components)
		return false;
	found = &agent->component[component - 1];
	if (!found->is_selected || found->is_lost)
		return false;
	*local = found->local;
	*remote = found->remote;
	return true;
}

bool ice_agent_is_validated(
	const struct ice_agent *agent, uint32_t local, const struct addr *source)
{
	for (uint32_t i = 0; i < agent->pair_count; i++) {
		const struct ice_pair *pair = &agent->pairs[i];

		if (pair->local == local && (pair->is_heard || pair->is_valid) &&
			addr_eq(&agent->remotes[pair->remote].addr, source))
			return true;
	}
	for (uint32_t i = 0; i < agent->components; i++) // selected before a restart
		if (agent->component[i].is_selected && !agent->component[i].is_lost &&
			agent->component[i].local == local &&
			addr_eq(&agent->component[i].remote, source))
			return true;
	return false;
}

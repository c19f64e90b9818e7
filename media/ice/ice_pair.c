// ice_pair.c - the check list: which candidates make pairs, and in which order they are tried.
#include "ice/ice_private.h"

// RFC 8445 6.1.2.3.
static uint64_t priority_of(const struct ice_agent *agent, const struct ice_pair *pair)
{
	uint64_t own = agent->locals[pair->local].priority;
	uint64_t far = agent->remotes[pair->remote].priority;
	uint64_t g = agent->is_controlling ? own : far;
	uint64_t d = agent->is_controlling ? far : own;

	return ((g < d ? g : d) << 32) + 2 * (g > d ? g : d) + (g > d);
}

static uint32_t foundation_of(const struct ice_agent *agent, const struct ice_pair *pair)
{
	return agent->locals[pair->local].foundation * 0x9e3779b1u ^
		agent->remotes[pair->remote].foundation;
}

static bool is_pairable(const struct ice_candidate *own, const struct ice_candidate *far)
{
	return own->component == far->component &&
		ip_is_v4(&own->addr.ip) == ip_is_v4(&far->addr.ip);
}

// Nothing is lost with it.
static bool is_expendable(const struct ice_pair *pair)
{
	return !pair->is_heard && !pair->is_valid && !pair->queued &&
		(pair->state == ICE_PAIR_FROZEN || pair->state == ICE_PAIR_WAITING ||
			pair->state == ICE_PAIR_FAILED);
}

// Room for a pair of that priority: a free place, else the one of the least pair below it.
static struct ice_pair *place_for(struct ice_agent *agent, uint64_t priority)
{
	struct ice_pair *least = NULL;

	if (agent->pair_count < ICE_PAIRS_MAX)
		return &agent->pairs[agent->pair_count++];
	for (uint32_t i = 0; i < agent->pair_count; i++) {
		struct ice_pair *pair = &agent->pairs[i];

		if (is_expendable(pair) && pair->priority < priority &&
			(!least || pair->priority < least->priority))
			least = pair;
	}
	return least;
}

struct ice_pair *ice_pair_make(struct ice_agent *agent, uint32_t local, uint32_t remote)
{
	struct ice_pair made = { .local = (uint8_t)local, .remote = (uint8_t)remote,
		.component = agent->locals[local].component, .state = ICE_PAIR_FROZEN };
	struct ice_pair *place;

	if (!is_pairable(&agent->locals[local], &agent->remotes[remote]))
		return NULL;
	for (uint32_t i = 0; i < agent->pair_count; i++)
		if (agent->pairs[i].local == local && agent->pairs[i].remote == remote)
			return &agent->pairs[i];
	made.priority = priority_of(agent, &made);
	made.foundation = foundation_of(agent, &made);
	place = place_for(agent, made.priority);
	if (place)
		*place = made;
	return place;
}

void ice_pairs_form(struct ice_agent *agent)
{
	for (uint32_t local = 0; local < agent->local_count; local++)
		for (uint32_t remote = 0; remote < agent->remote_count; remote++)
			ice_pair_make(agent, local, remote);
}

void ice_pairs_rank(struct ice_agent *agent)
{
	for (uint32_t i = 0; i < agent->pair_count; i++)
		agent->pairs[i].priority = priority_of(agent, &agent->pairs[i]);
}

// Whether `a` begins before `b` in its foundation: lower component, then higher priority.
static bool is_before(const struct ice_pair *a, const struct ice_pair *b)
{
	if (a->component != b->component)
		return a->component < b->component;
	return a->priority > b->priority;
}

// Whether no other pair of its foundation is under way, or begins before it.
static bool is_first_of_foundation(const struct ice_agent *agent, const struct ice_pair *pair)
{
	for (uint32_t i = 0; i < agent->pair_count; i++) {
		const struct ice_pair *other = &agent->pairs[i];

		if (other == pair || other->foundation != pair->foundation)
			continue;
		if (other->state == ICE_PAIR_WAITING || other->state == ICE_PAIR_RUNNING)
			return false;
		if (other->state == ICE_PAIR_FROZEN && is_before(other, pair))
			return false;
	}
	return true;
}

void ice_pairs_thaw(struct ice_agent *agent)
{
	for (uint32_t i = 0; i < agent->pair_count; i++) {
		struct ice_pair *pair = &agent->pairs[i];

		if (pair->state == ICE_PAIR_FROZEN && is_first_of_foundation(agent, pair))
			pair->state = ICE_PAIR_WAITING;
	}
}

void ice_pairs_thaw_like(struct ice_agent *agent, const struct ice_pair *pair)
{
	for (uint32_t i = 0; i < agent->pair_count; i++)
		if (agent->pairs[i].state == ICE_PAIR_FROZEN &&
			agent->pairs[i].foundation == pair->foundation)
			agent->pairs[i].state = ICE_PAIR_WAITING;
}

void ice_pair_queue(struct ice_agent *agent, struct ice_pair *pair)
{
	if (!pair->queued)
		pair->queued = ++agent->queued;
}

static struct ice_pair *first_queued(struct ice_agent *agent)
{
	struct ice_pair *first = NULL;

	for (uint32_t i = 0; i < agent->pair_count; i++) {
		struct ice_pair *pair = &agent->pairs[i];

		if (pair->queued && (!first || pair->queued < first->queued))
			first = pair;
	}
	return first;
}

static struct ice_pair *best_waiting(struct ice_agent *agent)
{
	struct ice_pair *best = NULL;

	for (uint32_t i = 0; i < agent->pair_count; i++) {
		struct ice_pair *pair = &agent->pairs[i];

		// What has its pair needs no other (RFC 8445 8.1.2).
		if (pair->state == ICE_PAIR_WAITING &&
			(!ice_component_of(agent, pair)->is_selected ||
				ice_component_of(agent, pair)->is_old) &&
			(!best || pair->priority > best->priority))
			best = pair;
	}
	return best;
}

struct ice_pair *ice_pairs_next(struct ice_agent *agent)
{
	struct ice_pair *pair = first_queued(agent);

	if (pair)
		return pair;
	ice_pairs_thaw(agent);
	return best_waiting(agent);
}

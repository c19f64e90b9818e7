// ice_check.c - our checks: their pace and repetition, what an answer means, nomination.
#include "ice/ice_private.h"

// Requests ----------------------------------------------------------------------------------------

// USERNAME of what we send: theirs, a colon, ours (RFC 8445 7.2.2).
static struct span username_write(const struct ice_credentials *far,
	const struct ice_credentials *own, char buf[STUN_USERNAME_MAX])
{
	memcpy(buf, far->ufrag, far->ufrag_len);
	buf[far->ufrag_len] = ':';
	memcpy(buf + far->ufrag_len + 1, own->ufrag, own->ufrag_len);
	return span_make(buf, far->ufrag_len + 1u + own->ufrag_len);
}

void ice_request_send(struct ice_agent *agent, uint32_t local, const struct addr *to,
	const struct ice_check *check, bool is_old)
{
	const struct ice_credentials *far = is_old ? &agent->old_remote : &agent->remote;
	const struct ice_credentials *own = is_old ? &agent->old_own : &agent->own;
	char name[STUN_USERNAME_MAX];
	uint8_t buf[STUN_MESSAGE_MAX];
	struct stun_build build = { .class = STUN_REQUEST, .transaction = check->transaction,
		.username = username_write(far, own, name), .key = ice_key(far),
		.priority = ice_priority_learned(agent->locals[local].priority),
		.role = (enum stun_role)check->role, .tie_breaker = agent->tie_breaker,
		.is_nominating = check->is_nominating, .has_fingerprint = true };
	int len = stun_build(&build, buf, sizeof(buf));

	if (len < 0)
		return;
	metric_add(&agent->env->counters->checks_sent, 1);
	agent->env->send(
		agent->env->context, local, to, span_make((const char *)buf, (uint32_t)len));
}

static void send_again(struct ice_agent *agent, struct ice_pair *pair, uint64_t now_ms)
{
	struct ice_check *check = &pair->check;

	check->sends++;
	check->due_ms = now_ms + check->rto_ms;
	check->rto_ms *= 2;
	if (check->sends == ICE_SENDS_MAX) // Rm times the first RTO, which was doubled Rc times
		check->due_ms = now_ms + (check->rto_ms >> ICE_SENDS_MAX) * ICE_WAIT_LAST;
	ice_request_send(agent, pair->local, &agent->remotes[pair->remote].addr, check, false);
}

// RFC 8445 14.3: the more checks are out, the later each is repeated.
static uint32_t rto_of(const struct ice_agent *agent)
{
	uint32_t count = 0, rto;

	for (uint32_t i = 0; i < agent->pair_count; i++)
		count += agent->pairs[i].state == ICE_PAIR_WAITING ||
			agent->pairs[i].state == ICE_PAIR_RUNNING;
	rto = ICE_TA_MS * count;
	return rto > ICE_RTO_MIN_MS ? rto : ICE_RTO_MIN_MS;
}

static void begin_check(struct ice_agent *agent, struct ice_pair *pair, uint64_t now_ms)
{
	struct ice_check *check = &pair->check;

	if (pair->state == ICE_PAIR_RUNNING)
		memcpy(check->last, check->transaction, sizeof(check->last));
	agent->env->random(agent->env->context, check->transaction, sizeof(check->transaction));
	check->sends = 0;
	check->rto_ms = rto_of(agent);
	check->role = (uint8_t)ice_role(agent);
	check->is_nominating = pair->is_wanted && agent->is_controlling;
	pair->queued = 0;
	pair->state = ICE_PAIR_RUNNING;
	send_again(agent, pair, now_ms);
}

// Outcomes ----------------------------------------------------------------------------------------

void ice_role_switch(struct ice_agent *agent)
{
	agent->is_controlling = !agent->is_controlling;
	agent->env->random(agent->env->context, &agent->tie_breaker, sizeof(agent->tie_breaker));
	for (uint32_t i = 0; i < agent->pair_count; i++)
		agent->pairs[i].is_wanted = false;
	ice_pairs_rank(agent);
	agent->events |= ICE_EVENT_ROLE;
}

static bool is_all_selected(const struct ice_agent *agent)
{
	for (uint32_t i = 0; i < agent->components; i++)
		if (!agent->component[i].is_selected || agent->component[i].is_old ||
			agent->component[i].is_lost)
			return false;
	return true;
}

// Whether the far end's latest nomination counts. It may nominate several pairs in its first run
// (RFC 5245 had it so), of which the highest wins; later on the latest is what it means.
static bool is_better(
	const struct ice_component *now, const struct ice_pair *pair, uint64_t now_ms)
{
	return !now->is_selected || now->is_old || now->is_lost ||
		pair->priority >= now->priority ||
		now_ms - now->nominated_ms >= ICE_RENOMINATE_MS;
}

void ice_pair_select(struct ice_agent *agent, struct ice_pair *pair, uint64_t now_ms)
{
	struct ice_component *component = ice_component_of(agent, pair);
	const struct addr *remote = &agent->remotes[pair->remote].addr;
	bool is_same = component->is_selected && !component->is_old && !component->is_lost &&
		component->local == pair->local && addr_eq(&component->remote, remote);

	if (!is_same && !is_better(component, pair, now_ms))
		return;
	component->nominated_ms = now_ms;
	component->priority = pair->priority;
	if (is_same)
		return;
	component->local = pair->local;
	component->remote = *remote;
	component->is_selected = true;
	component->is_old = component->is_lost = false;
	metric_add(&agent->env->counters->selected, 1);
	agent->events |= ICE_EVENT_SELECTED;
	if (!agent->is_lite)
		ice_consent_begin(agent, component, now_ms);
	if (agent->state != ICE_STATE_COMPLETED && is_all_selected(agent)) {
		agent->state = ICE_STATE_COMPLETED;
		agent->events |= ICE_EVENT_COMPLETED;
	}
}

void ice_pair_succeed(struct ice_agent *agent, struct ice_pair *pair, uint64_t now_ms)
{
	struct ice_component *component = ice_component_of(agent, pair);
	bool is_nominated = agent->is_controlling ? pair->check.is_nominating :
						    pair->nominated_ms != 0;

	pair->state = ICE_PAIR_SUCCEEDED;
	pair->is_valid = true;
	if (!component->valid_ms)
		component->valid_ms = now_ms;
	ice_pairs_thaw_like(agent, pair);
	if (is_nominated)
		ice_pair_select(agent, pair, now_ms);
}

void ice_pair_fail(struct ice_pair *pair)
{
	pair->state = ICE_PAIR_FAILED;
	pair->is_valid = pair->is_wanted = false;
}

// Nomination --------------------------------------------------------------------------------------

static struct ice_pair *best_valid(struct ice_agent *agent, uint32_t component)
{
	struct ice_pair *best = NULL;

	for (uint32_t i = 0; i < agent->pair_count; i++) {
		struct ice_pair *pair = &agent->pairs[i];

		if (pair->component == component && pair->is_valid &&
			(!best || pair->priority > best->priority))
			best = pair;
	}
	return best;
}

static bool is_better_open(const struct ice_agent *agent, const struct ice_pair *best)
{
	for (uint32_t i = 0; i < agent->pair_count; i++) {
		const struct ice_pair *pair = &agent->pairs[i];

		if (pair->component == best->component && pair->priority > best->priority &&
			(pair->state == ICE_PAIR_FROZEN || pair->state == ICE_PAIR_WAITING ||
				pair->state == ICE_PAIR_RUNNING))
			return true;
	}
	return false;
}

static bool is_wanted_open(const struct ice_agent *agent, uint32_t component)
{
	for (uint32_t i = 0; i < agent->pair_count; i++)
		if (agent->pairs[i].component == component && agent->pairs[i].is_wanted)
			return true;
	return false;
}

// Regular nomination (RFC 8445 8.1.1): once per component, when nothing better may come, or after a
// moment.
static void nominate(struct ice_agent *agent, uint64_t now_ms)
{
	for (uint32_t i = 0; i < agent->components; i++) {
		struct ice_component *component = &agent->component[i];
		struct ice_pair *best;

		if (!component->valid_ms || is_wanted_open(agent, i + 1) ||
			(component->is_selected && !component->is_old))
			continue;
		best = best_valid(agent, i + 1);
		if (!best || (is_better_open(agent, best) &&
				     now_ms - component->valid_ms < ICE_NOMINATE_WAIT_MS))
			continue;
		best->is_wanted = true;
		ice_pair_queue(agent, best);
	}
}

// Time --------------------------------------------------------------------------------------------

static void repeat(struct ice_agent *agent, uint64_t now_ms)
{
	for (uint32_t i = 0; i < agent->pair_count; i++) {
		struct ice_pair *pair = &agent->pairs[i];

		if (pair->state != ICE_PAIR_RUNNING || pair->check.due_ms > now_ms)
			continue;
		if (pair->check.sends == ICE_SENDS_MAX)
			ice_pair_fail(pair);
		else
			send_again(agent, pair, now_ms);
	}
}

static bool is_any_open(const struct ice_agent *agent)
{
	for (uint32_t i = 0; i < agent->pair_count; i++)
		if (agent->pairs[i].queued || agent->pairs[i].state < ICE_PAIR_SUCCEEDED)
			return true;
	return false;
}

static bool is_missing_valid(struct ice_agent *agent)
{
	for (uint32_t i = 0; i < agent->components; i++)
		if (!best_valid(agent, i + 1))
			return true;
	return false;
}

// RFC 8863 4: not before the far end had all the time to find us.
static void give_up(struct ice_agent *agent, uint64_t now_ms)
{
	if (agent->state != ICE_STATE_RUNNING || now_ms - agent->started_ms < ICE_PATIENCE_MS ||
		is_any_open(agent) || !is_missing_valid(agent))
		return;
	agent->state = ICE_STATE_FAILED;
	agent->events |= ICE_EVENT_FAILED;
	metric_add(&agent->env->counters->failed, 1);
}

void ice_checks_run(struct ice_agent *agent, uint64_t now_ms)
{
	struct ice_pair *pair;

	if (agent->is_lite || !agent->started_ms || agent->state == ICE_STATE_FAILED)
		return;
	repeat(agent, now_ms);
	if (agent->is_controlling && agent->state == ICE_STATE_RUNNING)
		nominate(agent, now_ms);
	if (now_ms >= agent->next_check_ms) {
		pair = ice_pairs_next(agent);
		if (pair) {
			begin_check(agent, pair, now_ms);
			agent->next_check_ms = now_ms + ICE_TA_MS;
		}
	}
	give_up(agent, now_ms);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

// What was due when the agent ran last has been done, or cannot be done now.
static void note_due(const struct ice_agent *agent, uint64_t due_ms, uint64_t *next)
{
	if (due_ms > agent->ran_ms)
		*next = earlier(*next, due_ms);
}

uint64_t ice_checks_next(const struct ice_agent *agent)
{
	uint64_t next = UINT64_MAX;

	if (agent->is_lite || !agent->started_ms || agent->state == ICE_STATE_FAILED)
		return next;
	for (uint32_t i = 0; i < agent->pair_count; i++) {
		const struct ice_pair *pair = &agent->pairs[i];

		if (pair->state == ICE_PAIR_RUNNING)
			note_due(agent, pair->check.due_ms, &next);
		if (pair->queued || (pair->state <= ICE_PAIR_WAITING &&
					    agent->state == ICE_STATE_RUNNING))
			note_due(agent, agent->next_check_ms, &next);
	}
	if (agent->state != ICE_STATE_RUNNING)
		return next;
	note_due(agent, agent->started_ms + ICE_PATIENCE_MS, &next);
	for (uint32_t i = 0; i < agent->components; i++)
		if (agent->component[i].valid_ms)
			note_due(agent, agent->component[i].valid_ms + ICE_NOMINATE_WAIT_MS, &next);
	return next;
}

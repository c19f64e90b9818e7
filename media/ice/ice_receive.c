// ice_receive.c - what comes from the network: checks of the far end (RFC 8445 7.3) and answers to
// ours (7.2.5).
//
// Whatever is not authentic changes nothing. To whom we answer, we never send more than we got.
#include "ice/ice_private.h"

struct ice_arrival {
	uint32_t local;
	const struct addr *source;
	struct span datagram;
	uint64_t now_ms;
	struct stun_message message;
};

static const uint8_t *bytes_of(const struct ice_arrival *in)
{
	return (const uint8_t *)in->datagram.ptr;
}

// Requests ----------------------------------------------------------------------------------------

// False: withheld.
static bool reply(struct ice_agent *agent, const struct ice_arrival *in, struct stun_build *build)
{
	uint8_t buf[STUN_MESSAGE_MAX];
	int len;

	build->transaction = in->message.transaction;
	build->has_fingerprint = in->message.has_fingerprint;
	len = stun_build(build, buf, in->datagram.len);
	if (len < 0) {
		metric_add(&agent->env->counters->replies_withheld, 1);
		return false;
	}
	agent->env->send(agent->env->context, in->local, in->source,
		span_make((const char *)buf, (uint32_t)len));
	return true;
}

// `key` is empty while nothing is known of who asks.
static bool refuse(
	struct ice_agent *agent, const struct ice_arrival *in, uint16_t error, struct span key)
{
	struct stun_build build = { .class = STUN_ERROR, .error = error, .key = key };

	if (error == STUN_UNKNOWN_ATTRIBUTE) {
		build.unknown = in->message.unknown;
		build.unknown_count = in->message.unknown_count;
	}
	reply(agent, in, &build);
	metric_add(error == STUN_ROLE_CONFLICT ? &agent->env->counters->role_conflicts :
						 &agent->env->counters->requests_refused,
		1);
	return false;
}

static bool is_for(const struct ice_credentials *own, struct span username)
{
	return own->ufrag_len && username.len > own->ufrag_len &&
		username.ptr[own->ufrag_len] == ':' &&
		memcmp(username.ptr, own->ufrag, own->ufrag_len) == 0;
}

// Whose password made it: ours, or the one of before the restart. NULL: nobody's.
static const struct ice_credentials *authenticate(
	const struct ice_agent *agent, const struct ice_arrival *in)
{
	const struct ice_credentials *candidates[] = { &agent->own, &agent->old_own };

	for (uint32_t i = 0; i < 2; i++)
		if (is_for(candidates[i], in->message.username) &&
			stun_is_authentic(
				bytes_of(in), &in->message, ice_key(candidates[i])))
			return candidates[i];
	return NULL;
}

// RFC 8445 7.3.1.1. True: the far end must give way. A lite agent cannot control a full one.
static bool is_conflict(struct ice_agent *agent, const struct stun_message *request)
{
	bool is_theirs_controlling = request->role == STUN_ROLE_CONTROLLING;

	if (request->role == STUN_ROLE_NONE || is_theirs_controlling != agent->is_controlling)
		return false;
	if (agent->is_lite)
		return true;
	// Whoever has the larger tie breaker controls.
	if ((agent->tie_breaker >= request->tie_breaker) == agent->is_controlling)
		return true;
	ice_role_switch(agent);
	return false;
}

uint32_t ice_remote_find(
	const struct ice_agent *agent, const struct addr *addr, uint32_t component)
{
	for (uint32_t i = 0; i < agent->remote_count; i++)
		if (agent->remotes[i].component == component &&
			addr_eq(&agent->remotes[i].addr, addr))
			return i;
	return ICE_REMOTES_MAX;
}

// RFC 8445 7.3.1.3.
static uint32_t learn_remote(struct ice_agent *agent, const struct ice_arrival *in)
{
	uint32_t component = agent->locals[in->local].component;
	uint32_t found = ice_remote_find(agent, in->source, component);

	if (found < ICE_REMOTES_MAX)
		return found;
	if (agent->remote_count == ICE_REMOTES_MAX) {
		metric_add(&agent->env->counters->candidates_refused, 1);
		return ICE_REMOTES_MAX;
	}
	metric_add(&agent->env->counters->candidates_learned, 1);
	agent->remotes[agent->remote_count] = (struct ice_candidate){ .addr = *in->source,
		.priority = in->message.priority,
		.foundation = 0x80000000u + agent->remote_count, // unlike any other
		.component = (uint8_t)component,
		.type = ICE_TYPE_PRFLX };
	return agent->remote_count++;
}

// RFC 8445 7.3.1.4: a check from there is a reason to try there now.
static void trigger(struct ice_agent *agent, struct ice_pair *pair)
{
	if (agent->is_lite || agent->state == ICE_STATE_FAILED ||
		pair->state == ICE_PAIR_SUCCEEDED)
		return;
	// One that has just gone out needs no other; later on the first may have met a closed NAT.
	if (pair->state == ICE_PAIR_RUNNING && pair->check.sends == 1 && pair->is_heard)
		return;
	if (pair->state != ICE_PAIR_RUNNING)
		pair->state = ICE_PAIR_WAITING;
	ice_pair_queue(agent, pair);
}

static void take_request(struct ice_agent *agent, const struct ice_arrival *in)
{
	uint32_t remote = learn_remote(agent, in);
	struct ice_pair *pair;

	if (remote == ICE_REMOTES_MAX)
		return;
	pair = ice_pair_make(agent, in->local, remote);
	if (!pair)
		return;
	trigger(agent, pair);
	pair->is_heard = true;
	if (!in->message.is_nominating || agent->is_controlling)
		return;
	pair->nominated_ms = in->now_ms;
	if (agent->is_lite || pair->state == ICE_PAIR_SUCCEEDED)
		ice_pair_select(agent, pair, in->now_ms);
}

static bool receive_request(struct ice_agent *agent, const struct ice_arrival *in)
{
	const struct stun_message *request = &in->message;
	const struct ice_credentials *own;
	struct stun_build build = { .class = STUN_SUCCESS, .mapped = in->source };

	if (!request->integrity_at || span_is_empty(request->username))
		return refuse(agent, in, STUN_BAD_REQUEST, SPAN_NONE);
	own = authenticate(agent, in);
	if (!own)
		return refuse(agent, in, STUN_UNAUTHENTICATED, SPAN_NONE);
	build.key = ice_key(own);
	if (request->unknown_count)
		return refuse(agent, in, STUN_UNKNOWN_ATTRIBUTE, build.key);
	if (!request->priority)
		return refuse(agent, in, STUN_BAD_REQUEST, build.key);
	if (own == &agent->own && is_conflict(agent, request))
		return refuse(agent, in, STUN_ROLE_CONFLICT, build.key);
	metric_add(&agent->env->counters->requests, 1);
	if (!reply(agent, in, &build))
		return false;
	if (own == &agent->own)
		take_request(agent, in);
	return true;
}

// Responses ---------------------------------------------------------------------------------------

static struct ice_pair *find_check(struct ice_agent *agent, const uint8_t *transaction)
{
	for (uint32_t i = 0; i < agent->pair_count; i++) {
		struct ice_pair *pair = &agent->pairs[i];

		if (pair->state == ICE_PAIR_RUNNING &&
			(memcmp(pair->check.transaction, transaction,
				 STUN_TRANSACTION_BYTES) == 0 ||
				(pair->check.sends && memcmp(pair->check.last, transaction,
							      STUN_TRANSACTION_BYTES) == 0)))
			return pair;
	}
	return NULL;
}

static bool refuse_response(struct ice_agent *agent)
{
	metric_add(&agent->env->counters->responses_refused, 1);
	return false;
}

static void take_error(struct ice_agent *agent, const struct ice_arrival *in, struct ice_pair *pair)
{
	if (in->message.error != STUN_ROLE_CONFLICT) {
		ice_pair_fail(pair);
		return;
	}
	// RFC 8445 7.2.5.1: unless the roles were exchanged since the check left.
	if (pair->check.role == ice_role(agent))
		ice_role_switch(agent);
	pair->state = ICE_PAIR_WAITING;
	ice_pair_queue(agent, pair);
}

static bool receive_check_response(
	struct ice_agent *agent, const struct ice_arrival *in, struct ice_pair *pair)
{
	if (!stun_is_authentic(bytes_of(in), &in->message, ice_key(&agent->remote)))
		return refuse_response(agent);
	metric_add(&agent->env->counters->responses, 1);
	// RFC 8445 7.2.5.2.1: what comes from elsewhere shows a path that is not symmetric.
	if (in->local != pair->local || !addr_eq(in->source, &agent->remotes[pair->remote].addr))
		ice_pair_fail(pair);
	else if (in->message.class == STUN_ERROR)
		take_error(agent, in, pair);
	else if (in->message.mapped.port)
		ice_pair_succeed(agent, pair, in->now_ms);
	else
		ice_pair_fail(pair);
	return true;
}

static bool receive_consent(
	struct ice_agent *agent, const struct ice_arrival *in, struct ice_component *component)
{
	const struct ice_credentials *far =
		component->is_old ? &agent->old_remote : &agent->remote;

	if (!stun_is_authentic(bytes_of(in), &in->message, ice_key(far)) ||
		in->local != component->local || !addr_eq(in->source, &component->remote))
		return refuse_response(agent);
	metric_add(&agent->env->counters->responses, 1);
	if (in->message.class == STUN_SUCCESS)
		component->consent_until_ms = in->now_ms + ICE_CONSENT_END_MS;
	else if (in->message.error == STUN_FORBIDDEN)
		ice_consent_end(agent, component);
	return true;
}

static bool receive_response(struct ice_agent *agent, const struct ice_arrival *in)
{
	struct ice_component *component = ice_consent_find(agent, in->message.transaction);
	struct ice_pair *pair;

	if (component)
		return receive_consent(agent, in, component);
	pair = find_check(agent, in->message.transaction);
	return pair ? receive_check_response(agent, in, pair) : refuse_response(agent);
}

bool ice_agent_receive(struct ice_agent *agent, uint32_t local, const struct addr *source,
	struct span datagram, uint64_t now_ms)
{
	struct ice_arrival in = {
		.local = local, .source = source, .datagram = datagram, .now_ms = now_ms
	};

	if (local >= agent->local_count || source->port == 0 ||
		ip_is_v4(&source->ip) != ip_is_v4(&agent->locals[local].addr.ip) ||
		stun_parse(bytes_of(&in), datagram.len, &in.message) ||
		in.message.method != STUN_METHOD_BINDING) {
		metric_add(&agent->env->counters->malformed, 1);
		return false;
	}
	switch (in.message.class) {
	case STUN_REQUEST:
		return receive_request(agent, &in);
	case STUN_SUCCESS:
	case STUN_ERROR:
		return receive_response(agent, &in);
	case STUN_INDICATION: // keep-alives of older agents (RFC 8445 11): nothing follows
		break;
	}
	return true;
}

// ice_consent.c - RFC 7675: the far end must go on answering for media to go on.
#include "ice/ice_private.h"

// 0.8 to 1.2 times the period (RFC 7675 5.1), so that many calls do not ask in step.
static uint64_t period_ms(struct ice_agent *agent)
{
	uint16_t dice;

	agent->env->random(agent->env->context, &dice, sizeof(dice));
	return ICE_CONSENT_MS * 8 / 10 + (uint64_t)dice * (ICE_CONSENT_MS * 4 / 10) / UINT16_MAX;
}

void ice_consent_begin(struct ice_agent *agent, struct ice_component *component, uint64_t now_ms)
{
	component->consent_until_ms = now_ms + ICE_CONSENT_END_MS;
	component->consent_due_ms = now_ms + period_ms(agent);
	memset(component->consent, 0, sizeof(component->consent));
}

void ice_consent_end(struct ice_agent *agent, struct ice_component *component)
{
	component->is_lost = true;
	agent->events |= ICE_EVENT_CONSENT_LOST;
	metric_add(&agent->env->counters->consent_lost, 1);
}

static void ask(struct ice_agent *agent, struct ice_component *component, uint64_t now_ms)
{
	struct ice_check check = { .role = (uint8_t)ice_role(agent) };

	memcpy(component->consent[1], component->consent[0], STUN_TRANSACTION_BYTES);
	agent->env->random(
		agent->env->context, component->consent[0], STUN_TRANSACTION_BYTES);
	memcpy(check.transaction, component->consent[0], STUN_TRANSACTION_BYTES);
	component->consent_due_ms = now_ms + period_ms(agent);
	ice_request_send(
		agent, component->local, &component->remote, &check, component->is_old);
}

static bool is_active(const struct ice_agent *agent, const struct ice_component *component)
{
	return !agent->is_lite && component->is_selected && !component->is_lost;
}

void ice_consents_run(struct ice_agent *agent, uint64_t now_ms)
{
	for (uint32_t i = 0; i < agent->components; i++) {
		struct ice_component *component = &agent->component[i];

		if (!is_active(agent, component))
			continue;
		if (now_ms >= component->consent_until_ms)
			ice_consent_end(agent, component);
		else if (now_ms >= component->consent_due_ms)
			ask(agent, component, now_ms);
	}
}

uint64_t ice_consents_next(const struct ice_agent *agent)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < agent->components; i++) {
		const struct ice_component *component = &agent->component[i];

		if (!is_active(agent, component))
			continue;
		if (component->consent_due_ms < next)
			next = component->consent_due_ms;
		if (component->consent_until_ms < next)
			next = component->consent_until_ms;
	}
	return next;
}

struct ice_component *ice_consent_find(struct ice_agent *agent, const uint8_t *transaction)
{
	static const uint8_t none[STUN_TRANSACTION_BYTES];

	if (memcmp(transaction, none, sizeof(none)) == 0)
		return NULL;
	for (uint32_t i = 0; i < agent->components; i++) {
		struct ice_component *component = &agent->component[i];

		if (!is_active(agent, component))
			continue;
		for (uint32_t n = 0; n < 2; n++)
			if (memcmp(component->consent[n], transaction, sizeof(none)) == 0)
				return component;
	}
	return NULL;
}

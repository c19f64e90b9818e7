#include "call/ability.h"

#include "call/relay.h"

_Static_assert(SIP_METHOD_COUNT <= 32 && OPTION_COUNT <= 32, "a bit for each");

static const struct span option_tags[OPTION_COUNT] = {
	[OPTION_100REL] = SPAN_LIT("100rel"),
	[OPTION_TIMER] = SPAN_LIT("timer"),
};

// Of a configuration that was made by hand.
static const struct config_profile plain_profile = { .name = "default" };

const struct config_profile *leg_profile(const struct call_leg *leg, const struct config *config)
{
	return leg->profile < config->profile_count ? &config->profiles[leg->profile] :
						      &plain_profile;
}

void ability_learn(struct call_leg *leg, const struct sip_msg *msg)
{
	struct sip_list list;
	struct span value;

	if (sip_msg_header(msg, SIP_HEADER_ALLOW)) {
		leg->ability.allowed = 0;
		sip_list_init(&list, msg, SIP_HEADER_ALLOW);
		while (sip_list_next(&list, &value))
			leg->ability.allowed |= 1u << sip_method_lookup(value);
	}
	if (!sip_msg_header(msg, SIP_HEADER_SUPPORTED) && !sip_msg_header(msg, SIP_HEADER_REQUIRE))
		return;
	leg->ability.supported = 0;
	for (uint32_t i = 0; i < OPTION_COUNT; i++)
		if (sip_msg_lists(msg, SIP_HEADER_SUPPORTED, option_tags[i]) ||
			ability_requires(msg, i))
			leg->ability.supported |= 1u << i;
}

bool ability_requires(const struct sip_msg *msg, enum option_tag option)
{
	return sip_msg_lists(msg, SIP_HEADER_REQUIRE, option_tags[option]);
}

void ability_put(struct sip_writer *w)
{
	relay_put_allow(w);
}

#include "call/ability.h"

#include "call/relay.h"

_Static_assert(SIP_METHOD_COUNT <= 32 && OPTION_COUNT <= 32, "a bit for each");

static const struct span option_tags[OPTION_COUNT] = {
	[OPTION_100REL] = SPAN_LIT("100rel"),
	[OPTION_TIMER] = SPAN_LIT("timer"),
	[OPTION_REPLACES] = SPAN_LIT("replaces"),
	[OPTION_NOREFERSUB] = SPAN_LIT("norefersub"),
	[OPTION_199] = SPAN_LIT("199"),
};

// Options of the list that we know, a bit for each.
static uint32_t listed(const struct sip_msg *msg, enum sip_header_id id)
{
	struct sip_list list;
	struct span value;
	uint32_t found = 0;

	sip_list_init(&list, msg, id);
	while (sip_list_next(&list, &value))
		for (uint32_t i = 0; i < OPTION_COUNT; i++)
			if (span_ieq(value, option_tags[i]))
				found |= 1u << i;
	return found;
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
	leg->ability.supported = listed(msg, SIP_HEADER_SUPPORTED) |
		listed(msg, SIP_HEADER_REQUIRE);
}

bool ability_requires(const struct sip_msg *msg, enum option_tag option)
{
	return sip_msg_lists(msg, SIP_HEADER_REQUIRE, option_tags[option]);
}

static bool is_served(const struct config_profile *profile, enum option_tag option)
{
	switch (option) {
	case OPTION_100REL:
		return profile->flow.reliable != PROFILE_RELIABLE_OFF;
	case OPTION_REPLACES:
	case OPTION_NOREFERSUB:
		return true;
	case OPTION_TIMER:
		return profile->flow.session_mode != PROFILE_SESSION_OFF;
	case OPTION_199:
	case OPTION_COUNT:
		break;
	}
	return false;
}

bool ability_serves(const struct config_profile *profile, struct span tag)
{
	for (uint32_t i = 0; i < OPTION_COUNT; i++)
		if (span_ieq(tag, option_tags[i]))
			return is_served(profile, i);
	return false;
}

// Whether to speak of it now: only a first INVITE is answered reliably, and one without an offer
// only if the offer that comes so can go on to the caller.
static bool is_shown(const struct call *call, enum call_side side, const struct sip_turn *turn,
	enum option_tag option)
{
	const struct config *config = core_env_of(turn)->config;

	if (!is_served(config_profile(config, call->legs[side].profile), option))
		return false;
	if (option != OPTION_100REL)
		return true;
	return !call->answered_ms && (side == CALL_LEG_A || !call->invite.is_late ||
		reliable_is_possible(call, turn));
}

void ability_put(struct sip_writer *w, const struct call *call, enum call_side side,
	const struct sip_turn *turn)
{
	bool is_first = true;

	relay_put_allow(w,
		config_profile(core_env_of(turn)->config, call->legs[side].profile));
	for (uint32_t i = 0; i < OPTION_COUNT; i++) {
		if (!is_shown(call, side, turn, i))
			continue;
		sip_put(w, is_first ? SPAN_LIT("Supported: ") : SPAN_LIT(", "));
		sip_put(w, option_tags[i]);
		is_first = false;
	}
	if (!is_first)
		sip_put_lit(w, "\r\n");
}

void ability_put_require(struct sip_writer *w, const struct call *call, const struct sip_turn *turn)
{
	const struct config *config = core_env_of(turn)->config;
	const struct config_profile *profile =
		config_profile(config, call->legs[CALL_LEG_B].profile);

	if (profile->flow.reliable == PROFILE_RELIABLE_REQUIRE &&
		is_shown(call, CALL_LEG_B, turn, OPTION_100REL))
		sip_put_lit(w, "Require: 100rel\r\n");
}

// ability.h - what the far end of a leg can do, by its Allow and Supported, and what we tell it of
// ourselves.
//
// Both headers speak for the sender of the message alone, so each leg has its own (RFC 3261 20.5,
// 20.37). Owner thread only.
#pragma once

#include "call/core_private.h"

// Option tags (RFC 3261 27.1) that mean something to us; a bit in ability.supported.
enum option_tag {
	OPTION_100REL, // RFC 3262
	OPTION_TIMER,  // RFC 4028
	OPTION_REPLACES, // RFC 3891
	OPTION_NOREFERSUB, // RFC 4488
	OPTION_199,    // RFC 6228
	OPTION_COUNT
};

// Takes Allow and Supported of a message of the far end; a header that is missing changes nothing.
void ability_learn(struct call_leg *leg, const struct sip_msg *msg);
static inline bool ability_allows(const struct call_leg *leg, enum sip_method method)
{
	return leg->ability.allowed & 1u << method;
}
static inline bool ability_supports(const struct call_leg *leg, enum option_tag option)
{
	return leg->ability.supported & 1u << option;
}

// Whether a message requires that option.
bool ability_requires(const struct sip_msg *msg, enum option_tag option);
// Whether we serve a required option with peers of that profile.
bool ability_serves(const struct config_profile *profile, struct span tag);
// Allow and Supported lines of our own requests and answers on that leg.
void ability_put(struct sip_writer *w, const struct call *call, enum call_side side,
	const struct sip_turn *turn);
// What the first INVITE demands of the called side.
void ability_put_require(struct sip_writer *w, const struct call *call,
	const struct sip_turn *turn);

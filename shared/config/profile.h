// profile.h - how a kind of peer wants to be spoken to: call flows, headers, session descriptions.
//
// A profile is named in the section `profiles`, and a realm or a trunk names the profile that its
// side of a call follows: the trunk's, else the realm's, else `default`, which always exists and
// may be redefined. Immutable like the whole configuration.
#pragma once

#include "base/span.h"
#include "config/profile_headers.h"

#include <stdbool.h>
#include <stdint.h>

#define CONFIG_PROFILES_MAX 256u

// Keys `flow` (profile_flow.c): who does what in a call: timers, 100rel, transfer, redirection.
struct profile_flow {
};

// Keys `sdp` (profile_sdp.c): codecs and what may stand in a session description.
struct profile_sdp {
};

struct config_profile {
	const char *name;
	struct profile_flow flow;
	struct profile_headers headers; // keys `headers`: fields, identity, codes
	struct profile_sdp sdp;
};

struct config;

// The profile of that index; the defaults where a configuration made by hand has no profiles.
const struct config_profile *config_profile(const struct config *config, uint32_t index);

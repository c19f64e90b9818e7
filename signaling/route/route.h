// route.h - which trunk a call goes to: the first route in written order that matches.
//
// Pure function of the configuration snapshot; worker thread and simulator.
#pragma once

#include "config/config.h"

#define ROUTE_USER_MAX 64 // longest rewritten user part, bytes

struct route_query {
	uint32_t from_realm; // index
	int from_trunk;      // index, -1 = none
	struct span from;    // caller's user part, unescaped as written
	struct span to;      // called user part
};

enum route_result {
	ROUTE_FOUND,
	ROUTE_NONE,     // no route matches: 404
	ROUTE_TOO_LONG, // a route matches, but its rewritten user exceeds ROUTE_USER_MAX: 484
};

struct route_decision {
	uint32_t trunk;            // index
	uint32_t line;             // of the route in the configuration file
	uint32_t user_len;
	char user[ROUTE_USER_MAX]; // called user after strip and prefix, not NUL-terminated
};

// A route to a trunk with numbers of its own holds for those only (RFC 6140), so the next one may.
// *out is written for ROUTE_FOUND only.
enum route_result route_decide(const struct config *config, const struct route_query *query,
	struct route_decision *out);

// A literal, a prefix with a trailing '*', or empty = anything. Case-sensitive (RFC 3261 19.1.4).
bool route_pattern_matches(struct span pattern, struct span user);

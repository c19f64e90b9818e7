#include "route/route.h"

#include <string.h>

bool route_pattern_matches(struct span pattern, struct span user)
{
	if (span_is_empty(pattern))
		return true;
	if (pattern.ptr[pattern.len - 1] == '*')
		return span_starts(user, span_sub(pattern, 0, pattern.len - 1));
	return span_eq(pattern, user);
}

static bool route_matches(const struct config_route *route, const struct route_query *query)
{
	if (route->from_realm >= 0 && (uint32_t)route->from_realm != query->from_realm)
		return false;
	if (route->from_trunk >= 0 && route->from_trunk != query->from_trunk)
		return false;
	return route_pattern_matches(route->to, query->to) &&
		route_pattern_matches(route->from, query->from);
}

// Strip applies only to users that begin with it: a route may serve both written forms of a number.
static enum route_result route_rewrite(const struct config_route *route, struct span user,
	struct route_decision *out)
{
	if (span_starts(user, route->strip))
		user = span_sub(user, route->strip.len, user.len - route->strip.len);
	if ((uint64_t)user.len + route->prefix.len > ROUTE_USER_MAX)
		return ROUTE_TOO_LONG;
	if (route->prefix.len)
		memcpy(out->user, route->prefix.ptr, route->prefix.len);
	if (user.len)
		memcpy(out->user + route->prefix.len, user.ptr, user.len);
	out->user_len = route->prefix.len + user.len;
	out->trunk = route->trunk;
	out->line = route->line;
	return ROUTE_FOUND;
}

// Whether the user that a route made is one of the trunk's, which may have a range of numbers.
static bool has_number(const struct config *config, const struct route_decision *decision)
{
	const struct config_trunk *trunk = config->trunks ? &config->trunks[decision->trunk] : NULL;
	struct span user = span_make(decision->user, decision->user_len);

	for (uint32_t i = 0; trunk && i < trunk->number_count; i++)
		if (route_pattern_matches(trunk->numbers[i], user))
			return true;
	return !trunk || trunk->number_count == 0;
}

enum route_result route_decide(const struct config *config, const struct route_query *query,
	struct route_decision *out)
{
	struct route_decision decision;
	enum route_result result = ROUTE_NONE;

	for (uint32_t i = 0; i < config->route_count; i++) {
		const struct config_route *route = &config->routes[i];

		if (route->trunk >= config->trunk_count || !route_matches(route, query))
			continue;
		result = route_rewrite(route, query->to, &decision);
		if (result == ROUTE_FOUND && !has_number(config, &decision)) {
			result = ROUTE_NONE;
			continue;
		}
		if (result == ROUTE_FOUND)
			*out = decision;
		break;
	}
	return result;
}

#include "call/caller.h"

#include "call/core_private.h"

struct callers {
	uint32_t own, foreign;
};

bool caller_is_own(const struct config_trunk *trunk, struct span user)
{
	for (uint32_t i = 0; i < trunk->number_count; i++)
		if (route_pattern_matches(trunk->numbers[i], user))
			return true;
	return span_eq(user, trunk->main_number) && user.len > 0;
}

static bool is_own_uri(const struct config_trunk *trunk, const struct sip_uri *uri)
{
	char buf[CALL_PARTY_MAX];
	struct span user;

	return sip_uri_user(uri, buf, sizeof(buf), &user) == 0 && caller_is_own(trunk, user);
}

static void count(struct callers *callers, const struct config_trunk *trunk,
	const struct sip_uri *uri)
{
	if (is_own_uri(trunk, uri))
		callers->own++;
	else
		callers->foreign++;
}

static void count_listed(struct callers *callers, const struct config_trunk *trunk,
	const struct sip_msg *msg, enum sip_header_id id)
{
	struct sip_name_addr identity;
	struct sip_list list;
	struct span value;

	sip_list_init(&list, msg, id);
	while (sip_list_next(&list, &value))
		if (sip_name_addr_parse(value, &identity) == 0)
			count(callers, trunk, &identity.uri);
}

bool caller_check(const struct config_trunk *trunk, const struct sip_msg *msg, char *from)
{
	struct callers callers = { 0 };
	bool is_anonymous = identity_is_anonymous(msg);

	if (trunk->callers == CONFIG_CALLERS_ANY)
		return true;
	// Who is anonymous says in another place who calls.
	if (!is_anonymous)
		count(&callers, trunk, &msg->from.uri);
	count_listed(&callers, trunk, msg, SIP_HEADER_P_ASSERTED_IDENTITY);
	count_listed(&callers, trunk, msg, SIP_HEADER_P_PREFERRED_IDENTITY);
	if (trunk->callers == CONFIG_CALLERS_REFUSE)
		return callers.own > 0 && callers.foreign == 0;
	if (!is_anonymous && !is_own_uri(trunk, &msg->from.uri))
		span_copy(trunk->main_number, from, CALL_PARTY_MAX);
	return true;
}

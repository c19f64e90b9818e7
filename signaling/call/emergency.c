// emergency.c - which calls no limit of ours may stop: RFC 5031, RFC 7135.
#include "call/core_private.h"

// A number that people dial there.
static bool is_number(const struct config_realm *realm, const struct sip_uri *uri)
{
	char buf[CALL_PARTY_MAX];
	struct span user;

	if (realm->emergency_count == 0 || sip_uri_user(uri, buf, sizeof(buf), &user) < 0)
		return false;
	for (uint32_t i = 0; i < realm->emergency_count; i++)
		if (span_eq(user, span_str(realm->emergency[i])))
			return true;
	return false;
}

// RFC 7135: the namespace of calls within an emergency services network. Anybody could write it, so
// only a trusted realm is believed.
static bool has_priority(const struct sip_msg *msg)
{
	struct sip_list list;
	struct span value;

	sip_list_init(&list, msg, SIP_HEADER_RESOURCE_PRIORITY);
	while (sip_list_next(&list, &value))
		if (span_istarts(value, SPAN_LIT("esnet.")))
			return true;
	return false;
}

bool emergency_is(const struct core_env *env, uint32_t realm, const struct sip_msg *msg)
{
	const struct config_realm *from = &env->config->realms[realm];

	return sip_uri_is_emergency(&msg->uri) || is_number(from, &msg->uri) ||
		(from->is_trusted && has_priority(msg));
}

void emergency_mark(struct call *call)
{
	if (call->is_emergency)
		return;
	call->is_emergency = true;
	call->core->emergency_calls++;
	CORE_COUNT(call->core, emergency_calls);
}

struct span emergency_user(const struct sip_uri *uri)
{
	const struct span prefix = SPAN_LIT("service:");

	return sip_uri_is_emergency(uri) ? span_sub(uri->user, prefix.len, uri->user.len) :
					   SPAN_NONE;
}

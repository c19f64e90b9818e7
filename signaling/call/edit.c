// edit.c - the header rules of a peer's profile, on what it sends and on what it is sent.
//
// Rules only ever see whole messages: what a peer sent before anybody reads it, and what we built
// after everybody wrote it. A message that its rules spoil goes as it was, and is counted.
#include "call/core_private.h"

const struct config_profile *edit_peer(struct core *core, const struct core_env *env,
	const struct sip_received *in)
{
	const struct config *config = env->config;
	uint32_t realm = in->hop.listener >> 8;
	struct span tag = in->msg->is_request ? in->msg->to.tag : in->msg->from.tag;
	struct sip_token token;
	enum call_side side;
	struct call *call = NULL;

	if (core_is_own_tag(core, tag, &token))
		call = call_lookup(core, token.value, &side);
	if (call)
		return config_profile(config, call->legs[side].profile);
	int trunk = trunk_find(config, &in->hop);
	return config_profile(config,
		trunk >= 0 ? config->trunks[trunk].profile : config->realms[realm].profile);
}

// Whether the rules left what the transactions and dialogs stand on.
static bool is_same(const struct sip_msg *a, const struct sip_msg *b)
{
	return a->is_request == b->is_request && span_eq(a->from.tag, b->from.tag) &&
		span_eq(a->to.tag, b->to.tag) && span_eq(a->call_id, b->call_id) &&
		span_eq(a->via.branch, b->via.branch) && a->cseq.number == b->cseq.number &&
		a->method == b->method;
}

const struct sip_msg *edit_receive(struct core *core, const struct config_profile *profile,
	const struct sip_msg *msg)
{
	struct header_output out = { .buf = core->edited_in, .cap = sizeof(core->edited_in) };
	struct sip_fault fault;
	enum header_outcome outcome = header_rules_apply(&profile->headers.in, msg->raw, &out);

	if (outcome == HEADER_UNCHANGED)
		return msg;
	if (outcome == HEADER_CHANGED &&
		sip_parse(span_make(out.buf, out.len), &core->edited_msg, &fault) == 0 &&
		is_same(msg, &core->edited_msg))
		return &core->edited_msg;
	CORE_COUNT(core, rules_failed);
	return msg;
}

struct span edit_send(struct core *core, const struct config_profile *profile, struct span message)
{
	struct header_output out = { .buf = core->edited_out, .cap = sizeof(core->edited_out) };
	struct sip_fault fault;
	enum header_outcome outcome = header_rules_apply(&profile->headers.out, message, &out);

	if (outcome == HEADER_UNCHANGED)
		return message;
	// Ours is well formed, so the second one need not be compared with it if it parses.
	if (outcome == HEADER_CHANGED &&
		sip_parse(span_make(out.buf, out.len), &core->edited_check, &fault) == 0)
		return span_make(out.buf, out.len);
	CORE_COUNT(core, rules_failed);
	return message;
}

void edit_put_agent(struct sip_writer *w, const struct config_profile *profile, bool is_request)
{
	if (profile->headers.agent)
		sip_put_header(w, is_request ? SIP_HEADER_USER_AGENT : SIP_HEADER_SERVER,
			span_str(profile->headers.agent));
}

struct span edit_phrase(const struct config_profile *profile, uint16_t status)
{
	const struct profile_headers *headers = &profile->headers;

	for (uint32_t i = 0; i < headers->text_count; i++)
		if (headers->texts[i].status == status)
			return headers->texts[i].text;
	return SPAN_NONE;
}

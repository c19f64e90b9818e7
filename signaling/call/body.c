#include "call/body.h"

#include "call/core_private.h"

#include <errno.h>

static bool is_sdp(const struct body_part *part)
{
	return span_ieq(part->type, SPAN_LIT("application/sdp"));
}

// RFC 5621 6: a session description is one whose disposition says so, or says nothing. Others
// (early-session of RFC 3959) are parts like any.
static bool is_session(const struct body_part *part)
{
	struct span how = multipart_type(part->disposition);

	return is_sdp(part) && !part->is_coded &&
		(how.len == 0 || span_ieq(how, SPAN_LIT("session"))) &&
		(part->encoding.len == 0 || span_ieq(part->encoding, SPAN_LIT("binary")) ||
			span_ieq(part->encoding, SPAN_LIT("8bit")) ||
			span_ieq(part->encoding, SPAN_LIT("7bit")));
}

static bool is_listed(const struct config_profile *profile, struct span type)
{
	for (uint32_t i = 0; i < profile->sdp.body_count; i++)
		if (span_ieq(profile->sdp.bodies[i], type))
			return true;
	return false;
}

// A body without parts is looked at like a single one.
static void read_single(const struct sip_msg *msg, struct body_parts *out)
{
	const struct sip_header *disposition = sip_msg_header(msg, SIP_HEADER_CONTENT_DISPOSITION);
	const struct sip_header *id = sip_msg_find(msg, SPAN_LIT("Content-ID"));
	const struct sip_header *coding = sip_msg_header(msg, SIP_HEADER_CONTENT_ENCODING);

	out->count = 1;
	out->part[0] = (struct body_part){
		.type = multipart_type(msg->content_type),
		.content_type = msg->content_type,
		.disposition = disposition ? disposition->value : SPAN_NONE,
		.id = id ? id->value : SPAN_NONE,
		.is_coded = coding && !span_ieq(coding->value, SPAN_LIT("identity")),
		.data = msg->body,
	};
	out->part[0].is_optional = multipart_is_optional(out->part[0].disposition);
}

static enum body_verdict split(const struct sip_msg *msg, struct body_parts *out)
{
	if (span_is_empty(msg->content_type))
		return BODY_MALFORMED;
	if (!multipart_is(msg->content_type)) {
		read_single(msg, out);
		return BODY_OK;
	}
	if (sip_msg_header(msg, SIP_HEADER_CONTENT_ENCODING))
		return BODY_UNSUPPORTED;
	switch (multipart_parse(msg->content_type, msg->body, out)) {
	case 0:
		return BODY_OK;
	case -E2BIG:
		return BODY_UNSUPPORTED;
	default:
		return BODY_MALFORMED;
	}
}

struct sorting {
	const struct config_profile *const *profiles;
	struct body_parts list;
	int sdp; // index, -1 = none
	bool is_kept[MULTIPART_PARTS_MAX];
};

// The first description, or the last one of its alternatives (RFC 2046 5.1.4).
static int find_session(const struct body_parts *list)
{
	int found = -1;

	for (uint32_t i = 0; i < list->count; i++) {
		const struct body_part *part = &list->part[i];

		if (is_session(part) &&
			(found < 0 || (part->choice && part->choice == list->part[found].choice)))
			found = (int)i;
	}
	return found;
}

static bool may_pass(const struct sorting *s, const struct body_part *part)
{
	return !part->is_coded && is_listed(s->profiles[CALL_LEG_A], part->type) &&
		is_listed(s->profiles[CALL_LEG_B], part->type);
}

// Of alternatives the description is taken, else the last one that may pass.
static bool is_outdone(const struct sorting *s, uint32_t index)
{
	uint8_t choice = s->list.part[index].choice;

	if (choice == 0)
		return false;
	if (s->sdp >= 0 && s->list.part[s->sdp].choice == choice)
		return true;
	for (uint32_t i = index + 1; i < s->list.count; i++)
		if (s->list.part[i].choice == choice && may_pass(s, &s->list.part[i]))
			return true;
	return false;
}

// Whether another part says the same and was taken.
static bool is_said_elsewhere(const struct sorting *s, uint32_t index)
{
	uint8_t choice = s->list.part[index].choice;

	for (uint32_t i = 0; choice && i < s->list.count; i++)
		if (i != index && s->list.part[i].choice == choice &&
			(s->is_kept[i] || s->sdp == (int)i))
			return true;
	return false;
}

static enum body_verdict sort(struct sorting *s)
{
	enum body_verdict verdict = BODY_OK;

	s->sdp = find_session(&s->list);
	for (uint32_t i = 0; i < s->list.count; i++)
		s->is_kept[i] = s->sdp != (int)i && !is_outdone(s, i) &&
			may_pass(s, &s->list.part[i]);
	for (uint32_t i = 0; i < s->list.count; i++)
		if (!s->is_kept[i] && s->sdp != (int)i && !s->list.part[i].is_optional &&
			!is_said_elsewhere(s, i))
			verdict = BODY_UNSUPPORTED;
	return verdict;
}

// A boundary that stands in none of the parts, whatever they hold.
static uint64_t choose_nonce(const struct core_env *env, const struct sorting *s)
{
	uint64_t nonce = rng_u64(env->rng);

	for (uint32_t i = 0; i < s->list.count; i++) {
		if (!s->is_kept[i] || !multipart_has_boundary(s->list.part[i].data, nonce))
			continue;
		nonce = rng_u64(env->rng);
		i = UINT32_MAX; // from the first part again
	}
	return nonce;
}

static struct span put_parts(struct core *core, const struct core_env *env,
	const struct sorting *s)
{
	uint64_t nonce = 0;
	struct sip_writer w;

	sip_writer_init(&w, core->parts, sizeof(core->parts));
	for (uint32_t i = 0; i < s->list.count; i++) {
		if (!s->is_kept[i])
			continue;
		if (w.len == 0)
			nonce = choose_nonce(env, s);
		multipart_put_part(&w, nonce, &s->list.part[i]);
		CORE_COUNT(core, parts_passed);
	}
	if (!w.is_overflowed)
		return sip_writer_text(&w);
	CORE_COUNT(core, parts_lost);
	return SPAN_NONE;
}

// The usual message: a description and nothing else.
static bool is_plain(const struct sip_msg *msg)
{
	return span_ieq(msg->content_type, SPAN_LIT("application/sdp")) &&
		!sip_msg_header(msg, SIP_HEADER_CONTENT_DISPOSITION) &&
		!sip_msg_header(msg, SIP_HEADER_CONTENT_ENCODING);
}

static enum body_verdict read_parts(struct core *core, const struct core_env *env,
	struct sorting *s, const struct sip_msg *msg, struct call_body *out)
{
	enum body_verdict verdict = split(msg, &s->list);

	if (verdict == BODY_OK) {
		verdict = sort(s);
		if (s->sdp >= 0)
			out->sdp = s->list.part[s->sdp].data;
		out->parts = put_parts(core, env, s);
	}
	if (verdict != BODY_OK)
		CORE_COUNT(core, bodies_unsupported);
	return verdict;
}

enum body_verdict body_read_between(struct core *core, const struct core_env *env,
	const struct config_profile *const profiles[CALL_LEGS], const struct sip_msg *msg,
	struct call_body *out)
{
	struct sorting s;

	*out = (struct call_body){ 0 };
	if (span_is_empty(msg->body))
		return BODY_OK;
	if (is_plain(msg)) {
		out->sdp = msg->body;
		return BODY_OK;
	}
	s.profiles = profiles;
	return read_parts(core, env, &s, msg, out);
}

enum body_verdict body_read(struct call *call, const struct core_env *env, enum call_side from,
	const struct sip_msg *msg, struct call_body *out)
{
	const struct config_profile *const profiles[CALL_LEGS] = {
		config_profile(env->config, call->legs[from].profile),
		config_profile(env->config, call->legs[call_other(from)].profile),
	};

	return body_read_between(call->core, env, profiles, msg, out);
}

struct span body_sdp(const struct sip_msg *msg)
{
	static const struct config_profile nothing;
	const struct config_profile *const profiles[CALL_LEGS] = { &nothing, &nothing };
	struct sorting s;

	if (span_is_empty(msg->body) || is_plain(msg))
		return msg->body;
	s.profiles = profiles;
	if (split(msg, &s.list) != BODY_OK)
		return SPAN_NONE;
	sort(&s);
	return s.sdp >= 0 ? s.list.part[s.sdp].data : SPAN_NONE;
}

void body_put_accept(struct sip_writer *w, const struct config_profile *profile)
{
	sip_put_lit(w, "Accept: application/sdp");
	for (uint32_t i = 0; i < profile->sdp.body_count; i++) {
		sip_put_lit(w, ", ");
		sip_put(w, profile->sdp.bodies[i]);
	}
	sip_put_lit(w, ", multipart/mixed\r\n");
}

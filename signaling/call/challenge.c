// challenge.c - digest authentication between the two ends: a peer whose profile says so challenges
// the far end itself, we only carry what they say to each other (RFC 3261 22, RFC 7616, RFC 8760).
//
// Realm, nonce and opaque are texts of the challenger that nobody else reads, algorithms likewise.
// What names hosts (domain) stays behind.
#include "call/core_private.h"

bool challenge_passes(const struct hide_params *params)
{
	uint16_t status = params->msg->status;

	return params->from->headers.is_challenge_passed && (status == 401 || status == 407) &&
		(sip_msg_header(params->msg, SIP_HEADER_WWW_AUTHENTICATE) ||
			sip_msg_header(params->msg, SIP_HEADER_PROXY_AUTHENTICATE));
}

static bool is_domain(struct span part)
{
	struct span name;

	return span_cut(&part, '=', &name) && span_ieq(span_trim(name), SPAN_LIT("domain"));
}

// "Digest realm=...": a scheme and its first parameter, the others follow by commas.
static bool begins_challenge(struct span part)
{
	struct span scheme;

	if (!span_cut(&part, ' ', &scheme) || !sip_is_token(scheme))
		return false;
	part = span_trim(part);
	return part.len > 0 && part.ptr[0] != '=';
}

static void put_challenges(struct sip_writer *w, const struct sip_msg *msg, enum sip_header_id id)
{
	struct sip_list list;
	struct span part, scheme;
	bool is_open = false, is_first = false;

	sip_list_init(&list, msg, id);
	while (sip_list_next(&list, &part)) {
		if (begins_challenge(part)) {
			span_cut(&part, ' ', &scheme);
			if (is_open)
				sip_put_lit(w, "\r\n");
			sip_put(w, sip_header_name(id));
			sip_put_lit(w, ": ");
			sip_put_value(w, scheme);
			part = span_trim(part);
			is_open = is_first = true;
		}
		if (!is_open || is_domain(part))
			continue;
		sip_put(w, is_first ? SPAN_LIT(" ") : SPAN_LIT(", "));
		sip_put_value(w, part);
		is_first = false;
	}
	if (is_open)
		sip_put_lit(w, "\r\n");
}

void challenge_put(struct sip_writer *w, const struct hide_params *params)
{
	if (!challenge_passes(params))
		return;
	put_challenges(w, params->msg, SIP_HEADER_WWW_AUTHENTICATE);
	put_challenges(w, params->msg, SIP_HEADER_PROXY_AUTHENTICATE);
}

void challenge_put_credentials(struct sip_writer *w, const struct hide_params *params)
{
	if (!params->to->headers.is_challenge_passed)
		return;
	sip_put_headers_of(w, params->msg, SIP_HEADER_AUTHORIZATION);
	sip_put_headers_of(w, params->msg, SIP_HEADER_PROXY_AUTHORIZATION);
}

void challenge_put_info(struct sip_writer *w, const struct hide_params *params)
{
	if (params->from->headers.is_challenge_passed)
		sip_put_headers_of(w, params->msg, SIP_HEADER_AUTHENTICATION_INFO);
}

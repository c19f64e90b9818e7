// identity.c - who calls, by the trust between realms: RFC 3323, RFC 3325.
#include "call/caller.h"
#include "call/core_private.h"

#define ANONYMOUS_FROM "\"Anonymous\" <sip:anonymous@anonymous.invalid>"
#define ANONYMOUS_HOST SPAN_LIT("anonymous.invalid")

// 0: nobody here knows it.
static uint32_t privacy_bit(struct span word)
{
	static const struct {
		struct span word;
		uint32_t bit;
	} words[] = { { SPAN_LIT("none"), PRIVACY_NONE }, { SPAN_LIT("header"), PRIVACY_HEADER },
		{ SPAN_LIT("session"), PRIVACY_SESSION }, { SPAN_LIT("user"), PRIVACY_USER },
		{ SPAN_LIT("id"), PRIVACY_ID }, { SPAN_LIT("history"), PRIVACY_HISTORY },
		{ SPAN_LIT("critical"), PRIVACY_CRITICAL } };

	for (uint32_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (span_ieq(word, words[i].word))
			return words[i].bit;
	return 0;
}

uint32_t identity_privacy(const struct sip_msg *msg)
{
	const struct sip_header *h = sip_msg_header(msg, SIP_HEADER_PRIVACY);
	uint32_t bits = 0;

	for (; h; h = sip_msg_next(msg, h)) {
		struct span rest = h->value, word;

		while (span_cut(&rest, ';', &word))
			bits |= privacy_bit(span_trim(word));
	}
	return bits;
}

bool identity_is_refused(const struct sip_msg *msg)
{
	const struct sip_header *h = sip_msg_header(msg, SIP_HEADER_PRIVACY);
	bool is_unknown = false;

	for (; h; h = sip_msg_next(msg, h)) {
		struct span rest = h->value, word;

		while (span_cut(&rest, ';', &word)) {
			word = span_trim(word);
			is_unknown |= word.len && !privacy_bit(word);
		}
	}
	return is_unknown && (identity_privacy(msg) & PRIVACY_CRITICAL);
}

// Emergency services are told whatever there is (RFC 6443 8).
bool identity_is_hidden(const struct hide_params *params)
{
	const uint32_t wanted = PRIVACY_HEADER | PRIVACY_USER | PRIVACY_ID;

	return !params->is_to_trusted && !params->is_emergency &&
		(identity_privacy(params->msg) & wanted) != 0;
}

static void put_own_user(struct sip_writer *w, const struct hide_params *params, struct span user)
{
	sip_put_lit(w, "<sip:");
	sip_put_escaped_user(w, user);
	sip_put_char(w, '@');
	hide_put_own_host(w, params);
	sip_put_char(w, '>');
}

static void put_user(struct sip_writer *w, const struct hide_params *params, struct span user)
{
	sip_put_lit(w, "P-Asserted-Identity: ");
	put_own_user(w, params, user);
	sip_put_lit(w, "\r\n");
}

// The user of an identity under our own host, so that the number goes on and its home does not.
static bool put_asserted(struct sip_writer *w, const struct hide_params *params,
	const struct sip_uri *uri)
{
	char buf[CALL_PARTY_MAX];
	struct span user;

	if (sip_uri_user(uri, buf, sizeof(buf), &user) < 0 || span_is_empty(user) ||
		(params->caller && !caller_is_own(params->caller, user)))
		return false;
	put_user(w, params, user);
	return true;
}

// All identities of that header; how many.
static uint32_t put_identities(struct sip_writer *w, const struct hide_params *params,
	enum sip_header_id id)
{
	struct sip_name_addr identity;
	struct sip_list list;
	struct span value;
	uint32_t count = 0;

	sip_list_init(&list, params->msg, id);
	while (sip_list_next(&list, &value))
		if (sip_name_addr_parse(value, &identity) == 0)
			count += put_asserted(w, params, &identity.uri);
	return count;
}

// An untrusted peer asserts nothing; we may for it, if its profile says what (RFC 3325 9.1, 9.2).
// False: it should have been told, and nobody could be named.
static bool put_for_untrusted(struct sip_writer *w, const struct hide_params *params)
{
	enum profile_assert assertion = params->from->headers.identity;

	if (assertion == PROFILE_ASSERT_NONE || !params->msg->is_request)
		return true;
	if (assertion == PROFILE_ASSERT_PREFERRED &&
		put_identities(w, params, SIP_HEADER_P_PREFERRED_IDENTITY) > 0)
		return true;
	return put_asserted(w, params, &params->msg->from.uri);
}

// Whom we assert in place of a caller that the trunk may not name.
static void put_main(struct sip_writer *w, const struct hide_params *params)
{
	const struct config_trunk *trunk = params->caller;

	if (trunk && trunk->callers == CONFIG_CALLERS_REPLACE && params->msg->is_request)
		put_user(w, params, trunk->main_number);
}

void identity_put(struct sip_writer *w, const struct hide_params *params)
{
	const struct sip_header *h = sip_msg_header(params->msg, SIP_HEADER_PRIVACY);
	bool is_public = identity_privacy(params->msg) & PRIVACY_NONE;

	// "none" forbids to take it away even here (RFC 3325 7).
	if (!params->is_to_trusted && !(is_public && params->is_from_trusted))
		return;
	bool is_told = params->is_from_trusted ?
		put_identities(w, params, SIP_HEADER_P_ASSERTED_IDENTITY) > 0 :
		put_for_untrusted(w, params);
	if (!is_told)
		put_main(w, params);
	for (; h && params->is_to_trusted; h = sip_msg_next(params->msg, h))
		sip_put_header(w, SIP_HEADER_PRIVACY, h->value);
}

static void put_display(struct sip_writer *w, struct span display)
{
	char text[CALL_PARTY_MAX * 2];

	if (display.len == 0 || sip_display_unquote(display, text, sizeof(text), &display) != 0)
		return;
	sip_put_quoted(w, display);
	sip_put_char(w, ' ');
}

static struct span user_of(const struct sip_uri *uri, char buf[CALL_PARTY_MAX])
{
	struct span user;

	return sip_uri_user(uri, buf, CALL_PARTY_MAX, &user) == 0 ? user : SPAN_NONE;
}

bool identity_is_anonymous(const struct sip_msg *msg)
{
	return span_ieq(msg->from.uri.host, ANONYMOUS_HOST);
}

void identity_put_from(struct sip_writer *w, const struct hide_params *params, struct span user)
{
	const struct sip_name_addr *from = &params->msg->from;
	bool is_secure = params->msg->uri.scheme == SIP_SCHEME_SIPS;
	char buf[CALL_PARTY_MAX];

	if (identity_is_hidden(params)) {
		sip_put_lit(w, ANONYMOUS_FROM);
		return;
	}
	if (!params->caller || caller_is_own(params->caller, user_of(&from->uri, buf)))
		put_display(w, from->display);
	sip_put(w, is_secure ? SPAN_LIT("<sips:") : SPAN_LIT("<sip:"));
	if (user.len) {
		sip_put_escaped_user(w, user);
		sip_put_char(w, '@');
	}
	// Who is nobody stays nobody's (RFC 3323 4.1.1.3).
	if (identity_is_anonymous(params->msg))
		sip_put(w, ANONYMOUS_HOST);
	else
		hide_put_own_host(w, params);
	sip_put_char(w, '>');
}

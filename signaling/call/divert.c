// divert.c - who diverted a call: Diversion (RFC 5806) and History-Info (RFC 7044), read and
// written in either form (RFC 7544), hosts hidden.
#include "call/core_private.h"

#define TIMES_MAX 99u

// Reasons of Diversion and the causes of RFC 4458; the first one of a cause is written for it.
static const struct {
	struct span reason;
	uint16_t cause;
} reasons[] = { { SPAN_LIT("unconditional"), 302 }, { SPAN_LIT("user-busy"), 486 },
	{ SPAN_LIT("no-answer"), 408 }, { SPAN_LIT("deflection"), 480 },
	{ SPAN_LIT("deflection"), 487 }, { SPAN_LIT("unavailable"), 503 },
	{ SPAN_LIT("unknown"), 404 }, { SPAN_LIT("time-of-day"), 404 },
	{ SPAN_LIT("do-not-disturb"), 404 }, { SPAN_LIT("follow-me"), 404 },
	{ SPAN_LIT("out-of-service"), 404 }, { SPAN_LIT("away"), 404 } };

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

static uint16_t cause_of_reason(struct span reason)
{
	for (uint32_t i = 0; i < COUNT_OF(reasons); i++)
		if (span_ieq(reason, reasons[i].reason))
			return reasons[i].cause;
	return 404;
}

static struct span reason_of_cause(uint16_t cause)
{
	for (uint32_t i = 0; i < COUNT_OF(reasons); i++)
		if (reasons[i].cause == cause)
			return reasons[i].reason;
	return SPAN_LIT("unknown");
}

static bool read_user(const struct sip_uri *uri, char out[CALL_PARTY_MAX])
{
	char buf[CALL_PARTY_MAX];
	struct span user;

	return sip_uri_user(uri, buf, sizeof(buf) - 1, &user) == 0 && user.len > 0 &&
		span_copy(user, out, CALL_PARTY_MAX) == 0;
}

// The oldest makes room.
static struct divert_entry *add_entry(struct divert *divert)
{
	if (divert->count == DIVERT_MAX) {
		memmove(divert->entries, divert->entries + 1,
			(DIVERT_MAX - 1) * sizeof(divert->entries[0]));
		divert->count--;
	}
	struct divert_entry *entry = &divert->entries[divert->count++];
	*entry = (struct divert_entry){ .times = 1, .cause = 404 };
	return entry;
}

// Reading ----------------------------------------------------------------------------------------

static void read_diversion(struct divert_entry *entry, const struct sip_name_addr *addr)
{
	struct sip_param param;
	uint32_t times;

	if (sip_param_find(addr->params, SPAN_LIT("reason"), &param))
		entry->cause = cause_of_reason(param.value);
	if (sip_param_find(addr->params, SPAN_LIT("counter"), &param) &&
		span_parse_u32(param.value, TIMES_MAX, &times) == 0 && times > 0)
		entry->times = (uint8_t)times;
	entry->is_private = sip_param_find(addr->params, SPAN_LIT("privacy"), &param) &&
		!span_ieq(param.value, SPAN_LIT("off"));
}

// The newest stands first (RFC 5806 4).
static void read_diversions(struct divert *divert, const struct sip_msg *msg)
{
	struct sip_list list;
	struct span value;
	uint32_t start = divert->count;

	sip_list_init(&list, msg, SIP_HEADER_DIVERSION);
	while (divert->count < DIVERT_MAX && sip_list_next(&list, &value)) {
		struct sip_name_addr addr;
		struct divert_entry entry = { .cause = 404, .times = 1 };

		if (sip_name_addr_parse(value, &addr) < 0 || !read_user(&addr.uri, entry.user))
			continue;
		read_diversion(&entry, &addr);
		divert->entries[divert->count++] = entry;
	}
	for (uint32_t a = start, b = divert->count; b > a + 1; a++, b--) {
		struct divert_entry swap = divert->entries[a];

		divert->entries[a] = divert->entries[b - 1];
		divert->entries[b - 1] = swap;
	}
}

static bool is_history_private(const struct sip_uri *uri)
{
	struct span rest = uri->headers, field;

	while (span_cut(&rest, '&', &field))
		if (span_ieq(field, SPAN_LIT("Privacy=history")))
			return true;
	return false;
}

// The oldest stands first. An entry with a cause says why the one before it was left (RFC 7544 4).
static void read_history(struct divert *divert, const struct sip_msg *msg)
{
	struct divert_entry before = { .user = "" };
	struct sip_list list;
	struct span value;

	sip_list_init(&list, msg, SIP_HEADER_HISTORY_INFO);
	while (sip_list_next(&list, &value)) {
		struct divert_entry now = { .times = 1 };
		struct sip_name_addr addr;
		struct sip_param param;
		uint32_t cause;

		if (sip_name_addr_parse(value, &addr) < 0 || !read_user(&addr.uri, now.user))
			continue;
		now.is_private = is_history_private(&addr.uri);
		if (before.user[0] && sip_param_find(addr.uri.params, SPAN_LIT("cause"), &param) &&
			span_parse_u32(param.value, 699, &cause) == 0) {
			before.cause = (uint16_t)cause;
			*add_entry(divert) = before;
		}
		before = now;
	}
}

uint32_t divert_read(struct divert *divert, const struct sip_msg *msg)
{
	divert->count = 0;
	read_history(divert, msg);
	// History-Info is the fuller one where both came (RFC 7544 3).
	if (divert->count == 0)
		read_diversions(divert, msg);
	// Asked for as a whole (RFC 7044 10.1.1).
	if (identity_privacy(msg) & (PRIVACY_HISTORY | PRIVACY_HEADER))
		for (uint32_t i = 0; i < divert->count; i++)
			divert->entries[i].is_private = true;
	return divert->count;
}

bool divert_receive(struct call *call, const struct sip_msg *msg)
{
	struct divert divert;

	if (!sip_msg_header(msg, SIP_HEADER_DIVERSION) &&
		!sip_msg_header(msg, SIP_HEADER_HISTORY_INFO))
		return true;
	if (divert_read(&divert, msg) == 0)
		return true;
	call->divert = arena_alloc(&call->arena, sizeof(divert));
	if (!call->divert)
		return false;
	*call->divert = divert;
	return true;
}

bool divert_add(struct call *call, struct span user, uint16_t cause)
{
	if (!call->divert)
		call->divert = arena_zalloc(&call->arena, sizeof(*call->divert));
	if (!call->divert)
		return false;
	struct divert_entry *entry = add_entry(call->divert);
	entry->cause = cause;
	span_copy(span_sub(user, 0, CALL_PARTY_MAX - 1), entry->user, CALL_PARTY_MAX);
	return true;
}

// Writing ----------------------------------------------------------------------------------------

// The URI up to where its parameters would stand, without its brackets.
static void put_uri(struct sip_writer *w, const struct hide_params *params, struct span user,
	bool is_hidden)
{
	if (is_hidden) {
		sip_put_lit(w, "sip:anonymous@anonymous.invalid");
		return;
	}
	sip_put_lit(w, "sip:");
	sip_put_escaped_user(w, user);
	sip_put_char(w, '@');
	hide_put_own_host(w, params);
}

static void put_diversions(struct sip_writer *w, const struct divert *divert,
	const struct hide_params *params)
{
	for (uint32_t i = divert->count; i > 0; i--) {
		const struct divert_entry *entry = &divert->entries[i - 1];

		sip_put_lit(w, "Diversion: <");
		put_uri(w, params, span_str(entry->user),
			entry->is_private && !params->is_to_trusted);
		sip_put_lit(w, ">;reason=");
		sip_put(w, reason_of_cause(entry->cause));
		if (entry->times > 1) {
			sip_put_lit(w, ";counter=");
			sip_put_u64(w, entry->times);
		}
		sip_put(w, entry->is_private ? SPAN_LIT(";privacy=full") : SPAN_NONE);
		sip_put_lit(w, "\r\n");
	}
}

// One entry of the chain 1, 1.1, 1.1.1, ...: `depth` from 0 on, `cause` 0 = none.
struct link {
	uint32_t depth;
	uint16_t cause;
	bool is_private;
	struct span user;
};

static void put_index(struct sip_writer *w, uint32_t depth)
{
	sip_put_char(w, '1');
	for (uint32_t i = 0; i < depth; i++)
		sip_put_lit(w, ".1");
}

static void put_link(struct sip_writer *w, const struct hide_params *params,
	const struct link *link)
{
	sip_put_lit(w, "History-Info: <");
	put_uri(w, params, link->user, link->is_private && !params->is_to_trusted);
	if (link->cause) {
		sip_put_lit(w, ";cause=");
		sip_put_u64(w, link->cause);
	}
	if (link->is_private)
		sip_put_lit(w, "?Privacy=history");
	sip_put_lit(w, ">;index=");
	put_index(w, link->depth);
	if (link->cause) {
		sip_put_lit(w, ";mp=");
		put_index(w, link->depth - 1);
	}
	sip_put_lit(w, "\r\n");
}

static void put_history(struct sip_writer *w, const struct divert *divert,
	const struct hide_params *params, struct span target)
{
	struct link link = { 0 };

	for (uint32_t i = 0; i < divert->count; i++) {
		link.user = span_str(divert->entries[i].user);
		link.is_private = divert->entries[i].is_private;
		put_link(w, params, &link);
		link.cause = divert->entries[i].cause;
		link.depth++;
	}
	link.user = target;
	link.is_private = false;
	put_link(w, params, &link);
}

void divert_put(struct sip_writer *w, const struct divert *divert,
	const struct hide_params *params, struct span target)
{
	enum profile_diversion wish = params->to->headers.diversion;

	if (!divert || divert->count == 0)
		return;
	if (wish == PROFILE_DIVERSION_HEADER || wish == PROFILE_DIVERSION_BOTH)
		put_diversions(w, divert, params);
	if (wish == PROFILE_DIVERSION_HISTORY || wish == PROFILE_DIVERSION_BOTH)
		put_history(w, divert, params, target);
}

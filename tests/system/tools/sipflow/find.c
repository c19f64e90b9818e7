#include "flow.h"

#include <ctype.h>
#include <stdio.h>

// "RUN.NUMBER.PARTY", as our branches and tags have it.
static struct flow *by_name(struct stage *stage, const char *name, int *party)
{
	size_t len = strlen(stage->world.run);
	char *end;

	if (strncmp(name, stage->world.run, len) || name[len] != '.')
		return NULL;
	unsigned long number = strtoul(name + len + 1, &end, 10);
	if (number >= stage->count || *end != '.')
		return NULL;
	struct flow *flow = &stage->flows[number];
	const char *who = end + 1;
	for (uint32_t i = 0; i < flow->script->party_count; i++) {
		const char *known = flow->script->parties[i];
		size_t known_len = strlen(known);
		if (!strncmp(who, known, known_len) && (!who[known_len] || who[known_len] == '.')) {
			*party = (int)i;
			return flow;
		}
	}
	return NULL;
}

// The digits at the end of the user that was called.
static struct flow *by_user(struct stage *stage, const char *text)
{
	const char *at = strchr(text, '@'), *line = strpbrk(text, "\r\n"), *digits = at;

	if (!at || at > line)
		return NULL;
	while (digits > text && isdigit((unsigned char)digits[-1]))
		digits--;
	unsigned long number = strtoul(digits, NULL, 10);
	return digits < at && number < stage->count ? &stage->flows[number] : NULL;
}

static struct flow *of_new_request(struct stage *stage, const struct wire_message *message,
	int *party)
{
	struct flow *flow = by_user(stage, message->text);
	char branch[128];

	*party = -1;
	if (!flow || strncmp(message->text, "CANCEL ", 7) ||
		!party_branch(message->text, branch, sizeof(branch)))
		return flow;
	for (uint32_t i = 0; i < flow->script->party_count; i++) {
		const struct party *known = &flow->parties[i];
		if (*party < 0 && known->side == message->side && party_has_invite(known, branch))
			*party = (int)i;
	}
	return *party < 0 ? NULL : flow;
}

struct flow *find_flow(struct stage *stage, const struct wire_message *message, int *party)
{
	static const char cookie[] = "z9hG4bK";
	char branch[128], to[256] = "", tag[128];

	if (sip_text_status(message->text))
		return party_branch(message->text, branch, sizeof(branch)) &&
			!strncmp(branch, cookie, strlen(cookie)) ?
			by_name(stage, branch + strlen(cookie), party) : NULL;
	sip_text_header(message->text, "To", to, sizeof(to));
	party_tag(to, tag, sizeof(tag));
	return tag[0] ? by_name(stage, tag, party) : of_new_request(stage, message, party);
}

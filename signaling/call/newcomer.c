#include "call/newcomer.h"

#include "call/trunk.h"
#include "sip/chars.h"

#define METHOD SPAN_LIT("INVITE ")

// RFC 3966 5.1.1: what people write between digits.
static bool is_separator(char c)
{
	return c == '-' || c == '.' || c == '(' || c == ')';
}

// Whether `user` is `number`, separators aside.
static bool is_number(struct span user, struct span number)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < user.len; i++) {
		if (is_separator(user.ptr[i]) && (at == number.len ||
			user.ptr[i] != number.ptr[at]))
			continue;
		if (at == number.len || user.ptr[i] != number.ptr[at++])
			return false;
	}
	return at == number.len;
}

// The user part, or the number of a "tel:"; empty when there is none. False: no URI for people.
static bool user_of(struct span uri, struct span *out)
{
	bool is_phone = span_istarts(uri, SPAN_LIT("tel:"));
	uint32_t scheme = is_phone || span_istarts(uri, SPAN_LIT("sip:")) ? 4 :
		span_istarts(uri, SPAN_LIT("sips:")) ? 5 : 0;
	struct span rest = span_from(uri, scheme);
	int32_t at = is_phone ? (int32_t)rest.len : span_find(rest, '@', 0);
	uint32_t len = at > 0 ? (uint32_t)at : 0;

	for (uint32_t i = 0; i < len; i++)
		if (rest.ptr[i] == ';' || rest.ptr[i] == ':')
			len = i;
	*out = span_sub(rest, 0, len);
	return scheme > 0;
}

static bool is_plain_target(const struct config_realm *realm, struct span line)
{
	int32_t space = span_find(line, ' ', 0);
	struct span user;

	if (!user_of(span_sub(line, 0, space > 0 ? (uint32_t)space : 0), &user))
		return false;
	if (realm->emergency_count && span_find(user, '%', 0) >= 0)
		return false; // an escape may hide any character
	for (uint32_t i = 0; i < realm->emergency_count; i++)
		if (is_number(user, span_str(realm->emergency[i])))
			return false;
	return true;
}

static bool is_header(struct span line, struct span name)
{
	uint32_t i = name.len;

	if (!span_istarts(line, name))
		return false;
	while (i < line.len && (line.ptr[i] == ' ' || line.ptr[i] == '\t'))
		i++;
	return i < line.len && line.ptr[i] == ':';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// A parameter, wherever it stands: in a display name it is a doubt like any other.
static bool has_tag(struct span value)
{
	for (uint32_t i = 0; i < value.len; i++) {
		if (value.ptr[i] != ';')
			continue;
		while (i + 1 < value.len && is_blank(value.ptr[i + 1]))
			i++;
		if (span_istarts(span_from(value, i + 1), SPAN_LIT("tag")))
			return true;
	}
	return false;
}

// From the first byte of a line up to the next one that begins a header: RFC 3261 7.3.1 folding.
static struct span take_line(struct span *rest)
{
	struct span whole = *rest;
	uint32_t at = 0;

	do {
		const char *eol = memchr(whole.ptr + at, '\n', whole.len - at);
		at = eol ? (uint32_t)(eol - whole.ptr) + 1 : whole.len;
	} while (at < whole.len && (whole.ptr[at] == ' ' || whole.ptr[at] == '\t'));
	*rest = span_from(whole, at);
	return span_sub(whole, 0, at);
}

bool newcomer_is(const struct config *config, const struct sip_hop *from, struct span message)
{
	bool has_to = false;

	if (!span_starts(message, METHOD) || from->listener >> 8 >= config->realm_count)
		return false;
	const struct config_realm *realm = &config->realms[from->listener >> 8];
	struct span rest = message;
	struct span line = take_line(&rest);
	if (!is_plain_target(realm, span_from(line, METHOD.len)))
		return false;
	while (rest.len && rest.ptr[0] != '\r' && rest.ptr[0] != '\n') {
		line = take_line(&rest);
		if ((line.ptr[0] | 0x20) == 't' &&
			(is_header(line, SPAN_LIT("To")) || is_header(line, SPAN_LIT("t")))) {
			if (has_tag(line))
				return false;
			has_to = true;
		} else if (realm->is_trusted && is_header(line, SPAN_LIT("Resource-Priority"))) {
			return false;
		}
	}
	return has_to && trunk_find(config, from) >= 0;
}

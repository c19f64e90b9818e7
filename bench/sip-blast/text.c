#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool text_is(struct text text, const char *word)
{
	return text.len == strlen(word) && strncasecmp(text.at, word, text.len) == 0;
}

struct text text_uri(struct text value)
{
	const char *open = memchr(value.at, '<', value.len);

	if (open) {
		uint32_t rest = value.len - (uint32_t)(open + 1 - value.at);
		const char *close = memchr(open + 1, '>', rest);
		if (close)
			return (struct text){ open + 1, (uint32_t)(close - open - 1) };
	}
	const char *semicolon = memchr(value.at, ';', value.len);
	if (semicolon)
		value.len = (uint32_t)(semicolon - value.at);
	return value;
}

bool text_has_tag(struct text value)
{
	return memmem(value.at, value.len, ";tag=", 5) != NULL;
}

static void take_header(struct blast_message *m, struct text name, struct text value)
{
	if (text_is(name, "Via") || text_is(name, "v")) {
		if (m->via_count < BLAST_VIAS_MAX)
			m->vias[m->via_count++] = value;
	} else if (text_is(name, "Record-Route")) {
		if (m->route_count < BLAST_ROUTES_MAX)
			m->routes[m->route_count++] = value;
	} else if (text_is(name, "From") || text_is(name, "f")) {
		m->from = value;
	} else if (text_is(name, "To") || text_is(name, "t")) {
		m->to = value;
	} else if (text_is(name, "Call-ID") || text_is(name, "i")) {
		m->call_id = value;
	} else if (text_is(name, "Contact") || text_is(name, "m")) {
		m->contact = value;
	} else if (text_is(name, "Retry-After")) {
		m->has_retry_after = true;
	} else if (text_is(name, "CSeq")) {
		const char *space = memchr(value.at, ' ', value.len);
		m->cseq = (uint32_t)strtoul(value.at, NULL, 10);
		if (space && !m->is_request)
			m->method = (struct text){ space + 1,
				value.len - (uint32_t)(space + 1 - value.at) };
	}
}

static bool take_start_line(struct blast_message *m, struct text line)
{
	const char *space = memchr(line.at, ' ', line.len);

	if (!space)
		return false;
	if (line.len > 12 && memcmp(line.at, "SIP/2.0 ", 8) == 0) {
		m->status = (uint32_t)strtoul(line.at + 8, NULL, 10);
		return m->status >= 100 && m->status < 700;
	}
	m->is_request = true;
	m->method = (struct text){ line.at, (uint32_t)(space - line.at) };
	return true;
}

bool blast_parse(const char *data, uint32_t len, struct blast_message *out)
{
	const char *at = data, *end = data + len;
	bool is_first = true;

	memset(out, 0, sizeof(*out));
	while (at < end) {
		const char *eol = memmem(at, (size_t)(end - at), "\r\n", 2);
		if (!eol)
			return false;
		struct text line = { at, (uint32_t)(eol - at) };
		at = eol + 2;
		if (line.len == 0)
			return !is_first && out->via_count && out->call_id.len && out->to.len;
		if (is_first && !take_start_line(out, line))
			return false;
		const char *colon = is_first ? NULL : memchr(line.at, ':', line.len);
		is_first = false;
		if (!colon)
			continue;
		struct text name = { line.at, (uint32_t)(colon - line.at) };
		struct text value = { colon + 1, (uint32_t)(eol - colon - 1) };
		while (value.len && *value.at == ' ')
			value = (struct text){ value.at + 1, value.len - 1 };
		take_header(out, name, value);
	}
	return false;
}

void blast_put(struct blast_writer *w, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int len = vsnprintf(w->at + w->len, w->max - w->len, format, args);
	va_end(args);
	if (len < 0 || (uint32_t)len >= w->max - w->len)
		w->is_overflowed = true;
	else
		w->len += (uint32_t)len;
}

void blast_put_line(struct blast_writer *w, const char *name, struct text value)
{
	uint32_t name_len = (uint32_t)strlen(name);

	if (w->max - w->len < name_len + value.len + 5) {
		w->is_overflowed = true;
		return;
	}
	memcpy(w->at + w->len, name, name_len);
	memcpy(w->at + w->len + name_len, ": ", 2);
	memcpy(w->at + w->len + name_len + 2, value.at, value.len);
	memcpy(w->at + w->len + name_len + 2 + value.len, "\r\n", 2);
	w->len += name_len + value.len + 4;
}

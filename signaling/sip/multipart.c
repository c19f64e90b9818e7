// multipart.c - RFC 2046 5.1: delimiter lines, part headers, and back.
#include "sip/multipart.h"

#include "base/utf8.h"
#include "sip/text.h"

#include <errno.h>

#define BOUNDARY_MAX   70u // bytes, RFC 2046 5.1.1
#define OWN_PREFIX     "--muga-"
#define OWN_LINE_LEN   (sizeof(OWN_PREFIX) - 1 + 16) // "--muga-" and 16 hexadecimal digits
#define PART_HEADS_MAX 16u // header lines of one part

bool multipart_is(struct span content_type)
{
	return span_istarts(content_type, SPAN_LIT("multipart/"));
}

struct span multipart_type(struct span content_type)
{
	int32_t end = span_find(content_type, ';', 0);

	if (end >= 0)
		content_type.len = (uint32_t)end;
	return span_trim(content_type);
}

// Value of a parameter behind the first ';', without quotes. Empty: there is none.
static struct span find_param(struct span text, struct span name)
{
	const struct text t = text_of(text);
	int32_t at = span_find(text, ';', 0);

	while (at >= 0) {
		const char *p = text_lws(t, text.ptr + at + 1), *end = text_run(t, p, CHAR_TOKEN);
		struct span found = span_between(p, end);

		p = text_lws(t, end);
		if (p == t.end || *p != '=') {
			at = span_find(text, ';', (uint32_t)(end - text.ptr));
			continue;
		}
		p = text_lws(t, p + 1);
		if (p < t.end && *p == '"') {
			end = text_quoted(t, p);
			if (!end)
				return SPAN_NONE;
			if (span_ieq(found, name))
				return span_between(p + 1, end - 1);
		} else {
			end = text_find(t, p, ';');
			if (span_ieq(found, name))
				return span_trim(span_between(p, end));
		}
		at = span_find(text, ';', (uint32_t)(end - text.ptr));
	}
	return SPAN_NONE;
}

bool multipart_is_optional(struct span disposition)
{
	return span_ieq(find_param(disposition, SPAN_LIT("handling")), SPAN_LIT("optional"));
}

enum delimiter { DELIMITER_NONE, DELIMITER_PART, DELIMITER_END };

static enum delimiter delimiter_of(struct span line, struct span boundary)
{
	uint32_t end = boundary.len + 2;
	enum delimiter found = DELIMITER_PART;

	if (line.len < end || line.ptr[0] != '-' || line.ptr[1] != '-' ||
		memcmp(line.ptr + 2, boundary.ptr, boundary.len) != 0)
		return DELIMITER_NONE;
	line = span_from(line, end);
	if (line.len >= 2 && line.ptr[0] == '-' && line.ptr[1] == '-') {
		found = DELIMITER_END;
		line = span_from(line, 2);
	}
	// Transport padding (RFC 2046 5.1.1); anything else is a longer boundary: not ours.
	return span_trim(line).len == 0 ? found : DELIMITER_NONE;
}

// Everything before the next delimiter line; `rest` goes behind that line.
static enum delimiter cut_part(struct span *rest, struct span boundary, struct span *part)
{
	struct span text = *rest;
	uint32_t at = 0;

	while (at < text.len) {
		int32_t newline = span_find(text, '\n', at);
		uint32_t next = newline < 0 ? text.len : (uint32_t)newline + 1;
		enum delimiter found = delimiter_of(span_sub(text, at, next - at), boundary);

		if (found != DELIMITER_NONE) {
			// The line break in front belongs to the delimiter.
			uint32_t len = at;
			len -= len && text.ptr[len - 1] == '\n';
			len -= len && len < at && text.ptr[len - 1] == '\r';
			*part = span_sub(text, 0, len);
			*rest = span_from(text, next);
			return found;
		}
		at = next;
	}
	return DELIMITER_NONE;
}

// One header field with its folded lines. False: the empty line was reached, or the text ended.
static bool cut_field(struct span *rest, struct span *field)
{
	struct span text = *rest;
	uint32_t at = 0;

	do {
		int32_t newline = span_find(text, '\n', at);
		at = newline < 0 ? text.len : (uint32_t)newline + 1;
	} while (at < text.len && (text.ptr[at] == ' ' || text.ptr[at] == '\t') &&
		span_trim(span_sub(text, 0, at)).len);
	*field = span_trim(span_sub(text, 0, at));
	*rest = span_from(text, at);
	return field->len > 0;
}

static int take_field(struct span field, struct body_part *part)
{
	int32_t colon = span_find(field, ':', 0);
	struct span name, value;

	// It may become a header line of ours: what is asked of those is asked of it.
	if (colon <= 0 || memchr(field.ptr, '\0', field.len) || !utf8_is_valid(field))
		return -EINVAL;
	name = span_trim(span_sub(field, 0, (uint32_t)colon));
	value = span_trim(span_from(field, (uint32_t)colon + 1));
	if (span_ieq(name, SPAN_LIT("Content-Type")) || span_ieq(name, SPAN_LIT("c")))
		part->content_type = value;
	else if (span_ieq(name, SPAN_LIT("Content-Disposition")))
		part->disposition = value;
	else if (span_ieq(name, SPAN_LIT("Content-ID")))
		part->id = value;
	else if (span_ieq(name, SPAN_LIT("Content-Transfer-Encoding")))
		part->encoding = value;
	else if (span_ieq(name, SPAN_LIT("Content-Encoding")))
		part->is_coded = !span_ieq(value, SPAN_LIT("identity"));
	return 0;
}

static int parse_part(struct span text, struct body_part *part)
{
	struct span field;
	uint32_t count = 0;

	*part = (struct body_part){ .content_type = SPAN_LIT("text/plain") };
	while (cut_field(&text, &field)) {
		if (count++ == PART_HEADS_MAX || take_field(field, part) < 0)
			return -EINVAL;
	}
	part->type = multipart_type(part->content_type);
	part->is_optional = multipart_is_optional(part->disposition);
	part->data = text;
	return part->type.len ? 0 : -EINVAL;
}

// One open multipart of parse(): a stack in place of recursion.
struct level {
	struct span boundary;
	struct span rest;
	uint32_t depth;    // 1 = outermost
	uint8_t choice;    // of its leaves
	bool is_optional;  // handling of the whole
};

static int open_level(struct level *level, struct body_parts *out, const struct body_part *whole,
	const struct level *outer)
{
	struct span preamble;

	*level = (struct level){ .rest = whole->data,
		.boundary = find_param(whole->content_type, SPAN_LIT("boundary")),
		.depth = outer ? outer->depth + 1 : 1,
		.choice = outer ? outer->choice : 0,
		.is_optional = whole->is_optional || (outer && outer->is_optional) };
	if (level->depth > MULTIPART_DEPTH_MAX)
		return -E2BIG;
	if (level->boundary.len == 0 || level->boundary.len > BOUNDARY_MAX)
		return -EINVAL;
	if (!level->choice && span_ieq(whole->type, SPAN_LIT("multipart/alternative")))
		level->choice = (uint8_t)++out->choices;
	return cut_part(&level->rest, level->boundary, &preamble) == DELIMITER_PART ? 0 : -EINVAL;
}

int multipart_parse(struct span content_type, struct span body, struct body_parts *out)
{
	struct level levels[MULTIPART_DEPTH_MAX + 1];
	struct body_part whole = { .type = multipart_type(content_type),
		.content_type = content_type, .data = body };
	uint32_t open = 1;

	out->count = 0;
	out->choices = 0;
	int err = open_level(&levels[0], out, &whole, NULL);
	while (!err && open > 0) {
		struct level *level = &levels[open - 1];
		struct span text;
		enum delimiter end = cut_part(&level->rest, level->boundary, &text);
		struct body_part part;

		// Its end delimiter ends a level; whatever follows is an epilogue.
		if (end == DELIMITER_NONE || parse_part(text, &part) < 0)
			return -EINVAL;
		struct level outer = *level;
		open -= end == DELIMITER_END;
		if (multipart_is(part.type)) {
			// No deeper than its depth, since no more levels are open than that.
			err = open_level(&levels[open++], out, &part, &outer);
			continue;
		}
		if (out->count == MULTIPART_PARTS_MAX)
			return -E2BIG;
		part.choice = level->choice;
		part.is_optional |= level->is_optional;
		out->part[out->count++] = part;
	}
	return err;
}

// Building ----------

static void put_own_delimiter(struct sip_writer *w, uint64_t nonce)
{
	sip_put_lit(w, OWN_PREFIX);
	for (int shift = 60; shift >= 0; shift -= 4)
		sip_put_char(w, "0123456789abcdef"[nonce >> shift & 15]);
}

bool multipart_has_boundary(struct span data, uint64_t nonce)
{
	char text[OWN_LINE_LEN];
	struct sip_writer w;

	sip_writer_init(&w, text, sizeof(text));
	put_own_delimiter(&w, nonce);
	for (int32_t at = span_find(data, '-', 0); at >= 0;
		at = span_find(data, '-', (uint32_t)at + 1))
		if (span_starts(span_from(data, (uint32_t)at), sip_writer_text(&w)))
			return true;
	return false;
}

static void put_field(struct sip_writer *w, struct span name, struct span value)
{
	if (value.len)
		sip_put_header_named(w, name, value);
}

void multipart_put_part(struct sip_writer *w, uint64_t nonce, const struct body_part *part)
{
	put_own_delimiter(w, nonce);
	sip_put_lit(w, "\r\n");
	put_field(w, SPAN_LIT("Content-Type"), part->content_type);
	put_field(w, SPAN_LIT("Content-Disposition"), part->disposition);
	put_field(w, SPAN_LIT("Content-ID"), part->id);
	put_field(w, SPAN_LIT("Content-Transfer-Encoding"), part->encoding);
	sip_put_lit(w, "\r\n");
	sip_put(w, part->data);
	sip_put_lit(w, "\r\n");
}

// One part alone needs no multipart: its fields become those of the message.
static bool put_single(struct sip_writer *w, struct span parts)
{
	struct span boundary = span_sub(parts, 2, OWN_LINE_LEN - 2);
	struct span rest = parts, text, field;
	struct body_part part;

	cut_part(&rest, boundary, &text);
	if (cut_part(&rest, boundary, &text) != DELIMITER_NONE || parse_part(rest, &part) < 0)
		return false;
	rest.len -= 2; // the line break of the delimiter that would follow
	while (cut_field(&rest, &field)) {
		sip_put(w, field);
		sip_put_lit(w, "\r\n");
	}
	sip_put_header_u32(w, SIP_HEADER_CONTENT_LENGTH, rest.len);
	sip_put_lit(w, "\r\n");
	sip_put(w, rest);
	return true;
}

#define OWN_PART_HEAD "\r\nContent-Type: "

void multipart_put_content(struct sip_writer *w, const struct sip_body *body)
{
	struct span delimiter = span_sub(body->parts, 0, OWN_LINE_LEN);
	uint32_t len = body->parts.len + delimiter.len + 4; // "--" CR LF behind the end delimiter

	if (body->parts.len == 0) {
		sip_put_body(w, body->data.len ? body->type : SPAN_NONE, body->data);
		return;
	}
	if (body->data.len == 0 && put_single(w, body->parts))
		return;
	if (body->data.len)
		len += delimiter.len + (uint32_t)sizeof(OWN_PART_HEAD) - 1 + body->type.len + 4 +
			body->data.len + 2;
	sip_put_lit(w, "Content-Type: multipart/mixed;boundary=");
	sip_put(w, span_from(delimiter, 2));
	sip_put_lit(w, "\r\n");
	sip_put_header_u32(w, SIP_HEADER_CONTENT_LENGTH, len);
	sip_put_lit(w, "\r\n");
	if (body->data.len) {
		sip_put(w, delimiter);
		sip_put_lit(w, OWN_PART_HEAD);
		sip_put(w, body->type);
		sip_put_lit(w, "\r\n\r\n");
		sip_put(w, body->data);
		sip_put_lit(w, "\r\n");
	}
	sip_put(w, body->parts);
	sip_put(w, delimiter);
	sip_put_lit(w, "--\r\n");
}

// parse.c - the one pass over a message: lines, then the checks across headers.

#include "sip/parse_private.h"

#include "base/utf8.h"
#include "sip/header_name.h"
#include "sip/special.h"

#include <stddef.h>

static const bool header_is_single[SIP_HEADER_COUNT] = {
#define S                                1
#define HEADER(id, name, compact, flags) [SIP_HEADER_##id] = (flags),
#include "sip/header.def"
#undef HEADER
#undef S
};

COLD void sip_fault_note(
	struct scan *sc, enum sip_fault_kind kind, const char *at, const char *reason)
{
	struct sip_fault *fault = sc->fault;
	if (fault->kind != SIP_FAULT_NONE)
		return;
	fault->kind = kind;
	fault->status = 400;
	fault->offset = (uint32_t)(at - sc->s.ptr);
	fault->reason = reason;
	if (kind == SIP_FAULT_VERSION)
		fault->status = 505;
	else if (kind == SIP_FAULT_SCHEME)
		fault->status = 416;
	else if (kind == SIP_FAULT_TOO_LARGE)
		fault->status = 513;
	else if (kind == SIP_FAULT_KEEPALIVE || kind == SIP_FAULT_NOT_SIP)
		fault->status = 0;
}

static COLD void header_fault_note(struct scan *sc, enum sip_fault_kind kind,
	const struct sip_header *header, const char *reason)
{
	if (sc->fault->kind == SIP_FAULT_NONE)
		sc->fault->header = header->id;
	sip_fault_note(sc, kind, header->name.ptr, reason);
}

// Where the next line begins, and the special bytes from there on. Nothing but copies of it are
// given to functions out of line, so that it lives in registers.
struct cursor {
	const char *p;
	struct special_scan special;
};

static inline bool is_blank(char c)
{
	return (unsigned char)c <= ' ' && (c == ' ' || c == '\t');
}

static inline bool is_crlf(struct text t, const char *p)
{
	uint16_t pair;
	if (t.end - p < (int)sizeof(pair))
		return false;
	memcpy(&pair, p, sizeof(pair));
	return pair == ('\r' | '\n' << 8);
}

// The end of a line of which `p` is the next special byte, and not CR LF.
static COLD const char *odd_line_end(struct scan *sc, struct cursor *at, const char *p)
{
	struct text t = text_of(sc->s);
	for (; p < t.end; p = special_next(&at->special)) {
		if (is_crlf(t, p)) {
			special_skip(&at->special); // the LF
			at->p = p + 2;
			return p;
		}
		if (*p & 0x80) {
			sc->has_non_ascii = true;
		} else if (*p == '\n') {
			sip_fault_note(
				sc, SIP_FAULT_HEADER, p, "Line Feed without Carriage Return");
			at->p = p + 1;
			return p;
		} else if (*p != '\t' && (p == sc->s.ptr || p[-1] != '\\')) {
			// Only a quoted-pair may hold one (RFC 4475 3.1.1.2).
			sip_fault_note(sc, SIP_FAULT_HEADER, p, "Control Character in Header");
		}
	}
	at->p = t.end;
	return NULL;
}

// The line end at or behind at->p, which is set behind it. NULL: there is none.
static inline const char *line_end(struct scan *sc, struct text t, struct cursor *at)
{
	const char *p = special_next(&at->special);
	if (is_crlf(t, p)) {
		special_skip(&at->special); // the LF
		at->p = p + 2;
		return p;
	}
	struct cursor copy = *at;
	p = odd_line_end(sc, &copy, p);
	*at = copy;
	return p;
}

// Where a line is divided.
struct line {
	const char *colon; // NULL: no header, there is no name or no colon
	uint32_t name_len;
	uint8_t id;
};

static COLD struct line odd_line_name(struct text t, const char *p)
{
	const char *end = text_run(t, p, CHAR_TOKEN), *colon = end;
	struct span name = span_between(p, end);
	while (colon < t.end && is_blank(*colon))
		colon++;
	bool is_header = end > p && colon < t.end && *colon == ':';
	return (struct line){ .colon = is_header ? colon : NULL,
		.name_len = name.len,
		.id = (uint8_t)sip_header_lookup(name) };
}

// The name of the line at `p`. A known name right before the first colon is one without a look at
// its bytes: that it equals a known one says that it is a token.
static inline struct line line_name(struct text t, const char *p)
{
	uint32_t len = 0;
	uint8_t id = (uint8_t)header_name_glance(t, p, &len);
	if (id == SIP_HEADER_OTHER)
		return odd_line_name(t, p);
	return (struct line){ .colon = p + len, .name_len = len, .id = id };
}

// Adds the line that begins at `p` and ends with t.end to the message, which has room for it.
static inline void header_add(struct scan *sc, struct text t, const char *p, struct line line)
{
	struct sip_msg *msg = sc->msg;
	const char *value = line.colon + 1;
	value = text_lws(t, value + (*value == ' ' && value < t.end));
	t.end = text_trim_end(t, value);
	uint32_t index = msg->header_count++;
	struct sip_header *header = &msg->header[index];
	header->name = span_make(p, line.name_len);
	header->value = span_between(value, t.end);
	header->id = line.id;
	header->next = SIP_HEADER_NONE;
	bool is_first = msg->first[line.id] == SIP_HEADER_NONE;
	if (is_first)
		msg->first[line.id] = (uint8_t)index;
	else
		msg->header[msg->last[line.id]].next = (uint8_t)index;
	msg->last[line.id] = (uint8_t)index;
	if (!is_first && header_is_single[line.id])
		header_fault_note(sc, SIP_FAULT_DUPLICATE, header, "Duplicate Header");
	else if (sip_header_value_read(msg, line.id, t, value))
		header_fault_note(sc, SIP_FAULT_VALUE, header, sip_header_value_reason(line.id));
}

// Reads "name: value" lines with their continuation lines up to the empty one. Returns the body.
static NOINLINE const char *headers_read(struct scan *sc, struct text t, struct cursor at)
{
	while (!is_crlf(t, at.p)) {
		const char *start = at.p, *end;
		struct line line = line_name(t, start);
		do {
			end = line_end(sc, t, &at);
		} while (at.p < t.end && is_blank(*at.p));
		if (!end) {
			sip_fault_note(sc, SIP_FAULT_TRUNCATED, t.end, "No End of Headers");
			return t.end;
		}
		if (!line.colon)
			sip_fault_note(sc, SIP_FAULT_HEADER, start, "Malformed Header Line");
		else if (sc->msg->header_count == SIP_HEADERS_MAX)
			sip_fault_note(sc, SIP_FAULT_TOO_LARGE, at.p, "Too Many Headers");
		else
			header_add(sc, text_until(t, end), start, line);
	}
	return at.p + 2;
}

static void mandatory_check(struct scan *sc)
{
	static const struct {
		enum sip_header_id id;
		const char *reason;
	} needed[] = {
		{ SIP_HEADER_VIA, "Missing Via" },
		{ SIP_HEADER_FROM, "Missing From" },
		{ SIP_HEADER_TO, "Missing To" },
		{ SIP_HEADER_CALL_ID, "Missing Call-ID" },
		{ SIP_HEADER_CSEQ, "Missing CSeq" },
	};
	struct sip_msg *msg = sc->msg;
	sc->fault->can_answer = msg->is_request && msg->via.text.len != 0;
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (msg->first[needed[i].id] != SIP_HEADER_NONE)
			continue;
		sip_fault_note(sc, SIP_FAULT_MISSING, sc->s.ptr + sc->body, needed[i].reason);
	}
}

static void cseq_check(struct scan *sc)
{
	struct sip_msg *msg = sc->msg;
	if (!msg->is_request) {
		msg->method = msg->cseq.method;
		msg->method_text = msg->cseq.method_text;
	} else if (msg->cseq.method_text.len && !span_eq(msg->method_text, msg->cseq.method_text)) {
		sip_fault_note(sc, SIP_FAULT_CSEQ_METHOD, sc->s.ptr, "CSeq Method Mismatch");
	}
}

static void body_check(struct scan *sc)
{
	struct sip_msg *msg = sc->msg;
	struct span body = span_from(sc->s, sc->body);
	if (msg->content_length > 0 && (uint32_t)msg->content_length > body.len)
		sip_fault_note(sc, SIP_FAULT_LENGTH, body.ptr, "Content-Length Beyond Message");
	else if (msg->content_length >= 0)
		body.len = (uint32_t)msg->content_length;
	msg->body = body;
	msg->raw = span_make(sc->s.ptr, sc->body + body.len);
}

static void msg_clear(struct sip_msg *msg)
{
	memset(msg, 0, offsetof(struct sip_msg, first));
	memset(msg->first, SIP_HEADER_NONE, sizeof(msg->first));
	msg->max_forwards = -1;
	msg->expires = -1;
	msg->content_length = -1;
}

// The first line of all, behind leading CR LF, and where to go on. NULL: there is none.
static const char *start_line_take(struct scan *sc, struct text t, struct cursor *at)
{
	const char *p = sc->s.ptr, *end = NULL;
	while (p < t.end && (*p == '\r' || *p == '\n'))
		p++;
	if (p < t.end) {
		special_init(&at->special, p, t.end);
		end = line_end(sc, t, at);
	}
	if (end) {
		sip_start_line_read(sc, text_until(t, end), p);
		return p;
	}
	sip_fault_note(
		sc, p == t.end ? SIP_FAULT_KEEPALIVE : SIP_FAULT_NOT_SIP, p, "No Start Line");
	sc->fault->status = 0;
	return NULL;
}

int sip_parse(struct span data, struct sip_msg *msg, struct sip_fault *fault)
{
	struct scan sc = { .s = data, .msg = msg, .fault = fault };
	struct cursor at = { 0 };
	*fault = (struct sip_fault){ 0 };
	msg_clear(msg);
	msg->raw = data;
	if (data.len > SIP_MESSAGE_MAX) {
		sip_fault_note(&sc, SIP_FAULT_TOO_LARGE, data.ptr, "Message Too Large");
		return -EINVAL;
	}
	struct text t = text_of(data);
	const char *start = start_line_take(&sc, t, &at);
	if (!start || fault->kind == SIP_FAULT_NOT_SIP)
		return -EINVAL;
	sc.body = (uint32_t)(headers_read(&sc, t, at) - data.ptr);
	if (sc.has_non_ascii && !utf8_is_valid(span_make(data.ptr, sc.body)))
		sip_fault_note(&sc, SIP_FAULT_HEADER, start, "Invalid UTF-8 in Header");
	mandatory_check(&sc);
	cseq_check(&sc);
	body_check(&sc);
	if (fault->kind == SIP_FAULT_NONE)
		return 0;
	if (!msg->is_request || msg->method == SIP_METHOD_ACK)
		fault->status = 0;
	return -EINVAL;
}

// parse.c - the one pass over a message: start line, header lines, then the checks across headers.

#include "sip/parse.h"

#include "base/utf8.h"
#include "sip/chars.h"

#include <errno.h>
#include <stddef.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

// State of one sip_parse().
struct scan {
	struct span s;
	uint32_t pos;      // next byte to look at
	bool has_non_ascii; // so far, in the header part
	struct sip_msg *msg;
	struct sip_fault *fault;
};

static const bool header_is_single[SIP_HEADER_COUNT] = {
#define S                                1
#define HEADER(id, name, compact, flags) [SIP_HEADER_##id] = (flags),
#include "sip/header.def"
#undef HEADER
#undef S
};

// The first fault is the one reported; scanning goes on to find what an answer needs.
static void fault_note(
	struct scan *sc, enum sip_fault_kind kind, uint32_t offset, const char *reason)
{
	struct sip_fault *fault = sc->fault;
	if (fault->kind != SIP_FAULT_NONE)
		return;
	fault->kind = kind;
	fault->status = 400;
	fault->offset = offset;
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

static void fault_note_header(struct scan *sc, enum sip_fault_kind kind,
	const struct sip_header *header, const char *reason)
{
	if (sc->fault->kind == SIP_FAULT_NONE)
		sc->fault->header = header->id;
	fault_note(sc, kind, (uint32_t)(header->name.ptr - sc->s.ptr), reason);
}

// First byte at or after `i` that is no printable ASCII: a control character or above 127.
static uint32_t special_find(struct span s, uint32_t i)
{
#ifdef __SSE2__
	const __m128i limit = _mm_set1_epi8(0x20);
	for (; i + 16 <= s.len; i += 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(s.ptr + i));
		// Signed comparison: bytes above 127 are negative and found too.
		unsigned mask = (unsigned)_mm_movemask_epi8(_mm_cmplt_epi8(bytes, limit));
		if (mask)
			return i + (uint32_t)__builtin_ctz(mask);
	}
#endif
	while (i < s.len && (unsigned char)(s.ptr[i] - 0x20) < 0x60)
		i++;
	return i;
}

// Index of the line end at or after sc->pos; sc->pos is set behind it. UINT32_MAX: there is none.
static uint32_t line_end(struct scan *sc)
{
	struct span s = sc->s;
	uint32_t i = sc->pos;
	for (;;) {
		i = special_find(s, i);
		if (i >= s.len) {
			sc->pos = s.len;
			return UINT32_MAX;
		}
		if (s.ptr[i] == '\r' && i + 1 < s.len && s.ptr[i + 1] == '\n') {
			sc->pos = i + 2;
			return i;
		}
		if (s.ptr[i] & 0x80) {
			sc->has_non_ascii = true;
		} else if (s.ptr[i] == '\n') {
			fault_note(sc, SIP_FAULT_HEADER, i, "Line Feed without Carriage Return");
			sc->pos = i + 1;
			return i;
		} else if (s.ptr[i] != '\t' && (i == 0 || s.ptr[i - 1] != '\\')) {
			// Only a quoted-pair may hold one (RFC 4475 3.1.1.2).
			fault_note(sc, SIP_FAULT_HEADER, i, "Control Character in Header");
		}
		i++;
	}
}

// 1: "SIP/2.0", 0: SIP of another version, -1: no SIP-Version.
static int version_check(struct span text)
{
	if (span_eq(text, SPAN_LIT("SIP/2.0")) || span_ieq(text, SPAN_LIT("SIP/2.0")))
		return 1;
	if (!span_istarts(text, SPAN_LIT("SIP/")))
		return -1;
	struct span rest = span_from(text, 4);
	uint32_t i = run_skip(rest, 0, CHAR_DIGIT, false);
	if (i == 0 || i >= rest.len || rest.ptr[i] != '.')
		return -1;
	uint32_t k = run_skip(rest, i + 1, CHAR_DIGIT, false);
	return k > i + 1 && k == rest.len ? 0 : -1;
}

static void status_line_parse(struct scan *sc, struct span line, uint32_t offset)
{
	struct sip_msg *msg = sc->msg;
	int32_t space = span_find(line, ' ', 0);
	msg->is_request = false;
	if (space < 0 || version_check(span_make(line.ptr, (uint32_t)space)) != 1) {
		fault_note(sc, SIP_FAULT_VERSION, offset, "Version Not Supported");
		return;
	}
	struct span rest = span_from(line, (uint32_t)space + 1);
	uint32_t status;
	if (rest.len < 3 || (rest.len > 3 && rest.ptr[3] != ' ') ||
		span_parse_u32(span_make(rest.ptr, 3), 699, &status) || status < 100) {
		fault_note(sc, SIP_FAULT_START_LINE, offset, "Malformed Status-Line");
		return;
	}
	msg->status = (uint16_t)status;
	msg->reason = rest.len > 4 ? span_from(rest, 4) : SPAN_NONE;
}

static void request_uri_parse(struct scan *sc, struct span text)
{
	struct sip_msg *msg = sc->msg;
	uint32_t offset = (uint32_t)(text.ptr - sc->s.ptr);
	msg->uri.text = text;
	// Headers in a Request-URI are forbidden (RFC 3261 19.1.1 table 1).
	if (sip_uri_parse(text, &msg->uri) || msg->uri.headers.len)
		fault_note(sc, SIP_FAULT_START_LINE, offset, "Malformed Request-URI");
	else if (msg->uri.scheme == SIP_SCHEME_OTHER)
		fault_note(sc, SIP_FAULT_SCHEME, offset, "Unsupported URI Scheme");
}

static void request_line_parse(struct scan *sc, struct span line, uint32_t offset)
{
	struct sip_msg *msg = sc->msg;
	msg->is_request = true;
	uint32_t i = run_skip(line, 0, CHAR_TOKEN, false);
	msg->method_text = span_make(line.ptr, i);
	msg->method = sip_method_lookup(msg->method_text);
	const char *last = memrchr(line.ptr, ' ', line.len);
	int version = last ? version_check(span_from(line, (uint32_t)(last - line.ptr) + 1)) : -1;
	bool has_version = version >= 0 || memmem(line.ptr, line.len, " SIP/", 5) != NULL;
	if (!has_version) // whatever else is wrong with it
		sc->fault->kind = SIP_FAULT_NONE;
	if (i == 0 || !last || !has_version) {
		fault_note(sc, has_version ? SIP_FAULT_START_LINE : SIP_FAULT_NOT_SIP, offset,
			"Malformed Request-Line");
		return;
	}
	uint32_t end = (uint32_t)(last - line.ptr);
	if (version == 0)
		fault_note(sc, SIP_FAULT_VERSION, offset + end, "Version Not Supported");
	else if (version < 0 || line.ptr[i] != ' ' || end <= i + 1)
		fault_note(sc, SIP_FAULT_START_LINE, offset, "Malformed Request-Line");
	if (end > i + 1)
		request_uri_parse(sc, span_make(line.ptr + i + 1, end - i - 1));
}

// Adds one line to the message. NULL: too many.
static struct sip_header *header_add(struct scan *sc, const struct sip_header *line)
{
	struct sip_msg *msg = sc->msg;
	uint32_t index = msg->header_count;
	if (index == SIP_HEADERS_MAX) {
		fault_note(sc, SIP_FAULT_TOO_LARGE, sc->pos, "Too Many Headers");
		return NULL;
	}
	struct sip_header *header = &msg->header[index];
	uint8_t id = line->id;
	*header = *line;
	msg->header_count++;
	if (msg->first[id] == SIP_HEADER_NONE)
		msg->first[id] = (uint8_t)index;
	else
		msg->header[msg->last[id]].next = (uint8_t)index;
	msg->last[id] = (uint8_t)index;
	return header;
}

// Where a line is divided.
struct line_name {
	uint32_t end;   // behind the name
	uint32_t colon;
	uint8_t id;
	bool is_header; // else there is no name or no colon
};

// The name of the line at `start`. A known name right before the first colon is one without a look
// at its bytes: that it equals a known one says that it is a token.
static struct line_name line_name(struct span s, uint32_t start)
{
	struct line_name line = { .is_header = true };
#ifdef __SSE2__
	if (s.len - start >= 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(s.ptr + start));
		unsigned mask =
			(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(':')));
		uint32_t len = mask ? (uint32_t)__builtin_ctz(mask) : 0;
		line.id = (uint8_t)sip_header_lookup(span_make(s.ptr + start, len));
		line.end = line.colon = start + len;
		if (line.id != SIP_HEADER_OTHER)
			return line;
	}
#endif
	line.end = line.colon = run_skip(s, start, CHAR_TOKEN, false);
	while (line.colon < s.len && (s.ptr[line.colon] == ' ' || s.ptr[line.colon] == '\t'))
		line.colon++;
	line.is_header = line.end > start && line.colon < s.len && s.ptr[line.colon] == ':';
	line.id = (uint8_t)sip_header_lookup(span_make(s.ptr + start, line.end - start));
	return line;
}

// Reads "name: value" with its continuation lines at sc->pos. NULL: nothing was added.
static struct sip_header *header_line(struct scan *sc)
{
	struct span s = sc->s;
	uint32_t start = sc->pos;
	struct line_name line = line_name(s, start);
	sc->pos = line.is_header ? line.colon + 1 : start;
	uint32_t end;
	do {
		end = line_end(sc);
		if (end == UINT32_MAX)
			return NULL;
	} while (sc->pos < s.len && (s.ptr[sc->pos] == ' ' || s.ptr[sc->pos] == '\t'));
	if (!line.is_header) {
		fault_note(sc, SIP_FAULT_HEADER, start, "Malformed Header Line");
		return NULL;
	}
	struct sip_header header = { .name = span_make(s.ptr + start, line.end - start),
		.value = lws_trim(span_make(s.ptr + line.colon + 1, end - line.colon - 1)),
		.id = line.id,
		.next = SIP_HEADER_NONE };
	return header_add(sc, &header);
}

// Every element of a comma-separated line must be a name-addr; returns how many, the first in *out.
static int addresses_parse(struct span line, struct sip_name_addr *out, bool has_out)
{
	struct sip_header one = { .value = line, .next = SIP_HEADER_NONE };
	struct sip_list list = { .line = &one, .rest = line };
	struct sip_name_addr addr;
	struct span value;
	int count = 0;
	while (sip_list_next(&list, &value)) {
		if (sip_name_addr_parse(value, &addr))
			return -EINVAL;
		if (has_out && count == 0)
			*out = addr;
		count++;
	}
	return count ? count : -EINVAL;
}

static int contact_parse(struct sip_msg *msg, struct span value)
{
	if (span_eq(value, SPAN_LIT("*"))) {
		msg->is_contact_star = true;
		return msg->contact_count ? -EINVAL : 0;
	}
	int count = msg->is_contact_star
		? -EINVAL
		: addresses_parse(value, &msg->contact, msg->contact_count == 0);
	if (count < 0)
		return -EINVAL;
	msg->contact_count += (uint32_t)count;
	return 0;
}

static int via_line_parse(struct sip_msg *msg, struct span line)
{
	struct sip_header one = { .value = line, .next = SIP_HEADER_NONE };
	struct sip_list list = { .line = &one, .rest = line };
	struct span value;
	uint32_t before = msg->via_count;
	while (sip_list_next(&list, &value)) {
		if (msg->via_count++ == 0 && sip_via_parse(value, &msg->via))
			return -EINVAL;
	}
	return msg->via_count > before ? 0 : -EINVAL;
}

// media-type: token "/" token, then anything.
static bool media_type_ok(struct span s)
{
	uint32_t type = run_skip(s, 0, CHAR_TOKEN, false), i = lws_skip(s, type);
	if (type == 0 || i >= s.len || s.ptr[i] != '/')
		return false;
	i = lws_skip(s, i + 1);
	return run_skip(s, i, CHAR_TOKEN, false) > i;
}

static int number_parse(struct span value, uint32_t max, int32_t *out)
{
	uint32_t number;
	if (span_parse_u32(value, max, &number))
		return -EINVAL;
	*out = (int32_t)number;
	return 0;
}

// Reads the value of a header that we understand. 0 or -EINVAL.
static int header_value(struct sip_msg *msg, const struct sip_header *header)
{
	struct span value = header->value;
	struct sip_name_addr ignored;
	uint32_t seconds;
	switch ((enum sip_header_id)header->id) {
	case SIP_HEADER_VIA:
		return via_line_parse(msg, value);
	case SIP_HEADER_FROM:
		return sip_name_addr_parse(value, &msg->from);
	case SIP_HEADER_TO:
		return sip_name_addr_parse(value, &msg->to);
	case SIP_HEADER_CALL_ID:
		msg->call_id = value;
		return sip_is_callid(value) ? 0 : -EINVAL;
	case SIP_HEADER_CSEQ:
		return sip_cseq_parse(value, &msg->cseq);
	case SIP_HEADER_MAX_FORWARDS:
		return number_parse(value, 255, &msg->max_forwards);
	case SIP_HEADER_CONTACT:
		return contact_parse(msg, value);
	case SIP_HEADER_ROUTE:
	case SIP_HEADER_RECORD_ROUTE:
		return addresses_parse(value, &ignored, false) < 0 ? -EINVAL : 0;
	case SIP_HEADER_CONTENT_TYPE:
		msg->content_type = value;
		return media_type_ok(value) ? 0 : -EINVAL;
	case SIP_HEADER_CONTENT_LENGTH:
		return number_parse(value, INT32_MAX, &msg->content_length);
	case SIP_HEADER_EXPIRES:
		// RFC 3261 20.19 and 10.2.1.1: what cannot be read counts as absent.
		if (span_parse_u32(value, UINT32_MAX, &seconds) == 0)
			msg->expires = seconds;
		return 0;
	default:
		return 0;
	}
}

static const char *value_reason(uint8_t id)
{
	switch ((enum sip_header_id)id) {
	case SIP_HEADER_VIA:
		return "Malformed Via";
	case SIP_HEADER_FROM:
		return "Malformed From";
	case SIP_HEADER_TO:
		return "Malformed To";
	case SIP_HEADER_CALL_ID:
		return "Malformed Call-ID";
	case SIP_HEADER_CSEQ:
		return "Malformed CSeq";
	case SIP_HEADER_MAX_FORWARDS:
		return "Malformed Max-Forwards";
	case SIP_HEADER_CONTACT:
		return "Malformed Contact";
	case SIP_HEADER_CONTENT_LENGTH:
		return "Malformed Content-Length";
	case SIP_HEADER_CONTENT_TYPE:
		return "Malformed Content-Type";
	case SIP_HEADER_ROUTE:
		return "Malformed Route";
	case SIP_HEADER_RECORD_ROUTE:
		return "Malformed Record-Route";
	default:
		return "Malformed Header";
	}
}

static void headers_scan(struct scan *sc)
{
	struct sip_msg *msg = sc->msg;
	struct span s = sc->s;
	for (;;) {
		if (sc->pos + 1 < s.len && s.ptr[sc->pos] == '\r' && s.ptr[sc->pos + 1] == '\n') {
			sc->pos += 2;
			return;
		}
		struct sip_header *header = header_line(sc);
		if (!header) {
			if (sc->pos < s.len && msg->header_count < SIP_HEADERS_MAX)
				continue;
			fault_note(sc, SIP_FAULT_TRUNCATED, sc->pos, "No End of Headers");
			sc->pos = s.len;
			return;
		}
		bool is_again = header != &msg->header[msg->first[header->id]];
		if (header_is_single[header->id] && is_again)
			fault_note_header(sc, SIP_FAULT_DUPLICATE, header, "Duplicate Header");
		else if (header_value(msg, header))
			fault_note_header(sc, SIP_FAULT_VALUE, header, value_reason(header->id));
	}
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
		fault_note(sc, SIP_FAULT_MISSING, sc->pos, needed[i].reason);
	}
}

static void cseq_check(struct scan *sc)
{
	struct sip_msg *msg = sc->msg;
	if (!msg->is_request) {
		msg->method = msg->cseq.method;
		msg->method_text = msg->cseq.method_text;
	} else if (msg->cseq.method_text.len && !span_eq(msg->method_text, msg->cseq.method_text)) {
		fault_note(sc, SIP_FAULT_CSEQ_METHOD, 0, "CSeq Method Mismatch");
	}
}

static void body_check(struct scan *sc)
{
	struct sip_msg *msg = sc->msg;
	struct span body = span_from(sc->s, sc->pos);
	if (msg->content_length > 0 && (uint32_t)msg->content_length > body.len)
		fault_note(sc, SIP_FAULT_LENGTH, sc->pos, "Content-Length Beyond Message");
	else if (msg->content_length >= 0)
		body.len = (uint32_t)msg->content_length;
	msg->body = body;
	msg->raw = span_make(sc->s.ptr, sc->pos + body.len);
}

static void msg_clear(struct sip_msg *msg)
{
	memset(msg, 0, offsetof(struct sip_msg, first));
	memset(msg->first, SIP_HEADER_NONE, sizeof(msg->first));
	memset(msg->last, SIP_HEADER_NONE, sizeof(msg->last));
	msg->max_forwards = -1;
	msg->expires = -1;
	msg->content_length = -1;
}

int sip_parse(struct span data, struct sip_msg *msg, struct sip_fault *fault)
{
	struct scan sc = { .s = data, .msg = msg, .fault = fault };
	*fault = (struct sip_fault){ 0 };
	msg_clear(msg);
	msg->raw = data;
	if (data.len > SIP_MESSAGE_MAX) {
		fault_note(&sc, SIP_FAULT_TOO_LARGE, 0, "Message Too Large");
		return -EINVAL;
	}
	while (sc.pos < data.len && (data.ptr[sc.pos] == '\r' || data.ptr[sc.pos] == '\n'))
		sc.pos++;
	uint32_t start = sc.pos;
	uint32_t end = start < data.len ? line_end(&sc) : UINT32_MAX;
	if (end == UINT32_MAX) {
		fault_note(&sc, start == data.len ? SIP_FAULT_KEEPALIVE : SIP_FAULT_NOT_SIP, start,
			"No Start Line");
		fault->status = 0;
		return -EINVAL;
	}
	struct span line = span_make(data.ptr + start, end - start);
	if (span_istarts(line, SPAN_LIT("SIP/")))
		status_line_parse(&sc, line, start);
	else
		request_line_parse(&sc, line, start);
	if (fault->kind == SIP_FAULT_NOT_SIP)
		return -EINVAL;
	headers_scan(&sc);
	if (sc.has_non_ascii && !utf8_is_valid(span_make(data.ptr, sc.pos)))
		fault_note(&sc, SIP_FAULT_HEADER, start, "Invalid UTF-8 in Header");
	mandatory_check(&sc);
	cseq_check(&sc);
	body_check(&sc);
	if (fault->kind == SIP_FAULT_NONE)
		return 0;
	if (!msg->is_request || msg->method == SIP_METHOD_ACK)
		fault->status = 0;
	return -EINVAL;
}

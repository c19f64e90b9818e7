// framing.c - see framing.h. The end of the headers is the first empty line, the end of the message
// what Content-Length says; both are read the way sip_parse() reads them.
#include "sip/framing.h"

#include "sip/msg.h"
#include "sip/text.h"

#include <errno.h>

void sip_framer_init(struct sip_framer *framer, const struct sip_frame_limits *limits)
{
	*framer = (struct sip_framer){ .limits = *limits };
}

static void refuse(struct sip_frame *out, struct span data, uint16_t status, const char *reason)
{
	out->kind = SIP_FRAME_REFUSE;
	out->data = data;
	out->status = status;
	out->reason = reason;
	out->consumed += data.len;
}

static void hang_up(struct sip_frame *out, const char *reason)
{
	out->kind = SIP_FRAME_CLOSE;
	out->reason = reason;
}

// CRLFs between messages (RFC 3261 7.5). True: out->kind is settled.
static bool between_messages(struct sip_framer *framer, struct span s, struct sip_frame *out)
{
	uint32_t i = 0;
	for (; i + 1 < s.len && s.ptr[i] == '\r' && s.ptr[i + 1] == '\n'; i += 2) {
		out->consumed = i + 2;
		if (framer->is_pong_due) {
			framer->is_pong_due = false;
			out->kind = SIP_FRAME_PONG;
			return true;
		}
		if (framer->has_crlf) {
			framer->has_crlf = false;
			out->kind = SIP_FRAME_PING;
			return true;
		}
		framer->has_crlf = true;
	}
	if (i == s.len || (i + 1 == s.len && s.ptr[i] == '\r'))
		return true;
	framer->has_crlf = false;
	if (char_is(s.ptr[i], CHAR_TOKEN))
		return false;
	hang_up(out, "Not SIP");
	return true;
}

// What sip_parse() would not drop as SIP_FAULT_NOT_SIP.
static bool start_line_is_sip(struct span line)
{
	const char *last = memrchr(line.ptr, ' ', line.len);
	struct span version = last ? span_from(line, (uint32_t)(last - line.ptr) + 1) : line;
	return span_istarts(line, SPAN_LIT("SIP/")) || span_istarts(version, SPAN_LIT("SIP/")) ||
		memmem(line.ptr, line.len, " SIP/", 5) != NULL;
}

// Looks for the empty line in what is new of the message at the front, `s`. True: go on with
// framer->header_len set; false: out->kind is settled.
static bool headers_end(struct sip_framer *framer, struct span s, struct sip_frame *out)
{
	// What lies beyond the limit must not change the verdict: it may not be here yet.
	struct span head = span_sub(s, 0, framer->limits.header_max);
	int32_t at;
	while ((at = span_find(head, '\n', framer->scanned)) >= 0) {
		uint32_t i = (uint32_t)at;
		framer->scanned = i + 1;
		if (!framer->is_sip && !start_line_is_sip(span_make(s.ptr, i))) {
			hang_up(out, "Not SIP");
			return false;
		}
		framer->is_sip = true;
		if (i == 0 || s.ptr[i - 1] != '\r') {
			refuse(out, span_make(s.ptr, framer->scanned), 400,
				"Line Feed without Carriage Return");
			return false;
		}
		if (i >= 3 && s.ptr[i - 2] == '\n') {
			framer->header_len = framer->scanned;
			return true;
		}
	}
	framer->scanned = head.len;
	if (s.len == head.len)
		return false;
	if (framer->is_sip)
		refuse(out, head, 513, "Headers Too Large");
	else
		hang_up(out, "Start Line Too Long");
	return false;
}

// Behind the header line that starts at `i`, with its continuation lines; `head` ends with an empty
// line.
static uint32_t line_skip(struct span head, uint32_t i)
{
	do {
		const char *end = memchr(head.ptr + i, '\n', head.len - i);
		i = (uint32_t)(end - head.ptr) + 1;
	} while (i < head.len && (head.ptr[i] == ' ' || head.ptr[i] == '\t'));
	return i;
}

// The value of the line from `start` to `end` if it is a Content-Length. False: another header.
static bool length_line(struct span head, uint32_t start, uint32_t end, struct span *value)
{
	const char *behind = text_run(text_of(head), head.ptr + start, CHAR_TOKEN);
	uint32_t name = (uint32_t)(behind - head.ptr), colon = name;
	while (head.ptr[colon] == ' ' || head.ptr[colon] == '\t')
		colon++;
	if (head.ptr[colon] != ':' ||
		sip_header_lookup(span_make(head.ptr + start, name - start)) !=
			SIP_HEADER_CONTENT_LENGTH)
		return false;
	*value = span_trim(span_make(head.ptr + colon + 1, end - colon - 1));
	return true;
}

// Content-Length of `head`, start line to empty line: exactly one (RFC 3261 18.3). NULL, or what is
// wrong with it.
static const char *length_find(struct span head, uint32_t *out)
{
	struct span value;
	bool is_found = false;
	// The start line cannot be continued.
	uint32_t i = (uint32_t)span_find(head, '\n', 0) + 1;
	while (head.ptr[i] != '\r' || head.ptr[i + 1] != '\n') {
		uint32_t start = i;
		i = line_skip(head, i);
		if (!length_line(head, start, i, &value))
			continue;
		if (is_found)
			return "Duplicate Content-Length";
		if (span_parse_u32(value, INT32_MAX, out))
			return "Malformed Content-Length";
		is_found = true;
	}
	return is_found ? NULL : "Missing Content-Length";
}

// The headers of the message at the front, `s`, are complete. False: out->kind is settled.
static bool body_find(struct sip_framer *framer, struct span s, struct sip_frame *out)
{
	struct span head = span_make(s.ptr, framer->header_len);
	const char *reason = length_find(head, &framer->body_len);
	if (reason)
		refuse(out, head, 400, reason);
	else if (framer->body_len > framer->limits.message_max - framer->header_len)
		refuse(out, head, 513, "Message Too Large");
	return out->kind == SIP_FRAME_MORE;
}

void sip_framer_next(struct sip_framer *framer, struct span pending, struct sip_frame *out)
{
	*out = (struct sip_frame){ .kind = SIP_FRAME_MORE };
	if (framer->scanned == 0 && between_messages(framer, pending, out))
		return;
	struct span s = span_from(pending, out->consumed);
	if (framer->header_len == 0 && (!headers_end(framer, s, out) || !body_find(framer, s, out)))
		return;
	uint32_t len = framer->header_len + framer->body_len;
	if (s.len < len)
		return;
	out->kind = SIP_FRAME_MESSAGE;
	out->data = span_make(s.ptr, len);
	out->consumed += len;
	framer->scanned = framer->header_len = framer->body_len = 0;
	framer->is_sip = false;
}

void sip_frame_single(
	struct span data, const struct sip_frame_limits *limits, struct sip_frame *out)
{
	struct sip_framer framer;
	uint32_t crlf = 0;
	*out = (struct sip_frame){ .kind = SIP_FRAME_MORE };
	sip_framer_init(&framer, limits);
	while (span_starts(span_from(data, crlf), SIP_FRAME_PONG_TEXT))
		crlf += 2;
	struct span s = span_from(data, crlf);
	if (s.len == 0 && crlf)
		out->kind = crlf == 2 ? SIP_FRAME_PONG : SIP_FRAME_PING;
	else if (s.len == 0 || !char_is(s.ptr[0], CHAR_TOKEN))
		hang_up(out, "Not SIP");
	else if (s.len > limits->message_max)
		refuse(out, span_sub(s, 0, limits->header_max), 513, "Message Too Large");
	else if (headers_end(&framer, s, out))
		out->kind = SIP_FRAME_MESSAGE;
	else if (out->kind == SIP_FRAME_MORE)
		refuse(out, s, 400, "No End of Headers");
	if (out->kind == SIP_FRAME_MESSAGE)
		out->data = s;
	out->consumed = data.len;
}

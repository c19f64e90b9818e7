// parse_start.c - the first line of a message.

#include "sip/parse_private.h"

#include <stddef.h>

// 1: "SIP/2.0", 0: SIP of another version, -1: no SIP-Version.
static int version_check(struct text t, const char *p)
{
	if (text_is_name(t, p, "sip/2.0"))
		return 1;
	if (!text_starts(t, p, "sip/"))
		return -1;
	const char *dot = text_run(t, p + 4, CHAR_DIGIT);
	if (dot == p + 4 || dot == t.end || *dot != '.')
		return -1;
	return text_is(t, dot + 1, CHAR_DIGIT) ? 0 : -1;
}

static void status_line_read(struct scan *sc, struct text line, const char *p)
{
	struct sip_msg *msg = sc->msg;
	const char *space = text_find(line, p, ' ');
	uint32_t status;
	msg->is_request = false;
	if (space == line.end || version_check(text_until(line, space), p) != 1) {
		sip_fault_note(sc, SIP_FAULT_VERSION, p, "Version Not Supported");
		return;
	}
	const char *code = space + 1;
	ptrdiff_t len = line.end - code;
	if (len < 3 || (len > 3 && code[3] != ' ') ||
		number_read(text_until(line, code + 3), code, &status) || status < 100 ||
		status > 699) {
		sip_fault_note(sc, SIP_FAULT_START_LINE, p, "Malformed Status-Line");
		return;
	}
	msg->status = (uint16_t)status;
	msg->reason = len > 4 ? span_between(code + 4, line.end) : SPAN_NONE;
}

static void request_uri_read(struct scan *sc, struct text uri, const char *p)
{
	struct sip_msg *msg = sc->msg;
	if (sip_uri_read(uri, p, &msg->uri)) {
		msg->uri = (struct sip_uri){ .text = span_between(p, uri.end) };
		sip_fault_note(sc, SIP_FAULT_START_LINE, p, "Malformed Request-URI");
	} else if (msg->uri.headers.len) { // RFC 3261 19.1.1 table 1: not in a Request-URI
		sip_fault_note(sc, SIP_FAULT_START_LINE, p, "Malformed Request-URI");
	} else if (msg->uri.scheme == SIP_SCHEME_OTHER) {
		sip_fault_note(sc, SIP_FAULT_SCHEME, p, "Unsupported URI Scheme");
	}
}

// Of a request line that does not end with " SIP/2.0". Returns the space before the version, NULL =
// no request.
static COLD const char *odd_version(struct scan *sc, struct text line, const char *p)
{
	size_t len = (size_t)(line.end - p);
	const char *space = memrchr(p, ' ', len);
	int version = space ? version_check(line, space + 1) : -1;
	bool has_version = version >= 0 || memmem(p, len, " SIP/", 5) != NULL;
	if (!has_version) { // whatever else is wrong with it
		sc->fault->kind = SIP_FAULT_NONE;
		sip_fault_note(sc, SIP_FAULT_NOT_SIP, p, "Malformed Request-Line");
		return NULL;
	}
	if (version == 0 && char_is(*p, CHAR_TOKEN)) // else there is no method
		sip_fault_note(sc, SIP_FAULT_VERSION, space, "Version Not Supported");
	else if (version != 1)
		sip_fault_note(sc, SIP_FAULT_START_LINE, p, "Malformed Request-Line");
	return space;
}

static void request_line_read(struct scan *sc, struct text line, const char *p)
{
	const int version = sizeof(" SIP/2.0") - 1;
	struct sip_msg *msg = sc->msg;
	const char *method = text_run(line, p, CHAR_TOKEN), *space;
	msg->is_request = true;
	msg->method_text = span_between(p, method);
	msg->method = sip_method_read(text_until(line, method), p);
	if (line.end - p > version && text_is_exact(line, line.end - version, " SIP/2.0"))
		space = line.end - version;
	else
		space = odd_version(sc, line, p);
	if (!space)
		return;
	if (method == p || *method != ' ' || space <= method + 1)
		sip_fault_note(sc, SIP_FAULT_START_LINE, p, "Malformed Request-Line");
	if (method > p && space > method + 1)
		request_uri_read(sc, text_until(line, space), method + 1);
}

void sip_start_line_read(struct scan *sc, struct text line, const char *p)
{
	if (text_starts(line, p, "sip/"))
		status_line_read(sc, line, p);
	else
		request_line_read(sc, line, p);
}

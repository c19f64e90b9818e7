// build.c - writing of messages.

#include "sip/build.h"

#include "sip/chars.h"

void sip_put_u64(struct sip_writer *w, uint64_t value)
{
	char digits[20];
	uint32_t i = sizeof(digits);
	do {
		digits[--i] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	sip_put(w, span_make(digits + i, (uint32_t)sizeof(digits) - i));
}

void sip_put_value(struct sip_writer *w, struct span value)
{
	char *start = w->buf + w->len, *end;
	uint8_t has_control = 0;
	sip_put(w, value);
	end = w->buf + w->len;
	// Hardly any value has one: this loop becomes vectors, the next one seldom runs.
	for (const char *p = start; p < end; p++)
		has_control |= (unsigned char)*p <= '\r';
	for (char *p = start; has_control && p < end; p++)
		if (*p == '\r' || *p == '\n' || *p == 0)
			*p = ' ';
}

void sip_put_ip(struct sip_writer *w, const struct ip *ip)
{
	char text[ADDR_TEXT_MAX];
	uint32_t len = ip_format_host(ip, text);
	sip_put(w, span_make(text, len));
}

void sip_put_addr(struct sip_writer *w, const struct addr *addr)
{
	sip_put_ip(w, &addr->ip);
	if (addr->port) {
		sip_put_char(w, ':');
		sip_put_u64(w, addr->port);
	}
}

void sip_put_quoted(struct sip_writer *w, struct span text)
{
	sip_put_char(w, '"');
	for (uint32_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '"' || c == '\\')
			sip_put_char(w, '\\');
		sip_put_value(w, span_make(&c, 1));
	}
	sip_put_char(w, '"');
}

void sip_put_escaped_user(struct sip_writer *w, struct span user)
{
	static const char hex[] = "0123456789ABCDEF";
	for (uint32_t i = 0; i < user.len; i++) {
		unsigned char c = (unsigned char)user.ptr[i];
		// ';' and '?' are legal there, but much software takes them for parameters and
		// headers.
		if (char_is((char)c, CHAR_USER) && c != ';' && c != '?') {
			sip_put_char(w, (char)c);
			continue;
		}
		char escape[3] = { '%', hex[c >> 4], hex[c & 15] };
		sip_put(w, span_make(escape, sizeof(escape)));
	}
}

void sip_put_request_line(struct sip_writer *w, struct span method, struct span uri)
{
	sip_put(w, method);
	sip_put_char(w, ' ');
	sip_put_value(w, uri);
	sip_put_lit(w, " SIP/2.0\r\n");
}

void sip_put_status_line(struct sip_writer *w, uint16_t status, struct span reason)
{
	sip_put_lit(w, "SIP/2.0 ");
	sip_put_u64(w, status);
	sip_put_char(w, ' ');
	sip_put_value(w, reason.len ? reason : span_str(sip_reason_phrase(status)));
	sip_put_lit(w, "\r\n");
}

void sip_put_header_named(struct sip_writer *w, struct span name, struct span value)
{
	sip_put(w, name);
	sip_put_lit(w, ": ");
	sip_put_value(w, value);
	sip_put_lit(w, "\r\n");
}

void sip_put_header(struct sip_writer *w, enum sip_header_id id, struct span value)
{
	sip_put_header_named(w, sip_header_name(id), value);
}

void sip_put_header_u32(struct sip_writer *w, enum sip_header_id id, uint32_t value)
{
	sip_put(w, sip_header_name(id));
	sip_put_lit(w, ": ");
	sip_put_u64(w, value);
	sip_put_lit(w, "\r\n");
}

uint32_t sip_put_headers_of(struct sip_writer *w, const struct sip_msg *msg, enum sip_header_id id)
{
	uint32_t count = 0;
	for (const struct sip_header *h = sip_msg_header(msg, id); h; h = sip_msg_next(msg, h)) {
		sip_put_header_named(w, id == SIP_HEADER_OTHER ? h->name : sip_header_name(id),
			h->value);
		count++;
	}
	return count;
}

void sip_put_via(struct sip_writer *w, const struct sip_via_out *via)
{
	sip_put_lit(w, "Via: SIP/2.0/");
	sip_put(w, via->transport);
	sip_put_char(w, ' ');
	if (via->host.len) {
		sip_put(w, via->host);
		sip_put_char(w, ':');
		sip_put_u64(w, via->sent_by.port);
	} else {
		sip_put_addr(w, &via->sent_by);
	}
	sip_put_lit(w, ";branch=");
	sip_put(w, via->branch);
	if (via->is_alias)
		sip_put_lit(w, ";alias");
	sip_put_lit(w, ";rport\r\n");
}

void sip_put_cseq(struct sip_writer *w, uint32_t number, struct span method)
{
	sip_put_lit(w, "CSeq: ");
	sip_put_u64(w, number);
	sip_put_char(w, ' ');
	sip_put(w, method);
	sip_put_lit(w, "\r\n");
}

void sip_put_body(struct sip_writer *w, struct span content_type, struct span body)
{
	if (body.len)
		sip_put_header(w, SIP_HEADER_CONTENT_TYPE, content_type);
	sip_put_header_u32(w, SIP_HEADER_CONTENT_LENGTH, body.len);
	sip_put_lit(w, "\r\n");
	sip_put(w, body);
}

// The top Via with what we saw of its sender (RFC 3261 18.2.1, RFC 3581 4).
static void put_top_via(struct sip_writer *w, const struct sip_via *via, const struct addr *source)
{
	struct span head = via->text, rest = via->params;
	struct sip_param param;
	if (via->params.len)
		head.len = (uint32_t)(via->params.ptr - via->text.ptr) - 1;
	sip_put_value(w, span_trim(head));
	while (sip_param_next(&rest, &param) > 0) {
		if (span_ieq(param.name, SPAN_LIT("received")) ||
			span_ieq(param.name, SPAN_LIT("rport")))
			continue;
		sip_put_char(w, ';');
		sip_put(w, param.name);
		if (param.has_value) {
			sip_put_char(w, '=');
			sip_put_value(w, param.value);
		}
	}
	if (via->has_rport || !ip_eq(&via->ip, &source->ip)) {
		char text[ADDR_TEXT_MAX];
		sip_put_lit(w, ";received=");
		sip_put(w, span_make(text, ip_format(&source->ip, text)));
	}
	if (via->has_rport) {
		sip_put_lit(w, ";rport=");
		sip_put_u64(w, source->port);
	}
}

void sip_put_reply_vias(
	struct sip_writer *w, const struct sip_msg *request, const struct addr *source)
{
	const struct sip_header *h = sip_msg_header(request, SIP_HEADER_VIA);
	if (!h)
		return;
	uint32_t top = (uint32_t)(request->via.text.ptr - h->value.ptr) + request->via.text.len;
	sip_put_lit(w, "Via: ");
	put_top_via(w, &request->via, source);
	sip_put_value(w, span_from(h->value, top)); // further values of the same line
	sip_put_lit(w, "\r\n");
	while ((h = sip_msg_next(request, h)))
		sip_put_header(w, SIP_HEADER_VIA, h->value);
}

// One header as the request had it; a faulty request may lack it.
static void put_copy(struct sip_writer *w, const struct sip_msg *request, enum sip_header_id id)
{
	const struct sip_header *h = sip_msg_header(request, id);
	if (h)
		sip_put_header(w, id, h->value);
}

void sip_put_reply(struct sip_writer *w, const struct sip_reply *reply)
{
	const struct sip_msg *request = reply->request;
	const struct sip_header *to = sip_msg_header(request, SIP_HEADER_TO);
	sip_put_status_line(w, reply->status, reply->reason);
	sip_put_reply_vias(w, request, &reply->source);
	if (reply->has_record_route)
		sip_put_headers_of(w, request, SIP_HEADER_RECORD_ROUTE);
	put_copy(w, request, SIP_HEADER_FROM);
	if (to) {
		sip_put_lit(w, "To: ");
		sip_put_value(w, to->value);
		if (reply->tag.len && !request->to.tag.len && reply->status != 100) {
			sip_put_lit(w, ";tag=");
			sip_put(w, reply->tag);
		}
		sip_put_lit(w, "\r\n");
	}
	put_copy(w, request, SIP_HEADER_CALL_ID);
	put_copy(w, request, SIP_HEADER_CSEQ);
}

struct addr sip_reply_target(const struct sip_msg *request, const struct addr *source,
	enum sip_transport transport)
{
	struct addr target = *source;
	uint16_t usual = sip_transport_is_secure(transport) ? 5061 : 5060;
	if (!request->via.has_rport || sip_transport_is_reliable(transport))
		target.port = request->via.port ? request->via.port : usual;
	return target;
}

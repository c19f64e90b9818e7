// parse_value.c - syntax of single header values: Via, name-addr, CSeq, tokens.

#include "sip/parse.h"

#include "sip/chars.h"

#include <errno.h>

bool sip_is_token(struct span text)
{
	return text.len && run_skip(text, 0, CHAR_TOKEN, false) == text.len;
}

bool sip_is_callid(struct span text)
{
	uint32_t i = run_skip(text, 0, CHAR_WORD, false);
	if (i == 0)
		return false;
	if (i == text.len)
		return true;
	return text.ptr[i] == '@' && i + 1 < text.len &&
		run_skip(text, i + 1, CHAR_WORD, false) == text.len;
}

int sip_cseq_parse(struct span text, struct sip_cseq *out)
{
	uint32_t i = 0;
	uint64_t number = 0;
	for (; i < text.len && char_is(text.ptr[i], CHAR_DIGIT); i++) {
		number = number * 10 + (uint64_t)(text.ptr[i] - '0');
		if (number > INT32_MAX)
			return -EINVAL;
	}
	uint32_t digits = i;
	i = lws_skip(text, i);
	struct span method = span_from(text, i);
	if (digits == 0 || i == digits || !sip_is_token(method))
		return -EINVAL;
	out->number = (uint32_t)number;
	out->method = sip_method_lookup(method);
	out->method_text = method;
	return 0;
}

// "SIP" "/" version "/" transport, LWS allowed around the slashes. Returns the index behind, 0 =
// wrong.
static uint32_t via_protocol(struct span s, struct span *transport)
{
	uint32_t i = 0;
	struct span part = { 0 };
	int k = 0;
	if (span_starts(s, SPAN_LIT("SIP/2.0/"))) { // nearly always written so
		k = 2;
		i = lws_skip(s, 8);
	}
	for (; k < 3; k++) {
		uint32_t start = i;
		i = run_skip(s, i, CHAR_TOKEN, false);
		part = span_make(s.ptr + start, i - start);
		if (part.len == 0 || (k == 0 && !span_ieq(part, SPAN_LIT("SIP"))))
			return 0;
		if (k == 2)
			break;
		i = lws_skip(s, i);
		if (i >= s.len || s.ptr[i] != '/')
			return 0;
		i = lws_skip(s, i + 1);
	}
	*transport = part;
	uint32_t behind = lws_skip(s, i);
	return behind > i ? behind : 0;
}

static int via_param(const struct sip_param *param, struct sip_via *via)
{
	uint32_t value;
	if (span_ieq(param->name, SPAN_LIT("branch"))) {
		if (via->branch.len || !sip_is_token(param->value))
			return -EINVAL;
		via->branch = param->value;
		via->is_rfc3261 = span_istarts(param->value, SPAN_LIT(SIP_BRANCH_COOKIE)) &&
			param->value.len > sizeof(SIP_BRANCH_COOKIE) - 1;
	} else if (span_ieq(param->name, SPAN_LIT("rport"))) {
		if (via->has_rport)
			return -EINVAL;
		via->has_rport = true;
		if (!param->has_value)
			return 0;
		if (span_parse_u32(param->value, 65535, &value) || value == 0)
			return -EINVAL;
		via->rport = (uint16_t)value;
	} else if (span_ieq(param->name, SPAN_LIT("received"))) {
		struct ip ip;
		// IPv6 with and without brackets is in use (RFC 5118 4.5).
		if (ip_parse(param->value, &ip))
			return -EINVAL;
		via->received = param->value;
	} else if (span_ieq(param->name, SPAN_LIT("maddr"))) {
		via->maddr = param->value;
	} else if (span_ieq(param->name, SPAN_LIT("ttl"))) {
		return span_parse_u32(param->value, 255, &value) ? -EINVAL : 0;
	}
	return 0;
}

// ":" port behind the host of sent-by, LWS allowed around the colon.
static int via_port(struct span s, uint32_t *pos, uint16_t *port)
{
	uint32_t i = lws_skip(s, *pos), value;
	if (i >= s.len || s.ptr[i] != ':') {
		*pos = i;
		return 0;
	}
	uint32_t start = lws_skip(s, i + 1);
	i = run_skip(s, start, CHAR_DIGIT, false);
	if (span_parse_u32(span_make(s.ptr + start, i - start), 65535, &value) || value == 0)
		return -EINVAL;
	*port = (uint16_t)value;
	*pos = lws_skip(s, i);
	return 0;
}

int sip_via_parse(struct span text, struct sip_via *out)
{
	struct sip_via via = { .text = text };
	struct sip_host host;
	uint32_t i = via_protocol(text, &via.transport);
	if (i == 0 || sip_host_parse(text, &i, &host) || via_port(text, &i, &via.port))
		return -EINVAL;
	via.host = host.host;
	via.ip = host.ip;
	if (i < text.len) {
		if (text.ptr[i] != ';')
			return -EINVAL;
		via.params = span_from(text, i + 1);
		struct span rest = span_from(text, i);
		struct sip_param param;
		int rc;
		while ((rc = sip_param_next(&rest, &param)) > 0) {
			if (via_param(&param, &via))
				return -EINVAL;
		}
		if (rc)
			return rc;
	}
	*out = via;
	return 0;
}

// Parameters behind the address; the tag is taken out of them.
static int name_addr_params(struct span rest, struct sip_name_addr *na)
{
	struct sip_param param;
	int rc;
	uint32_t i = lws_skip(rest, 0);
	if (i == rest.len)
		return 0;
	if (rest.ptr[i] != ';')
		return -EINVAL;
	na->params = span_from(rest, i + 1);
	while ((rc = sip_param_next(&rest, &param)) > 0) {
		if (!span_ieq(param.name, SPAN_LIT("tag")))
			continue;
		if (na->tag.len || !sip_is_token(param.value))
			return -EINVAL;
		na->tag = param.value;
	}
	return rc;
}

// The bare form: what follows ';' belongs to the header, and the URI holds neither ',' nor '?'
// (RFC 3261 20).
static int addr_spec_parse(struct span s, struct sip_name_addr *na)
{
	uint32_t end = 0;
	while (end < s.len && s.ptr[end] != ';' && !char_is(s.ptr[end], CHAR_LWS))
		end++;
	struct span uri = span_make(s.ptr, end);
	if (end == 0 || memchr(uri.ptr, ',', end) || memchr(uri.ptr, '?', end))
		return -EINVAL;
	if (sip_uri_parse(uri, &na->uri))
		return -EINVAL;
	return name_addr_params(span_from(s, end), na);
}

// Index of the '<' behind an optional display name, or s.len if this is the bare form.
static uint32_t display_skip(struct span s, struct span *display)
{
	uint32_t i = 0;
	if (s.len && s.ptr[0] == '"') {
		uint32_t end = quoted_skip(s, 0);
		*display = span_make(s.ptr, end);
		i = lws_skip(s, end);
		return end && i < s.len && s.ptr[i] == '<' ? i : UINT32_MAX;
	}
	i = run_skip(s, 0, CHAR_TOKEN | CHAR_LWS, false);
	if (i == s.len || s.ptr[i] != '<')
		return s.len;
	*display = lws_trim(span_make(s.ptr, i));
	return i;
}

int sip_name_addr_parse(struct span text, struct sip_name_addr *out)
{
	struct span s = lws_trim(text);
	struct sip_name_addr na = { .text = s };
	uint32_t i = display_skip(s, &na.display);
	int rc = -EINVAL;
	if (i == s.len) {
		rc = addr_spec_parse(s, &na);
	} else if (i != UINT32_MAX) {
		const char *end = memchr(s.ptr + i, '>', s.len - i);
		if (!end)
			return -EINVAL;
		uint32_t close = (uint32_t)(end - s.ptr);
		if (sip_uri_parse(span_make(s.ptr + i + 1, close - i - 1), &na.uri))
			return -EINVAL;
		rc = name_addr_params(span_from(s, close + 1), &na);
	}
	if (rc == 0)
		*out = na;
	return rc;
}

int sip_display_unquote(struct span display, char *buf, uint32_t cap, struct span *out)
{
	struct span s = display;
	uint32_t len = 0;
	bool is_quoted = s.len && s.ptr[0] == '"';
	if (is_quoted) {
		if (quoted_skip(s, 0) != s.len)
			return -EINVAL;
		s = span_make(s.ptr + 1, s.len - 2);
	}
	for (uint32_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (is_quoted && c == '\\')
			c = s.ptr[++i]; // quoted_skip() has seen that one follows
		if (c == 0)
			return -EINVAL;
		if (len == cap)
			return -ENOSPC;
		buf[len++] = c;
	}
	*out = span_make(buf, len);
	return 0;
}

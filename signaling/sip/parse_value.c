// parse_value.c - syntax of single header values: Via, name-addr, CSeq, tokens.

#include "sip/parse.h"

#include "sip/read.h"

bool sip_is_token(struct span text)
{
	return text_is(text_of(text), text.ptr, CHAR_TOKEN);
}

int sip_callid_check(struct text t, const char *p)
{
	const char *end = text_run(t, p, CHAR_WORD);
	if (end == p)
		return -EINVAL;
	return end == t.end || (*end == '@' && text_is(t, end + 1, CHAR_WORD)) ? 0 : -EINVAL;
}

bool sip_is_callid(struct span text)
{
	return sip_callid_check(text_of(text), text.ptr) == 0;
}

int sip_cseq_read(struct text t, const char *p, struct sip_cseq *out)
{
	const char *digits = p;
	uint64_t number = 0;
	for (; digits < t.end && char_is(*digits, CHAR_DIGIT); digits++) {
		number = number * 10 + (uint64_t)(*digits - '0');
		if (number > INT32_MAX)
			return -EINVAL;
	}
	const char *method = text_lws(t, digits);
	if (digits == p || method == digits || !text_is(t, method, CHAR_TOKEN))
		return -EINVAL;
	out->number = (uint32_t)number;
	out->method = sip_method_read(t, method);
	out->method_text = span_between(method, t.end);
	return 0;
}

int sip_cseq_parse(struct span text, struct sip_cseq *out)
{
	struct sip_cseq cseq;
	if (sip_cseq_read(text_of(text), text.ptr, &cseq))
		return -EINVAL;
	*out = cseq;
	return 0;
}

// "SIP" "/" version "/" transport, LWS allowed around the slashes. Returns the place behind, NULL =
// wrong.
static inline const char *via_protocol(struct text t, const char *p, struct span *transport)
{
	const char *start = p;
	int k = 0;
	if (text_starts(t, p, "sip/2.0/")) { // nearly always written so
		k = 2;
		p = text_lws(t, p + 8);
	}
	for (; k < 3; k++) {
		start = p;
		p = text_run(t, p, CHAR_TOKEN);
		if (p == start || (k == 0 && !text_is_name(text_until(t, p), start, "sip")))
			return NULL;
		if (k == 2)
			break;
		p = text_lws(t, p);
		if (p == t.end || *p != '/')
			return NULL;
		p = text_lws(t, p + 1);
	}
	*transport = span_between(start, p);
	const char *behind = text_lws(t, p);
	return behind > p ? behind : NULL;
}

static inline int via_branch(struct text value, const char *p, struct sip_via *via)
{
	const size_t cookie = sizeof(SIP_BRANCH_COOKIE) - 1;
	if (via->branch.len || !text_is(value, p, CHAR_TOKEN))
		return -EINVAL;
	via->branch = span_between(p, value.end);
	via->is_rfc3261 = via->branch.len > cookie && text_starts(value, p, "z9hg4bk");
	return 0;
}

static inline int via_rport(struct text value, const struct param_place *at, struct sip_via *via)
{
	uint32_t port;
	if (via->has_rport)
		return -EINVAL;
	via->has_rport = true;
	if (!at->has_value)
		return 0;
	if (number_read(value, at->value, &port) || port > 65535 || port == 0)
		return -EINVAL;
	via->rport = (uint16_t)port;
	return 0;
}

static inline int via_param(struct text t, const struct param_place *at, struct sip_via *via)
{
	struct text name = text_until(t, at->name_end), value = text_until(t, at->value_end);
	uint32_t ttl;
	struct ip ip;
	if (text_is_name(name, at->name, "branch"))
		return via_branch(value, at->value, via);
	if (text_is_name(name, at->name, "rport"))
		return via_rport(value, at, via);
	if (text_is_name(name, at->name, "received")) {
		via->received = span_between(at->value, at->value_end);
		// IPv6 with and without brackets is in use (RFC 5118 4.5).
		return ip_parse(via->received, &ip);
	}
	if (text_is_name(name, at->name, "alias"))
		via->has_alias = true;
	else if (text_is_name(name, at->name, "maddr"))
		via->maddr = span_between(at->value, at->value_end);
	else if (text_is_name(name, at->name, "ttl"))
		return number_read(value, at->value, &ttl) || ttl > 255 ? -EINVAL : 0;
	return 0;
}

// ":" port behind the host of sent-by, LWS allowed around the colon. Returns the place behind, NULL
// = malformed.
static inline const char *via_port(struct text t, const char *p, uint16_t *port)
{
	uint32_t value;
	p = text_lws(t, p);
	if (p == t.end || *p != ':')
		return p;
	p = text_lws(t, p + 1);
	const char *end = text_run(t, p, CHAR_DIGIT);
	if (number_read(text_until(t, end), p, &value) || value > 65535 || value == 0)
		return NULL;
	*port = (uint16_t)value;
	return text_lws(t, end);
}

int sip_via_read(struct text t, const char *p, struct sip_via *out)
{
	struct param_place param;
	int rc;
	out->text = span_between(p, t.end);
	p = via_protocol(t, p, &out->transport);
	if (p)
		p = sip_host_read(t, p, &out->host, &out->ip);
	if (p)
		p = via_port(t, p, &out->port);
	if (!p)
		return -EINVAL;
	if (p == t.end)
		return 0;
	if (*p != ';')
		return -EINVAL;
	out->params = span_between(p + 1, t.end);
	while ((rc = param_read(t, &p, &param)) > 0) {
		if (via_param(t, &param, out))
			return -EINVAL;
	}
	return rc;
}

int sip_via_parse(struct span text, struct sip_via *out)
{
	struct sip_via via = { 0 };
	if (sip_via_read(text_of(text), text.ptr, &via))
		return -EINVAL;
	*out = via;
	return 0;
}

// Parameters behind the address, at `p`; the tag is taken out of them.
static inline int name_addr_params(struct text t, const char *p, struct sip_name_addr *na)
{
	struct param_place param;
	int rc;
	p = text_lws(t, p);
	if (p == t.end)
		return 0;
	if (*p != ';')
		return -EINVAL;
	na->params = span_between(p + 1, t.end);
	while ((rc = param_read(t, &p, &param)) > 0) {
		if (!text_is_name(text_until(t, param.name_end), param.name, "tag"))
			continue;
		if (na->tag.len ||
			!text_is(text_until(t, param.value_end), param.value, CHAR_TOKEN))
			return -EINVAL;
		na->tag = span_between(param.value, param.value_end);
	}
	return rc;
}

// The bare form: what follows ';' belongs to the header, and the URI holds neither ',' nor '?'
// (RFC 3261 20).
static __attribute__((noinline)) int addr_spec_read(
	struct text t, const char *p, struct sip_name_addr *na)
{
	const char *end = p;
	while (end < t.end && *end != ';' && !is_lws(*end))
		end++;
	struct text uri = text_until(t, end);
	if (end == p || text_find(uri, p, ',') < end || text_find(uri, p, '?') < end)
		return -EINVAL;
	return sip_uri_read(uri, p, &na->uri) ? -EINVAL : name_addr_params(t, end, na);
}

// The '<' behind an optional display name, the end if this is the bare form, NULL if neither.
static inline const char *display_skip(struct text t, const char *p, struct span *display)
{
	const char *end;
	if (p < t.end && *p == '<')
		return p;
	if (p < t.end && *p == '"') {
		end = text_quoted(t, p);
		if (!end)
			return NULL;
		*display = span_between(p, end);
		end = text_lws(t, end);
		return end < t.end && *end == '<' ? end : NULL;
	}
	end = text_run(t, p, CHAR_DISPLAY);
	if (end < t.end && *end == '<') {
		*display = span_between(p, text_trim_end(text_until(t, end), p));
		return end;
	}
	return t.end;
}

int sip_name_addr_read(struct text t, const char *p, struct sip_name_addr *out)
{
	const char *open = display_skip(t, p, &out->display);
	out->text = span_between(p, t.end);
	if (open == t.end)
		return addr_spec_read(t, p, out);
	if (!open)
		return -EINVAL;
	const char *close = text_find(t, open, '>');
	if (close == t.end || sip_uri_read(text_until(t, close), open + 1, &out->uri))
		return -EINVAL;
	return name_addr_params(t, close + 1, out);
}

int sip_name_addr_parse(struct span text, struct sip_name_addr *out)
{
	struct sip_name_addr na = { 0 };
	struct span s = span_trim(text);
	if (sip_name_addr_read(text_of(s), s.ptr, &na))
		return -EINVAL;
	*out = na;
	return 0;
}

int sip_display_unquote(struct span display, char *buf, uint32_t cap, struct span *out)
{
	struct span s = display;
	uint32_t len = 0;
	bool is_quoted = s.len && s.ptr[0] == '"';
	if (is_quoted) {
		if (text_quoted(text_of(s), s.ptr) != s.ptr + s.len)
			return -EINVAL;
		s = span_make(s.ptr + 1, s.len - 2);
	}
	for (uint32_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (is_quoted && c == '\\')
			c = s.ptr[++i]; // text_quoted() has seen that one follows
		if (c == 0)
			return -EINVAL;
		if (len == cap)
			return -ENOSPC;
		buf[len++] = c;
	}
	*out = span_make(buf, len);
	return 0;
}

// uri.c - parsing and comparison of URIs.

#include "sip/uri.h"

#include "sip/read.h"

int sip_param_next(struct span *rest, struct sip_param *out)
{
	struct text t = text_of(*rest);
	struct param_place at;
	const char *p = rest->ptr;
	int rc = param_read(t, &p, &at);
	if (rc <= 0)
		return rc;
	*out = (struct sip_param){ .name = span_between(at.name, at.name_end),
		.value = at.has_value ? span_between(at.value, at.value_end) : SPAN_NONE,
		.has_value = at.has_value };
	*rest = span_between(p, t.end);
	return 1;
}

bool sip_param_find(struct span params, struct span name, struct sip_param *out)
{
	struct sip_param param;
	while (sip_param_next(&params, &param) > 0) {
		if (span_ieq(param.name, name)) {
			*out = param;
			return true;
		}
	}
	return false;
}

// *( ";" pname [ "=" pvalue ] ) at `p`, without blanks and quotes. Returns the place behind, NULL =
// malformed.
static inline const char *uri_params_skip(struct text t, const char *p)
{
	while (p < t.end && *p == ';') {
		const char *start = p + 1;
		p = text_run_escaped(t, start, CHAR_URI_PARAM);
		if (p == start)
			return NULL;
		if (p == t.end || *p != '=')
			continue;
		start = p + 1;
		p = text_run_escaped(t, start, CHAR_URI_PARAM);
		if (p == start)
			return NULL;
	}
	return p;
}

// Digits at `p`. Returns the place behind, NULL = no port.
static inline const char *uri_port_skip(struct text t, const char *p, uint16_t *port)
{
	const char *start = p;
	uint32_t value = 0, digit;
	for (; p < t.end && (digit = (uint32_t)(unsigned char)*p - '0') <= 9; p++) {
		value = value * 10 + digit;
		if (value > 65535)
			return NULL;
	}
	if (p == start || value == 0)
		return NULL;
	*port = (uint16_t)value;
	return p;
}

// The last label of a name begins with a letter (toplabel); one of digits must be an IPv4 address.
static bool host_name_ok(struct span host, struct ip *ip)
{
	uint32_t label = host.len;
	while (label && host.ptr[label - 1] != '.')
		label--;
	if (label == host.len) // a final dot is allowed behind a label
		return host.len > 1 && host.ptr[host.len - 2] != '.';
	if (!text_is(text_of(host), host.ptr + label, CHAR_DIGIT))
		return host.ptr[0] != '.' && host.ptr[0] != '-';
	return ip_parse(host, ip) == 0 && ip_is_v4(ip);
}

static inline uint32_t digit_at(const char *p)
{
	return (uint32_t)(unsigned char)*p - '0';
}

// 0..255 without leading zeros, appended to *bytes. Returns the place behind, NULL = no such
// number.
static inline const char *octet_skip(const char *p, uint32_t *bytes)
{
	uint32_t value = digit_at(p++), digit;
	if (value > 9)
		return NULL;
	if (value && (digit = digit_at(p)) <= 9) {
		value = value * 10 + digit;
		if ((digit = digit_at(++p)) <= 9) {
			value = value * 10 + digit;
			p++;
		}
	}
	*bytes = *bytes << 8 | value;
	return value > 255 ? NULL : p;
}

// "a.b.c.d" and nothing of a name behind it at `p`, of which TEXT_BLOCK bytes may be read. Returns
// the place behind, NULL = none.
static inline const char *octets_skip(const char *p, struct ip *ip)
{
	uint32_t bytes = 0;
	p = octet_skip(p, &bytes);
	for (uint32_t group = 1; group < 4; group++) {
		if (!p || *p != '.')
			return NULL;
		p = octet_skip(p + 1, &bytes);
	}
	if (!p || char_is(*p, CHAR_HOST))
		return NULL;
	*ip = ip_from_v4(bytes);
	return p;
}

// As ipv4_skip(), of a copy: so many bytes cannot be read here, or what stands behind the text
// could be taken for a part of the address.
static __attribute__((noinline)) const char *ipv4_skip_copy(
	struct text t, const char *p, struct ip *ip)
{
	char copy[TEXT_BLOCK] = { 0 };
	size_t len = (size_t)(t.end - p);
	if (len == 0) // and p may be NULL
		return NULL;
	memcpy(copy, p, len < TEXT_BLOCK ? len : TEXT_BLOCK);
	const char *behind = octets_skip(copy, ip);
	return behind ? p + (behind - copy) : NULL;
}

// An IPv4 address at `p`. Returns the place behind, NULL = there is none.
static inline const char *ipv4_skip(struct text t, const char *p, struct ip *ip)
{
	if (!text_has_block(t, p) || (t.end - p < (int)TEXT_BLOCK && char_is(*t.end, CHAR_HOST)))
		return ipv4_skip_copy(t, p, ip);
	return octets_skip(p, ip);
}

// A name, or an address in brackets.
static __attribute__((noinline)) const char *host_name_read(
	struct text t, const char *p, struct span *host, struct ip *ip)
{
	const char *end;
	if (p < t.end && *p == '[') {
		end = text_find(t, p, ']');
		if (end == t.end)
			return NULL;
		*host = span_between(p + 1, end);
		if (ip_parse(*host, ip) || span_find(*host, ':', 0) < 0)
			return NULL;
		return end + 1;
	}
	end = text_run(t, p, CHAR_HOST);
	*host = span_between(p, end);
	return end > p && host_name_ok(*host, ip) ? end : NULL;
}

static inline const char *host_read(struct text t, const char *p, struct span *host, struct ip *ip)
{
	const char *end = ipv4_skip(t, p, ip);
	if (!end)
		return host_name_read(t, p, host, ip);
	*host = span_between(p, end);
	return end;
}

const char *sip_host_read(struct text t, const char *p, struct span *host, struct ip *ip)
{
	return host_read(t, p, host, ip);
}

int sip_host_parse(struct span s, uint32_t *pos, struct sip_host *out)
{
	struct sip_host host = { 0 };
	if (*pos >= s.len) // and its text may be NULL
		return -EINVAL;
	const char *end = host_read(text_of(s), s.ptr + *pos, &host.host, &host.ip);
	if (!end)
		return -EINVAL;
	*pos = (uint32_t)(end - s.ptr);
	*out = host;
	return 0;
}

// user [":" password] "@" at `start`. Returns the place behind, or `start`: the URI begins with its
// host, and neither that nor anything behind it may hold an '@'.
static inline const char *userinfo_skip(struct text t, const char *start, struct sip_uri *uri)
{
	const char *user = text_run_escaped(t, start, CHAR_USER), *p = user;
	if (user == start || p == t.end)
		return start;
	if (*p == ':')
		p = text_run_escaped(t, user + 1, CHAR_PASSWORD);
	if (p == t.end || *p != '@')
		return start;
	uri->user = span_between(start, user);
	if (p > user)
		uri->password = span_between(user + 1, p);
	uri->has_user = true;
	return p + 1;
}

// Of "sip:" and "sips:", behind the colon.
static inline int sip_scheme_read(struct text t, const char *p, struct sip_uri *uri)
{
	p = host_read(t, userinfo_skip(t, p, uri), &uri->host, &uri->ip);
	if (p && p < t.end && *p == ':')
		p = uri_port_skip(t, p + 1, &uri->port);
	if (p && p < t.end && *p == ';') {
		const char *params = p + 1;
		p = uri_params_skip(t, p);
		if (p)
			uri->params = span_between(params, p);
	}
	if (!p)
		return -EINVAL;
	if (p == t.end)
		return 0;
	uri->headers = span_between(p + 1, t.end);
	if (*p != '?' || uri->headers.len == 0)
		return -EINVAL;
	return text_run_escaped(t, p + 1, CHAR_URI_HEADER) == t.end ? 0 : -EINVAL;
}

static int tel_scheme_read(struct text t, const char *p, struct sip_uri *uri)
{
	const char *number = p;
	if (p < t.end && *p == '+')
		p++;
	const char *start = p;
	p = text_run(t, p, CHAR_PHONE);
	if (p == start)
		return -EINVAL;
	uri->user = span_between(number, p);
	uri->has_user = true;
	if (p == t.end)
		return 0;
	uri->params = span_between(p + 1, t.end);
	if (*p != ';' || uri->params.len == 0)
		return -EINVAL;
	return uri_params_skip(t, p) == t.end ? 0 : -EINVAL;
}

// NID ":" NSS; the NSS is opaque.
static int urn_scheme_read(struct text t, const char *p, struct sip_uri *uri)
{
	const char *colon = text_find(t, p, ':');
	if (colon == p || t.end - colon < 2)
		return -EINVAL;
	uri->user = span_between(p, t.end);
	return text_run_escaped(t, p, CHAR_URIC) == t.end ? 0 : -EINVAL;
}

static int absolute_uri_read(struct text t, const char *p, struct sip_uri *uri)
{
	if (!char_is(*p, CHAR_ALPHA))
		return -EINVAL;
	while (p < t.end &&
		(char_is(*p, CHAR_ALPHA | CHAR_DIGIT) || *p == '+' || *p == '-' || *p == '.'))
		p++;
	if (t.end - p < 2 || *p != ':')
		return -EINVAL;
	uri->scheme = SIP_SCHEME_OTHER;
	return text_run_escaped(t, p + 1, CHAR_ABSOLUTE) == t.end ? 0 : -EINVAL;
}

static __attribute__((noinline)) int other_scheme_read(
	struct text t, const char *p, struct sip_uri *uri)
{
	if (t.end - p < 3)
		return -EINVAL;
	if (text_starts(t, p, "tel:")) {
		uri->scheme = SIP_SCHEME_TEL;
		return tel_scheme_read(t, p + 4, uri);
	}
	if (text_starts(t, p, "urn:")) {
		uri->scheme = SIP_SCHEME_URN;
		return urn_scheme_read(t, p + 4, uri);
	}
	return absolute_uri_read(t, p, uri);
}

int sip_uri_read(struct text t, const char *p, struct sip_uri *out)
{
	out->text = span_between(p, t.end);
	if (text_starts(t, p, "sip:")) {
		out->scheme = SIP_SCHEME_SIP;
		p += 4;
	} else if (text_starts(t, p, "sips:")) {
		out->scheme = SIP_SCHEME_SIPS;
		p += 5;
	} else {
		return other_scheme_read(t, p, out);
	}
	return sip_scheme_read(t, p, out);
}

int sip_uri_parse(struct span text, struct sip_uri *out)
{
	struct sip_uri uri = { 0 };
	if (sip_uri_read(text_of(text), text.ptr, &uri))
		return -EINVAL;
	*out = uri;
	return 0;
}

uint16_t sip_uri_port(const struct sip_uri *uri)
{
	struct sip_param transport;
	if (uri->port)
		return uri->port;
	if (uri->scheme == SIP_SCHEME_SIPS)
		return 5061;
	if (sip_param_find(uri->params, SPAN_LIT("transport"), &transport) &&
		span_ieq(transport.value, SPAN_LIT("tls")))
		return 5061;
	return 5060;
}

int sip_unescape(struct span text, char *buf, uint32_t cap, struct span *out)
{
	uint32_t len = 0;
	for (uint32_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '%') {
			if (!text_is_escape(text_of(text), text.ptr + i))
				return -EINVAL;
			c = (char)(hex_value(text.ptr[i + 1]) << 4 | hex_value(text.ptr[i + 2]));
			i += 2;
			if (c == 0)
				return -EINVAL;
		}
		if (len == cap)
			return -ENOSPC;
		buf[len++] = c;
	}
	*out = span_make(buf, len);
	return 0;
}

static struct span phone_strip(char *buf, uint32_t len)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < len; i++) {
		if (buf[i] != '-' && buf[i] != '.' && buf[i] != '(' && buf[i] != ')')
			buf[kept++] = buf[i];
	}
	return span_make(buf, kept);
}

int sip_uri_user(const struct sip_uri *uri, char *buf, uint32_t cap, struct span *out)
{
	struct span user = uri->user, text;
	struct sip_param param;
	bool is_phone = uri->scheme == SIP_SCHEME_TEL;
	if (uri->scheme == SIP_SCHEME_SIP || uri->scheme == SIP_SCHEME_SIPS) {
		is_phone = sip_param_find(uri->params, SPAN_LIT("user"), &param) &&
			span_ieq(param.value, SPAN_LIT("phone"));
		if (user.len && user.ptr[0] == '+')
			is_phone = true;
		int32_t semicolon = span_find(user, ';', 0);
		if (semicolon > 0)
			user.len = (uint32_t)semicolon;
	}
	int rc = sip_unescape(user, buf, cap, &text);
	if (rc)
		return rc;
	*out = is_phone ? phone_strip(buf, text.len) : text;
	return 0;
}

bool sip_uri_is_emergency(const struct sip_uri *uri)
{
	struct span sos = SPAN_LIT("service:sos");
	if (uri->scheme != SIP_SCHEME_URN || !span_istarts(uri->user, sos))
		return false;
	return uri->user.len == sos.len || uri->user.ptr[sos.len] == '.';
}

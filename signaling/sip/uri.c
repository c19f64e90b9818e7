// uri.c - parsing and comparison of URIs.

#include "sip/uri.h"

#include "sip/chars.h"

#include <errno.h>

int sip_param_next(struct span *rest, struct sip_param *out)
{
	struct span s = *rest;
	uint32_t i = lws_skip(s, 0);
	if (i == s.len)
		return 0;
	if (s.ptr[i] == ';')
		i = lws_skip(s, i + 1);
	uint32_t name = i;
	i = run_skip(s, i, CHAR_PARAM, false);
	if (i == name)
		return -EINVAL;
	struct sip_param param = { .name = span_make(s.ptr + name, i - name) };
	i = lws_skip(s, i);
	if (i < s.len && s.ptr[i] == '=') {
		i = lws_skip(s, i + 1);
		uint32_t value = i;
		if (i < s.len && s.ptr[i] == '"')
			i = quoted_skip(s, i);
		else
			i = run_skip(s, i, CHAR_PARAM, false);
		if (i <= value)
			return -EINVAL;
		param.value = span_make(s.ptr + value, i - value);
		param.has_value = true;
		i = lws_skip(s, i);
	}
	if (i < s.len && s.ptr[i] != ';')
		return -EINVAL;
	*rest = span_from(s, i);
	*out = param;
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

// *( ";" pname [ "=" pvalue ] ) from `i` on, without blanks and quotes. Returns the index behind,
// 0 = malformed.
static uint32_t uri_params_skip(struct span s, uint32_t i)
{
	while (i < s.len && s.ptr[i] == ';') {
		uint32_t start = i + 1;
		i = run_skip(s, start, CHAR_URI_PARAM, true);
		if (i == start)
			return 0;
		if (i == s.len || s.ptr[i] != '=')
			continue;
		start = i + 1;
		i = run_skip(s, start, CHAR_URI_PARAM, true);
		if (i == start)
			return 0;
	}
	return i;
}

static int uri_port_parse(struct span s, uint32_t *i, uint16_t *port)
{
	uint32_t value = 0, start = ++*i;
	while (*i < s.len && char_is(s.ptr[*i], CHAR_DIGIT)) {
		value = value * 10 + (uint32_t)(s.ptr[*i] - '0');
		if (value > 65535)
			return -EINVAL;
		++*i;
	}
	if (*i == start || value == 0)
		return -EINVAL;
	*port = (uint16_t)value;
	return 0;
}

// The last label of a name begins with a letter (toplabel); one of digits must be an IPv4 address.
static bool host_name_ok(struct span host, struct ip *ip)
{
	uint32_t label = host.len;
	while (label && host.ptr[label - 1] != '.')
		label--;
	if (label == host.len) // a final dot is allowed behind a label
		return host.len > 1 && host.ptr[host.len - 2] != '.';
	if (run_skip(span_from(host, label), 0, CHAR_DIGIT, false) != host.len - label)
		return host.ptr[0] != '.' && host.ptr[0] != '-';
	return ip_parse(host, ip) == 0 && ip_is_v4(ip);
}

static uint32_t digit_at(struct span s, uint32_t i)
{
	return i < s.len ? (uint32_t)(unsigned char)s.ptr[i] - '0' : UINT32_MAX;
}

// 0..255 without leading zeros, appended to *bytes. Returns the index behind, 0 = no such number.
static uint32_t octet_skip(struct span s, uint32_t i, uint32_t *bytes)
{
	uint32_t value = digit_at(s, i), digit;
	if (value > 9)
		return 0;
	i++;
	if (value && (digit = digit_at(s, i)) <= 9) {
		value = value * 10 + digit;
		if ((digit = digit_at(s, ++i)) <= 9) {
			value = value * 10 + digit;
			i++;
		}
	}
	*bytes = *bytes << 8 | value;
	return value > 255 ? 0 : i;
}

// "a.b.c.d" and nothing of a name behind it. Returns the index behind, 0 = no such address here.
static uint32_t ipv4_skip(struct span s, uint32_t i, struct ip *ip)
{
	uint32_t bytes = 0;
	i = octet_skip(s, i, &bytes);
	for (uint32_t group = 1; group < 4; group++) {
		if (i == 0 || i >= s.len || s.ptr[i] != '.')
			return 0;
		i = octet_skip(s, i + 1, &bytes);
	}
	if (i == 0 || (i < s.len && char_is(s.ptr[i], CHAR_HOST)))
		return 0;
	*ip = ip_from_v4(bytes);
	return i;
}

int sip_host_parse(struct span s, uint32_t *pos, struct sip_host *out)
{
	uint32_t i = *pos;
	struct sip_host host = { 0 };
	uint32_t behind = ipv4_skip(s, i, &host.ip);
	if (behind) {
		host.host = span_make(s.ptr + i, behind - i);
		i = behind;
	} else if (i < s.len && s.ptr[i] == '[') {
		const char *end = memchr(s.ptr + i, ']', s.len - i);
		if (!end)
			return -EINVAL;
		uint32_t len = (uint32_t)(end - (s.ptr + i)) - 1;
		host.host = span_make(s.ptr + i + 1, len);
		if (ip_parse(host.host, &host.ip) || !memchr(host.host.ptr, ':', len))
			return -EINVAL;
		i += len + 2;
	} else {
		uint32_t start = i;
		i = run_skip(s, i, CHAR_HOST, false);
		host.host = span_make(s.ptr + start, i - start);
		if (i == start || !host_name_ok(host.host, &host.ip))
			return -EINVAL;
	}
	*pos = i;
	*out = host;
	return 0;
}

// user [":" password] "@". Returns the index behind, 0 = the URI begins with its host: neither that
// nor anything behind it may hold an '@'.
static uint32_t userinfo_skip(struct span s, struct sip_uri *uri)
{
	uint32_t user = run_skip(s, 0, CHAR_USER, true), i = user;
	struct span password = { 0 };
	if (i && i < s.len && s.ptr[i] == ':') {
		i = run_skip(s, user + 1, CHAR_PASSWORD, true);
		password = span_make(s.ptr + user + 1, i - user - 1);
	}
	if (user == 0 || i == s.len || s.ptr[i] != '@')
		return 0;
	uri->user = span_make(s.ptr, user);
	uri->password = password;
	uri->has_user = true;
	return i + 1;
}

static int sip_scheme_parse(struct span s, struct sip_uri *uri)
{
	uint32_t i = userinfo_skip(s, uri);
	struct sip_host host;
	if (sip_host_parse(s, &i, &host))
		return -EINVAL;
	uri->host = host.host;
	uri->ip = host.ip;
	if (i < s.len && s.ptr[i] == ':' && uri_port_parse(s, &i, &uri->port))
		return -EINVAL;
	if (i < s.len && s.ptr[i] == ';') {
		uint32_t end = uri_params_skip(s, i);
		if (end == 0)
			return -EINVAL;
		uri->params = span_make(s.ptr + i + 1, end - i - 1);
		i = end;
	}
	if (i == s.len)
		return 0;
	if (s.ptr[i] != '?' || i + 1 == s.len)
		return -EINVAL;
	uri->headers = span_from(s, i + 1);
	return run_skip(s, i + 1, CHAR_URI_HEADER, true) == s.len ? 0 : -EINVAL;
}

static int tel_scheme_parse(struct span s, struct sip_uri *uri)
{
	uint32_t i = 0;
	if (s.len && s.ptr[0] == '+')
		i = 1;
	uint32_t start = i;
	i = run_skip(s, i, CHAR_PHONE, false);
	if (i == start)
		return -EINVAL;
	uri->user = span_make(s.ptr, i);
	uri->has_user = true;
	if (i == s.len)
		return 0;
	if (s.ptr[i] != ';' || i + 1 == s.len)
		return -EINVAL;
	uri->params = span_from(s, i + 1);
	return uri_params_skip(s, i) == s.len ? 0 : -EINVAL;
}

// NID ":" NSS; the NSS is opaque.
static int urn_scheme_parse(struct span s, struct sip_uri *uri)
{
	int32_t colon = span_find(s, ':', 0);
	if (colon <= 0 || (uint32_t)colon + 1 == s.len)
		return -EINVAL;
	if (run_skip(s, 0, CHAR_URIC, true) != s.len)
		return -EINVAL;
	uri->user = s;
	return 0;
}

static int other_scheme_parse(struct span s, struct sip_uri *uri)
{
	uint32_t i = 0;
	if (!char_is(s.ptr[0], CHAR_ALPHA))
		return -EINVAL;
	while (i < s.len && (char_is(s.ptr[i], CHAR_ALPHA | CHAR_DIGIT) || s.ptr[i] == '+' ||
			s.ptr[i] == '-' || s.ptr[i] == '.'))
		i++;
	if (i + 1 >= s.len || s.ptr[i] != ':')
		return -EINVAL;
	uri->scheme = SIP_SCHEME_OTHER;
	return run_skip(s, i + 1, CHAR_URIC | CHAR_PARAM, true) == s.len ? 0 : -EINVAL;
}

// Whether `text` begins with "sip:", in one comparison: nearly every URI does. Bit 5 makes the
// letters lower case and maps nothing else onto them.
static bool scheme_is_sip(struct span text)
{
	static const char sip[4] = "sip:", cases[4] = "\x20\x20\x20";
	uint32_t want, mask, is;
	if (text.len < sizeof(is))
		return false;
	memcpy(&want, sip, sizeof(want));
	memcpy(&mask, cases, sizeof(mask));
	memcpy(&is, text.ptr, sizeof(is));
	return (is | mask) == want;
}

int sip_uri_parse(struct span text, struct sip_uri *out)
{
	struct sip_uri uri = { .text = text };
	int rc;
	if (text.len < 3)
		return -EINVAL;
	if (scheme_is_sip(text)) {
		uri.scheme = SIP_SCHEME_SIP;
		rc = sip_scheme_parse(span_from(text, 4), &uri);
	} else if (span_istarts(text, SPAN_LIT("sips:"))) {
		uri.scheme = SIP_SCHEME_SIPS;
		rc = sip_scheme_parse(span_from(text, 5), &uri);
	} else if (span_istarts(text, SPAN_LIT("tel:"))) {
		uri.scheme = SIP_SCHEME_TEL;
		rc = tel_scheme_parse(span_from(text, 4), &uri);
	} else if (span_istarts(text, SPAN_LIT("urn:"))) {
		uri.scheme = SIP_SCHEME_URN;
		rc = urn_scheme_parse(span_from(text, 4), &uri);
	} else {
		rc = other_scheme_parse(text, &uri);
	}
	if (rc == 0)
		*out = uri;
	return rc;
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
			if (!escape_at(text, i))
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

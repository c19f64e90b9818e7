// uri_eq.c - equivalence of URIs (RFC 3261 19.1.4).

#include "sip/text.h"
#include "sip/uri.h"

// The next byte of an escaped text, decoded; advances *i.
static int decoded_next(struct span s, uint32_t *i, bool is_caseless)
{
	int c = (unsigned char)s.ptr[*i];
	if (text_is_escape(text_of(s), s.ptr + *i)) {
		c = hex_value(s.ptr[*i + 1]) << 4 | hex_value(s.ptr[*i + 2]);
		*i += 2;
	}
	++*i;
	if (is_caseless && c >= 'A' && c <= 'Z')
		c |= 0x20;
	return c;
}

static bool decoded_eq(struct span a, struct span b, bool is_caseless)
{
	uint32_t i = 0, k = 0;
	while (i < a.len && k < b.len) {
		if (decoded_next(a, &i, is_caseless) != decoded_next(b, &k, is_caseless))
			return false;
	}
	return i == a.len && k == b.len;
}

// Parameters that must be in both or in neither.
static bool param_is_decisive(struct span name)
{
	return span_ieq(name, SPAN_LIT("transport")) || span_ieq(name, SPAN_LIT("user")) ||
		span_ieq(name, SPAN_LIT("ttl")) || span_ieq(name, SPAN_LIT("method")) ||
		span_ieq(name, SPAN_LIT("maddr"));
}

// Every parameter of `a` agrees with `b`; the caller asks both ways.
static bool params_agree(struct span a, struct span b, bool is_strict)
{
	struct sip_param mine, other;
	while (sip_param_next(&a, &mine) > 0) {
		if (sip_param_find(b, mine.name, &other)) {
			if (!decoded_eq(mine.value, other.value, true))
				return false;
		} else if (is_strict || param_is_decisive(mine.name)) {
			return false;
		}
	}
	return true;
}

static bool headers_contain(struct span headers, struct span wanted)
{
	struct span one;
	while (span_cut(&headers, '&', &one)) {
		if (decoded_eq(one, wanted, true))
			return true;
	}
	return false;
}

static bool headers_agree(struct span a, struct span b)
{
	struct span one, rest = a;
	while (span_cut(&rest, '&', &one)) {
		if (!headers_contain(b, one))
			return false;
	}
	return true;
}

static bool sip_scheme_eq(const struct sip_uri *a, const struct sip_uri *b)
{
	if (a->has_user != b->has_user || a->port != b->port)
		return false;
	if (!decoded_eq(a->user, b->user, false) || !decoded_eq(a->password, b->password, false))
		return false;
	bool is_numeric = !ip_is_unset(&a->ip) && !ip_is_unset(&b->ip);
	if (is_numeric ? !ip_eq(&a->ip, &b->ip) : !span_ieq(a->host, b->host))
		return false;
	return params_agree(a->params, b->params, false) &&
		params_agree(b->params, a->params, false) &&
		headers_agree(a->headers, b->headers) && headers_agree(b->headers, a->headers);
}

static uint32_t separators_skip(struct span s, uint32_t i)
{
	while (i < s.len &&
		(s.ptr[i] == '-' || s.ptr[i] == '.' || s.ptr[i] == '(' || s.ptr[i] == ')'))
		i++;
	return i;
}

static bool phone_eq(struct span a, struct span b)
{
	uint32_t i = separators_skip(a, 0), k = separators_skip(b, 0);
	while (i < a.len && k < b.len) {
		if (decoded_next(a, &i, true) != decoded_next(b, &k, true))
			return false;
		i = separators_skip(a, i);
		k = separators_skip(b, k);
	}
	return i == a.len && k == b.len;
}

// The NID without case, the NSS byte by byte.
static bool urn_eq(struct span a, struct span b)
{
	int32_t colon = span_find(a, ':', 0);
	if (colon < 0 || a.len != b.len)
		return false;
	uint32_t nid = (uint32_t)colon;
	return span_ieq(span_sub(a, 0, nid), span_sub(b, 0, nid)) &&
		span_eq(span_from(a, nid), span_from(b, nid));
}

bool sip_uri_eq(const struct sip_uri *a, const struct sip_uri *b)
{
	// Also with a parameter twice, which RFC 3261 19.1.1 forbids and no other URI agrees with.
	if (span_eq(a->text, b->text))
		return true;
	if (a->scheme != b->scheme)
		return false;
	switch (a->scheme) {
	case SIP_SCHEME_SIP:
	case SIP_SCHEME_SIPS:
		return sip_scheme_eq(a, b);
	case SIP_SCHEME_TEL:
		return phone_eq(a->user, b->user) && params_agree(a->params, b->params, true) &&
			params_agree(b->params, a->params, true);
	case SIP_SCHEME_URN:
		return urn_eq(a->user, b->user);
	case SIP_SCHEME_NONE:
	case SIP_SCHEME_OTHER:
		break;
	}
	return span_eq(a->text, b->text);
}

// read.h - the parsers of single values as sip_parse() uses them: straight into the message, and
// with what lies behind the value in sight (text.h). A value reaches from `p` to t.end.
//
// All: 0 or -EINVAL, after which *out holds anything. `out` is zeroed by the caller. Private to
// signaling/sip; others use the functions of parse.h and uri.h, which leave *out alone on error.
// Any thread, pure.
#pragma once

#include "sip/msg.h"
#include "sip/text.h"

#include <errno.h>

int sip_uri_read(struct text t, const char *p, struct sip_uri *out);
// As sip_host_parse(). Returns the place behind the host, NULL = there is none.
const char *sip_host_read(struct text t, const char *p, struct span *host, struct ip *ip);
// No LWS around it.
int sip_via_read(struct text t, const char *p, struct sip_via *out);
// No LWS around it.
int sip_name_addr_read(struct text t, const char *p, struct sip_name_addr *out);
int sip_cseq_read(struct text t, const char *p, struct sip_cseq *out);
// Call-ID: word [ "@" word ].
int sip_callid_check(struct text t, const char *p);
enum sip_method sip_method_read(struct text t, const char *p);

// One parameter by its places in a text, as struct sip_param.
struct param_place {
	const char *name, *name_end;
	const char *value, *value_end; // equal: there is none
	bool has_value;
};

// As sip_param_next() at *pos.
static inline int param_read(struct text t, const char **pos, struct param_place *out)
{
	const char *p = text_lws(t, *pos);
	if (p == t.end)
		return 0;
	if (*p == ';')
		p = text_lws(t, p + 1);
	out->name = p;
	out->name_end = p = text_run(t, p, CHAR_PARAM);
	out->value = out->value_end = p;
	if (p == out->name)
		return -EINVAL;
	p = text_lws(t, p);
	out->has_value = p < t.end && *p == '=';
	if (out->has_value) {
		out->value = p = text_lws(t, p + 1);
		if (p < t.end && *p == '"')
			p = text_quoted(t, p);
		else
			p = text_run(t, p, CHAR_PARAM);
		if (!p || p == out->value)
			return -EINVAL;
		out->value_end = p;
		p = text_lws(t, p);
	}
	if (p < t.end && *p != ';')
		return -EINVAL;
	*pos = p;
	return 1;
}

// The number that the text is in decimal, as span_parse_u32().
static inline int number_read(struct text t, const char *p, uint32_t *out)
{
	uint32_t value = 0, digit;
	if (t.end - p > 9) // may not fit
		return span_parse_u32(span_between(p, t.end), UINT32_MAX, out);
	if (p == t.end)
		return -EINVAL;
	for (; p < t.end; p++) {
		digit = (uint32_t)(unsigned char)*p - '0';
		if (digit > 9)
			return -EINVAL;
		value = value * 10 + digit;
	}
	*out = value;
	return 0;
}

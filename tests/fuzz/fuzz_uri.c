// fuzz_uri.c - two URIs, divided by the first LF, alone and against each other.
//
// Invariants: every part lies inside the text; a URI equals itself, and equality knows no order;
// unescaping never grows; parsing takes nothing that a header could be broken with.
#include "base/check.h"
#include "sip/uri.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char text[65536];

static void inside(struct span outer, struct span inner)
{
	CHECK(inner.len == 0 ||
		(inner.ptr >= outer.ptr && inner.ptr + inner.len <= outer.ptr + outer.len));
}

static void check_params(struct span params)
{
	struct sip_param param, found;
	struct span rest = params;
	while (sip_param_next(&rest, &param) > 0) {
		inside(params, param.name);
		inside(params, param.value);
		CHECK(sip_param_find(params, param.name, &found));
	}
}

static void check_uri(struct span input, const struct sip_uri *uri)
{
	struct span out;
	CHECK(span_eq(uri->text, input) && uri->scheme != SIP_SCHEME_NONE);
	for (uint32_t i = 0; i < input.len; i++)
		CHECK((unsigned char)input.ptr[i] > 0x20 && input.ptr[i] != '>');
	inside(input, uri->user);
	inside(input, uri->password);
	inside(input, uri->host);
	inside(input, uri->params);
	inside(input, uri->headers);
	CHECK(sip_uri_port(uri) != 0);
	CHECK(sip_uri_eq(uri, uri));
	check_params(uri->params);
	if (sip_unescape(uri->user, text, sizeof(text), &out) == 0)
		CHECK(out.len <= uri->user.len && !memchr(out.ptr, 0, out.len));
	if (sip_uri_user(uri, text, sizeof(text), &out) == 0)
		CHECK(out.len <= uri->user.len);
	if (sip_uri_is_emergency(uri))
		CHECK(uri->scheme == SIP_SCHEME_URN);
}

static void check_host(struct span input)
{
	struct sip_host host;
	uint32_t pos = 0;
	if (sip_host_parse(input, &pos, &host))
		return;
	CHECK(pos > 0 && pos <= input.len && host.host.len);
	inside(input, host.host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sip_uri a, b;
	struct span rest = span_make((const char *)data, (uint32_t)size), first = SPAN_NONE;
	if (size > sizeof(text))
		return 0;
	span_cut(&rest, '\n', &first);
	check_host(first);
	bool has_a = sip_uri_parse(first, &a) == 0, has_b = sip_uri_parse(rest, &b) == 0;
	if (has_a)
		check_uri(first, &a);
	if (has_b)
		check_uri(rest, &b);
	if (has_a && has_b)
		CHECK(sip_uri_eq(&a, &b) == sip_uri_eq(&b, &a));
	return 0;
}

// fuzz_header.c - the value of one structured header: the first byte chooses the parser, the rest
// is the value.
//
// Invariants: every part lies inside the value; what is accepted is accepted again by itself, with
// the same parts, and holds no byte that would end its line.
#include "base/check.h"
#include "sip/build.h"
#include "sip/parse.h"

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
	struct sip_param param;
	while (sip_param_next(&params, &param) > 0)
		CHECK(param.name.len && (param.has_value || param.value.len == 0));
}

static void check_via(struct span input)
{
	struct sip_via via, again;
	struct sip_param param;
	if (sip_via_parse(input, &via))
		return;
	CHECK(via.host.len && via.transport.len);
	inside(input, via.host);
	inside(input, via.transport);
	inside(input, via.branch);
	inside(input, via.received);
	inside(input, via.maddr);
	check_params(via.params);
	CHECK(via.branch.len == 0 || sip_is_token(via.branch));
	CHECK(!via.is_rfc3261 || via.branch.len > sizeof(SIP_BRANCH_COOKIE) - 1);
	if (via.has_rport)
		CHECK(sip_param_find(via.params, SPAN_LIT("rport"), &param));
	CHECK(sip_via_parse(via.text, &again) == 0);
	CHECK(again.port == via.port && span_eq(again.host, via.host));
}

static void check_name_addr(struct span input)
{
	struct sip_name_addr na, again;
	struct span plain;
	if (sip_name_addr_parse(input, &na))
		return;
	inside(input, na.text);
	inside(na.text, na.display);
	inside(na.text, na.uri.text);
	inside(na.text, na.params);
	inside(na.params, na.tag);
	check_params(na.params);
	CHECK(na.tag.len == 0 || sip_is_token(na.tag));
	CHECK(sip_name_addr_parse(na.text, &again) == 0 && span_eq(again.tag, na.tag));
	CHECK(span_eq(again.uri.text, na.uri.text));
	if (sip_display_unquote(na.display, text, sizeof(text), &plain) == 0)
		CHECK(plain.len <= na.display.len);
}

static void check_cseq(struct span input)
{
	struct sip_cseq cseq;
	if (sip_cseq_parse(input, &cseq))
		return;
	CHECK(cseq.number <= INT32_MAX && sip_is_token(cseq.method_text));
	CHECK(cseq.method == sip_method_lookup(cseq.method_text));
	inside(input, cseq.method_text);
}

static void check_call_id(struct span input)
{
	if (sip_is_callid(input))
		CHECK(!memchr(input.ptr, ' ', input.len) && !memchr(input.ptr, '\n', input.len));
}

// Any comma-separated line: no empty value, all in order.
static void check_list(struct span input)
{
	struct sip_header line = { .value = input, .next = SIP_HEADER_NONE };
	struct sip_list list = { .line = &line, .rest = input };
	struct span value;
	const char *last = input.ptr;
	while (sip_list_next(&list, &value)) {
		CHECK(value.len && value.ptr >= last);
		inside(input, value);
		last = value.ptr + value.len;
		check_params(value);
	}
}

// What we write of it stays one line, and a quoted display name reads back as it was.
static void check_written(struct span input)
{
	struct sip_writer w;
	struct span plain;
	sip_writer_init(&w, text, sizeof(text));
	sip_put_value(&w, input);
	CHECK(w.is_overflowed || !memchr(text, '\n', w.len));
	if (memchr(input.ptr, 0, input.len))
		return;
	sip_writer_init(&w, text, sizeof(text) / 2);
	sip_put_quoted(&w, input);
	if (w.is_overflowed || memchr(input.ptr, '\r', input.len) ||
		memchr(input.ptr, '\n', input.len))
		return;
	CHECK(sip_display_unquote(
		      sip_writer_text(&w), text + sizeof(text) / 2, sizeof(text) / 2, &plain) == 0);
	CHECK(span_eq(plain, input));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const checks[])(struct span) = { check_via, check_name_addr, check_cseq,
		check_call_id, check_list, check_params, check_written };
	if (size < 1 || size > 16384)
		return 0;
	struct span input = span_make((const char *)data + 1, (uint32_t)size - 1);
	checks[data[0] % (sizeof(checks) / sizeof(checks[0]))](input);
	return 0;
}

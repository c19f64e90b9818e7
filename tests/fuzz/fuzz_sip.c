// fuzz_sip.c - the SIP parser on any bytes, and everything that works on what it lets through.
#include "base/check.h"
#include "sip/parse.h"
#include "sip/build.h"
#include "sip/token.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sip_msg msg, again;
static char out[4 * 65536], text[65536];

static void inside(struct span outer, struct span inner)
{
	CHECK(inner.len == 0 || (inner.ptr >= outer.ptr &&
		inner.ptr + inner.len <= outer.ptr + outer.len));
}

static void check_uri(const struct sip_uri *uri)
{
	struct sip_uri copy;
	struct span user;
	CHECK(sip_uri_parse(uri->text, &copy) == 0);
	CHECK(sip_uri_eq(uri, &copy));
	CHECK(sip_uri_port(uri) != 0);
	sip_uri_user(uri, text, sizeof(text), &user);
	sip_uri_is_emergency(uri);
}

// What sip_parse() accepted holds together.
static void check_message(struct span input)
{
	struct sip_list list;
	struct span value, plain;
	inside(input, msg.raw);
	inside(input, msg.body);
	CHECK(msg.header_count <= SIP_HEADERS_MAX);
	CHECK(msg.via.text.len && msg.call_id.len && msg.cseq.method_text.len);
	if (msg.is_request)
		check_uri(&msg.uri);
	check_uri(&msg.from.uri);
	check_uri(&msg.to.uri);
	sip_display_unquote(msg.from.display, text, sizeof(text), &plain);
	for (unsigned id = SIP_HEADER_OTHER; id < SIP_HEADER_COUNT; id++) {
		uint32_t count = 0;
		sip_list_init(&list, &msg, (enum sip_header_id)id);
		while (sip_list_next(&list, &value)) {
			inside(input, value);
			count++;
		}
		CHECK(id != SIP_HEADER_CONTACT || msg.is_contact_star ||
			count == msg.contact_count);
		CHECK(id != SIP_HEADER_VIA || count == msg.via_count);
	}
}

// An answer to an accepted request is accepted itself, and is an answer to that request.
static void check_reply(void)
{
	struct sip_writer w;
	struct sip_fault fault;
	struct sip_reply reply = { .request = &msg, .source = { ip_from_v4(0xc0000201), 5060 },
		.status = 486, .tag = SPAN_LIT("ourtag"), .has_record_route = true };
	sip_writer_init(&w, out, sizeof(out));
	sip_put_reply(&w, &reply);
	sip_put_body(&w, SPAN_NONE, SPAN_NONE);
	if (w.is_overflowed || w.len > SIP_MESSAGE_MAX)
		return;
	CHECK(sip_parse(sip_writer_text(&w), &again, &fault) == 0);
	CHECK(again.via_count == msg.via_count);
	CHECK(span_eq(again.via.branch, msg.via.branch));
	CHECK(span_eq(again.from.tag, msg.from.tag));
	CHECK(again.to.tag.len != 0);
	CHECK(span_eq(again.call_id, msg.call_id));
	CHECK(again.cseq.number == msg.cseq.number);
	CHECK(sip_reply_target(&msg, &reply.source, SIP_TRANSPORT_UDP).port != 0);
}

// A fault that says an answer is possible must mean it, at any size of buffer.
static void check_fault(const struct sip_fault *fault, uint32_t cap)
{
	struct sip_writer w;
	struct sip_reply reply = { .request = &msg, .status = 400, .tag = SPAN_LIT("t") };
	CHECK(fault->kind != SIP_FAULT_NONE && fault->reason);
	if (!fault->can_answer)
		return;
	sip_writer_init(&w, out, cap);
	sip_put_reply(&w, &reply);
	CHECK(w.len <= cap);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hash_key cluster = { { 1, 2 } };
	struct sip_keys keys;
	struct sip_fault fault;
	struct span input = span_make((const char *)data, (uint32_t)size);
	struct span call_id;
	sip_keys_init(&keys, &cluster, 0);
	bool has_call_id = sip_scan_callid(input, &call_id);
	uint32_t shard = has_call_id ? sip_callid_shard(&keys, call_id) : 0;
	CHECK(shard < SIP_SHARDS);
	if (sip_parse(input, &msg, &fault)) {
		check_fault(&fault, (uint32_t)(size * 7 % sizeof(out)));
		return 0;
	}
	// Dispatch and parser must agree about the Call-ID.
	CHECK(has_call_id && shard == sip_callid_shard(&keys, msg.call_id));
	check_message(input);
	if (msg.is_request)
		check_reply();
	return 0;
}

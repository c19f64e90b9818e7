// names.h - what name servers say to a call, and where its messages go then.
#pragma once

#include "fixture.h"

// Addresses with commas between them; a leading '!' makes the target one by TCP.
static inline void resolved(struct fixture *f, uint64_t ticket, const char *list)
{
	struct sip_target targets[SIP_TARGETS_MAX];
	struct span rest = span_str(list), word;
	uint32_t count = 0;

	while (span_cut(&rest, ',', &word)) {
		bool is_tcp = word.ptr[0] == '!';
		struct sip_target *target = &targets[count++];

		target->transport = is_tcp ? SIP_TRANSPORT_TCP : SIP_TRANSPORT_UDP;
		CHECK(addr_parse(span_sub(word, is_tcp, word.len), 5060, &target->addr) == 0);
	}
	core_resolved(f->core, &f->env, ticket, targets, count);
	fixture_take(f);
}

static inline void expect_invite_to(const struct fixture *f, const char *addr)
{
	const struct fixture_message *out = fixture_last(f, "INVITE");
	struct addr wanted = fixture_addr(addr);

	assert_non_null(out);
	assert_true(addr_eq(&out->target, &wanted));
}

// The carrier's 2xx with a Contact of its choice.
static inline void answer_with_contact(struct fixture *f, const char *contact)
{
	const struct fixture_message *m = fixture_last(f, "INVITE");
	const char *body = FIXTURE_SDP("10.2.1.1");
	char text[4096];

	snprintf(text, sizeof(text),
		"SIP/2.0 200 OK\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=b\r\nCall-ID: %s\r\n"
		"CSeq: %s\r\nContact: %s\r\nContent-Type: application/sdp\r\n"
		"Content-Length: %zu\r\n\r\n%s",
		fixture_header(m->text, "Via"), fixture_header(m->text, "From"),
		fixture_header(m->text, "To"), fixture_header(m->text, "Call-ID"),
		fixture_header(m->text, "CSeq"), contact, strlen(body), body);
	fixture_receive(f, "10.2.1.1:5060", text);
}

static inline void expect_target(const struct fixture *f, const char *start, const char *addr)
{
	const struct fixture_message *out = fixture_last(f, start);
	struct addr wanted = fixture_addr(addr);

	assert_non_null(out);
	assert_true(addr_eq(&out->target, &wanted));
}

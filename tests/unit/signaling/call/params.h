// params.h - a message on its way between two peers, for the tests of what may cross the border.
#pragma once

#include "fixture.h"

#include "call/core_private.h"

static struct sip_msg params_msg;
static struct config_profile params_from, params_to;

static inline void params_parse(const char *first, const char *from, const char *headers)
{
	static char text[8192];
	struct sip_fault fault;

	snprintf(text, sizeof(text),
		"%s\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: %s\r\n"
		"To: <sip:b@x>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n%sContent-Length: 0\r\n\r\n",
		first, from, headers);
	assert_int_equal(sip_parse(span_str(text), &params_msg, &fault), 0);
}

// From, to: whether the realm is trusted.
static inline struct hide_params params_make(bool is_from_trusted, bool is_to_trusted)
{
	return (struct hide_params){ .msg = &params_msg, .from = &params_from, .to = &params_to,
		.own = fixture_addr("10.2.0.1:5060"), .is_from_trusted = is_from_trusted,
		.is_to_trusted = is_to_trusted };
}

static inline void params_expect(const struct sip_writer *w, const char *wanted, const char *what)
{
	assert_false(w->is_overflowed);
	if (!span_eq(sip_writer_text(w), span_str(wanted)))
		fail_msg("%s: wanted\n%s\ngot\n" SPAN_FMT, what, wanted,
			SPAN_ARG(sip_writer_text(w)));
}

// dialog.h - one call of the fixture seen from both ends: requests and answers in its dialogs.
#pragma once

#include "fixture.h"

// What both ends know of the call, kept over fixture_forget().
struct dialog {
	struct fixture *f;
	char tag_a[64];      // ours, towards the phone
	char from_b[256];    // our From line's value towards the carrier
	char to_b[256];      // To line's value, without tag
	char call_id_b[128];
	uint32_t branch;
};

// The phone's INVITE; `extra` are more header lines, "" = none, `body` "" = no offer.
static inline void dialog_invite(struct dialog *d, struct fixture *f, const char *extra,
	const char *body)
{
	struct fixture_request invite = { .method = "INVITE", .cseq = 1, .extra = extra,
		.body = body };

	*d = (struct dialog){ .f = f };
	fixture_phone(f, &invite);
	const struct fixture_message *m = fixture_last(f, "INVITE");
	assert_non_null(m);
	snprintf(d->from_b, sizeof(d->from_b), "%s", fixture_header(m->text, "From"));
	snprintf(d->to_b, sizeof(d->to_b), "%s", fixture_header(m->text, "To"));
	snprintf(d->call_id_b, sizeof(d->call_id_b), "%s", fixture_header(m->text, "Call-ID"));
}

static inline void dialog_phone(struct dialog *d, const char *method, uint32_t cseq,
	const char *extra, const char *body)
{
	char branch[32];

	snprintf(branch, sizeof(branch), "phone-%s-%u", method, ++d->branch);
	struct fixture_request request = { .method = method, .cseq = cseq, .to_tag = d->tag_a,
		.branch = branch, .extra = extra, .body = body };
	fixture_phone(d->f, &request);
}

// A request of the carrier, from the fork with that tag.
static inline void dialog_fork(struct dialog *d, const char *tag, const char *line,
	const char *extra, const char *body)
{
	char text[8192], method[16];

	// `line` is "METHOD CSEQ".
	snprintf(method, sizeof(method), "%.*s", (int)strcspn(line, " "), line);
	snprintf(text, sizeof(text),
		"%s sip:x@10.2.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.2.1.1;branch=z9hG4bKcarrier%u\r\n"
		"From: %s;tag=%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s %s\r\nMax-Forwards: 70\r\n"
		"Contact: <sip:secret-b@10.2.1.1:5060>\r\n%s%sContent-Length: %zu\r\n\r\n%s",
		method, ++d->branch, d->to_b, tag, d->from_b, d->call_id_b,
		line + strlen(method) + 1, method, extra,
		body[0] && !strstr(extra, "Content-Type") ? "Content-Type: application/sdp\r\n" :
							    "",
		strlen(body), body);
	fixture_receive(d->f, "10.2.1.1:5060", text);
}

static inline void dialog_carrier(struct dialog *d, const char *line, const char *extra,
	const char *body)
{
	dialog_fork(d, "secret-b", line, extra, body);
}

struct dialog_answer {
	const char *start; // of the newest request that we sent and that is answered
	uint32_t status;
	const char *tag;   // of To unless the request has one, NULL = secret-b
	const char *extra; // NULL = none
	const char *body;  // NULL = none
};

// Whoever got it answers: the phone or the carrier.
static inline void dialog_answer(struct dialog *d, const struct dialog_answer *a)
{
	const struct fixture_message *m = fixture_last(d->f, a->start);
	const char *body = a->body ? a->body : "";
	char text[8192], source[ADDR_TEXT_MAX];

	assert_non_null(m);
	bool is_tagged = strstr(fixture_header(m->text, "To"), ";tag=") != NULL;
	snprintf(text, sizeof(text),
		"SIP/2.0 %u secret\r\nVia: %s\r\nFrom: %s\r\nTo: %s%s%s\r\nCall-ID: %s\r\n"
		"CSeq: %s\r\nContact: <sip:secret-%s:5060>\r\n%s%sContent-Length: %zu\r\n\r\n%s",
		a->status, fixture_header(m->text, "Via"), fixture_header(m->text, "From"),
		fixture_header(m->text, "To"), is_tagged ? "" : ";tag=",
		is_tagged ? "" : a->tag ? a->tag : "secret-b", fixture_header(m->text, "Call-ID"),
		fixture_header(m->text, "CSeq"),
		m->realm == REALM_ACCESS ? "a@10.1.1.5" : "b@10.2.1.1", a->extra ? a->extra : "",
		body[0] && !(a->extra && strstr(a->extra, "Content-Type")) ?
			"Content-Type: application/sdp\r\n" :
			"",
		strlen(body), body);
	addr_format(&m->target, source);
	fixture_receive(d->f, source, text);
}

// An answered call; what either side says of itself is in `extra_a` and `extra_b`.
static inline void dialog_establish(struct dialog *d, struct fixture *f, const char *extra_a,
	const char *extra_b)
{
	struct dialog_answer ok = { .start = "INVITE", .status = 200, .extra = extra_b,
		.body = FIXTURE_SDP("10.2.1.1") };

	dialog_invite(d, f, extra_a, FIXTURE_SDP("10.1.1.5"));
	dialog_answer(d, &ok);
	fixture_to_tag(f, "SIP/2.0 200", d->tag_a, sizeof(d->tag_a));
	dialog_phone(d, "ACK", 1, "", "");
	fixture_forget(f);
}

// build.h - messages are built anew into the caller's buffer; nothing received is edited in place.
//
// A struct sip_writer never overruns: what does not fit sets is_overflowed and is dropped, the
// caller checks once at the end. Any thread, no allocation, no printf.
#pragma once

#include "base/addr.h"
#include "sip/msg.h"
#include "sip/transport.h"

struct sip_writer {
	char *buf;
	uint32_t cap; // bytes
	uint32_t len; // written so far
	bool is_overflowed;
};

static inline void sip_writer_init(struct sip_writer *w, char *buf, uint32_t cap)
{
	*w = (struct sip_writer){ .buf = buf, .cap = cap };
}

static inline struct span sip_writer_text(const struct sip_writer *w)
{
	return span_make(w->buf, w->len);
}

// Inline: most of what is put is a few bytes whose number the compiler knows.
static inline void sip_put(struct sip_writer *w, struct span text)
{
	if (text.len > w->cap - w->len) {
		w->is_overflowed = true;
		return;
	}
	if (text.len)
		memcpy(w->buf + w->len, text.ptr, text.len);
	w->len += text.len;
}
#define sip_put_lit(w, text) sip_put(w, SPAN_LIT(text))
static inline void sip_put_char(struct sip_writer *w, char c)
{
	sip_put(w, span_make(&c, 1));
}
void sip_put_u64(struct sip_writer *w, uint64_t value);
// CR, LF and NUL become SP: a folded or hostile value stays one line.
void sip_put_value(struct sip_writer *w, struct span value);
// "192.0.2.1", "[2001:db8::1]", with ":port" unless that is 0.
void sip_put_ip(struct sip_writer *w, const struct ip *ip);
void sip_put_addr(struct sip_writer *w, const struct addr *addr);
// As a quoted-string, escaping '"' and '\'.
void sip_put_quoted(struct sip_writer *w, struct span text);
// User part of a URI: escapes what RFC 3261 25.1 `user` does not allow.
void sip_put_escaped_user(struct sip_writer *w, struct span user);

// Start lines, with CR LF.
void sip_put_request_line(struct sip_writer *w, struct span method, struct span uri);
// An empty reason means the usual phrase.
void sip_put_status_line(struct sip_writer *w, uint16_t status, struct span reason);

// "Name: value" CR LF.
void sip_put_header(struct sip_writer *w, enum sip_header_id id, struct span value);
void sip_put_header_u32(struct sip_writer *w, enum sip_header_id id, uint32_t value);
// By name, for headers passed through: the name is written as given.
void sip_put_header_named(struct sip_writer *w, struct span name, struct span value);
// All lines of that id from `msg`, in order; returns how many.
uint32_t sip_put_headers_of(struct sip_writer *w, const struct sip_msg *msg, enum sip_header_id id);

// "Via: SIP/2.0/UDP host:port;branch=BRANCH;rport" CR LF. `branch` with its cookie.
struct sip_via_out {
	struct span transport; // sip_transport_name()
	struct addr sent_by;
	struct span host;      // name shown instead of sent_by's address, empty = the address
	struct span branch;
	bool is_alias;         // the connection may be used both ways (RFC 5923)
};
void sip_put_via(struct sip_writer *w, const struct sip_via_out *via);
void sip_put_cseq(struct sip_writer *w, uint32_t number, struct span method);

// What follows the headers: one body, or several parts of which one may be made here.
struct sip_body {
	struct span type;  // Content-Type of `data`
	struct span data;  // may be empty
	struct span parts; // that go along, as multipart_put_part() wrote them; may be empty
};

static inline struct sip_body sip_body_sdp(struct span sdp)
{
	return (struct sip_body){ .type = SPAN_LIT("application/sdp"), .data = sdp };
}

// Ends the header part: Content-Type (if there is a body), Content-Length, empty line, body.
void sip_put_body(struct sip_writer *w, struct span content_type, struct span body);

// The head of a response to `request` (RFC 3261 8.2.6.2): status line, all Vias (the top one with
// received and rport, RFC 3581 4), From, To with tag, Call-ID, CSeq. The caller adds headers and
// ends with sip_put_body(). Works on any message with fault.can_answer.
struct sip_reply {
	const struct sip_msg *request;
	struct addr source;     // where the request came from
	uint16_t status;
	struct span reason;     // empty = the usual phrase
	struct span tag;        // added to To unless it has one or status is 100; empty = none
	bool has_record_route;  // copy Record-Route: 101..299 that make a dialog (RFC 3261 12.1.1)
};
void sip_put_reply(struct sip_writer *w, const struct sip_reply *reply);
// The Via lines of such a response alone; `source` as above.
void sip_put_reply_vias(
	struct sip_writer *w, const struct sip_msg *request, const struct addr *source);

// Where the answer to `request` goes (RFC 3261 18.2.2, RFC 3581 4): over UDP the source with rport,
// else the source's address and the port of sent-by; over others the latter is where a connection
// is opened if the request's is gone. maddr is ignored: it would let anyone aim our answers at a
// third party.
struct addr sip_reply_target(const struct sip_msg *request, const struct addr *source,
	enum sip_transport transport);

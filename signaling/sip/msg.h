// msg.h - one SIP message as spans into the datagram it came in.
//
// Filled by sip_parse() (parse.h), read by everyone, never edited: messages that we send are built
// anew (build.h). Valid as long as the datagram's buffer. About 6 kB: keep one per worker and reuse
// it.
#pragma once

#include "base/span.h"
#include "sip/uri.h"

#include <stdbool.h>
#include <stdint.h>

#define SIP_MESSAGE_MAX 65535u // bytes of one message
#define SIP_HEADERS_MAX 128u   // header lines of one message, more is refused with 513

enum sip_method {
	SIP_METHOD_OTHER, // a token that we do not know: 405
#define METHOD(name) SIP_METHOD_##name,
#include "sip/method.def"
#undef METHOD
	SIP_METHOD_COUNT
};

enum sip_header_id {
	SIP_HEADER_OTHER,
#define HEADER(id, name, compact, flags) SIP_HEADER_##id,
#include "sip/header.def"
#undef HEADER
	SIP_HEADER_COUNT
};

// One header line as it came; unfolded only on copying (sip_put_value()).
struct sip_header {
	struct span name;  // as written, maybe the compact form
	struct span value; // without LWS at both ends; may hold CR LF of folding inside
	uint8_t id;        // enum sip_header_id
	uint8_t next;      // index of the next line with this id, SIP_HEADER_NONE = none
};
#define SIP_HEADER_NONE 0xff

// One via-parm (RFC 3261 20.42).
struct sip_via {
	struct span text;      // the whole via-parm
	struct span transport; // "UDP", "TCP", ... as written
	struct span host;      // of sent-by, IPv6 without brackets
	struct span params;    // behind the first ';'
	struct span branch;    // empty = RFC 2543
	struct span received;  // as written, empty = absent
	struct span maddr;
	struct ip ip;          // of a numeric sent-by, else unset
	uint16_t port;         // of sent-by, 0 = absent
	uint16_t rport;        // value of rport=, 0 = none
	bool has_rport;        // ";rport" with or without a value (RFC 3581)
	bool has_alias;        // ";alias": its connection may be used both ways (RFC 5923)
	bool is_rfc3261;       // the branch starts with the magic cookie and goes on behind it
};
#define SIP_BRANCH_COOKIE "z9hG4bK"

// name-addr or addr-spec with header parameters (RFC 3261 20.10): From, To, Contact, Route, ...
struct sip_name_addr {
	struct span text;    // all of it
	struct span display; // as written, with quotes if quoted; empty if absent
	struct sip_uri uri;
	struct span params;  // header parameters, behind the first ';' outside < >
	struct span tag;     // ";tag=", empty = absent
};

struct sip_cseq {
	uint32_t number; // < 2^31
	enum sip_method method;
	struct span method_text;
};

struct sip_msg {
	struct span raw;          // first to last byte, without what follows Content-Length

	// start line
	bool is_request;
	enum sip_method method;   // of a response: that of CSeq
	struct span method_text;
	struct sip_uri uri;       // Request-URI
	uint16_t status;          // 100..699 of a response, 0 of a request
	struct span reason;

	// headers that every message needs; present and checked after sip_parse() returned 0
	struct sip_via via;       // the top one
	uint32_t via_count;       // via-parms in all Via lines
	struct sip_name_addr from;
	struct sip_name_addr to;
	struct span call_id;
	struct sip_cseq cseq;

	// optional ones
	int32_t max_forwards;     // 0..255, -1 = absent
	int64_t expires;          // seconds 0..2^32-1, -1 = absent or unreadable (RFC 3261 20.19)
	uint32_t contact_count;   // contacts in all Contact lines
	struct sip_name_addr contact; // the first one; valid if contact_count > 0
	bool is_contact_star;     // "Contact: *"
	struct span content_type; // as written, empty = absent
	int32_t content_length;   // -1 = absent
	struct span body;         // cut to Content-Length

	uint32_t header_count;
	uint8_t first
		[SIP_HEADER_COUNT]; // index of the first line of each id, SIP_HEADER_NONE = none
	uint8_t last[SIP_HEADER_COUNT]; // undefined where `first` is none
	struct sip_header header[SIP_HEADERS_MAX]; // in order of arrival, [header_count]
};

// First line with that id, or NULL. Not for SIP_HEADER_OTHER: see sip_msg_find().
static inline const struct sip_header *sip_msg_header(
	const struct sip_msg *msg, enum sip_header_id id)
{
	return msg->first[id] == SIP_HEADER_NONE ? NULL : &msg->header[msg->first[id]];
}

static inline const struct sip_header *sip_msg_next(
	const struct sip_msg *msg, const struct sip_header *h)
{
	return h->next == SIP_HEADER_NONE ? NULL : &msg->header[h->next];
}

// First line of that full name, known or not, case-insensitive; NULL: none.
const struct sip_header *sip_msg_find(const struct sip_msg *msg, struct span name);

// Walks the comma-separated values of all lines with one id, in order: Via, Contact, Route,
// Require, ...
struct sip_list {
	const struct sip_msg *msg;
	const struct sip_header *line; // NULL = end
	struct span rest;              // of the line
};
void sip_list_init(struct sip_list *list, const struct sip_msg *msg, enum sip_header_id id);
// Trimmed value, never empty. False at the end. Commas in quotes and in < > do not separate.
bool sip_list_next(struct sip_list *list, struct span *out);
// Whether a list of tokens (Require, Supported, Allow, ...) names `token`, case-insensitive.
bool sip_msg_lists(const struct sip_msg *msg, enum sip_header_id id, struct span token);

const char *sip_method_name(enum sip_method method); // "INVITE"; SIP_METHOD_OTHER gives "OTHER"
enum sip_method sip_method_lookup(struct span text);      // case-sensitive, RFC 3261 7.1
struct span sip_header_name(enum sip_header_id id);       // "Call-ID"; SIP_HEADER_OTHER is empty
enum sip_header_id sip_header_lookup(struct span name);   // full or compact form, any case
const char *sip_reason_phrase(uint16_t status);           // RFC 3261 21, "Unknown" if not listed

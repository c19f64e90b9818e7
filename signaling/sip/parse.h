// parse.h - from a hostile datagram to a checked struct sip_msg, in one pass.
//
// Strict where RFC 3261's grammar protects us (start line, mandatory headers, numbers, duplicates,
// lengths), indifferent to headers that we do not read. Any thread, pure, no allocation.
// RFC 4475 and RFC 5118 are its acceptance test (tests/torture/sip).
#pragma once

#include "sip/msg.h"

enum sip_fault_kind {
	SIP_FAULT_NONE,
	SIP_FAULT_KEEPALIVE,    // nothing but CR LF (RFC 5626 4.4.1) or empty: drop
	SIP_FAULT_NOT_SIP,      // no SIP start line could be recognised: drop
	SIP_FAULT_TOO_LARGE,    // more than SIP_MESSAGE_MAX bytes or SIP_HEADERS_MAX lines: 513
	SIP_FAULT_START_LINE,
	SIP_FAULT_VERSION,      // SIP, but not 2.0: 505
	SIP_FAULT_HEADER,       // a line is no header, or has bytes that none may have
	SIP_FAULT_MISSING,      // a mandatory header
	SIP_FAULT_DUPLICATE,    // a header that may occur once
	SIP_FAULT_VALUE,        // syntax of one header's value
	SIP_FAULT_CSEQ_METHOD,  // CSeq names another method than the start line
	SIP_FAULT_LENGTH,       // Content-Length beyond the datagram
	SIP_FAULT_TRUNCATED,    // no empty line ends the headers
	SIP_FAULT_SCHEME,       // Request-URI of a scheme that we do not serve: 416
};

struct sip_fault {
	enum sip_fault_kind kind;
	uint16_t status; // what to answer: 400, 416, 505, 513; 0 = drop (responses, ACK, no SIP)
	uint8_t header;          // enum sip_header_id concerned
	uint32_t offset;         // byte offset in the datagram, for the log
	const char *reason;      // reason phrase to answer and log, e.g. "Malformed CSeq"; static
	// a request whose top Via says where the answer goes: sip_put_reply() works
	bool can_answer;
};

// 0, or -EINVAL with *fault set. On -EINVAL `msg` holds what was understood: enough to answer if
// fault->can_answer. `data` is borrowed by `msg`. Leading CR LF are skipped (RFC 3261 7.5).
int sip_parse(struct span data, struct sip_msg *msg, struct sip_fault *fault);

// Parts, for values that sip_parse() leaves alone. All: 0 or -EINVAL.
int sip_via_parse(struct span text, struct sip_via *out);
int sip_name_addr_parse(struct span text, struct sip_name_addr *out);
int sip_cseq_parse(struct span text, struct sip_cseq *out);

// The display name without quotes and escapes. 0, -EINVAL, -ENOSPC.
int sip_display_unquote(struct span display, char *buf, uint32_t cap, struct span *out);
// Token of RFC 3261 25.1, not empty.
bool sip_is_token(struct span text);
// Call-ID: word [ "@" word ].
bool sip_is_callid(struct span text);

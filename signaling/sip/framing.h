// framing.h - cuts a byte stream (TCP, TLS) into SIP messages: RFC 3261 7.5 and 18.3, RFC 5626
// 3.5.1.
//
// The caller keeps what it has received and not yet given back in one contiguous buffer and asks
// for the next frame until it hears SIP_FRAME_MORE. No byte is looked at more than twice, however
// small the pieces are in which it comes. Strict about everything that says where a message ends,
// since two readers that differ there see different messages; the rest is sip_parse()'s. Pure, no
// allocation; one struct sip_framer per connection, used by its owner only.
#pragma once

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

struct sip_frame_limits {
	uint32_t header_max;  // bytes of start line and headers with the empty line, 1..65535
	uint32_t message_max; // bytes of a whole message, header_max..SIP_MESSAGE_MAX (msg.h)
};
// For peers that nothing better is known about: a large INVITE has 8 kB of headers.
#define SIP_FRAME_LIMITS_DEFAULT ((struct sip_frame_limits){ 16384, 65535 })

enum sip_frame_kind {
	SIP_FRAME_MORE,    // not complete: receive more, keep what is left
	SIP_FRAME_MESSAGE, // `data` is one message for sip_parse()
	SIP_FRAME_PING,    // double CRLF between messages: send SIP_FRAME_PONG_TEXT at once
	SIP_FRAME_PONG,    // CRLF after sip_framer_expect_pong(): the far end lives
	// The stream cannot be followed any more, but `data` is a header part, maybe cut, that
	// sip_parse() can read. If its fault has can_answer and the message is no ACK, answer with
	// `status` and `reason`; then close, whatever can_answer says.
	SIP_FRAME_REFUSE,
	SIP_FRAME_CLOSE, // this is not SIP: close without a word
};

#define SIP_FRAME_PING_TEXT SPAN_LIT("\r\n\r\n")
#define SIP_FRAME_PONG_TEXT SPAN_LIT("\r\n")

struct sip_frame {
	enum sip_frame_kind kind;
	uint32_t consumed;  // bytes at the front of the buffer: drop them once `data` was used
	struct span data;   // borrowed from the caller's buffer; of MESSAGE and REFUSE
	uint16_t status;    // 400 or 513 of REFUSE
	const char *reason; // static, for the answer and the log; of REFUSE and CLOSE
};

struct sip_framer {
	struct sip_frame_limits limits;
	uint32_t scanned;    // bytes of the message at the front that hold no end of headers
	uint32_t header_len; // of that message with the empty line, 0 = not seen yet
	uint32_t body_len;   // its Content-Length, if header_len is not 0
	bool is_sip;         // its start line was seen and is one of SIP
	bool has_crlf;       // one CRLF between messages went by: another one makes it a ping
	bool is_pong_due;    // we sent a ping
};

void sip_framer_init(struct sip_framer *framer, const struct sip_frame_limits *limits);
// After SIP_FRAME_PING_TEXT was sent: the next CRLF between messages is the pong (RFC 5626 3.5.1).
static inline void sip_framer_expect_pong(struct sip_framer *framer)
{
	framer->is_pong_due = true;
}

// Looks at the front of `pending`, all that was received and not consumed. out->consumed may be
// more than 0 with every kind, also MORE: drop so many bytes before the next call. After REFUSE and
// CLOSE the framer must not be called again. An empty buffer that stays empty is an idle
// connection; one with bytes in it is in the middle of a message and has a deadline (slow loris).
void sip_framer_next(struct sip_framer *framer, struct span pending, struct sip_frame *out);

// The same for one message of a message-based reliable transport (RFC 7118 5): it holds exactly one
// SIP message, whose Content-Length may be absent, or a keep-alive. MESSAGE, PING, PONG, REFUSE or
// CLOSE; a refused message need not close the connection, since the next one stands by itself.
void sip_frame_single(
	struct span data, const struct sip_frame_limits *limits, struct sip_frame *out);

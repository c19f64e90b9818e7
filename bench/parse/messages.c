// messages.c - see messages.h.
#include "messages.h"

#include "base/check.h"
#include "base/rng.h"

#include <stdio.h>

struct span messages[MESSAGES_COUNT];

static const char sdp[] = "v=0\r\n"
			  "o=- 3891234567 3891234567 IN IP4 192.0.2.10\r\n"
			  "s=-\r\n"
			  "c=IN IP4 192.0.2.10\r\n"
			  "t=0 0\r\n"
			  "m=audio 16384 RTP/AVP 8 0 101\r\n"
			  "a=rtpmap:101 telephone-event/8000\r\n"
			  "a=ptime:20\r\n";

// Head up to the value of User-Agent, which fills the message up to its size.
static int head_format(char *buf, size_t cap, struct rng *rng)
{
	static const char *const names[] = { "\"Alice\" ", "\"A. G. Bell\" ", "", "Bob " };
	unsigned long long a = rng_u64(rng) % 90000000 + 10000000, b = rng_u64(rng) % 9000 + 1000;

	return snprintf(buf, cap,
		"INVITE sip:+49%llu%llu@198.51.100.20:5060;user=phone SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 192.0.2.%u:5060;branch=z9hG4bK%016lx;rport\r\n"
		"Max-Forwards: %u\r\n"
		"From: %s<sip:+49%llu@192.0.2.10;user=phone>;tag=%x\r\n"
		"To: <sip:+49%llu%llu@198.51.100.20;user=phone>\r\n"
		"Call-ID: %lx-%x@192.0.2.10\r\n"
		"CSeq: %u INVITE\r\n"
		"Contact: <sip:+49%llu@192.0.2.10:5060;transport=udp>\r\n"
		"Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, UPDATE\r\n"
		"Supported: timer, 100rel\r\n"
		"Content-Type: application/sdp\r\n"
		"Content-Length: %zu\r\n"
		"User-Agent: ",
		a, b, rng_below(rng, 200) + 10, rng_u64(rng) | 1ul << 63, rng_below(rng, 30) + 40,
		names[rng_below(rng, 4)], b, rng_below(rng, UINT32_MAX), a, b, rng_u64(rng),
		rng_below(rng, 65536), rng_below(rng, 100000), b, sizeof(sdp) - 1);
}

void messages_init(void)
{
	static char buffers[MESSAGES_COUNT][MESSAGE_BYTES];
	static const char agent[] = "Trunk Gateway/12.4.7 (build 20260817; x86_64) ";
	struct rng rng;

	rng_init(&rng, 1);
	for (uint32_t i = 0; i < MESSAGES_COUNT; i++) {
		char *text = buffers[i];
		char head[MESSAGE_BYTES];
		int len = head_format(head, sizeof(head), &rng);
		int pad = (int)MESSAGE_BYTES - len - 4 - (int)(sizeof(sdp) - 1);
		CHECK(len > 0 && pad > 0);
		memcpy(text, head, (size_t)len);
		for (int k = 0; k < pad; k++)
			text[len + k] = k + 1 == pad ? ')' : agent[(size_t)k % (sizeof(agent) - 1)];
		memcpy(text + len + pad, "\r\n\r\n", 4);
		memcpy(text + len + pad + 4, sdp, sizeof(sdp) - 1);
		messages[i] = span_make(text, MESSAGE_BYTES);
	}
}

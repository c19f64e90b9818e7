// parse_private.h - what the parts of sip_parse() share: parse.c has the lines and the checks
// across headers, parse_start.c the start line, parse_header.c the values of header lines.
#pragma once

#include "sip/parse.h"
#include "sip/read.h"

// Off the way of a good message, and off its registers.
#define COLD __attribute__((cold, noinline))
// Apart, so that each has all the registers.
#define NOINLINE __attribute__((noinline))

// State of one sip_parse().
struct scan {
	struct span s;
	uint32_t body;      // index of what follows the empty line
	bool has_non_ascii; // in the header part
	struct sip_msg *msg;
	struct sip_fault *fault;
};

// The first fault is the one reported; scanning goes on to find what an answer needs. `at` is the
// byte concerned.
void sip_fault_note(struct scan *sc, enum sip_fault_kind kind, const char *at, const char *reason);

// The line from `p` to line.end into the message.
void sip_start_line_read(struct scan *sc, struct text line, const char *p);

// The value of a header, from `p` to t.end without LWS around it, into the message if we understand
// it. 0 or -EINVAL.
int sip_header_value_read(struct sip_msg *msg, uint8_t id, struct text t, const char *p);
// "Malformed Via"
const char *sip_header_value_reason(uint8_t id);

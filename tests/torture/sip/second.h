// second.h - a second opinion about a SIP message: libosip2 behind the fields that both know.
#pragma once

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

struct second_opinion {
	bool is_accepted;   // parsed, and what every message needs is there
	uint16_t status;    // of a response
	uint32_t vias;      // via-parms
	int32_t body_bytes; // of its first body, -1 = none
	// NUL-terminated and cut to this size; empty = absent
	char method[64], user[256], host[256], call_id[256], from_tag[256], to_tag[256], cseq[64],
		cseq_method[64], via_host[256], branch[256];
};

void second_init(void);
void second_parse(struct span message, struct second_opinion *out);

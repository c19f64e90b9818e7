// dns_record.h - answers of name servers, read by ourselves: RFC 1035, 2308, 2782, 3403, 3596.
//
// c-ares gives no TTL for SRV and NAPTR, so it hands over whole answers. Every byte is hostile:
// whatever is not what was asked for, or reaches beyond the packet, makes the whole answer
// malformed. Only records that the question leads to count, by its name or along its CNAMEs: what
// else a server adds, it may not be the one to say. Pure, any thread.
#pragma once

#include "base/span.h"
#include "sip/locate.h"

#include <stdbool.h>
#include <stdint.h>

#define DNS_RECORDS_MAX 64u   // of one set; more are left out
#define DNS_TEXT_MAX    8192u // bytes of names in one set; records beyond are left out

// On the wire (RFC 1035 3.2.2, 2782, 3403).
#define DNS_TYPE_A     1u
#define DNS_TYPE_CNAME 5u
#define DNS_TYPE_SOA   6u
#define DNS_TYPE_AAAA  28u
#define DNS_TYPE_SRV   33u
#define DNS_TYPE_NAPTR 35u
#define DNS_CLASS_IN   1u

uint16_t dns_type_of(enum sip_record_type type);

struct dns_answer {
	struct sip_record records[DNS_RECORDS_MAX]; // texts lie in `text`, names in lower case
	uint32_t count;     // 0: there is no such name, or nothing of that type
	bool has_ttl;
	uint32_t ttl_s;     // shortest of all records that led there; of nothing: RFC 2308 5
	uint32_t text_len;
	char text[DNS_TEXT_MAX];
};

// The answer to the question {type, name}; `name` in lower case, without the last dot. 0, -EINVAL:
// malformed, or no answer to that question, -EREMOTEIO: the server failed (its code is neither 0
// nor 3), -ELOOP: CNAMEs without end. *out is undefined then.
int dns_read(struct span packet, enum sip_record_type type, struct span name,
	struct dns_answer *out);

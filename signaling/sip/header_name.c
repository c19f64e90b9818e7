// header_name.c - names and numbers of headers.

#include "sip/header_name.h"

static const struct span header_names[SIP_HEADER_COUNT] = {
#define HEADER(id, name, compact, flags) [SIP_HEADER_##id] = { name, sizeof(name) - 1 },
#include "sip/header.def"
#undef HEADER
};

const char sip_header_rows[SIP_HEADER_COUNT][HEADER_ROW] = {
#define HEADER(id, name, compact, flags) [SIP_HEADER_##id] = name,
#include "sip/header.def"
#undef HEADER
};

const char sip_header_compact[SIP_HEADER_COUNT] = {
#define HEADER(id, name, compact, flags) [SIP_HEADER_##id] = (compact),
#include "sip/header.def"
#undef HEADER
};

const uint8_t sip_header_buckets[HEADER_BUCKETS] = {
#define BUCKET(index, id) [index] = SIP_HEADER_##id,
#include "sip/header_hash.def"
#undef BUCKET
};

enum sip_header_id sip_header_lookup(struct span name)
{
	if (name.len == 0)
		return SIP_HEADER_OTHER;
	struct span head = span_sub(name, 0, 8);
	uint64_t lower = 0x2020202020202020u >> (64 - 8 * head.len);
	lower |= text_word(text_of(head), head.ptr);
	uint8_t id = sip_header_buckets[header_bucket(lower, name.ptr[name.len - 1], name.len)];
	if (id == SIP_HEADER_OTHER)
		return SIP_HEADER_OTHER;
	if (name.len == 1)
		return (name.ptr[0] | 0x20) == sip_header_compact[id] ? (enum sip_header_id)id :
									SIP_HEADER_OTHER;
	return span_ieq(name, header_names[id]) ? (enum sip_header_id)id : SIP_HEADER_OTHER;
}

struct span sip_header_name(enum sip_header_id id)
{
	return header_names[id];
}

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

// Bits in which `name` differs from `known`, but for the case of letters: bit 6 tells letters of
// known names from '-' and digits, and bit 5 is their case.
static uint64_t name_diff(uint64_t name, uint64_t known)
{
	const uint64_t letters = known & 0x4040404040404040u;
	return (name ^ known) & ~(letters >> 1);
}

static uint64_t load_eight(const char *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t load_four(const char *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

// In whole words, of which the last one overlaps the one before. Of len > 1.
static bool name_eq(const char *name, const char *known, uint32_t len)
{
	uint64_t diff = 0;
	if (len >= 8) {
		for (uint32_t i = 0; i + 8 < len; i += 8)
			diff |= name_diff(load_eight(name + i), load_eight(known + i));
		return (diff |
			       name_diff(load_eight(name + len - 8),
				       load_eight(known + len - 8))) == 0;
	}
	if (len >= 4) {
		diff = name_diff(load_four(name), load_four(known));
		return (diff | name_diff(load_four(name + len - 4), load_four(known + len - 4))) ==
			0;
	}
	for (uint32_t i = 0; i < len; i++)
		diff |= name_diff((unsigned char)name[i], (unsigned char)known[i]);
	return diff == 0;
}

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
	struct span known = header_names[id];
	bool is_known = known.len == name.len && name_eq(name.ptr, known.ptr, name.len);
	return is_known ? (enum sip_header_id)id : SIP_HEADER_OTHER;
}

struct span sip_header_name(enum sip_header_id id)
{
	return header_names[id];
}

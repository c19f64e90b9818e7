// msg.c - names and numbers of headers, methods and reason phrases; walking header lists.

#include "sip/msg.h"

#include "sip/chars.h"

static const struct span method_names[SIP_METHOD_COUNT] = {
	[SIP_METHOD_OTHER] = { "OTHER", 5 },
#define METHOD(name) [SIP_METHOD_##name] = { #name, sizeof(#name) - 1 },
#include "sip/method.def"
#undef METHOD
};

static const struct span header_names[SIP_HEADER_COUNT] = {
#define HEADER(id, name, compact, flags) [SIP_HEADER_##id] = { name, sizeof(name) - 1 },
#include "sip/header.def"
#undef HEADER
};

static const char header_compact[SIP_HEADER_COUNT] = {
#define HEADER(id, name, compact, flags) [SIP_HEADER_##id] = (compact),
#include "sip/header.def"
#undef HEADER
};

static const uint8_t header_buckets[512] = {
#define BUCKET(index, id) [index] = SIP_HEADER_##id,
#include "sip/header_hash.def"
#undef BUCKET
};

// Perfect over the known names, letters taken as lower case. Length > 0.
static uint32_t header_hash(struct span name)
{
	uint32_t first = name.ptr[0] | 0x20, last = name.ptr[name.len - 1] | 0x20;
	uint32_t middle = name.ptr[name.len / 2] | 0x20;
	uint32_t sum = name.len * 37165 + first * 63916 + last * 15349 + middle * 62787;
	return (sum & 0xffff) >> 7;
}

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
	enum sip_header_id id = header_buckets[header_hash(name)];
	if (id == SIP_HEADER_OTHER)
		return id;
	if (name.len == 1)
		return (name.ptr[0] | 0x20) == header_compact[id] ? id : SIP_HEADER_OTHER;
	struct span known = header_names[id];
	if (known.len != name.len)
		return SIP_HEADER_OTHER;
	return name_eq(name.ptr, known.ptr, name.len) ? id : SIP_HEADER_OTHER;
}

struct span sip_header_name(enum sip_header_id id)
{
	return header_names[id];
}

const char *sip_method_name(enum sip_method method)
{
	return method_names[method].ptr;
}

enum sip_method sip_method_lookup(struct span text)
{
	for (unsigned m = SIP_METHOD_OTHER + 1; m < SIP_METHOD_COUNT; m++) {
		if (span_eq(method_names[m], text))
			return (enum sip_method)m;
	}
	return SIP_METHOD_OTHER;
}

const struct sip_header *sip_msg_find(const struct sip_msg *msg, struct span name)
{
	enum sip_header_id id = sip_header_lookup(name);
	if (id != SIP_HEADER_OTHER)
		return sip_msg_header(msg, id);
	for (uint32_t i = 0; i < msg->header_count; i++) {
		if (msg->header[i].id == SIP_HEADER_OTHER && span_ieq(msg->header[i].name, name))
			return &msg->header[i];
	}
	return NULL;
}

void sip_list_init(struct sip_list *list, const struct sip_msg *msg, enum sip_header_id id)
{
	list->msg = msg;
	list->line = sip_msg_header(msg, id);
	list->rest = list->line ? list->line->value : SPAN_NONE;
}

// Index of the comma that ends the first value of `s`, or its length.
static uint32_t list_cut(struct span s)
{
	bool is_in_uri = false;
	if (!memchr(s.ptr, ',', s.len))
		return s.len;
	for (uint32_t i = 0; i < s.len; i++) {
		switch (s.ptr[i]) {
		case '"':
			if (is_in_uri)
				break;
			i = quoted_skip(s, i);
			if (i == 0)
				return s.len;
			i--;
			break;
		case '<':
			is_in_uri = true;
			break;
		case '>':
			is_in_uri = false;
			break;
		case ',':
			if (!is_in_uri)
				return i;
			break;
		}
	}
	return s.len;
}

bool sip_list_next(struct sip_list *list, struct span *out)
{
	while (list->line) {
		uint32_t cut = list_cut(list->rest);
		struct span value = lws_trim(span_make(list->rest.ptr, cut));
		if (cut < list->rest.len) {
			list->rest = span_from(list->rest, cut + 1);
		} else {
			list->line = sip_msg_next(list->msg, list->line);
			list->rest = list->line ? list->line->value : SPAN_NONE;
		}
		if (value.len) {
			*out = value;
			return true;
		}
	}
	return false;
}

bool sip_msg_lists(const struct sip_msg *msg, enum sip_header_id id, struct span token)
{
	struct sip_list list;
	struct span value;
	sip_list_init(&list, msg, id);
	while (sip_list_next(&list, &value)) {
		if (span_ieq(value, token))
			return true;
	}
	return false;
}

const char *sip_reason_phrase(uint16_t status)
{
	switch (status) {
#define REASON(code, phrase)                                                                       \
	case code:                                                                                 \
		return phrase;
#include "sip/reason.def"
#undef REASON
	}
	return "Unknown";
}

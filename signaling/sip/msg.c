// msg.c - methods and reason phrases; walking header lists.

#include "sip/msg.h"

#include "sip/read.h"

#define METHOD_ROW 16

// Padded with zeros, so that names are compared in whole words.
static const char method_rows[SIP_METHOD_COUNT][METHOD_ROW] = {
	[SIP_METHOD_OTHER] = "OTHER",
#define METHOD(name) [SIP_METHOD_##name] = #name,
#include "sip/method.def"
#undef METHOD
};

static uint64_t load_eight(const char *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

const char *sip_method_name(enum sip_method method)
{
	return method_rows[method];
}

enum sip_method sip_method_read(struct text t, const char *p)
{
	const char *middle = t.end - p > 8 ? p + 8 : t.end;
	if (t.end - p > METHOD_ROW)
		return SIP_METHOD_OTHER;
	uint64_t head = text_word(text_until(t, middle), p), tail = text_word(t, middle);
	for (unsigned m = SIP_METHOD_OTHER + 1; m < SIP_METHOD_COUNT; m++) {
		if (load_eight(method_rows[m]) == head && load_eight(method_rows[m] + 8) == tail)
			return (enum sip_method)m;
	}
	return SIP_METHOD_OTHER;
}

enum sip_method sip_method_lookup(struct span text)
{
	return sip_method_read(text_of(text), text.ptr);
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
	const char *end;
	if (!memchr(s.ptr, ',', s.len))
		return s.len;
	for (uint32_t i = 0; i < s.len; i++) {
		switch (s.ptr[i]) {
		case '"':
			if (is_in_uri)
				break;
			end = text_quoted(text_of(s), s.ptr + i);
			if (!end)
				return s.len;
			i = (uint32_t)(end - s.ptr) - 1;
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
		struct span value = span_trim(span_make(list->rest.ptr, cut));
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

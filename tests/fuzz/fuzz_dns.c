// fuzz_dns.c - answers of name servers: any bytes, read as every type.
//
// The first byte chooses the type; the name that was asked for is the packet's own first one where
// it can be read as plain labels, so that the search reaches beyond the question.
#include "base/check.h"
#include "net/dns_record.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dns_answer answer;

// The labels at 12, in lower case.
static struct span own_name(const uint8_t *data, size_t size, char name[SIP_DOMAIN_MAX])
{
	uint32_t len = 0;
	size_t at = 12;

	while (at < size && data[at] > 0 && data[at] < 64 && at + data[at] < size &&
		len + data[at] + 1u <= SIP_DOMAIN_MAX) {
		if (len > 0)
			name[len++] = '.';
		for (uint32_t i = 1; i <= data[at]; i++) {
			char c = (char)data[at + i];

			name[len++] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
		}
		at += data[at] + 1u;
	}
	return span_make(name, len);
}

static void check_text(struct span text)
{
	if (text.len == 0)
		return;
	CHECK(text.ptr >= answer.text);
	CHECK(text.ptr + text.len <= answer.text + answer.text_len);
}

static void check_name(struct span name)
{
	check_text(name);
	CHECK(name.len <= SIP_DOMAIN_MAX);
	for (uint32_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		CHECK((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
			c == '.');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[SIP_DOMAIN_MAX];

	if (size == 0)
		return 0;
	enum sip_record_type type = (enum sip_record_type)(data[0] % SIP_RECORD_TYPES);
	struct span packet = span_make((const char *)data + 1, (uint32_t)size - 1);
	int err = dns_read(packet, type, own_name(data + 1, size - 1, name), &answer);
	CHECK(err == 0 || err == -EINVAL || err == -ELOOP || err == -EREMOTEIO);
	if (err)
		return 0;
	CHECK(answer.count <= DNS_RECORDS_MAX && answer.text_len <= DNS_TEXT_MAX);
	CHECK(answer.count == 0 || answer.has_ttl);
	for (uint32_t i = 0; i < answer.count; i++) {
		const struct sip_record *record = &answer.records[i];

		check_name(record->name);
		if (type != SIP_RECORD_NAPTR)
			continue;
		check_text(record->naptr.flags);
		check_text(record->naptr.service);
	}
	return 0;
}

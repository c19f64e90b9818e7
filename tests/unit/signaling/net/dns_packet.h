// dns_packet.h - answers of a name server, put together byte by byte, right ones and wrong ones.
#pragma once

#include "base/check.h"
#include "net/dns_record.h"

#include <stdio.h>
#include <stdlib.h>

struct dns_packet {
	uint32_t len;
	uint8_t bytes[4096];
};

static inline void packet_u8(struct dns_packet *p, uint32_t value)
{
	CHECK(p->len < sizeof(p->bytes));
	p->bytes[p->len++] = (uint8_t)value;
}

static inline void packet_u16(struct dns_packet *p, uint32_t value)
{
	packet_u8(p, value >> 8);
	packet_u8(p, value & 255);
}

static inline void packet_u32(struct dns_packet *p, uint32_t value)
{
	packet_u16(p, value >> 16);
	packet_u16(p, value & 0xffff);
}

static inline void packet_string(struct dns_packet *p, const char *text)
{
	packet_u8(p, (uint32_t)strlen(text));
	for (; *text; text++)
		packet_u8(p, (uint8_t)*text);
}

// "a.b", "" = the root, "@12" = a pointer to that place, "a.@12" = a label and a pointer.
static inline void packet_name(struct dns_packet *p, const char *text)
{
	struct span rest = span_str(text), label;

	while (span_cut(&rest, '.', &label)) {
		char word[128];

		if (label.len > 0 && label.ptr[0] == '@') {
			CHECK(span_copy(span_sub(label, 1, label.len), word, sizeof(word)) == 0);
			packet_u16(p, 0xc000 | (uint32_t)atoi(word));
			return;
		}
		CHECK(span_copy(label, word, sizeof(word)) == 0);
		packet_string(p, word);
	}
	packet_u8(p, 0);
}

// The head of an answer with that many records, and its question, whose name stands at 12.
static inline void packet_begin(struct dns_packet *p, const char *name, uint32_t type,
	uint32_t answers)
{
	p->len = 0;
	packet_u16(p, 0x1234);
	packet_u16(p, 0x8180); // an answer, recursion desired and available
	packet_u16(p, 1);
	packet_u16(p, answers);
	packet_u16(p, 0);
	packet_u16(p, 0);
	packet_name(p, name);
	packet_u16(p, type);
	packet_u16(p, DNS_CLASS_IN);
}

// Up to the data; returns where their length stands.
static inline uint32_t packet_line(struct dns_packet *p, const char *owner, uint32_t type,
	uint32_t ttl_s)
{
	packet_name(p, owner);
	packet_u16(p, type);
	packet_u16(p, DNS_CLASS_IN);
	packet_u32(p, ttl_s);
	packet_u16(p, 0);
	return p->len - 2;
}

static inline void packet_line_end(struct dns_packet *p, uint32_t at)
{
	uint32_t len = p->len - at - 2;

	p->bytes[at] = (uint8_t)(len >> 8);
	p->bytes[at + 1] = (uint8_t)len;
}

static inline void packet_a(struct dns_packet *p, const char *owner, uint32_t ttl_s, uint32_t ip)
{
	uint32_t at = packet_line(p, owner, DNS_TYPE_A, ttl_s);

	packet_u32(p, ip);
	packet_line_end(p, at);
}

static inline void packet_cname(struct dns_packet *p, const char *owner, uint32_t ttl_s,
	const char *target)
{
	uint32_t at = packet_line(p, owner, DNS_TYPE_CNAME, ttl_s);

	packet_name(p, target);
	packet_line_end(p, at);
}

static inline void packet_srv(struct dns_packet *p, const char *owner, uint32_t ttl_s,
	uint32_t port, const char *target)
{
	uint32_t at = packet_line(p, owner, DNS_TYPE_SRV, ttl_s);

	packet_u16(p, 10);
	packet_u16(p, 20);
	packet_u16(p, port);
	packet_name(p, target);
	packet_line_end(p, at);
}

static inline void packet_naptr(struct dns_packet *p, const char *owner, uint32_t ttl_s,
	const char *service, const char *replacement)
{
	uint32_t at = packet_line(p, owner, DNS_TYPE_NAPTR, ttl_s);

	packet_u16(p, 100);
	packet_u16(p, 50);
	packet_string(p, "s");
	packet_string(p, service);
	packet_string(p, "");
	packet_name(p, replacement);
	packet_line_end(p, at);
}

static inline void packet_soa(struct dns_packet *p, const char *owner, uint32_t ttl_s,
	uint32_t minimum_s)
{
	uint32_t at = packet_line(p, owner, DNS_TYPE_SOA, ttl_s);

	packet_name(p, "ns.example");
	packet_name(p, "admin.example");
	for (uint32_t i = 0; i < 4; i++)
		packet_u32(p, 3600);
	packet_u32(p, minimum_s);
	packet_line_end(p, at);
}

static inline struct span packet_span(const struct dns_packet *p)
{
	return span_make((const char *)p->bytes, p->len);
}

#include "pcapng.h"

#include "proto/rtp.h"
#include "sum.h"

#include <string.h>

#define BLOCK_SECTION	 0x0a0d0d0au
#define BLOCK_INTERFACE	 1u
#define BLOCK_STATISTICS 5u
#define BLOCK_PACKET	 6u
#define ORDER_MAGIC	 0x1a2b3c4du
#define OPT_END		 0u
#define OPT_COMMENT	 1u
#define OPT_APPLICATION	 4u // of a section
#define OPT_NAME	 2u // of an interface
#define OPT_DESCRIPTION	 3u
#define OPT_RESOLUTION	 9u
#define OPT_LOST	 5u // isb_ifdrop
#define NS_RESOLUTION	 9u // powers of ten
#define TEXT_MAX	 1024u
#define UDP_PROTOCOL	 17u

// Appends to a block; when it is full, nothing more is written and the block is none.
struct writer {
	uint8_t *out;
	uint32_t cap, len;
	bool is_full;
};

static void put(struct writer *w, const void *data, uint32_t len)
{
	uint32_t padded = (len + 3) & ~3u;

	if (w->is_full || w->cap - w->len < padded) {
		w->is_full = true;
		return;
	}
	if (len > 0)
		memcpy(w->out + w->len, data, len);
	memset(w->out + w->len + len, 0, padded - len);
	w->len += padded;
}

static void put32(struct writer *w, uint32_t value)
{
	put(w, &value, sizeof(value));
}

static void put_option(struct writer *w, uint16_t code, const void *data, uint32_t len)
{
	put32(w, code | len << 16); // two halves, as they lie on a little-endian machine
	put(w, data, len);
}

static void put_text(struct writer *w, uint16_t code, const char *text)
{
	if (text)
		put_option(w, code, text, (uint32_t)strnlen(text, TEXT_MAX));
}

static struct writer begin(uint8_t *out, uint32_t cap, uint32_t type)
{
	struct writer w = { .out = out, .cap = cap };

	put32(&w, type);
	put32(&w, 0); // length, known at the end
	return w;
}

static uint32_t end(struct writer *w)
{
	uint32_t total = w->len + 4;

	put32(w, total);
	if (w->is_full)
		return 0;
	memcpy(w->out + 4, &total, sizeof(total));
	return total;
}

uint32_t pcapng_section(uint8_t *out, uint32_t cap, const char *comment)
{
	struct writer w = begin(out, cap, BLOCK_SECTION);

	put32(&w, ORDER_MAGIC);
	put32(&w, 1); // version 1.0
	put32(&w, UINT32_MAX);
	put32(&w, UINT32_MAX); // length of the section: not said
	put_text(&w, OPT_COMMENT, comment);
	put_text(&w, OPT_APPLICATION, "muga-media " MUGA_VERSION);
	put32(&w, OPT_END);
	return end(&w);
}

uint32_t pcapng_interface(uint8_t *out, uint32_t cap, uint16_t link, const char *name,
	const char *description)
{
	struct writer w = begin(out, cap, BLOCK_INTERFACE);
	uint8_t resolution = NS_RESOLUTION;

	put32(&w, link);
	put32(&w, 0); // no snap length
	put_text(&w, OPT_NAME, name);
	put_text(&w, OPT_DESCRIPTION, description);
	put_option(&w, OPT_RESOLUTION, &resolution, sizeof(resolution));
	put32(&w, OPT_END);
	return end(&w);
}

static void put_time(struct writer *w, uint64_t unix_ns)
{
	put32(w, (uint32_t)(unix_ns >> 32));
	put32(w, (uint32_t)unix_ns);
}

uint32_t pcapng_packet(uint8_t *out, uint32_t cap, const struct pcapng_packet *packet)
{
	struct writer w = begin(out, cap, BLOCK_PACKET);

	put32(&w, packet->interface);
	put_time(&w, packet->unix_ns);
	put32(&w, packet->len);
	put32(&w, packet->len);
	put(&w, packet->data, packet->len);
	put_text(&w, OPT_COMMENT, packet->comment);
	put32(&w, OPT_END);
	return end(&w);
}

uint32_t pcapng_statistics(
	uint8_t *out, uint32_t cap, uint32_t interface, uint64_t unix_ns, uint64_t lost)
{
	struct writer w = begin(out, cap, BLOCK_STATISTICS);

	put32(&w, interface);
	put_time(&w, unix_ns);
	put_option(&w, OPT_LOST, &lost, sizeof(lost));
	put32(&w, OPT_END);
	return end(&w);
}

static uint32_t write_ip4(
	uint8_t *out, const struct addr *from, const struct addr *to, uint32_t udp_len)
{
	const uint8_t fixed[12] = { 0x45, 0, 0, 0, 0, 0, 0, 0, 64, UDP_PROTOCOL, 0, 0 };

	memcpy(out, fixed, sizeof(fixed));
	rtp_store16(out + 2, (uint16_t)(20 + udp_len));
	memcpy(out + 12, &from->ip.b[12], 4);
	memcpy(out + 16, &to->ip.b[12], 4);
	uint16_t sum = (uint16_t)~sum_fold(sum_bytes(out, 20));
	memcpy(out + 10, &sum, sizeof(sum));
	return 20;
}

static uint32_t write_ip6(
	uint8_t *out, const struct addr *from, const struct addr *to, uint32_t udp_len)
{
	const uint8_t fixed[8] = { 0x60, 0, 0, 0, 0, 0, UDP_PROTOCOL, 64 };

	memcpy(out, fixed, sizeof(fixed));
	rtp_store16(out + 4, (uint16_t)udp_len);
	memcpy(out + 8, from->ip.b, 16);
	memcpy(out + 24, to->ip.b, 16);
	return 40;
}

uint32_t pcapng_datagram(uint8_t *out, uint32_t cap, const struct addr *from,
	const struct addr *to, struct span payload)
{
	bool is_v4 = ip_is_v4(&from->ip);
	uint32_t udp_len = 8 + (uint32_t)payload.len, ip_len = is_v4 ? 20 : 40;

	if (is_v4 != ip_is_v4(&to->ip) || ip_len + udp_len > cap || udp_len > UINT16_MAX - 40)
		return 0;
	uint8_t *udp = out + (is_v4 ? write_ip4(out, from, to, udp_len) :
				      write_ip6(out, from, to, udp_len));
	rtp_store16(udp, from->port);
	rtp_store16(udp + 2, to->port);
	rtp_store16(udp + 4, (uint16_t)udp_len);
	memset(udp + 6, 0, 2);
	memcpy(udp + 8, payload.ptr, payload.len);
	uint32_t addresses = is_v4 ? 8 : 32;
	uint64_t sum = sum_bytes(udp - addresses, addresses) + sum_be16(UDP_PROTOCOL) +
		sum_be16((uint16_t)udp_len);
	uint16_t field = sum_field_udp(sum + sum_bytes(udp, udp_len));
	memcpy(udp + 6, &field, sizeof(field));
	return ip_len + udp_len;
}

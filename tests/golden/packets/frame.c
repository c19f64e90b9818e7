// frame.c - see frame.h. Written plainly and apart from media/, so that both can be wrong only
// apart.
#include "frame.h"
#include "secure.h"

#include "base/addr.h"
#include "proto/rtcp.h"

#include <stdio.h>
#include <stdlib.h>

struct frame {
	uint8_t *out;
	uint32_t len;
	uint32_t ip_at, udp_at; // offsets
};

static const char *const known_keys[] = { "src", "dst", "smac", "dmac", "vlan", "ttl", "tos", "id",
	"proto", "ipck", "udpck", "udplen", "options", "ext", "seq", "ssrc", "ts", "pt", "mark",
	"n", "fill", "rtcp", "about", "lost", "fraction", "jitter", "payload", "patch", "cut",
	"pad", "hex", "port", "at", "count", "gap_us", "reason", "srtp", "mid" };

void golden_fail(const char *what, struct span where)
{
	fprintf(stderr, "%s: \"" SPAN_FMT "\"\n", what, SPAN_ARG(where));
	exit(2);
}

struct span words_get(struct span words, const char *key)
{
	struct span word, name;
	while (span_cut(&words, ' ', &word)) {
		if (span_cut(&word, '=', &name) && span_eq(name, span_str(key)))
			return word;
	}
	return SPAN_NONE;
}

uint64_t words_number(struct span words, const char *key, uint64_t otherwise)
{
	struct span text = words_get(words, key);
	uint64_t value;
	if (span_is_empty(text))
		return otherwise;
	if (span_parse_u64(text, UINT64_MAX, &value) != 0)
		golden_fail("not a number", text);
	return value;
}

static void check_keys(struct span words)
{
	struct span word, name;
	while (span_cut(&words, ' ', &word)) {
		bool is_known = span_is_empty(word) || !span_cut(&word, '=', &name);
		for (uint32_t i = 0; i < sizeof(known_keys) / sizeof(known_keys[0]) && !is_known;
			i++)
			is_known = span_eq(name, span_str(known_keys[i]));
		if (!is_known)
			golden_fail("unknown key", name);
	}
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Hex digits; ':' between bytes may stand. Returns bytes written.
static uint32_t put_hex(struct span hex, uint8_t *out)
{
	uint32_t len = 0;
	for (uint32_t i = 0; i < hex.len; i++) {
		if (hex.ptr[i] == ':')
			continue;
		if (i + 1 >= hex.len || nibble(hex.ptr[i]) < 0 || nibble(hex.ptr[i + 1]) < 0)
			golden_fail("not hex", hex);
		out[len++] = (uint8_t)(nibble(hex.ptr[i]) << 4 | nibble(hex.ptr[i + 1]));
		i++;
	}
	return len;
}

// RFC 1071, byte pairs.
static uint16_t checksum(uint32_t sum, const uint8_t *at, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static struct addr get_addr(struct span words, const char *key, const char *otherwise)
{
	struct span text = words_get(words, key);
	struct addr addr;
	if (addr_parse(span_is_empty(text) ? span_str(otherwise) : text, 0, &addr) != 0)
		golden_fail("not an address", text);
	return addr;
}

static void put_ethernet(struct frame *frame, struct span words, bool is_v4)
{
	struct span dmac = words_get(words, "dmac"), smac = words_get(words, "smac");
	uint16_t vlan = (uint16_t)words_number(words, "vlan", 0);

	put_hex(span_is_empty(dmac) ? SPAN_LIT("020000000001") : dmac, frame->out);
	put_hex(span_is_empty(smac) ? SPAN_LIT("020000000002") : smac, frame->out + 6);
	frame->len = 12;
	if (vlan) {
		rtp_store16(frame->out + 12, 0x8100);
		rtp_store16(frame->out + 14, vlan);
		frame->len = 16;
	}
	rtp_store16(frame->out + frame->len, is_v4 ? 0x0800 : 0x86dd);
	frame->len += 2;
	frame->ip_at = frame->len;
}

static void put_v4(
	struct frame *frame, struct span words, const struct addr *from, const struct addr *to)
{
	uint8_t *ip = frame->out + frame->ip_at;
	uint32_t options = put_hex(words_get(words, "options"), ip + 20);

	ip[0] = (uint8_t)(0x45 + options / 4);
	ip[1] = (uint8_t)words_number(words, "tos", 0);
	rtp_store16(ip + 4, (uint16_t)words_number(words, "id", 0));
	ip[8] = (uint8_t)words_number(words, "ttl", 64);
	ip[9] = (uint8_t)words_number(words, "proto", 17);
	memcpy(ip + 12, &from->ip.b[12], 4);
	memcpy(ip + 16, &to->ip.b[12], 4);
	frame->len += 20 + options;
}

static void put_v6(
	struct frame *frame, struct span words, const struct addr *from, const struct addr *to)
{
	uint8_t *ip = frame->out + frame->ip_at;
	uint8_t tos = (uint8_t)words_number(words, "tos", 0);
	struct span ext = words_get(words, "ext"), next;

	ip[0] = (uint8_t)(0x60 | tos >> 4);
	ip[1] = (uint8_t)(tos << 4);
	ip[6] = (uint8_t)words_number(words, "proto", 17);
	ip[7] = (uint8_t)words_number(words, "ttl", 64);
	memcpy(ip + 8, from->ip.b, 16);
	memcpy(ip + 24, to->ip.b, 16);
	frame->len += 40;
	if (span_cut(&ext, ':', &next)) {
		uint32_t type;
		if (span_parse_u32(next, 255, &type) != 0)
			golden_fail("not a protocol", next);
		ip[6] = (uint8_t)type;
		frame->len += put_hex(ext, ip + 40);
	}
}

// mid=4:audio is a header extension of one element, 4, in the one-byte form (RFC 8285 4.2). Bytes
// behind the fixed header.
static uint32_t put_mid(struct span words, uint8_t *rtp)
{
	struct span mid = words_get(words, "mid"), id;
	uint8_t *at = rtp + RTP_HEADER_BYTES;
	uint32_t number;

	if (!span_cut(&mid, ':', &id))
		return 0;
	if (span_parse_u32(id, 14, &number) != 0 || mid.len == 0 || mid.len > 16)
		golden_fail("not an extension", mid);
	uint32_t n_words = (1 + mid.len + 3) / 4;
	rtp[0] |= 0x10;
	rtp_store16(at, 0xbede);
	rtp_store16(at + 2, (uint16_t)n_words);
	at[4] = (uint8_t)(number << 4 | (mid.len - 1));
	memcpy(at + 5, mid.ptr, mid.len);
	return 4 + 4 * n_words;
}

static void put_rtp(struct frame *frame, struct span words)
{
	uint64_t seq = words_number(words, "seq", 1);
	uint64_t fill = words_number(words, "fill", seq);
	uint32_t n = (uint32_t)words_number(words, "n", 20);
	uint8_t *at = frame->out + frame->len;
	struct rtp_header header = {
		.ssrc = (uint32_t)words_number(words, "ssrc", 7),
		.timestamp = (uint32_t)words_number(words, "ts", seq * 160),
		.seq = (uint16_t)seq,
		.payload_type = (uint8_t)words_number(words, "pt", 0),
		.is_marked = words_number(words, "mark", 0),
	};
	rtp_build(&header, at);
	uint32_t head = RTP_HEADER_BYTES + put_mid(words, at);
	for (uint32_t i = 0; i < n; i++)
		at[head + i] = (uint8_t)(fill + i * 7);
	frame->len += head + n;
}

static void put_rtcp(struct frame *frame, struct span words, struct span kind)
{
	struct rtcp_sender sender = { .ntp = 1, .timestamp = 160, .packets = 1, .bytes = 160 };
	struct rtcp_report report = {
		.ssrc = (uint32_t)words_number(words, "about", 0),
		.fraction_lost = (uint8_t)words_number(words, "fraction", 0),
		.lost = (int32_t)words_number(words, "lost", 0),
		.jitter = (uint32_t)words_number(words, "jitter", 0),
	};
	struct rtcp_build build = {
		.ssrc = (uint32_t)words_number(words, "ssrc", 7),
		.sender = span_eq(kind, SPAN_LIT("sr")) ? &sender : NULL,
		.reports = &report,
		.report_count = span_is_empty(words_get(words, "about")) ? 0 : 1,
	};
	int len = rtcp_build_report(&build, frame->out + frame->len, 256);
	frame->len += (uint32_t)len;
}

static void put_payload(struct frame *frame, struct span words)
{
	struct span payload = words_get(words, "payload"), rtcp = words_get(words, "rtcp");

	if (!span_is_empty(payload))
		frame->len += put_hex(payload, frame->out + frame->len);
	else if (!span_is_empty(rtcp))
		put_rtcp(frame, words, rtcp);
	else
		put_rtp(frame, words);
}

static void finish_udp(
	struct frame *frame, struct span words, const struct addr *from, const struct addr *to)
{
	uint8_t *udp = frame->out + frame->udp_at;
	uint32_t len = frame->len - frame->udp_at;
	struct span mode = words_get(words, "udpck");

	rtp_store16(udp, from->port);
	rtp_store16(udp + 2, to->port);
	rtp_store16(udp + 4, (uint16_t)words_number(words, "udplen", len));
	// IPv4-mapped prefixes would count: only the address bytes of the family do.
	uint32_t skip = ip_is_v4(&to->ip) ? 12 : 0;
	uint16_t part = (uint16_t)~checksum(17 + len, from->ip.b + skip, 16 - skip);
	part = (uint16_t)~checksum(part, to->ip.b + skip, 16 - skip);
	uint16_t sum = checksum(part, udp, len);
	rtp_store16(udp + 6, sum ? sum : 0xffff);
	if (span_eq(mode, SPAN_LIT("bad")))
		rtp_store16(udp + 6, (uint16_t)(sum + 1)); // an error that survives a translation
	else if (span_eq(mode, SPAN_LIT("none")))
		rtp_store16(udp + 6, 0);
	else if (!span_is_empty(mode))
		put_hex(mode, udp + 6);
}

static void finish_ip(struct frame *frame, struct span words, bool is_v4)
{
	uint8_t *ip = frame->out + frame->ip_at;
	uint32_t len = frame->len - frame->ip_at;

	if (!is_v4) {
		rtp_store16(ip + 4, (uint16_t)(len - 40));
		return;
	}
	rtp_store16(ip + 2, (uint16_t)len);
	uint16_t sum = checksum(0, ip, (ip[0] & 15u) * 4);
	rtp_store16(ip + 10, span_is_empty(words_get(words, "ipck")) ? sum : (uint16_t)(sum + 1));
}

static void damage(struct frame *frame, struct span words)
{
	struct span patch = words_get(words, "patch"), at;
	uint32_t offset;

	if (span_cut(&patch, ':', &at)) {
		if (span_parse_u32(at, FRAME_MAX - 64, &offset) != 0)
			golden_fail("not an offset", at);
		put_hex(patch, frame->out + offset);
	}
	frame->len += (uint32_t)words_number(words, "pad", 0);
	frame->len = (uint32_t)words_number(words, "cut", frame->len);
}

uint32_t frame_build(struct span words, uint8_t *out)
{
	struct frame frame = { .out = out };
	struct span hex = words_get(words, "hex");

	check_keys(words);
	memset(out, 0, FRAME_MAX);
	if (!span_is_empty(hex))
		return put_hex(hex, out);
	struct addr from = get_addr(words, "src", "203.0.113.5:4000");
	struct addr to = get_addr(words, "dst", "198.51.100.1:20000");
	bool is_v4 = ip_is_v4(&to.ip);
	put_ethernet(&frame, words, is_v4);
	if (is_v4)
		put_v4(&frame, words, &from, &to);
	else
		put_v6(&frame, words, &from, &to);
	frame.udp_at = frame.len;
	frame.len += 8;
	put_payload(&frame, words);
	if (!span_is_empty(words_get(words, "srtp")))
		frame.len = frame.udp_at + 8 + secure_protect(words_number(words, "srtp", 0),
			out + frame.udp_at + 8, frame.len - frame.udp_at - 8);
	finish_udp(&frame, words, &from, &to);
	finish_ip(&frame, words, is_v4);
	damage(&frame, words);
	return frame.len;
}

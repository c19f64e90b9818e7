// addr.c - text and socket forms of addresses.
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#define V4_OFFSET 12u // of the four IPv4 bytes in the mapped form
#define V4_BITS   96u // prefix length of ::ffff:0:0/96

static const uint8_t v4_mapped[V4_OFFSET] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

bool ip_is_v4(const struct ip *ip)
{
	return memcmp(ip->b, v4_mapped, sizeof v4_mapped) == 0;
}

bool ip_is_unset(const struct ip *ip)
{
	static const struct ip unset;
	return ip_eq(ip, &unset);
}

bool ip_eq(const struct ip *a, const struct ip *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
	return a->port == b->port && ip_eq(&a->ip, &b->ip);
}

bool ip_is_loopback(const struct ip *ip)
{
	static const struct ip loopback = { { [15] = 1 } };
	if (ip_is_v4(ip))
		return ip->b[V4_OFFSET] == 127;
	return ip_eq(ip, &loopback);
}

bool ip_is_special(const struct ip *ip)
{
	if (ip_is_unset(ip) || ip_is_loopback(ip))
		return true;
	if (!ip_is_v4(ip))
		return ip->b[0] == 0xff || (ip->b[0] == 0xfe && (ip->b[1] & 0xc0) == 0x80);
	const uint8_t *v4 = ip->b + V4_OFFSET;
	bool is_link_local = v4[0] == 169 && v4[1] == 254;
	// 0/8 is "this network", 224/4 multicast, 240/4 reserved with the broadcast address.
	return v4[0] == 0 || is_link_local || v4[0] >= 224;
}

struct ip ip_from_v4(uint32_t host_order)
{
	struct ip ip;
	uint32_t be = htonl(host_order);
	memcpy(ip.b, v4_mapped, sizeof v4_mapped);
	memcpy(ip.b + V4_OFFSET, &be, sizeof be);
	return ip;
}

int ip_parse(struct span text, struct ip *out)
{
	char buf[INET6_ADDRSTRLEN];
	struct in_addr v4;
	struct in6_addr v6;
	if (text.len >= 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']') {
		text = span_sub(text, 1, text.len - 2);
		if (span_find(text, ':', 0) < 0)
			return -EINVAL;
	}
	// inet_pton() would stop at an embedded NUL and accept what lies before it.
	if (span_copy(text, buf, sizeof buf) != 0 || span_find(text, '\0', 0) >= 0)
		return -EINVAL;
	if (inet_pton(AF_INET, buf, &v4) == 1) {
		*out = ip_from_v4(ntohl(v4.s_addr));
		return 0;
	}
	if (inet_pton(AF_INET6, buf, &v6) != 1)
		return -EINVAL;
	memcpy(out->b, v6.s6_addr, sizeof out->b);
	return 0;
}

static int parse_port(struct span text, uint16_t *out)
{
	uint32_t port;
	if (span_parse_u32(text, 65535, &port) != 0 || port == 0)
		return -EINVAL;
	*out = (uint16_t)port;
	return 0;
}

int addr_parse(struct span text, uint16_t default_port, struct addr *out)
{
	struct addr addr = { .port = default_port };
	struct span host = text;
	int32_t end = text.len > 0 && text.ptr[0] == '[' ? span_find(text, ']', 0) : -1;
	int32_t colon = span_find(text, ':', end > 0 ? (uint32_t)end : 0);
	// A second colon without brackets is a bare IPv6 address, which has no room for a port.
	if (end < 0 && colon >= 0 && span_find(text, ':', (uint32_t)colon + 1) >= 0)
		colon = -1;
	if (colon >= 0) {
		host = span_sub(text, 0, (uint32_t)colon);
		struct span port = span_sub(text, (uint32_t)colon + 1, text.len);
		if (parse_port(port, &addr.port) != 0)
			return -EINVAL;
	}
	if (ip_parse(host, &addr.ip) != 0)
		return -EINVAL;
	*out = addr;
	return 0;
}

static bool bits_are_zero_from(const struct ip *ip, uint32_t bits)
{
	for (uint32_t i = bits; i < 128; i++) {
		if (ip->b[i / 8] & (0x80 >> i % 8))
			return false;
	}
	return true;
}

int ip_prefix_parse(struct span text, struct ip_prefix *out)
{
	struct ip ip;
	uint32_t bits = 128;
	int32_t slash = span_find(text, '/', 0);
	struct span host = slash < 0 ? text : span_sub(text, 0, (uint32_t)slash);
	if (ip_parse(host, &ip) != 0)
		return -EINVAL;
	if (slash >= 0) {
		struct span length = span_sub(text, (uint32_t)slash + 1, text.len);
		uint32_t skip = ip_is_v4(&ip) && span_find(host, ':', 0) < 0 ? V4_BITS : 0;
		if (span_parse_u32(length, 128 - skip, &bits) != 0)
			return -EINVAL;
		bits += skip;
	}
	if (!bits_are_zero_from(&ip, bits))
		return -EINVAL;
	*out = (struct ip_prefix){ .ip = ip, .bits = (uint8_t)bits };
	return 0;
}

bool ip_prefix_has(const struct ip_prefix *prefix, const struct ip *ip)
{
	uint32_t whole = prefix->bits / 8;
	uint32_t rest = prefix->bits % 8;
	if (memcmp(prefix->ip.b, ip->b, whole) != 0)
		return false;
	if (rest == 0)
		return true;
	uint8_t mask = (uint8_t)(0xff << (8 - rest));
	return ((prefix->ip.b[whole] ^ ip->b[whole]) & mask) == 0;
}

static char *put_byte(char *at, uint8_t value)
{
	if (value >= 100)
		*at++ = (char)('0' + value / 100);
	if (value >= 10)
		*at++ = (char)('0' + value / 10 % 10);
	*at++ = (char)('0' + value % 10);
	return at;
}

// inet_ntop() goes by way of sprintf(), a tenth of all instructions of a call.
static uint32_t format_v4(const uint8_t *b, char *buf)
{
	char *at = buf;
	for (uint32_t i = 0; i < 4; i++) {
		if (i > 0)
			*at++ = '.';
		at = put_byte(at, b[i]);
	}
	*at = '\0';
	return (uint32_t)(at - buf);
}

uint32_t ip_format(const struct ip *ip, char *buf)
{
	if (ip_is_v4(ip))
		return format_v4(ip->b + V4_OFFSET, buf);
	if (!inet_ntop(AF_INET6, ip->b, buf, ADDR_TEXT_MAX))
		buf[0] = '\0';
	return (uint32_t)strlen(buf);
}

uint32_t ip_format_host(const struct ip *ip, char *buf)
{
	if (ip_is_v4(ip))
		return ip_format(ip, buf);
	buf[0] = '[';
	uint32_t len = 1 + ip_format(ip, buf + 1);
	buf[len++] = ']';
	buf[len] = '\0';
	return len;
}

uint32_t addr_format(const struct addr *addr, char *buf)
{
	uint32_t len = ip_format_host(&addr->ip, buf);
	int tail = snprintf(buf + len, ADDR_TEXT_MAX - len, ":%u", addr->port);
	return tail < 0 ? len : len + (uint32_t)tail;
}

socklen_t addr_to_sockaddr(const struct addr *addr, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof *out);
	if (ip_is_v4(&addr->ip)) {
		struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(addr->port) };
		memcpy(&v4.sin_addr, addr->ip.b + V4_OFFSET, sizeof v4.sin_addr);
		memcpy(out, &v4, sizeof v4);
		return sizeof v4;
	}
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(addr->port) };
	memcpy(&v6.sin6_addr, addr->ip.b, sizeof v6.sin6_addr);
	memcpy(out, &v6, sizeof v6);
	return sizeof v6;
}

int addr_from_sockaddr(const struct sockaddr *sa, struct addr *out)
{
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, sa, sizeof v4);
		out->ip = ip_from_v4(ntohl(v4.sin_addr.s_addr));
		out->port = ntohs(v4.sin_port);
		return 0;
	}
	if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;
		memcpy(&v6, sa, sizeof v6);
		memcpy(out->ip.b, v6.sin6_addr.s6_addr, sizeof out->ip.b);
		out->port = ntohs(v6.sin6_port);
		return 0;
	}
	return -EAFNOSUPPORT;
}

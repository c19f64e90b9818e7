// addr.h - IP addresses and UDP/TCP end points, one form for IPv4 and IPv6.
//
// An IPv4 address is held as its IPv4-mapped IPv6 form (RFC 4291 2.5.5.2), so that both families
// share one 16-byte comparison. Any thread; plain values, no ownership.
#pragma once

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct ip {
	uint8_t b[16]; // network order; ::ffff:a.b.c.d for IPv4; all zero = unset
};

struct addr {
	struct ip ip;
	uint16_t port; // host order, 0 = unset
};

struct ip_prefix {
	struct ip ip;
	uint8_t bits; // 0..128, counted in the 16-byte form (an IPv4 /24 is 120)
};

#define ADDR_TEXT_MAX 56 // "[ipv6]:port" and NUL

bool ip_is_v4(const struct ip *ip);
bool ip_is_unset(const struct ip *ip);
bool ip_eq(const struct ip *a, const struct ip *b);
bool addr_eq(const struct addr *a, const struct addr *b);

// Loopback, unspecified, link-local, multicast or broadcast: never a legitimate far end of a
// call unless the realm itself lives there.
bool ip_is_special(const struct ip *ip);
bool ip_is_loopback(const struct ip *ip);

// "192.0.2.1" or "2001:db8::1", with or without [ ]. 0 or -EINVAL.
int ip_parse(struct span text, struct ip *out);

// "192.0.2.1:5060", "[2001:db8::1]:5060"; the port may be missing (then `default_port`).
int addr_parse(struct span text, uint16_t default_port, struct addr *out);

// "192.0.2.0/24", or a bare address as a host prefix. -EINVAL: not an address, length out of range
// or host bits set.
int ip_prefix_parse(struct span text, struct ip_prefix *out);
bool ip_prefix_has(const struct ip_prefix *prefix, const struct ip *ip);

// Writes text and NUL into `buf` of at least ADDR_TEXT_MAX bytes, returns its length. IPv6 bare.
uint32_t ip_format(const struct ip *ip, char *buf);
// IPv6 in brackets, as SIP and URIs want it (RFC 3261 25.1 IPv6reference).
uint32_t ip_format_host(const struct ip *ip, char *buf);
uint32_t addr_format(const struct addr *addr, char *buf);

struct ip ip_from_v4(uint32_t host_order);
socklen_t addr_to_sockaddr(const struct addr *addr, struct sockaddr_storage *out);
int addr_from_sockaddr(const struct sockaddr *sa, struct addr *out);

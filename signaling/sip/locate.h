// locate.h - where a SIP server is: RFC 3263 section 4, RFC 2782, RFC 7984, without any network.
//
// A place (host, port, transport) and record sets go in, an ordered list of targets comes out.
// Record sets are asked for through lookup(), which may say that an answer is still awaited: the
// caller runs sip_locate() again when it came. Pure; one thread.
#pragma once

#include "base/addr.h"
#include "base/rng.h"
#include "sip/transport.h"
#include "sip/uri.h"

#include <stdbool.h>
#include <stdint.h>

#define SIP_DOMAIN_MAX 253u // characters of a name in DNS, without the last dot

// Where a request is to go, before anybody asked DNS.
struct sip_place {
	struct span host;             // name or address as written
	struct ip ip;                 // of a numeric host, else unset
	uint16_t port;                // 0 = none given: SRV decides
	enum sip_transport transport; // if has_transport
	bool has_transport;           // no NAPTR
	bool is_secure;               // sips
};

// 0, or -EINVAL: neither sip nor sips, or a transport that nobody knows. maddr stands for the host
// (RFC 3263 4). Spans point into the URI.
int sip_place_of_uri(const struct sip_uri *uri, struct sip_place *out);

// What we can dial: one bit for each enum sip_transport.
struct sip_ability {
	uint8_t v4, v6;    // families we have
	uint8_t v6_first;  // IPv6 is tried before IPv4
	bool has_loopback; // loopback addresses are believed: a laboratory
};

enum sip_record_type { SIP_RECORD_A, SIP_RECORD_AAAA, SIP_RECORD_SRV, SIP_RECORD_NAPTR,
	SIP_RECORD_TYPES };

struct sip_record {
	struct span name; // SRV: target, NAPTR: replacement, in lower case; empty = "."
	union {
		struct ip ip; // A, AAAA
		struct {
			uint16_t priority, weight, port;
		} srv;
		struct {
			uint16_t order, preference;
			struct span flags, service;
			bool has_regexp;
		} naptr;
	};
};

struct sip_records {
	const struct sip_record *list; // borrowed until sip_locate() returns
	uint32_t count;                // 0: there are none, or they could not be had
};

struct sip_locator {
	struct sip_ability ability;
	struct rng *rng;
	// `name` in lower case, without the last dot. False: an answer is awaited.
	bool (*lookup)(void *context, enum sip_record_type type, struct span name,
		struct sip_records *out);
	void *context;
};

// Fills `targets` and returns their number, 0 = the place cannot be reached; or -EAGAIN: lookup()
// was false. It asks for all that can be asked at once. SRV weights and equal addresses are drawn
// anew each time, so that load spreads.
int sip_locate(const struct sip_locator *locator, const struct sip_place *place,
	struct sip_target targets[SIP_TARGETS_MAX]);

// RFC 2782: the order in which to try the records, as indices. At most SIP_TARGETS_MAX; returns
// their number.
uint32_t sip_srv_order(const struct sip_records *records, struct rng *rng,
	uint32_t order[SIP_TARGETS_MAX]);

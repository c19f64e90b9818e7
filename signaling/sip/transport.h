// transport.h - what carries a message, and where one goes: RFC 3261 18, RFC 7118, RFC 5626.
//
// Plain data, no socket. A connection is a handle that any worker may hold: it names a place that
// may be gone when it is used, which is then told (core_send_failed()).
#pragma once

#include "base/addr.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

// In the order of enum config_transport (config/config.h).
enum sip_transport {
	SIP_TRANSPORT_UDP,
	SIP_TRANSPORT_TCP,
	SIP_TRANSPORT_TLS,
	SIP_TRANSPORT_WS,
	SIP_TRANSPORT_WSS,
	SIP_TRANSPORT_COUNT
};

static inline bool sip_transport_is_reliable(enum sip_transport transport)
{
	return transport != SIP_TRANSPORT_UDP;
}

static inline bool sip_transport_is_secure(enum sip_transport transport)
{
	return transport == SIP_TRANSPORT_TLS || transport == SIP_TRANSPORT_WSS;
}

// As Via writes it: "UDP", "TCP", "TLS", "WS", "WSS".
static inline struct span sip_transport_name(enum sip_transport transport)
{
	static const struct span names[SIP_TRANSPORT_COUNT] = { SPAN_LIT("UDP"), SPAN_LIT("TCP"),
		SPAN_LIT("TLS"), SPAN_LIT("WS"), SPAN_LIT("WSS") };

	return transport < SIP_TRANSPORT_COUNT ? names[transport] : SPAN_NONE;
}

// Of a Via or of the URI parameter "transport", any case. False: none that we know.
static inline bool sip_transport_parse(struct span name, enum sip_transport *out)
{
	for (uint32_t i = 0; i < SIP_TRANSPORT_COUNT; i++) {
		if (!span_ieq(name, sip_transport_name((enum sip_transport)i)))
			continue;
		*out = (enum sip_transport)i;
		return true;
	}
	return false;
}

// {worker, slot, generation} of net/connection.h, opaque above it; 0 = no connection.
typedef uint64_t sip_connection;

#define SIP_TLS_NAME_MAX 253u // a DNS name

// One hop: where a message came from, or where it is to go.
struct sip_hop {
	uint32_t listener;         // realm << 8 | index; its transport is the hop's
	struct addr addr;          // the far end
	// A connection to it. Going out it is used while it lives; then, and with 0, one to `addr`
	// is found or opened, unless is_bound.
	sip_connection connection;
	bool is_bound;             // this connection or none: the far end cannot be dialled
	bool is_dialled;           // coming in: we opened the connection, and can again
	// Going out by TLS: whose settings hold for a connection that is dialled, 1 + index of the
	// trunk; 0 = the listener's.
	uint16_t tls_trunk;
	// Coming in by TLS: whose name the far end's certificate showed, 1 + index of the trunk;
	// 0 = nobody's, its address tells.
	uint16_t peer_trunk;
	// Going out by TLS: the name that the certificate must show (RFC 5922), at most
	// SIP_TLS_NAME_MAX bytes; empty = the address itself. A trunk's `tls.name` replaces it.
	struct span tls_name;
};

// RFC 3263: one place where a request may be tried.
#define SIP_TARGETS_MAX 16u // of one name; more are not tried
struct sip_target {
	struct addr addr;
	enum sip_transport transport;
};

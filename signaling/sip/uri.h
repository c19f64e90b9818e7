// uri.h - URIs in SIP: sip, sips, tel and urn parsed into parts; every other scheme is only named.
//
// Everything is a span into the text that was parsed. Any thread, pure, no allocation.
// Does not resolve (RFC 3263 is net's) and does not rewrite.
#pragma once

#include "base/addr.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum sip_scheme {
	SIP_SCHEME_NONE,  // nothing parsed yet
	SIP_SCHEME_SIP,   // RFC 3261 19.1
	SIP_SCHEME_SIPS,
	SIP_SCHEME_TEL,   // RFC 3966
	SIP_SCHEME_URN,   // RFC 5031: urn:service:sos
	SIP_SCHEME_OTHER, // a well-formed absolute URI of a scheme that we do not serve: 416
};

struct sip_uri {
	struct span text;     // the whole URI
	enum sip_scheme scheme;
	// still escaped, without password; tel: the number; urn: all behind "urn:"
	struct span user;
	struct span password; // empty if absent
	// name or address as written, IPv6 without its brackets; empty for tel, urn
	struct span host;
	struct ip ip;         // of a numeric host, else unset
	uint16_t port;        // 0 = absent
	bool has_user;        // "sip:@host" is malformed, so false means that there was no '@'
	struct span params;   // behind the first ';', without it
	struct span headers;  // behind '?', without it
};

struct sip_param {
	struct span name;
	struct span value; // as written; a quoted string keeps its quotes
	bool has_value;    // "=" was there
};

// Next parameter of a ";"-separated list ("a=b;c;d=\"x\"", a leading ';' and LWS around separators
// are allowed); advances *rest. 1: *out is set; 0: end of the list; -EINVAL: malformed.
int sip_param_next(struct span *rest, struct sip_param *out);
// First parameter of that name, case-insensitive. False: absent.
bool sip_param_find(struct span params, struct span name, struct sip_param *out);

// host or "[" IPv6 "]", as in sent-by and SIP URIs.
struct sip_host {
	struct span host; // IPv6 without brackets
	struct ip ip;     // if numeric, else unset
};
// Parses the host at s.ptr[*pos] and advances *pos behind it. 0 or -EINVAL.
int sip_host_parse(struct span s, uint32_t *pos, struct sip_host *out);

// 0, or -EINVAL: not a URI, or one of the four known schemes with wrong syntax.
int sip_uri_parse(struct span text, struct sip_uri *out);

// Equivalence of RFC 3261 19.1.4 for sip and sips, RFC 3966 5 for tel, RFC 8141 3 for urn, bytes
// else.
bool sip_uri_eq(const struct sip_uri *a, const struct sip_uri *b);

// The port that the URI means: its own, or 5060 / 5061 for sips and transport=tls.
uint16_t sip_uri_port(const struct sip_uri *uri);

// %HH decoded. 0, -EINVAL (a broken or %00 escape), -ENOSPC: more than `cap` bytes.
int sip_unescape(struct span text, char *buf, uint32_t cap, struct span *out);

// The user part as it is looked up in routes and registrations: unescaped, of sip and sips without
// ";user-parameters", of tel and telephone numbers without visual separators. 0, -EINVAL, -ENOSPC.
int sip_uri_user(const struct sip_uri *uri, char *buf, uint32_t cap, struct span *out);

// "urn:service:sos" or any of its sub-services (RFC 5031 4.2).
bool sip_uri_is_emergency(const struct sip_uri *uri);

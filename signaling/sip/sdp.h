// sdp.h - session descriptions (RFC 8866): parsed into a bounded struct, written back rewritten.
//
// Everything is a span into the text that was parsed. Any thread, pure, no allocation. Offer/answer
// (RFC 3264) is call's: here are only syntax and the mechanical replacement of addresses.
// Lenient where real phones err (bare LF, order of lines, missing s= or t=), strict about lengths,
// numbers and bytes.
#pragma once

#include "base/addr.h"
#include "sip/build.h"

#include <stdbool.h>
#include <stdint.h>

#define SDP_MEDIA_MAX   32u  // m= lines
#define SDP_FORMATS_MAX 64u  // formats in one m= line
#define SDP_ATTRS_MAX   512u // a= lines in all
#define SDP_LINES_MAX   32u  // i=, b=, k=, ... lines in all that are only kept
#define SDP_CRYPTO_MAX  4u   // a=crypto lines that we write in a line
#define SDP_TEXT_MAX    65535u
#define SDP_LINE_MAX    4096u // bytes of one line

enum sdp_attr_id {
	SDP_ATTR_OTHER,
#define SDP_ATTR(id, name, class) SDP_ATTR_##id,
#include "sip/sdp_attr.def"
#undef SDP_ATTR
	SDP_ATTR_COUNT
};

// What an attribute is about; bits of struct sdp_rewrite.drop.
enum sdp_class {
	SDP_CLASS_PLAIN = 0,          // passed through
	SDP_CLASS_OTHER = 1 << 0,     // attributes that we do not know
	SDP_CLASS_CODEC = 1 << 1,     // rtpmap, fmtp, ptime, ...
	SDP_CLASS_DIRECTION = 1 << 2, // sendrecv, ...
	SDP_CLASS_RTCP = 1 << 3,      // a=rtcp:
	SDP_CLASS_RTCP_MUX = 1 << 4,
	SDP_CLASS_ICE = 1 << 5,
	SDP_CLASS_SDES = 1 << 6,
	SDP_CLASS_DTLS = 1 << 7,      // and TCP: who connects, what is new (RFC 4145, 4572)
	SDP_CLASS_BUNDLE = 1 << 8,
	SDP_CLASS_SSRC = 1 << 9,
	SDP_CLASS_ADDRESS = 1 << 10,  // attributes that carry addresses which we do not replace
};

enum sdp_direction { SDP_SENDRECV, SDP_SENDONLY, SDP_RECVONLY, SDP_INACTIVE };

struct sdp_attr {
	struct span name;
	struct span value; // behind ':', empty if there is none
	uint8_t id;        // enum sdp_attr_id
	bool has_value;
};

// c= or the address of o=.
struct sdp_address {
	struct span text; // address as written, without "/ttl"
	struct span suffix; // "/ttl" or "/ttl/count" of multicast, else empty
	struct ip ip;     // if numeric, else unset
	bool is_present;
	bool is_fqdn;     // a name, to be resolved by whoever needs it
	bool is_ip6;      // "IP6" was said
	bool is_multicast; // had a /ttl or /count, or is a multicast address
};

struct sdp_line {
	char type; // 'i', 'b', 'k', 'u', 'e', 'p', 'z', 'r', 't'
	struct span value;
};

struct sdp_media {
	struct span type;         // "audio", "video", "image", "application", ...
	struct span proto;        // "RTP/AVP", "udptl", ...
	uint16_t port;            // 0 = rejected or disabled
	uint16_t port_count;      // of "port/count", else 1
	bool is_rtp;              // RTP/AVP, AVPF, SAVP, SAVPF and their UDP/TLS forms
	bool is_secure;           // one of the SAVP forms
	uint32_t format_count;
	struct span format[SDP_FORMATS_MAX];
	struct sdp_address connection; // own c=, else a copy of the session's
	bool has_own_connection;
	enum sdp_direction direction;  // own, else the session's, else sendrecv
	bool has_rtcp_mux;
	bool is_bundle_only;      // RFC 8843 6: port 0, but only to those who do not know BUNDLE
	struct span mid;          // RFC 5888, empty = none
	uint16_t rtcp_port;       // of a=rtcp, 0 = absent (then port + 1)
	struct ip rtcp_ip;        // of a=rtcp, unset = that of c=
	uint32_t attr_first;      // attr[attr_first .. + attr_count) of the session
	uint32_t attr_count;
	uint32_t line_first;      // likewise line[]
	uint32_t line_count;
};

struct sdp_session {
	struct span text;
	struct span username;     // o=
	struct span session_id;   // decimal digits, any length up to 20
	struct span session_version;
	struct sdp_address origin;
	struct span name;         // s=, may be empty
	struct sdp_address connection;
	enum sdp_direction direction;
	uint32_t attr_count;      // session level: attr[0 .. attr_count)
	uint32_t line_count;      // session level: line[0 .. line_count)
	uint32_t media_count;
	struct sdp_media media[SDP_MEDIA_MAX];
	uint32_t attrs_used, lines_used;
	struct sdp_attr attr[SDP_ATTRS_MAX]; // in order of arrival
	struct sdp_line line[SDP_LINES_MAX];
};

struct sdp_fault {
	uint32_t line;      // 1 = first
	const char *reason; // static, e.g. "Malformed m= line"; for Warning 305/399 and the log
};

// 0, or -EINVAL with *fault. About 60 kB of output struct: keep one per worker.
int sdp_parse(struct span text, struct sdp_session *out, struct sdp_fault *fault);

// First attribute with that id in media[index], or at session level for index -1. NULL: none.
const struct sdp_attr *sdp_find(const struct sdp_session *sdp, int index, enum sdp_attr_id id);
uint32_t sdp_attr_class(enum sdp_attr_id id); // enum sdp_class

// Index of the line with that mid (RFC 5888), -1 = none.
int sdp_mid_lookup(const struct sdp_session *sdp, struct span mid);
// Walks the BUNDLE groups of the session: *attr is NULL at first, and after the last one. False:
// no more; else *mids is what stands behind "BUNDLE".
bool sdp_next_bundle(const struct sdp_session *sdp, const struct sdp_attr **attr,
	struct span *mids);
// The next mid of such a list, as a line. False at its end; mids that no line has are left out.
bool sdp_next_of_bundle(const struct sdp_session *sdp, struct span *mids, uint32_t *index);

#define SDP_MID_EXTENSION "urn:ietf:params:rtp-hdrext:sdes:mid" // RFC 8843 15.2
// The id of an a=extmap of that extension; 0: it is of another one.
uint8_t sdp_mid_extension(const struct sdp_attr *attr);

// The format in front of an attribute's value ("96" of rtpmap, fmtp and rtcp-fb) and what follows
// it. False: the value is empty.
bool sdp_attr_format(const struct sdp_attr *attr, struct span *format, struct span *rest);

struct sdp_codec {
	struct span name;    // "PCMU"
	uint32_t clock_rate; // Hz
	uint32_t channels;   // 1 if not given
	struct span fmtp;    // parameters of a=fmtp, empty if none
};
// Of format[i] of media[index]: its rtpmap, else the static assignment of RFC 3551 6. 0, -ENOENT:
// unknown (dynamic without rtpmap, or not RTP), -EINVAL: malformed rtpmap.
int sdp_codec_of(const struct sdp_session *sdp, uint32_t index, uint32_t i, struct sdp_codec *out);
// Held by the far end: sendonly, inactive, or c=0.0.0.0 / :: (RFC 3264 8.4, RFC 2543 B.5).
bool sdp_media_is_held(const struct sdp_media *media);
const char *sdp_direction_name(enum sdp_direction direction);

// Rewriting ----------

struct sdp_media_rewrite {
	// The line goes as it came, with its own address and port: media that does not cross us.
	// Session-level attributes of its connection go into it. Nothing below matters then.
	bool is_passed;
	struct ip ip;        // own address in c=; unset: that of the session rewrite
	// own port, 0 = the line is rejected or disabled (its attributes are dropped)
	uint16_t port;
	// 0 or port + 1: no a=rtcp is written; else a=rtcp with it (own port if muxed)
	uint16_t rtcp_port;
	bool has_rtcp_mux;   // write a=rtcp-mux
	bool is_grouped;     // stays in its BUNDLE group and keeps its mid
	bool is_bundle_only; // port 0, but not rejected: its attributes stay
	bool has_direction;  // write `direction` instead of what stood there
	enum sdp_direction direction;
	// Write only these formats, in this order, and only their rtpmap, fmtp, rtcp-fb. 0 = all.
	uint32_t format_count;
	uint8_t format[SDP_FORMATS_MAX]; // index into format[] of the line
	uint32_t ptime_ms;   // write a=ptime with it instead of what stood there, 0 = do not
	struct span proto;   // empty = as it was
	bool drops_feedback; // no a=rtcp-fb
	struct span mid;     // written though the line is in no group; empty = none
	uint32_t crypto_count;
	struct span crypto[SDP_CRYPTO_MAX]; // values of a=crypto lines of our own
	struct span own;     // whole lines of attributes of our own, with CR LF
};

struct sdp_rewrite {
	struct span username;    // of o=, e.g. "-"
	uint64_t session_id;
	uint64_t session_version;
	struct ip ip;            // own address: o= and session-level c=
	bool has_ice, is_ice_lite; // what the session says of ICE (RFC 8839 5.3, 5.6)
	struct span groups;      // whole a=group lines of our own, with CR LF
	uint32_t drop; // enum sdp_class bits; a=rtcp, rtcp-mux and replaced directions always go
	// enum sdp_class bits dropped from lines that are passed
	uint32_t drop_passed;
	struct sdp_media_rewrite media[SDP_MEDIA_MAX];
};

// Writes `sdp` with CR LF and canonical order of lines: v o s i u e p c b t r z k a, then each m.
// Own o=, "s=-", own addresses; "i=", "u=", "e=", "p=" and "k=" are not passed on (they identify
// the far side). Overflow shows in the writer.
void sdp_put_rewritten(struct sip_writer *w, const struct sdp_session *sdp,
	const struct sdp_rewrite *rewrite);
// Writes `sdp` as it is, in canonical order: parse(put(x)) == parse(x).
void sdp_put(struct sip_writer *w, const struct sdp_session *sdp);

// profile.h - how a kind of peer wants to be spoken to: call flows, headers, session descriptions.
//
// A profile is named in the section `profiles`, and a realm or a trunk names the profile that its
// side of a call follows: the trunk's, else the realm's, else `default`, which always exists and
// may be redefined. Immutable like the whole configuration.
#pragma once

#include "base/span.h"
#include "config/profile_headers.h"

#include <stdbool.h>
#include <stdint.h>

#define CONFIG_PROFILES_MAX 256u

// Who carries a REFER out (RFC 3515).
enum profile_refer { PROFILE_REFER_HANDLE, PROFILE_REFER_PASS, PROFILE_REFER_REJECT };
// What becomes of a 3xx (RFC 3261 8.1.3.4).
enum profile_redirect { PROFILE_REDIRECT_REJECT, PROFILE_REDIRECT_FOLLOW, PROFILE_REDIRECT_PASS };

// Whose connections carry our requests back (RFC 5923).
enum profile_reuse { PROFILE_REUSE_OFF, PROFILE_REUSE_CERTIFICATE, PROFILE_REUSE_ADDRESS };

enum profile_reliable { PROFILE_RELIABLE_AUTO, PROFILE_RELIABLE_REQUIRE, PROFILE_RELIABLE_OFF };
enum profile_session { PROFILE_SESSION_ACCEPT, PROFILE_SESSION_REQUIRE, PROFILE_SESSION_OFF };
// By the roles in the first INVITE.
enum profile_refresher { PROFILE_REFRESHER_AUTO, PROFILE_REFRESHER_UAC, PROFILE_REFRESHER_UAS };
enum profile_late_offer { PROFILE_LATE_OFFER_PASS, PROFILE_LATE_OFFER_CONVERT };
// What a caller sees of a called side that forks.
enum profile_forks { PROFILE_FORKS_ONE, PROFILE_FORKS_ALL };
enum profile_early_media { PROFILE_EARLY_MEDIA_NEWEST, PROFILE_EARLY_MEDIA_FIRST };

// Keys `flow` (profile_flow.c): who does what in a call: timers, 100rel, transfer, redirection.
struct profile_flow {
	uint32_t refer;         // enum profile_refer, of the leg that a REFER comes by
	uint32_t redirect;      // enum profile_redirect, of the leg that a 3xx comes by
	uint32_t reuse;         // enum profile_reuse
	uint32_t reliable;      // enum profile_reliable, RFC 3262
	uint32_t early_media;   // enum profile_early_media, where the peer forks
	uint32_t forks;         // enum profile_forks, of calls by the peer
	uint32_t late_offer;    // enum profile_late_offer, of calls to the peer
	uint32_t session_mode;  // enum profile_session, RFC 4028
	uint32_t session_expires_ms; // that we ask for, 0 = 30 minutes
	uint32_t session_min_ms;     // below it 422
	uint32_t session_refresher;  // enum profile_refresher
	uint32_t duration_max_ms;    // of a call, 0 = no limit
};

#define PROFILE_CODECS_MAX 32u // in each list
#define PROFILE_BODIES_MAX 16u
#define PROFILE_STREAMS_MAX 32u

enum profile_unanchored { PROFILE_UNANCHORED_REFUSE, PROFILE_UNANCHORED_PASS };
enum profile_bundle { PROFILE_BUNDLE_STRIP, PROFILE_BUNDLE_PASS };

enum profile_srtp {
	PROFILE_SRTP_OFF,
	PROFILE_SRTP_OPTIONAL,
	PROFILE_SRTP_REQUIRED,
	PROFILE_SRTP_DTLS,
};
enum profile_ice { PROFILE_ICE_OFF, PROFILE_ICE_LITE, PROFILE_ICE_FULL };
// Who begins the handshake where both may (RFC 5763 5).
enum profile_setup { PROFILE_SETUP_ACTIVE, PROFILE_SETUP_PASSIVE };
// Feedback (RFC 4585) in what this side is offered.
enum profile_feedback { PROFILE_FEEDBACK_AUTO, PROFILE_FEEDBACK_KEEP, PROFILE_FEEDBACK_STRIP };

// "PCMA", "L16/16000", "video/H264", "video/*".
struct profile_codec {
	struct span name;    // encoding name, compared without case; "*" = all of the type
	uint32_t clock_rate; // Hz, 0 = any
	bool is_video;       // concerns m=video, else m=audio
};

struct profile_codec_list {
	struct profile_codec *codecs; // [count]
	uint32_t count;
};

// Keys `sdp` (profile_sdp.c): codecs and what may stand in a session description. Both sides of a
// call have a say: what either profile refuses does not cross.
struct profile_sdp {
	struct profile_codec_list allow;  // empty = all; per type: no video entry allows all video
	struct profile_codec_list deny;   // stronger than allow
	struct profile_codec_list prefer; // first in what this side is sent, in this order
	bool strip_telephone_event;       // no RFC 4733 events with this side
	uint32_t ptime_ms;                // a=ptime that this side is sent; 0 = as it came
	uint32_t streams_max;             // lines relayed in one call, 1..32
	uint32_t unanchored;              // enum profile_unanchored: MSRP and other TCP media
	uint32_t unknown;                 // likewise: lines of protocols that nobody here knows
	uint32_t bundle;                  // enum profile_bundle (RFC 8843)
	uint32_t srtp;                    // enum profile_srtp (RFC 4568, 8643, 5763)
	uint32_t ice;                     // enum profile_ice (RFC 8445)
	uint32_t setup;                   // enum profile_setup
	uint32_t feedback;                // enum profile_feedback
	struct span *bodies;              // [body_count], media types that pass beside SDP
	uint32_t body_count;
};

enum profile_latching {
	PROFILE_LATCHING_REALM, // as the realm says
	PROFILE_LATCHING_STRICT,
	PROFILE_LATCHING_ONCE,
	PROFILE_LATCHING_PROOF
};
// What a far end behind a NAT is sent when nothing else is (RFC 6263).
enum profile_keepalive {
	PROFILE_KEEPALIVE_OFF,
	PROFILE_KEEPALIVE_RTP,  // 4.6: RTP without payload, of a payload type that nobody knows
	PROFILE_KEEPALIVE_RTCP, // 4.3: where it shares the port with RTP
	PROFILE_KEEPALIVE_STUN  // 4.4: Binding indication
};

// Keys `media` (profile_media.c): what muga-media does with the packets of this side.
struct profile_media {
	uint32_t latching;     // enum profile_latching, of what comes from the peer
	uint32_t keepalive;    // enum profile_keepalive
	uint32_t keepalive_ms; // silence after which one is sent
	uint32_t rate_max;     // packets a second and port that we take from the peer, 0 = any
	bool has_dscp;         // else as the realm says
	uint8_t dscp;          // of what we send to it, 0..63
	bool anchor;           // SSRC, sequence and time of what it hears go on over a new far end
};

struct config_profile {
	const char *name;
	struct profile_flow flow;
	struct profile_headers headers; // keys `headers`: fields, identity, codes
	struct profile_sdp sdp;
	struct profile_media media;
};

struct config;

// The profile of that index; the defaults where a configuration made by hand has no profiles.
const struct config_profile *config_profile(const struct config *config, uint32_t index);

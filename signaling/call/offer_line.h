// offer_line.h - one m= line of an exchange: whether it crosses, by which ports, what it says then.
//
// Private to offer.c, offer_line.c and bundle.c. The description at hand is core->sdp, what is
// written of it core->rewrite.
#pragma once

#include "call/core_private.h"

// By transport protocol. What is LINE_REFUSED cannot cross in any form.
enum line_kind {
	LINE_RTP,        // RTP over UDP: relayed
	LINE_OPAQUE,     // other protocols over UDP, T.38 first of all: relayed unread
	LINE_UNANCHORED, // over TCP: MSRP, T.38, BFCP; passed or refused, by profile
	LINE_UNKNOWN,    // likewise
	LINE_REFUSED,
};
enum line_kind line_kind_of(const struct sdp_media *m);
bool line_is_tls(const struct sdp_media *m);  // UDP/TLS/...: keys by DTLS (RFC 5764)
bool line_is_avpf(const struct sdp_media *m); // with feedback (RFC 4585)

// Takes line i of an offer into offer->lines[i]; a rejected one is no failure.
enum offer_result line_take(struct call *call, const struct core_env *env, uint32_t i);
// Applies line i of an answer. True: accepted, it goes to the offerer with a port.
bool line_apply(struct call *call, const struct core_env *env, uint32_t i);
// What line i says to leg `to`, into core->rewrite.
void line_rewrite(struct call *call, const struct core_env *env, enum call_side to, uint32_t i);

// secure.c: keys of lines by SDES (RFC 4568), offered with RTP/SAVP or, where the profile says
// `optional`, with RTP/AVP (RFC 8643). Each leg has keys of its own, or none.

// Whether lines of that leg may have keys, by profile.
bool secure_may_key(const struct call *call, const struct core_env *env, enum call_side side);
// The keys of line i of an offer, and what to offer to the other leg. False: the profile forbids to
// take the line.
bool secure_take_offer(struct call *call, const struct core_env *env, uint32_t i);
// The same for the answer.
bool secure_take_answer(struct call *call, const struct core_env *env, uint32_t i);
// Our key for the offerer is a new one: packets under the old one were counted elsewhere.
void secure_renew(struct offer_line *line);
// Whether the answered line has keys, its own or those of a shared port, on each leg that must have
// them by DTLS.
bool secure_is_agreed(struct call *call, const struct core_env *env, uint32_t i);
// Early media: what the offerer may send and hear before the answer. 0 or -ENOMEM.
int secure_publish_early(struct call *call, const struct core_env *env, uint32_t i);
// Both legs' keys of an answered line. 0 or -ENOMEM.
int secure_publish(struct call *call, const struct core_env *env, uint32_t i);
// Protocol and a=crypto of line i for leg `to`, into core->rewrite.
void secure_rewrite(struct call *call, const struct core_env *env, enum call_side to, uint32_t i);
// Its protocol alone, where it is rejected: that of an answer is the offer's.
void secure_rewrite_off(
	struct call *call, const struct core_env *env, enum call_side to, uint32_t i);
// Wipes what the exchange knows of keys.
void secure_forget(struct offer *offer);

// bundle.c: BUNDLE groups (RFC 8843). The forwarder relays whatever comes by one port, but cannot
// take it apart: so a group is agreed on both legs, or on none.

// Marks the lines that may be offered as a group. Before line_take().
void bundle_read_offer(struct call *call, const struct core_env *env);
// Groups whose every line was rejected go. After line_take().
void bundle_settle_offer(struct call *call);
// Lines that the answer groups share one stream from now on. Before line_apply().
void bundle_read_answer(struct call *call, const struct core_env *env, bool is_final);
// Hold and silence of a shared stream are those of all its lines. After line_apply().
void bundle_settle_answer(struct call *call);
// Whether line i of the offer shares the ports of another line that is grouped with it.
bool bundle_is_shared(const struct call *call, uint32_t i);

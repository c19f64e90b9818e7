// agreement.h - ICE and DTLS of one m= line on each leg: read from the far ends' descriptions, put
// into the flows' agreements (shm/flow_secure.h) and into what we write.
//
// Private to the offer/answer files; the description at hand is core->sdp. Each leg has an
// agreement of its own, or none, by its profile. What media makes of it is secure_watch.c's
// business. RFC 8839, 8842, 5763.
#pragma once

#include "call/offer_line.h"

// What line i of an offer says, and what the other leg will be offered. False: the profile asks
// for what the line has not, or media is not ready for it (counted).
bool agreement_take_offer(struct call *call, const struct core_env *env, uint32_t i);
// What the answer says to what was offered. False: no answer to it.
bool agreement_take_answer(struct call *call, const struct core_env *env, uint32_t i);
// The same far end by what it has shown, as far as both are known (RFC 8842 4).
bool agreement_is_same_far(const struct flow_secure *old, const struct flow_secure *next);
// agreement_apply.c. Ours on the answerer's leg, so that its checks and its handshake may begin
// with its answer. 0 or -ENOMEM.
int agreement_publish_early(struct call *call, const struct core_env *env, uint32_t i);
// Both legs' of an answered line. 0 or -ENOMEM.
int agreement_publish(struct call *call, const struct core_env *env, uint32_t i);
// The attributes of line i for leg `to`, into core->rewrite.
void agreement_rewrite(struct call *call, const struct core_env *env, enum call_side to,
	uint32_t i);
// What the exchange says of that side.
struct line_agreement *agreement_of(struct offer_line *line, enum call_side from,
	enum call_side side);
// Whether ICE, and not the description, tells where the far end of the line is.
bool agreement_finds_far(const struct call *call, const struct line_agreement *with,
	enum call_side side, uint32_t i);

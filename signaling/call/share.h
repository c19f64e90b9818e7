// share.h - m= lines of one leg that share a port, its keys and its ICE, while those of the other
// leg have ports of their own (RFC 8843): a browser bundles, a phone does not.
//
// Private to the offer/answer files; the description at hand is core->sdp. Only legs with keys by
// DTLS share so; other groups hold on both legs or on none (bundle.c). Media takes the lines apart
// by flow_secure.bundle of the owner's agreement: by SSRC and payload type.
// The extension that carries mids is not agreed: what the phone sends has none, and a browser that
// expects them would not know its lines.
#pragma once

#include "call/offer_line.h"

// Which lines may share a port on each leg, and which do. Before line_take().
void share_read_offer(struct call *call, const struct core_env *env);
// Which lines do now, and whose port that is: a bit for each line that has none. Before
// line_apply().
uint32_t share_read_answer(struct call *call);
// How packets of line i are known, as the description at hand says.
void share_read_marks(const struct sdp_session *sdp, uint32_t i, struct share_marks *out);
// share_apply.c. Lines in force: what media needs to tell them apart goes into the owners'
// agreements. `accepted` has a bit for each line; those whose owner failed are taken out. After
// line_apply().
void share_settle(struct call *call, uint32_t *accepted);
// Groups and mids for leg `to`, into core->rewrite. After line_rewrite().
void share_rewrite(struct call *call, enum call_side to);
// The line has no ICE and no DTLS of its own on that leg: another one's are its.
bool share_has_no_transport(
	const struct offer_line *line, enum call_side from, enum call_side side);

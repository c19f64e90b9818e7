// mutual.h - two offers that meet: each is made the answer to the other (RFC 3264 6).
//
// Where two far ends both offered, neither can be asked again before the call is answered
// (pickup.c). What both can do is an answer to either: lines at the same place of one kind, their
// common codecs in the numbers of whoever receives them, directions that fit, a key each of one
// suite. Pure, owner thread.
#pragma once

#include "base/span.h"
#include "sip/build.h"

struct core;

// `text` as the answer to `other`, with its own addresses. False: a description is malformed, or
// they have no line in common. Uses core->sdp, core->sdp_other, core->rewrite and core->crypto.
bool mutual_put(struct core *core, struct sip_writer *w, struct span text, struct span other);

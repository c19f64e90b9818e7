// notify.h - NOTIFY in a call: what became of a REFER that was passed on (RFC 3515 2.4.5).
//
// A REFER that we carry out ourselves is told of by refer.h. One that went on to the other side has
// its subscription there: its NOTIFYs come back here, with the number that the referrer gave its
// REFER, and a status line that names nobody. Any other NOTIFY belongs to no subscription. Pure
// core, owner thread.
#pragma once

#include "call/relay.h"

// A REFER of leg `from` goes to the other leg now, as its next request.
void notify_expect(struct call *call, enum call_side from, uint32_t refer_cseq);
// It was refused, or wants no subscription (RFC 4488).
void notify_expect_none(struct call *call, enum call_side from);

extern const struct relay_ops notify_ops;

// refer.h - REFER in a call (RFC 3515): refused, passed on, or carried out by call/transfer.h; and
// the NOTIFYs that tell the referrer about it. Pure core, owner thread.
#pragma once

#include "call/relay.h"
#include "call/transfer.h"

extern const struct relay_ops refer_ops;

// Tells the referrer how the new call stands; a final status ends the subscription, and 200 the
// call with the referrer once he has heard of it. False: nobody wants to know, or it could not be
// sent.
bool refer_notify(struct transfer *transfer, const struct sip_turn *turn, uint16_t status);
// The call that a transfer waits for was taken over from another worker, or could not be.
void refer_fetched(struct transfer *transfer, const struct sip_turn *turn);

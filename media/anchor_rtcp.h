// anchor_rtcp.h - RTCP between two far ends of which one, or both, hear a stream whose SSRC,
// sequence and timestamps are ours (anchor.h).
//
// Pure: works on the bytes of one compound whose packets were checked (rtcp_is_valid()).
#pragma once

#include "shm/flow.h"

#include <stdbool.h>
#include <stdint.h>

struct anchor_view {
	const struct flow_anchor *out;  // of the stream from who sends this; NULL = none
	const struct flow_anchor *back; // of the one that he hears; NULL = none
	bool is_counted;                // out's counts are those of an SR; its BYE is not the end
};

// Translates SR, RR, SDES, BYE, APP, RTPFB (NACK, TMMBR), PSFB (PLI, FIR, REMB) and XR in place:
// senders as the other side knows them, subjects and sequences as the source does. BYE for a stream
// that goes on is taken out. Returns the new length, 0 if nothing is left.
uint32_t anchor_rtcp(const struct anchor_view *view, uint8_t *data, uint32_t len);

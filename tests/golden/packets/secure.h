// secure.h - SRTP and BUNDLE in golden packets: keys and groups of the bed, and libsrtp2 as the far
// end, so that media's own SRTP is never held against itself.
#pragma once

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

struct flow_cfg;
struct lane;

// Empty slabs for the lane of a case that begins.
void secure_attach(struct lane *lane);
// The case is over.
void secure_detach(struct lane *lane);

// key slot=N suite=NAME seed=S [mki=BYTES]   key and salt follow from the seed
void secure_put_key(struct lane *lane, struct span words);
// bundle slot=N address=A port=P [ext=ID]    a group of that port; then, the port's own line first:
// member slot=N port=P [mid=TEXT] [types=0,8,111] [ssrc=S]
void secure_put_bundle(struct span words);
void secure_put_member(struct span words);

// Words rx=, tx= (keys), secure= (group) and bundle= (port of the group) of a flow.
void secure_fill_flow(struct span words, struct flow_cfg *cfg);

// RTP or RTCP becomes SRTP or SRTCP under the key of that slot, as libsrtp2 writes it; RTP that
// comes twice comes out the same. Returns the new length.
uint32_t secure_protect(uint64_t slot, uint8_t *packet, uint32_t len);

// crypto slot=N packets= auth_failed= replayed= refused=   what media counted under the key
bool secure_check(struct span words);

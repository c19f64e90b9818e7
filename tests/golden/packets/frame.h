// frame.h - builds the frame that one line of a golden case describes, with checksums of its own
// making.
#pragma once

#include "base/span.h"

#include <stdint.h>

#define FRAME_MAX 2048u

// key=value words separated by blanks. Frame: src= dst= (addr:port), smac= dmac= vlan= ttl= tos=
// id= proto= ipck=bad udpck=none|bad|<hex> udplen= options=<hex> (IPv4) ext=<next:hex> (IPv6).
// Payload: rtp: seq= ssrc= ts= pt= mark= n= fill=<the sequence that its bytes follow from>;
// rtcp=rr|sr (ssrc=, about=, lost=, fraction=, jitter=); payload=<hex>. mid=<id:text> adds a header
// extension to RTP, srtp=<slot> encrypts. Afterwards: patch=<offset:hex> cut=<bytes> pad=<bytes>.
// hex=<frame> gives the whole frame instead. Returns its length; a word that is not understood ends
// the program with a message.
uint32_t frame_build(struct span words, uint8_t *out);

// The value of key in words, or an empty span.
struct span words_get(struct span words, const char *key);
uint64_t words_number(struct span words, const char *key, uint64_t otherwise);
_Noreturn void golden_fail(const char *what, struct span where);

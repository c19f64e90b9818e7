// codec.h - which payload formats of an m= line cross, and in which order.
//
// Pure. Payload type numbers are relayed as they are, so that whoever named a number receives it:
// the two directions of a stream may use different ones (RFC 3264 5.1). What is taken out goes with
// its rtpmap, fmtp and rtcp-fb.
#pragma once

#include "config/profile.h"
#include "sip/sdp.h"

// Fills the formats and ptime of *out for line `index` on its way from one side to the other.
// False: nothing is left that could carry sound or pictures.
bool codec_choose(const struct sdp_session *sdp, uint32_t index, const struct profile_sdp *from,
	const struct profile_sdp *to, struct sdp_media_rewrite *out);

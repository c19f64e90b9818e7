// bundle.h - one port, several m= lines (RFC 8843): which of them a packet belongs to.
//
// Beside slot k of the segment's agreements lies struct bundle[k], memory private to muga-media: a
// checked copy of what was signaled, and the SSRCs that were seen since. The lane of the port's
// shard is its only user. Members are records of ports of their own that receive nothing
// (flow_cfg.bundle_port): what becomes of a packet, and all counting, is theirs; source check, keys
// and the far end are those of the shared port.
#pragma once

#include "shm/flow_secure.h"

struct flow_cfg;
struct lane;

#define BUNDLE_SOURCES 16u // SSRCs remembered: the one not heard longest gives way
#define BUNDLE_NOBODY  (-1)

struct bundle_source {
	uint32_t ssrc;
	uint32_t heard; // struct bundle.turn at its last packet, 0 = free
	uint8_t member;
};

struct bundle {
	uint64_t incarnation; // of the port's pair, 0 = nothing here
	uint64_t serial;      // of the agreement
	uint8_t count;
	uint8_t mid_extension;
	uint8_t by_type[128]; // payload type -> member + 1; 0 = of none, or of several
	struct flow_member members[FLOW_MEMBERS_MAX];
	struct bundle_source sources[BUNDLE_SOURCES];
	uint32_t turn;
};

// As signaled, nothing heard yet.
void bundle_init(struct bundle *bundle, const struct flow_secure *secure);

// Whose RTP packet it is (RFC 8843 9.2): by mid, else by an SSRC that was signaled or heard, else
// by a payload type that one line alone has. A mid that nobody has decides, too. BUNDLE_NOBODY: no
// line's. Changes nothing.
int bundle_rtp_member(const struct bundle *bundle, const uint8_t *rtp, uint32_t len);
// Its SSRC belongs to that member from now on: for packets whose source is beyond doubt.
void bundle_hear(struct bundle *bundle, uint32_t ssrc, uint32_t member);

// Whose RTCP compound it is: by what its feedback is about, by its senders, by what its reports are
// about. far_ssrc[i] is the SSRC that member i's far side sends, 0 = none. The first member's if
// nothing tells: reports of nobody about nothing.
uint32_t bundle_rtcp_member(const struct bundle *bundle, const uint8_t *rtcp, uint32_t len,
	const uint32_t far_ssrc[FLOW_MEMBERS_MAX]);

// The lane's copy of the group that the record's port carries, made or renewed where its agreement
// is another one. False: the port carries one line only, or the agreement is not whole.
bool bundle_take(struct lane *lane, const struct flow_cfg *cfg);
// What bundle_take() made. NULL: nothing.
struct bundle *bundle_of(const struct lane *lane, const struct flow_cfg *cfg);

// `count` entries in untouched pages. NULL: out of memory.
struct bundle *bundles_new(uint32_t count);
void bundles_free(struct bundle *bundles, uint32_t count);

// bundle.c - see bundle.h: what was signaled and heard. The stage is unbundle.c.
#include "bundle.h"

#include "lane.h"
#include "proto/rtcp.h"
#include "proto/rtp_extension.h"

#include <string.h>
#include <sys/mman.h>

#define REMB_NAME_AT  8u  // of a PSFB's body: "REMB" behind both SSRCs
#define REMB_COUNT_AT 12u // then the number of SSRCs, and three bytes of bit rate

struct bundle *bundles_new(uint32_t count)
{
	void *memory = mmap(NULL, count * sizeof(struct bundle) + 1, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void bundles_free(struct bundle *bundles, uint32_t count)
{
	if (bundles)
		munmap(bundles, count * sizeof(*bundles) + 1);
}

static void take_types(struct bundle *bundle)
{
	uint8_t claims[128] = { 0 };

	for (uint32_t i = 0; i < bundle->count; i++)
		for (uint32_t type = 0; type < sizeof(claims); type++)
			if (bundle->members[i].payload_types[type / 8] >> type % 8 & 1) {
				claims[type]++;
				bundle->by_type[type] = (uint8_t)(i + 1);
			}
	for (uint32_t type = 0; type < sizeof(claims); type++)
		if (claims[type] > 1)
			bundle->by_type[type] = 0;
}

void bundle_init(struct bundle *bundle, const struct flow_secure *secure)
{
	*bundle = (struct bundle){ .incarnation = secure->incarnation,
		.serial = secure->serial,
		.count = secure->bundle.count,
		.mid_extension = secure->bundle.mid_extension };
	memcpy(bundle->members, secure->bundle.members, sizeof(bundle->members));
	take_types(bundle);
	for (uint32_t i = 0; i < bundle->count; i++)
		for (uint32_t k = 0; k < FLOW_MEMBER_SSRCS; k++)
			if (bundle->members[i].ssrc[k] != 0)
				bundle_hear(bundle, bundle->members[i].ssrc[k], i);
}

static int by_source(const struct bundle *bundle, uint32_t ssrc)
{
	for (uint32_t i = 0; i < BUNDLE_SOURCES; i++)
		if (bundle->sources[i].heard != 0 && bundle->sources[i].ssrc == ssrc)
			return bundle->sources[i].member;
	return BUNDLE_NOBODY;
}

static int by_mid(const struct bundle *bundle, const uint8_t *mid, uint32_t bytes)
{
	for (uint32_t i = 0; i < bundle->count; i++)
		if (bytes > 0 && bundle->members[i].mid_bytes == bytes &&
			memcmp(bundle->members[i].mid, mid, bytes) == 0)
			return (int)i;
	return BUNDLE_NOBODY;
}

int bundle_rtp_member(const struct bundle *bundle, const uint8_t *rtp, uint32_t len)
{
	const uint8_t *mid;
	uint32_t bytes;

	if (!rtp_is_valid(rtp, len))
		return BUNDLE_NOBODY;
	if (rtp_extension_find(rtp, len, bundle->mid_extension, &mid, &bytes))
		return by_mid(bundle, mid, bytes);
	int member = by_source(bundle, rtp_ssrc(rtp));
	return member != BUNDLE_NOBODY ? member : bundle->by_type[rtp_payload_type(rtp)] - 1;
}

void bundle_hear(struct bundle *bundle, uint32_t ssrc, uint32_t member)
{
	struct bundle_source *oldest = &bundle->sources[0];

	if (++bundle->turn == 0)
		bundle->turn = 1; // 0 says free
	for (uint32_t i = 0; i < BUNDLE_SOURCES; i++) {
		struct bundle_source *source = &bundle->sources[i];

		if (source->heard != 0 && source->ssrc == ssrc) {
			oldest = source;
			break;
		}
		if (source->heard < oldest->heard)
			oldest = source;
	}
	*oldest = (struct bundle_source){ ssrc, bundle->turn, (uint8_t)member };
}

// RTCP --------------------------------------------------------------------------------------------

static int by_far_ssrc(const struct bundle *bundle, const uint32_t *far_ssrc, uint32_t ssrc)
{
	for (uint32_t i = 0; i < bundle->count; i++)
		if (ssrc != 0 && far_ssrc[i] == ssrc)
			return (int)i;
	return BUNDLE_NOBODY;
}

// RFC 4585 6.1: the media source behind the sender's; for REMB, which has 0 there, the first of its
// list.
static int by_feedback(const struct bundle *bundle, const struct rtcp_packet *packet,
	const uint32_t *far_ssrc)
{
	if ((packet->type != RTCP_RTPFB && packet->type != RTCP_PSFB) || packet->body_bytes < 8)
		return BUNDLE_NOBODY;
	int member = by_far_ssrc(bundle, far_ssrc, rtp_load32(packet->body + 4));
	if (member != BUNDLE_NOBODY || packet->body_bytes < REMB_COUNT_AT + 8 ||
		memcmp(packet->body + REMB_NAME_AT, "REMB", 4) != 0 ||
		packet->body[REMB_COUNT_AT] == 0)
		return member;
	return by_far_ssrc(bundle, far_ssrc, rtp_load32(packet->body + REMB_COUNT_AT + 4));
}

static int by_sender(const struct bundle *bundle, const struct rtcp_packet *packet,
	const uint32_t *far_ssrc)
{
	uint32_t ssrc;

	(void)far_ssrc;
	return rtcp_packet_ssrc(packet, &ssrc) ? by_source(bundle, ssrc) : BUNDLE_NOBODY;
}

static int by_report(const struct bundle *bundle, const struct rtcp_packet *packet,
	const uint32_t *far_ssrc)
{
	struct rtcp_report report;

	for (uint32_t i = 0; rtcp_packet_report(packet, i, &report); i++) {
		int member = by_far_ssrc(bundle, far_ssrc, report.ssrc);
		if (member != BUNDLE_NOBODY)
			return member;
	}
	return BUNDLE_NOBODY;
}

typedef int (*tell_fn)(const struct bundle *bundle, const struct rtcp_packet *packet,
	const uint32_t *far_ssrc);

uint32_t bundle_rtcp_member(const struct bundle *bundle, const uint8_t *rtcp, uint32_t len,
	const uint32_t far_ssrc[FLOW_MEMBERS_MAX])
{
	static const tell_fn tellers[] = { by_feedback, by_sender, by_report };

	for (uint32_t i = 0; i < sizeof(tellers) / sizeof(tellers[0]); i++) {
		struct rtcp_walk walk = rtcp_walk_start(rtcp, len);
		struct rtcp_packet packet;

		while (rtcp_next(&walk, &packet) == 1) {
			int member = tellers[i](bundle, &packet, far_ssrc);
			if (member != BUNDLE_NOBODY)
				return (uint32_t)member;
		}
	}
	return 0;
}

// Lanes -------------------------------------------------------------------------------------------

// Slot of the record's agreement; the record may be in the other process's hands.
static uint32_t slot_of(const struct lane *lane, const struct flow_cfg *cfg)
{
	// 0 becomes the largest number
	uint32_t slot = __atomic_load_n(&cfg->secure, __ATOMIC_RELAXED) - 1;

	return lane->bundles && slot < lane->view.key_count ? slot : UINT32_MAX;
}

struct bundle *bundle_of(const struct lane *lane, const struct flow_cfg *cfg)
{
	uint32_t slot = slot_of(lane, cfg);

	if (slot == UINT32_MAX || cfg->incarnation == 0 ||
		lane->bundles[slot].incarnation != cfg->incarnation)
		return NULL;
	return &lane->bundles[slot];
}

bool bundle_take(struct lane *lane, const struct flow_cfg *cfg)
{
	uint32_t slot = slot_of(lane, cfg);
	struct flow_secure secure;

	if (slot == UINT32_MAX || cfg->kind != FLOW_RTP || !lane->view.secures)
		return false;
	struct bundle *bundle = &lane->bundles[slot];
	memcpy(&secure, &lane->view.secures[slot], sizeof(secure));
	bool is_whole = flow_secure_is_valid(&secure, cfg->incarnation) &&
		secure.media_address == cfg->media_address && secure.port == cfg->port &&
		secure.bundle.count > 0;
	// What was heard under this agreement is still true.
	if (is_whole && (bundle->incarnation != secure.incarnation ||
		bundle->serial != secure.serial))
		bundle_init(bundle, &secure);
	else if (!is_whole)
		bundle->incarnation = 0;
	explicit_bzero(&secure, sizeof(secure));
	return is_whole;
}

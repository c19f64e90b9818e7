// profile_media.c - keys of profiles.NAME.media.
#include "config/schema.h"
#include "config/value.h"

#define SECOND_MS 1000ull
#define AT(field) .offset = (uint32_t)offsetof(struct config_profile, media.field)

static const char *const latchings[] = { "realm", "strict", "once", "proof", NULL };
static const char *const keepalives[] = { "off", "rtp", "rtcp", "stun", NULL };

static void take_dscp(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct config_profile *profile = target;
	struct span text;

	if (!config_scalar(loader, node, &text))
		return;
	profile->media.has_dscp = !span_eq(text, SPAN_LIT("realm"));
	if (profile->media.has_dscp && value_parse_dscp(text, &profile->media.dscp) != 0)
		config_fail_expected(loader, node, item->expected);
}

static const struct config_item keepalive_items[] = {
	{ .key = "method", .type = CONFIG_TYPE_CHOICE, AT(keepalive), .choices = keepalives,
	  .is_live = true, .fallback = "off",
	  .help = "what a silent far end is sent (RFC 6263): RTP of an unknown payload type, RTCP "
		"where it shares the port (else RTP), a STUN indication (always where there is "
		"SRTP)" },
	{ .key = "interval", .type = CONFIG_TYPE_DURATION, AT(keepalive_ms), .is_live = true,
	  .min = 5 * SECOND_MS, .max = 120 * SECOND_MS, .fallback = "15s",
	  .help = "silence towards the peer after which it is sent" },
	{ .key = NULL },
};

const struct config_item config_profile_media_items[] = {
	{ .key = "latching", .type = CONFIG_TYPE_CHOICE, AT(latching), .choices = latchings,
	  .is_live = true, .fallback = "realm",
	  .help = "who may send: as the realm's `latching` says, or one of its values" },
	{ .key = "rate_max", .type = CONFIG_TYPE_UINT, AT(rate_max), .max = 1000000,
	  .is_live = true, .fallback = "0",
	  .help = "packets a second that one port takes, a quarter of a second at once; the "
		"stream that was there first comes before others; 0: no limit" },
	{ .key = "dscp", .type = CONFIG_TYPE_VALUE, .value = take_dscp, .fallback = "realm",
	  .is_live = true, .expected = "realm, a DSCP 0..63 or its name like EF or AF41",
	  .help = "mark of media sent to the peer" },
	{ .key = "keepalive", .type = CONFIG_TYPE_MAP, .items = keepalive_items,
	  .help = "packets that keep the NAT of a listening peer open" },
	{ .key = "anchor", .type = CONFIG_TYPE_BOOL, AT(anchor), .is_live = true,
	  .fallback = "false",
	  .help = "audio sent to the peer keeps SSRC, sequence and time when its far end "
		"changes" },
	{ .key = NULL },
};

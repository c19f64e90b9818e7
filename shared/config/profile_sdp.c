// profile_sdp.c - keys of profiles.NAME.sdp.
#include "config/schema.h"

#include "base/arena.h"

#define AT(field)   .offset = (uint32_t)offsetof(struct config_profile, sdp.field)
#define CLOCK_MAX   10000000u // Hz
#define NAME_LENGTH 63u       // bytes of a codec's or a media type's name

static const char *const unanchored_choices[] = { "refuse", "pass", NULL };
static const char *const bundle_choices[] = { "strip", "pass", NULL };
static const char *const srtp_choices[] = { "off", "optional", "required", "dtls", NULL };
static const char *const ice_choices[] = { "off", "lite", "full", NULL };
static const char *const setup_choices[] = { "active", "passive", NULL };
static const char *const feedback_choices[] = { "auto", "keep", "strip", NULL };

static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c != '\0' && strchr("!#$%&'*+-.^_`{|}~", c) != NULL);
}

static bool is_token(struct span text)
{
	for (uint32_t i = 0; i < text.len; i++) {
		if (!is_token_char(text.ptr[i]))
			return false;
	}
	return text.len > 0 && text.len <= NAME_LENGTH;
}

// "[audio/|video/]NAME[/CLOCK]"; `text` outlives the codec.
static bool parse_codec(struct span text, struct profile_codec *out)
{
	struct span rest = text, name;

	*out = (struct profile_codec){ 0 };
	out->is_video = span_istarts(rest, SPAN_LIT("video/"));
	if (out->is_video || span_istarts(rest, SPAN_LIT("audio/")))
		rest = span_sub(rest, 6, rest.len);
	if (!span_cut(&rest, '/', &name) || !is_token(name))
		return false;
	out->name = name;
	if (name.len < text.len && text.ptr[text.len - 1] == '/')
		return false;
	return rest.len == 0 ||
		(span_parse_u32(rest, CLOCK_MAX, &out->clock_rate) == 0 && out->clock_rate > 0);
}

static void take_codec(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct profile_codec_list *list = (void *)((uint8_t *)target + item->offset);
	struct profile_codec codec;
	struct span text;

	if (!config_scalar(loader, node, &text))
		return;
	if (!parse_codec(text, &codec)) {
		config_fail_expected(loader, node, item->expected);
		return;
	}
	if (!list->codecs)
		list->codecs = arena_alloc(loader->arena,
			PROFILE_CODECS_MAX * sizeof(*list->codecs));
	if (!list->codecs || !arena_copy(loader->arena, codec.name, &codec.name)) {
		config_fail(loader, node, "the configuration is too large");
		return;
	}
	list->codecs[list->count++] = codec;
}

static void take_body(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct profile_sdp *sdp = &((struct config_profile *)target)->sdp;
	struct span text, subtype, type;

	if (!config_scalar(loader, node, &text))
		return;
	subtype = text;
	if (!span_cut(&subtype, '/', &type) || !is_token(type) || !is_token(subtype) ||
		span_ieq(type, SPAN_LIT("multipart")) ||
		span_ieq(text, SPAN_LIT("application/sdp"))) {
		config_fail_expected(loader, node, item->expected);
		return;
	}
	if (!sdp->bodies)
		sdp->bodies = arena_alloc(loader->arena, PROFILE_BODIES_MAX * sizeof(*sdp->bodies));
	if (!sdp->bodies || !arena_copy(loader->arena, text, &sdp->bodies[sdp->body_count])) {
		config_fail(loader, node, "the configuration is too large");
		return;
	}
	sdp->body_count++;
}

#define CODEC_EXPECTED "a codec like PCMA, L16/16000, video/H264 or video/*"

static const struct config_item codec_items[] = {
	{ .key = "allow", .type = CONFIG_TYPE_LIST, AT(allow), .max = PROFILE_CODECS_MAX,
	  .is_live = true, .value = take_codec, .expected = CODEC_EXPECTED,
	  .help = "the only codecs that may be agreed, for audio and video apart; default: all" },
	{ .key = "deny", .type = CONFIG_TYPE_LIST, AT(deny), .max = PROFILE_CODECS_MAX,
	  .is_live = true, .value = take_codec, .expected = CODEC_EXPECTED,
	  .help = "codecs that are never agreed" },
	{ .key = "prefer", .type = CONFIG_TYPE_LIST, AT(prefer), .max = PROFILE_CODECS_MAX,
	  .is_live = true, .value = take_codec, .expected = CODEC_EXPECTED,
	  .help = "codecs put first in what this side is sent, in this order" },
	{ .key = "strip_telephone_event", .type = CONFIG_TYPE_BOOL, AT(strip_telephone_event),
	  .is_live = true, .fallback = "false", .help = "whether RFC 4733 events are taken out" },
	{ .key = "ptime", .type = CONFIG_TYPE_UINT, AT(ptime_ms), .max = 200,
	  .is_live = true, .fallback = "0",
	  .help = "milliseconds of a=ptime in what this side is sent; 0: as it came" },
	{ .key = NULL },
};

const struct config_item config_profile_sdp_items[] = {
	{ .key = "codecs", .type = CONFIG_TYPE_MAP, .items = codec_items,
	  .help = "filter and order of payload formats, in offers and answers" },
	{ .key = "streams_max", .type = CONFIG_TYPE_UINT, AT(streams_max), .min = 1,
	  .max = PROFILE_STREAMS_MAX, .is_live = true, .fallback = "16",
	  .help = "m= lines relayed in one call; further ones are rejected" },
	{ .key = "unanchored", .type = CONFIG_TYPE_CHOICE, AT(unanchored),
	  .choices = unanchored_choices, .is_live = true, .fallback = "refuse",
	  .help = "MSRP, T.38 and other media over TCP; pass shows each side the other's address" },
	{ .key = "unknown", .type = CONFIG_TYPE_CHOICE, AT(unknown),
	  .choices = unanchored_choices, .is_live = true, .fallback = "refuse",
	  .help = "lines of unknown protocols; pass shows each side the other's address" },
	{ .key = "bundle", .type = CONFIG_TYPE_CHOICE, AT(bundle), .is_live = true,
	  .choices = bundle_choices, .fallback = "pass",
	  .help = "BUNDLE groups: offered to this side too, or taken apart" },
	{ .key = "srtp", .type = CONFIG_TYPE_CHOICE, AT(srtp), .is_live = true,
	  .choices = srtp_choices, .fallback = "off",
	  .help = "SRTP with this side: required and optional by keys in SDP, dtls by DTLS" },
	{ .key = "ice", .type = CONFIG_TYPE_CHOICE, AT(ice), .is_live = true,
	  .choices = ice_choices, .fallback = "off",
	  .help = "ICE with this side; lite answers its checks, full makes checks of its own" },
	{ .key = "setup", .type = CONFIG_TYPE_CHOICE, AT(setup), .is_live = true,
	  .choices = setup_choices, .fallback = "active",
	  .help = "our side of DTLS where the far end leaves the choice to us" },
	{ .key = "feedback", .type = CONFIG_TYPE_CHOICE, AT(feedback), .is_live = true,
	  .choices = feedback_choices, .fallback = "auto",
	  .help = "AVPF and rtcp-fb in offers; auto: a browser's go as RTP/AVP with rtcp-fb" },
	{ .key = "bodies", .type = CONFIG_TYPE_LIST, .max = PROFILE_BODIES_MAX, .is_live = true,
	  .value = take_body,
	  .expected = "a media type like application/isup, neither SDP nor multipart",
	  .help = "types of bodies and parts that cross, if both sides' profiles name them" },
	{ .key = NULL },
};

// sdp.c - questions about a parsed session description.
#include "sip/sdp.h"

#include <errno.h>

static const uint16_t attr_class[SDP_ATTR_COUNT] = {
	[SDP_ATTR_OTHER] = SDP_CLASS_OTHER,
#define SDP_ATTR(id, name, class) [SDP_ATTR_##id] = SDP_CLASS_##class,
#include "sip/sdp_attr.def"
#undef SDP_ATTR
};

// RFC 3551 section 6, tables 4 and 5: payload types with a fixed meaning.
static const struct {
	const char *name;
	uint32_t clock_rate;
	uint8_t channels;
} static_codec[] = {
	[0] = { "PCMU", 8000, 1 },   [3] = { "GSM", 8000, 1 },    [4] = { "G723", 8000, 1 },
	[5] = { "DVI4", 8000, 1 },   [6] = { "DVI4", 16000, 1 },  [7] = { "LPC", 8000, 1 },
	[8] = { "PCMA", 8000, 1 },   [9] = { "G722", 8000, 1 },   [10] = { "L16", 44100, 2 },
	[11] = { "L16", 44100, 1 },  [12] = { "QCELP", 8000, 1 }, [13] = { "CN", 8000, 1 },
	[14] = { "MPA", 90000, 1 },  [15] = { "G728", 8000, 1 },  [16] = { "DVI4", 11025, 1 },
	[17] = { "DVI4", 22050, 1 }, [18] = { "G729", 8000, 1 },  [25] = { "CelB", 90000, 1 },
	[26] = { "JPEG", 90000, 1 }, [28] = { "nv", 90000, 1 },   [31] = { "H261", 90000, 1 },
	[32] = { "MPV", 90000, 1 },  [33] = { "MP2T", 90000, 1 }, [34] = { "H263", 90000, 1 },
};

uint32_t sdp_attr_class(enum sdp_attr_id id)
{
	return attr_class[id];
}

const struct sdp_attr *sdp_find(const struct sdp_session *sdp, int index, enum sdp_attr_id id)
{
	uint32_t first = index < 0 ? 0 : sdp->media[index].attr_first;
	uint32_t count = index < 0 ? sdp->attr_count : sdp->media[index].attr_count;

	for (uint32_t i = first; i < first + count; i++) {
		if (sdp->attr[i].id == id)
			return &sdp->attr[i];
	}
	return NULL;
}

bool sdp_attr_format(const struct sdp_attr *attr, struct span *format, struct span *rest)
{
	struct span value = span_trim(attr->value);

	if (!span_cut(&value, ' ', format))
		return false;
	*rest = span_trim(value);
	return true;
}

int sdp_mid_lookup(const struct sdp_session *sdp, struct span mid)
{
	for (uint32_t i = 0; mid.len && i < sdp->media_count; i++) {
		if (span_eq(sdp->media[i].mid, mid))
			return (int)i;
	}
	return -1;
}

bool sdp_next_bundle(const struct sdp_session *sdp, const struct sdp_attr **attr, struct span *mids)
{
	const struct sdp_attr *end = sdp->attr + sdp->attr_count;

	for (const struct sdp_attr *at = *attr ? *attr + 1 : sdp->attr; at < end; at++) {
		struct span rest = span_trim(at->value), semantics;

		if (at->id != SDP_ATTR_GROUP || !span_cut(&rest, ' ', &semantics) ||
			!span_eq(semantics, SPAN_LIT("BUNDLE")))
			continue;
		*attr = at;
		*mids = rest;
		return true;
	}
	*attr = NULL;
	return false;
}

bool sdp_next_of_bundle(const struct sdp_session *sdp, struct span *mids, uint32_t *index)
{
	struct span mid;

	while (span_cut(mids, ' ', &mid)) {
		int at = sdp_mid_lookup(sdp, mid);

		if (at < 0)
			continue;
		*index = (uint32_t)at;
		return true;
	}
	return false;
}

static const struct sdp_attr *find_of_format(const struct sdp_session *sdp,
	const struct sdp_media *media, enum sdp_attr_id id, struct span format)
{
	struct span owner, rest;

	for (uint32_t i = media->attr_first; i < media->attr_first + media->attr_count; i++) {
		if (sdp->attr[i].id == id && sdp_attr_format(&sdp->attr[i], &owner, &rest) &&
			span_eq(owner, format))
			return &sdp->attr[i];
	}
	return NULL;
}

// "<encoding>/<clock rate>[/<parameters>]" of a=rtpmap, RFC 8866 6.6.
static int parse_encoding(struct span text, struct sdp_codec *codec)
{
	struct span rate = SPAN_NONE;

	if (!span_cut(&text, '/', &codec->name) || codec->name.len == 0)
		return -EINVAL;
	span_cut(&text, '/', &rate);
	if (span_parse_u32(rate, 10000000, &codec->clock_rate) < 0 || codec->clock_rate == 0)
		return -EINVAL;
	// Anything that is no number is a parameter of an unusual codec, not a channel count.
	if (span_parse_u32(text, 255, &codec->channels) < 0 || codec->channels == 0)
		codec->channels = 1;
	return 0;
}

int sdp_codec_of(const struct sdp_session *sdp, uint32_t index, uint32_t i, struct sdp_codec *out)
{
	const struct sdp_media *media = &sdp->media[index];
	struct sdp_codec codec = { .channels = 1 };
	const struct sdp_attr *attr;
	struct span format = media->format[i], owner, rest;
	uint32_t type;

	if (!media->is_rtp || span_parse_u32(format, 127, &type) < 0)
		return -ENOENT;
	attr = find_of_format(sdp, media, SDP_ATTR_RTPMAP, format);
	if (attr) {
		sdp_attr_format(attr, &owner, &rest);
		if (parse_encoding(rest, &codec) < 0)
			return -EINVAL;
	} else {
		if (type >= sizeof(static_codec) / sizeof(static_codec[0]) ||
			!static_codec[type].name)
			return -ENOENT;
		codec.name = span_str(static_codec[type].name);
		codec.clock_rate = static_codec[type].clock_rate;
		codec.channels = static_codec[type].channels;
	}
	attr = find_of_format(sdp, media, SDP_ATTR_FMTP, format);
	if (attr && sdp_attr_format(attr, &owner, &rest))
		codec.fmtp = rest;
	*out = codec;
	return 0;
}

bool sdp_media_is_held(const struct sdp_media *media)
{
	static const struct ip any_v4 = { .b = { [10] = 0xff, [11] = 0xff } };
	const struct sdp_address *c = &media->connection;

	if (media->direction == SDP_SENDONLY || media->direction == SDP_INACTIVE)
		return true;
	return c->is_present && !c->is_fqdn && (ip_is_unset(&c->ip) || ip_eq(&c->ip, &any_v4));
}

const char *sdp_direction_name(enum sdp_direction direction)
{
	static const char *const names[] = {
		[SDP_SENDRECV] = "sendrecv",
		[SDP_SENDONLY] = "sendonly",
		[SDP_RECVONLY] = "recvonly",
		[SDP_INACTIVE] = "inactive",
	};
	return names[direction];
}

uint8_t sdp_mid_extension(const struct sdp_attr *attr)
{
	struct span rest = attr->value, id, uri;
	uint32_t number;

	// "4 urn:..." or "4/recvonly urn:...".
	if (!span_cut(&rest, ' ', &id))
		return 0;
	rest = span_trim(rest);
	span_cut(&rest, ' ', &uri);
	if (!span_eq(uri, SPAN_LIT(SDP_MID_EXTENSION)))
		return 0;
	rest = id;
	span_cut(&rest, '/', &id);
	return span_parse_u32(id, UINT8_MAX, &number) == 0 ? (uint8_t)number : 0;
}

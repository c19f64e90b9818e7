#include "call/codec.h"

// What a format is to us.
enum role {
	ROLE_CODEC,
	ROLE_EVENT, // telephone-event (RFC 4733): kept with any codec
	ROLE_RTX,   // retransmission (RFC 4588): lives and dies with the format it repeats
	ROLE_AID,   // comfort noise, redundancy: no use without a codec
};

static const struct {
	struct span name;
	enum role role;
} roles[] = {
	{ SPAN_LIT("telephone-event"), ROLE_EVENT },
	{ SPAN_LIT("rtx"), ROLE_RTX },
	{ SPAN_LIT("CN"), ROLE_AID },
	{ SPAN_LIT("red"), ROLE_AID },
	{ SPAN_LIT("ulpfec"), ROLE_AID },
	{ SPAN_LIT("flexfec"), ROLE_AID },
	{ SPAN_LIT("flexfec-03"), ROLE_AID },
};

struct choice {
	const struct sdp_session *sdp;
	uint32_t index;
	const struct profile_sdp *from, *to;
	bool is_video;
	struct sdp_codec codec[SDP_FORMATS_MAX]; // without a name: unknown
	uint8_t role[SDP_FORMATS_MAX];
	bool is_kept[SDP_FORMATS_MAX];
};

static enum role role_of(struct span name)
{
	for (uint32_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (span_ieq(roles[i].name, name))
			return roles[i].role;
	return ROLE_CODEC;
}

static bool is_match(const struct profile_codec *wanted, const struct sdp_codec *codec,
	bool is_video)
{
	return wanted->is_video == is_video &&
		(wanted->clock_rate == 0 || wanted->clock_rate == codec->clock_rate) &&
		(span_eq(wanted->name, SPAN_LIT("*")) ||
			(codec->name.len && span_ieq(wanted->name, codec->name)));
}

static bool is_in(const struct profile_codec_list *list, const struct sdp_codec *codec,
	bool is_video)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (is_match(&list->codecs[i], codec, is_video))
			return true;
	return false;
}

static bool concerns(const struct profile_codec_list *list, bool is_video)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (list->codecs[i].is_video == is_video)
			return true;
	return false;
}

static bool is_allowed(const struct profile_sdp *sdp, const struct sdp_codec *codec, bool is_video)
{
	return !is_in(&sdp->deny, codec, is_video) &&
		(!concerns(&sdp->allow, is_video) || is_in(&sdp->allow, codec, is_video));
}

static bool may_cross(const struct choice *c, uint32_t i)
{
	const struct sdp_codec *codec = &c->codec[i];

	if (c->role[i] != ROLE_EVENT)
		return is_allowed(c->from, codec, c->is_video) &&
			is_allowed(c->to, codec, c->is_video);
	return !c->from->strip_telephone_event && !c->to->strip_telephone_event &&
		!is_in(&c->from->deny, codec, c->is_video) &&
		!is_in(&c->to->deny, codec, c->is_video);
}

// "apt=96", maybe among other parameters.
static struct span repeated_format(struct span fmtp)
{
	struct span param;

	while (span_cut(&fmtp, ';', &param)) {
		param = span_trim(param);
		if (span_istarts(param, SPAN_LIT("apt=")))
			return span_sub(param, 4, param.len);
	}
	return SPAN_NONE;
}

static void settle_rtx(struct choice *c, uint32_t i)
{
	const struct sdp_media *media = &c->sdp->media[c->index];
	struct span format = repeated_format(c->codec[i].fmtp);

	c->is_kept[i] = false;
	for (uint32_t k = 0; k < media->format_count; k++)
		if (c->role[k] == ROLE_CODEC && span_eq(media->format[k], format))
			c->is_kept[i] = c->is_kept[k];
}

// False: a codec was taken out, and none is left.
static bool filter(struct choice *c)
{
	const struct sdp_media *media = &c->sdp->media[c->index];
	bool has_codec = false, has_lost = false;

	for (uint32_t i = 0; i < media->format_count; i++) {
		if (sdp_codec_of(c->sdp, c->index, i, &c->codec[i]) < 0)
			c->codec[i] = (struct sdp_codec){ 0 };
		c->role[i] = (uint8_t)role_of(c->codec[i].name);
		c->is_kept[i] = may_cross(c, i);
		if (c->role[i] != ROLE_CODEC)
			continue;
		has_codec |= c->is_kept[i];
		has_lost |= !c->is_kept[i];
	}
	for (uint32_t i = 0; i < media->format_count; i++)
		if (c->role[i] == ROLE_RTX)
			settle_rtx(c, i);
	return has_codec || !has_lost;
}

static void append_format(struct sdp_media_rewrite *out, uint32_t i)
{
	for (uint32_t k = 0; k < out->format_count; k++)
		if (out->format[k] == i)
			return;
	out->format[out->format_count++] = (uint8_t)i;
}

// Preferred codecs first, the others as their sender ordered them.
static void put_in_order(const struct choice *c, struct sdp_media_rewrite *out)
{
	const struct sdp_media *media = &c->sdp->media[c->index];
	const struct profile_codec_list *prefer = &c->to->prefer;

	out->format_count = 0;
	for (uint32_t p = 0; p < prefer->count; p++)
		for (uint32_t i = 0; i < media->format_count; i++)
			if (c->is_kept[i] && is_match(&prefer->codecs[p], &c->codec[i],
				c->is_video))
				append_format(out, i);
	for (uint32_t i = 0; i < media->format_count; i++)
		if (c->is_kept[i])
			append_format(out, i);
}

// A packet time longer than the far end takes is not asked for.
static uint32_t choose_ptime(const struct sdp_session *sdp, uint32_t index,
	const struct profile_sdp *to)
{
	const struct sdp_attr *max = sdp_find(sdp, (int)index, SDP_ATTR_MAXPTIME);
	uint32_t max_ms;

	if (max && span_parse_u32(span_trim(max->value), UINT16_MAX, &max_ms) == 0 &&
		max_ms < to->ptime_ms)
		return 0;
	return to->ptime_ms;
}

static bool has_rules(const struct profile_sdp *sdp)
{
	return sdp->allow.count || sdp->deny.count || sdp->prefer.count ||
		sdp->strip_telephone_event;
}

bool codec_choose(const struct sdp_session *sdp, uint32_t index, const struct profile_sdp *from,
	const struct profile_sdp *to, struct sdp_media_rewrite *out)
{
	const struct sdp_media *media = &sdp->media[index];
	bool is_audio = span_ieq(media->type, SPAN_LIT("audio"));
	bool is_video = span_ieq(media->type, SPAN_LIT("video"));
	struct choice c;

	if (!media->is_rtp || (!is_audio && !is_video))
		return true;
	if (is_audio)
		out->ptime_ms = choose_ptime(sdp, index, to);
	if (!has_rules(from) && !has_rules(to))
		return true;
	c.sdp = sdp;
	c.index = index;
	c.from = from;
	c.to = to;
	c.is_video = is_video;
	if (!filter(&c))
		return false;
	put_in_order(&c, out);
	// Nothing but an aid was there from the beginning, and it was taken out.
	return out->format_count > 0;
}

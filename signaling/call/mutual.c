#include "call/mutual.h"

#include "call/core_private.h"

#define TAG_ROOM 10u // a tag of nine digits, and a blank

static bool sends(enum sdp_direction direction)
{
	return direction == SDP_SENDRECV || direction == SDP_SENDONLY;
}

static bool receives(enum sdp_direction direction)
{
	return direction == SDP_SENDRECV || direction == SDP_RECVONLY;
}

// What is left of a direction when the far end has that other one (RFC 3264 6.1).
static enum sdp_direction agree(enum sdp_direction own, enum sdp_direction other)
{
	bool is_sending = sends(own) && receives(other);
	bool is_receiving = receives(own) && sends(other);

	if (is_sending)
		return is_receiving ? SDP_SENDRECV : SDP_SENDONLY;
	return is_receiving ? SDP_RECVONLY : SDP_INACTIVE;
}

static bool is_same_codec(const struct sdp_codec *a, const struct sdp_codec *b)
{
	return span_ieq(a->name, b->name) && a->clock_rate == b->clock_rate &&
		a->channels == b->channels;
}

// Whether line `index` of `other` has format `i` of the same line of `own`.
static bool has_format(const struct sdp_session *own, const struct sdp_session *other,
	uint32_t index, uint32_t i)
{
	const struct sdp_media *line = &other->media[index];
	struct sdp_codec wanted, found;
	bool is_codec = own->media[index].is_rtp && sdp_codec_of(own, index, i, &wanted) == 0;

	for (uint32_t k = 0; k < line->format_count; k++) {
		if (!is_codec && span_ieq(own->media[index].format[i], line->format[k]))
			return true;
		if (is_codec && sdp_codec_of(other, index, k, &found) == 0 &&
			is_same_codec(&wanted, &found))
			return true;
	}
	return false;
}

// Events alone are no conversation.
static bool is_event(const struct sdp_session *sdp, uint32_t index, uint32_t i)
{
	struct sdp_codec codec;

	return sdp_codec_of(sdp, index, i, &codec) == 0 &&
		span_ieq(codec.name, SPAN_LIT("telephone-event"));
}

// The keys that a line has for a suite, and their tag. Empty: none that could be used.
static struct span find_keys(
	const struct sdp_session *sdp, uint32_t index, enum srtp_suite suite, uint32_t *tag)
{
	const struct sdp_media *m = &sdp->media[index];
	struct span found = SPAN_NONE;
	struct sdes_crypto crypto;

	for (uint32_t i = 0; i < m->attr_count && span_is_empty(found); i++) {
		const struct sdp_attr *attr = &sdp->attr[m->attr_first + i];

		if (attr->id == SDP_ATTR_CRYPTO && attr->value.len <= SDES_TEXT_MAX - TAG_ROOM &&
			sdes_parse(attr->value, &crypto) && crypto.key.suite == suite) {
			found = attr->value;
			*tag = crypto.tag;
		}
	}
	explicit_bzero(&crypto, sizeof(crypto));
	return found;
}

// Own keys of the first suite that both offer, under the tag of the other offer, as an answer has
// them (RFC 4568 5.1.2). The order is ours, so that both answers choose the same. False: none.
static bool join_keys(struct core *core, uint32_t index, struct sdp_media_rewrite *out)
{
	struct span tag_text;
	struct sip_writer w;
	uint32_t own_tag, tag;

	for (uint32_t i = 0; i < SDES_OFFERS_MAX; i++) {
		struct span own = find_keys(&core->sdp, index, sdes_offers[i], &own_tag);

		if (span_is_empty(own) ||
			span_is_empty(find_keys(&core->sdp_other, index, sdes_offers[i], &tag)))
			continue;
		span_cut(&own, ' ', &tag_text);
		sip_writer_init(&w, core->crypto[index][0], SDES_TEXT_MAX);
		sip_put_u64(&w, tag);
		sip_put_char(&w, ' ');
		sip_put(&w, own);
		out->crypto[out->crypto_count++] = sip_writer_text(&w);
		return true;
	}
	return false;
}

// True: the line is accepted, core->rewrite says how.
static bool join_line(struct core *core, uint32_t index)
{
	const struct sdp_session *own = &core->sdp, *other = &core->sdp_other;
	const struct sdp_media *a = &own->media[index], *b = &other->media[index];
	struct sdp_media_rewrite *out = &core->rewrite.media[index];
	bool has_any = false;

	if (!a->port || !b->port || !a->connection.is_present || ip_is_unset(&a->connection.ip) ||
		!span_ieq(a->type, b->type) || !span_ieq(a->proto, b->proto))
		return false;
	for (uint32_t i = 0; i < a->format_count; i++) {
		if (!has_format(own, other, index, i))
			continue;
		out->format[out->format_count++] = (uint8_t)i;
		has_any |= !is_event(own, index, i);
	}
	if (!has_any || (!join_keys(core, index, out) && a->is_secure))
		return false;
	out->ip = a->connection.ip;
	out->port = a->port;
	out->rtcp_port = a->rtcp_port;
	out->has_rtcp_mux = a->has_rtcp_mux && b->has_rtcp_mux;
	out->has_direction = true;
	out->direction = agree(a->direction, b->direction);
	return true;
}

// An answer has a line for each one that was offered, in that order (RFC 3264 6): one that cannot
// be had says what was offered, not what else stood there.
static void refuse_line(struct core *core, uint32_t index)
{
	core->sdp.media[index] = core->sdp_other.media[index];
	core->rewrite.media[index] = (struct sdp_media_rewrite){ 0 };
}

bool mutual_put(struct core *core, struct sip_writer *w, struct span text, struct span other)
{
	struct sdp_session *own = &core->sdp, *far = &core->sdp_other;
	struct sdp_rewrite *rewrite = &core->rewrite;
	struct sdp_fault fault;
	uint32_t lines = 0;

	if (sdp_parse(text, own, &fault) < 0 || sdp_parse(other, far, &fault) < 0)
		return false;
	*rewrite = (struct sdp_rewrite){ .username = SPAN_LIT("-"), .drop = SDP_CLASS_SDES };
	for (uint32_t i = 0; i < far->media_count; i++) {
		bool is_joined = i < own->media_count && join_line(core, i);

		lines += is_joined;
		if (!is_joined)
			refuse_line(core, i);
		else if (ip_is_unset(&rewrite->ip))
			rewrite->ip = rewrite->media[i].ip;
	}
	if (lines == 0)
		return false;
	own->media_count = far->media_count;
	// Of ours they stay what they were; a far end's, which may be any number, nobody sees.
	if (span_parse_u64(own->session_id, INT64_MAX, &rewrite->session_id) < 0 ||
		span_parse_u64(own->session_version, INT64_MAX, &rewrite->session_version) < 0)
		rewrite->session_id = rewrite->session_version = 1;
	sdp_put_rewritten(w, own, rewrite);
	return !w->is_overflowed;
}

// sdp_put.c - a session description written back, as it was or with our own addresses.
#include "sip/sdp.h"

static void put_address(struct sip_writer *w, const struct ip *ip)
{
	char text[ADDR_TEXT_MAX];
	uint32_t len = ip_format(ip, text);

	sip_put(w, ip_is_v4(ip) ? SPAN_LIT("IN IP4 ") : SPAN_LIT("IN IP6 "));
	sip_put(w, span_make(text, len));
}

static void put_line(struct sip_writer *w, char type, struct span value)
{
	sip_put_char(w, type);
	sip_put_char(w, '=');
	sip_put(w, value);
	sip_put_lit(w, "\r\n");
}

// All kept lines of one type in [first, first + count).
static void put_lines(struct sip_writer *w, const struct sdp_session *sdp, const char *types,
	uint32_t first, uint32_t count)
{
	for (const char *type = types; *type; type++) {
		for (uint32_t i = first; i < first + count; i++) {
			if (sdp->line[i].type == *type)
				put_line(w, *type, sdp->line[i].value);
		}
	}
}

// RFC 8866 5.9: t= and its r= keep their order; without any, the session is permanent.
static void put_times(struct sip_writer *w, const struct sdp_session *sdp)
{
	bool has_time = false;

	for (uint32_t i = 0; i < sdp->line_count; i++) {
		const struct sdp_line *line = &sdp->line[i];
		if (line->type != 't' && line->type != 'r')
			continue;
		has_time |= line->type == 't';
		put_line(w, line->type, line->value);
	}
	if (!has_time)
		sip_put_lit(w, "t=0 0\r\n");
	put_lines(w, sdp, "z", 0, sdp->line_count);
}

static void put_attr(struct sip_writer *w, const struct sdp_attr *attr)
{
	sip_put_lit(w, "a=");
	sip_put(w, attr->name);
	if (attr->has_value) {
		sip_put_char(w, ':');
		sip_put(w, attr->value);
	}
	sip_put_lit(w, "\r\n");
}

static void put_given_address(struct sip_writer *w, const struct sdp_address *address)
{
	sip_put(w, address->is_ip6 ? SPAN_LIT("IN IP6 ") : SPAN_LIT("IN IP4 "));
	sip_put(w, address->text);
	sip_put(w, address->suffix);
}

// Rewritten ----------

static void put_given_connection(struct sip_writer *w, const struct sdp_address *address)
{
	sip_put_lit(w, "c=");
	put_given_address(w, address);
	sip_put_lit(w, "\r\n");
}

static void put_own_connection(struct sip_writer *w, const struct ip *ip)
{
	sip_put_lit(w, "c=");
	put_address(w, ip);
	sip_put_lit(w, "\r\n");
}

static void put_m_line(struct sip_writer *w, const struct sdp_media *media,
	const struct sdp_media_rewrite *rewrite)
{
	uint32_t count = rewrite->format_count ? rewrite->format_count : media->format_count;

	sip_put_lit(w, "m=");
	sip_put(w, media->type);
	sip_put_char(w, ' ');
	sip_put_u64(w, rewrite->port);
	sip_put_char(w, ' ');
	sip_put(w, rewrite->proto.len ? rewrite->proto : media->proto);
	for (uint32_t i = 0; i < count; i++) {
		sip_put_char(w, ' ');
		sip_put(w, media->format[rewrite->format_count ? rewrite->format[i] : i]);
	}
	sip_put_lit(w, "\r\n");
}

// Whether an attribute that speaks about one format speaks about a kept one.
static bool format_is_kept(const struct sdp_media *media, const struct sdp_media_rewrite *rewrite,
	const struct sdp_attr *attr)
{
	struct span format, rest;

	if (!rewrite->format_count)
		return true;
	if (attr->id != SDP_ATTR_RTPMAP && attr->id != SDP_ATTR_FMTP &&
		attr->id != SDP_ATTR_RTCP_FB && attr->id != SDP_ATTR_IMAGEATTR)
		return true;
	if (!sdp_attr_format(attr, &format, &rest))
		return false;
	if (span_eq(format, SPAN_LIT("*")))
		return true;
	for (uint32_t i = 0; i < rewrite->format_count; i++) {
		if (span_eq(media->format[rewrite->format[i]], format))
			return true;
	}
	return false;
}

static bool attr_is_kept(const struct sdp_media *media, const struct sdp_media_rewrite *own,
	const struct sdp_attr *attr, uint32_t drop)
{
	// The members of a bundle keep their names whatever else goes.
	if (attr->id == SDP_ATTR_MID ||
		(attr->id == SDP_ATTR_EXTMAP && sdp_mid_extension(attr) != 0))
		return own->is_grouped;
	if ((attr->id == SDP_ATTR_PTIME && own->ptime_ms) ||
		(attr->id == SDP_ATTR_RTCP_FB && own->drops_feedback))
		return false;
	return !(sdp_attr_class(attr->id) & drop) && format_is_kept(media, own, attr);
}

static void put_rtcp(struct sip_writer *w, const struct sdp_rewrite *rewrite,
	const struct sdp_media_rewrite *media)
{
	if (media->rtcp_port != 0 && media->rtcp_port != media->port + 1) {
		sip_put_lit(w, "a=rtcp:");
		sip_put_u64(w, media->rtcp_port);
		sip_put_char(w, ' ');
		put_address(w, ip_is_unset(&media->ip) ? &rewrite->ip : &media->ip);
		sip_put_lit(w, "\r\n");
	}
	if (media->has_rtcp_mux)
		sip_put_lit(w, "a=rtcp-mux\r\n");
}

static void put_own_attrs(struct sip_writer *w, const struct sdp_rewrite *rewrite,
	const struct sdp_media_rewrite *own)
{
	if (own->is_bundle_only)
		sip_put_lit(w, "a=bundle-only\r\n");
	if (own->mid.len && !own->is_grouped) {
		sip_put_lit(w, "a=mid:");
		sip_put(w, own->mid);
		sip_put_lit(w, "\r\n");
	}
	if (own->ptime_ms) {
		sip_put_lit(w, "a=ptime:");
		sip_put_u64(w, own->ptime_ms);
		sip_put_lit(w, "\r\n");
	}
	put_rtcp(w, rewrite, own);
	for (uint32_t i = 0; i < own->crypto_count; i++) {
		sip_put_lit(w, "a=crypto:");
		sip_put(w, own->crypto[i]);
		sip_put_lit(w, "\r\n");
	}
	sip_put(w, own->own);
	if (own->has_direction) {
		sip_put_lit(w, "a=");
		sip_put(w, span_str(sdp_direction_name(own->direction)));
		sip_put_lit(w, "\r\n");
	}
}

static bool is_direction_in(const struct sdp_session *sdp, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++)
		if (sdp_attr_class(sdp->attr[i].id) & SDP_CLASS_DIRECTION)
			return true;
	return false;
}

// The session's direction goes where any line has one written of its own, which it would
// contradict. Lines that lean on it say it themselves then.
static bool drops_direction(const struct sdp_session *sdp, const struct sdp_rewrite *rewrite)
{
	for (uint32_t i = 0; i < sdp->media_count; i++)
		if (rewrite->media[i].has_direction)
			return true;
	return false;
}

static void put_inherited_direction(struct sip_writer *w, const struct sdp_session *sdp,
	const struct sdp_media *media, const struct sdp_rewrite *rewrite)
{
	if (!drops_direction(sdp, rewrite) || !is_direction_in(sdp, 0, sdp->attr_count) ||
		is_direction_in(sdp, media->attr_first, media->attr_count))
		return;
	sip_put_lit(w, "a=");
	sip_put(w, span_str(sdp_direction_name(media->direction)));
	sip_put_lit(w, "\r\n");
}

// The line of media that goes past us. What the session says about its connection is said here,
// for the session's attributes are ours.
static void put_media_passed(struct sip_writer *w, const struct sdp_session *sdp,
	const struct sdp_media *media, const struct sdp_rewrite *rewrite)
{
	struct sdp_media_rewrite as_it_was = { .port = media->port };

	put_m_line(w, media, &as_it_was);
	put_given_connection(w, &media->connection);
	put_lines(w, sdp, "b", media->line_first, media->line_count);
	for (uint32_t i = 0; i < sdp->attr_count; i++) {
		const struct sdp_attr *attr = &sdp->attr[i];
		int index = (int)(media - sdp->media);

		if (sdp_attr_class(attr->id) == SDP_CLASS_DTLS && !sdp_find(sdp, index, attr->id))
			put_attr(w, attr);
	}
	for (uint32_t i = media->attr_first; i < media->attr_first + media->attr_count; i++) {
		if (!(sdp_attr_class(sdp->attr[i].id) & rewrite->drop_passed))
			put_attr(w, &sdp->attr[i]);
	}
	put_inherited_direction(w, sdp, media, rewrite);
}

static void put_media_rewritten(struct sip_writer *w, const struct sdp_session *sdp, uint32_t index,
	const struct sdp_rewrite *rewrite)
{
	const struct sdp_media *media = &sdp->media[index];
	const struct sdp_media_rewrite *own = &rewrite->media[index];
	uint32_t drop = rewrite->drop | SDP_CLASS_RTCP | SDP_CLASS_RTCP_MUX | SDP_CLASS_BUNDLE |
		(own->has_direction ? SDP_CLASS_DIRECTION : 0);

	if (own->is_passed) {
		put_media_passed(w, sdp, media, rewrite);
		return;
	}
	put_m_line(w, media, own);
	if (own->port == 0 && !own->is_bundle_only)
		return;
	if (!ip_is_unset(&own->ip) && !ip_eq(&own->ip, &rewrite->ip))
		put_own_connection(w, &own->ip);
	put_lines(w, sdp, "b", media->line_first, media->line_count);
	for (uint32_t i = media->attr_first; i < media->attr_first + media->attr_count; i++) {
		if (attr_is_kept(media, own, &sdp->attr[i], drop))
			put_attr(w, &sdp->attr[i]);
	}
	put_own_attrs(w, rewrite, own);
	if (!own->has_direction)
		put_inherited_direction(w, sdp, media, rewrite);
}

// BUNDLE groups with the members that stayed; one that none has stayed of goes.
static void put_bundles(struct sip_writer *w, const struct sdp_session *sdp,
	const struct sdp_rewrite *rewrite)
{
	const struct sdp_attr *attr = NULL;
	struct span mids;

	while (sdp_next_bundle(sdp, &attr, &mids)) {
		bool is_open = false;
		uint32_t index;

		while (sdp_next_of_bundle(sdp, &mids, &index)) {
			if (!rewrite->media[index].is_grouped)
				continue;
			if (!is_open)
				sip_put_lit(w, "a=group:BUNDLE");
			is_open = true;
			sip_put_char(w, ' ');
			sip_put(w, sdp->media[index].mid);
		}
		if (is_open)
			sip_put_lit(w, "\r\n");
	}
}

void sdp_put_rewritten(struct sip_writer *w, const struct sdp_session *sdp,
	const struct sdp_rewrite *rewrite)
{
	uint32_t drop = rewrite->drop | SDP_CLASS_RTCP | SDP_CLASS_RTCP_MUX | SDP_CLASS_BUNDLE |
		(drops_direction(sdp, rewrite) ? SDP_CLASS_DIRECTION : 0);

	sip_put_lit(w, "v=0\r\no=");
	sip_put(w, rewrite->username.len ? rewrite->username : SPAN_LIT("-"));
	sip_put_char(w, ' ');
	sip_put_u64(w, rewrite->session_id);
	sip_put_char(w, ' ');
	sip_put_u64(w, rewrite->session_version);
	sip_put_char(w, ' ');
	put_address(w, &rewrite->ip);
	sip_put_lit(w, "\r\ns=-\r\n");
	put_own_connection(w, &rewrite->ip);
	put_lines(w, sdp, "b", 0, sdp->line_count);
	put_times(w, sdp);
	put_bundles(w, sdp, rewrite);
	sip_put(w, rewrite->groups);
	if (rewrite->is_ice_lite)
		sip_put_lit(w, "a=ice-lite\r\n");
	if (rewrite->has_ice)
		sip_put_lit(w, "a=ice-options:ice2\r\n");
	for (uint32_t i = 0; i < sdp->attr_count; i++) {
		if (!(sdp_attr_class(sdp->attr[i].id) & drop))
			put_attr(w, &sdp->attr[i]);
	}
	for (uint32_t i = 0; i < sdp->media_count; i++)
		put_media_rewritten(w, sdp, i, rewrite);
}

// As it was ----------

static void put_media_given(struct sip_writer *w, const struct sdp_session *sdp,
	const struct sdp_media *media)
{
	sip_put_lit(w, "m=");
	sip_put(w, media->type);
	sip_put_char(w, ' ');
	sip_put_u64(w, media->port);
	if (media->port_count > 1) {
		sip_put_char(w, '/');
		sip_put_u64(w, media->port_count);
	}
	sip_put_char(w, ' ');
	sip_put(w, media->proto);
	for (uint32_t i = 0; i < media->format_count; i++) {
		sip_put_char(w, ' ');
		sip_put(w, media->format[i]);
	}
	sip_put_lit(w, "\r\n");
	put_lines(w, sdp, "i", media->line_first, media->line_count);
	if (media->has_own_connection)
		put_given_connection(w, &media->connection);
	put_lines(w, sdp, "bk", media->line_first, media->line_count);
	for (uint32_t i = media->attr_first; i < media->attr_first + media->attr_count; i++)
		put_attr(w, &sdp->attr[i]);
}

void sdp_put(struct sip_writer *w, const struct sdp_session *sdp)
{
	sip_put_lit(w, "v=0\r\no=");
	sip_put(w, sdp->username);
	sip_put_char(w, ' ');
	sip_put(w, sdp->session_id);
	sip_put_char(w, ' ');
	sip_put(w, sdp->session_version);
	sip_put_char(w, ' ');
	put_given_address(w, &sdp->origin);
	sip_put_lit(w, "\r\n");
	put_line(w, 's', sdp->name.len ? sdp->name : SPAN_LIT("-"));
	put_lines(w, sdp, "iuep", 0, sdp->line_count);
	if (sdp->connection.is_present)
		put_given_connection(w, &sdp->connection);
	put_lines(w, sdp, "b", 0, sdp->line_count);
	put_times(w, sdp);
	put_lines(w, sdp, "k", 0, sdp->line_count);
	for (uint32_t i = 0; i < sdp->attr_count; i++)
		put_attr(w, &sdp->attr[i]);
	for (uint32_t i = 0; i < sdp->media_count; i++)
		put_media_given(w, sdp, &sdp->media[i]);
}

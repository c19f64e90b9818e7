#include "call/offer_line.h"

#include "call/agreement.h"
#include "call/codec.h"
#include "call/share.h"

#include <errno.h>
#include <string.h>

bool line_is_tls(const struct sdp_media *m)
{
	return span_istarts(m->proto, SPAN_LIT("UDP/TLS/"));
}

bool line_is_avpf(const struct sdp_media *m)
{
	return m->proto.len > 0 && (m->proto.ptr[m->proto.len - 1] | 0x20) == 'f';
}

enum line_kind line_kind_of(const struct sdp_media *m)
{
	static const struct span opaque[] = { SPAN_LIT("udptl"), SPAN_LIT("udp"),
		SPAN_LIT("UDP/BFCP") };

	// What the forwarder cannot open it must not pretend to relay.
	if (line_is_tls(m) && !m->is_rtp)
		return LINE_REFUSED;
	if (span_ieq(m->proto, SPAN_LIT("tcp")) || span_istarts(m->proto, SPAN_LIT("TCP/")))
		return LINE_UNANCHORED;
	// Layered ports are one stream on several: the records of flows know one.
	if (m->port_count > 1)
		return LINE_REFUSED;
	if (m->is_rtp)
		return LINE_RTP;
	for (uint32_t i = 0; i < sizeof(opaque) / sizeof(opaque[0]); i++)
		if (span_ieq(m->proto, opaque[i]))
			return LINE_OPAQUE;
	return LINE_UNKNOWN;
}

// The unspecified address of either family: held in the manner of RFC 2543.
static bool is_unspecified(const struct sdp_address *address)
{
	static const struct ip v6_any = { { 0 } };
	const struct ip v4_any = ip_from_v4(0);

	return span_eq(address->text, SPAN_LIT("0.0.0.0")) || ip_eq(&address->ip, &v4_any) ||
		(address->is_ip6 && !address->is_fqdn && ip_eq(&address->ip, &v6_any));
}

// Mapped addresses (::ffff:192.0.2.1) are IPv4, whatever c= calls them.
static bool is_v6_address(const struct sdp_address *address)
{
	return is_unspecified(address) ? address->is_ip6 : !ip_is_v4(&address->ip);
}

static const struct profile_sdp *profile_of(const struct call *call, const struct core_env *env,
	enum call_side side)
{
	return &config_profile(env->config, call->legs[side].profile)->sdp;
}

static void read_rtcp(const struct call *call, const struct config *config, enum call_side side,
	const struct sdp_media *m, struct media_remote *out)
{
	uint32_t realm = call->media.realm[side];

	out->rtcp.ip = m->connection.ip;
	out->rtcp.port = m->rtcp_port ? m->rtcp_port : (uint16_t)(m->port + 1);
	if (!ip_is_unset(&m->rtcp_ip) && media_is_allowed_remote(config, realm, &m->rtcp_ip))
		out->rtcp.ip = m->rtcp_ip;
}

static struct media_remote read_words(const struct sdp_media *m)
{
	return (struct media_remote){
		.is_mux = m->has_rtcp_mux && m->is_rtp,
		.is_inactive = m->direction == SDP_INACTIVE,
		.is_held = m->direction != SDP_SENDRECV,
		.is_savp = m->is_secure,
		.is_tls = line_is_tls(m),
		.is_avpf = m->is_rtp && line_is_avpf(m),
	};
}

// What one m= line says about its far end. False: not a line that we could relay.
static bool read_remote(const struct call *call, const struct config *config, enum call_side side,
	const struct sdp_media *m, struct media_remote *out)
{
	const struct sdp_address *c = &m->connection;

	if (m->port == 0 || !c->is_present || c->is_fqdn || c->is_multicast)
		return false;
	*out = read_words(m);
	out->rtp = (struct addr){ .ip = c->ip, .port = m->port };
	if (is_unspecified(c)) {
		out->is_blackhole = true;
		out->is_held = true;
		out->rtp = (struct addr){ 0 };
		return true;
	}
	if (!media_is_allowed_remote(config, call->media.realm[side], &c->ip))
		return false;
	if (out->is_mux || !m->is_rtp)
		return true;
	read_rtcp(call, config, side, m, out);
	return out->rtcp.port != 0;
}

// Whether c= and m= only stand for what ICE will find.
static bool is_ice(const struct call *call, enum call_side side, uint32_t i)
{
	enum call_side from = call->offer.from;
	struct offer_line *line = &call->offer.lines[i];

	return share_has_no_transport(line, from, side) ||
		agreement_finds_far(call, agreement_of(line, from, side), side, i);
}

// What line i of the description at hand says of the far end of `side`.
static bool find_remote(const struct call *call, const struct core_env *env, enum call_side side,
	uint32_t i, struct media_remote *out)
{
	const struct sdp_media *m = &call->core->sdp.media[i];

	if (!is_ice(call, side, i))
		return read_remote(call, env->config, side, m, out);
	*out = read_words(m);
	return m->port != 0 ||
		share_has_no_transport(&call->offer.lines[i], call->offer.from, side);
}

// The family of the address that our side of an open stream has; `fallback` if it is not known.
static bool address_is_v6(const struct call *call, const struct config *config,
	enum call_side side, uint16_t address, bool fallback)
{
	const struct config_realm *realm = &config->realms[call->media.realm[side]];
	uint32_t at = address - media_address_base(config, call->media.realm[side]);

	return at < realm->media_count ? !ip_is_v4(&realm->media[at]) : fallback;
}

// The family that a far end needs: of its own address where it named one, else as it is spoken to.
static bool leg_is_v6(const struct call *call, const struct config *config, enum call_side side,
	const struct sdp_media *named)
{
	bool is_v6 = !ip_is_v4(&call->legs[side].hop.addr.ip);

	if (named)
		return is_v6_address(&named->connection);
	if (media_has_open(&call->media))
		is_v6 = address_is_v6(call, config, side, call->media.address[side], is_v6);
	return media_has_family(config, call->media.realm[side], is_v6) ? is_v6 : !is_v6;
}

// Whether our address of an open stream can reach that far end: one family sends to itself only.
static bool is_reachable(const struct call *call, const struct config *config, enum call_side side,
	uint32_t i, const struct sdp_media *m)
{
	const struct media_stream *stream = media_stream(&call->media, i);
	bool is_v6 = is_v6_address(&m->connection);

	return !stream || !stream->is_open || is_ice(call, side, i) ||
		address_is_v6(call, config, side, stream->pair[side].media_address, is_v6) == is_v6;
}

// Ports and kinds of an offered line; the far end's address is in line->remote already.
static enum offer_result open_line(struct call *call, const struct core_env *env, uint32_t i,
	const struct sdp_media *m)
{
	struct offer *offer = &call->offer;
	enum call_side to = call_other(offer->from);
	const struct media_stream *stream = media_stream(&call->media, i);
	bool was_open = stream && stream->is_open;
	uint32_t max = profile_of(call, env, CALL_LEG_A)->streams_max;
	bool is_v6[CALL_LEGS];
	int err;

	if (profile_of(call, env, CALL_LEG_B)->streams_max < max)
		max = profile_of(call, env, CALL_LEG_B)->streams_max;
	// It has left its group: the shared ports are no more its business.
	media_leave(&call->media, i);
	is_v6[offer->from] = leg_is_v6(call, env->config, offer->from, m);
	is_v6[to] = leg_is_v6(call, env->config, to, NULL);
	if (!is_reachable(call, env->config, offer->from, i, m)) {
		struct offer_line *line = &offer->lines[i];

		err = media_reserve_move(&call->media, env, offer->from, is_v6[offer->from],
			&line->moved);
		line->is_moved = err == 0;
	} else if (!was_open && media_open_count(&call->media) >= max) {
		CORE_COUNT(call->core, lines_refused);
		return OFFER_OK;
	} else {
		err = media_open(&call->media, env, i, is_v6);
	}
	if (err == -EAFNOSUPPORT)
		return OFFER_OK;
	if (err) {
		CORE_COUNT(call->core, media_refused);
		return OFFER_NO_PORTS;
	}
	if (!was_open) {
		offer->opened |= 1u << i;
		media_stream(&call->media, i)->kind =
			offer->lines[i].kind == LINE_RTP ? FLOW_RTP : FLOW_OPAQUE;
	}
	media_stream(&call->media, i)->is_audio = span_ieq(m->type, SPAN_LIT("audio"));
	offer->lines[i].fate = OFFER_LINE_RELAYED;
	return OFFER_OK;
}

// Media that goes past us may go anywhere but to us.
static bool may_pass(const struct call *call, const struct core_env *env, enum call_side side,
	const struct sdp_media *m)
{
	const struct profile_sdp *a = profile_of(call, env, CALL_LEG_A);
	const struct profile_sdp *b = profile_of(call, env, CALL_LEG_B);
	const struct sdp_address *c = &m->connection;
	enum line_kind kind = line_kind_of(m);
	bool is_allowed = kind == LINE_UNANCHORED ?
		a->unanchored == PROFILE_UNANCHORED_PASS &&
			b->unanchored == PROFILE_UNANCHORED_PASS :
		kind == LINE_UNKNOWN && a->unknown == PROFILE_UNANCHORED_PASS &&
			b->unknown == PROFILE_UNANCHORED_PASS;

	if (call->is_session_private)
		return false;
	return is_allowed && m->port != 0 && c->is_present && !c->is_multicast &&
		(c->is_fqdn || is_unspecified(c) ||
			media_is_allowed_remote(env->config, call->media.realm[side], &c->ip));
}

static bool choose_codecs(struct call *call, const struct core_env *env, enum call_side from,
	uint32_t i)
{
	if (codec_choose(&call->core->sdp, i, profile_of(call, env, from),
		profile_of(call, env, call_other(from)), &call->core->rewrite.media[i]))
		return true;
	CORE_COUNT(call->core, codecs_none_left);
	return false;
}

static void keep_mid(struct offer_line *line, const struct sdp_media *m)
{
	if (m->mid.len == 0 || m->mid.len > sizeof(line->mid))
		return;
	line->mid_len = (uint8_t)m->mid.len;
	memcpy(line->mid, m->mid.ptr, m->mid.len);
}

enum offer_result line_take(struct call *call, const struct core_env *env, uint32_t i)
{
	const struct sdp_media *m = &call->core->sdp.media[i];
	enum call_side from = call->offer.from;
	struct offer_line *line = &call->offer.lines[i];

	line->kind = (uint8_t)line_kind_of(m);
	line->remote = read_words(m);
	keep_mid(line, m);
	if (may_pass(call, env, from, m)) {
		line->fate = OFFER_LINE_PASSED;
		return OFFER_OK;
	}
	if (line->kind > LINE_OPAQUE || !secure_take_offer(call, env, i) ||
		!choose_codecs(call, env, from, i))
		return OFFER_OK;
	if (line->is_bundle_only && !line->own_group[from]) {
		line->fate = OFFER_LINE_RELAYED;
		return OFFER_OK;
	}
	if (!find_remote(call, env, from, i, &line->remote))
		return OFFER_OK;
	if (bundle_is_shared(call, i)) {
		line->fate = OFFER_LINE_RELAYED;
		return OFFER_OK;
	}
	return open_line(call, env, i, m);
}

bool line_apply(struct call *call, const struct core_env *env, uint32_t i)
{
	const struct sdp_media *m = &call->core->sdp.media[i];
	struct offer_line *line = &call->offer.lines[i];
	struct media_stream *stream = media_stream(&call->media, i);
	enum call_side from = call->offer.from;
	enum call_side side = call_other(from);
	struct media_remote answerer;

	if (line->fate == OFFER_LINE_PASSED)
		return line->kind == line_kind_of(m) && may_pass(call, env, side, m);
	if (line->fate != OFFER_LINE_RELAYED || line->kind != line_kind_of(m) || !stream ||
		!choose_codecs(call, env, side, i))
		return false;
	if (stream->is_bundled)
		return true;
	if (!stream->is_open || (m->port == 0 && !line->owner[side]) ||
		!secure_take_answer(call, env, i) ||
		!find_remote(call, env, side, i, &answerer) ||
		!is_reachable(call, env->config, side, i, m))
		return false;
	// Not offered, so not agreed (RFC 5761 5.1.1): its RTCP stays where it is without.
	if (answerer.is_mux && !line->is_mux_offered) {
		answerer.is_mux = false;
		answerer.rtcp = (struct addr){ .ip = answerer.rtp.ip,
			.port = answerer.is_blackhole ? 0 : (uint16_t)(m->port + 1) };
	}
	if (line->is_moved) {
		media_move(&call->media, env, i, from, &line->moved);
		secure_renew(line); // other ports count from the beginning
		line->is_moved = false;
	}
	stream->kind = line->kind == LINE_RTP ? FLOW_RTP : FLOW_OPAQUE;
	stream->remote[from] = line->remote;
	stream->remote[side] = answerer;
	return true;
}

void line_rewrite(struct call *call, const struct core_env *env, enum call_side to, uint32_t i)
{
	const struct sdp_media *m = &call->core->sdp.media[i];
	const struct offer_line *line = &call->offer.lines[i];
	struct sdp_media_rewrite *out = &call->core->rewrite.media[i];
	bool is_answer = to == call->offer.from;

	out->is_passed = line->fate == OFFER_LINE_PASSED;
	if (out->is_passed)
		return;
	out->is_grouped = is_answer ? line->is_agreed : line->is_grouped;
	out->is_bundle_only = !is_answer && line->is_bundle_only && line->is_grouped;
	out->has_rtcp_mux = (is_answer ? line->remote.is_mux : line->is_mux_offered) ||
		(out->is_bundle_only && m->has_rtcp_mux);
	// Who bundles knows the line by it, in a group or not (RFC 8829 5.3.1).
	if (is_answer && (line->with_offerer.has_ice || line->with_offerer.has_dtls))
		out->mid = span_make(line->mid, line->mid_len);
	secure_rewrite(call, env, to, i);
	if (!out->is_bundle_only) {
		struct addr local = media_local(&call->media, env->config, i, to);

		out->ip = local.ip;
		out->port = local.port;
	}
	if (!is_unspecified(&m->connection) || is_ice(call, call_other(to), i))
		return;
	// Held in the manner of RFC 2543: our address is a real one, so the direction has to say
	// it.
	out->has_direction = true;
	out->direction = m->direction == SDP_SENDRECV || m->direction == SDP_SENDONLY ?
		SDP_SENDONLY :
		SDP_INACTIVE;
}

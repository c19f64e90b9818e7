#include "call/core_private.h"

#include "base/check.h"

#include <errno.h>

// Everything that names addresses, keys or streams of the other side; the formats stay.
#define DROP_ALWAYS                                                                                \
	(SDP_CLASS_RTCP | SDP_CLASS_RTCP_MUX | SDP_CLASS_ICE | SDP_CLASS_SDES | SDP_CLASS_DTLS |   \
		SDP_CLASS_BUNDLE | SDP_CLASS_SSRC | SDP_CLASS_ADDRESS)

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

// FLOW_RTP, FLOW_OPAQUE, or -1: nothing that we relay (secure profiles, TCP, layered ports).
static int media_kind(const struct sdp_media *m)
{
	if (m->port_count > 1 || m->is_secure)
		return -1;
	if (m->is_rtp)
		return span_istarts(m->proto, SPAN_LIT("RTP/")) ? FLOW_RTP : -1;
	return span_ieq(m->proto, SPAN_LIT("udptl")) ? FLOW_OPAQUE : -1;
}

// What one m= line says about its far end. False: not a line that we could relay.
static bool read_remote(const struct call *call, const struct config *config, enum call_side side,
	const struct sdp_media *m, struct media_remote *out)
{
	const struct sdp_address *c = &m->connection;

	if (m->port == 0 || media_kind(m) < 0 || !c->is_present || c->is_fqdn || c->is_multicast)
		return false;
	*out = (struct media_remote){
		.rtp = { .ip = c->ip, .port = m->port },
		.is_mux = m->has_rtcp_mux && m->is_rtp,
		.is_inactive = m->direction == SDP_INACTIVE,
		.is_held = m->direction != SDP_SENDRECV,
	};
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
	out->rtcp.ip = c->ip;
	out->rtcp.port = m->rtcp_port ? m->rtcp_port : (uint16_t)(m->port + 1);
	if (!ip_is_unset(&m->rtcp_ip) &&
		media_is_allowed_remote(config, call->media.realm[side], &m->rtcp_ip))
		out->rtcp.ip = m->rtcp_ip;
	return out->rtcp.port != 0;
}

// The family that a far end needs: of its own address where it named one, else as it is spoken to.
static bool leg_is_v6(const struct call *call, const struct config *config, enum call_side side,
	const struct sdp_media *named)
{
	bool is_v6 = !ip_is_v4(&call->legs[side].hop.addr.ip);

	if (media_has_open(&call->media)) {
		uint32_t base = media_address_base(config, call->media.realm[side]);
		uint32_t at = call->media.address[side] - base;
		const struct config_realm *realm = &config->realms[call->media.realm[side]];

		if (at < realm->media_count)
			is_v6 = !ip_is_v4(&realm->media[at]);
	}
	if (named)
		is_v6 = is_v6_address(&named->connection);
	else if (!media_has_family(config, call->media.realm[side], is_v6))
		is_v6 = !is_v6;
	return is_v6;
}

// Whether our address of an open stream can reach that far end: one family sends to itself only.
static bool is_reachable(const struct call *call, const struct config *config, enum call_side side,
	uint32_t i, const struct sdp_media *m)
{
	const struct config_realm *realm = &config->realms[call->media.realm[side]];
	const struct media_stream *stream = &call->media.streams[i];
	uint32_t base = media_address_base(config, call->media.realm[side]);
	uint32_t at = stream->pair[side].media_address - base;

	return !stream->is_open || at >= realm->media_count ||
		ip_is_v4(&realm->media[at]) != is_v6_address(&m->connection);
}

static enum offer_result take_line(struct call *call, const struct core_env *env, uint32_t i,
	const struct sdp_media *m)
{
	struct offer *offer = &call->offer;
	struct offer_line *line = &offer->lines[i];
	enum call_side to = call_other(offer->from);
	bool is_v6[CALL_LEGS];

	if (!read_remote(call, env->config, offer->from, m, &line->remote) ||
		!is_reachable(call, env->config, offer->from, i, m))
		return OFFER_OK;
	line->kind = (uint8_t)media_kind(m);
	is_v6[offer->from] = leg_is_v6(call, env->config, offer->from, m);
	is_v6[to] = leg_is_v6(call, env->config, to, NULL);
	bool was_open = call->media.streams[i].is_open;
	int err = media_open(&call->media, env, i, is_v6);
	if (err == -EAFNOSUPPORT)
		return OFFER_OK;
	if (err) {
		CORE_COUNT(call->core, media_refused);
		return OFFER_NO_PORTS;
	}
	if (!was_open) {
		offer->opened |= 1u << i;
		call->media.streams[i].kind = line->kind;
	}
	line->is_offered = true;
	return OFFER_OK;
}

static void rewrite_line(const struct call *call, const struct core_env *env, enum call_side to,
	uint32_t i, struct sdp_media_rewrite *out)
{
	const struct sdp_media *m = &call->core->sdp.media[i];
	struct addr local = media_local(&call->media, env->config, i, to);

	out->ip = local.ip;
	out->port = local.port;
	if (!is_unspecified(&m->connection))
		return;
	// Held in the manner of RFC 2543: our address is a real one, so the direction has to say
	// it.
	out->has_direction = true;
	out->direction = m->direction == SDP_SENDRECV || m->direction == SDP_SENDONLY ?
		SDP_SENDONLY :
		SDP_INACTIVE;
}

static bool write_version(struct call *call, enum call_side to, struct sdp_rewrite *rewrite,
	struct span *out)
{
	struct sip_writer w;

	rewrite->session_version = call->legs[to].sdp_version;
	sip_writer_init(&w, call->core->body, sizeof(call->core->body));
	sdp_put_rewritten(&w, &call->core->sdp, rewrite);
	*out = sip_writer_text(&w);
	return !w.is_overflowed;
}

// Into sdp_sent of leg `to`. The version of o= grows exactly when the description changed (RFC 3264
// 8).
static bool write_for(struct call *call, const struct core_env *env, enum call_side to,
	struct sdp_rewrite *rewrite)
{
	struct call_leg *leg = &call->legs[to];
	struct span text;

	if (leg->sdp_id == 0) {
		leg->sdp_id = (rng_u64(env->rng) >> 2) + 1;
		leg->sdp_version = 1;
	}
	rewrite->username = SPAN_LIT("-");
	rewrite->session_id = leg->sdp_id;
	rewrite->drop = DROP_ALWAYS;
	// Unknown attributes may say anything about the sender; those of T.38 are needed.
	bool has_opaque = false;
	for (uint32_t i = 0; i < call->core->sdp.media_count; i++)
		has_opaque |= rewrite->media[i].port && media_kind(&call->core->sdp.media[i]) ==
			FLOW_OPAQUE;
	if (!has_opaque)
		rewrite->drop |= SDP_CLASS_OTHER;
	if (!write_version(call, to, rewrite, &text))
		return false;
	if (!span_is_empty(leg->sdp_sent.text) && !span_eq(text, leg->sdp_sent.text)) {
		leg->sdp_version++;
		if (!write_version(call, to, rewrite, &text))
			return false;
	}
	return call_set_text(call, &leg->sdp_sent, text);
}

// Streams that were not there before may flow before the answer (early media): the offerer is
// known.
static int publish_new(struct call *call, const struct core_env *env)
{
	struct offer *offer = &call->offer;
	struct media_owner owner = { .call_token = call->token,
		.worker = call->core->params.worker };
	bool has_new = false;

	for (uint32_t i = 0; i < MEDIA_STREAMS_MAX; i++) {
		struct media_stream *stream = &call->media.streams[i];

		if (!(offer->opened & 1u << i))
			continue;
		stream->remote[offer->from] = offer->lines[i].remote;
		stream->remote[call_other(offer->from)] = (struct media_remote){
			.is_mux = offer->lines[i].remote.is_mux };
		has_new = true;
	}
	return has_new ? media_publish(&call->media, env, &owner) : 0;
}

static enum offer_result relay_offer(struct call *call, const struct core_env *env)
{
	struct sdp_rewrite rewrite = { 0 };
	struct offer *offer = &call->offer;
	enum call_side to = call_other(offer->from);

	for (uint32_t i = 0; i < MEDIA_STREAMS_MAX; i++) {
		if (!offer->lines[i].is_offered)
			continue;
		rewrite_line(call, env, to, i, &rewrite.media[i]);
		rewrite.media[i].has_rtcp_mux = offer->lines[i].remote.is_mux;
		rewrite.ip = rewrite.media[i].ip;
	}
	if (ip_is_unset(&rewrite.ip) || !write_for(call, env, to, &rewrite))
		return OFFER_UNUSABLE;
	if (publish_new(call, env) < 0) {
		CORE_COUNT(call->core, media_refused);
		return OFFER_NO_PORTS;
	}
	return OFFER_OK;
}

enum offer_result offer_receive(struct call *call, const struct core_env *env, enum call_side from,
	struct span body)
{
	struct sdp_session *sdp = &call->core->sdp;
	struct sdp_fault fault;
	enum offer_result result = OFFER_OK;

	CHECK(!call->offer.is_open);
	if (sdp_parse(body, sdp, &fault) < 0) {
		CORE_COUNT(call->core, sdp_malformed);
		return OFFER_UNUSABLE;
	}
	call->offer = (struct offer){
		.is_open = true, .from = from, .line_count = sdp->media_count };
	for (uint32_t i = 0; i < sdp->media_count && i < MEDIA_STREAMS_MAX; i++) {
		result = take_line(call, env, i, &sdp->media[i]);
		if (result != OFFER_OK)
			break;
	}
	if (result == OFFER_OK)
		result = relay_offer(call, env);
	if (result != OFFER_OK)
		offer_drop(call, env);
	return result;
}

// Applies one line of the answer. True: accepted, the line goes to the offerer with a port.
static bool apply_line(struct call *call, const struct core_env *env, uint32_t i,
	const struct sdp_media *m)
{
	struct offer_line *line = &call->offer.lines[i];
	struct media_stream *stream = &call->media.streams[i];
	enum call_side from = call->offer.from;
	struct media_remote answerer;

	if (!line->is_offered || !read_remote(call, env->config, call_other(from), m, &answerer) ||
		media_kind(m) != line->kind ||
		!is_reachable(call, env->config, call_other(from), i, m))
		return false;
	// Not offered, so not agreed (RFC 5761 5.1.1): its RTCP stays where it is without.
	if (answerer.is_mux && !line->remote.is_mux) {
		answerer.is_mux = false;
		answerer.rtcp = (struct addr){ .ip = answerer.rtp.ip,
			.port = answerer.is_blackhole ? 0 : (uint16_t)(m->port + 1) };
	}
	stream->kind = line->kind;
	stream->remote[from] = line->remote;
	stream->remote[call_other(from)] = answerer;
	return true;
}

static void note_codec(struct call *call, uint32_t i)
{
	struct sdp_codec codec;

	if (sdp_codec_of(&call->core->sdp, i, 0, &codec) < 0)
		return;
	codec.name = span_sub(codec.name, 0, CALL_NAME_MAX - 1);
	span_copy(codec.name, call->codec, sizeof(call->codec));
}

static enum offer_result commit_answer(struct call *call, const struct core_env *env, bool is_final)
{
	struct media_owner owner = { .call_token = call->token,
		.worker = call->core->params.worker };
	struct sdp_session *sdp = &call->core->sdp;
	struct sdp_rewrite rewrite = { 0 };
	enum call_side to = call->offer.from;
	bool has_codec = false;
	bool has_refused = false;

	for (uint32_t i = 0; i < MEDIA_STREAMS_MAX; i++) {
		if (i < sdp->media_count && apply_line(call, env, i, &sdp->media[i])) {
			rewrite_line(call, env, to, i, &rewrite.media[i]);
			rewrite.media[i].has_rtcp_mux = call->offer.lines[i].remote.is_mux;
			rewrite.ip = rewrite.media[i].ip;
			if (!has_codec)
				note_codec(call, i);
			has_codec = true;
			continue;
		}
		has_refused |= i < sdp->media_count && sdp->media[i].port != 0 &&
			call->offer.lines[i].is_offered;
		if (is_final)
			media_close(&call->media, env, i);
	}
	// The answerer would wait for media that never comes, the offerer know of none.
	if (has_refused && !has_codec)
		return OFFER_UNUSABLE;
	// All lines rejected is a valid answer, with any address of ours in o=.
	if (ip_is_unset(&rewrite.ip))
		rewrite.ip = env->config->realms[call->media.realm[to]].media[0];
	if (!write_for(call, env, to, &rewrite))
		return OFFER_UNUSABLE;
	return media_publish(&call->media, env, &owner) < 0 ? OFFER_NO_PORTS : OFFER_OK;
}

enum offer_result offer_answer(struct call *call, const struct core_env *env, struct span body,
	bool is_final)
{
	struct sdp_session *sdp = &call->core->sdp;
	struct sdp_fault fault;
	enum offer_result result = OFFER_UNUSABLE;

	CHECK(call->offer.is_open);
	if (sdp_parse(body, sdp, &fault) < 0)
		CORE_COUNT(call->core, sdp_malformed);
	else if (sdp->media_count == call->offer.line_count)
		result = commit_answer(call, env, is_final);
	if (is_final && result != OFFER_OK)
		offer_drop(call, env);
	else if (is_final)
		offer_close(call);
	else if (result == OFFER_OK)
		call->offer.is_early = true;
	return result;
}

void offer_drop(struct call *call, const struct core_env *env)
{
	for (uint32_t i = 0; call->offer.is_open && i < MEDIA_STREAMS_MAX; i++)
		if (call->offer.opened & 1u << i)
			media_close(&call->media, env, i);
	call->offer = (struct offer){ 0 };
}

void offer_close(struct call *call)
{
	call->offer = (struct offer){ 0 };
}

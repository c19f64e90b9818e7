// describe.c - the session description in force at the far end of a leg: what a refresh says again.
//
// What was sent last is not always in force. A description that was refused gives way to the one
// before, which says an older version of o= then than the leg has; of an offer whose lines the far
// end rejected those get port 0, because their ports may serve somebody else by now, and those that
// it bundled get the port that they share.
#include "call/core_private.h"
#include "call/mutual.h"

void describe_keep(struct call *call, enum call_side side)
{
	if (call_set_text(call, &call->sdp_before, call->legs[side].sdp_sent.text))
		return;
	call->sdp_before.text.len = 0;
	CORE_COUNT(call->core, arena_full);
}

void describe_restore(struct call *call, enum call_side side)
{
	if (span_is_empty(call->sdp_before.text))
		return;
	if (!call_set_text(call, &call->legs[side].sdp_sent, call->sdp_before.text))
		CORE_COUNT(call->core, arena_full);
	call->sdp_before.text.len = 0;
}

static bool is_ours(const struct config_realm *realm, const struct ip *ip)
{
	for (uint32_t i = 0; i < realm->media_count; i++)
		if (ip_eq(&realm->media[i], ip))
			return true;
	return ip_eq(&realm->advertise, ip);
}

static bool is_open_port(const struct call *call, const struct config *config, enum call_side side,
	uint16_t port)
{
	for (uint32_t i = 0; i < call->media.count; i++)
		if (media_stream(&call->media, i)->is_open &&
			media_local(&call->media, config, i, side).port == port)
			return true;
	return false;
}

// What stands for a port of ours that the call has no more: that of the line's group, or 0.
static uint16_t replacement(const struct call *call, const struct config *config,
	enum call_side side, uint32_t i)
{
	const struct media_stream *stream = media_stream(&call->media, i);
	const struct media_stream *owner = stream && stream->is_bundled ?
		media_stream(&call->media, stream->bundle) :
		NULL;

	if (!owner || !owner->is_open)
		return 0;
	struct addr local = media_local(&call->media, config, i, side);
	// Only the port is written anew.
	return ip_eq(&local.ip, &call->core->sdp.media[i].connection.ip) ? local.port : 0;
}

// ports[i]: what line i has to show. True: that is not what it shows.
static bool ports_in_force(const struct call *call, const struct config *config,
	enum call_side side, uint16_t ports[SDP_MEDIA_MAX])
{
	const struct config_realm *realm = &config->realms[call->media.realm[side]];
	const struct sdp_session *sdp = &call->core->sdp;
	bool is_other = false;

	for (uint32_t i = 0; i < sdp->media_count; i++) {
		const struct sdp_media *m = &sdp->media[i];

		ports[i] = m->port;
		if (m->port && !media_is_foreign(&call->media, i) &&
			is_ours(realm, &m->connection.ip) &&
			!is_open_port(call, config, side, m->port))
			ports[i] = replacement(call, config, side, i);
		is_other |= ports[i] != m->port;
	}
	return is_other;
}

// The line with its word `index` (from 0, behind blanks) replaced by a number.
static void put_word(struct sip_writer *w, struct span line, uint32_t index, uint64_t number)
{
	struct span word;

	for (uint32_t i = 0; span_cut(&line, ' ', &word); i++) {
		if (i > 0)
			sip_put_char(w, ' ');
		if (i == index)
			sip_put_u64(w, number);
		else
			sip_put(w, word);
	}
}

static void put_lines(struct sip_writer *w, struct span text, const struct sdp_session *sdp,
	const uint16_t ports[SDP_MEDIA_MAX], uint64_t version)
{
	struct span line;

	for (uint32_t i = 0; span_cut(&text, '\n', &line);) {
		bool is_media = span_starts(line, SPAN_LIT("m="));

		if (span_starts(line, SPAN_LIT("o=")))
			put_word(w, line, 2, version);
		else if (is_media && ports[i] != sdp->media[i].port)
			put_word(w, line, 1, ports[i]);
		else
			sip_put(w, line);
		sip_put_char(w, '\n');
		i += is_media;
	}
}

// The version of sdp_sent is not the last one that the far end was, or may have been, sent with
// another description: it was refused, or a record did not know it.
static bool is_outdated(const struct call_leg *leg, const struct sdp_session *sdp)
{
	uint64_t version;

	return span_parse_u64(sdp->session_version, UINT64_MAX, &version) < 0 ||
		version != leg->sdp_version;
}

struct span describe_leg(struct call *call, const struct core_env *env, enum call_side side)
{
	struct call_leg *leg = &call->legs[side];
	uint16_t ports[SDP_MEDIA_MAX];
	struct sdp_fault fault;
	struct sip_writer w;

	if (sdp_parse(leg->sdp_sent.text, &call->core->sdp, &fault) < 0)
		return SPAN_NONE;
	bool is_other = ports_in_force(call, env->config, side, ports);
	if (!is_other && !is_outdated(leg, &call->core->sdp))
		return leg->sdp_sent.text;
	// It is another description than the last one (RFC 3264 8).
	sip_writer_init(&w, call->core->body, sizeof(call->core->body));
	put_lines(&w, leg->sdp_sent.text, &call->core->sdp, ports, ++leg->sdp_version);
	if (w.is_overflowed || !call_set_text(call, &leg->sdp_sent, sip_writer_text(&w)))
		return SPAN_NONE;
	return leg->sdp_sent.text;
}

struct span describe_answer(struct call *call, const struct core_env *env, enum call_side side,
	struct span offer)
{
	struct core *core = call->core;
	struct call_leg *leg = &call->legs[side];
	uint64_t next = leg->sdp_version + 1;
	struct span text = describe_leg(call, env, side);
	struct sip_writer w;

	sip_writer_init(&w, core->parts, sizeof(core->parts));
	if (span_is_empty(text) || span_is_empty(offer) || !mutual_put(core, &w, text, offer))
		return SPAN_NONE;
	if (span_eq(sip_writer_text(&w), text))
		return text;
	// One step, also if the ports have made it another one already.
	core->rewrite.session_version = leg->sdp_version = next;
	sip_writer_init(&w, core->parts, sizeof(core->parts));
	sdp_put_rewritten(&w, &core->sdp, &core->rewrite);
	// What it was sent last, of which the streams stay.
	return call_set_text(call, &leg->sdp_sent, sip_writer_text(&w)) ? leg->sdp_sent.text :
									 SPAN_NONE;
}

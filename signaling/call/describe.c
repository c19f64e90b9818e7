// describe.c - the session description in force at the far end of a leg: what a refresh says again.
//
// What was sent last is not always in force. A description that was refused gives way to the one
// before; of an offer whose lines the far end rejected those get port 0, because their ports may
// serve somebody else by now.
#include "call/core_private.h"

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

// Bit i: line i shows a port of ours that is none of the call's.
static uint32_t closed_lines(const struct call *call, const struct config *config,
	enum call_side side)
{
	const struct config_realm *realm = &config->realms[call->media.realm[side]];
	const struct sdp_session *sdp = &call->core->sdp;
	uint32_t closed = 0;

	for (uint32_t i = 0; i < sdp->media_count; i++) {
		const struct sdp_media *m = &sdp->media[i];

		if (m->port && is_ours(realm, &m->connection.ip) &&
			!is_open_port(call, config, side, m->port))
			closed |= 1u << i;
	}
	return closed;
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

static void put_lines(struct sip_writer *w, struct span text, uint32_t closed, uint64_t version)
{
	struct span line;

	for (uint32_t i = 0; span_cut(&text, '\n', &line);) {
		bool is_media = span_starts(line, SPAN_LIT("m="));

		if (span_starts(line, SPAN_LIT("o=")))
			put_word(w, line, 2, version);
		else if (is_media && closed & 1u << i)
			put_word(w, line, 1, 0);
		else
			sip_put(w, line);
		sip_put_char(w, '\n');
		i += is_media;
	}
}

struct span describe_leg(struct call *call, const struct core_env *env, enum call_side side)
{
	struct call_leg *leg = &call->legs[side];
	struct sdp_fault fault;
	struct sip_writer w;

	if (sdp_parse(leg->sdp_sent.text, &call->core->sdp, &fault) < 0)
		return SPAN_NONE;
	uint32_t closed = closed_lines(call, env->config, side);
	if (!closed)
		return leg->sdp_sent.text;
	// It is another description now (RFC 3264 8).
	sip_writer_init(&w, call->core->body, sizeof(call->core->body));
	put_lines(&w, leg->sdp_sent.text, closed, ++leg->sdp_version);
	if (w.is_overflowed || !call_set_text(call, &leg->sdp_sent, sip_writer_text(&w)))
		return SPAN_NONE;
	return leg->sdp_sent.text;
}

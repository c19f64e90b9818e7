// secure.c - keys of one m= line on each leg: whose are taken, what is offered, what is in force.
//
// Each leg has keys of its own. Towards a leg ours stay the same for as long as its suite does,
// over re-INVITE and hold, so that roll-over counters go on (RFC 3711 3.3.1); keys live in the
// segment with the pair of ports (flow_pair_set_key()), where they are found after a restart too.
#include "call/offer_line.h"

#include <errno.h>
#include <string.h>

static enum profile_srtp wish_of(const struct call *call, const struct core_env *env,
	enum call_side side)
{
	return config_profile(env->config, call->legs[side].profile)->sdp.srtp;
}

bool secure_may_key(const struct call *call, const struct core_env *env, enum call_side side)
{
	return wish_of(call, env, side) != PROFILE_SRTP_OFF;
}

static struct sdes_key own_key(
	const struct call *call, const struct core_env *env, enum call_side side, uint32_t i)
{
	return media_own_key(media_stream(&call->media, i), env, side);
}

// Ours for a leg: what it has, if the suite is that, else a fresh one.
static struct sdes_key key_for(const struct call *call, const struct core_env *env,
	enum call_side side, uint32_t i, enum srtp_suite suite)
{
	struct sdes_key key = own_key(call, env, side, i);

	if (key.suite == suite)
		return key;
	sdes_make(&key);
	return sdes_key_for(&key, suite);
}

// What the answerer will be offered: the key that it has, else a fresh one for it to choose the
// suite of.
static void offer_keys(
	struct call *call, const struct core_env *env, enum call_side to, uint32_t i)
{
	struct offer_line *line = &call->offer.lines[i];

	line->is_keyed = line->kind == LINE_RTP && secure_may_key(call, env, to);
	if (!line->is_keyed)
		return;
	line->for_answerer = own_key(call, env, to, i);
	if (line->for_answerer.suite == SRTP_NONE)
		sdes_make(&line->for_answerer);
}

bool secure_take_offer(struct call *call, const struct core_env *env, uint32_t i)
{
	const struct sdp_media *m = &call->core->sdp.media[i];
	struct offer_line *line = &call->offer.lines[i];
	enum call_side from = call->offer.from;
	enum profile_srtp wish = wish_of(call, env, from);
	struct sdes_crypto crypto;

	if (line->kind != LINE_RTP) // T.38 and others know no keys
		return wish != PROFILE_SRTP_REQUIRED &&
			wish_of(call, env, call_other(from)) != PROFILE_SRTP_REQUIRED;
	if (wish != PROFILE_SRTP_OFF && sdes_choose(&call->core->sdp, i, &crypto)) {
		line->tag = crypto.tag;
		line->offerer = crypto.key;
		line->for_offerer = key_for(call, env, from, i, crypto.key.suite);
		explicit_bzero(&crypto, sizeof(crypto));
	} else if (m->is_secure || wish == PROFILE_SRTP_REQUIRED) {
		CORE_COUNT(call->core, keys_refused);
		return false;
	}
	offer_keys(call, env, call_other(from), i);
	return true;
}

// Which of the suites that we have offered under that tag; SRTP_NONE: none.
static enum srtp_suite offered_suite(const struct offer_line *line, uint32_t tag)
{
	if (!line->is_keyed || tag == 0)
		return SRTP_NONE;
	if (line->for_answerer.suite != SRTP_NONE)
		return tag == 1 ? (enum srtp_suite)line->for_answerer.suite : SRTP_NONE;
	return tag <= SDES_OFFERS_MAX ? (enum srtp_suite)sdes_offers[tag - 1] : SRTP_NONE;
}

bool secure_take_answer(struct call *call, const struct core_env *env, uint32_t i)
{
	const struct sdp_media *m = &call->core->sdp.media[i];
	struct offer_line *line = &call->offer.lines[i];
	enum profile_srtp wish = wish_of(call, env, call_other(call->offer.from));
	struct sdes_crypto crypto;

	line->answerer = (struct sdes_key){ 0 };
	// One line, one of ours (RFC 4568 5.1.2).
	if (sdes_choose(&call->core->sdp, i, &crypto) &&
		crypto.key.suite == offered_suite(line, crypto.tag) &&
		crypto.key.suite != SRTP_NONE) {
		line->answerer = crypto.key;
		explicit_bzero(&crypto, sizeof(crypto));
		return true;
	}
	if (!m->is_secure && (line->kind != LINE_RTP || wish != PROFILE_SRTP_REQUIRED))
		return true;
	CORE_COUNT(call->core, keys_refused);
	return false;
}

void secure_renew(struct offer_line *line)
{
	enum srtp_suite suite = (enum srtp_suite)line->for_offerer.suite;

	if (suite == SRTP_NONE)
		return;
	sdes_make(&line->for_offerer);
	line->for_offerer = sdes_key_for(&line->for_offerer, suite);
}

static int set_plain(struct media_stream *stream, const struct core_env *env, enum call_side side)
{
	static const struct sdes_key none;

	return media_set_keys(stream, env, side, &none, &none);
}

int secure_publish_early(struct call *call, const struct core_env *env, uint32_t i)
{
	struct media_stream *stream = media_stream(&call->media, i);
	struct offer_line *line = &call->offer.lines[i];
	enum call_side from = call->offer.from, to = call_other(from);

	stream->remote[to].is_unkeyed = line->is_keyed &&
		wish_of(call, env, to) == PROFILE_SRTP_REQUIRED;
	int err = set_plain(stream, env, to);
	return err ? err :
		     media_set_keys(stream, env, from, &line->offerer, &line->for_offerer);
}

int secure_publish(struct call *call, const struct core_env *env, uint32_t i)
{
	struct media_stream *stream = media_stream(&call->media, i);
	struct offer_line *line = &call->offer.lines[i];
	enum call_side from = call->offer.from, to = call_other(from);
	int err = media_set_keys(stream, env, from, &line->offerer, &line->for_offerer);

	if (err)
		return err;
	if (line->answerer.suite == SRTP_NONE)
		return set_plain(stream, env, to);
	struct sdes_key own = sdes_key_for(&line->for_answerer, line->answerer.suite);
	err = media_set_keys(stream, env, to, &line->answerer, &own);
	explicit_bzero(&own, sizeof(own));
	return err;
}

static void add_crypto(struct core *core, uint32_t i, uint32_t tag, const struct sdes_key *key)
{
	struct sdp_media_rewrite *out = &core->rewrite.media[i];
	char *text = core->crypto[i][out->crypto_count];

	out->crypto[out->crypto_count++] = span_make(text, sdes_format(tag, key, text));
}

static void add_offers(struct core *core, uint32_t i, const struct sdes_key *key)
{
	if (key->suite != SRTP_NONE) {
		add_crypto(core, i, 1, key);
		return;
	}
	for (uint32_t k = 0; k < SDES_OFFERS_MAX; k++) {
		struct sdes_key one = sdes_key_for(key, sdes_offers[k]);
		add_crypto(core, i, k + 1, &one);
		explicit_bzero(&one, sizeof(one));
	}
}
_Static_assert(SDES_OFFERS_MAX <= SDP_CRYPTO_MAX, "each offer is a line");

// The same profile with or without an S; feedback (RFC 4585) is as it came.
static void set_proto(struct sdp_media_rewrite *out, const struct sdp_media *m, bool is_savp)
{
	bool is_feedback = m->proto.len > 0 && (m->proto.ptr[m->proto.len - 1] | 0x20) == 'f';

	if (!m->is_rtp || m->is_secure == is_savp)
		return;
	if (is_savp)
		out->proto = is_feedback ? SPAN_LIT("RTP/SAVPF") : SPAN_LIT("RTP/SAVP");
	else
		out->proto = is_feedback ? SPAN_LIT("RTP/AVPF") : SPAN_LIT("RTP/AVP");
}

void secure_rewrite(struct call *call, const struct core_env *env, enum call_side to, uint32_t i)
{
	const struct sdp_media *m = &call->core->sdp.media[i];
	struct sdp_media_rewrite *out = &call->core->rewrite.media[i];
	const struct offer_line *line = &call->offer.lines[i];
	const struct media_stream *stream = media_stream(&call->media, i);

	if (line->kind != LINE_RTP)
		return;
	if (to == call->offer.from) {
		set_proto(out, m, line->remote.is_savp);
		if (line->offerer.suite != SRTP_NONE)
			add_crypto(call->core, i, line->tag, &line->for_offerer);
		return;
	}
	set_proto(out, m, line->is_keyed && (wish_of(call, env, to) == PROFILE_SRTP_REQUIRED ||
		(stream && stream->remote[to].is_savp)));
	if (line->is_keyed)
		add_offers(call->core, i, &line->for_answerer);
}

void secure_forget(struct offer *offer)
{
	for (uint32_t i = 0; i < offer->line_count; i++) {
		struct offer_line *line = &offer->lines[i];

		explicit_bzero(&line->offerer, sizeof(line->offerer));
		explicit_bzero(&line->for_offerer, sizeof(line->for_offerer));
		explicit_bzero(&line->for_answerer, sizeof(line->for_answerer));
		explicit_bzero(&line->answerer, sizeof(line->answerer));
	}
}

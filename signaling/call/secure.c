// secure.c - keys of one m= line on each leg: whose are taken, what is offered, what is in force.
//
// Each leg has keys of its own. Towards a leg ours stay the same for as long as its suite does,
// over re-INVITE and hold, so that roll-over counters go on (RFC 3711 3.3.1); keys live in the
// segment with the pair of ports (flow_pair_set_key()), where they are found after a restart too.
#include "call/agreement.h"
#include "call/share.h"

#include <errno.h>
#include <string.h>

static enum profile_srtp wish_of(const struct call *call, const struct core_env *env,
	enum call_side side)
{
	return config_profile(env->config, call->legs[side].profile)->sdp.srtp;
}

bool secure_may_key(const struct call *call, const struct core_env *env, enum call_side side)
{
	enum profile_srtp wish = wish_of(call, env, side);

	return wish == PROFILE_SRTP_OPTIONAL || wish == PROFILE_SRTP_REQUIRED;
}

// Without keys nothing may pass on that leg.
static bool must_key(enum profile_srtp wish)
{
	return wish == PROFILE_SRTP_REQUIRED || wish == PROFILE_SRTP_DTLS;
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
		return !must_key(wish) && !must_key(wish_of(call, env, call_other(from)));
	if (!agreement_take_offer(call, env, i))
		return false;
	if (line->with_offerer.has_dtls || share_has_no_transport(line, from, from)) {
		offer_keys(call, env, call_other(from), i);
		return m->is_secure;
	}
	if (secure_may_key(call, env, from) && !line_is_tls(m) &&
		sdes_choose(&call->core->sdp, i, &crypto)) {
		line->tag = crypto.tag;
		line->offerer = crypto.key;
		line->for_offerer = key_for(call, env, from, i, crypto.key.suite);
		explicit_bzero(&crypto, sizeof(crypto));
	} else if (m->is_secure || must_key(wish)) {
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
	if (line->kind == LINE_RTP && !agreement_take_answer(call, env, i))
		return false;
	if (line->with_answerer.has_dtls || line->owner[call_other(call->offer.from)])
		return m->is_secure;
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

bool secure_is_agreed(struct call *call, const struct core_env *env, uint32_t i)
{
	struct offer_line *line = &call->offer.lines[i];

	for (uint32_t side = 0; side < CALL_LEGS; side++)
		if (line->kind == LINE_RTP && line->fate == OFFER_LINE_RELAYED &&
			wish_of(call, env, side) == PROFILE_SRTP_DTLS && !line->owner[side] &&
			!agreement_of(line, call->offer.from, side)->has_dtls)
			return false;
	return true;
}

void secure_renew(struct offer_line *line)
{
	enum srtp_suite suite = (enum srtp_suite)line->for_offerer.suite;

	if (suite == SRTP_NONE)
		return;
	sdes_make(&line->for_offerer);
	line->for_offerer = sdes_key_for(&line->for_offerer, suite);
}

// Keys of a leg as descriptions have them; those of DTLS come later, from media.
static int publish_keys(struct media_stream *stream, const struct core_env *env,
	enum call_side side, const struct sdes_key *rx, const struct sdes_key *tx)
{
	const struct media_secure *secure = stream->secure[side];

	return secure && secure->has_dtls ? 0 : media_set_keys(stream, env, side, rx, tx);
}

int secure_publish_early(struct call *call, const struct core_env *env, uint32_t i)
{
	struct media_stream *stream = media_stream(&call->media, i);
	struct offer_line *line = &call->offer.lines[i];
	enum call_side from = call->offer.from, to = call_other(from);

	// A stream that an earlier far end had, and that this one is not offered, is mute.
	stream->remote[to].is_unkeyed = line->fate != OFFER_LINE_RELAYED ||
		(line->is_keyed && wish_of(call, env, to) == PROFILE_SRTP_REQUIRED);
	// The answerer's pair has no keys: it is new, or was changed (media_change_far()).
	int err = publish_keys(stream, env, from, &line->offerer, &line->for_offerer);
	return err ? err : agreement_publish_early(call, env, i);
}

int secure_publish(struct call *call, const struct core_env *env, uint32_t i)
{
	struct media_stream *stream = media_stream(&call->media, i);
	struct offer_line *line = &call->offer.lines[i];
	enum call_side from = call->offer.from, to = call_other(from);
	int err = agreement_publish(call, env, i);

	if (!err)
		err = publish_keys(stream, env, from, &line->offerer, &line->for_offerer);
	if (err)
		return err;
	if (line->answerer.suite == SRTP_NONE)
		return publish_keys(stream, env, to, &(struct sdes_key){ 0 },
			&(struct sdes_key){ 0 });
	struct sdes_key own = sdes_key_for(&line->for_answerer, line->answerer.suite);
	err = publish_keys(stream, env, to, &line->answerer, &own);
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

enum proto_bits { PROTO_TLS = 1, PROTO_SAVP = 2, PROTO_AVPF = 4 };

// RFC 3551, 4585, 3711, 5124, 5764. UDP/TLS is never without SAVP.
static const struct span protos[] = {
	[0] = { "RTP/AVP", 7 },
	[PROTO_AVPF] = { "RTP/AVPF", 8 },
	[PROTO_SAVP] = { "RTP/SAVP", 8 },
	[PROTO_SAVP | PROTO_AVPF] = { "RTP/SAVPF", 9 },
	[PROTO_TLS | PROTO_SAVP] = { "UDP/TLS/RTP/SAVP", 16 },
	[PROTO_TLS | PROTO_SAVP | PROTO_AVPF] = { "UDP/TLS/RTP/SAVPF", 17 },
};

static void set_proto(struct sdp_media_rewrite *out, const struct sdp_media *m, uint32_t bits)
{
	if (m->is_rtp && !span_ieq(m->proto, protos[bits]))
		out->proto = protos[bits];
}

// Feedback in an offer to a leg: as it came. What a browser says of it without asking is offered to
// a phone in a form that each phone takes, unless the profile says more.
static uint32_t feedback_for(const struct sdp_media *m, uint32_t wish)
{
	if (!line_is_avpf(m) || wish == PROFILE_FEEDBACK_STRIP ||
		(wish == PROFILE_FEEDBACK_AUTO && line_is_tls(m)))
		return 0;
	return PROTO_AVPF;
}

// The protocol of line i in an offer to `to`: what the far end has said before, where it has.
static uint32_t proto_for_answerer(const struct call *call, const struct core_env *env,
	enum call_side to, uint32_t i)
{
	const struct profile_sdp *profile =
		&config_profile(env->config, call->legs[to].profile)->sdp;
	const struct offer_line *line = &call->offer.lines[i];
	const struct media_stream *stream = media_stream(&call->media, i);
	const struct media_remote *known = stream ? &stream->remote[to] : NULL;
	uint32_t feedback = feedback_for(&call->core->sdp.media[i], profile->feedback);

	bool has_dtls = profile->srtp == PROFILE_SRTP_DTLS;

	if (has_dtls && known && known->is_savp)
		return PROTO_SAVP | (known->is_tls ? PROTO_TLS : 0) |
			(known->is_avpf ? PROTO_AVPF : 0);
	if (has_dtls)
		return PROTO_TLS | PROTO_SAVP | PROTO_AVPF;
	if (line->is_keyed && (profile->srtp == PROFILE_SRTP_REQUIRED || (known && known->is_savp)))
		return feedback | PROTO_SAVP;
	return feedback;
}

static void rewrite_offer(struct call *call, const struct core_env *env, enum call_side to,
	uint32_t i)
{
	const struct profile_sdp *profile =
		&config_profile(env->config, call->legs[to].profile)->sdp;
	struct sdp_media_rewrite *out = &call->core->rewrite.media[i];
	const struct offer_line *line = &call->offer.lines[i];

	set_proto(out, &call->core->sdp.media[i], proto_for_answerer(call, env, to, i));
	out->drops_feedback = profile->feedback == PROFILE_FEEDBACK_STRIP;
	if (line->is_keyed)
		add_offers(call->core, i, &line->for_answerer);
}

// The protocol that the offerer has said.
static uint32_t proto_for_offerer(const struct offer_line *line)
{
	return (line->remote.is_tls ? PROTO_TLS : 0) | (line->remote.is_savp ? PROTO_SAVP : 0) |
		(line->remote.is_avpf ? PROTO_AVPF : 0);
}

void secure_rewrite_off(
	struct call *call, const struct core_env *env, enum call_side to, uint32_t i)
{
	struct sdp_media_rewrite *out = &call->core->rewrite.media[i];
	const struct offer_line *line = &call->offer.lines[i];

	if (line->kind == LINE_RTP)
		set_proto(out, &call->core->sdp.media[i],
			to == call->offer.from ? proto_for_offerer(line) :
						 proto_for_answerer(call, env, to, i));
}

void secure_rewrite(struct call *call, const struct core_env *env, enum call_side to, uint32_t i)
{
	const struct offer_line *line = &call->offer.lines[i];
	struct sdp_media_rewrite *out = &call->core->rewrite.media[i];

	if (line->kind != LINE_RTP)
		return;
	agreement_rewrite(call, env, to, i);
	if (to != call->offer.from) {
		rewrite_offer(call, env, to, i);
		return;
	}
	set_proto(out, &call->core->sdp.media[i], proto_for_offerer(line));
	if (line->offerer.suite != SRTP_NONE)
		add_crypto(call->core, i, line->tag, &line->for_offerer);
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

// agreement_apply.c - agreements of an exchange put in force, and into what we write.
#include "call/agreement.h"

#include "base/hash.h"
#include "call/share.h"
#include "sip/sdp_secure.h"

#include <errno.h>
#include <string.h>

#define TLS_ID_BYTES  32u
#define TLS_ID_DOMAIN 0x746c732d6964ull // keeps them apart from what else the key makes

// In force ----------------------------------------------------------------------------------------

// The handshake that was made goes on for that agreement too.
static bool is_same_association(const struct flow_secure *old, const struct flow_secure *next)
{
	return old && old->dtls == next->dtls && old->association == next->association &&
		old->identity == next->identity && agreement_is_same_far(old, next);
}

static int publish_none(struct media_stream *stream, const struct core_env *env,
	enum call_side side)
{
	struct media_secure *secure = stream->secure[side];

	if (!secure)
		return 0;
	secure->has_ice = secure->has_dtls = false;
	secure->is_keyed = secure->is_waiting = false;
	secure->until_ms = 0;
	return flow_pair_set_secure(env->flows, &stream->pair[side], NULL);
}

static int publish_side(struct media_stream *stream, const struct core_env *env,
	enum call_side side, const struct line_agreement *with)
{
	struct media_secure *secure = stream->secure[side];
	bool is_any = (with->has_ice && secure->next.ice != FLOW_ICE_OFF) || with->has_dtls;

	if (!is_any)
		return publish_none(stream, env, side);
	const struct flow_secure *old = flow_pair_secure(env->flows, &stream->pair[side]);
	bool is_same = is_same_association(old, &secure->next);
	int err = flow_pair_set_secure(env->flows, &stream->pair[side], &secure->next);

	if (err)
		return err == -EINVAL ? -ENOMEM : err;
	secure->has_ice = secure->next.ice != FLOW_ICE_OFF;
	secure->has_dtls = secure->next.dtls != FLOW_DTLS_OFF;
	secure->is_keyed &= secure->has_dtls;
	secure->is_waiting = (secure->has_dtls && !(is_same && secure->is_keyed)) ||
		(secure->has_ice && secure->selected[0].port == 0);
	secure->until_ms = secure->is_waiting ? env->now_ms + MEDIA_HANDSHAKE_MS : 0;
	return 0;
}

int agreement_publish_early(struct call *call, const struct core_env *env, uint32_t i)
{
	struct media_stream *stream = media_stream(&call->media, i);
	const struct offer_line *line = &call->offer.lines[i];
	enum call_side to = call_other(call->offer.from);
	int err = publish_side(stream, env, to, &line->with_answerer);

	if (stream->secure[to])
		stream->secure[to]->until_ms = 0; // it may ring for long
	stream->remote[call->offer.from].is_unkeyed |= line->with_offerer.has_dtls ||
		share_has_no_transport(line, call->offer.from, call->offer.from);
	return err;
}

int agreement_publish(struct call *call, const struct core_env *env, uint32_t i)
{
	struct media_stream *stream = media_stream(&call->media, i);
	const struct offer_line *line = &call->offer.lines[i];
	enum call_side from = call->offer.from;
	int err = publish_side(stream, env, from, &line->with_offerer);

	return err ? err : publish_side(stream, env, call_other(from), &line->with_answerer);
}

// Written -----------------------------------------------------------------------------------------

static void put_ice(struct sip_writer *w, const struct call *call, const struct core_env *env,
	enum call_side to, uint32_t i)
{
	const struct flow_secure *secure = &media_stream(&call->media, i)->secure[to]->next;
	struct addr local = media_local(&call->media, env->config, i, to);
	struct sdp_ice ice = {
		.ufrag = span_make(secure->own_ufrag, secure->own_ufrag_bytes),
		.pwd = span_make(secure->own_pwd, secure->own_pwd_bytes),
		.is_ended = true,
		.candidate_count = secure->components,
	};

	for (uint32_t c = 0; c < secure->components; c++) {
		ice.candidates[c] = (struct sdp_candidate){ .addr = local, .foundation = 1,
			.priority = secure->own_priority - c, .component = (uint8_t)(c + 1),
			.type = ICE_TYPE_HOST };
		ice.candidates[c].addr.port = (uint16_t)(local.port + c);
	}
	sdp_put_ice(w, &ice);
}

// Ours is the same as long as the association is (RFC 8842 6).
static struct span make_tls_id(const struct call *call, const struct media_stream *stream,
	enum call_side to, char out[TLS_ID_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	const struct media_stream *carrier = media_transport(&call->media, stream, to);
	uint64_t said[] = { TLS_ID_DOMAIN, carrier->pair[to].incarnation,
		stream->secure[to]->next.association, 0 };

	for (uint32_t i = 0; i < TLS_ID_BYTES; i++) {
		said[3] = i / 16;
		uint64_t bits = hash_sip(&call->core->keys.shard, said, sizeof(said));
		out[i] = digits[bits >> (4 * (i % 16)) & 15];
	}
	return span_make(out, TLS_ID_BYTES);
}

static void put_dtls(struct sip_writer *w, const struct call *call, const struct core_env *env,
	enum call_side to, uint32_t i)
{
	const struct media_stream *stream = media_stream(&call->media, i);
	const struct flow_secure *secure = &stream->secure[to]->next;
	const struct offer_line *line = &call->offer.lines[i];
	bool is_answer = to == call->offer.from;
	struct sdp_dtls dtls = { .setup = SDP_SETUP_ACTPASS, .fingerprint_count = 1 };
	struct flow_fingerprint own = { 0 };
	char tls_id[TLS_ID_BYTES];

	flow_identity_of(env->flows, secure->identity, &own);
	dtls.fingerprints[0].hash = own.hash;
	memcpy(dtls.fingerprints[0].value, own.value, sizeof(own.value));
	if (is_answer)
		dtls.setup = secure->dtls == FLOW_DTLS_ACTIVE ? SDP_SETUP_ACTIVE :
								SDP_SETUP_PASSIVE;
	if (!is_answer || line->with_offerer.has_tls_id)
		dtls.tls_id = make_tls_id(call, stream, to, tls_id);
	sdp_put_dtls(w, &dtls);
	if (!is_answer)
		sip_put_lit(w, "a=rtcp-mux-only\r\n"); // RFC 8858
}

void agreement_rewrite(struct call *call, const struct core_env *env, enum call_side to,
	uint32_t i)
{
	struct core *core = call->core;
	struct sdp_media_rewrite *out = &core->rewrite.media[i];
	const struct offer_line *line = &call->offer.lines[i];
	const struct line_agreement *with =
		to == call->offer.from ? &line->with_offerer : &line->with_answerer;
	struct sip_writer w;

	sip_writer_init(&w, core->attrs + core->attrs_used, sizeof(core->attrs) - core->attrs_used);
	if (with->is_mismatch)
		sdp_put_ice(&w, &(struct sdp_ice){ .is_mismatch = true });
	if (with->has_ice) {
		put_ice(&w, call, env, to, i);
		core->rewrite.has_ice = true;
		core->rewrite.is_ice_lite =
			config_profile(env->config, call->legs[to].profile)->sdp.ice !=
			PROFILE_ICE_FULL;
	}
	if (with->has_dtls)
		put_dtls(&w, call, env, to, i);
	out->own = sip_writer_text(&w);
	core->attrs_used += out->own.len;
	core->is_attrs_full |= w.is_overflowed;
}

#include "call/agreement.h"

#include "base/hash.h"
#include "base/rng.h"
#include "call/share.h"
#include "sip/sdp_secure.h"

#include <errno.h>
#include <string.h>

#define UFRAG_BYTES    8u  // 48 random bits, RFC 8839 5.4 wants 24
#define PWD_BYTES      24u // 144, it wants 128
#define MTU	       1200u // of UDP payload, by any path
#define LOCAL_PRIORITY 65535u // of our only address
#define DISCARD_PORT   9u     // with c=0.0.0.0: candidates come later (RFC 8840 4.1.1)

// What a far end says in a line.
struct said {
	bool has_ice, has_dtls;
	struct sdp_ice ice;
	struct sdp_dtls dtls;
};

// An agreement on its way: `old` is in force, `own` has the credentials that go on; NULL = none.
struct draft {
	struct call *call;
	const struct core_env *env;
	enum call_side side;
	uint32_t i;
	struct line_agreement *with;
	const struct flow_secure *old, *own;
	struct flow_secure *next;
};

static const struct profile_sdp *profile_of(
	const struct call *call, const struct core_env *env, enum call_side side)
{
	return &config_profile(env->config, call->legs[side].profile)->sdp;
}

struct line_agreement *agreement_of(struct offer_line *line, enum call_side from,
	enum call_side side)
{
	return side == from ? &line->with_offerer : &line->with_answerer;
}

static bool decline(struct call *call)
{
	CORE_COUNT(call->core, agreements_refused);
	return false;
}

// Whose port it is: the line's own, or that of the line which it goes on for.
static const struct media_stream *carrier_of(
	const struct draft *d, const struct media_stream *stream)
{
	uint32_t before = d->call->offer.lines[d->i].heir[d->side];

	return before ? media_stream(&d->call->media, before - 1) : stream;
}

// False: the arena is full.
static bool draft_begin(struct draft *d)
{
	struct media_secure *secure = media_secure_make(&d->call->media, d->i, d->side);
	const struct media_stream *stream = media_stream(&d->call->media, d->i);

	if (!secure)
		return false;
	d->next = &secure->next;
	stream = carrier_of(d, stream);
	if (stream->is_open)
		d->old = flow_pair_secure(d->env->flows, &stream->pair[d->side]);
	d->own = d->old;
	explicit_bzero(d->next, sizeof(*d->next));
	return true;
}

// What a far end says -----------------------------------------------------------------------------

static bool is_known(const struct sdp_dtls *dtls)
{
	for (uint32_t i = 0; i < dtls->fingerprint_count; i++)
		if (dtls->fingerprints[i].hash != SDP_HASH_UNKNOWN)
			return true;
	return false;
}

// False: malformed, or what must be there is not.
static bool read_said(const struct call *call, uint32_t i, const struct line_agreement *wanted,
	struct said *out)
{
	const struct sdp_session *sdp = &call->core->sdp;
	int err;

	out->has_ice = out->has_dtls = false;
	if (wanted->has_ice) {
		err = sdp_ice_of(sdp, i, &out->ice);
		if (err == -EINVAL)
			return false;
		out->has_ice = err == 0 && !out->ice.is_mismatch;
	}
	if (wanted->has_dtls) {
		// One association for RTP and RTCP is all that media knows.
		if (!sdp->media[i].has_rtcp_mux || sdp_dtls_of(sdp, i, &out->dtls) < 0 ||
			!is_known(&out->dtls))
			return false;
		out->has_dtls = true;
	}
	return true;
}

// A proxy in between has replaced the address, and left the candidates (RFC 8839 4.2.5).
static bool is_contradicted(const struct sdp_media *m, const struct sdp_ice *ice)
{
	if (m->port == DISCARD_PORT || m->port == 0 || ip_is_unset(&m->connection.ip) ||
		ice->ignored || ice->candidate_count == 0)
		return false;
	for (uint32_t i = 0; i < ice->candidate_count; i++)
		if (ice->candidates[i].addr.port == m->port &&
			ip_eq(&ice->candidates[i].addr.ip, &m->connection.ip))
			return false;
	return true;
}

static uint32_t tls_id_print(struct span tls_id)
{
	uint32_t print = hash_crc32c(0, tls_id.ptr, tls_id.len) & 0xffffff;

	return tls_id.len == 0 ? 0 : print ? print : 1;
}

static uint32_t tls_id_of(const struct flow_secure *secure)
{
	return (uint32_t)secure->far_tls_id[0] << 16 | (uint32_t)secure->far_tls_id[1] << 8 |
		secure->far_tls_id[2];
}

static void draft_ice(const struct draft *d, const struct sdp_ice *ice)
{
	struct flow_secure *next = d->next;
	const struct config *config = d->env->config;

	// Of two lite ones neither would ever check anything (RFC 8445 6.1.1).
	if (ice->is_lite && next->ice == FLOW_ICE_LITE) {
		next->ice = FLOW_ICE_OFF;
		return;
	}
	next->is_remote_lite = ice->is_lite;
	next->ufrag_bytes = (uint16_t)ice->ufrag.len;
	next->pwd_bytes = (uint16_t)ice->pwd.len;
	memcpy(next->ufrag, ice->ufrag.ptr, ice->ufrag.len);
	memcpy(next->pwd, ice->pwd.ptr, ice->pwd.len);
	for (uint32_t i = 0; i < ice->candidate_count; i++) {
		const struct sdp_candidate *from = &ice->candidates[i];

		if (!media_is_allowed_remote(config, d->call->media.realm[d->side],
			    &from->addr.ip))
			continue;
		next->candidates[next->candidate_count++] = (struct flow_candidate){
			.ip = from->addr.ip, .port = from->addr.port,
			.priority = from->priority, .foundation = from->foundation,
			.component = from->component, .type = from->type };
	}
}
_Static_assert(SDP_CANDIDATES_MAX <= FLOW_CANDIDATES_MAX, "each one that is read fits");

static void draft_dtls(const struct draft *d, const struct sdp_dtls *dtls)
{
	struct flow_secure *next = d->next;
	uint32_t print = tls_id_print(dtls->tls_id);

	next->fingerprint_count = 0;
	memset(next->fingerprints, 0, sizeof(next->fingerprints));
	for (uint32_t i = 0; i < dtls->fingerprint_count; i++) {
		const struct sdp_fingerprint *from = &dtls->fingerprints[i];
		struct flow_fingerprint *to = &next->fingerprints[next->fingerprint_count];

		if (from->hash == SDP_HASH_UNKNOWN)
			continue;
		to->hash = from->hash;
		memcpy(to->value, from->value, sizeof(to->value));
		next->fingerprint_count++;
	}
	if (print == 0 && d->old)
		print = tls_id_of(d->old);
	next->far_tls_id[0] = (uint8_t)(print >> 16);
	next->far_tls_id[1] = (uint8_t)(print >> 8);
	next->far_tls_id[2] = (uint8_t)print;
	d->with->has_tls_id = dtls->tls_id.len > 0;
}
_Static_assert(SDP_FINGERPRINTS_MAX <= FLOW_FINGERPRINTS, "each one that is read fits");

static void draft_far(const struct draft *d, const struct said *said)
{
	const struct sdp_media *m = &d->call->core->sdp.media[d->i];
	const struct ip *ip = &m->connection.ip;

	if (said->has_ice)
		draft_ice(d, &said->ice);
	if (said->has_dtls)
		draft_dtls(d, &said->dtls);
	if (m->port == 0 || ip_is_unset(ip) ||
		!media_is_allowed_remote(d->env->config, d->call->media.realm[d->side], ip))
		return;
	d->next->signaled_ip = *ip;
	d->next->signaled_port = m->port;
}

bool agreement_is_same_far(const struct flow_secure *old, const struct flow_secure *next)
{
	uint32_t before = tls_id_of(old), now = tls_id_of(next);

	if (old->dtls == FLOW_DTLS_OFF || (before && now && before != now))
		return false;
	return old->fingerprint_count == 0 || next->fingerprint_count == 0 ||
		(old->fingerprint_count == next->fingerprint_count &&
			memcmp(old->fingerprints, next->fingerprints,
				sizeof(old->fingerprints)) == 0);
}

// Ours --------------------------------------------------------------------------------------------

static void make_secret(char *out, uint32_t len)
{
	static const char chars[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t bytes[FLOW_OWN_SECRET_MAX];

	rng_secure(bytes, len);
	for (uint32_t i = 0; i < len; i++)
		out[i] = chars[bytes[i] & 63];
	explicit_bzero(bytes, sizeof(bytes));
}

static void own_credentials(const struct draft *d)
{
	struct flow_secure *next = d->next;

	if (d->own && d->own->own_ufrag_bytes) {
		next->own_ufrag_bytes = d->own->own_ufrag_bytes;
		next->own_pwd_bytes = d->own->own_pwd_bytes;
		memcpy(next->own_ufrag, d->own->own_ufrag, sizeof(next->own_ufrag));
		memcpy(next->own_pwd, d->own->own_pwd, sizeof(next->own_pwd));
		next->is_controlling = d->own->is_controlling;
		return;
	}
	next->own_ufrag_bytes = UFRAG_BYTES;
	next->own_pwd_bytes = PWD_BYTES;
	make_secret(next->own_ufrag, UFRAG_BYTES);
	make_secret(next->own_pwd, PWD_BYTES);
	// RFC 8445 6.1.1: who offers controls.
	next->is_controlling =
		next->ice == FLOW_ICE_FULL && d->side != d->call->offer.from;
}

// False: media has no certificate to show.
static bool draft_own(const struct draft *d, bool is_mux)
{
	struct flow_secure *next = d->next;
	struct flow_fingerprint unused;

	next->components = is_mux ? 1 : 2;
	next->mtu = MTU;
	next->own_priority = ice_priority(ICE_TYPE_HOST, LOCAL_PRIORITY, ICE_COMPONENT_RTP);
	if (d->with->has_ice) {
		next->ice = profile_of(d->call, d->env, d->side)->ice == PROFILE_ICE_FULL ?
			FLOW_ICE_FULL :
			FLOW_ICE_LITE;
		own_credentials(d);
	}
	if (!d->with->has_dtls)
		return true;
	next->association = d->old ? d->old->association : 0;
	next->identity = flow_identity_of(d->env->flows,
		d->old && d->old->dtls != FLOW_DTLS_OFF ? d->old->identity : 0, &unused);
	return next->identity != 0;
}

static bool is_restarted(const struct flow_secure *old, const struct sdp_ice *ice)
{
	return old && old->ufrag_bytes &&
		!(span_eq(ice->ufrag, span_make(old->ufrag, old->ufrag_bytes)) &&
			span_eq(ice->pwd, span_make(old->pwd, old->pwd_bytes)));
}

// Offers ------------------------------------------------------------------------------------------

// Our role in the answer: the one that we have while the association goes on, else what the offer
// leaves. OFF: nothing can be agreed.
static uint8_t role_for(const struct draft *d, enum sdp_setup offered)
{
	const struct profile_sdp *profile = profile_of(d->call, d->env, d->side);
	bool is_free = offered == SDP_SETUP_ACTPASS || offered == SDP_SETUP_NONE;

	if (is_free && d->old && d->old->dtls != FLOW_DTLS_OFF &&
		agreement_is_same_far(d->old, d->next))
		return d->old->dtls;
	if (offered == SDP_SETUP_ACTPASS && profile->setup == PROFILE_SETUP_PASSIVE)
		return FLOW_DTLS_PASSIVE;
	switch (sdp_setup_answer(offered)) {
	case SDP_SETUP_ACTIVE:
		return FLOW_DTLS_ACTIVE;
	case SDP_SETUP_PASSIVE:
		return FLOW_DTLS_PASSIVE;
	default:
		return FLOW_DTLS_OFF;
	}
}

static bool take_from_offerer(struct call *call, const struct core_env *env, uint32_t i)
{
	struct offer_line *line = &call->offer.lines[i];
	const struct sdp_media *m = &call->core->sdp.media[i];
	struct draft d = { .call = call, .env = env, .side = call->offer.from, .i = i,
		.with = &line->with_offerer };
	const struct profile_sdp *profile = profile_of(call, env, d.side);
	struct said said;

	*d.with = (struct line_agreement){ .has_ice = profile->ice != PROFILE_ICE_OFF,
		.has_dtls = profile->srtp == PROFILE_SRTP_DTLS };
	if (share_has_no_transport(line, d.side, d.side))
		*d.with = (struct line_agreement){ 0 };
	if (!d.with->has_ice && !d.with->has_dtls)
		return true;
	if (!read_said(call, i, d.with, &said))
		return decline(call);
	d.with->is_mismatch = said.has_ice && is_contradicted(m, &said.ice);
	d.with->has_ice = said.has_ice &= !d.with->is_mismatch;
	if (!d.with->has_ice && !d.with->has_dtls)
		return true;
	if (!draft_begin(&d))
		return decline(call);
	if (said.has_ice && is_restarted(d.old, &said.ice))
		d.own = NULL;
	if (!draft_own(&d, m->has_rtcp_mux))
		return decline(call);
	draft_far(&d, &said);
	if (!said.has_dtls)
		return true;
	d.next->dtls = role_for(&d, said.dtls.setup);
	if (d.old && !agreement_is_same_far(d.old, d.next))
		d.next->association++;
	return d.next->dtls != FLOW_DTLS_OFF || decline(call);
}

// What is in force is offered again; its far end's part stays until the answer.
static bool offer_to_answerer(struct call *call, const struct core_env *env, uint32_t i)
{
	struct offer_line *line = &call->offer.lines[i];
	struct draft d = { .call = call, .env = env, .side = call_other(call->offer.from), .i = i,
		.with = &line->with_answerer };
	const struct profile_sdp *profile = profile_of(call, env, d.side);

	*d.with = (struct line_agreement){ .has_ice = profile->ice != PROFILE_ICE_OFF,
		.has_dtls = profile->srtp == PROFILE_SRTP_DTLS };
	line->is_mux_offered |= d.with->has_dtls;
	if (share_has_no_transport(line, call->offer.from, d.side))
		*d.with = (struct line_agreement){ 0 };
	if (!d.with->has_ice && !d.with->has_dtls)
		return true;
	if (!draft_begin(&d) || !draft_own(&d, line->is_mux_offered))
		return decline(call);
	// We offer actpass: whoever is active comes to us.
	if (d.with->has_dtls)
		d.next->dtls = d.old && d.old->dtls != FLOW_DTLS_OFF ? d.old->dtls :
								       FLOW_DTLS_PASSIVE;
	return true;
}

bool agreement_take_offer(struct call *call, const struct core_env *env, uint32_t i)
{
	struct offer_line *line = &call->offer.lines[i];

	line->is_mux_offered = call->core->sdp.media[i].has_rtcp_mux;
	return take_from_offerer(call, env, i) && offer_to_answerer(call, env, i);
}

// Answers -----------------------------------------------------------------------------------------

static bool take_dtls_answer(const struct draft *d, const struct said *said)
{
	enum sdp_setup role = sdp_setup_agreed(said->dtls.setup);

	if (role == SDP_SETUP_NONE)
		return false;
	d->next->dtls = role == SDP_SETUP_ACTIVE ? FLOW_DTLS_ACTIVE : FLOW_DTLS_PASSIVE;
	if (d->old && !agreement_is_same_far(d->old, d->next))
		d->next->association++;
	return true;
}

bool agreement_take_answer(struct call *call, const struct core_env *env, uint32_t i)
{
	struct offer_line *line = &call->offer.lines[i];
	struct draft d = { .call = call, .env = env, .side = call_other(call->offer.from), .i = i,
		.with = &line->with_answerer };
	const struct profile_sdp *profile = profile_of(call, env, d.side);
	const struct media_secure *secure = media_stream(&call->media, i)->secure[d.side];
	struct flow_secure offered;
	struct said said;

	// An early answer may have said less than the final one.
	d.with->has_ice = profile->ice != PROFILE_ICE_OFF && secure != NULL &&
		!share_has_no_transport(line, call->offer.from, d.side);
	if (!d.with->has_ice && !d.with->has_dtls)
		return true;
	offered = secure->next;
	if (!read_said(call, i, d.with, &said) || !draft_begin(&d))
		return decline(call);
	d.own = &offered;
	if (!draft_own(&d, call->core->sdp.media[i].has_rtcp_mux && line->is_mux_offered))
		return decline(call);
	d.with->has_ice = said.has_ice;
	if (!said.has_ice)
		d.next->ice = FLOW_ICE_OFF;
	draft_far(&d, &said);
	return !said.has_dtls || take_dtls_answer(&d, &said) || decline(call);
}

bool agreement_finds_far(const struct call *call, const struct line_agreement *with,
	enum call_side side, uint32_t i)
{
	const struct media_stream *stream = media_stream(&call->media, i);

	return with->has_ice && stream && stream->secure[side] &&
		stream->secure[side]->next.ice != FLOW_ICE_OFF;
}

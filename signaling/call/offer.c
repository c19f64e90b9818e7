#include "call/offer_line.h"

#include "call/share.h"

#include "base/check.h"

#include <stddef.h>

// Everything that names addresses, keys or streams of the other side, and what nobody knows: it may
// say anything about its sender. The formats stay.
#define DROP_ALWAYS                                                                                \
	(SDP_CLASS_OTHER | SDP_CLASS_RTCP | SDP_CLASS_RTCP_MUX | SDP_CLASS_ICE | SDP_CLASS_SDES |  \
		SDP_CLASS_DTLS | SDP_CLASS_BUNDLE | SDP_CLASS_SSRC | SDP_CLASS_ADDRESS)
// Media past us needs its addresses and how to connect. ICE is an agreement of its own (RFC 6544).
#define DROP_PASSED (SDP_CLASS_ICE | SDP_CLASS_BUNDLE | SDP_CLASS_SSRC)

static bool write_version(struct call *call, enum call_side to, struct span *out)
{
	struct sip_writer w;

	call->core->rewrite.session_version = call->legs[to].sdp_version;
	sip_writer_init(&w, call->core->body, sizeof(call->core->body));
	sdp_put_rewritten(&w, &call->core->sdp, &call->core->rewrite);
	*out = sip_writer_text(&w);
	return !w.is_overflowed && !call->core->is_attrs_full;
}

// Into sdp_sent of leg `to`. The version of o= grows exactly when the description changed (RFC 3264
// 8).
static bool write_for(struct call *call, const struct core_env *env, enum call_side to)
{
	struct call_leg *leg = &call->legs[to];
	struct sdp_rewrite *rewrite = &call->core->rewrite;
	struct span text;

	if (leg->sdp_id == 0) {
		leg->sdp_id = (rng_u64(env->rng) >> 2) + 1;
		leg->sdp_version = 1;
	}
	rewrite->username = SPAN_LIT("-");
	rewrite->session_id = leg->sdp_id;
	rewrite->drop = DROP_ALWAYS;
	rewrite->drop_passed = DROP_PASSED;
	// Without a line of ours any address of ours will do in o= and c=.
	if (ip_is_unset(&rewrite->ip))
		rewrite->ip = env->config->realms[call->media.realm[to]].media[0];
	if (!write_version(call, to, &text))
		return false;
	if (!span_is_empty(leg->sdp_sent.text) && !span_eq(text, leg->sdp_sent.text)) {
		leg->sdp_version++;
		if (!write_version(call, to, &text))
			return false;
	}
	return call_set_text(call, &leg->sdp_sent, text);
}

// Only as much of it as the description has lines.
static void clear_rewrite(struct core *core)
{
	memset(&core->rewrite, 0, offsetof(struct sdp_rewrite, media));
	memset(core->rewrite.media, 0, core->sdp.media_count * sizeof(core->rewrite.media[0]));
	core->attrs_used = 0;
	core->is_attrs_full = false;
}

struct media_owner offer_owner(const struct call *call)
{
	return (struct media_owner){ .call_token = call->token,
		.worker = call->core->params.worker,
		.profile = { call->legs[CALL_LEG_A].profile, call->legs[CALL_LEG_B].profile } };
}

// Streams that were not there before may flow before the answer (early media): the offerer is
// known.
static int publish_new(struct call *call, const struct core_env *env)
{
	struct offer *offer = &call->offer;
	struct media_owner owner = offer_owner(call);
	bool has_new = false;

	for (uint32_t i = 0; i < call->media.count; i++) {
		struct media_stream *stream = media_stream(&call->media, i);

		if (!(offer->opened & 1u << i))
			continue;
		stream->remote[offer->from] = offer->lines[i].remote;
		stream->remote[call_other(offer->from)] = (struct media_remote){
			.is_mux = offer->lines[i].is_mux_offered };
		int err = secure_publish_early(call, env, i);
		if (err)
			return err;
		has_new = true;
	}
	if (!has_new)
		return 0;
	secure_watch(call, env);
	return media_publish(&call->media, env, &owner);
}

static enum offer_result relay_offer(struct call *call, const struct core_env *env)
{
	struct core *core = call->core;
	struct offer *offer = &call->offer;
	enum call_side to = call_other(offer->from);
	bool has_line = false, has_refused = false;

	bundle_settle_offer(call);
	for (uint32_t i = 0; i < offer->line_count; i++) {
		if (offer->lines[i].fate == OFFER_LINE_REJECTED) {
			has_refused |= core->sdp.media[i].port != 0;
			secure_rewrite_off(call, env, to, i);
			continue;
		}
		line_rewrite(call, env, to, i);
		if (!ip_is_unset(&core->rewrite.media[i].ip))
			core->rewrite.ip = core->rewrite.media[i].ip;
		has_line = true;
	}
	// To take all lines of a session away is an offer like any (RFC 3264 8.2). To begin without
	// any, or to lose all to us, is not.
	if (!has_line && (has_refused || offer->line_count == 0 || call->answered_ms == 0))
		return OFFER_UNUSABLE;
	share_rewrite(call, to);
	if (!write_for(call, env, to))
		return OFFER_UNUSABLE;
	if (publish_new(call, env) < 0) {
		CORE_COUNT(core, media_refused);
		return OFFER_NO_PORTS;
	}
	return OFFER_OK;
}

// Room for the lines of this offer is that of the largest one so far.
static bool make_lines(struct call *call, enum call_side from, uint32_t count)
{
	struct offer *offer = &call->offer;
	struct offer_line *lines = offer->lines;
	uint32_t capacity = offer->capacity;

	if (count > capacity) {
		capacity = capacity * 2 > count ? capacity * 2 : count;
		lines = arena_alloc(&call->arena, capacity * sizeof(*lines));
		if (!lines)
			return false;
	}
	if (count)
		memset(lines, 0, count * sizeof(*lines));
	*offer = (struct offer){ .is_open = true, .from = from, .line_count = count,
		.lines = lines, .capacity = capacity };
	return true;
}

// `opened` are streams that an earlier one of the same exchange has opened.
static enum offer_result take_offer(struct call *call, const struct core_env *env,
	enum call_side from, struct span body, uint32_t opened)
{
	struct sdp_session *sdp = &call->core->sdp;
	struct sdp_fault fault;
	enum offer_result result = OFFER_OK;

	if (sdp_parse(body, sdp, &fault) < 0) {
		CORE_COUNT(call->core, sdp_malformed);
		return OFFER_UNUSABLE;
	}
	if (!make_lines(call, from, sdp->media_count)) {
		CORE_COUNT(call->core, arena_full);
		return OFFER_NO_PORTS;
	}
	call->offer.opened = opened;
	clear_rewrite(call->core);
	bundle_read_offer(call, env);
	share_read_offer(call, env);
	for (uint32_t i = 0; i < sdp->media_count && result == OFFER_OK; i++)
		result = line_take(call, env, i);
	if (result == OFFER_OK)
		result = relay_offer(call, env);
	if (result != OFFER_OK)
		offer_drop(call, env);
	return result;
}

enum offer_result offer_receive(struct call *call, const struct core_env *env, enum call_side from,
	struct span body)
{
	CHECK(!call->offer.is_open);
	return take_offer(call, env, from, body, 0);
}

static void note_codec(struct call *call, uint32_t i)
{
	const struct sdp_media_rewrite *rewrite = &call->core->rewrite.media[i];
	struct sdp_codec codec;

	if (sdp_codec_of(&call->core->sdp, i, rewrite->format_count ? rewrite->format[0] : 0,
		&codec) < 0)
		return;
	codec.name = span_sub(codec.name, 0, CALL_NAME_MAX - 1);
	span_copy(codec.name, call->codec, sizeof(call->codec));
}

// Bit i: line i is accepted by the answer, and can be had.
static uint32_t apply_lines(struct call *call, const struct core_env *env)
{
	uint32_t refused = share_read_answer(call), accepted = 0;

	for (uint32_t i = 0; i < call->core->sdp.media_count; i++)
		if (!(refused & 1u << i) && line_apply(call, env, i) &&
			secure_is_agreed(call, env, i))
			accepted |= 1u << i;
	share_settle(call, &accepted);
	for (uint32_t i = 0; i < call->core->sdp.media_count; i++) {
		const struct media_stream *stream = media_stream(&call->media, i);
		bool is_keyed = accepted & 1u << i && stream && stream->is_open &&
			!stream->is_bundled &&
			call->offer.lines[i].fate == OFFER_LINE_RELAYED;

		if (is_keyed && secure_publish(call, env, i) < 0) {
			CORE_COUNT(call->core, media_refused);
			accepted &= ~(1u << i);
		}
	}
	return accepted;
}

static bool is_refusal(const struct call *call, uint32_t i)
{
	return call->core->sdp.media[i].port != 0 &&
		call->offer.lines[i].fate != OFFER_LINE_REJECTED;
}

// Line by line. False: the answerer accepted lines, and none of them could be taken.
static bool apply_answer(struct call *call, const struct core_env *env, bool is_final)
{
	struct core *core = call->core;
	enum call_side to = call->offer.from;
	bool has_line = false, has_refused = false;
	uint8_t passed = 0;

	bundle_read_answer(call, env, is_final);
	uint32_t accepted = apply_lines(call, env);
	for (uint32_t i = 0; i < core->sdp.media_count; i++) {
		if (!(accepted & 1u << i)) {
			has_refused |= is_refusal(call, i);
			secure_rewrite_off(call, env, to, i);
			if (is_final)
				media_close(&call->media, env, i);
			continue;
		}
		line_rewrite(call, env, to, i);
		if (!ip_is_unset(&core->rewrite.media[i].ip))
			core->rewrite.ip = core->rewrite.media[i].ip;
		passed += call->offer.lines[i].fate == OFFER_LINE_PASSED;
		if (!has_line)
			note_codec(call, i);
		has_line = true;
	}
	share_rewrite(call, to);
	bundle_settle_answer(call);
	// Lines that the offer has no more (it may not, but some do).
	for (uint32_t i = core->sdp.media_count; is_final && i < call->media.count; i++)
		media_close(&call->media, env, i);
	call->media.passed = passed;
	return has_line || !has_refused;
}

// Pairs that were held for an address of the other family, and not used.
static void give_back_moves(struct call *call, const struct core_env *env)
{
	for (uint32_t i = 0; i < call->offer.line_count; i++) {
		struct offer_line *line = &call->offer.lines[i];

		if (line->is_moved)
			flow_pair_retire(env->flows, &line->moved);
		line->is_moved = false;
	}
}

enum offer_result offer_renew(struct call *call, const struct core_env *env, enum call_side from,
	struct span body)
{
	uint32_t opened = 0;

	CHECK(!call->answered_ms);
	for (uint32_t i = 0; i < call->media.count; i++)
		opened |= media_stream(&call->media, i)->is_open ? 1u << i : 0;
	give_back_moves(call, env);
	offer_close(call);
	if (media_change_far(&call->media, env, call_other(from)) < 0) {
		CORE_COUNT(call->core, media_refused);
		for (uint32_t i = 0; i < call->media.count; i++)
			media_close(&call->media, env, i);
		return OFFER_NO_PORTS;
	}
	return take_offer(call, env, from, body, opened);
}

static enum offer_result commit_answer(struct call *call, const struct core_env *env, bool is_final)
{
	struct media_owner owner = offer_owner(call);

	clear_rewrite(call->core);
	bool is_usable = apply_answer(call, env, is_final);

	give_back_moves(call, env);
	// The answerer would wait for media that never comes, the offerer know of none.
	if (!is_usable)
		return OFFER_UNUSABLE;
	// All lines rejected is a valid answer.
	if (!write_for(call, env, call->offer.from))
		return OFFER_UNUSABLE;
	secure_watch(call, env);
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
	if (!call->offer.is_open)
		return;
	for (uint32_t i = 0; i < call->media.count; i++)
		if (call->offer.opened & 1u << i)
			media_close(&call->media, env, i);
	give_back_moves(call, env);
	offer_close(call);
}

void offer_close(struct call *call)
{
	secure_forget(&call->offer);
	call->offer = (struct offer){ .lines = call->offer.lines,
		.capacity = call->offer.capacity };
}

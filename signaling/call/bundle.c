// bundle.c - m= lines that share one transport (RFC 8843).
#include "call/offer_line.h"

static bool is_wanted(const struct call *call, const struct core_env *env)
{
	for (uint32_t side = 0; side < CALL_LEGS; side++)
		if (config_profile(env->config, call->legs[side].profile)->sdp.bundle !=
				PROFILE_BUNDLE_PASS ||
			config_profile(env->config, call->legs[side].profile)->sdp.srtp !=
				PROFILE_SRTP_OFF)
			return false; // keys are of one line
	return true;
}

void bundle_read_offer(struct call *call, const struct core_env *env)
{
	const struct sdp_session *sdp = &call->core->sdp;
	const struct sdp_attr *attr = NULL;
	struct span mids;
	uint8_t group = 0;

	if (!is_wanted(call, env))
		return;
	while (sdp_next_bundle(sdp, &attr, &mids)) {
		uint32_t i;

		while (sdp_next_of_bundle(sdp, &mids, &i)) {
			struct offer_line *line = &call->offer.lines[i];
			const struct sdp_media *m = &sdp->media[i];

			// A line is in one group at most; port 0 alone says that it is off.
			if (line->is_grouped || line_kind_of(m) != LINE_RTP ||
				(m->port == 0 && !m->is_bundle_only))
				continue;
			line->is_grouped = true;
			line->group = group;
			line->is_bundle_only = m->port == 0;
		}
		group++;
	}
}

static bool has_ports(const struct call *call, uint32_t i)
{
	const struct media_stream *stream = media_stream(&call->media, i);

	return stream && stream->is_open;
}

bool bundle_is_shared(const struct call *call, uint32_t i)
{
	const struct media_stream *stream = media_stream(&call->media, i);
	const struct offer_line *line = &call->offer.lines[i];

	if (!stream || !stream->is_bundled || !line->is_grouped ||
		stream->bundle >= call->offer.line_count || !has_ports(call, stream->bundle))
		return false;
	const struct offer_line *owner = &call->offer.lines[stream->bundle];
	return owner->is_grouped && owner->group == line->group;
}

// The first line of the group that has an address; -1 = none.
static int group_owner(const struct call *call, uint8_t group)
{
	for (uint32_t i = 0; i < call->offer.line_count; i++) {
		const struct offer_line *line = &call->offer.lines[i];

		if (line->is_grouped && line->group == group && !line->is_bundle_only &&
			line->fate == OFFER_LINE_RELAYED)
			return (int)i;
	}
	return -1;
}

// Its address is that of the group, its direction its own.
static void take_remote(struct offer_line *line, const struct media_remote *remote,
	enum sdp_direction direction)
{
	line->remote = *remote;
	line->remote.is_inactive = direction == SDP_INACTIVE;
	line->remote.is_held = remote->is_blackhole || direction != SDP_SENDRECV;
}

void bundle_settle_offer(struct call *call)
{
	for (uint32_t i = 0; i < call->offer.line_count; i++) {
		struct offer_line *line = &call->offer.lines[i];

		if (!line->is_grouped)
			continue;
		int owner = group_owner(call, line->group);
		if (owner < 0)
			line->fate = OFFER_LINE_REJECTED;
		else if (line->is_bundle_only)
			take_remote(line, &call->offer.lines[owner].remote,
				call->core->sdp.media[i].direction);
		line->is_grouped = line->fate == OFFER_LINE_RELAYED;
		line->is_bundle_only &= line->is_grouped;
	}
}

struct agreement {
	uint32_t lines[MEDIA_STREAMS_MAX]; // in the answer's order
	uint32_t count;
};

// Lines that were offered as one group and accepted as one.
static void read_agreement(struct call *call, struct span mids, struct agreement *out)
{
	const struct sdp_session *sdp = &call->core->sdp;
	const struct offer_line *first;
	uint32_t i;

	out->count = 0;
	while (sdp_next_of_bundle(sdp, &mids, &i)) {
		const struct offer_line *line = &call->offer.lines[i];
		const struct sdp_media *m = &sdp->media[i];

		first = out->count ? &call->offer.lines[out->lines[0]] : line;
		if (!line->is_grouped || line->is_agreed || line->group != first->group ||
			(m->port == 0 && !m->is_bundle_only) || line_kind_of(m) != LINE_RTP)
			continue;
		call->offer.lines[i].is_agreed = true;
		out->lines[out->count++] = i;
	}
}

// The line whose stream carries them all: one with ports and an answered address. Ports of a stream
// whose own line left the group go over to it. -1: there are none.
static int choose_owner(struct call *call, const struct core_env *env, const struct agreement *a)
{
	const struct sdp_session *sdp = &call->core->sdp;

	for (uint32_t k = 0; k < a->count; k++) {
		const struct media_stream *stream = media_stream(&call->media, a->lines[k]);

		if (stream && stream->is_open && !stream->is_bundled &&
			sdp->media[a->lines[k]].port != 0)
			return (int)a->lines[k];
	}
	for (uint32_t k = 0; k < a->count; k++) {
		const struct media_stream *stream = media_stream(&call->media, a->lines[k]);

		if (!stream || !stream->is_bundled || sdp->media[a->lines[k]].port == 0 ||
			(!stream->is_open && !has_ports(call, stream->bundle)))
			continue;
		if (stream->is_open)
			media_leave(&call->media, a->lines[k]);
		else
			media_rename(&call->media, env, stream->bundle, a->lines[k]);
		return (int)a->lines[k];
	}
	return -1;
}

static void agree(struct call *call, const struct core_env *env, struct span mids)
{
	struct agreement a;

	read_agreement(call, mids, &a);
	int owner = choose_owner(call, env, &a);

	for (uint32_t k = 0; k < a.count; k++) {
		struct offer_line *line = &call->offer.lines[a.lines[k]];

		if (owner < 0)
			line->is_agreed = false;
		else if (a.lines[k] != (uint32_t)owner)
			line->is_agreed = media_join(&call->media, a.lines[k],
				(uint32_t)owner) == 0;
	}
	if (a.count)
		CORE_COUNT(call->core, bundles_agreed);
}

void bundle_read_answer(struct call *call, const struct core_env *env, bool is_final)
{
	const struct sdp_attr *attr = NULL;
	struct span mids;

	for (uint32_t i = 0; i < call->offer.line_count; i++)
		call->offer.lines[i].is_agreed = false;
	while (sdp_next_bundle(&call->core->sdp, &attr, &mids))
		agree(call, env, mids);
	for (uint32_t i = 0; i < call->offer.line_count; i++) {
		const struct media_stream *stream = media_stream(&call->media, i);

		if (!stream || !stream->is_bundled)
			continue;
		if (!call->offer.lines[i].is_agreed)
			media_leave(&call->media, i);
		else if (is_final)
			media_release(&call->media, env, i);
	}
}

void bundle_settle_answer(struct call *call)
{
	enum call_side from = call->offer.from;

	for (uint32_t i = 0; i < call->offer.line_count; i++) {
		const struct media_stream *stream = media_stream(&call->media, i);
		enum sdp_direction direction = call->core->sdp.media[i].direction;

		if (!stream || !stream->is_bundled)
			continue;
		struct media_stream *owner = media_stream(&call->media, stream->bundle);
		owner->remote[from].is_inactive &= call->offer.lines[i].remote.is_inactive;
		owner->remote[from].is_held &= call->offer.lines[i].remote.is_held;
		owner->remote[call_other(from)].is_inactive &= direction == SDP_INACTIVE;
		owner->remote[call_other(from)].is_held &= direction != SDP_SENDRECV;
	}
}

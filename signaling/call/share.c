#include "call/share.h"

#include "call/agreement.h"

#include <string.h>

static bool is_wanted(const struct call *call, const struct core_env *env, enum call_side side)
{
	const struct profile_sdp *profile =
		&config_profile(env->config, call->legs[side].profile)->sdp;

	return profile->srtp == PROFILE_SRTP_DTLS && profile->bundle == PROFILE_BUNDLE_PASS;
}

bool share_has_no_transport(
	const struct offer_line *line, enum call_side from, enum call_side side)
{
	return line->owner[side] != 0 ||
		(side == from && line->own_group[side] != 0 && line->is_bundle_only);
}

// Offers ------------------------------------------------------------------------------------------

void share_read_marks(const struct sdp_session *sdp, uint32_t i, struct share_marks *out)
{
	const struct sdp_media *m = &sdp->media[i];
	uint32_t count = 0, ssrc;
	struct span rest, number;

	*out = (struct share_marks){ 0 };
	for (uint32_t k = m->attr_first; k < m->attr_first + m->attr_count; k++) {
		const struct sdp_attr *attr = &sdp->attr[k];

		if (attr->id != SDP_ATTR_SSRC || count == FLOW_MEMBER_SSRCS)
			continue;
		rest = attr->value;
		if (span_cut(&rest, ' ', &number) &&
			span_parse_u32(number, UINT32_MAX, &ssrc) == 0 && ssrc != 0 &&
			(count == 0 || out->ssrc[count - 1] != ssrc))
			out->ssrc[count++] = ssrc;
	}
}

static bool is_off(const struct sdp_media *m)
{
	return m->port == 0 && !m->is_bundle_only;
}

// The line that has the heir of that one's port, -1 = none yet.
static int find_heir(const struct call *call, enum call_side side, uint32_t owner)
{
	for (uint32_t i = 0; i < call->offer.line_count; i++)
		if (call->offer.lines[i].heir[side] == owner)
			return (int)i;
	return -1;
}

// It goes on with the port that it has, if that one's line is in the group still. If that line is
// taken away the first of the others has its port.
static void keep_owner(struct call *call, enum call_side side, uint32_t i)
{
	const struct media_stream *stream = media_stream(&call->media, i);
	struct offer_line *line = &call->offer.lines[i];
	uint32_t owner = stream ? stream->shared[side] : 0;

	if (owner == 0 || owner > call->offer.line_count || line->own_group[side] == 0)
		return;
	if (call->offer.lines[owner - 1].own_group[side] == line->own_group[side]) {
		line->owner[side] = (uint8_t)owner;
		return;
	}
	if (!is_off(&call->core->sdp.media[owner - 1]))
		return;
	int heir = find_heir(call, side, owner);
	if (heir < 0)
		line->heir[side] = (uint8_t)owner;
	else
		line->owner[side] = (uint8_t)(heir + 1);
}

// A new line of a group that has a port: it comes by that port (RFC 8843 7.2.2).
static void join_port(struct call *call, uint32_t i)
{
	const struct sdp_session *sdp = &call->core->sdp;
	const struct media_stream *stream = media_stream(&call->media, i);
	enum call_side from = call->offer.from;
	struct offer_line *line = &call->offer.lines[i];

	if (!line->own_group[from] || line->owner[from] || line->heir[from] ||
		(stream && stream->is_open))
		return;
	for (uint32_t k = 0; k < call->offer.line_count && !line->owner[from]; k++) {
		const struct media_stream *other = media_stream(&call->media, k);

		if (k != i && other && other->is_open && other->shared[from] == 0 &&
			call->offer.lines[k].own_group[from] == line->own_group[from] &&
			(line->is_bundle_only || sdp->media[k].port == sdp->media[i].port))
			line->owner[from] = (uint8_t)(k + 1);
	}
}

static void read_groups(struct call *call, enum call_side from)
{
	const struct sdp_session *sdp = &call->core->sdp;
	const struct sdp_attr *attr = NULL;
	struct span mids;
	uint8_t group = 0;

	while (sdp_next_bundle(sdp, &attr, &mids)) {
		bool is_new = true; // a group without lines has no number: there are more of them
		uint32_t i;

		while (sdp_next_of_bundle(sdp, &mids, &i)) {
			struct offer_line *line = &call->offer.lines[i];
			const struct sdp_media *m = &sdp->media[i];

			if (line->own_group[from] || line_kind_of(m) != LINE_RTP ||
				m->mid.len > FLOW_MID_MAX || is_off(m))
				continue;
			group += is_new;
			is_new = false;
			line->own_group[from] = group;
			line->is_bundle_only = m->port == 0;
			share_read_marks(sdp, i, &line->marks);
		}
	}
}

void share_read_offer(struct call *call, const struct core_env *env)
{
	enum call_side from = call->offer.from, to = call_other(from);
	const struct sdp_session *sdp = &call->core->sdp;

	if (is_wanted(call, env, from))
		read_groups(call, from);
	for (uint32_t i = 0; is_wanted(call, env, to) && i < sdp->media_count; i++)
		call->offer.lines[i].own_group[to] =
			line_kind_of(&sdp->media[i]) == LINE_RTP && !is_off(&sdp->media[i]);
	for (uint32_t i = 0; i < sdp->media_count; i++) {
		keep_owner(call, from, i);
		keep_owner(call, to, i);
	}
	for (uint32_t i = 0; i < sdp->media_count; i++)
		join_port(call, i);
}

// Answers -----------------------------------------------------------------------------------------

// The lines of one group of one leg, in the order of who comes first.
struct group {
	struct call *call;
	enum call_side side;
	uint32_t lines[MEDIA_STREAMS_MAX];
	uint32_t count;
	uint32_t *refused; // bit i: line i has no port to go to
};

// As far as can be seen yet.
static bool is_accepted(const struct call *call, uint32_t i)
{
	const struct offer_line *line = &call->offer.lines[i];
	const struct media_stream *stream = media_stream(&call->media, i);

	return line->fate == OFFER_LINE_RELAYED && line->kind == LINE_RTP &&
		line_kind_of(&call->core->sdp.media[i]) == LINE_RTP &&
		!is_off(&call->core->sdp.media[i]) && stream && stream->is_open;
}

static struct line_agreement *agreement_in(const struct group *group, uint32_t i)
{
	struct offer *offer = &group->call->offer;

	return agreement_of(&offer->lines[i], offer->from, group->side);
}

static bool has_transport(const struct group *group, uint32_t i)
{
	const struct offer *offer = &group->call->offer;
	const struct media_stream *stream = media_stream(&group->call->media, i);

	return stream && stream->is_open && offer->lines[i].fate == OFFER_LINE_RELAYED &&
		!share_has_no_transport(&offer->lines[i], offer->from, group->side);
}

// The line whose port the group goes by until now, or would go by if it were accepted; -1 = none.
static int find_carrier(const struct group *group)
{
	const struct offer *offer = &group->call->offer;
	int rejected = -1;

	for (uint32_t k = 0; k < group->count; k++)
		if (offer->lines[group->lines[k]].owner[group->side])
			return offer->lines[group->lines[k]].owner[group->side] - 1;
	for (uint32_t k = 0; k < group->count; k++) {
		uint32_t i = group->lines[k];

		if (!has_transport(group, i))
			continue;
		if (is_accepted(group->call, i))
			return (int)i;
		rejected = rejected < 0 ? (int)i : rejected;
	}
	return rejected;
}

// The carrier, or who has its port from now on because it is rejected; -1 = nobody.
static int choose_owner(const struct group *group)
{
	int carrier = find_carrier(group);

	if (carrier < 0 || is_accepted(group->call, (uint32_t)carrier))
		return carrier;
	for (uint32_t k = 0; k < group->count; k++) {
		uint32_t i = group->lines[k];

		if (!is_accepted(group->call, i))
			continue;
		media_swap_leg(&group->call->media, group->side, (uint32_t)carrier, i);
		*agreement_in(group, i) = *agreement_in(group, (uint32_t)carrier);
		*agreement_in(group, (uint32_t)carrier) = (struct line_agreement){ 0 };
		group->call->offer.lines[i].owner[group->side] = 0;
		return (int)i;
	}
	return -1;
}

static bool may_join(const struct group *group, uint32_t owner, uint32_t i, uint32_t count)
{
	const struct media *media = &group->call->media;

	return count < FLOW_MEMBERS_MAX &&
		media_stream(media, i)->pair[group->side].media_address ==
			media_stream(media, owner)->pair[group->side].media_address;
}

static void join(const struct group *group)
{
	struct offer *offer = &group->call->offer;
	int owner = choose_owner(group);
	uint32_t count = 1;

	for (uint32_t k = 0; k < group->count; k++) {
		uint32_t i = group->lines[k];
		struct offer_line *line = &offer->lines[i];

		if ((int)i == owner || !is_accepted(group->call, i))
			continue;
		if (owner >= 0 && may_join(group, (uint32_t)owner, i, count)) {
			line->owner[group->side] = (uint8_t)(owner + 1);
			*agreement_in(group, i) = (struct line_agreement){ 0 };
			count++;
		} else if (share_has_no_transport(line, offer->from, group->side)) {
			*group->refused |= 1u << i;
		}
	}
	if (group->count)
		CORE_COUNT(group->call->core, bundles_agreed);
}

// The offerer's groups are ours to agree.
static void join_offered(struct call *call, uint32_t *refused)
{
	enum call_side from = call->offer.from;

	for (uint32_t number = 1; number <= call->offer.line_count; number++) {
		struct group group = { .call = call, .side = from, .refused = refused };

		for (uint32_t i = 0; i < call->offer.line_count; i++)
			if (call->offer.lines[i].own_group[from] == number)
				group.lines[group.count++] = i;
		join(&group);
	}
}

static bool has_line(const struct group *group, uint32_t i)
{
	for (uint32_t k = 0; k < group->count; k++)
		if (group->lines[k] == i)
			return true;
	return false;
}

// What the answerer has made of the group that it was offered; a line that it leaves out of it has
// no port to go to if it had none before.
static void join_answered(struct call *call, uint32_t *refused)
{
	const struct sdp_session *sdp = &call->core->sdp;
	const struct sdp_attr *attr = NULL;
	struct group group = { .call = call, .side = call_other(call->offer.from),
		.refused = refused };
	struct span mids;
	uint32_t i;

	if (sdp_next_bundle(sdp, &attr, &mids))
		while (sdp_next_of_bundle(sdp, &mids, &i))
			if (call->offer.lines[i].own_group[group.side] && !has_line(&group, i))
				group.lines[group.count++] = i;
	for (i = 0; i < call->offer.line_count; i++)
		if (call->offer.lines[i].owner[group.side] && !has_line(&group, i))
			*refused |= 1u << i;
	join(&group);
}

// The ports of lines that were taken away go over to their heirs, with what is agreed anew.
static void take_over(struct call *call, enum call_side side)
{
	for (uint32_t i = 0; i < call->offer.line_count; i++) {
		uint32_t before = call->offer.lines[i].heir[side];

		call->offer.lines[i].heir[side] = 0;
		if (before == 0 || !media_stream(&call->media, before - 1)->is_open ||
			!media_stream(&call->media, i)->is_open)
			continue;
		struct media_secure *was = media_stream(&call->media, before - 1)->secure[side];
		const struct media_secure *now = media_stream(&call->media, i)->secure[side];
		if (was && now)
			was->next = now->next;
		media_swap_leg(&call->media, side, before - 1, i);
	}
}

uint32_t share_read_answer(struct call *call)
{
	uint32_t refused = 0;

	for (uint32_t side = 0; side < CALL_LEGS; side++)
		take_over(call, side);
	join_offered(call, &refused);
	join_answered(call, &refused);
	return refused;
}

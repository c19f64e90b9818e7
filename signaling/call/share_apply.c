// share_apply.c - shared ports of an exchange put in force, and into what we write.
#include "call/share.h"

#include <string.h>

// In force ----------------------------------------------------------------------------------------

static void put_member(const struct call *call, enum call_side side, uint32_t i,
	struct flow_bundle *bundle)
{
	const struct sdp_media *m = &call->core->sdp.media[i];
	const struct sdp_media_rewrite *kept = &call->core->rewrite.media[i];
	const struct offer_line *line = &call->offer.lines[i];
	uint32_t count = kept->format_count ? kept->format_count : m->format_count;
	struct flow_member *member = &bundle->members[bundle->count++];
	struct share_marks marks = line->marks;
	struct span mid = span_make(line->mid, line->mid_len);
	uint32_t number;

	if (side != call->offer.from) {
		share_read_marks(&call->core->sdp, i, &marks);
		mid = m->mid;
	}
	*member = (struct flow_member){
		.port = media_stream(&call->media, i)->pair[side].port };
	memcpy(member->ssrc, marks.ssrc, sizeof(member->ssrc));
	if (mid.len > 0 && mid.len <= FLOW_MID_MAX) {
		member->mid_bytes = (uint8_t)mid.len;
		memcpy(member->mid, mid.ptr, mid.len);
	}
	for (uint32_t k = 0; k < count; k++)
		if (span_parse_u32(m->format[kept->format_count ? kept->format[k] : k], 127,
			    &number) == 0)
			member->payload_types[number / 8] |= (uint8_t)(1u << number % 8);
}

static void fill_bundle(
	const struct call *call, enum call_side side, uint32_t owner, uint32_t accepted)
{
	struct media_secure *secure = media_stream(&call->media, owner)->secure[side];
	struct flow_bundle *bundle;

	if (!secure)
		return;
	bundle = &secure->next.bundle;
	memset(bundle, 0, sizeof(*bundle));
	put_member(call, side, owner, bundle);
	for (uint32_t i = 0; i < call->offer.line_count; i++)
		if (accepted & 1u << i && call->offer.lines[i].owner[side] == owner + 1)
			put_member(call, side, i, bundle);
	// Alone it needs nothing to be told apart by.
	if (bundle->count == 1)
		memset(bundle, 0, sizeof(*bundle));
}

void share_settle(struct call *call, uint32_t *accepted)
{
	for (uint32_t k = 0; k < call->offer.line_count * (uint32_t)CALL_LEGS; k++) {
		uint32_t i = k / CALL_LEGS, side = k % CALL_LEGS;
		uint32_t owner = call->offer.lines[i].owner[side];

		if (owner && !(*accepted & 1u << (owner - 1)))
			*accepted &= ~(1u << i);
	}
	for (uint32_t k = 0; k < call->offer.line_count * (uint32_t)CALL_LEGS; k++) {
		uint32_t i = k / CALL_LEGS, side = k % CALL_LEGS;
		const struct offer_line *line = &call->offer.lines[i];

		if (!(*accepted & 1u << i) || line->kind != LINE_RTP ||
			line->fate != OFFER_LINE_RELAYED || !media_stream(&call->media, i))
			continue;
		media_stream(&call->media, i)->shared[side] = line->owner[side];
		if (line->own_group[side] && line->owner[side] == 0)
			fill_bundle(call, side, i, *accepted);
	}
}

// Written -----------------------------------------------------------------------------------------

// Of an answer the offerer's, of an offer ours: numbers are nobody's names.
static struct span mid_for(struct call *call, enum call_side to, uint32_t i)
{
	const struct offer_line *line = &call->offer.lines[i];
	struct core *core = call->core;
	struct sip_writer w;

	if (to == call->offer.from)
		return span_make(line->mid, line->mid_len);
	sip_writer_init(&w, core->attrs + core->attrs_used, sizeof(core->attrs) - core->attrs_used);
	sip_put_u64(&w, i);
	core->is_attrs_full |= w.is_overflowed;
	core->attrs_used += sip_writer_text(&w).len;
	return sip_writer_text(&w);
}

static bool is_written(const struct call *call, enum call_side to, uint32_t i, uint32_t group)
{
	const struct sdp_media_rewrite *out = &call->core->rewrite.media[i];

	return call->offer.lines[i].own_group[to] == group && out->port != 0 && !out->is_passed;
}

// The line that is written first, as the group goes by its port.
static uint32_t first_of(const struct call *call, enum call_side to, uint32_t group)
{
	uint32_t first = UINT32_MAX;

	for (uint32_t i = 0; i < call->offer.line_count; i++) {
		uint32_t owner = call->offer.lines[i].owner[to];

		if (is_written(call, to, i, group) && owner)
			return owner - 1;
		if (is_written(call, to, i, group) && first == UINT32_MAX)
			first = i;
	}
	return first;
}

static void put_group(struct call *call, struct sip_writer *w, enum call_side to, uint32_t group)
{
	uint32_t first = first_of(call, to, group);
	bool is_answer = to == call->offer.from;

	if (first == UINT32_MAX)
		return;
	sip_put_lit(w, "a=group:BUNDLE ");
	sip_put(w, call->core->rewrite.media[first].mid);
	for (uint32_t i = 0; i < call->offer.line_count; i++) {
		if (i == first || !is_written(call, to, i, group) ||
			(is_answer && call->offer.lines[i].owner[to] == 0))
			continue;
		sip_put_char(w, ' ');
		sip_put(w, call->core->rewrite.media[i].mid);
	}
	sip_put_lit(w, "\r\n");
}

void share_rewrite(struct call *call, enum call_side to)
{
	struct core *core = call->core;
	uint8_t groups = 0;
	struct sip_writer w;

	for (uint32_t i = 0; i < call->offer.line_count; i++) {
		uint8_t group = call->offer.lines[i].own_group[to];

		groups = group > groups ? group : groups;
		if (group && is_written(call, to, i, group))
			core->rewrite.media[i].mid = mid_for(call, to, i);
	}
	if (groups == 0)
		return;
	sip_writer_init(&w, core->attrs + core->attrs_used, sizeof(core->attrs) - core->attrs_used);
	for (uint32_t group = 1; group <= groups; group++)
		put_group(call, &w, to, group);
	core->rewrite.groups = sip_writer_text(&w);
	core->attrs_used += core->rewrite.groups.len;
	core->is_attrs_full |= w.is_overflowed;
}

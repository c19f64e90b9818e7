// leg_table.c - from a token of ours to the leg that carries it, and legs that change their call.
//
// A leg keeps its identifiers for life, because the far end has them; which call it belongs to may
// change (transfer, Replaces). So the table leads to legs, and a leg to its call.
#include "call/core_private.h"

#include "base/check.h"

static struct call_leg **bucket_of(const struct core *core, uint64_t token)
{
	return &core->buckets[(token >> 1) & core->bucket_mask];
}

static void put(struct core *core, struct call_leg *leg)
{
	struct call_leg **bucket = bucket_of(core, leg->token);

	leg->next = *bucket;
	*bucket = leg;
}

uint64_t leg_draw_token(const struct core *core, const struct core_env *env)
{
	uint64_t token;

	do {
		token = rng_u64(env->rng) & SIP_TOKEN_VALUE_MAX & ~1ull;
	} while (token == 0 || leg_lookup(core, token) || leg_lookup(core, token + 1));
	return token;
}

void leg_link(struct call *call, enum call_side side, uint64_t token, uint32_t shard)
{
	struct core *core = call->core;
	struct call_leg *leg = &call->legs[side];
	struct sip_token text = { .shard = (uint16_t)shard, .value = token };

	CHECK(!leg->call && token <= SIP_TOKEN_VALUE_MAX);
	leg->call = call;
	leg->token = token;
	leg->shard = shard;
	sip_token_make(&core->keys, SIP_TOKEN_TAG, &text, leg->tag);
	sip_token_make(&core->keys, SIP_TOKEN_CONTACT, &text, leg->contact);
	put(core, leg);
}

void leg_unlink(struct core *core, struct call_leg *leg)
{
	struct call_leg **link = bucket_of(core, leg->token);

	if (!leg->call)
		return;
	while (*link != leg)
		link = &(*link)->next;
	*link = leg->next;
	leg->call = NULL;
	leg->next = NULL;
}

struct call_leg *leg_lookup(const struct core *core, uint64_t token)
{
	struct call_leg *leg = *bucket_of(core, token);

	while (leg && leg->token != token)
		leg = leg->next;
	return leg;
}

// The texts of a leg, one after the other; NULL at the end.
static struct sip_text *text_at(struct call_leg *leg, uint32_t i)
{
	struct sip_dialog *dialog = &leg->dialog;
	struct sip_text *texts[] = { &dialog->call_id, &dialog->local_tag, &dialog->remote_tag,
		&dialog->local, &dialog->remote, &dialog->remote_target, &leg->sdp_sent,
		&leg->ack_body };
	uint32_t count = sizeof(texts) / sizeof(texts[0]);

	if (i < count)
		return texts[i];
	return i - count < dialog->route_count ? &dialog->route[i - count] : NULL;
}

// Forks of the leg that were ended may say again that they answered, wherever the leg is then.
static void take_shed(const struct call *from, struct call *to)
{
	for (uint32_t i = 0; i < from->shed_count && i < CALL_SHED_MAX; i++) {
		bool is_known = false;

		for (uint32_t k = 0; k < to->shed_count && k < CALL_SHED_MAX; k++)
			is_known |= to->shed[k] == from->shed[i];
		if (!is_known)
			to->shed[to->shed_count++ % CALL_SHED_MAX] = from->shed[i];
	}
}

bool leg_move(struct leg_place from, struct leg_place to)
{
	struct call_leg *old = &from.call->legs[from.side];
	struct call_leg *place = &to.call->legs[to.side];
	struct call_leg moved = *old;
	struct sip_text *text;

	CHECK(from.call->core == to.call->core && place->trunk_slot == TRUNK_NONE);
	// It is about to end, or who was in its place is: the BYE stays where it was sent.
	if (old->bye || old->is_bye_due || place->bye || place->is_bye_due)
		return false;
	moved.dialog.arena = &to.call->arena;
	moved.dialog.route = NULL;
	moved.dialog.route_room = 0;
	if (sip_dialog_make_room(&moved.dialog, old->dialog.route_count) < 0)
		return false;
	for (uint32_t i = 0; (text = text_at(&moved, i)); i++) {
		*text = (struct sip_text){ 0 };
		if (!call_set_text(to.call, text, text_at(old, i)->text))
			return false;
	}
	if (moved.hop.tls_name.len &&
		!arena_copy(&to.call->arena, moved.hop.tls_name, &moved.hop.tls_name))
		return false;
	take_shed(from.call, to.call);
	moved.next_hop = (struct leg_next){ 0 }; // the other call is told, if anybody
	session_stop(old);
	leg_unlink(from.call->core, old);
	leg_unlink(to.call->core, place);
	*old = (struct call_leg){ .trunk_slot = TRUNK_NONE };
	moved.call = to.call;
	*place = moved;
	put(to.call->core, place);
	session_resume(place, to.call->core->env->now_ms);
	return true;
}

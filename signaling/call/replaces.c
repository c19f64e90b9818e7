#include "call/replaces.h"

#include "call/ability.h"
#include "call/core_private.h"
#include "call/handover.h"
#include "call/pickup.h"
#include "call/transfer.h"

bool replaces_parse(struct span value, struct replaces_value *out)
{
	struct sip_param param;
	struct span head = SPAN_NONE;
	int rc;

	*out = (struct replaces_value){ 0 };
	span_cut(&value, ';', &head);
	out->call_id = span_trim(head);
	while ((rc = sip_param_next(&value, &param)) > 0) {
		if (span_ieq(param.name, SPAN_LIT("to-tag")))
			out->to_tag = param.value;
		else if (span_ieq(param.name, SPAN_LIT("from-tag")))
			out->from_tag = param.value;
		else if (span_ieq(param.name, SPAN_LIT("early-only")))
			out->is_early_only = true;
	}
	return rc == 0 && sip_is_callid(out->call_id) && !span_is_empty(out->to_tag) &&
		!span_is_empty(out->from_tag);
}

// The leg with our tag `local`, if the rest fits too. NULL: none.
static const struct call_leg *find_leg(const struct core *core, const struct replaces_value *named,
	struct span local, struct span remote)
{
	struct sip_token token;

	if (!core_read_tag(core, local, &token))
		return NULL;
	const struct call_leg *leg = leg_lookup(core, token.value);
	if (!leg || !leg->has_dialog || !span_eq(leg->dialog.call_id.text, named->call_id) ||
		!span_eq(leg->dialog.local_tag.text, local) ||
		!span_eq(leg->dialog.remote_tag.text, remote))
		return NULL;
	return leg;
}

uint16_t replaces_find(struct core *core, struct span value, struct replaces_match *out)
{
	struct replaces_value named;
	bool is_ours = true;

	if (!replaces_parse(value, &named))
		return 400;
	const struct call_leg *leg = find_leg(core, &named, named.to_tag, named.from_tag);
	if (!leg) {
		leg = find_leg(core, &named, named.from_tag, named.to_tag);
		is_ours = false;
	}
	// A dialog that only rings is not ours to give away: its caller still waits.
	if (!leg || (!leg->call->is_finished && !leg->call->answered_ms))
		return 481;
	if (leg->call->is_finished)
		return 603;
	if (named.is_early_only)
		return 486;
	enum call_side side = leg == &leg->call->legs[CALL_LEG_A] ? CALL_LEG_A : CALL_LEG_B;
	*out = (struct replaces_match){ .call = leg->call,
		.side = is_ours ? side : call_other(side) };
	return 0;
}

bool replaces_name(const struct core *core, struct span value, struct sip_token *out)
{
	struct replaces_value named;

	return replaces_parse(value, &named) &&
		(core_read_tag(core, named.to_tag, out) ||
			core_read_tag(core, named.from_tag, out)) &&
		!leg_lookup(core, out->value);
}

// Whoever takes a leg's place must come from where that leg's far end is (RFC 3891 3 asks for as
// much trust as in that party itself).
static bool is_trusted_for(const struct newcomer *n, const struct call *call, enum call_side side)
{
	return call->legs[side].hop.listener >> 8 == n->in->hop.listener >> 8;
}

// 0, or the status to refuse with.
static uint16_t find_trunk(struct newcomer *n)
{
	const struct config *config = core_env_of(n->turn)->config;
	int trunk = trunk_find(config, &n->in->hop);

	if (trunk < 0)
		return 403;
	n->trunk = &config->trunks[trunk];
	return n->in->msg->contact_count ? 0 : 400;
}

uint16_t newcomer_fits(const struct newcomer *n, struct call *call)
{
	uint32_t slot = trunk_slot(n->core->trunks, span_str(n->trunk->name));
	uint32_t calls_max = n->trunk->calls_max;
	struct sip_dialog dialog;

	if (!call->is_emergency && calls_max && trunk_calls(n->core->trunks, slot) >= calls_max)
		return 503;
	return sip_dialog_init_uas(&dialog, &call->arena, &n->core->msg, SPAN_LIT("probe")) < 0 ?
		400 :
		0;
}

uint16_t newcomer_sit(struct newcomer *n, struct call *call, enum call_side side)
{
	struct call_leg *leg = &call->legs[side];
	struct span tag = span_make(leg->tag, sizeof(leg->tag));
	struct span name = span_str(n->trunk->name);
	uint32_t slot = trunk_slot(n->core->trunks, name);

	span_copy(span_sub(name, 0, CALL_NAME_MAX - 1), leg->trunk, sizeof(leg->trunk));
	limit_learn(leg, core_env_of(n->turn)->config, n->trunk);
	if (!call->is_emergency) {
		if (!trunk_take(n->core->trunks, slot, n->trunk->calls_max))
			return 503;
		leg->trunk_slot = slot;
	}
	leg->hop = n->in->hop;
	leg->profile = n->trunk->profile;
	ability_learn(leg, n->in->msg);
	session_hear_request(leg, n->in->msg);
	session_id_learn(call, core_env_of(n->turn), side, n->in->msg);
	// From and To as they came, whatever rules made of them.
	if (sip_dialog_init_uas(&leg->dialog, &call->arena, &n->core->msg, tag) < 0)
		return 400;
	leg->has_dialog = true;
	leg->is_moved = true; // its Call-ID may have been led to this worker
	handover_keep(n->core, leg->dialog.call_id.text);
	sip_server_set_tag(n->tx, tag);
	return 0;
}

// The newcomer's offer, or the wish for one, to the party that stays.
static uint16_t ask(struct newcomer *n, struct call *joined)
{
	const struct core_env *env = core_env_of(n->turn);
	struct call_invite *invite = &joined->invite;
	struct call_leg *leg = &joined->legs[CALL_LEG_B];

	if (body_read(joined, env, CALL_LEG_A, n->in->msg, &n->body) != BODY_OK)
		return 415;
	invite->is_late = span_is_empty(n->body.sdp);
	if (!invite->is_late) {
		describe_keep(joined, CALL_LEG_B);
		enum offer_result result = offer_receive(joined, env, CALL_LEG_A, n->body.sdp);

		if (result != OFFER_OK)
			return result == OFFER_NO_PORTS ? 503 : 488;
	}
	struct leg_request request = { .side = CALL_LEG_B, .method = SIP_METHOD_INVITE,
		.cseq = sip_dialog_next_cseq(&leg->dialog),
		.body = sip_body_sdp(invite->is_late ? SPAN_NONE : leg->sdp_sent.text) };
	invite->client_cseq = request.cseq;
	joined->state = CALL_STATE_RINGING; // there is no other host to try
	invite->client = leg_send(joined, n->turn, &request);
	if (!invite->client)
		return 503;
	invite_watch(joined, env);
	return 0;
}

static void take_over(struct newcomer *n, const struct replaces_match *match,
	struct transfer *transfer)
{
	struct call *joined = transfer->joined;
	struct call *old = match->call;
	bool has_a = call_other(match->side) == CALL_LEG_A;

	transfer->stays = call_other(match->side);
	transfer->seat = CALL_LEG_B;
	joined->media.realm[CALL_LEG_A] = (uint16_t)(n->in->hop.listener >> 8);
	joined->max_forwards = old->max_forwards;
	if (old->is_emergency)
		emergency_mark(joined);
	memcpy(joined->to_user, has_a ? old->from_user : old->to_user, CALL_PARTY_MAX);
	memcpy(joined->from_user, has_a ? old->to_user : old->from_user, CALL_PARTY_MAX);
	joined->invite = (struct call_invite){ .is_active = true, .from = CALL_LEG_A,
		.server = n->tx, .server_cseq = n->in->msg->cseq.number };
	sip_tx_set_user(n->tx, call_user(joined));
	reliable_begin(joined, n->in->msg);
	uint16_t status = newcomer_sit(n, joined, CALL_LEG_A);
	if (!status)
		status = transfer_take(transfer) ? ask(n, joined) : 491;
	if (status)
		transfer_fail(transfer, n->turn, status);
}

// Of a call that was answered. 0, or the status to refuse with.
static uint16_t replace(struct newcomer *n, struct span value)
{
	struct replaces_match match;
	uint16_t status = replaces_find(n->core, value, &match);

	if (status)
		return status;
	if (!is_trusted_for(n, match.call, match.side))
		return 403;
	if (!transfer_is_possible(match.call))
		return 491;
	struct transfer *transfer = transfer_new(match.call, NULL, core_env_of(n->turn));
	if (!transfer)
		return 503;
	take_over(n, &match, transfer);
	return 0;
}

static uint16_t receive(struct newcomer *n)
{
	struct span value = sip_msg_header(n->in->msg, SIP_HEADER_REPLACES)->value;
	uint16_t status = find_trunk(n);

	if (status)
		return status;
	struct call *ringing = pickup_find(n->core, value);
	if (!ringing)
		return replace(n, value);
	return is_trusted_for(n, ringing, CALL_LEG_B) ? pickup_take(ringing, n->turn, n) : 403;
}

void replaces_receive(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in)
{
	struct newcomer n = { .core = core, .turn = turn, .tx = tx, .in = in };

	CORE_COUNT(core, replaces_received);
	uint16_t status = receive(&n);
	if (!status)
		return;
	CORE_COUNT(core, replaces_refused);
	if (status == 503)
		refuse_busy(core, turn, tx);
	else
		refuse_status(core, turn, tx, status);
}

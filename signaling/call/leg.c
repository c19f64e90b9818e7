#include "call/ability.h"
#include "call/contact.h"
#include "call/core_private.h"
#include "call/pickup.h"
#include "call/resolve.h"

#include "base/check.h"

// Before any answer all goes to the target in use, later to the dialog's next hop. False: the name
// of that is being looked up, and where the far end's messages come from will do.
static bool find_target(struct call *call, const struct core_env *env, enum call_side side,
	struct sip_hop *hop)
{
	const struct call_leg *leg = &call->legs[side];

	if (side != CALL_LEG_B || leg->dialog.remote_tag.text.len > 0)
		return target_of_dialog(call, env, side, hop);
	*hop = leg->hop;
	return true;
}

void leg_hear_request(struct call_leg *leg, const struct core_env *env, const struct sip_hop *hop)
{
	const struct config_realm *realm = &env->config->realms[leg->hop.listener >> 8];
	struct sip_hop before = leg->hop;

	if (hop->listener != leg->hop.listener ||
		(!hop->connection && realm->latching == CONFIG_LATCH_STRICT))
		return;
	leg->hop = *hop;
	leg->hop.tls_name = before.tls_name;
	leg->hop.tls_trunk = before.tls_trunk;
}

void leg_hear_response(struct call_leg *leg, const struct sip_hop *hop)
{
	if (hop->listener == leg->hop.listener)
		leg->hop.connection = hop->connection;
}

// RFC 3261 12.2 and what was added to it: requests, and their 2xx, that name the Contact anew.
static bool is_target_refresh(enum sip_method method)
{
	return method == SIP_METHOD_INVITE || method == SIP_METHOD_UPDATE ||
		method == SIP_METHOD_SUBSCRIBE || method == SIP_METHOD_NOTIFY ||
		method == SIP_METHOD_REFER;
}

// Who we are, in messages that begin or renew something.
static void put_self(struct sip_writer *w, const struct call *call, enum call_side side,
	const struct sip_turn *turn, enum sip_method method)
{
	const struct call_leg *leg = &call->legs[side];
	struct contact contact = { .user = span_make(leg->contact, sizeof(leg->contact)),
		.listener = leg->hop.listener, .profile = leg->profile,
		.is_secure = leg->dialog.is_secure };

	contact_put(w, core_env_of(turn)->config, &contact);
	if (method == SIP_METHOD_INVITE || method == SIP_METHOD_UPDATE)
		ability_put(w, call, side, turn);
}

static void make_branch(const struct call *call, const struct core_env *env,
	char branch[SIP_BRANCH_LEN])
{
	struct sip_token token = { .shard = (uint16_t)call->shard,
		.value = rng_u64(env->rng) & SIP_TOKEN_VALUE_MAX };

	sip_branch_make(&call->core->keys, &token, branch);
}

static struct sip_via_out via_of(const struct call_leg *leg, const struct core_env *env,
	listener_id listener, const char branch[SIP_BRANCH_LEN])
{
	struct sip_local local = listener_local(env->config, listener);
	const struct config_profile *profile = config_profile(env->config, leg->profile);

	return (struct sip_via_out){ .transport = sip_transport_name(local.transport),
		.sent_by = local.sent_by, .host = span_str(profile->headers.via_host),
		.branch = span_make(branch, SIP_BRANCH_LEN),
		.is_alias = reuse_is_offered(env->config, listener, leg->hop.tls_trunk, profile) };
}

// The whole request in core->built. False: it does not fit.
static bool build_request(struct call *call, const struct sip_turn *turn,
	const struct leg_request *request, const char branch[SIP_BRANCH_LEN],
	listener_id listener)
{
	struct core *core = call->core;
	const struct core_env *env = core_env_of(turn);
	const struct call_leg *leg = &call->legs[request->side];
	const struct config_profile *profile = config_profile(env->config, leg->profile);
	struct sip_writer w;

	struct sip_dialog_request head = {
		.method = span_str(sip_method_name(request->method)),
		.cseq = request->cseq,
		.via = via_of(leg, env, listener, branch),
		.max_forwards = request->side == CALL_LEG_B ? call->max_forwards : 70,
	};
	sip_writer_init(&w, core->message, sizeof(core->message));
	sip_dialog_put_request(&leg->dialog, &w, &head);
	if (is_target_refresh(request->method))
		put_self(&w, call, request->side, turn, request->method);
	if (request->method == SIP_METHOD_INVITE ||
		(request->method == SIP_METHOD_UPDATE && call->answered_ms))
		session_put_request(&w, leg, turn);
	if (request->method == SIP_METHOD_INVITE && !call->answered_ms)
		ability_put_require(&w, call, turn);
	if (request->method == SIP_METHOD_INVITE)
		body_put_accept(&w, config_profile(env->config, leg->profile));
	session_id_put(&w, call, request->side);
	edit_put_agent(&w, profile, true);
	sip_put(&w, request->headers);
	multipart_put_content(&w, &request->body);
	core->built = edit_send(core, profile, sip_writer_text(&w));
	return !w.is_overflowed;
}

struct sip_tx *leg_send(struct call *call, const struct sip_turn *turn,
	const struct leg_request *request)
{
	struct core *core = call->core;
	char branch[SIP_BRANCH_LEN];
	struct sip_tx *tx = NULL;
	struct sip_hop hop;

	find_target(call, core_env_of(turn), request->side, &hop);
	make_branch(call, core_env_of(turn), branch);
	if (build_request(call, turn, request, branch, hop.listener)) {
		struct sip_client_params params = {
			.data = core->built,
			.branch = span_make(branch, SIP_BRANCH_LEN),
			.method = request->method,
			.method_text = span_str(sip_method_name(request->method)),
			.hop = hop,
			.user = call_user(call),
		};
		tx = sip_client_start(core->txs, turn, &params);
	}
	if (!tx)
		CORE_COUNT(core, requests_refused);
	return tx;
}

// The same request under another Via: "METHOD URI SIP/2.0", our Via, and the rest.
static struct span put_elsewhere(struct call *call, struct span text, const struct sip_via_out *via)
{
	struct core *core = call->core;
	struct sip_writer w;
	struct span line;

	sip_writer_init(&w, core->message, sizeof(core->message));
	if (!span_cut(&text, '\n', &line))
		return SPAN_NONE;
	sip_put(&w, line);
	sip_put_char(&w, '\n');
	sip_put_via(&w, via);
	if (!span_cut(&text, '\n', &line))
		return SPAN_NONE;
	sip_put(&w, text);
	return w.is_overflowed ? SPAN_NONE : sip_writer_text(&w);
}

struct sip_tx *leg_send_elsewhere(struct call *call, const struct sip_turn *turn,
	enum call_side side, const struct sip_tx *failed)
{
	const struct core_env *env = core_env_of(turn);
	struct span text = sip_client_request(failed);
	char branch[SIP_BRANCH_LEN];
	struct sip_client_params params = { .method = sip_tx_method(failed),
		.branch = span_make(branch, SIP_BRANCH_LEN), .user = call_user(call) };

	if (span_is_empty(text) || !target_of_dialog_failed(call, side))
		return NULL;
	find_target(call, env, side, &params.hop);
	make_branch(call, env, branch);
	struct sip_via_out via = via_of(&call->legs[side], env, params.hop.listener, branch);
	params.method_text = span_str(sip_method_name(params.method));
	params.data = put_elsewhere(call, text, &via);
	return span_is_empty(params.data) ? NULL :
		sip_client_start(call->core->txs, turn, &params);
}

// Repeated byte by byte: the same branch, the same body (RFC 3261 13.2.2.4).
static void send_ack(struct call *call, const struct sip_turn *turn, enum call_side side,
	struct span body)
{
	struct core *core = call->core;
	const struct core_env *env = core_env_of(turn);
	const struct call_leg *leg = &call->legs[side];
	struct leg_request request = { .side = side, .method = SIP_METHOD_ACK,
		.cseq = leg->acked_cseq, .body = sip_body_sdp(body) };

	struct outbox_send send = { 0 };

	find_target(call, env, side, &send.hop);
	if (!build_request(call, turn, &request, leg->ack_branch, send.hop.listener))
		return;
	send.data = core->built;
	if (outbox_send(env->outbox, &send) < 0)
		CORE_COUNT(core, outbox_full);
}

void leg_send_ack(struct call *call, const struct sip_turn *turn, enum call_side side,
	uint32_t cseq,
	struct span body)
{
	struct call_leg *leg = &call->legs[side];

	// It may have gone back to another call (transfer.h), which acknowledges then.
	if (!leg->has_dialog)
		return;
	leg->acked_cseq = cseq;
	make_branch(call, core_env_of(turn), leg->ack_branch);
	if (!call_set_text(call, &leg->ack_body, body))
		CORE_COUNT(call->core, arena_full);
	struct sip_hop hop;
	leg->next_hop.is_ack_due = !find_target(call, core_env_of(turn), side, &hop);
	if (!leg->next_hop.is_ack_due)
		send_ack(call, turn, side, body);
}

void leg_restore_ack(struct call *call, enum call_side side, const struct core_env *env,
	uint32_t cseq)
{
	call->legs[side].acked_cseq = cseq;
	make_branch(call, env, call->legs[side].ack_branch);
}

void leg_repeat_ack(struct call *call, const struct sip_turn *turn, enum call_side side)
{
	if (call->legs[side].acked_cseq)
		send_ack(call, turn, side, call->legs[side].ack_body.text);
}

// Whether our 2xx to an INVITE of that leg still waits for its ACK.
static bool is_ack_awaited(const struct call *call, enum call_side side)
{
	if (side == CALL_LEG_B && pickup_is_pending(call))
		return true;
	return call->invite.is_answered && call->invite.from == side && call->invite.server;
}

void leg_send_bye(struct call *call, const struct sip_turn *turn, enum call_side side,
	struct span headers)
{
	struct call_leg *leg = &call->legs[side];

	if (!leg->has_dialog || !leg->dialog.is_confirmed || leg->bye)
		return;
	struct sip_hop hop;

	// Behind the ACK, and behind the answer about its name.
	if (is_ack_awaited(call, side) || !find_target(call, core_env_of(turn), side, &hop)) {
		leg->is_bye_due = true;
		return;
	}
	leg->is_bye_due = false;
	struct leg_request request = { .side = side, .method = SIP_METHOD_BYE,
		.cseq = sip_dialog_next_cseq(&leg->dialog), .headers = headers };

	// Parts of the other side's BYE, e.g. the ISUP release of SIP-I.
	if (call->cause == CALL_CAUSE_BYE)
		request.body.parts = call->passed_parts.text;
	leg->bye = leg_send(call, turn, &request);
}

// Whether that fork's BYE went out before: its 2xx came again, which asks for the ACK only. A
// second BYE would carry the CSeq of the first one.
static bool is_shed_before(struct call *call, const struct sip_msg *response)
{
	struct hash_key key = { { 0x73686564, response->cseq.number } };
	uint64_t print = hash_sip(&key, response->to.tag.ptr, response->to.tag.len);

	for (uint32_t i = 0; i < call->shed_count && i < CALL_SHED_MAX; i++)
		if (call->shed[i] == print)
			return true;
	call->shed[call->shed_count++ % CALL_SHED_MAX] = print;
	return false;
}

// ACK, and BYE unless it went out before, in the leg's dialog of the moment.
static void shed(struct call *call, const struct sip_turn *turn, enum call_side side,
	const struct sip_msg *response, uint32_t cseq)
{
	struct call_leg *leg = &call->legs[side];
	struct leg_request bye = { .side = side, .method = SIP_METHOD_BYE,
		.cseq = cseq ? cseq + 1 : response->cseq.number + CORE_CSEQ_GAP };

	leg->acked_cseq = response->cseq.number;
	make_branch(call, core_env_of(turn), leg->ack_branch);
	send_ack(call, turn, side, SPAN_NONE);
	if (is_shed_before(call, response))
		return;
	stray_note(call, response->to.tag);
	leg_send(call, turn, &bye);
}

// The dialog of a fork differs from the leg's in tag, target and route, and lives for two messages.
// It may be another host's, by another transport.
void leg_shed_answer(struct call *call, const struct sip_turn *turn, enum call_side side,
	const struct sip_received *in)
{
	const struct sip_msg *response = in->msg;
	struct call_leg *leg = &call->legs[side];
	struct call_leg own = *leg;

	if (!leg->has_dialog)
		return;
	uint32_t cseq = side == CALL_LEG_B ? fork_cseq(call, response->to.tag) : 0;
	struct arena arena;

	arena_init(&arena, CALL_ARENA_MAX);
	struct sip_dialog_uac params = {
		.call_id = own.dialog.call_id.text,
		.local_tag = own.dialog.local_tag.text,
		.local = own.dialog.local.text,
		.remote = own.dialog.remote.text,
		.target = own.dialog.remote_target.text,
		.cseq_first = response->cseq.number,
	};
	leg->hop = in->hop;
	leg->hop.tls_name = own.hop.tls_name;
	leg->hop.tls_trunk = own.hop.tls_trunk;
	leg->next_hop = (struct leg_next){ 0 };
	CORE_COUNT(call->core, answers_shed);
	if (sip_dialog_init_uac(&leg->dialog, &arena, &params) == 0 &&
		sip_dialog_receive_response(&leg->dialog, response) == 0)
		shed(call, turn, side, response, cseq);
	// Nothing that it would lead to is waited for.
	resolve_cancel(call->core, leg->next_hop.ticket);
	leg->dialog = own.dialog;
	leg->hop = own.hop;
	leg->next_hop = own.next_hop;
	memcpy(leg->ack_branch, own.ack_branch, sizeof(own.ack_branch));
	leg->acked_cseq = own.acked_cseq;
	arena_fini(&arena);
}

void leg_respond(struct call *call, const struct sip_turn *turn, struct sip_tx *tx,
	const struct leg_response *response)
{
	struct core *core = call->core;
	enum sip_method method = sip_tx_method(tx);
	bool is_invite = method == SIP_METHOD_INVITE && tx == call->invite.server;
	enum call_side side = is_invite ? call->invite.from : response->side;
	const struct config_profile *profile =
		config_profile(core_env_of(turn)->config, call->legs[side].profile);
	struct sip_writer w;

	sip_writer_init(&w, core->message, sizeof(core->message));
	sip_server_put_head(tx, &w, response->status, edit_phrase(profile, response->status));
	if (is_target_refresh(method) && response->status > 100 && response->status < 300)
		put_self(&w, call, side, turn, method);
	if (response->status / 100 == 2 && call->answered_ms &&
		(method == SIP_METHOD_INVITE || method == SIP_METHOD_UPDATE))
		session_put_answer(&w, &call->legs[side], turn);
	session_id_put(&w, call, side);
	edit_put_agent(&w, profile, false);
	if (is_invite && response->status < 300)
		sip_put(&w, call->answered_with.text);
	sip_put(&w, response->headers);
	multipart_put_content(&w, &response->body);
	struct span text = edit_send(core, profile, sip_writer_text(&w));
	if (w.is_overflowed ||
		sip_server_respond(core->txs, turn, tx, response->status, text) < 0)
		CORE_COUNT(core, responses_lost);
}

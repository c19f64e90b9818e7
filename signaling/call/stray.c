// stray.c - a 2xx to the first INVITE of a call that is gone: another fork answers late.
//
// Of the call only its INVITE transaction is left, for 64*T1 (RFC 6026), and in its user word the
// prints of two To tags: of the fork that won, whose BYE went out, and of the last one that was
// ended, in the call or here. Nothing else is kept: the dialog of such a fork lives for an ACK and
// a BYE.
#include "call/core_private.h"

static uint32_t print_of(const struct core *core, struct span tag)
{
	return (uint32_t)(hash_sip(&core->params.key, tag.ptr, tag.len) & 0xffff) | 1;
}

void stray_expect(struct call *call)
{
	call->accepted = call->invite.client;
	call->winner = print_of(call->core, call->legs[CALL_LEG_B].dialog.remote_tag.text);
}

void stray_note(struct call *call, struct span tag)
{
	call->winner = (call->winner & 0xffff) | print_of(call->core, tag) << 16;
}

// Below all handles of calls, whose generation is never 0 (call_user()).
void stray_leave(struct call *call)
{
	if (call->accepted)
		sip_tx_set_user(call->accepted, (void *)(uintptr_t)call->winner);
}

// From or To without its tag.
static void put_party(struct sip_writer *w, const struct sip_name_addr *party)
{
	sip_put_char(w, '<');
	sip_put_value(w, party->uri.text);
	sip_put_char(w, '>');
}

static bool make_dialog(struct core *core, struct arena *arena, const struct sip_msg *msg,
	struct sip_dialog *out)
{
	struct sip_writer local;
	struct sip_writer remote;

	sip_writer_init(&local, core->extra, CORE_EXTRA_MAX / 2);
	sip_writer_init(&remote, core->extra + CORE_EXTRA_MAX / 2, CORE_EXTRA_MAX / 2);
	put_party(&local, &msg->from);
	put_party(&remote, &msg->to);
	struct sip_dialog_uac params = {
		.call_id = msg->call_id,
		.local_tag = msg->from.tag,
		.local = sip_writer_text(&local),
		.remote = sip_writer_text(&remote),
		.target = msg->to.uri.text,
		.cseq_first = msg->cseq.number,
	};
	return !local.is_overflowed && !remote.is_overflowed &&
		sip_dialog_init_uac(out, arena, &params) == 0 &&
		sip_dialog_receive_response(out, msg) == 0;
}

struct stray {
	const struct sip_turn *turn;
	const struct sip_received *in;
	const struct sip_dialog *dialog;
	uint32_t shard;
};

// Into core->message; its branch is written to `branch`.
static struct span build(struct core *core, const struct stray *stray, enum sip_method method,
	char branch[SIP_BRANCH_LEN])
{
	const struct core_env *env = core_env_of(stray->turn);
	struct sip_local local = listener_local(env->config, stray->in->hop.listener);
	struct sip_token token = { .shard = (uint16_t)stray->shard,
		.value = rng_u64(env->rng) & SIP_TOKEN_VALUE_MAX };
	struct sip_writer w;

	sip_branch_make(&core->keys, &token, branch);
	struct sip_dialog_request head = {
		.method = span_str(sip_method_name(method)),
		.cseq = stray->in->msg->cseq.number +
			(method == SIP_METHOD_BYE ? CORE_CSEQ_GAP : 0),
		.via = { .transport = sip_transport_name(local.transport),
			.sent_by = local.sent_by, .branch = span_make(branch, SIP_BRANCH_LEN) },
		.max_forwards = 70,
	};
	sip_writer_init(&w, core->message, sizeof(core->message));
	sip_dialog_put_request(stray->dialog, &w, &head);
	sip_put_body(&w, SPAN_NONE, SPAN_NONE);
	return w.is_overflowed ? SPAN_NONE : sip_writer_text(&w);
}

static void send_ack(struct core *core, const struct stray *stray)
{
	char branch[SIP_BRANCH_LEN];
	struct outbox_send send = { .hop = stray->in->hop,
		.data = build(core, stray, SIP_METHOD_ACK, branch) };

	if (outbox_send(core_env_of(stray->turn)->outbox, &send) < 0)
		CORE_COUNT(core, outbox_full);
}

static void send_bye(struct core *core, const struct stray *stray)
{
	char branch[SIP_BRANCH_LEN];
	struct sip_client_params params = {
		.data = build(core, stray, SIP_METHOD_BYE, branch),
		.branch = span_make(branch, SIP_BRANCH_LEN),
		.method = SIP_METHOD_BYE,
		.method_text = SPAN_LIT("BYE"),
		.hop = stray->in->hop,
	};

	if (!sip_client_start(core->txs, stray->turn, &params))
		CORE_COUNT(core, requests_refused);
}

void stray_answer(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in)
{
	uintptr_t user = (uintptr_t)sip_tx_user(tx);
	uint32_t print = print_of(core, in->msg->to.tag);
	struct sip_token token;
	struct sip_dialog dialog;
	struct arena arena;

	if (in->msg->status < 200 || in->msg->status >= 300 || !user || user > UINT32_MAX ||
		print == (user & 0xffff) ||
		!sip_token_verify(&core->keys, SIP_TOKEN_TAG, in->msg->from.tag, &token)) {
		CORE_COUNT(core, responses_stray);
		return;
	}
	arena_init(&arena, CALL_ARENA_MAX);
	if (make_dialog(core, &arena, in->msg, &dialog)) {
		struct stray stray = { .turn = turn, .in = in, .dialog = &dialog,
			.shard = token.shard };

		CORE_COUNT(core, answers_shed);
		send_ack(core, &stray);
		// The same one again asks for the ACK only.
		if (print != user >> 16)
			send_bye(core, &stray);
		sip_tx_set_user(tx, (void *)((user & 0xffff) | (uintptr_t)print << 16));
	}
	arena_fini(&arena);
}

#include "call/export.h"

#include "call/core_private.h"
#include "call/pickup.h"
#include "call/record.h"
#include "call/transfer.h"

#include "state.pb-c.h"

#include <errno.h>

// What a record points to while it is written: the call's own texts, and these.
struct draft {
	Muga__State__Call call;
	Muga__State__Leg legs[CALL_LEGS];
	ProtobufCBinaryData routes[CALL_LEGS][SIP_DIALOG_ROUTES_MAX];
	Muga__State__Stream streams[MEDIA_STREAMS_MAX];
	Muga__State__Stream *stream_list[MEDIA_STREAMS_MAX];
	Muga__State__Port ports[MEDIA_STREAMS_MAX][CALL_LEGS];
	uint8_t addresses[CALL_LEGS + MEDIA_STREAMS_MAX * CALL_LEGS * 2][18];
	uint32_t address_count;
	uint8_t uuids[CALL_LEGS][SESSION_ID_BYTES];
};

static ProtobufCBinaryData bytes_of(struct span text)
{
	return (ProtobufCBinaryData){ .len = text.len, .data = (uint8_t *)(uintptr_t)text.ptr };
}

static ProtobufCBinaryData put_address(struct draft *draft, const struct addr *addr)
{
	uint8_t *at = draft->addresses[draft->address_count++];
	uint32_t skip = ip_is_v4(&addr->ip) ? 12 : 0;
	uint32_t len = 16 - skip;

	if (ip_is_unset(&addr->ip) && addr->port == 0)
		return (ProtobufCBinaryData){ 0 };
	memcpy(at, addr->ip.b + skip, len);
	at[len] = (uint8_t)(addr->port >> 8);
	at[len + 1] = (uint8_t)addr->port;
	return (ProtobufCBinaryData){ .len = len + 2, .data = at };
}

static bool is_text(const struct call_leg *leg, enum sip_token_kind kind, struct span text)
{
	struct sip_token token = { .shard = (uint16_t)leg->shard, .value = leg->token };
	char made[SIP_TOKEN_LEN];

	sip_token_make(&leg->call->core->keys, kind, &token, made);
	return span_eq(text, span_make(made, sizeof(made)));
}

static void put_dialog(struct draft *draft, const struct call_leg *leg, enum call_side side)
{
	Muga__State__Leg *to = &draft->legs[side];
	const struct sip_dialog *dialog = &leg->dialog;

	if (!is_text(leg, SIP_TOKEN_CALL_ID, dialog->call_id.text))
		to->call_id = bytes_of(dialog->call_id.text);
	if (!is_text(leg, SIP_TOKEN_TAG, dialog->local_tag.text))
		to->local_tag = bytes_of(dialog->local_tag.text);
	to->remote_tag = bytes_of(dialog->remote_tag.text);
	to->local = bytes_of(dialog->local.text);
	to->remote = bytes_of(dialog->remote.text);
	to->target = bytes_of(dialog->remote_target.text);
	for (uint32_t i = 0; i < dialog->route_count; i++)
		draft->routes[side][i] = bytes_of(dialog->route[i].text);
	to->n_route = dialog->route_count;
	to->route = draft->routes[side];
	to->local_cseq = dialog->local_cseq;
	to->remote_cseq = dialog->has_remote_cseq ? dialog->remote_cseq + 1 : 0;
	to->flags = (dialog->is_uac ? RECORD_LEG_UAC : 0) |
		(dialog->is_secure ? RECORD_LEG_SECURE : 0) |
		(leg->hop.is_bound ? RECORD_LEG_BOUND : 0) |
		(leg->has_referred ? RECORD_LEG_REFERRED : 0) |
		(span_is_empty(leg->ack_body.text) ? 0 : RECORD_LEG_ACK_BODY);
}

static void put_leg(struct draft *draft, const struct call *call, enum call_side side)
{
	const struct call_leg *leg = &call->legs[side];
	Muga__State__Leg *to = &draft->legs[side];

	muga__state__leg__init(to);
	put_dialog(draft, leg, side);
	to->token = leg->token == call->token + side ? 0 : leg->token;
	to->shard = leg->shard == call->shard ? 0 : leg->shard + 1;
	to->listener = leg->hop.listener & 0xff;
	to->source = put_address(draft, &leg->hop.addr);
	to->connection = leg->hop.connection;
	to->trunk = bytes_of(span_str(leg->trunk));
	// An offer that is open is not in force.
	bool is_before = call->offer.is_open && call_other(call->offer.from) == side &&
		!span_is_empty(call->sdp_before.text);
	to->sdp = bytes_of(is_before ? call->sdp_before.text : leg->sdp_sent.text);
	to->sdp_id = leg->sdp_id;
	to->sdp_version = (uint32_t)leg->sdp_version;
	to->acked_cseq = leg->acked_cseq;
	to->allowed = leg->ability.allowed;
	to->supported = leg->ability.supported;
	to->refer_asked = leg->refer_asked;
	to->refer_passed = leg->refer_passed;
	to->session = leg->session.interval_s << 1 | leg->session.is_ours;
	if (session_id_pack(leg, draft->uuids[side]))
		to->uuid = (ProtobufCBinaryData){ SESSION_ID_BYTES, draft->uuids[side] };
}

static Muga__State__Port *put_port(struct draft *draft, const struct media_stream *stream,
	enum call_side side, uint32_t at)
{
	Muga__State__Port *to = &draft->ports[at][side];
	const struct media_remote *remote = &stream->remote[side];
	struct addr rtp = media_far(stream, side, 0), rtcp = media_far(stream, side, 1);
	bool is_next = rtcp.port == rtp.port + 1 && ip_eq(&rtcp.ip, &rtp.ip);

	muga__state__port__init(to);
	to->media_address = stream->pair[side].media_address;
	to->port = stream->pair[side].port;
	to->incarnation = stream->pair[side].incarnation;
	to->shared = stream->shared[side];
	to->rtp = put_address(draft, &rtp);
	if (!is_next)
		to->rtcp = put_address(draft, &rtcp);
	to->flags = (remote->is_mux ? RECORD_PORT_MUX : 0) |
		(remote->is_blackhole ? RECORD_PORT_BLACKHOLE : 0) |
		(remote->is_inactive ? RECORD_PORT_INACTIVE : 0) |
		(remote->is_held ? RECORD_PORT_HELD : 0) |
		(remote->is_savp ? RECORD_PORT_SAVP : 0) |
		(remote->is_tls ? RECORD_PORT_TLS : 0) |
		(remote->is_avpf ? RECORD_PORT_AVPF : 0) | (is_next ? RECORD_PORT_RTCP_NEXT : 0);
	return to;
}

// Streams that only an open offer brought are not in force yet.
static void put_streams(struct draft *draft, const struct call *call)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < call->media.count; i++) {
		const struct media_stream *stream = media_stream(&call->media, i);
		bool is_offered = call->offer.is_open && (call->offer.opened & 1u << i);

		bool is_there = stream->is_open || stream->is_bundled ||
			media_is_foreign(&call->media, i);

		if (!is_there || is_offered)
			continue;
		Muga__State__Stream *to = &draft->streams[count];
		muga__state__stream__init(to);
		to->index = i;
		to->kind = stream->kind;
		if (stream->is_bundled) {
			to->bundle = stream->bundle + 1u;
			draft->stream_list[count++] = to;
			continue;
		}
		to->a = put_port(draft, stream, CALL_LEG_A, count);
		to->b = put_port(draft, stream, CALL_LEG_B, count);
		draft->stream_list[count++] = to;
	}
	draft->call.passed = call->media.passed;
	draft->call.n_stream = count;
	draft->call.stream = draft->stream_list;
}

static void put_invite(struct draft *draft, const struct call *call)
{
	const struct call_invite *invite = &call->invite;

	if (!invite->is_active)
		return;
	draft->call.invite = (invite->from == CALL_LEG_B ? RECORD_INVITE_FROM_B : 0) |
		(invite->is_answered ? RECORD_INVITE_UNACKED : 0) |
		(invite->is_final ? 0 : RECORD_INVITE_SENT) |
		(invite->is_late ? RECORD_INVITE_LATE : 0);
	draft->call.server_cseq = invite->server_cseq;
	draft->call.client_cseq = invite->client_cseq;
}

static void put_call(struct draft *draft, const struct call *call, const struct core_env *env)
{
	Muga__State__Call *to = &draft->call;

	muga__state__call__init(to);
	to->version = RECORD_VERSION;
	to->token = call->token;
	to->shard = call->shard;
	to->started_ms = call->started_unix_ms;
	to->setup_ms = (uint32_t)(call->answered_ms - call->started_ms);
	to->heard_ms = env->unix_ms - (env->now_ms - call->heard_ms);
	to->from_user = bytes_of(span_str(call->from_user));
	to->to_user = bytes_of(span_str(call->to_user));
	to->codec = bytes_of(span_str(call->codec));
	to->code = call->code;
	to->max_forwards = call->max_forwards;
	to->route_line = call->route_line;
	to->emergency = call->is_emergency;
	to->session_private = call->is_session_private;
	to->a = &draft->legs[CALL_LEG_A];
	to->b = &draft->legs[CALL_LEG_B];
	put_leg(draft, call, CALL_LEG_A);
	put_leg(draft, call, CALL_LEG_B);
	put_streams(draft, call);
	put_invite(draft, call);
}

// Both sides have a session, or had one that an INVITE under way may change. Without the answer to
// a first offer in our 2xx there is none yet.
static bool is_durable(const struct call *call)
{
	const struct call_invite *invite = &call->invite;

	bool is_changing = call->transfer && !call->transfer->is_refresh;

	if (!call->answered_ms || is_changing ||
		(call->state == CALL_STATE_ANSWERED &&
			(invite->is_late || invite->is_converted)))
		return false;
	for (uint32_t side = 0; side < CALL_LEGS; side++)
		if (!call->legs[side].has_dialog || !call->legs[side].dialog.is_confirmed)
			return false;
	return true;
}

// A leg went on to another call, whose record has it: two records of one dialog could not both come
// back.
static bool has_lost_leg(const struct call *call)
{
	return call->answered_ms && !call->transfer &&
		!(call->legs[CALL_LEG_A].has_dialog && call->legs[CALL_LEG_B].has_dialog);
}

static int export_call(const struct call *call, const struct core_env *env, struct record_out *out)
{
	struct draft draft = { .address_count = 0 };

	if (!is_durable(call))
		return -EAGAIN;
	put_call(&draft, call, env);
	if (muga__state__call__get_packed_size(&draft.call) > CALL_RECORD_MAX)
		return -ENOSPC;
	out->len = (uint32_t)muga__state__call__pack(&draft.call, out->buf);
	return 0;
}

static struct call *find(const struct core *core, uint64_t name)
{
	const struct call_leg *leg = leg_lookup(core, name);

	return leg && !leg->call->is_finished ? leg->call : NULL;
}

// A leg that came from another call carries that call's identifiers, so the walk.
static struct call *find_token(const struct core *core, uint64_t token)
{
	uint32_t cursor = 0;
	struct call *call = find(core, token);

	if (call && call->token == token)
		return call;
	while ((call = slab_next(core->calls, &cursor)))
		if (call->token == token && !call->is_finished && !call->is_dead)
			return call;
	return NULL;
}

int core_export(struct core *core, struct core_env *env, uint64_t token, struct record_out *out)
{
	const struct call *call = find_token(core, token);

	return call && !has_lost_leg(call) ? export_call(call, env, out) : -ENOENT;
}

int core_move_out(struct core *core, struct core_env *env, uint64_t name, struct record_out *out)
{
	struct call *call = find(core, name);

	core->env = env;
	if (!call)
		return -ENOENT;
	if (call->invite.is_active || pickup_is_pending(call) || call->invites_given_up ||
		call->relays || call->transfer || (call->accepted && call->shed_count))
		return -EBUSY; // of forks that were ended the record says nothing
	int err = export_call(call, env, out);
	if (err)
		return err;
	CORE_COUNT(core, calls_moved_out);
	call_leave(call, env);
	core_reap(core);
	return 0;
}

uint64_t core_call_key(const struct sip_keys *keys, struct span call_id)
{
	return hash_sip(&keys->shard, call_id.ptr, call_id.len);
}

bool core_call_keys(const struct core *core, uint64_t name, uint64_t out[2])
{
	const struct call *call = find(core, name);

	if (!call)
		call = find_token(core, name);
	for (uint32_t side = 0; call && side < CALL_LEGS; side++)
		out[side] = core_call_key(&core->keys, call->legs[side].dialog.call_id.text);
	return call;
}

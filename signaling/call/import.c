// import.c - from a record to a living call. Nothing in the record is believed before it is checked
// against limits, grammar and configuration: it may come from a disk, from another node, from an
// older or newer version.
#include "call/export.h"

#include "call/core_private.h"
#include "call/record.h"
#include "call/recording.h"
#include "call/refer.h"
#include "call/transfer.h"

#include "state.pb-c.h"

#include <errno.h>

#define TEXT_MAX 2048u  // bytes of any text but a session description
#define DECODE_MAX (4u * CALL_RECORD_MAX)
// The record may be older than the last request that was sent: its CSeq, and the version of o= that
// it brought (RFC 3264 8), must not be used again.
#define CSEQ_STRIDE 16u
#define SDP_STRIDE  16u
#define CSEQ_MAX 0x7fffffffu
#define ACK_WAIT_MS (64u * 500) // RFC 3261 13.3.1.4

struct import {
	struct core *core;
	struct core_env *env;
	const Muga__State__Call *from;
	struct call *call;
	bool has_foreign; // a stream stays with the ports of another worker
	bool is_current;  // the call left another worker with it: nothing was sent since
};

static void *decode_alloc(void *context, size_t size)
{
	return arena_alloc(context, size);
}

// The arena goes as a whole.
static void decode_free(void *context, void *pointer)
{
	(void)context, (void)pointer;
}

static struct span span_of(const ProtobufCBinaryData *bytes)
{
	return span_make((const char *)bytes->data, (uint32_t)bytes->len);
}

// Whatever goes into a header of ours is one line.
static bool is_line(const ProtobufCBinaryData *bytes)
{
	for (size_t i = 0; i < bytes->len; i++)
		if (bytes->data[i] < ' ' || bytes->data[i] == 0x7f)
			return false;
	return bytes->len <= TEXT_MAX;
}

static bool take_address(const ProtobufCBinaryData *bytes, struct addr *out)
{
	struct addr addr = { 0 };

	if (bytes->len == 6) {
		addr.ip = ip_from_v4((uint32_t)bytes->data[0] << 24 |
			(uint32_t)bytes->data[1] << 16 | (uint32_t)bytes->data[2] << 8 |
			bytes->data[3]);
	} else if (bytes->len == 18) {
		memcpy(addr.ip.b, bytes->data, sizeof(addr.ip.b));
	} else {
		*out = addr;
		return bytes->len == 0;
	}
	addr.port = (uint16_t)(bytes->data[bytes->len - 2] << 8 | bytes->data[bytes->len - 1]);
	*out = addr;
	return true;
}

static bool take_name(const ProtobufCBinaryData *bytes, char *out, uint32_t cap)
{
	return is_line(bytes) && span_copy(span_of(bytes), out, cap) == 0;
}

static bool is_name_addr(const ProtobufCBinaryData *bytes)
{
	struct sip_name_addr addr;

	return is_line(bytes) && sip_name_addr_parse(span_of(bytes), &addr) == 0;
}

static bool is_dialog(const Muga__State__Leg *from)
{
	struct sip_uri target;

	for (size_t i = 0; i < from->n_route; i++)
		if (!is_name_addr(&from->route[i]))
			return false;
	return from->n_route <= SIP_DIALOG_ROUTES_MAX && is_line(&from->call_id) &&
		is_line(&from->local_tag) && is_line(&from->remote_tag) &&
		is_name_addr(&from->local) && is_name_addr(&from->remote) &&
		is_line(&from->target) && sip_uri_parse(span_of(&from->target), &target) == 0 &&
		(target.scheme == SIP_SCHEME_SIP || target.scheme == SIP_SCHEME_SIPS) &&
		(from->call_id.len == 0 || sip_is_callid(span_of(&from->call_id))) &&
		(from->local_tag.len == 0 || sip_is_token(span_of(&from->local_tag))) &&
		(from->remote_tag.len == 0 || sip_is_token(span_of(&from->remote_tag))) &&
		from->local_cseq <= CSEQ_MAX - CSEQ_STRIDE && from->remote_cseq <= CSEQ_MAX + 1u &&
		from->acked_cseq <= CSEQ_MAX;
}

static struct span own_text(const struct call_leg *leg, enum sip_token_kind kind,
	char out[SIP_TOKEN_LEN])
{
	struct sip_token token = { .shard = (uint16_t)leg->shard, .value = leg->token };

	sip_token_make(&leg->call->core->keys, kind, &token, out);
	return span_make(out, SIP_TOKEN_LEN);
}

static bool take_texts(struct call *call, struct call_leg *leg, const Muga__State__Leg *from)
{
	struct sip_dialog *dialog = &leg->dialog;
	char call_id[SIP_TOKEN_LEN], tag[SIP_TOKEN_LEN];
	bool is_set = sip_dialog_make_room(dialog, (uint32_t)from->n_route) == 0;

	for (uint32_t i = 0; is_set && i < from->n_route; i++)
		is_set &= call_set_text(call, &dialog->route[i], span_of(&from->route[i]));
	return is_set &&
		call_set_text(call, &dialog->call_id, from->call_id.len ?
			span_of(&from->call_id) :
			own_text(leg, SIP_TOKEN_CALL_ID, call_id)) &&
		call_set_text(call, &dialog->local_tag, from->local_tag.len ?
			span_of(&from->local_tag) :
			own_text(leg, SIP_TOKEN_TAG, tag)) &&
		call_set_text(call, &dialog->remote_tag, span_of(&from->remote_tag)) &&
		call_set_text(call, &dialog->local, span_of(&from->local)) &&
		call_set_text(call, &dialog->remote, span_of(&from->remote)) &&
		call_set_text(call, &dialog->remote_target, span_of(&from->target)) &&
		call_set_text(call, &leg->sdp_sent, span_of(&from->sdp)) &&
		(!(from->flags & RECORD_LEG_ACK_BODY) ||
			call_set_text(call, &leg->ack_body, span_of(&from->sdp)));
}

static bool take_dialog(struct import *im, enum call_side side, const Muga__State__Leg *from)
{
	struct call_leg *leg = &im->call->legs[side];
	struct sip_dialog *dialog = &leg->dialog;
	struct sdp_fault fault;

	if (!is_dialog(from) ||
		(from->sdp.len && sdp_parse(span_of(&from->sdp), &im->core->sdp, &fault) < 0))
		return false;
	dialog->arena = &im->call->arena;
	dialog->route_count = (uint32_t)from->n_route;
	dialog->local_cseq = from->local_cseq + CSEQ_STRIDE;
	dialog->has_remote_cseq = from->remote_cseq > 0;
	dialog->remote_cseq = from->remote_cseq ? from->remote_cseq - 1 : 0;
	dialog->is_uac = from->flags & RECORD_LEG_UAC;
	dialog->is_secure = from->flags & RECORD_LEG_SECURE;
	dialog->is_confirmed = true;
	leg->has_dialog = true;
	leg->is_moved = true;
	leg->has_referred = from->flags & RECORD_LEG_REFERRED;
	leg->refer_asked = from->refer_asked;
	leg->refer_passed = from->refer_passed;
	leg->sdp_id = from->sdp_id;
	leg->sdp_version = from->sdp_version + (im->is_current ? 0 : SDP_STRIDE);
	return take_texts(im->call, leg, from);
}

// Realm, profile and count of calls are those of the trunk as it is configured here.
static int take_leg(struct import *im, enum call_side side, const Muga__State__Leg *from)
{
	const struct config *config = im->env->config;
	struct call *call = im->call;
	struct call_leg *leg = &call->legs[side];
	uint64_t token = from->token ? from->token : call->token + side;
	uint32_t shard = from->shard ? from->shard - 1 : call->shard;

	if (token > SIP_TOKEN_VALUE_MAX || shard >= SIP_SHARDS)
		return -EINVAL;
	if (leg_lookup(im->core, token))
		return -EEXIST;
	leg_link(call, side, token, shard);
	if (!take_name(&from->trunk, leg->trunk, sizeof(leg->trunk)) ||
		!take_address(&from->source, &leg->hop.addr) || leg->hop.addr.port == 0 ||
		!take_dialog(im, side, from))
		return -EINVAL;
	int trunk = config_find_trunk(config, span_str(leg->trunk));
	if (trunk < 0 ||
		from->listener >= config->realms[config->trunks[trunk].realm].listener_count)
		return -ENOENT;
	leg->profile = config->trunks[trunk].profile;
	limit_learn(leg, config, &config->trunks[trunk]);
	leg->ability = (struct leg_ability){ .allowed = from->allowed,
		.supported = from->supported };
	if (from->session >> 1 > SESSION_MOST_S)
		return -EINVAL;
	if (from->uuid.len == SESSION_ID_BYTES)
		session_id_unpack(leg, from->uuid.data);
	else if (from->uuid.len)
		return -EINVAL;
	leg->session.interval_s = from->session >> 1;
	leg->session.is_ours = from->session & 1;
	leg->hop.listener = listener_make(config->trunks[trunk].realm, from->listener);
	leg->hop.connection = from->connection;
	leg->hop.is_bound = from->flags & RECORD_LEG_BOUND;
	call->media.realm[side] = (uint16_t)config->trunks[trunk].realm;
	if (from->acked_cseq)
		leg_restore_ack(call, side, im->env, from->acked_cseq);
	// The call is there already: its place is taken, whatever the limit is now.
	uint32_t slot = trunk_slot(im->core->trunks, span_str(leg->trunk));
	if (!call->is_emergency && trunk_take(im->core->trunks, slot, 0))
		leg->trunk_slot = slot;
	return 0;
}

static int take_port(const struct import *im, enum call_side side, const Muga__State__Port *from,
	struct media_remote *out)
{
	const struct config *config = im->env->config;
	uint32_t index = im->call->media.realm[side];
	const struct config_realm *realm = &config->realms[index];
	uint32_t base = media_address_base(config, index);
	uint32_t flags = from->flags;

	if (!take_address(&from->rtp, &out->rtp) || !take_address(&from->rtcp, &out->rtcp))
		return -EINVAL;
	if (from->media_address < base || from->media_address - base >= realm->media_count ||
		from->port < realm->port_min || from->port >= realm->port_max || from->port & 1)
		return -ENOENT;
	if (!ip_is_unset(&out->rtp.ip) && !media_is_allowed_remote(config, index, &out->rtp.ip))
		return -ENOENT;
	if (!ip_is_unset(&out->rtcp.ip) && !media_is_allowed_remote(config, index, &out->rtcp.ip))
		return -ENOENT;
	if (flags & RECORD_PORT_RTCP_NEXT)
		out->rtcp = (struct addr){ .ip = out->rtp.ip,
			.port = (uint16_t)(out->rtp.port + 1) };
	out->is_mux = flags & RECORD_PORT_MUX;
	out->is_blackhole = flags & RECORD_PORT_BLACKHOLE;
	out->is_inactive = flags & RECORD_PORT_INACTIVE;
	out->is_held = flags & RECORD_PORT_HELD;
	out->is_savp = flags & RECORD_PORT_SAVP;
	out->is_tls = flags & RECORD_PORT_TLS;
	out->is_avpf = flags & RECORD_PORT_AVPF;
	return 0;
}

static int take_stream(struct import *im, const Muga__State__Stream *from)
{
	const Muga__State__Port *const ports[CALL_LEGS] = { from->a, from->b };
	struct media_adopt adopt = { .index = from->index, .kind = (uint8_t)from->kind };

	// Its packets run in another one.
	if (from->bundle > 0 && from->index < MEDIA_STREAMS_MAX &&
		from->bundle <= MEDIA_STREAMS_MAX && from->bundle != from->index + 1)
		return media_join(&im->call->media, from->index, from->bundle - 1);
	if (from->index >= MEDIA_STREAMS_MAX || !from->a || !from->b ||
		(from->kind != FLOW_RTP && from->kind != FLOW_OPAQUE))
		return -EINVAL;
	for (uint32_t side = 0; side < CALL_LEGS; side++) {
		int err = take_port(im, side, ports[side], &adopt.remote[side]);

		if (err)
			return err;
		adopt.address[side] = (uint16_t)ports[side]->media_address;
		adopt.port[side] = (uint16_t)ports[side]->port;
		adopt.incarnation[side] = ports[side]->incarnation;
	}
	for (uint32_t side = 0; side < CALL_LEGS; side++) {
		if (ports[side]->shared > MEDIA_STREAMS_MAX ||
			ports[side]->shared == from->index + 1)
			return -EINVAL;
		adopt.shared[side] = (uint8_t)ports[side]->shared;
	}
	int err = media_adopt(&im->call->media, im->env, &adopt);
	if (err == -ENOENT) {
		CORE_COUNT(im->core, streams_foreign);
		im->has_foreign = true;
		return 0;
	}
	return err;
}

static void on_ack_lost(struct timer *timer, void *context)
{
	struct call *call = (struct call *)((char *)timer - offsetof(struct call, ring_timer));

	ack_missing(call, context);
}

// An INVITE died with its transactions. Its sender asks again or gives up; a 2xx to ours is
// acknowledged when it comes (answer.c). The ACK of our own 2xx may come yet.
static int take_invite(struct import *im)
{
	const Muga__State__Call *from = im->from;
	struct call *call = im->call;

	if (from->server_cseq > CSEQ_MAX || from->client_cseq > CSEQ_MAX)
		return -EINVAL;
	call->state = CALL_STATE_CONNECTED;
	call->invite = (struct call_invite){
		.from = from->invite & RECORD_INVITE_FROM_B ? CALL_LEG_B : CALL_LEG_A,
		.is_final = true,
		.is_late = from->invite & RECORD_INVITE_LATE,
		.server_cseq = from->server_cseq,
		.client_cseq = from->client_cseq,
	};
	if (!(from->invite & RECORD_INVITE_UNACKED) || call->invite.is_late)
		return 0;
	call->invite.is_active = call->invite.is_answered = true;
	call->state = CALL_STATE_ANSWERED;
	timer_start(im->core->wheel, &call->ring_timer, im->env->now_ms + ACK_WAIT_MS, on_ack_lost);
	return 0;
}

// A time of the past in this process' own clock; the call may be older than the process.
static uint64_t to_mono(const struct core_env *env, uint64_t unix_ms)
{
	uint64_t age_ms = env->unix_ms > unix_ms ? env->unix_ms - unix_ms : 0;

	return age_ms < env->now_ms ? env->now_ms - age_ms : 1;
}

static int take_times(struct import *im)
{
	const Muga__State__Call *from = im->from;
	struct call *call = im->call;

	call->started_unix_ms = from->started_ms;
	call->started_ms = to_mono(im->env, from->started_ms);
	call->answered_ms = to_mono(im->env, from->started_ms + from->setup_ms);
	call->code = from->code;
	call->max_forwards = from->max_forwards;
	call->route_line = from->route_line;
	if (!take_name(&from->from_user, call->from_user, sizeof(call->from_user)) ||
		!take_name(&from->to_user, call->to_user, sizeof(call->to_user)) ||
		!take_name(&from->codec, call->codec, sizeof(call->codec)))
		return -EINVAL;
	return from->max_forwards <= 255 && from->code <= 699 ? 0 : -EINVAL;
}

static int take_call(struct import *im)
{
	const Muga__State__Call *from = im->from;
	int err;

	im->call->token = from->token;
	im->call->shard = from->shard;
	media_init(&im->call->media, &im->call->arena, 0, 0);
	if (from->emergency)
		emergency_mark(im->call);
	im->call->is_session_private = from->session_private;
	err = take_times(im);
	if (!err)
		err = take_leg(im, CALL_LEG_A, from->a);
	if (!err)
		err = take_leg(im, CALL_LEG_B, from->b);
	for (size_t i = 0; !err && i < from->n_stream; i++)
		err = take_stream(im, from->stream[i]);
	im->call->media.passed = (uint8_t)from->passed;
	recording_resume(im->call, im->env);
	return err ? err : take_invite(im);
}

static int import(struct import *im)
{
	const Muga__State__Call *from = im->from;

	if (from->version != RECORD_VERSION || !from->a || !from->b || from->token == 0 ||
		from->token > SIP_TOKEN_VALUE_MAX || from->token & 1 ||
		from->shard >= SIP_SHARDS || from->n_stream > MEDIA_STREAMS_MAX)
		return -EINVAL;
	im->call = call_new_empty(im->core, im->env);
	if (!im->call)
		return -ENOSPC;
	int err = take_call(im);
	if (err) {
		CORE_COUNT(im->core, records_refused);
		call_leave(im->call, im->env);
		return err;
	}
	CORE_COUNT(im->core, calls_moved_in);
	silence_resume(im->call, im->env, to_mono(im->env, from->heard_ms));
	limit_watch(im->call, im->env);
	secure_watch(im->call, im->env);
	for (uint32_t side = 0; side < CALL_LEGS; side++)
		session_resume(&im->call->legs[side], im->env->now_ms);
	return 0;
}

static int import_record(struct core *core, struct core_env *env, struct span record,
	struct import *out)
{
	struct arena arena;
	int err = -EINVAL;

	out->core = core;
	out->env = env;
	core->env = env;
	if (record.len > CALL_RECORD_MAX)
		return -EINVAL;
	arena_init(&arena, DECODE_MAX);
	ProtobufCAllocator allocator = { .alloc = decode_alloc, .free = decode_free,
		.allocator_data = &arena };
	out->from = muga__state__call__unpack(&allocator, record.len, (const uint8_t *)record.ptr);
	if (out->from)
		err = import(out);
	out->from = NULL;
	arena_fini(&arena);
	return err;
}

int core_import(struct core *core, struct core_env *env, struct span record, uint64_t *token)
{
	struct sip_turn turn = { .env = env, .now_ms = env->now_ms };
	struct import im = { .call = NULL };
	int err = import_record(core, env, record, &im);

	if (err == 0) {
		*token = im.call->token;
		if (im.has_foreign)
			transfer_refresh(im.call, &turn);
	}
	core_reap(core);
	return err;
}

void core_fetched(struct core *core, struct core_env *env, uint64_t ticket, struct span record)
{
	struct sip_turn turn = { .env = env, .now_ms = env->now_ms };
	struct call *joined = call_of_user(core, ticket);
	struct import im = { .is_current = true };

	core->env = env;
	if (!span_is_empty(record) && import_record(core, env, record, &im) < 0)
		im.call = NULL;
	if (joined && joined->transfer)
		refer_fetched(joined->transfer, &turn);
	// Nobody wants it any more, or its legs came back: it needs ports of its own here.
	if (im.call && im.has_foreign && !im.call->is_finished)
		transfer_refresh(im.call, &turn);
	core_reap(core);
}

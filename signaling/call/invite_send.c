// invite_send.c - our INVITE to the called side: to one target after the other, until one answers.
#include "call/invite_setup.h"

#include <stddef.h>

// Four transmissions unanswered: the next target is tried, if there is one.
#define HOST_SILENT_MS 4000u

static void on_ring_timeout(struct timer *timer, void *context)
{
	struct call *call = (struct call *)((char *)timer - offsetof(struct call, ring_timer));
	struct call_hangup hangup = { .cause = CALL_CAUSE_RING_TIMEOUT, .code = 408 };

	CORE_COUNT(call->core, ring_timeouts);
	// A re-INVITE that is never answered ends alone: 487 comes back, or 64*T1 of silence.
	if (call->answered_ms) {
		if (call->invite.client && !call->invite.is_final)
			sip_client_cancel(call->core->txs, context, call->invite.client, SPAN_NONE);
		return;
	}
	call_hangup(call, context, &hangup);
}

void invite_watch(struct call *call, const struct core_env *env)
{
	timer_start(call->core->wheel, &call->ring_timer,
		env->now_ms + env->config->limits.ring_timeout_ms, on_ring_timeout);
}

static void on_host_silent(struct timer *timer, void *context)
{
	struct call *call = (struct call *)((char *)timer - offsetof(struct call, host_timer));
	struct sip_tx *silent = call->invite.client;

	// Should it come to life after all, the CANCEL meets it, or its answer is shed.
	sip_client_cancel(call->core->txs, context, silent, SPAN_NONE);
	call_give_up(call, silent);
	if (invite_try_next(call, context))
		return;
	struct call_hangup hangup = { .cause = CALL_CAUSE_UNREACHABLE, .code = 503 };
	call_hangup(call, context, &hangup);
}

// What goes along, and who diverted the call so far. Valid until core->extra is used again.
static struct span invite_headers(struct call *call)
{
	struct hide_params hide = hide_params_of(call, call->core->env, CALL_LEG_A, NULL);
	struct sip_writer w;
	char buf[CALL_PARTY_MAX];
	struct sip_uri uri;
	struct span user = SPAN_NONE;

	if (!call->divert)
		return call->passed.text;
	sip_writer_init(&w, call->core->extra, sizeof(call->core->extra));
	sip_put(&w, call->passed.text);
	if (sip_uri_parse(call->legs[CALL_LEG_B].dialog.remote_target.text, &uri) == 0 &&
		sip_uri_user(&uri, buf, sizeof(buf), &user) < 0)
		user = SPAN_NONE;
	divert_put(&w, call->divert, &hide, user);
	return w.is_overflowed ? call->passed.text : sip_writer_text(&w);
}

bool invite_send(struct call *call, const struct sip_turn *turn)
{
	struct call_leg *leg = &call->legs[CALL_LEG_B];
	const struct core_env *env = core_env_of(turn);

	call->invite.client_cseq = sip_dialog_next_cseq(&leg->dialog);
	struct leg_request request = { .side = CALL_LEG_B, .method = SIP_METHOD_INVITE,
		.cseq = call->invite.client_cseq, .headers = invite_headers(call),
		.body = sip_body_sdp(call->invite.is_late ? SPAN_NONE : leg->sdp_sent.text) };

	request.body.parts = call->passed_parts.text;
	call->invite.client = leg_send(call, turn, &request);
	if (!call->invite.client)
		return false;
	if (target_has_next(call, env))
		timer_start(call->core->wheel, &call->host_timer, env->now_ms + HOST_SILENT_MS,
			on_host_silent);
	return true;
}

bool invite_send_again(struct call *call, const struct sip_turn *turn)
{
	// An early dialog would be taken for the one that the INVITE belongs to.
	return span_is_empty(call->legs[CALL_LEG_B].dialog.remote_tag.text) &&
		invite_send(call, turn);
}

// A target of the other family needs media addresses of its own; what the caller was told of ours
// stays. False: there are none.
static bool renew_offer(struct call *call, const struct core_env *env, const struct addr *before)
{
	const struct addr *now = &call->legs[CALL_LEG_B].hop.addr;

	if (call->invite.is_late ||
		(call->offer.is_open && ip_is_v4(&before->ip) == ip_is_v4(&now->ip)))
		return true;
	if (!call->offer.is_open)
		return offer_receive(call, env, CALL_LEG_A, call->offer_text.text) == OFFER_OK;
	return media_change_family(&call->media, env, CALL_LEG_B, !ip_is_v4(&now->ip)) == 0 &&
		offer_renew(call, env, CALL_LEG_A, call->offer_text.text) == OFFER_OK;
}

bool invite_try_targets(struct call *call, const struct sip_turn *turn)
{
	const struct core_env *env = core_env_of(turn);
	struct addr before = call->legs[CALL_LEG_B].hop.addr;

	for (;;) {
		enum target_result result = target_next(call, env);

		if (result == TARGET_NONE)
			return false;
		if (result == TARGET_WAITING) {
			call->state = CALL_STATE_RESOLVING;
			call->invite.client = NULL;
			return true;
		}
		call->state = CALL_STATE_CALLING;
		CORE_COUNT(call->core, failovers);
		if (renew_offer(call, env, &before) && invite_send(call, turn))
			return true;
		before = call->legs[CALL_LEG_B].hop.addr;
	}
}

bool invite_try_next(struct call *call, const struct sip_turn *turn)
{
	timer_stop(call->core->wheel, &call->host_timer);
	return call->state == CALL_STATE_CALLING && invite_try_targets(call, turn);
}

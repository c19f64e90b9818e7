// ua_run.c - what a user agent does as time passes: it repeats, answers, hangs up.
#include "sim.h"

#define T2_MS 4000u

static void client_run(struct sim *sim, struct ua *ua, struct ua_client *client, bool is_invite)
{
	if (!client->is_active)
		return;
	if (sim->now_ms >= client->deadline_ms && !(is_invite && client->is_provisional)) {
		client->is_active = false;
		ua->is_over |= is_invite && !ua->is_confirmed;
		if (!is_invite && sim_is_calm(sim) && !ua->is_excused)
			sim_fail(sim, "answer: %.*s of %s got none",
				(int)strcspn(client->data, " "), client->data, ua->call_id);
		return;
	}
	if (sim->now_ms < client->next_ms || (is_invite && client->is_provisional))
		return;
	ua_transmit(sim, ua, client->data, client->len);
	client->wait_ms *= 2;
	if (!is_invite && client->wait_ms > T2_MS)
		client->wait_ms = T2_MS;
	client->next_ms = sim->now_ms + client->wait_ms;
}

void ua_client_run(struct sim *sim, struct ua *ua, struct ua_client *client)
{
	client_run(sim, ua, client, false);
}

static void repeat_answer(struct sim *sim, struct ua *ua)
{
	if (!ua->repeat_ms || sim->now_ms < ua->repeat_ms)
		return;
	if (sim->now_ms >= ua->repeat_end_ms) {
		ua->repeat_ms = 0;
		if (ua->answer_status < 300 && !ua->is_over)
			ua_bye(sim, ua);
		return;
	}
	ua_transmit(sim, ua, ua->answer, ua->answer_len);
	ua->repeat_wait_ms = ua->repeat_wait_ms * 2 > T2_MS ? T2_MS : ua->repeat_wait_ms * 2;
	ua->repeat_ms = sim->now_ms + ua->repeat_wait_ms;
}

static void send_cancel(struct sim *sim, struct ua *ua)
{
	struct ua_request cancel = { .method = "CANCEL", .cseq = ua->invite.cseq,
		.branch = ua->invite.branch, .body = "" };

	ua->cancel_ms = 0;
	ua->is_cancelling = ua->invite.is_active && ua->invite.is_provisional;
	if (ua->is_cancelling)
		ua_client_send(sim, ua, &ua->other, &cancel);
}

static void send_reinvite(struct sim *sim, struct ua *ua)
{
	char body[SIM_TEXT_MAX] = "";

	ua->reinvite_ms = 0;
	if (ua->is_over || ua->is_serving || ua->invite.is_active || ua->repeat_ms ||
		flow_is_asking(ua))
		return;
	if (ua->script.hold < 3 || ua->is_resumed)
		ua_put_offer(sim, ua, !ua->is_resumed, body);
	struct ua_request invite = { .method = "INVITE", .cseq = ++ua->local_cseq, .body = body };
	ua_client_send(sim, ua, &ua->invite, &invite);
}

static void send_info(struct sim *sim, struct ua *ua)
{
	struct ua_request info = { .method = "INFO", .type = "application/dtmf-relay",
		.body = "Signal=5\r\nDuration=160\r\n" };

	ua->info_ms = 0;
	if (ua->is_over || ua->other.is_active)
		return;
	info.cseq = ++ua->local_cseq;
	ua_client_send(sim, ua, &ua->other, &info);
}

static bool is_due(const struct sim *sim, uint64_t at)
{
	return at && sim->now_ms >= at;
}

void ua_hangup(struct sim *sim, struct ua *ua)
{
	if (ua->is_confirmed && !ua->is_over && !ua->is_dead)
		ua_bye(sim, ua);
	ua->reinvite_ms = ua->refer_ms = ua->info_ms = 0;
	ua->exchange.end_ms = sim->now_ms;
	if (ua->role == UA_SUBSCRIBER)
		ua->exchange.next_ms = 0;
}

void ua_run(struct sim *sim, struct ua *ua)
{
	if (ua->is_dead)
		return;
	client_run(sim, ua, &ua->invite, true);
	client_run(sim, ua, &ua->other, false);
	flow_run(sim, ua);
	ua_session_run(sim, ua);
	ua_exchange_run(sim, ua);
	ua_transfer_run(sim, ua);
	// A 2xx does not overtake what it told reliably.
	if (ua->is_serving && ua->flow.is_waiting && ua->flow.has_body &&
		is_due(sim, ua->answer_due_ms))
		ua->answer_due_ms = sim->now_ms + 100;
	repeat_answer(sim, ua);
	if (ua->is_serving && is_due(sim, ua->answer_due_ms)) {
		bool is_fork = ua->script.is_forked && !ua->is_reinvite && ua->script.status == 200;

		ua_answer(sim, ua, ua->is_reinvite ? 200 : ua->script.status);
		if (is_fork)
			fork_answer(sim, ua);
	}
	if (is_due(sim, ua->cancel_ms))
		send_cancel(sim, ua);
	if (is_due(sim, ua->reinvite_ms))
		send_reinvite(sim, ua);
	if (is_due(sim, ua->refer_ms))
		ua_refer(sim, ua);
	if (is_due(sim, ua->info_ms))
		send_info(sim, ua);
	if (is_due(sim, ua->hangup_ms) && !ua->is_over)
		ua_bye(sim, ua);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return b && b < a ? b : a;
}

uint64_t ua_next_ms(const struct ua *ua)
{
	uint64_t next = UINT64_MAX;

	if (ua->is_dead)
		return next;
	if (ua->invite.is_active && !ua->invite.is_provisional)
		next = earlier(next, ua->invite.next_ms);
	if (ua->other.is_active)
		next = earlier(next, ua->other.next_ms);
	next = earlier(next, flow_next_ms(ua));
	next = earlier(next, ua->repeat_ms);
	next = earlier(next, ua->is_serving ? ua->answer_due_ms : 0);
	next = earlier(next, ua->cancel_ms);
	next = earlier(next, ua->reinvite_ms);
	next = earlier(next, ua->refer_ms);
	next = earlier(next, ua->info_ms);
	next = earlier(next, ua->is_over || !ua->connected_ms ? 0 : ua->session.refresh_ms);
	next = earlier(next, ua->exchange.next_ms);
	return earlier(next, ua->is_over ? 0 : ua->hangup_ms);
}

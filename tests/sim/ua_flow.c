// ua_flow.c - reliable provisional answers, UPDATE and session timers of a user agent, and what
// must hold of the border's.
#include "sim.h"

#include "base/check.h"

#define T1_MS      500u
#define GIVE_UP_MS (64u * T1_MS)
#define PRACK_MS   12000u // what nothing delays for longer

// What it says of itself, in each INVITE, UPDATE and answer.
uint32_t flow_put_self(const struct ua *ua, char *buf, uint32_t cap)
{
	static const char *const options[] = { "", ", 100rel", ", 100rel" };

	return (uint32_t)snprintf(buf, cap,
		"Allow: INVITE, ACK, BYE, CANCEL%s%s\r\nSupported: x%s%s\r\n",
		ua->script.reliable ? ", PRACK" : "", ua->script.has_update ? ", UPDATE" : "",
		options[ua->script.reliable], ua->script.session ? ", timer" : "");
}

uint32_t flow_put_invite(const struct ua *ua, char *buf, uint32_t cap)
{
	char session[64];
	uint32_t len = flow_put_self(ua, buf, cap);

	if (ua->script.reliable == 2 && !ua->is_confirmed)
		len += (uint32_t)snprintf(buf + len, cap - len, "Require: 100rel\r\n");
	ua_session_put_request(ua, session, sizeof(session));
	len += (uint32_t)snprintf(buf + len, cap - len, "%s", session);
	return len;
}

// Caller ------------------------------------------------------------------------------------------

static bool read_rseq(const struct sip_msg *msg, uint32_t *out)
{
	const struct sip_header *header = sip_msg_header(msg, SIP_HEADER_RSEQ);

	return header && sip_msg_lists(msg, SIP_HEADER_REQUIRE, SPAN_LIT("100rel")) &&
		span_parse_u32(header->value, UINT32_MAX, out) == 0;
}

static void send_prack(struct sim *sim, struct ua *ua, struct ua_early *early,
	const struct sip_msg *msg)
{
	char body[SIM_TEXT_MAX] = "";
	char rack[64];
	bool is_late = !strstr(ua->invite.data, "v=0");

	span_copy(msg->to.tag, ua->remote_tag, sizeof(ua->remote_tag));
	span_copy(msg->contact.uri.text, ua->target, sizeof(ua->target));
	if (is_late && !early->is_told && !span_is_empty(ua_description(msg)) &&
		!ua_put_sdp_answer(sim, ua, ua_description(msg), body))
		sim_fail(sim, "%s: offer in a reliable answer does not parse", ua->call_id);
	if (is_late && !early->is_told && span_is_empty(ua_description(msg)))
		sim_fail(sim, "reliable: the first answer to %s brings no offer", ua->call_id);
	early->is_told |= !span_is_empty(ua_description(msg));
	early->rseq_acked = early->rseq;
	cover(sim, COVER_PRACK_SENT);
	if (body[0])
		cover(sim, COVER_LATE_OFFER_PRACK);
	snprintf(rack, sizeof(rack), "RAck: %u %u INVITE\r\n", early->rseq, ua->invite.cseq);
	struct ua_request prack = { .method = "PRACK", .cseq = ++ua->local_cseq, .body = body,
		.headers = rack };
	ua_client_send(sim, ua, &early->prack, &prack);
	sim->pracks++;
}

// The dialog of that answer; further ones only for whom they are shown to.
static struct ua_early *early_of(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	struct ua_flow *flow = &ua->flow;

	for (uint32_t i = 0; i < flow->early_count; i++)
		if (span_eq(msg->to.tag, span_str(flow->early[i].tag)))
			return &flow->early[i];
	if (flow->early_count && sim->profiles[ua->side].flow.forks == PROFILE_FORKS_ONE)
		sim_fail(sim, "fork: %s is shown another early dialog", ua->call_id);
	if (flow->early_count == UA_EARLY_MAX) {
		sim_fail(sim, "fork: %s is shown more than there are", ua->call_id);
		return &flow->early[0];
	}
	struct ua_early *early = &flow->early[flow->early_count++];
	*early = (struct ua_early){ 0 };
	span_copy(msg->to.tag, early->tag, sizeof(early->tag));
	if (flow->early_count == 2)
		cover(sim, COVER_FORK_SHOWN);
	return early;
}

void flow_hear_provisional(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	uint32_t rseq;

	if (msg->status == 100 || ua->is_confirmed || ua->is_excused || !ua->invite.is_active)
		return;
	if (!span_is_empty(ua_description(msg)))
		cover(sim, COVER_EARLY_MEDIA);
	struct ua_early *early = early_of(sim, ua, msg);
	if (!read_rseq(msg, &rseq)) {
		if (ua->script.reliable == 2)
			sim_fail(sim, "reliable: %u to %s, who requires it, is not", msg->status,
				ua->call_id);
		return;
	}
	if (ua->script.reliable == 2)
		cover(sim, COVER_RELIABLE_REQUIRED);
	if (!ua->script.reliable)
		sim_fail(sim, "reliable: %u to %s, who knows nothing of it", msg->status,
			ua->call_id);
	if (early->rseq && rseq <= early->rseq)
		return; // again
	if (early->rseq && (rseq != early->rseq + 1 || early->rseq_acked != early->rseq))
		sim_fail(sim, "reliable: RSeq %u to %s after %u, acknowledged %u", rseq,
			ua->call_id, early->rseq, early->rseq_acked);
	early->rseq = rseq;
	early->has_body = !span_is_empty(ua_description(msg));
	sim->is_rough |= ua->script.is_prackless;
	if (ua->script.is_prackless)
		cover(sim, COVER_PRACK_MISSING);
	else
		send_prack(sim, ua, early, msg);
}

void flow_hear_final(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	struct ua_flow *flow = &ua->flow;

	if (msg->status >= 300 || ua->is_confirmed)
		return;
	for (uint32_t i = 0; i < flow->early_count; i++) {
		const struct ua_early *early = &flow->early[i];

		if (!span_eq(msg->to.tag, span_str(early->tag)))
			continue;
		flow->is_told = early->is_told;
		if (!ua->is_excused && early->has_body && early->rseq_acked != early->rseq)
			sim_fail(sim, "reliable: %u to %s before its PRACK", msg->status,
				ua->call_id);
	}
}

// Called side -------------------------------------------------------------------------------------

// In place of an ordinary 180 or 183. False: the caller, or this one, cannot.
bool flow_provisional(struct sim *sim, struct ua *ua, const struct sip_msg *invite)
{
	struct ua_flow *flow = &ua->flow;
	bool is_late = !ua->offer[0];
	char body[SIM_TEXT_MAX] = "";

	if (!ua->script.reliable ||
		!(sip_msg_lists(invite, SIP_HEADER_SUPPORTED, SPAN_LIT("100rel")) ||
			sip_msg_lists(invite, SIP_HEADER_REQUIRE, SPAN_LIT("100rel"))))
		return false;
	if (is_late)
		ua_put_offer(sim, ua, false, body);
	else if (ua->script.has_early_media)
		ua_put_sdp_answer(sim, ua, span_str(ua->offer), body);
	flow->is_told = flow->has_body = body[0] != 0;
	flow->sent_rseq = sim_between(sim, 1, 100000);
	snprintf(ua->extra, sizeof(ua->extra), "Require: 100rel\r\nRSeq: %u\r\n", flow->sent_rseq);
	flow->sent_len = ua_put_answer(sim, ua, body[0] ? 183 : 180, body, flow->sent);
	ua->extra[0] = 0;
	flow->is_waiting = true;
	flow->repeat_wait_ms = T1_MS;
	flow->repeat_ms = sim->now_ms + T1_MS;
	flow->give_up_ms = sim->now_ms + GIVE_UP_MS;
	ua_transmit(sim, ua, flow->sent, flow->sent_len);
	return true;
}

static void receive_prack(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	const struct sip_header *rack = sip_msg_header(msg, SIP_HEADER_RACK);
	struct ua_flow *flow = &ua->flow;
	char expected[64];

	snprintf(expected, sizeof(expected), "%u %u INVITE", flow->sent_rseq, ua->server_cseq);
	if (!flow->sent_rseq || !rack || !span_eq(rack->value, span_str(expected))) {
		// A redirected INVITE may have come here again, and has begun another dialog.
		snprintf(expected, sizeof(expected), " %u INVITE", ua->server_cseq);
		bool is_current = rack && memmem(rack->value.ptr, rack->value.len, expected,
			strlen(expected));
		if (is_current && !ua->is_confirmed && !ua->is_excused)
			sim_fail(sim, "reliable: PRACK of %s for what was never said", ua->call_id);
		ua_reply(sim, ua, msg, 481, "");
		return;
	}
	if (flow->is_waiting && !ua->offer[0] && span_is_empty(ua_description(msg)))
		sim_fail(sim, "reliable: PRACK of %s does not answer the offer", ua->call_id);
	if (flow->is_waiting && !ua->offer[0])
		ua_check_answer(sim, ua, ua_description(msg));
	cover(sim, COVER_PRACK_RECEIVED);
	flow->is_waiting = false;
	flow->repeat_ms = 0;
	ua_reply(sim, ua, msg, 200, "");
}

static void repeat_provisional(struct sim *sim, struct ua *ua)
{
	struct ua_flow *flow = &ua->flow;

	if (!flow->repeat_ms || sim->now_ms < flow->repeat_ms)
		return;
	// Of two offers of two branches only one can be put before the caller, who made none. And
	// when one has answered, nobody hears the others any more (RFC 6026 7.2).
	bool is_rival = fork_has_other(sim, ua, !flow->has_body || ua->offer[0]);
	if (ua->is_serving && sim_is_calm(sim) && !ua->is_excused && !is_rival &&
		sim->now_ms > flow->give_up_ms - GIVE_UP_MS + PRACK_MS)
		sim_fail(sim, "reliable: no PRACK for %s", ua->call_id);
	if (!ua->is_serving || sim->now_ms >= flow->give_up_ms) {
		flow->repeat_ms = 0;
		flow->is_waiting = false;
		if (ua->is_serving)
			ua_answer(sim, ua, 504);
		return;
	}
	ua_transmit(sim, ua, flow->sent, flow->sent_len);
	flow->repeat_wait_ms *= 2;
	flow->repeat_ms = sim->now_ms + flow->repeat_wait_ms;
}

// Either ------------------------------------------------------------------------------------------

static void receive_update(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	char body[SIM_TEXT_MAX] = "";
	ua_session_hear_request(sim, ua, msg);
	cover(sim, COVER_UPDATE_RECEIVED);
	bool is_busy = ua->is_serving || ua->invite.is_active || ua->repeat_ms ||
		(ua->flow.client.is_active && ua->flow.is_offering);

	if (!ua->script.has_update && !ua->is_excused) {
		sim_fail(sim, "update: to %s, who does not allow it", ua->call_id);
	} else if (span_is_empty(ua_description(msg))) {
		ua_reply(sim, ua, msg, 200, "");
	} else if (is_busy) {
		ua_reply(sim, ua, msg, 491, "");
	} else {
		ua->has_reinvited = true;
		if (!ua_put_sdp_answer(sim, ua, ua_description(msg), body))
			sim_fail(sim, "update: offer to %s does not parse", ua->call_id);
		ua_reply(sim, ua, msg, 200, body);
	}
}

bool flow_receive(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	if (msg->method == SIP_METHOD_PRACK)
		receive_prack(sim, ua, msg);
	else if (msg->method == SIP_METHOD_UPDATE)
		receive_update(sim, ua, msg);
	return msg->method == SIP_METHOD_PRACK || msg->method == SIP_METHOD_UPDATE;
}

static void send_update(struct sim *sim, struct ua *ua)
{
	char body[SIM_TEXT_MAX] = "";
	struct ua_flow *flow = &ua->flow;

	ua->update_ms = 0;
	if (ua->is_over || ua->is_serving || ua->invite.is_active || ua->repeat_ms ||
		flow->client.is_active)
		return;
	flow->is_offering = sim_chance(sim, 600);
	if (flow->is_offering)
		ua_put_offer(sim, ua, true, body);
	struct ua_request update = { .method = "UPDATE", .cseq = ++ua->local_cseq, .body = body };
	ua_client_send(sim, ua, &flow->client, &update);
	sim->updates++;
}

static void hear_updated(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	bool is_offering = ua->flow.is_offering;

	if (is_offering && span_is_empty(ua_description(msg)) && !ua->is_excused)
		sim_fail(sim, "update: an offer of %s has no answer", ua->call_id);
	if (is_offering && !ua->is_excused)
		ua_check_answer(sim, ua, ua_description(msg));
	cover(sim, is_offering ? COVER_UPDATE_OFFER : COVER_UPDATE_EMPTY);
	ua_session_hear_answer(sim, ua, msg);
}

// PRACK is answered in the dialog that it was sent in, as long as that lives: not behind the final
// answer, which may be overtaken by the 481.
static void hear_acknowledged(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	for (uint32_t i = 0; i < ua->flow.early_count; i++) {
		struct ua_early *early = &ua->flow.early[i];

		if (!early->prack.is_active || msg->cseq.number != early->prack.cseq ||
			!span_eq(msg->to.tag, span_str(early->tag)))
			continue;
		early->prack.is_active = false;
		if (msg->status == 481 && ua->invite.is_active && !ua->is_cancelling &&
			!ua->is_excused && sim_is_calm(sim) &&
			!ledger_is_answered(sim, msg, ua->invite.branch, ua->invite.cseq))
			sim_fail(sim, "fork: 481 to a PRACK of %s, which rings", ua->call_id);
	}
}

bool flow_is_asking(const struct ua *ua)
{
	bool is_asking = ua->flow.client.is_active;

	for (uint32_t i = 0; i < ua->flow.early_count; i++)
		is_asking |= ua->flow.early[i].prack.is_active;
	return is_asking;
}

void flow_response(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	struct ua_flow *flow = &ua->flow;

	if (msg->cseq.method == SIP_METHOD_PRACK && msg->status >= 200)
		hear_acknowledged(sim, ua, msg);

	if (!flow->client.is_active || msg->cseq.number != flow->client.cseq || msg->status < 200)
		return;
	flow->client.is_active = false;
	if (msg->status == 491)
		cover(sim, COVER_GLARE);
	if (msg->status < 300)
		hear_updated(sim, ua, msg);
	flow->is_offering = ua->session.is_refreshing = false;
}

void flow_run(struct sim *sim, struct ua *ua)
{
	ua_client_run(sim, ua, &ua->flow.client);
	for (uint32_t i = 0; i < ua->flow.early_count; i++)
		ua_client_run(sim, ua, &ua->flow.early[i].prack);
	repeat_provisional(sim, ua);
	if (ua->update_ms && sim->now_ms >= ua->update_ms)
		send_update(sim, ua);
}

uint64_t flow_next_ms(const struct ua *ua)
{
	uint64_t times[] = { ua->flow.client.is_active ? ua->flow.client.next_ms : 0,
		ua->flow.repeat_ms, ua->update_ms };
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (times[i] && times[i] < next)
			next = times[i];
	for (uint32_t i = 0; i < ua->flow.early_count; i++) {
		const struct ua_client *prack = &ua->flow.early[i].prack;

		if (prack->is_active && prack->next_ms < next)
			next = prack->next_ms;
	}
	return next;
}

// ua.c - a user agent of one call: its own little transactions, and a script of what it does.
#include "sim.h"

#include "base/check.h"

#define T1_MS 500u
#define TIMEOUT_MS (64u * T1_MS)

struct ua *ua_new(struct sim *sim, enum sim_side side, const struct addr *addr)
{
	CHECK(sim->ua_count < SIM_UAS_MAX);
	struct ua *ua = &sim->uas[sim->ua_count];

	*ua = (struct ua){ .is_used = true, .side = side, .number = sim->ua_count, .addr = *addr,
		.script = ua_script(sim) };
	sim->ua_count++;
	snprintf(ua->local_tag, sizeof(ua->local_tag), "%st%llx", sim_secret[side],
		(unsigned long long)rng_u64(&sim->rng));
	ua->local_cseq = sim_between(sim, 1, 1000);
	if (ua->script.has_uuid)
		snprintf(ua->uuid, sizeof(ua->uuid), "%016llx%016llx",
			(unsigned long long)rng_u64(&sim->rng),
			(unsigned long long)rng_u64(&sim->rng));
	return ua;
}

void ua_client_send(struct sim *sim, struct ua *ua, struct ua_client *client,
	const struct ua_request *request)
{
	struct ua_request with_branch = *request;

	*client = (struct ua_client){ .is_active = true, .cseq = request->cseq,
		.next_ms = sim->now_ms + (ua->is_stream ? TIMEOUT_MS : T1_MS), .wait_ms = T1_MS,
		.deadline_ms = sim->now_ms + TIMEOUT_MS };
	snprintf(client->branch, sizeof(client->branch), "z9hG4bK%s%llx", sim_secret[ua->side],
		(unsigned long long)rng_u64(&sim->rng));
	if (request->branch)
		snprintf(client->branch, sizeof(client->branch), "%s", request->branch);
	with_branch.branch = client->branch;
	client->len = ua_put_request(sim, ua, &with_branch, client->data);
	ua_transmit(sim, ua, client->data, client->len);
}

void ua_request_send(struct sim *sim, struct ua *ua, const struct ua_request *request)
{
	ua_client_send(sim, ua, &ua->other, request);
}

void ua_name(struct ua *ua, const char *number)
{
	char host[ADDR_TEXT_MAX];
	struct addr muga = ua_muga(ua);
	bool is_urn = strncmp(number, "urn:", 4) == 0;

	addr_format(&muga, host);
	snprintf(ua->call_id, sizeof(ua->call_id), "c%u-%s@%s.example", ua->number,
		sim_secret[ua->side], sim_secret[ua->side]);
	snprintf(ua->local_uri, sizeof(ua->local_uri), "sip:%u@%s.example", 1000 + ua->number,
		sim_secret[ua->side]);
	snprintf(ua->remote_uri, sizeof(ua->remote_uri), is_urn ? "%s" : "sip:%s@%s", number,
		host);
	memcpy(ua->target, ua->remote_uri, sizeof(ua->target));
}

void ua_call(struct sim *sim, struct ua *ua, const char *number)
{
	ua->role = UA_CALLER;
	ua_name(ua, number);
	ua_invite(sim, ua);
}

void ua_invite(struct sim *sim, struct ua *ua)
{
	char body[SIM_TEXT_MAX] = "", replaces[512] = "";

	if (!ua->script.is_late)
		ua_put_offer(sim, ua, false, body);
	struct ua_request invite = { .method = "INVITE", .cseq = ++ua->local_cseq, .body = body,
		.headers = replaces };
	if (sim_chance(sim, 100))
		ua_put_replaces(sim, ua, false, replaces);
	ua->transfer.has_replaced = replaces[0] != 0;
	ua_client_send(sim, ua, &ua->invite, &invite);
	if (ua->script.cancel_ms)
		ua->cancel_ms = sim->now_ms + ua->script.cancel_ms;
}

void ua_bye(struct sim *sim, struct ua *ua)
{
	struct ua_request bye = { .method = "BYE", .cseq = ++ua->local_cseq, .body = "" };

	ua->is_over = ua->has_hung_up = true;
	ua->hangup_ms = ua->reinvite_ms = ua->refer_ms = ua->update_ms = ua->info_ms = 0;
	ua_client_send(sim, ua, &ua->other, &bye);
}

static void connected(struct sim *sim, struct ua *ua)
{
	if (ua->connected_ms || ua->is_over)
		return;
	ua->connected_ms = sim->now_ms;
	if (ua->script.talk_ms)
		ua->hangup_ms = sim->now_ms + ua->script.talk_ms;
	if (ua->script.reinvite_ms)
		ua->reinvite_ms = sim->now_ms + ua->script.reinvite_ms;
	if (ua->script.refer_ms)
		ua->refer_ms = sim->now_ms + ua->script.refer_ms;
	if (ua->script.update_ms)
		ua->update_ms = sim->now_ms + ua->script.update_ms;
	if (ua->script.info_ms)
		ua->info_ms = sim->now_ms + ua->script.info_ms;
}

// Responses ---------------------------------------------------------------------------------------

// One final response per INVITE transaction, of a worker that lives: whoever comes after it knows
// nothing of those that were over, and hears a copy that was still on its way as a new request.
static void note_final(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	uint32_t at = msg->cseq.number % 16;

	if (ua->final_cseq[at] == msg->cseq.number && ua->finals[at] != msg->status &&
		!ua->is_excused && !ua->invite.is_excused && !ledger_is_excused(sim, msg))
		sim_fail(sim, "%s: INVITE %u got %u after %u", ua->call_id, msg->cseq.number,
			msg->status, ua->finals[at]);
	ua->final_cseq[at] = msg->cseq.number;
	ua->finals[at] = msg->status;
}

static void take_contact(struct ua *ua, const struct sip_msg *msg)
{
	if (msg->contact_count)
		span_copy(msg->contact.uri.text, ua->target, sizeof(ua->target));
}

static void send_ack(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	char body[SIM_TEXT_MAX] = "";
	bool is_offered = ua->invite.len && !strstr(ua->invite.data, "v=0") &&
		!(ua->flow.is_told && span_is_empty(ua_description(msg)));

	if (ua->script.is_ackless && msg->status < 300)
		return;
	if (msg->status >= 300) {
		char ack[SIM_TEXT_MAX];
		char tag[sizeof(ua->remote_tag)];
		struct ua_request request = { .method = "ACK", .cseq = msg->cseq.number,
			.branch = ua->invite.branch, .body = "" };

		memcpy(tag, ua->remote_tag, sizeof(tag));
		span_copy(msg->to.tag, ua->remote_tag, sizeof(ua->remote_tag));
		ua_transmit(sim, ua, ack, ua_put_request(sim, ua, &request, ack));
		memcpy(ua->remote_tag, tag, sizeof(tag));
		return;
	}
	if (ua->ack_cseq != msg->cseq.number) {
		if (is_offered && !ua_put_sdp_answer(sim, ua, ua_description(msg), body))
			sim_fail(sim, "%s: late offer does not parse", ua->call_id);
		if (!is_offered)
			ua_check_answer(sim, ua, ua_description(msg));
		if (is_offered && !ua->is_resumed)
			cover(sim, ua->connected_ms ? COVER_REINVITE_EMPTY : COVER_LATE_OFFER);
		struct ua_request request = { .method = "ACK", .cseq = msg->cseq.number,
			.body = body };
		ua->ack_len = ua_put_request(sim, ua, &request, ua->ack);
		ua->ack_cseq = msg->cseq.number;
	}
	ua_transmit(sim, ua, ua->ack, ua->ack_len);
}

// What the final answer to an INVITE of ours shows of the seed.
static void cover_final(struct sim *sim, const struct ua *ua, uint16_t status)
{
	static const enum cover holds[] = { COVER_HOLD_SENDONLY, COVER_HOLD_INACTIVE,
		COVER_HOLD_ZERO };
	bool is_first = !ua->connected_ms;

	if (status == 491)
		cover(sim, COVER_GLARE);
	if (is_first && status == 487 && ua->is_cancelling)
		cover(sim, COVER_CANCELLED);
	if (is_first && status < 300 && ua->is_cancelling)
		cover(sim, COVER_CANCEL_CROSSED);
	if (is_first && status == 302)
		cover(sim, COVER_REDIRECT_HEARD);
	if (is_first && status < 300 && (strncmp(ua->remote_uri, "urn:", 4) == 0 ||
		strncmp(ua->remote_uri, "sip:112@", 8) == 0))
		cover(sim, COVER_EMERGENCY);
	if (is_first && status < 300 && ua->transfer.has_replaced)
		cover(sim, COVER_REPLACES);
	if (is_first && ua->transfer.has_replaced && ua->transfer.is_ringing)
		cover(sim, COVER_REPLACES_RINGING);
	if (!is_first && status < 300 && ua->is_resumed)
		cover(sim, COVER_RESUMED);
	else if (!is_first && status < 300 && ua->script.hold < 3)
		cover(sim, holds[ua->script.hold]);
}

static void receive_invite_final(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	bool is_first = ua->invite.is_active;

	note_final(sim, ua, msg);
	if (is_first)
		flow_hear_final(sim, ua, msg);
	ua->invite.is_active = false;
	ua->invite.final = msg->status;
	if (msg->status < 300 && is_first) {
		span_copy(msg->to.tag, ua->remote_tag, sizeof(ua->remote_tag));
		take_contact(ua, msg);
		ua->is_confirmed = true;
	}
	send_ack(sim, ua, msg);
	if (!is_first)
		return;
	cover_final(sim, ua, msg->status);
	ua->cancel_ms = 0;
	if (ua_session_retry(sim, ua, msg))
		return;
	if (msg->status < 300)
		ua_session_hear_answer(sim, ua, msg);
	if (msg->status < 300 && ua->connected_ms && ua->script.is_resuming && !ua->is_resumed) {
		ua->is_resumed = true;
		ua->reinvite_ms = sim->now_ms + sim_between(sim, 1, 4000);
	}
	if (msg->status >= 300 && !ua->is_confirmed)
		ua->is_over = true;
	else if (msg->status < 300 && ua->script.is_ackless)
		ua->is_over = true;
	else if (msg->status < 300)
		connected(sim, ua);
}

static void receive_response(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	if (msg->cseq.method == SIP_METHOD_INVITE) {
		if (msg->cseq.number != ua->invite.cseq)
			return;
		if (msg->status >= 200)
			receive_invite_final(sim, ua, msg);
		else
			ua->invite.is_provisional = true;
		if (msg->status < 200)
			flow_hear_provisional(sim, ua, msg);
		return;
	}
	ua_exchange_response(sim, ua, msg);
	flow_response(sim, ua, msg);
	// Whoever is let go is told, at the latest by a BYE that crosses this one.
	if (msg->cseq.method == SIP_METHOD_BYE && msg->status == 481 && sim_is_calm(sim) &&
		ua->connected_ms && !ua->is_excused &&
		!ledger_has_ended(sim, span_str(ua->call_id), span_str(ua->local_tag)))
		sim_fail(sim, "dialog: %s is over and was never told", ua->call_id);
	if (msg->cseq.number == ua->other.cseq && msg->status >= 200)
		ua->other.is_active = false;
	ua_transfer_response(sim, ua, msg);
	if (msg->cseq.method == SIP_METHOD_INFO && msg->status < 300)
		cover(sim, COVER_INFO);
	if (msg->cseq.method == SIP_METHOD_REFER && msg->status == 202 && ua->script.is_hasty &&
		!ua->is_over)
		ua_bye(sim, ua);
}

// Requests ----------------------------------------------------------------------------------------

// Via, From, To with tag, Call-ID and CSeq lines that answers to this request copy.
static void keep_head(struct ua *ua, const struct sip_msg *msg, char *out)
{
	static const enum sip_header_id copied[] = { SIP_HEADER_VIA, SIP_HEADER_FROM,
		SIP_HEADER_CALL_ID, SIP_HEADER_CSEQ };
	struct sip_writer w;

	sip_writer_init(&w, out, SIM_TEXT_MAX - 1);
	for (uint32_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++)
		sip_put_headers_of(&w, msg, copied[i]);
	sip_put_lit(&w, "To: ");
	sip_put(&w, msg->to.text);
	if (span_is_empty(msg->to.tag)) {
		sip_put_lit(&w, ";tag=");
		sip_put(&w, span_str(ua->local_tag));
	}
	sip_put_lit(&w, "\r\n");
	CHECK(!w.is_overflowed);
	out[w.len] = 0;
}

void ua_reply(struct sim *sim, struct ua *ua, const struct sip_msg *msg, uint16_t status,
	const char *body)
{
	char kept[SIM_TEXT_MAX], data[SIM_TEXT_MAX];

	memcpy(kept, ua->server_via, sizeof(kept));
	keep_head(ua, msg, ua->server_via);
	ua_transmit(sim, ua, data, ua_put_answer(sim, ua, status, body, data));
	memcpy(ua->server_via, kept, sizeof(kept));
}

void ua_answer(struct sim *sim, struct ua *ua, uint16_t status)
{
	char body[SIM_TEXT_MAX] = "";

	if (status >= 300 && !ua->is_reinvite && fork_silences(sim, ua)) {
		ua->is_serving = false;
		ua->is_over = true;
		return;
	}
	if (status >= 200 && status < 300 && ua->flow.is_told && !ua->is_reinvite)
		body[0] = 0;
	else if (status < 300 && status > 180 && ua->offer[0])
		ua_put_sdp_answer(sim, ua, span_str(ua->offer), body);
	else if (status >= 200 && status < 300)
		ua_put_offer(sim, ua, false, body);
	ua->answer_len = ua_put_answer(sim, ua, status, body, ua->answer);
	ua->answer_status = status;
	ua_transmit(sim, ua, ua->answer, ua->answer_len);
	if (status < 200)
		return;
	fork_cover(sim, ua, status);
	if (status == 302)
		cover(sim, COVER_REDIRECT_SENT);
	ua->is_serving = false;
	ua->answer_due_ms = 0;
	ua->repeat_wait_ms = T1_MS;
	ua->repeat_ms = ua->is_stream && status >= 300 ? 0 : sim->now_ms + T1_MS;
	ua->repeat_end_ms = sim->now_ms + TIMEOUT_MS;
	ua->is_acked = false;
	ua->is_offering = status < 300 && !ua->offer[0] && body[0];
	if (status < 300)
		ua->is_confirmed = true;
	else if (!ua->is_reinvite)
		ua->is_over = true;
}

static void receive_invite(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	char branch[sizeof(ua->server_branch)];

	span_copy(msg->via.branch, branch, sizeof(branch));
	if (strcmp(branch, ua->server_branch) == 0) {
		if (ua->answer_len && !ua->is_acked)
			ua_transmit(sim, ua, ua->answer, ua->answer_len);
		return;
	}
	// Once refused, its repetitions are refused too, whatever has changed meanwhile.
	if (strcmp(branch, ua->refused_branch) == 0 || ua->is_serving || ua->invite.is_active ||
		ua->repeat_ms || (ua->flow.client.is_active && ua->flow.is_offering)) {
		memcpy(ua->refused_branch, branch, sizeof(branch));
		ua_reply(sim, ua, msg, 491, "");
		return;
	}
	if (!ua->is_confirmed && ua_session_refuses(ua, msg)) {
		char line[32];

		snprintf(line, sizeof(line), "Min-SE: %u\r\n", ua->script.least_s);
		memcpy(ua->extra, line, sizeof(line));
		ua_reply(sim, ua, msg, 422, "");
		ua->extra[0] = 0;
		return;
	}
	ua_session_hear_request(sim, ua, msg);
	memcpy(ua->server_branch, branch, sizeof(branch));
	ua->is_reinvite = ua->is_confirmed;
	span_copy(ua_description(msg), ua->offer, sizeof(ua->offer));
	keep_head(ua, msg, ua->server_via);
	ua->server_cseq = msg->cseq.number;
	ua->is_serving = true;
	ua->is_acked = false;
	ua->answer_len = 0;
	take_contact(ua, msg);
	ua->has_reinvited |= ua->is_reinvite;
	if (ua->is_reinvite) {
		cover(sim, COVER_REINVITE_RECEIVED);
		if (ua->script.is_slow)
			ua_answer(sim, ua, 180);
		ua->answer_due_ms = sim->now_ms + 1 + rng_below(&sim->rng, 500);
		return;
	}
	span_copy(msg->from.tag, ua->remote_tag, sizeof(ua->remote_tag));
	span_copy(msg->from.uri.text, ua->remote_uri, sizeof(ua->remote_uri));
	span_copy(msg->to.uri.text, ua->local_uri, sizeof(ua->local_uri));
	bool is_able = ua->script.reliable ||
		!sip_msg_lists(msg, SIP_HEADER_REQUIRE, SPAN_LIT("100rel"));
	if (!is_able) {
		ua_answer(sim, ua, 420);
		return;
	}
	if (sim_chance(sim, 800) && !flow_provisional(sim, ua, msg))
		ua_answer(sim, ua, ua->script.has_early_media && ua->offer[0] ? 183 : 180);
	if (ua->script.is_forked && ua->script.is_forked_early && sim->ua_count < SIM_UAS_MAX / 2)
		fork_ring(sim, ua, msg);
	ua->answer_due_ms = sim->now_ms + ua->script.ring_ms;
}

static void receive_ack(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	if (msg->cseq.number != ua->server_cseq)
		return;
	if (ua->is_offering && !ua->is_acked && !ua->is_excused)
		ua_check_answer(sim, ua, ua_description(msg));
	ua->repeat_ms = 0;
	ua->is_acked = true;
	// Without an answer there is no session, unless that dialog is ended at once.
	bool is_owed = ua->is_offering && !ua->is_over && !ua->is_excused;
	if (is_owed && span_is_empty(ua_description(msg)) &&
		!ledger_has_ended(sim, span_str(ua->call_id), span_str(ua->local_tag)))
		sim_fail(sim, "answer: the ACK of %s has none", ua->call_id);
	if (ua->answer_status < 300)
		connected(sim, ua);
}

static void receive_bye(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	ua_reply(sim, ua, msg, 200, "");
	ua_session_end(sim, ua);
	if (ua->script.is_ackless && !ua->connected_ms && ua->invite.final)
		cover(sim, COVER_ACK_MISSING);
	ua->is_over = true;
	ua->hangup_ms = ua->reinvite_ms = ua->repeat_ms = ua->refer_ms = ua->update_ms = 0;
	ua->info_ms = 0;
	if (ua->is_serving)
		ua_answer(sim, ua, 487);
}

static void receive_cancel(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	ua_reply(sim, ua, msg, 200, "");
	if (ua->is_reinvite && !ua->is_serving)
		return;
	fork_cancel(sim, ua);
	if (ua->is_serving)
		ua_answer(sim, ua, 487);
}

static void receive_request(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	switch (msg->method) {
	case SIP_METHOD_INVITE:
		receive_invite(sim, ua, msg);
		break;
	case SIP_METHOD_ACK:
		receive_ack(sim, ua, msg);
		break;
	case SIP_METHOD_BYE:
		receive_bye(sim, ua, msg);
		break;
	case SIP_METHOD_CANCEL:
		receive_cancel(sim, ua, msg);
		break;
	default:
		if (flow_receive(sim, ua, msg) || ua_exchange_receive(sim, ua, msg) ||
			ua_transfer_receive(sim, ua, msg))
			break;
		ua_reply(sim, ua, msg, 200, "");
	}
}

// A later attempt of the same call reaches another dialog than the one that was answered, unless
// that one has refused it.
static bool is_past(const struct ua *ua, const struct sip_msg *msg)
{
	if (span_eq(msg->via.branch, span_str(ua->refused_branch)))
		return false;
	return msg->is_request && msg->method == SIP_METHOD_INVITE && ua->is_confirmed &&
		msg->cseq.number > ua->server_cseq;
}

// The far tag that concerns this agent: a request names ours in To, a response in From.
static bool is_for(const struct ua *ua, const struct sip_msg *msg, const struct packet *packet)
{
	struct span tag = msg->is_request ? msg->to.tag : msg->from.tag;

	if (!addr_eq(&ua->addr, &packet->to) || !span_eq(span_str(ua->call_id), msg->call_id))
		return false;
	if (span_is_empty(tag))
		return !is_past(ua, msg);
	return span_eq(span_str(ua->local_tag), tag);
}

void ua_receive(struct sim *sim, const struct packet *packet)
{
	struct sip_msg *msg = &sim->msg;
	struct sip_fault fault;
	struct ua *ua = NULL;

	if (packet->to.ip.b[15] == 250 || sip_parse(span_make(packet->data, packet->len), msg,
		&fault))
		return;
	for (uint32_t i = 0; i < sim->ua_count && !ua; i++)
		if (is_for(&sim->uas[i], msg, packet))
			ua = &sim->uas[i];
	if (!ua && msg->is_request && ua_exchange_role(msg) && span_is_empty(msg->to.tag) &&
		sim->ua_count < SIM_UAS_MAX / 2) {
		ua = ua_new(sim, world_side(&packet->to), &packet->to);
		ua->role = ua_exchange_role(msg);
		ua->is_stream = packet->wire != 0;
		span_copy(msg->call_id, ua->call_id, sizeof(ua->call_id));
	}
	if (ua && ua->script.is_silent)
		sim->is_rough |= ua->role != UA_CALLED;
	if (!ua || ua->script.is_silent || ua->is_dead)
		return;
	check_session_id(sim, ua, msg);
	if (msg->is_request)
		receive_request(sim, ua, msg);
	else
		receive_response(sim, ua, msg);
}

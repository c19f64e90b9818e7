#include "call/reliable.h"

#include "call/ability.h"
#include "call/core_private.h"

#include <stddef.h>

#define T1_MS      500u
#define GIVE_UP_MS (64u * T1_MS)
#define RSEQ_MAX   0x7fffffffu

// In relay->data of a PRACK: an offer goes with it, or an answer did; and the RSeq that it names.
enum { WITHOUT_BODY, WITH_OFFER, WITH_ANSWER };
#define RSEQ_SHIFT 8u

static bool has_offer(const struct relay *relay)
{
	return (relay->data & 0xff) == WITH_OFFER;
}

void reliable_begin(struct call *call, const struct sip_msg *invite)
{
	call->reliable.is_required = ability_requires(invite, OPTION_100REL);
}

bool reliable_is_possible(const struct call *call, const struct sip_turn *turn)
{
	const struct call_leg *leg = &call->legs[CALL_LEG_A];
	const struct config_profile *profile =
		config_profile(core_env_of(turn)->config, leg->profile);

	return ability_supports(leg, OPTION_100REL) &&
		profile->flow.reliable != PROFILE_RELIABLE_OFF;
}

bool reliable_is_demanded(const struct call *call, const struct sip_turn *turn)
{
	const struct call_leg *leg = &call->legs[CALL_LEG_A];
	const struct config_profile *profile =
		config_profile(core_env_of(turn)->config, leg->profile);

	return reliable_is_possible(call, turn) && (call->reliable.is_required ||
		profile->flow.reliable == PROFILE_RELIABLE_REQUIRE);
}

// To the caller ----------------------------------------------------------------------------------

static struct reliable_answer *first_of(struct call_reliable *reliable)
{
	return &reliable->queue[reliable->head];
}

static void transmit(struct call *call, const struct sip_turn *turn)
{
	const struct reliable_answer *answer = first_of(&call->reliable);
	char lines[64];
	struct sip_writer w;

	sip_writer_init(&w, lines, sizeof(lines));
	sip_put_lit(&w, "Require: 100rel\r\n");
	sip_put_header_u32(&w, SIP_HEADER_RSEQ, call->reliable.rseq);
	struct leg_response response = { .status = answer->status,
		.headers = sip_writer_text(&w) };
	if (answer->has_body)
		response.body = sip_body_sdp(call->legs[CALL_LEG_A].sdp_sent.text);
	response.body.parts = answer->parts.text;
	leg_respond(call, turn, call->invite.server, &response);
}

// T1, then twice as long each time, whatever carries it (RFC 3262 3).
static void on_timer(struct timer *timer, void *context)
{
	struct call *call = (struct call *)((char *)timer - offsetof(struct call, reliable.timer));
	const struct sip_turn *turn = context;
	struct call_reliable *reliable = &call->reliable;
	struct call_hangup hangup = { .cause = CALL_CAUSE_ACK_TIMEOUT, .code = 504 };

	if (turn->now_ms >= reliable->end_ms || !call->invite.server) {
		CORE_COUNT(call->core, pracks_missing);
		call_hangup(call, turn, &hangup);
		return;
	}
	transmit(call, turn);
	reliable->interval_ms *= 2;
	uint64_t next_ms = turn->now_ms + reliable->interval_ms;
	timer_start(call->core->wheel, timer,
		next_ms < reliable->end_ms ? next_ms : reliable->end_ms, on_timer);
}

// While it is parked: the dialog comes to the front first.
static void on_parked_timer(struct timer *timer, void *context)
{
	struct call_fork *fork = (struct call_fork *)((char *)timer -
		offsetof(struct call_fork, face.reliable.timer));
	struct call *call = fork->call;

	if (fork_select(call, fork->state.number))
		on_timer(&call->reliable.timer, context);
}

static uint64_t disarm(struct timer_wheel *wheel, struct timer *timer)
{
	uint64_t due_ms = timer_is_armed(timer) ? timer->deadline_ms : 0;

	timer_stop(wheel, timer);
	return due_ms;
}

void reliable_swap(struct call *call, struct call_fork *fork)
{
	struct timer_wheel *wheel = call->core->wheel;
	struct call_reliable *parked = &fork->face.reliable;
	uint64_t due_ms = disarm(wheel, &call->reliable.timer);
	uint64_t parked_ms = disarm(wheel, &parked->timer);
	struct call_reliable other = *parked;

	*parked = call->reliable;
	call->reliable = other;
	if (parked_ms)
		timer_start(wheel, &call->reliable.timer, parked_ms, on_timer);
	if (due_ms)
		timer_start(wheel, &parked->timer, due_ms, on_parked_timer);
}

bool reliable_is_told(const struct call *call)
{
	const struct call_reliable *reliable = &call->reliable;

	// In a dialog of its own nobody else was told anything.
	return reliable->is_settled &&
		(face_is_wanted(call) || call->media_fork == reliable->told_fork);
}

static void send_first(struct call *call, const struct sip_turn *turn)
{
	struct call_reliable *reliable = &call->reliable;

	// At random, far from the end of the range (RFC 3262 3).
	reliable->rseq = reliable->rseq ? reliable->rseq + 1 :
					  1 + rng_below(core_env_of(turn)->rng, 1u << 16);
	reliable->is_waiting = true;
	if (first_of(reliable)->has_body && !reliable->is_offered) {
		reliable->is_settled = true;
		reliable->told_fork = call->media_fork;
	}
	reliable->interval_ms = T1_MS;
	reliable->end_ms = turn->now_ms + GIVE_UP_MS;
	CORE_COUNT(call->core, reliable_sent);
	transmit(call, turn);
	timer_start(call->core->wheel, &reliable->timer, turn->now_ms + T1_MS, on_timer);
}

void reliable_send(struct call *call, const struct sip_turn *turn,
	const struct reliable_answer *answer, struct span parts)
{
	struct call_reliable *reliable = &call->reliable;
	struct reliable_answer *slot =
		&reliable->queue[(reliable->head + reliable->count) % RELIABLE_QUEUE_MAX];

	if (reliable->count == RELIABLE_QUEUE_MAX) {
		CORE_COUNT(call->core, reliable_dropped);
		if (answer->fork && fork_select(call, answer->fork))
			reliable_acknowledge(call, turn, answer->rseq);
		return;
	}
	struct sip_text room = slot->parts;
	*slot = *answer;
	slot->parts = room;
	if (!call_set_text(call, &slot->parts, parts)) {
		slot->parts.text.len = 0;
		CORE_COUNT(call->core, arena_full);
	}
	reliable->count++;
	if (!reliable->is_waiting)
		send_first(call, turn);
}

static void send_next(struct call *call, const struct sip_turn *turn)
{
	struct call_reliable *reliable = &call->reliable;
	uint16_t status = reliable->final_due;

	reliable->final_due = 0;
	if (status)
		answer_caller(call, turn, status, reliable->final_parts.text);
	else if (reliable->count && call->invite.server && !call->invite.is_answered)
		send_first(call, turn);
}

bool reliable_hold_final(struct call *call, uint16_t status, struct span parts)
{
	struct call_reliable *reliable = &call->reliable;

	if (!reliable->is_waiting)
		return false;
	reliable->count = 1;
	if (!first_of(reliable)->has_body) {
		// Repeated no more, it may still be acknowledged.
		timer_stop(call->core->wheel, &reliable->timer);
		return false;
	}
	reliable->final_due = status;
	if (!call_set_text(call, &reliable->final_parts, parts))
		CORE_COUNT(call->core, arena_full);
	return true;
}

// The caller's PRACK ------------------------------------------------------------------------------

// "RSeq CSeq Method" (RFC 3262 7.2).
static bool is_named(const struct call *call, const struct sip_msg *msg, uint32_t awaited)
{
	const struct sip_header *rack = sip_msg_header(msg, SIP_HEADER_RACK);
	struct span rest;
	struct span word[3] = { { 0 } };
	uint32_t rseq, cseq;

	if (!rack)
		return false;
	rest = span_trim(rack->value);
	for (uint32_t i = 0; i < 3; i++) {
		if (!span_cut(&rest, ' ', &word[i]))
			return false;
		rest = span_trim(rest);
	}
	return span_is_empty(rest) && span_parse_u32(word[0], UINT32_MAX, &rseq) == 0 &&
		span_parse_u32(word[1], RSEQ_MAX, &cseq) == 0 && rseq == awaited &&
		cseq == call->invite.server_cseq && span_eq(word[2], SPAN_LIT("INVITE"));
}

// A second exchange, which only the fork that gave the first answer can join in. 0, or the status
// to refuse it with.
static uint16_t take_offer(struct call *call, const struct sip_turn *turn, struct relay *relay,
	struct span sdp)
{
	const struct core_env *env = core_env_of(turn);
	enum offer_result result;

	if (!call->reliable.is_settled || !call->reliable.passed.fork || call->invite.is_final)
		return 488;
	if (call->offer.is_open && call->offer.from == CALL_LEG_A && !call->offer.fork)
		offer_close(call);
	if (call->offer.is_open)
		return 491;
	describe_keep(call, CALL_LEG_B);
	result = offer_receive(call, env, CALL_LEG_A, sdp);
	if (result != OFFER_OK)
		return result == OFFER_NO_PORTS ? 503 : 488;
	face_propose(call, sdp);
	relay->data = WITH_OFFER;
	return 0;
}

// Takes the offer or answer in a PRACK. 0, or the status to refuse it with.
static uint16_t take_body(struct call *call, const struct sip_turn *turn, struct relay *relay,
	struct span sdp)
{
	struct call_reliable *reliable = &call->reliable;
	const struct core_env *env = core_env_of(turn);

	if (reliable->is_offered) {
		reliable->is_offered = false;
		reliable->is_settled = true;
		reliable->told_fork = call->media_fork;
		relay->data = WITH_ANSWER;
		if (!call->offer.is_open)
			return 488;
		if (span_is_empty(sdp)) {
			offer_drop(call, env);
			return 488;
		}
		return face_answer(call, env, sdp) == OFFER_OK ? 0 : 488;
	}
	return span_is_empty(sdp) ? 0 : take_offer(call, turn, relay, sdp);
}

// What was challenged before: its answer was taken, its offer was not.
static uint16_t take_again(struct call *call, const struct sip_turn *turn, struct relay *relay,
	struct span sdp)
{
	relay->data = call->reliable.passed_data;
	if (relay->data != WITH_OFFER)
		return 0;
	relay->data = WITHOUT_BODY;
	return span_is_empty(sdp) ? 0 : take_offer(call, turn, relay, sdp);
}

static void pass_prack(struct call *call, struct relay *relay, uint32_t rseq,
	struct leg_request *out)
{
	struct sip_writer w;

	sip_writer_init(&w, call->core->extra, sizeof(call->core->extra));
	sip_put_lit(&w, "RAck: ");
	sip_put_u64(&w, rseq);
	sip_put_char(&w, ' ');
	sip_put_u64(&w, call->invite.client_cseq);
	sip_put_lit(&w, " INVITE\r\n");
	out->headers = sip_writer_text(&w);
	if (relay->data != WITHOUT_BODY)
		out->body = sip_body_sdp(call->legs[CALL_LEG_B].sdp_sent.text);
}

// The answer that it acknowledges is done with, and remembered as long as it may come again.
static void take_first(struct call *call, uint32_t rseq)
{
	struct call_reliable *reliable = &call->reliable;

	CORE_COUNT(call->core, pracks);
	reliable->passed.fork = first_of(reliable)->fork;
	reliable->passed.rseq = first_of(reliable)->rseq;
	reliable->passed_rseq = rseq;
	reliable->is_waiting = false;
	timer_stop(call->core->wheel, &reliable->timer);
	reliable->head = (reliable->head + 1) % RELIABLE_QUEUE_MAX;
	reliable->count--;
}

static enum relay_verdict receive_prack(struct call *call, const struct sip_turn *turn,
	struct relay *relay, const struct sip_received *in, struct leg_request *out)
{
	struct call_reliable *reliable = &call->reliable;
	bool is_first = reliable->is_waiting && is_named(call, in->msg, reliable->rseq);
	bool is_again = !is_first && reliable->is_challenged &&
		is_named(call, in->msg, reliable->passed_rseq);
	struct call_body body;
	struct leg_response response = { .status = 200, .side = relay->from };

	if (relay->from != CALL_LEG_A || (!is_first && !is_again)) {
		refuse_status(call->core, turn, relay->server, 481);
		return RELAY_ANSWERED;
	}
	if (is_first)
		take_first(call, reliable->rseq);
	reliable->is_challenged = false;
	body_read(call, core_env_of(turn), relay->from, in->msg, &body);
	uint16_t status = is_again ? take_again(call, turn, relay, body.sdp) :
				     take_body(call, turn, relay, body.sdp);
	bool is_lost = status && relay->data == WITH_ANSWER;
	bool is_passed = !status && reliable->passed.fork && !call->invite.is_final &&
		fork_select(call, reliable->passed.fork);
	uint32_t rseq = reliable->passed.rseq;
	if (!is_passed) {
		response.status = status ? status : 200;
		leg_respond(call, turn, relay->server, &response);
	}
	if (is_lost) {
		// The called side's offer has no answer: there is no session to go on with.
		struct call_hangup hangup = { .cause = CALL_CAUSE_MEDIA_REFUSED, .code = 488 };

		CORE_COUNT(call->core, answers_unusable);
		call_hangup(call, turn, &hangup);
		return RELAY_ANSWERED;
	}
	reliable->passed_data = (uint8_t)relay->data;
	if (is_first)
		send_next(call, turn);
	if (!is_passed)
		return RELAY_ANSWERED;
	pass_prack(call, relay, rseq, out);
	relay->data |= (uint64_t)reliable->passed_rseq << RSEQ_SHIFT;
	out->body.parts = body.parts;
	return RELAY_SEND;
}

// What we sent is acknowledged whatever the fork says; only an offer can be refused.
static void receive_prack_response(struct call *call, const struct sip_turn *turn,
	struct relay *relay, const struct sip_msg *msg, struct leg_response *out)
{
	const struct core_env *env = core_env_of(turn);

	struct call_reliable *reliable = &call->reliable;
	bool is_challenged = hide_is_challenge(call, CALL_LEG_B, msg);

	reliable->is_challenged |= is_challenged &&
		relay->data >> RSEQ_SHIFT == reliable->passed_rseq;
	if (!has_offer(relay)) {
		if (!is_challenged)
			out->status = 200;
		return;
	}
	if (msg->status >= 300) {
		describe_restore(call, CALL_LEG_B);
		offer_drop(call, env);
		return;
	}
	struct span sdp = body_sdp(msg);
	if (call->offer.is_open && !span_is_empty(sdp) &&
		face_answer(call, env, sdp) == OFFER_OK) {
		out->body = sip_body_sdp(call->legs[CALL_LEG_A].sdp_sent.text);
		return;
	}
	CORE_COUNT(call->core, answers_unusable);
	offer_drop(call, env);
	out->status = 488;
}

static void prack_failed(struct call *call, const struct sip_turn *turn, struct relay *relay)
{
	if (!has_offer(relay))
		return;
	describe_restore(call, CALL_LEG_B);
	offer_drop(call, core_env_of(turn));
}

const struct relay_ops prack_ops = {
	.request = receive_prack,
	.response = receive_prack_response,
	.failed = prack_failed,
};

// From the called side ----------------------------------------------------------------------------

uint32_t reliable_rseq(const struct call *call, const struct sip_turn *turn,
	const struct sip_msg *msg)
{
	const struct call_leg *leg = &call->legs[CALL_LEG_B];
	const struct sip_header *header = sip_msg_header(msg, SIP_HEADER_RSEQ);
	const struct config_profile *profile =
		config_profile(core_env_of(turn)->config, leg->profile);
	uint32_t rseq;

	if (!header || !ability_requires(msg, OPTION_100REL) || span_is_empty(msg->to.tag) ||
		profile->flow.reliable == PROFILE_RELIABLE_OFF ||
		span_parse_u32(header->value, UINT32_MAX, &rseq) < 0)
		return 0;
	return rseq;
}

static const struct relay_ops own_prack_ops = { 0 };

void reliable_acknowledge(struct call *call, const struct sip_turn *turn, uint32_t rseq)
{
	struct relay relay = { .data = WITHOUT_BODY };
	struct leg_request request = { .side = CALL_LEG_B, .method = SIP_METHOD_PRACK };

	pass_prack(call, &relay, rseq, &request);
	// Its repetition will be heard as if it were the first one.
	if (!relay_start(call, turn, &own_prack_ops, &request))
		call->fork.rseq = rseq - 1;
}

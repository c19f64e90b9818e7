#include "call/session.h"

#include "call/ability.h"
#include "call/core_private.h"

#include <stddef.h>

#define INTERVAL_LEAST_S   90u    // RFC 4028 5
#define INTERVAL_DEFAULT_S 1800u
#define MARGIN_MOST_MS     32000u // before the end (RFC 4028 10)
#define RETRY_MS           5000u
#define RAISES_MAX         4u

#define REASON_LINE "Reason: SIP;cause=408;text=\"Session expired\"\r\n"

static enum call_side side_of(const struct call_leg *leg)
{
	return leg == &leg->call->legs[CALL_LEG_B] ? CALL_LEG_B : CALL_LEG_A;
}

static const struct profile_flow *flow_of(const struct call_leg *leg, const struct sip_turn *turn)
{
	return &config_profile(core_env_of(turn)->config, leg->profile)->flow;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static uint32_t least_of(const struct profile_flow *flow)
{
	return larger(INTERVAL_LEAST_S, flow->session_min_ms / 1000);
}

// What we ask for ourselves.
static uint32_t wanted_of(const struct profile_flow *flow)
{
	uint32_t wanted_s = flow->session_expires_ms / 1000;

	return larger(least_of(flow), wanted_s ? wanted_s : INTERVAL_DEFAULT_S);
}

// Delta-seconds of Session-Expires or Min-SE, with what follows; 0: absent or unreadable.
static uint32_t read_seconds(const struct sip_msg *msg, enum sip_header_id id, struct span *params)
{
	const struct sip_header *header = sip_msg_header(msg, id);
	struct span number;
	uint32_t seconds;

	*params = SPAN_NONE;
	if (!header)
		return 0;
	*params = header->value;
	if (!span_cut(params, ';', &number) ||
		span_parse_u32(span_trim(number), UINT32_MAX, &seconds) < 0)
		return 0;
	return seconds;
}

static enum session_refresher read_refresher(struct span params)
{
	struct sip_param refresher;

	if (!sip_param_find(params, SPAN_LIT("refresher"), &refresher))
		return SESSION_REFRESHER_NONE;
	if (span_ieq(refresher.value, SPAN_LIT("uac")))
		return SESSION_REFRESHER_UAC;
	return span_ieq(refresher.value, SPAN_LIT("uas")) ? SESSION_REFRESHER_UAS :
							    SESSION_REFRESHER_NONE;
}

static void put_expires(struct sip_writer *w, uint32_t seconds, enum session_refresher refresher)
{
	sip_put_lit(w, "Session-Expires: ");
	sip_put_u64(w, seconds);
	if (refresher == SESSION_REFRESHER_UAC)
		sip_put_lit(w, ";refresher=uac");
	else if (refresher == SESSION_REFRESHER_UAS)
		sip_put_lit(w, ";refresher=uas");
	sip_put_lit(w, "\r\n");
}

// Time --------------------------------------------------------------------------------------------

static uint64_t last_moment_ms(const struct leg_session *session)
{
	uint32_t margin_ms = session->interval_s * 1000 / 3;

	return session->expires_ms - (margin_ms < MARGIN_MOST_MS ? margin_ms : MARGIN_MOST_MS);
}

static void on_timer_a(struct timer *timer, void *context);
static void on_timer_b(struct timer *timer, void *context);

static void watch(struct call_leg *leg, uint64_t at_ms)
{
	uint64_t last_ms = last_moment_ms(&leg->session);

	enum call_side side = side_of(leg);

	timer_start(leg->call->core->wheel, &leg->call->session_timers[side],
		at_ms < last_ms ? at_ms : last_ms, side == CALL_LEG_A ? on_timer_a : on_timer_b);
}

static void begin(struct call_leg *leg, uint64_t now_ms, uint32_t interval_s, bool is_ours)
{
	struct leg_session *session = &leg->session;

	session->interval_s = interval_s;
	session->is_ours = is_ours;
	if (!interval_s) {
		session_stop(leg);
		return;
	}
	session->expires_ms = now_ms + interval_s * 1000ull;
	watch(leg, is_ours ? now_ms + interval_s * 500ull : session->expires_ms);
}

void session_resume(struct call_leg *leg, uint64_t now_ms)
{
	struct leg_session *session = &leg->session;
	uint32_t interval_s = session->interval_s;

	if (!interval_s)
		return;
	begin(leg, now_ms, interval_s, session->is_ours);
	// It may have been due when the record was written.
	if (session->is_ours)
		watch(leg, now_ms + interval_s * 250ull);
}

void session_stop(struct call_leg *leg)
{
	timer_stop(leg->call->core->wheel, &leg->call->session_timers[side_of(leg)]);
}

// Refreshing --------------------------------------------------------------------------------------

static void refresh(struct call_leg *leg, const struct sip_turn *turn);

static void refuse_refresh(struct call_leg *leg, const struct sip_turn *turn,
	const struct sip_msg *msg)
{
	if (!leg->session.interval_s)
		return; // a later request of the far end has ended it
	if (msg->status == 422 && session_raise(leg, msg)) {
		refresh(leg, turn);
	} else if ((msg->status == 405 || msg->status == 501) &&
		ability_allows(leg, SIP_METHOD_UPDATE)) {
		leg->ability.allowed &= ~(1u << SIP_METHOD_UPDATE);
		refresh(leg, turn);
	} else {
		watch(leg, turn->now_ms + RETRY_MS + rng_below(core_env_of(turn)->rng, RETRY_MS));
	}
}

void session_refreshed(struct call_leg *leg, const struct sip_turn *turn,
	const struct sip_msg *msg)
{
	if (leg->call->is_finished)
		return;
	if (msg->status < 300) {
		sip_dialog_refresh_target(&leg->dialog, msg);
		ability_learn(leg, msg);
		session_hear_answer(leg, turn, msg);
	} else if (msg->status != 408 && msg->status != 481) {
		refuse_refresh(leg, turn, msg);
	}
}

static void receive_refreshed(struct call *call, const struct sip_turn *turn, struct relay *relay,
	const struct sip_msg *msg, struct leg_response *out)
{
	(void)out;
	session_refreshed(&call->legs[call_other(relay->from)], turn, msg);
}

static const struct relay_ops refresh_ops = { .ends_call = true, .response = receive_refreshed };

static bool send_refresh(struct call_leg *leg, const struct sip_turn *turn)
{
	struct call *call = leg->call;
	enum call_side side = side_of(leg);
	struct leg_request update = { .side = side, .method = SIP_METHOD_UPDATE };

	if (ability_allows(leg, SIP_METHOD_UPDATE))
		return relay_start(call, turn, &refresh_ops, &update) != NULL;
	return reinvite_refresh(call, turn, side);
}

static void refresh(struct call_leg *leg, const struct sip_turn *turn)
{
	bool is_sent = send_refresh(leg, turn);

	if (is_sent)
		CORE_COUNT(leg->call->core, sessions_refreshed);
	watch(leg, is_sent ? leg->session.expires_ms : turn->now_ms + RETRY_MS);
}

static void expire(struct call_leg *leg, const struct sip_turn *turn)
{
	if (leg->session.is_ours && turn->now_ms < last_moment_ms(&leg->session)) {
		refresh(leg, turn);
		return;
	}
	struct call_hangup hangup = { .cause = CALL_CAUSE_SESSION_EXPIRED, .code = 408,
		.headers = SPAN_LIT(REASON_LINE) };
	CORE_COUNT(leg->call->core, sessions_expired);
	call_hangup(leg->call, turn, &hangup);
}

static void on_timer_a(struct timer *timer, void *context)
{
	struct call *call =
		(struct call *)((char *)timer - offsetof(struct call, session_timers[CALL_LEG_A]));

	expire(&call->legs[CALL_LEG_A], context);
}

static void on_timer_b(struct timer *timer, void *context)
{
	struct call *call =
		(struct call *)((char *)timer - offsetof(struct call, session_timers[CALL_LEG_B]));

	expire(&call->legs[CALL_LEG_B], context);
}

// Of the far end ----------------------------------------------------------------------------------

bool session_refuse(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_msg *msg, const struct config_profile *profile)
{
	uint32_t least_s = least_of(&profile->flow);
	struct span params;
	struct sip_writer w;

	if (profile->flow.session_mode == PROFILE_SESSION_OFF ||
		!sip_msg_header(msg, SIP_HEADER_SESSION_EXPIRES) ||
		!sip_msg_lists(msg, SIP_HEADER_SUPPORTED, SPAN_LIT("timer")) ||
		read_seconds(msg, SIP_HEADER_SESSION_EXPIRES, &params) >= least_s)
		return false;
	sip_writer_init(&w, core->extra, sizeof(core->extra));
	sip_put_header_u32(&w, SIP_HEADER_MIN_SE, least_s);
	struct refusal refusal = { .status = 422, .headers = sip_writer_text(&w) };
	CORE_COUNT(core, refused_interval);
	refuse(core, turn, tx, &refusal);
	return true;
}

void session_hear_request(struct call_leg *leg, const struct sip_msg *msg)
{
	struct leg_session *session = &leg->session;
	struct span params;

	session->asked_min_s = read_seconds(msg, SIP_HEADER_MIN_SE, &params);
	session->asked_s = read_seconds(msg, SIP_HEADER_SESSION_EXPIRES, &params);
	session->asked_refresher = read_refresher(params);
	// A proxy on the way of a far end that knows no timers may ask for less than anyone may.
	if (session->asked_s && session->asked_s < INTERVAL_LEAST_S)
		session->asked_s = INTERVAL_LEAST_S;
}

// What was asked may be lowered as far as the asking side lets us, never raised (RFC 4028 9).
static uint32_t agree(const struct leg_session *session, const struct profile_flow *flow)
{
	uint32_t wanted_s = larger(wanted_of(flow), session->asked_min_s);

	if (!session->asked_s)
		return flow->session_mode == PROFILE_SESSION_REQUIRE ? wanted_s : 0;
	return session->asked_s < wanted_s ? session->asked_s : wanted_s;
}

static enum session_refresher choose(const struct call_leg *leg, const struct profile_flow *flow)
{
	if (!ability_supports(leg, OPTION_TIMER))
		return SESSION_REFRESHER_UAS;
	if (leg->session.asked_refresher != SESSION_REFRESHER_NONE)
		return leg->session.asked_refresher;
	return flow->session_refresher == PROFILE_REFRESHER_UAS ? SESSION_REFRESHER_UAS :
								  SESSION_REFRESHER_UAC;
}

void session_put_answer(struct sip_writer *w, struct call_leg *leg, const struct sip_turn *turn)
{
	const struct profile_flow *flow = flow_of(leg, turn);
	uint32_t interval_s = agree(&leg->session, flow);
	enum session_refresher refresher = choose(leg, flow);

	if (flow->session_mode == PROFILE_SESSION_OFF || leg->call->is_finished)
		return;
	begin(leg, turn->now_ms, interval_s, refresher == SESSION_REFRESHER_UAS);
	if (!interval_s)
		return;
	if (refresher == SESSION_REFRESHER_UAC)
		sip_put_lit(w, "Require: timer\r\n");
	put_expires(w, interval_s, refresher);
}

// Our own -----------------------------------------------------------------------------------------

static uint32_t asked_by_us(const struct call_leg *leg, const struct profile_flow *flow)
{
	const struct leg_session *session = &leg->session;
	uint32_t seconds = session->interval_s ? session->interval_s : wanted_of(flow);

	if (flow->session_mode == PROFILE_SESSION_OFF ||
		(flow->session_mode != PROFILE_SESSION_REQUIRE && !session->interval_s))
		return 0;
	return larger(seconds, session->far_min_s);
}

void session_put_request(struct sip_writer *w, const struct call_leg *leg,
	const struct sip_turn *turn)
{
	static const enum session_refresher by_profile[] = {
		[PROFILE_REFRESHER_AUTO] = SESSION_REFRESHER_NONE,
		[PROFILE_REFRESHER_UAC] = SESSION_REFRESHER_UAC,
		[PROFILE_REFRESHER_UAS] = SESSION_REFRESHER_UAS,
	};
	const struct profile_flow *flow = flow_of(leg, turn);
	const struct leg_session *session = &leg->session;
	uint32_t seconds = asked_by_us(leg, flow);
	uint32_t least_s = larger(least_of(flow), session->far_min_s);
	enum session_refresher refresher = by_profile[flow->session_refresher];

	if (!seconds)
		return;
	// Later on nobody changes roles by chance.
	if (session->interval_s)
		refresher = session->is_ours ? SESSION_REFRESHER_UAC : SESSION_REFRESHER_UAS;
	put_expires(w, seconds, refresher);
	if (least_s > INTERVAL_LEAST_S)
		sip_put_header_u32(w, SIP_HEADER_MIN_SE, least_s);
}

void session_hear_answer(struct call_leg *leg, const struct sip_turn *turn,
	const struct sip_msg *msg)
{
	const struct profile_flow *flow = flow_of(leg, turn);
	struct span params;
	uint32_t interval_s = read_seconds(msg, SIP_HEADER_SESSION_EXPIRES, &params);

	if (flow->session_mode == PROFILE_SESSION_OFF || leg->call->is_finished)
		return;
	// A far end without timers leaves it to us (RFC 4028 7.2).
	if (!interval_s) {
		begin(leg, turn->now_ms, asked_by_us(leg, flow), true);
		return;
	}
	if (interval_s < INTERVAL_LEAST_S)
		interval_s = INTERVAL_LEAST_S;
	if (interval_s > SESSION_MOST_S)
		interval_s = SESSION_MOST_S;
	begin(leg, turn->now_ms, interval_s, read_refresher(params) != SESSION_REFRESHER_UAS);
}

bool session_raise(struct call_leg *leg, const struct sip_msg *msg)
{
	struct leg_session *session = &leg->session;
	struct span params;
	uint32_t least_s = read_seconds(msg, SIP_HEADER_MIN_SE, &params);

	if (least_s <= session->far_min_s || least_s > SESSION_MOST_S ||
		session->raises >= RAISES_MAX)
		return false;
	session->far_min_s = least_s;
	session->raises++;
	if (session->interval_s && session->interval_s < least_s)
		session->interval_s = least_s;
	return true;
}

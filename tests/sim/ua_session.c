// ua_session.c - session timers of a user agent (RFC 4028): it refreshes, or leaves it to the
// border, or forgets to; and what must follow in each case.
#include "sim.h"

#define SLACK_MS  10000u
#define MARGIN_MS 32000u // before the end (RFC 4028 10)
#define RETRY_MS  1000u

static uint32_t read_seconds(const struct sip_msg *msg, enum sip_header_id id)
{
	const struct sip_header *header = sip_msg_header(msg, id);
	struct span rest = header ? header->value : SPAN_NONE, number;
	uint32_t seconds;

	return span_cut(&rest, ';', &number) &&
			span_parse_u32(span_trim(number), UINT32_MAX, &seconds) == 0 ?
		seconds :
		0;
}

static bool is_uas(const struct sip_msg *msg)
{
	const struct sip_header *header = sip_msg_header(msg, SIP_HEADER_SESSION_EXPIRES);

	return header && memmem(header->value.ptr, header->value.len, "refresher=uas", 13);
}

static void begin(struct sim *sim, struct ua *ua, uint32_t interval_s, bool is_ours)
{
	struct ua_session *session = &ua->session;

	session->interval_ms = interval_s * 1000;
	session->is_ours = is_ours;
	session->begun_ms = sim->now_ms;
	session->refresh_ms = interval_s && is_ours && !ua->script.is_lazy ?
		sim->now_ms + interval_s * 500 :
		0;
	if (interval_s)
		cover(sim, is_ours ? COVER_SESSION_OURS : COVER_SESSION_THEIRS);
}

void ua_session_put_request(const struct ua *ua, char *buf, uint32_t cap)
{
	static const char *const refreshers[] = { "", "uac", "uas" };

	buf[0] = 0;
	if (ua->script.session)
		snprintf(buf, cap, "Session-Expires: %u;refresher=%s\r\n", ua->script.session_s,
			refreshers[ua->script.session]);
}

void ua_session_hear_request(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	bool is_refresh = msg->method == SIP_METHOD_UPDATE && span_is_empty(ua_description(msg));

	ua->session.asked_s = read_seconds(msg, SIP_HEADER_SESSION_EXPIRES);
	ua->session.is_asked_uas = is_uas(msg);
	if (is_refresh && ua->session.interval_ms && !ua->session.is_ours)
		cover(sim, COVER_SESSION_REFRESH_HEARD);
}

// The lines of an answer; the interval begins with a 2xx.
void ua_session_put_answer(struct sim *sim, struct ua *ua, uint16_t status, char *buf, uint32_t cap)
{
	struct ua_session *session = &ua->session;
	bool is_target = strstr(ua->server_via, " INVITE\r\n") ||
		strstr(ua->server_via, " UPDATE\r\n");

	buf[0] = 0;
	if (status < 200 || status >= 300 || !is_target)
		return;
	if (!ua->script.session || !session->asked_s) {
		begin(sim, ua, 0, false);
		return;
	}
	begin(sim, ua, session->asked_s, session->is_asked_uas);
	snprintf(buf, cap, "%sSession-Expires: %u;refresher=%s\r\n",
		session->is_asked_uas ? "" : "Require: timer\r\n", session->asked_s,
		session->is_asked_uas ? "uas" : "uac");
}

void ua_session_hear_answer(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	if (ua->session.is_refreshing && msg->cseq.method == SIP_METHOD_UPDATE)
		cover(sim, COVER_SESSION_REFRESHED);
	ua->session.is_refreshing = false;
	begin(sim, ua, read_seconds(msg, SIP_HEADER_SESSION_EXPIRES), !is_uas(msg));
}

// True: too short, the same is asked again with what is wanted.
bool ua_session_retry(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	uint32_t least_s = read_seconds(msg, SIP_HEADER_MIN_SE);

	if (msg->status != 422 || ua->is_confirmed || ua->script.session_s >= least_s)
		return false;
	cover(sim, COVER_SESSION_TOO_SMALL);
	ua->script.session_s = least_s;
	ua_invite(sim, ua);
	return true;
}

bool ua_session_refuses(const struct ua *ua, const struct sip_msg *invite)
{
	uint32_t asked_s = read_seconds(invite, SIP_HEADER_SESSION_EXPIRES);

	return asked_s && asked_s < ua->script.least_s;
}

static void refresh(struct sim *sim, struct ua *ua)
{
	char line[64];
	struct ua_flow *flow = &ua->flow;

	if (ua->is_serving || ua->invite.is_active || ua->repeat_ms || flow_is_asking(ua)) {
		ua->session.refresh_ms = sim->now_ms + RETRY_MS;
		return;
	}
	ua->session.refresh_ms = 0;
	snprintf(line, sizeof(line), "Session-Expires: %u;refresher=uac\r\n",
		ua->session.interval_ms / 1000);
	struct ua_request update = { .method = "UPDATE", .cseq = ++ua->local_cseq, .body = "",
		.headers = line };
	ua->session.is_refreshing = true;
	flow->is_offering = false;
	ua_client_send(sim, ua, &flow->client, &update);
}

// Who refreshes does so in time, or ends the call; the other one ends it when it is too late.
static void check(struct sim *sim, struct ua *ua)
{
	struct ua_session *session = &ua->session;
	uint32_t third_ms = session->interval_ms / 3;
	uint64_t last_ms = session->begun_ms + session->interval_ms -
		(third_ms < MARGIN_MS ? third_ms : MARGIN_MS) + SLACK_MS;
	uint64_t end_ms = session->begun_ms + session->interval_ms + SLACK_MS;

	if (!session->is_ours && sim->now_ms > last_ms)
		sim_fail(sim, "session: the border neither refreshes nor ends that of %s",
			ua->call_id);
	if (session->is_ours && ua->script.is_lazy && sim->now_ms > end_ms)
		sim_fail(sim, "session: %s refreshes nothing and still has its call", ua->call_id);
}

void ua_session_end(struct sim *sim, struct ua *ua)
{
	const struct ua_session *session = &ua->session;
	uint32_t third_ms = session->interval_ms / 3;
	uint32_t margin_ms = third_ms < MARGIN_MS ? third_ms : MARGIN_MS;

	// Whoever waits for a refresh ends the call that much before (RFC 4028 10).
	if (session->interval_ms && session->is_ours && ua->script.is_lazy &&
		sim->now_ms + SLACK_MS > session->begun_ms + session->interval_ms - margin_ms)
		cover(sim, COVER_SESSION_EXPIRED);
}

void ua_session_run(struct sim *sim, struct ua *ua)
{
	struct ua_session *session = &ua->session;

	if (!session->interval_ms || ua->is_over || !ua->connected_ms)
		return;
	if (session->refresh_ms && sim->now_ms >= session->refresh_ms)
		refresh(sim, ua);
	if (sim_is_calm(sim) && !ua->is_excused)
		check(sim, ua);
}

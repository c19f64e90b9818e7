// ua_exchange.c - requests outside calls: user agents that send MESSAGE, PUBLISH and OPTIONS or
// subscribe, and those that are asked.
#include "sim.h"

#include "base/check.h"

#define NOTIFIED_MS 12000u // after the 2xx, when nothing is lost, the first NOTIFY is here

static const struct {
	const char *method, *headers, *type, *body;
	enum cover done;
} kinds[] = {
	{ "MESSAGE", "Expires: 30\r\n", "application/im-iscomposing+xml", "<x/>", COVER_MESSAGE },
	{ "PUBLISH", "Event: presence\r\nExpires: 60\r\n", "application/pidf+xml", "<y/>",
		COVER_PUBLISH },
	{ "OPTIONS", "", NULL, "", COVER_OPTIONS },
	{ "LEVITATE", "", NULL, "", COVER_METHOD_REFUSED },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void subscribe(struct sim *sim, struct ua *ua, uint32_t expires_s)
{
	char headers[64];

	snprintf(headers, sizeof(headers), "Event: presence\r\nExpires: %u\r\n", expires_s);
	struct ua_request request = { .method = "SUBSCRIBE", .cseq = ++ua->local_cseq, .body = "",
		.headers = headers };
	ua->exchange.asked_s = expires_s;
	ua_request_send(sim, ua, &request);
}

void ua_exchange_start(struct sim *sim, struct ua *ua, const char *number)
{
	uint32_t kind = rng_below(&sim->rng, KINDS + 3);

	ua_name(ua, number);
	if (kind >= KINDS) {
		ua->role = UA_SUBSCRIBER;
		subscribe(sim, ua, sim_between(sim, 10, 60));
		return;
	}
	ua->role = UA_SENDER;
	struct ua_request request = { .method = kinds[kind].method, .cseq = ++ua->local_cseq,
		.headers = kinds[kind].headers, .type = kinds[kind].type,
		.body = kinds[kind].body };
	ua_request_send(sim, ua, &request);
}

// Who is asked by a request that begins something: a role of its own.
enum ua_role ua_exchange_role(const struct sip_msg *msg)
{
	switch (msg->method) {
	case SIP_METHOD_INVITE:
		return UA_CALLED;
	case SIP_METHOD_SUBSCRIBE:
		return UA_NOTIFIER;
	case SIP_METHOD_MESSAGE:
	case SIP_METHOD_PUBLISH:
	case SIP_METHOD_OPTIONS:
		return UA_ASKED;
	default:
		return UA_NONE;
	}
}

// Notifier ----------------------------------------------------------------------------------------

static void notify(struct sim *sim, struct ua *ua)
{
	char headers[128];
	struct ua_exchange *x = &ua->exchange;
	bool is_last = sim->now_ms >= x->end_ms;

	if (ua->other.is_active) {
		x->next_ms = sim->now_ms + 500;
		return;
	}
	snprintf(headers, sizeof(headers), "Event: presence\r\nSubscription-State: %s\r\n",
		is_last ? "terminated;reason=timeout" : "active;expires=30");
	struct ua_request request = { .method = "NOTIFY", .cseq = ++ua->local_cseq,
		.type = "application/pidf+xml", .body = "<z/>", .headers = headers };
	x->next_ms = is_last ? 0 : sim->now_ms + sim_between(sim, 3000, 12000);
	if (x->next_ms > x->end_ms)
		x->next_ms = x->end_ms;
	ua->is_over = is_last;
	ua_request_send(sim, ua, &request);
}

static void take_dialog(struct ua *ua, const struct sip_msg *msg)
{
	span_copy(msg->from.tag, ua->remote_tag, sizeof(ua->remote_tag));
	span_copy(msg->from.uri.text, ua->remote_uri, sizeof(ua->remote_uri));
	span_copy(msg->to.uri.text, ua->local_uri, sizeof(ua->local_uri));
	if (msg->contact_count)
		span_copy(msg->contact.uri.text, ua->target, sizeof(ua->target));
}

static void receive_subscribe(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	struct ua_exchange *x = &ua->exchange;
	bool is_new = msg->cseq.number > ua->remote_cseq;
	uint16_t status = ua->script.status >= 300 ? 489 : 200;

	if (is_new && ua->is_over) {
		ua_reply(sim, ua, msg, 481, "");
		return;
	}
	ua->remote_cseq = msg->cseq.number;
	if (is_new && msg->expires >= 0)
		x->granted_s = msg->expires > 40 ? 40 : (uint32_t)msg->expires;
	snprintf(ua->extra, sizeof(ua->extra), "Expires: %u\r\n", x->granted_s);
	take_dialog(ua, msg);
	ua_reply(sim, ua, msg, status, "");
	ua->extra[0] = 0;
	if (!is_new || status >= 300)
		return;
	x->end_ms = sim->now_ms + x->granted_s * 1000;
	x->next_ms = sim->now_ms + 1;
}

// Subscriber --------------------------------------------------------------------------------------

static void receive_notify(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	struct ua_exchange *x = &ua->exchange;
	const struct sip_header *state = sip_msg_header(msg, SIP_HEADER_SUBSCRIPTION_STATE);

	cover(sim, COVER_NOTIFY);
	x->is_notified = true;
	if (!ua->remote_tag[0])
		span_copy(msg->from.tag, ua->remote_tag, sizeof(ua->remote_tag));
	ua_reply(sim, ua, msg, 200, "");
	if (!state || !span_starts(state->value, SPAN_LIT("terminated")))
		return;
	cover(sim, x->asked_s ? COVER_SUBSCRIBE_EXPIRED : COVER_SUBSCRIBE_END);
	ua->is_over = true;
	x->next_ms = 0;
}

static void hear_subscribed(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	struct ua_exchange *x = &ua->exchange;

	if (msg->status >= 300) {
		ua->is_over = true;
		x->next_ms = 0;
		return;
	}
	span_copy(msg->to.tag, ua->remote_tag, sizeof(ua->remote_tag));
	if (msg->contact_count)
		span_copy(msg->contact.uri.text, ua->target, sizeof(ua->target));
	cover(sim, x->accepted_ms ? COVER_SUBSCRIBE_AGAIN : COVER_SUBSCRIBE);
	if (!x->accepted_ms)
		x->accepted_ms = sim->now_ms;
	if (x->asked_s && !ua->is_over && sim_chance(sim, 700))
		x->next_ms = sim->now_ms + 1 +
			(uint64_t)(msg->expires > 0 ? msg->expires : 1) * 500;
}

// Either ------------------------------------------------------------------------------------------

bool ua_exchange_receive(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	if (ua->role == UA_NOTIFIER && msg->method == SIP_METHOD_SUBSCRIBE)
		receive_subscribe(sim, ua, msg);
	else if (ua->role == UA_SUBSCRIBER && msg->method == SIP_METHOD_NOTIFY)
		receive_notify(sim, ua, msg);
	else if (ua->role == UA_ASKED)
		ua_reply(sim, ua, msg, ua->script.status == 302 ? 404 : ua->script.status, "");
	else
		return false;
	return true;
}

void ua_exchange_response(struct sim *sim, struct ua *ua, const struct sip_msg *msg)
{
	if (msg->status < 200)
		return;
	if (ua->role == UA_SUBSCRIBER && msg->cseq.method == SIP_METHOD_SUBSCRIBE &&
		ua->other.is_active && msg->cseq.number == ua->other.cseq)
		hear_subscribed(sim, ua, msg);
	for (uint32_t i = 0; i < KINDS && ua->role == UA_SENDER; i++)
		if (span_eq(span_str(kinds[i].method), msg->cseq.method_text) &&
			(msg->status < 300 || msg->status == 405))
			cover(sim, kinds[i].done);
}

void ua_exchange_run(struct sim *sim, struct ua *ua)
{
	struct ua_exchange *x = &ua->exchange;

	if (x->accepted_ms && !x->is_notified && sim_is_calm(sim) && !ua->is_excused &&
		sim->now_ms > x->accepted_ms + NOTIFIED_MS) {
		sim_fail(sim, "subscription: %s was accepted and never notified", ua->call_id);
		x->accepted_ms = 0;
	}
	if (!x->next_ms || sim->now_ms < x->next_ms || ua->is_dead)
		return;
	if (ua->role == UA_NOTIFIER) {
		notify(sim, ua);
	} else if (!ua->other.is_active) {
		x->next_ms = 0;
		subscribe(sim, ua, sim_chance(sim, 500) ? sim_between(sim, 10, 60) : 0);
	}
}

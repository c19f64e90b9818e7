#include "call/refer.h"

#include "call/ability.h"
#include "call/core_private.h"
#include "call/notify.h"
#include "call/replaces.h"

#define SUBSCRIPTION_S 180u // longer than any INVITE rings
#define REFER_TEXT_MAX 1024u

// In relay->data of a NOTIFY: the call ends with its answer.
#define IS_LAST 1u

// NOTIFY ------------------------------------------------------------------------------------------

static void notified(struct call *call, const struct sip_turn *turn, const struct relay *relay)
{
	struct call_hangup hangup = { .cause = CALL_CAUSE_TRANSFER, .code = 200 };

	if (relay->data == IS_LAST)
		call_hangup(call, turn, &hangup);
}

static void on_notify_response(struct call *call, const struct sip_turn *turn, struct relay *relay,
	const struct sip_msg *msg, struct leg_response *out)
{
	(void)msg, (void)out;
	notified(call, turn, relay);
}

static void on_notify_failed(struct call *call, const struct sip_turn *turn, struct relay *relay)
{
	notified(call, turn, relay);
}

static const struct relay_ops report_ops = {
	.response = on_notify_response,
	.failed = on_notify_failed,
};

bool refer_notify(struct transfer *transfer, const struct sip_turn *turn, uint16_t status)
{
	struct call *call = transfer->old;
	enum call_side referrer = call_other(transfer->stays);
	char text[128], head[256];
	struct sip_writer w, body;

	if (!transfer->is_reported || !call || call->is_finished ||
		!call->legs[referrer].dialog.is_confirmed)
		return false;
	sip_writer_init(&w, head, sizeof(head));
	sip_put_lit(&w, "Event: refer");
	if (transfer->has_event_id) {
		sip_put_lit(&w, ";id=");
		sip_put_u64(&w, transfer->refer_cseq);
	}
	sip_put_lit(&w, "\r\nSubscription-State: ");
	if (status < 200) {
		sip_put_lit(&w, "active;expires=");
		sip_put_u64(&w, SUBSCRIPTION_S);
	} else {
		sip_put_lit(&w, "terminated;reason=noresource");
	}
	sip_put_lit(&w, "\r\n");
	sip_writer_init(&body, text, sizeof(text));
	sip_put_status_line(&body, status, SPAN_NONE);
	struct leg_request request = { .side = referrer, .method = SIP_METHOD_NOTIFY,
		.headers = sip_writer_text(&w),
		.body = { .type = SPAN_LIT("message/sipfrag;version=2.0"),
			.data = sip_writer_text(&body) } };
	struct relay *relay = relay_start(call, turn, &report_ops, &request);
	if (relay && status >= 200 && status < 300)
		relay->data = IS_LAST;
	CORE_COUNT(call->core, notifies_sent);
	return relay;
}

// REFER -------------------------------------------------------------------------------------------

struct refer {
	struct call *call;
	const struct sip_turn *turn;
	struct relay *relay;
	const struct sip_msg *msg;
	enum call_side from;
	struct sip_name_addr to; // Refer-To
	char user[CALL_PARTY_MAX];
	struct span replaces;    // unescaped value, empty = none
	char text[REFER_TEXT_MAX];
	struct replaces_match match;
	struct sip_token elsewhere; // names the dialog that another worker has, 0 = none does
	struct route_decision route;
};

// "Replaces=..." among the headers of a URI (RFC 3261 19.1.1), unescaped. False: malformed.
static bool read_replaces(struct refer *r)
{
	struct span headers = r->to.uri.headers, one;

	while (span_cut(&headers, '&', &one)) {
		if (!span_istarts(one, SPAN_LIT("Replaces=")))
			continue;
		one = span_sub(one, 9, one.len - 9);
		return sip_unescape(one, r->text, sizeof(r->text), &r->replaces) == 0 &&
			!span_is_empty(r->replaces);
	}
	return true;
}

// 0, or the status to refuse with.
static uint16_t read_refer(struct refer *r)
{
	const struct sip_header *header = sip_msg_header(r->msg, SIP_HEADER_REFER_TO);
	struct sip_param method;
	struct span user;

	if (!header || sip_name_addr_parse(header->value, &r->to) < 0)
		return 400;
	if (r->to.uri.scheme != SIP_SCHEME_SIP && r->to.uri.scheme != SIP_SCHEME_SIPS &&
		r->to.uri.scheme != SIP_SCHEME_TEL)
		return 416;
	if (sip_param_find(r->to.uri.params, SPAN_LIT("method"), &method) &&
		!span_eq(method.value, SPAN_LIT("INVITE")))
		return 403;
	if (!read_replaces(r) || sip_uri_user(&r->to.uri, r->user, sizeof(r->user) - 1, &user) < 0)
		return 400;
	memmove(r->user, user.ptr ? user.ptr : "", user.len);
	r->user[user.len] = 0;
	return 0;
}

static const char *user_of(const struct call *call, enum call_side side)
{
	return side == CALL_LEG_A ? call->from_user : call->to_user;
}

// The referrer may have called only whom it may call itself.
static uint16_t find_route(struct refer *r)
{
	const struct core_env *env = core_env_of(r->turn);
	const struct call_leg *leg = &r->call->legs[r->from];
	struct route_query query = { .from_realm = leg->hop.listener >> 8,
		.from_trunk = config_find_trunk(env->config, span_str(leg->trunk)),
		.from = span_str(user_of(r->call, r->from)), .to = span_str(r->user) };

	switch (route_decide(env->config, &query, &r->route)) {
	case ROUTE_FOUND:
		return 0;
	case ROUTE_TOO_LONG:
		return 484;
	case ROUTE_NONE:
		break;
	}
	return 404;
}

// RFC 4488: the referrer wants no subscription.
static bool is_silent(const struct sip_msg *msg)
{
	const struct sip_header *sub = sip_msg_find(msg, SPAN_LIT("Refer-Sub"));

	return sub && span_istarts(span_trim(sub->value), SPAN_LIT("false"));
}

// Passed on: the other side calls our own address on its side, which routes the number, and knows a
// dialog to be replaced by the identifiers of its own far end.
static void put_replaces(struct sip_writer *w, const struct call_leg *leg)
{
	static const char hex[] = "0123456789ABCDEF";
	char text[REFER_TEXT_MAX];
	struct sip_writer plain;

	sip_writer_init(&plain, text, sizeof(text));
	sip_put(&plain, leg->dialog.call_id.text);
	sip_put_lit(&plain, ";to-tag=");
	sip_put(&plain, leg->dialog.remote_tag.text);
	sip_put_lit(&plain, ";from-tag=");
	sip_put(&plain, leg->dialog.local_tag.text);
	sip_put_lit(w, "?Replaces=");
	for (uint32_t i = 0; i < plain.len; i++) {
		uint8_t c = (uint8_t)text[i];

		if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') {
			sip_put_char(w, text[i]);
		} else if ((c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_') {
			sip_put_char(w, text[i]);
		} else {
			sip_put_char(w, '%');
			sip_put_char(w, hex[c >> 4]);
			sip_put_char(w, hex[c & 15]);
		}
	}
	w->is_overflowed |= plain.is_overflowed;
}

static enum relay_verdict pass_on(struct refer *r, struct leg_request *out)
{
	struct core *core = r->call->core;
	const struct core_env *env = core_env_of(r->turn);
	const struct call_leg *leg = &r->call->legs[call_other(r->from)];
	struct sip_local local = listener_local(env->config, leg->hop.listener);
	struct sip_writer w;

	sip_writer_init(&w, core->extra, sizeof(core->extra));
	sip_put_lit(&w, "Refer-To: <sip:");
	sip_put_escaped_user(&w, span_str(r->user));
	sip_put_char(&w, '@');
	sip_put_addr(&w, &local.sent_by);
	if (!span_is_empty(r->replaces)) {
		uint16_t status = replaces_find(core, r->replaces, &r->match);

		if (status) {
			CORE_COUNT(core, refers_refused);
			refuse_status(core, r->turn, r->relay->server, status);
			return RELAY_ANSWERED;
		}
		put_replaces(&w, &r->match.call->legs[call_other(r->match.side)]);
	}
	sip_put_lit(&w, ">\r\nReferred-By: <sip:");
	sip_put_escaped_user(&w, span_str(user_of(r->call, r->from)));
	sip_put_char(&w, '@');
	sip_put_addr(&w, &local.sent_by);
	sip_put_lit(&w, ">\r\n");
	if (is_silent(r->msg))
		sip_put_lit(&w, "Refer-Sub: false\r\n");
	if (w.is_overflowed) {
		refuse_status(core, r->turn, r->relay->server, 513);
		return RELAY_ANSWERED;
	}
	if (!is_silent(r->msg))
		notify_expect(r->call, r->from, r->msg->cseq.number);
	out->headers = sip_writer_text(&w);
	return RELAY_SEND;
}

// Whether it can be done at all is answered at once; what becomes of it is told by NOTIFY.
static uint16_t prepare(struct refer *r)
{
	uint16_t status = read_refer(r);

	if (status)
		return status;
	if (!transfer_is_possible(r->call))
		return 491;
	if (core_env_of(r->turn)->is_draining)
		return 503;
	if (span_is_empty(r->replaces))
		return find_route(r);
	status = replaces_find(r->call->core, r->replaces, &r->match);
	if (status == 481 && replaces_name(r->call->core, r->replaces, &r->elsewhere))
		return 0;
	if (status)
		return status;
	return r->match.call != r->call && transfer_is_possible(r->match.call) ? 0 : 491;
}

static void accept_refer(struct refer *r, const struct transfer *transfer)
{
	struct leg_response response = { .status = 202, .side = r->from };

	if (!transfer->is_reported)
		response.headers = SPAN_LIT("Refer-Sub: false\r\n");
	leg_respond(r->call, r->turn, r->relay->server, &response);
	r->relay->server = NULL;
}

// RFC 3892, with the referrer's number under our own host.
static struct span referred_by(struct refer *r, char *buf, uint32_t cap)
{
	const struct config *config = core_env_of(r->turn)->config;
	const struct sip_header *header = sip_msg_header(r->msg, SIP_HEADER_REFERRED_BY);
	const struct config_realm *realm =
		&config->realms[config->trunks[r->route.trunk].realm];
	struct sip_writer w;

	if (!header)
		return SPAN_NONE;
	sip_writer_init(&w, buf, cap);
	sip_put_lit(&w, "Referred-By: <sip:");
	sip_put_escaped_user(&w, span_str(user_of(r->call, r->from)));
	sip_put_char(&w, '@');
	sip_put_addr(&w, &realm->listeners[0].addr);
	sip_put_lit(&w, ">\r\n");
	return w.is_overflowed ? SPAN_NONE : sip_writer_text(&w);
}

static void call_target(struct refer *r, struct transfer *transfer)
{
	struct call *joined = transfer->joined;
	char line[256];

	call_set_text(joined, &joined->passed, referred_by(r, line, sizeof(line)));
	invite_originate(joined, r->turn, &r->route);
}

// Both calls must be at one worker: this one. Until it is here, the joined call only waits.
static void fetch(struct refer *r, struct transfer *transfer)
{
	const struct core_env *env = core_env_of(r->turn);
	struct call *joined = transfer->joined;
	struct outbox_fetch fetch = { .ticket = (uintptr_t)call_user(joined),
		.shard = r->elsewhere.shard, .name = r->elsewhere.value };

	transfer->is_fetching = true;
	invite_watch(joined, env);
	CORE_COUNT(joined->core, calls_fetched);
	if (!call_set_text(joined, &joined->offer_text, r->replaces) ||
		outbox_fetch(env->outbox, &fetch) < 0)
		transfer_fail(transfer, r->turn, 503);
}

static void ask_target(struct transfer *transfer, const struct sip_turn *turn)
{
	memcpy(transfer->joined->to_user, user_of(transfer->consult, transfer->target),
		CALL_PARTY_MAX);
	if (!transfer_take_target(transfer) || !transfer_ask_target(transfer, turn))
		transfer_fail(transfer, turn, 503);
}

void refer_fetched(struct transfer *transfer, const struct sip_turn *turn)
{
	struct call *joined = transfer->joined;
	struct replaces_match match;

	if (!transfer->is_fetching)
		return;
	transfer->is_fetching = false;
	uint16_t status = replaces_find(joined->core, joined->offer_text.text, &match);
	if (!status && (match.call == transfer->old || !transfer_is_possible(match.call)))
		status = 491;
	if (status) {
		transfer_fail(transfer, turn, status);
		return;
	}
	transfer->consult = match.call;
	match.call->transfer = transfer;
	transfer->target = call_other(match.side);
	ask_target(transfer, turn);
}

static void carry_out(struct refer *r)
{
	struct call *call = r->call;
	struct call *consult = span_is_empty(r->replaces) ? NULL : r->match.call;
	struct transfer *transfer = transfer_new(call, consult, core_env_of(r->turn));

	if (!transfer) {
		refuse_busy(call->core, r->turn, r->relay->server);
		return;
	}
	struct call_leg *leg = &call->legs[r->from];
	struct call *joined = transfer->joined;
	transfer->stays = call_other(r->from);
	transfer->target = call_other(r->match.side);
	transfer->is_reported = !is_silent(r->msg);
	transfer->has_event_id = leg->has_referred;
	transfer->refer_cseq = r->msg->cseq.number;
	leg->has_referred = true;
	joined->media.realm[CALL_LEG_A] = call->media.realm[transfer->stays];
	joined->max_forwards = call->max_forwards;
	if (call->is_emergency)
		emergency_mark(joined);
	memcpy(joined->from_user, user_of(call, transfer->stays), CALL_PARTY_MAX);
	memcpy(joined->to_user, r->user, CALL_PARTY_MAX);
	accept_refer(r, transfer);
	refer_notify(transfer, r->turn, 100);
	if (consult)
		ask_target(transfer, r->turn);
	else if (r->elsewhere.value)
		fetch(r, transfer);
	else
		call_target(r, transfer);
}

// Passed on, it would tell one realm the identifiers of a dialog in another: we carry it out.
static bool names_other_realm(struct refer *r)
{
	struct replaces_match match;

	if (span_is_empty(r->replaces) ||
		replaces_find(r->call->core, r->replaces, &match) != 0)
		return false;
	return match.call->legs[call_other(match.side)].hop.listener >> 8 !=
		r->call->legs[call_other(r->from)].hop.listener >> 8;
}

static enum relay_verdict on_refer(struct call *call, const struct sip_turn *turn,
	struct relay *relay, const struct sip_received *in, struct leg_request *out)
{
	struct core *core = call->core;
	const struct config_profile *profile =
		config_profile(core_env_of(turn)->config, call->legs[relay->from].profile);
	struct refer r = { .call = call, .turn = turn, .relay = relay, .msg = in->msg,
		.from = relay->from };

	CORE_COUNT(core, refers);
	if (profile->flow.refer == PROFILE_REFER_REJECT) {
		refuse_status(core, turn, relay->server, 603);
		return RELAY_ANSWERED;
	}
	bool is_passed = profile->flow.refer == PROFILE_REFER_PASS;
	uint16_t status = is_passed ? read_refer(&r) : prepare(&r);
	if (!status && is_passed && names_other_realm(&r)) {
		is_passed = false;
		status = prepare(&r);
	}
	if (status) {
		CORE_COUNT(core, refers_refused);
		refuse_status(core, turn, relay->server, status);
		return RELAY_ANSWERED;
	}
	if (is_passed)
		return pass_on(&r, out);
	// The 202 has gone out; the relay is over before the calls change.
	carry_out(&r);
	return RELAY_ANSWERED;
}

// Of one that was passed on.
static void on_refer_response(struct call *call, const struct sip_turn *turn, struct relay *relay,
	const struct sip_msg *msg, struct leg_response *out)
{
	(void)turn;
	if (msg->status >= 300 || is_silent(msg))
		notify_expect_none(call, relay->from);
	if (msg->status < 300 && is_silent(msg))
		out->headers = SPAN_LIT("Refer-Sub: false\r\n");
}

const struct relay_ops refer_ops = {
	.request = on_refer,
	.response = on_refer_response,
};

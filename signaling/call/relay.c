#include "call/relay.h"

#include "call/core_private.h"
#include "call/exchange.h"
#include "call/info.h"
#include "call/notify.h"
#include "call/refer.h"
#include "call/update.h"

// One row for each method that crosses.
static const struct relay_ops *const ops_of[SIP_METHOD_COUNT] = {
	[SIP_METHOD_INFO] = &info_ops,
	[SIP_METHOD_PRACK] = &prack_ops,
	[SIP_METHOD_UPDATE] = &update_ops,
	[SIP_METHOD_REFER] = &refer_ops,
	[SIP_METHOD_NOTIFY] = &notify_ops,
};

void relay_put_allow(struct sip_writer *w, const struct config_profile *profile)
{
	sip_put_lit(w, "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS");
	for (uint32_t method = 0; method < SIP_METHOD_COUNT; method++) {
		if (!ops_of[method])
			continue;
		sip_put_lit(w, ", ");
		sip_put(w, span_str(sip_method_name(method)));
	}
	exchange_put_methods(w, profile);
	sip_put_lit(w, "\r\n");
}

static struct relay *relay_new(struct call *call, const struct relay_ops *ops, enum call_side from)
{
	uint32_t count = 0;

	for (const struct relay *relay = call->relays; relay; relay = relay->next)
		count++;
	struct relay *relay = count < RELAYS_PER_CALL ? slab_get(call->core->relays) : NULL;
	if (!relay) {
		CORE_COUNT(call->core, relays_full);
		return NULL;
	}
	relay->ops = ops;
	relay->from = from;
	relay->fork = call->fork.number;
	relay->next = call->relays;
	call->relays = relay;
	return relay;
}

static void unlink_relay(struct call *call, const struct relay *relay)
{
	struct relay **link = &call->relays;

	while (*link && *link != relay)
		link = &(*link)->next;
	if (*link)
		*link = relay->next;
}

static void relay_free(struct call *call, struct relay *relay)
{
	unlink_relay(call, relay);
	slab_put(call->core->relays, relay);
}

static bool is_listed(const struct call *call, const struct relay *relay)
{
	const struct relay *at = call->relays;

	while (at && at != relay)
		at = at->next;
	return at;
}

static struct relay *find(const struct call *call, const struct sip_tx *tx)
{
	for (struct relay *relay = call->relays; relay; relay = relay->next)
		if (relay->server == tx || relay->client == tx)
			return relay;
	return NULL;
}

static bool relay_send(struct call *call, const struct sip_turn *turn, struct relay *relay,
	struct leg_request *request)
{
	struct sip_dialog *dialog = &call->legs[request->side].dialog;

	request->cseq = sip_dialog_next_cseq(dialog);
	relay->client = leg_send(call, turn, request);
	return relay->client != NULL;
}

// Whether something can be sent on the leg at all: an early dialog needs the far end's tag.
static bool is_ready(const struct call_leg *leg)
{
	return leg->has_dialog && !span_is_empty(leg->dialog.remote_tag.text);
}

// On the other leg, with the credentials that its far end has asked for.
static bool pass(struct call *call, const struct sip_turn *turn, struct relay *relay,
	const struct sip_msg *msg, struct leg_request *out)
{
	char lines[CORE_EXTRA_MAX];

	if (!is_ready(&call->legs[out->side]))
		return false;
	out->headers = hide_add_credentials(call, relay->from, msg, out->headers, lines);
	return relay_send(call, turn, relay, out);
}

void relay_take(struct call *call, const struct sip_turn *turn, struct sip_tx *tx,
	const struct relay_ops *ops, const struct relay_asked *asked)
{
	struct core *core = call->core;
	const struct sip_msg *msg = asked->in->msg;
	struct leg_request out = { .side = call_other(asked->side), .method = msg->method };
	struct relay *relay = relay_new(call, ops, asked->side);

	if (!relay) {
		refuse_busy(core, turn, tx);
		return;
	}
	relay->server = tx;
	sip_tx_set_user(tx, call_user(call));
	enum relay_verdict verdict = ops->request ?
		ops->request(call, turn, relay, asked->in, &out) : RELAY_SEND;
	if (verdict == RELAY_WAIT)
		return;
	if (verdict == RELAY_SEND && pass(call, turn, relay, msg, &out)) {
		CORE_COUNT(core, relayed);
		return;
	}
	if (verdict == RELAY_SEND) {
		if (ops->failed)
			ops->failed(call, turn, relay);
		if (is_listed(call, relay) && relay->server)
			refuse_busy(core, turn, tx);
	}
	// The hook may have ended the call, and all of its relays.
	if (is_listed(call, relay))
		relay_free(call, relay);
}

void relay_receive(struct call *call, const struct sip_turn *turn, struct sip_tx *tx,
	enum call_side side, const struct sip_received *in)
{
	struct core *core = call->core;
	const struct relay_ops *ops = ops_of[in->msg->method];
	struct relay_asked asked = { .side = side, .in = in };

	if (!ops)
		refuse_method(core, turn, tx);
	else if (call->is_finished)
		refuse_status(core, turn, tx, 481);
	else if (!refuse_extensions(core, turn, tx, in->msg,
			 config_profile(core_env_of(turn)->config, call->legs[side].profile)))
		relay_take(call, turn, tx, ops, &asked);
}

struct relay *relay_start(struct call *call, const struct sip_turn *turn,
	const struct relay_ops *ops, struct leg_request *request)
{
	struct relay *relay = relay_new(call, ops, call_other(request->side));

	if (relay && !relay_send(call, turn, relay, request)) {
		relay_free(call, relay);
		return NULL;
	}
	return relay;
}

static void respond(struct call *call, const struct sip_turn *turn, struct relay *relay,
	const struct leg_response *response)
{
	struct leg_response out = *response;

	out.side = relay->from;
	if (relay->server)
		leg_respond(call, turn, relay->server, &out);
	relay->server = NULL;
}

void relay_respond(struct call *call, const struct sip_turn *turn, struct relay *relay,
	const struct leg_response *response)
{
	respond(call, turn, relay, response);
	relay_free(call, relay);
}

// The far end knows the dialog no more, or is gone (RFC 3261 12.2.1.2).
static void end_call(struct call *call, const struct sip_turn *turn, const struct relay *relay,
	uint16_t status)
{
	struct call_hangup hangup = { .cause = CALL_CAUSE_DEAD_DIALOG, .code = status };

	if (relay->ops->ends_call && (status == 408 || status == 481))
		call_hangup(call, turn, &hangup);
}

// What it changes is that early dialog's.
static void return_to_fork(struct call *call, const struct relay *relay)
{
	if (relay->fork && face_is_wanted(call) && !call->legs[CALL_LEG_B].dialog.is_confirmed)
		fork_select(call, relay->fork);
}

bool relay_response(struct call *call, const struct sip_turn *turn, const struct sip_tx *tx,
	const struct sip_msg *msg)
{
	struct relay *relay = find(call, tx);

	if (!relay || relay->client != tx)
		return false;
	if (msg->status < 200)
		return true;
	struct leg_response out = { .status = msg->status };
	char lines[CORE_EXTRA_MAX];

	return_to_fork(call, relay);
	if (msg->status >= 300)
		out.headers = hide_error(call, call_other(relay->from), msg, &out.status);
	unlink_relay(call, relay);
	if (relay->ops->response)
		relay->ops->response(call, turn, relay, msg, &out);
	if (msg->status < 300 && relay->server)
		out.headers = hide_add_credentials(call, call_other(relay->from), msg, out.headers,
			lines);
	respond(call, turn, relay, &out);
	end_call(call, turn, relay, msg->status);
	slab_put(call->core->relays, relay);
	return true;
}

// A request that timed out is over for its sender, one that could not be sent is not.
static bool send_elsewhere(struct call *call, const struct sip_turn *turn, struct relay *relay)
{
	struct sip_tx *client =
		leg_send_elsewhere(call, turn, call_other(relay->from), relay->client);

	if (client)
		relay->client = client;
	return client != NULL;
}

// The server transaction of a request that timed out is over as well (RFC 4320 4.1), so that only
// other failures are heard of.
bool relay_failed(struct call *call, const struct sip_turn *turn, const struct sip_tx *tx,
	enum sip_tx_failure failure)
{
	struct relay *relay = find(call, tx);
	struct leg_response out = { .status = failure == SIP_TX_TRANSPORT ? 503 : 408 };

	if (!relay)
		return false;
	if (relay->server == tx) {
		relay_terminated(call, turn, tx);
		return true;
	}
	return_to_fork(call, relay);
	if (failure == SIP_TX_TRANSPORT && send_elsewhere(call, turn, relay))
		return true;
	CORE_COUNT(call->core, relays_failed);
	unlink_relay(call, relay);
	if (relay->ops->failed)
		relay->ops->failed(call, turn, relay);
	respond(call, turn, relay, &out);
	end_call(call, turn, relay, 408);
	slab_put(call->core->relays, relay);
	return true;
}

void relay_terminated(struct call *call, const struct sip_turn *turn, const struct sip_tx *tx)
{
	struct relay *relay = find(call, tx);

	if (!relay || relay->server != tx)
		return;
	relay->server = NULL;
	if (relay->client)
		return;
	return_to_fork(call, relay);
	unlink_relay(call, relay);
	if (relay->ops->failed)
		relay->ops->failed(call, turn, relay);
	slab_put(call->core->relays, relay);
}

void relay_end_all(struct call *call, const struct sip_turn *turn)
{
	call->invite.update = NULL;
	while (call->relays) {
		struct relay *relay = call->relays;

		if (relay->server && relay->ops->ended)
			relay->ops->ended(call, turn, relay);
		else if (relay->server)
			refuse_status(call->core, turn, relay->server, 487);
		relay_free(call, relay);
	}
}

static void end_dialog(struct call *call, const struct sip_turn *turn, struct relay *relay)
{
	if (relay->server)
		refuse_status(call->core, turn, relay->server, 481);
	relay_free(call, relay);
}

void relay_end_fork(struct call *call, const struct sip_turn *turn, uint32_t fork)
{
	struct relay *relay = call->relays, *next;

	for (; relay; relay = next) {
		next = relay->next;
		if (relay->fork == fork)
			end_dialog(call, turn, relay);
	}
}

void relay_end_others(struct call *call, const struct sip_turn *turn)
{
	struct relay *relay = call->relays, *next;

	for (; relay; relay = next) {
		next = relay->next;
		if (relay->fork && relay->fork != call->fork.number)
			end_dialog(call, turn, relay);
	}
}

void relay_forget_all(struct call *call)
{
	while (call->relays)
		relay_free(call, call->relays);
}

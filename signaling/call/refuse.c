#include "call/ability.h"
#include "call/core_private.h"

#define RETRY_MIN_S 5u
#define RETRY_SPREAD_S 6u

void refuse(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct refusal *refusal)
{
	// Of any other transaction than the one at hand we do not know whose it is.
	const struct config_profile *peer = core->peer_tx == tx ? core->peer : NULL;
	struct span reason = refusal->reason, text;
	struct sip_writer w;

	if (span_is_empty(reason) && peer)
		reason = edit_phrase(peer, refusal->status);
	sip_writer_init(&w, core->message, sizeof(core->message));
	sip_server_put_head(tx, &w, refusal->status, reason);
	if (peer)
		edit_put_agent(&w, peer, false);
	sip_put(&w, refusal->headers);
	sip_put_body(&w, SPAN_NONE, SPAN_NONE);
	CORE_COUNT(core, refused);
	text = peer ? edit_send(core, peer, sip_writer_text(&w)) : sip_writer_text(&w);
	if (w.is_overflowed ||
		sip_server_respond(core->txs, turn, tx, refusal->status, text) < 0)
		CORE_COUNT(core, responses_lost);
}

void refuse_status(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	uint16_t status)
{
	struct refusal refusal = { .status = status };

	refuse(core, turn, tx, &refusal);
}

// With jitter, so that they do not all come back at once. Valid until core->extra is used again.
static struct span retry_after(struct core *core, const struct core_env *env)
{
	struct sip_writer w;

	sip_writer_init(&w, core->extra, sizeof(core->extra));
	sip_put_header_u32(&w, SIP_HEADER_RETRY_AFTER,
		RETRY_MIN_S + rng_below(env->rng, RETRY_SPREAD_S));
	return sip_writer_text(&w);
}

void refuse_busy(struct core *core, const struct sip_turn *turn, struct sip_tx *tx)
{
	struct refusal refusal = { .status = 503,
		.headers = retry_after(core, core_env_of(turn)) };

	refuse(core, turn, tx, &refusal);
}

void refuse_early(struct core *core, const struct sip_turn *turn, struct sip_tx *tx)
{
	struct sip_writer w;

	sip_writer_init(&w, core->extra, sizeof(core->extra));
	sip_put_header_u32(&w, SIP_HEADER_RETRY_AFTER, rng_below(core_env_of(turn)->rng, 11));
	struct refusal refusal = { .status = 500, .headers = sip_writer_text(&w) };
	CORE_COUNT(core, glares);
	refuse(core, turn, tx, &refusal);
}

void refuse_method(struct core *core, const struct sip_turn *turn, struct sip_tx *tx)
{
	struct sip_writer w;

	sip_writer_init(&w, core->extra, sizeof(core->extra));
	relay_put_allow(&w, core->peer);
	struct refusal refusal = { .status = 405, .headers = sip_writer_text(&w) };
	CORE_COUNT(core, refused_method);
	refuse(core, turn, tx, &refusal);
}

// RFC 3261 8.2.2.3, by what the profile of the sender lets us serve.
static bool refuse_require(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_msg *msg, const struct config_profile *profile)
{
	struct sip_writer w;
	struct sip_list list;
	struct span option;
	bool is_first = true;

	sip_writer_init(&w, core->extra, sizeof(core->extra));
	sip_list_init(&list, msg, SIP_HEADER_REQUIRE);
	while (sip_list_next(&list, &option)) {
		if (ability_serves(profile, option))
			continue;
		sip_put(&w, is_first ? SPAN_LIT("Unsupported: ") : SPAN_LIT(", "));
		sip_put_value(&w, option);
		is_first = false;
	}
	if (is_first)
		return false;
	sip_put_lit(&w, "\r\n");
	struct refusal refusal = { .status = 420,
		.headers = w.is_overflowed ? SPAN_NONE : sip_writer_text(&w) };
	CORE_COUNT(core, refused_extension);
	refuse(core, turn, tx, &refusal);
	return true;
}

static bool refuse_body(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_msg *msg)
{
	struct refusal refusal = { .status = 415,
		.headers = SPAN_LIT("Accept-Encoding: identity\r\n") };
	const struct sip_header *coding = sip_msg_header(msg, SIP_HEADER_CONTENT_ENCODING);
	bool is_session = msg->method == SIP_METHOD_INVITE || msg->method == SIP_METHOD_UPDATE ||
		msg->method == SIP_METHOD_PRACK;

	if (span_is_empty(msg->body) || !is_session)
		return false;
	if (span_is_empty(msg->content_type))
		refusal = (struct refusal){ .status = 400,
			.reason = SPAN_LIT("Missing Content-Type") };
	else if (!coding || span_ieq(coding->value, SPAN_LIT("identity")))
		return false;
	CORE_COUNT(core, refused_body);
	refuse(core, turn, tx, &refusal);
	return true;
}

void refuse_type(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct config_profile *profile)
{
	struct refusal refusal = { .status = 415 };
	struct sip_writer w;

	sip_writer_init(&w, core->extra, sizeof(core->extra));
	body_put_accept(&w, profile);
	refusal.headers = w.is_overflowed ? SPAN_NONE : sip_writer_text(&w);
	CORE_COUNT(core, refused_body);
	refuse(core, turn, tx, &refusal);
}

bool refuse_extensions(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_msg *msg, const struct config_profile *profile)
{
	return refuse_require(core, turn, tx, msg, profile) || refuse_body(core, turn, tx, msg);
}

static bool has_own_via(const struct core *core, const struct sip_msg *msg)
{
	struct sip_list list;
	struct sip_token token;
	struct sip_via via;
	struct span text;

	sip_list_init(&list, msg, SIP_HEADER_VIA);
	while (sip_list_next(&list, &text))
		if (sip_via_parse(text, &via) == 0 &&
			sip_branch_verify(&core->keys, via.branch, &token))
			return true;
	return false;
}

// A proxy behind us may send our INVITE back to be routed to somebody else (RFC 3261 16.3): then
// its Request-URI names neither whom we called by it nor who was dialled before. Max-Forwards,
// which we count down from call to call, bounds what two such places could do to each other.
static bool is_spiral(const struct core *core, const struct sip_msg *msg, uint64_t name)
{
	const struct call_leg *leg = leg_lookup(core, name);
	char now_text[CALL_PARTY_MAX], sent_text[CALL_PARTY_MAX];
	struct span now, sent;
	struct sip_uri uri;

	if (!leg || leg->call->answered_ms || leg->call->is_finished || msg->max_forwards < 0 ||
		sip_uri_parse(leg->dialog.remote_target.text, &uri) < 0 ||
		sip_uri_user(&uri, sent_text, sizeof(sent_text), &sent) < 0 ||
		sip_uri_user(&msg->uri, now_text, sizeof(now_text), &now) < 0)
		return false;
	return !span_is_empty(now) && !span_eq(now, sent) &&
		!span_eq(now, span_str(leg->call->to_user));
}

// Our own token in a Via, or in the Call-ID of a request that starts a dialog: it came back to us.
static bool is_looped(struct core *core, const struct sip_msg *msg)
{
	struct sip_token token;
	bool has_via = has_own_via(core, msg);

	if (!sip_token_verify(&core->keys, SIP_TOKEN_CALL_ID, msg->call_id, &token))
		return has_via;
	if (!has_via || !is_spiral(core, msg, token.value))
		return true;
	CORE_COUNT(core, spirals);
	return false;
}

static bool is_secure(const struct sip_turn *turn, const struct sip_hop *hop)
{
	struct sip_local local = listener_local(core_env_of(turn)->config, hop->listener);

	return sip_transport_is_secure(local.transport);
}

// Outside dialogs; whether the peer may is seen later.
static bool is_served(enum sip_method method)
{
	return method == SIP_METHOD_INVITE || method == SIP_METHOD_OPTIONS ||
		method == SIP_METHOD_MESSAGE || method == SIP_METHOD_PUBLISH ||
		method == SIP_METHOD_SUBSCRIBE;
}

bool refuse_request(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in)
{
	const struct sip_msg *msg = in->msg;
	enum sip_scheme scheme = msg->uri.scheme;

	// BYE and others that live in dialogs only do not exist without one.
	if (msg->method == SIP_METHOD_BYE || msg->method == SIP_METHOD_UPDATE ||
		msg->method == SIP_METHOD_PRACK || msg->method == SIP_METHOD_NOTIFY ||
		msg->method == SIP_METHOD_INFO) {
		refuse_status(core, turn, tx, 481);
		return true;
	}
	if (!is_served(msg->method)) {
		refuse_method(core, turn, tx);
		return true;
	}
	// What is to be secure must have come so (RFC 3261 26.2.2).
	if (scheme != SIP_SCHEME_SIP && scheme != SIP_SCHEME_TEL &&
		!sip_uri_is_emergency(&msg->uri) &&
		(scheme != SIP_SCHEME_SIPS || !is_secure(turn, &in->hop))) {
		CORE_COUNT(core, refused_scheme);
		refuse_status(core, turn, tx, 416);
		return true;
	}
	if (identity_is_refused(msg) &&
		!emergency_is(core_env_of(turn), in->hop.listener >> 8, msg)) {
		struct refusal refusal = { .status = 500,
			.reason = SPAN_LIT("Privacy Not Available") };

		CORE_COUNT(core, refused_privacy);
		refuse(core, turn, tx, &refusal);
		return true;
	}
	if (is_looped(core, msg)) {
		CORE_COUNT(core, refused_loop);
		refuse_status(core, turn, tx, 482);
		return true;
	}
	// OPTIONS with Max-Forwards 0 asks whoever it reached: us (RFC 3261 11).
	if (msg->max_forwards == 0 && msg->method == SIP_METHOD_INVITE) {
		CORE_COUNT(core, refused_hops);
		refuse_status(core, turn, tx, 483);
		return true;
	}
	const struct config *config = core_env_of(turn)->config;
	int trunk = trunk_find(config, &in->hop);
	return refuse_extensions(core, turn, tx, msg,
		config_profile(config, trunk < 0 ? 0 : config->trunks[trunk].profile));
}

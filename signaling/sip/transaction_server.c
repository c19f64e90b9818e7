// transaction_server.c - server transactions: requests, CANCEL, ACK, responses, stateless answers.

#include "sip/transaction_private.h"

#include <errno.h>

// RFC 3261 17.2.3. ACK and CANCEL look for their INVITE; without the magic cookie the old rules
// hold.
static struct tx_key server_key(const struct sip_transactions *txs, const struct sip_msg *msg,
	struct span method)
{
	const struct sip_via *via = &msg->via;
	if (via->is_rfc3261) {
		struct span parts[4] = { via->branch, via->host,
			span_make((const char *)&via->port, sizeof(via->port)), method };
		return tx_key_make(txs, TX_KEY_SERVER, parts, 4);
	}
	struct span parts[6] = { msg->uri.text, msg->from.tag,
		msg->call_id, span_make((const char *)&msg->cseq.number, sizeof(msg->cseq.number)),
		via->text, method };
	return tx_key_make(txs, TX_KEY_SERVER_2543, parts, 6);
}

// RFC 3261 8.2.2.2: the same request by another way. 0: none can be told for this one.
static uint64_t merge_key(const struct sip_transactions *txs, const struct sip_msg *msg)
{
	if (msg->to.tag.len || !msg->from.tag.len)
		return 0;
	struct span parts[4] = { msg->from.tag, msg->call_id,
		span_make((const char *)&msg->cseq.number, sizeof(msg->cseq.number)),
		msg->method_text };
	return tx_key_make(txs, TX_KEY_MERGE, parts, 4).a | 1ull << 63;
}

static struct span method_wanted(const struct sip_msg *msg)
{
	if (msg->method == SIP_METHOD_ACK || msg->method == SIP_METHOD_CANCEL)
		return SPAN_LIT("INVITE");
	return msg->method_text;
}

// Back on the connection that the request came by, else by a new one (RFC 3261 18.2.2, RFC 5923),
// which no WebSocket client listens for (RFC 7118 5).
struct sip_hop server_hop(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_received *in)
{
	struct sip_local local =
		txs->params.ops->local(txs->params.context, turn, in->hop.listener);
	struct sip_hop hop = in->hop;
	hop.addr = sip_reply_target(in->msg, &in->hop.addr, local.transport);
	hop.is_bound |= !hop.is_dialled && (local.transport == SIP_TRANSPORT_WS ||
		local.transport == SIP_TRANSPORT_WSS);
	return hop;
}

bool sip_transactions_knows(const struct sip_transactions *txs, const struct sip_msg *request)
{
	struct tx_key key = server_key(txs, request, method_wanted(request));
	return tx_lookup(txs, &key) != NULL;
}

// Stateless answers ----------

static void reply_send(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_received *in, const struct sip_reply *reply)
{
	struct sip_writer w;
	sip_writer_init(&w, txs->buffer, sizeof(txs->buffer));
	sip_put_reply(&w, reply);
	if (reply->status == 503 && txs->params.retry_after_s)
		sip_put_header_u32(&w, SIP_HEADER_RETRY_AFTER, txs->params.retry_after_s);
	sip_put_body(&w, SPAN_NONE, SPAN_NONE);
	if (w.is_overflowed)
		return;
	struct sip_hop hop = server_hop(txs, turn, in);
	txs->params.ops->send(txs->params.context, turn, &hop, sip_writer_text(&w), 0);
}

void sip_reply_stateless(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_received *in, uint16_t status, struct span reason)
{
	const struct sip_msg *msg = in->msg;
	const struct sip_header *call_id = sip_msg_header(msg, SIP_HEADER_CALL_ID);
	if (!msg->is_request || msg->method == SIP_METHOD_ACK)
		return;
	// The same request gets the same tag each time (RFC 3261 8.2.7).
	struct tx_key key = server_key(txs, msg, method_wanted(msg));
	struct sip_token token = {
		.shard = (uint16_t)sip_callid_shard(
			&txs->params.keys, call_id ? call_id->value : SPAN_NONE),
		.value = key.a & SIP_TOKEN_VALUE_MAX,
	};
	char tag[SIP_TOKEN_LEN];
	sip_token_make(&txs->params.keys, SIP_TOKEN_STATELESS, &token, tag);
	struct sip_reply reply = {
		.request = msg,
		.source = in->hop.addr,
		.status = status,
		.reason = reason,
		.tag = span_make(tag, sizeof(tag)),
	};
	reply_send(txs, turn, in, &reply);
}

// Requests ----------

void server_put_fixed(struct sip_writer *w, const struct sip_received *in)
{
	const struct sip_msg *msg = in->msg;
	sip_put_reply_vias(w, msg, &in->hop.addr);
	sip_put_header(w, SIP_HEADER_FROM, msg->from.text);
	sip_put_header(w, SIP_HEADER_CALL_ID, msg->call_id);
	sip_put_cseq(w, msg->cseq.number, msg->method_text);
}

// Keeps what every response needs, so that the request itself may go.
static bool head_store(
	struct sip_transactions *txs, struct sip_tx *tx, const struct sip_received *in)
{
	const struct sip_msg *msg = in->msg;
	struct sip_writer w;
	sip_writer_init(&w, txs->buffer, sizeof(txs->buffer));
	server_put_fixed(&w, in);
	tx->live->head_fixed = w.len;
	sip_put_headers_of(&w, msg, SIP_HEADER_RECORD_ROUTE);
	tx->live->head_routes = w.len - tx->live->head_fixed;
	sip_put_value(&w, msg->to.text);
	return !w.is_overflowed && tx_store(txs, &tx->live->head, sip_writer_text(&w));
}

// What a new server transaction is found by.
struct server_keys {
	struct tx_key key;
	uint64_t merge;
};

// For a request without a To tag: ours, until the TU has one of its own.
static void make_tag(const struct sip_transactions *txs, const struct sip_msg *msg,
	struct sip_tx *tx)
{
	struct sip_token token = {
		.shard = (uint16_t)sip_callid_shard(&txs->params.keys, msg->call_id),
		.value = tx->key.a & SIP_TOKEN_VALUE_MAX,
	};
	sip_token_make(&txs->params.keys, SIP_TOKEN_TAG, &token, tx->live->tag);
	tx->live->tag_len = SIP_TOKEN_LEN;
}

static struct sip_tx *server_new(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct server_keys *keys, const struct sip_received *in)
{
	const struct sip_msg *msg = in->msg;
	struct sip_tx *tx = tx_new(txs, &keys->key, keys->merge);
	if (!tx)
		return NULL;
	if (!head_store(txs, tx, in)) {
		tx_discard(txs, tx);
		return NULL;
	}
	bool is_invite = msg->method == SIP_METHOD_INVITE;
	tx->kind = is_invite ? SIP_TX_INVITE_SERVER : SIP_TX_SERVER;
	tx->state = is_invite ? SIP_TX_PROCEEDING : SIP_TX_TRYING;
	tx->method = (uint8_t)msg->method;
	tx->live->hop = server_hop(txs, turn, in);
	tx->is_reliable = tx_is_reliable(txs, turn, in->hop.listener);
	tx->has_to_tag = msg->to.tag.len != 0;
	if (!is_invite) // its final answer is kept until the ACK
		tx->live->identity = rest_identity(txs, msg);
	if (!tx->has_to_tag)
		make_tag(txs, msg, tx);
	metric_add(&txs->metrics.server_started, 1);
	return tx;
}

// RFC 4320 4.1: when the client's timer E has reached T2, a 100 is due, and not before.
static uint32_t slow_client_ms(const struct sip_transactions_params *params)
{
	uint32_t sum = 0;
	for (uint32_t interval = params->t1_ms; interval < params->t2_ms; interval *= 2)
		sum += interval;
	return sum;
}

static void request_new(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_received *in, const struct tx_key *key)
{
	struct server_keys keys = { .key = *key, .merge = merge_key(txs, in->msg) };
	if (keys.merge && tx_lookup_merge(txs, keys.merge)) {
		metric_add(&txs->metrics.refused_merged, 1);
		sip_reply_stateless(txs, turn, in, 482, SPAN_NONE);
		return;
	}
	struct sip_tx *tx = server_new(txs, turn, &keys, in);
	if (!tx) {
		metric_add(&txs->metrics.refused_full, 1);
		sip_reply_stateless(txs, turn, in, 503, SPAN_NONE);
		return;
	}
	if (tx->kind == SIP_TX_SERVER) {
		tx_timer_end(txs, turn, tx, 64 * txs->params.t1_ms);
		if (!tx->is_reliable)
			tx_timer_retry(txs, turn, tx, slow_client_ms(&txs->params));
	}
	txs->params.ops->on_request(txs->params.context, turn, tx, in);
	if (tx->kind == SIP_TX_INVITE_SERVER && tx->state == SIP_TX_PROCEEDING && tx->status == 0)
		sip_server_respond_simple(txs, turn, tx, 100, SPAN_NONE);
}

static void ack_receive(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_received *in, struct sip_tx *tx)
{
	struct sip_token token;
	if (tx && tx_allows(tx, TX_EV_ACK)) {
		tx_step(txs, turn, tx, TX_EV_ACK, &(struct tx_input){ .in = in });
		return;
	}
	if (sip_token_verify(&txs->params.keys, SIP_TOKEN_STATELESS, in->msg->to.tag, &token)) {
		metric_add(&txs->metrics.acks_stateless, 1);
		return;
	}
	if (!tx)
		metric_add(&txs->metrics.acks_stray, 1);
	txs->params.ops->on_ack(txs->params.context, turn, in);
}

// RFC 3261 9.2. Answered without a transaction of its own: the same CANCEL gets the same answer
// again.
static void cancel_receive(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_received *in, struct sip_tx *tx)
{
	if (!tx || tx->kind != SIP_TX_INVITE_SERVER) {
		metric_add(&txs->metrics.refused_cancel, 1);
		sip_reply_stateless(txs, turn, in, 481, SPAN_NONE);
		return;
	}
	struct sip_reply reply = {
		.request = in->msg,
		.source = in->hop.addr,
		.status = 200,
		.tag = sip_server_tag(tx),
	};
	reply_send(txs, turn, in, &reply);
	if (tx->is_cancelled || tx->state != SIP_TX_PROCEEDING)
		return;
	tx->is_cancelled = true;
	txs->params.ops->on_cancel(txs->params.context, turn, tx, in);
}

void server_receive(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_received *in)
{
	const struct sip_msg *msg = in->msg;
	struct tx_key key = server_key(txs, msg, method_wanted(msg));
	struct sip_tx *tx = tx_lookup(txs, &key);
	if (msg->method == SIP_METHOD_ACK) {
		ack_receive(txs, turn, in, tx);
	} else if (msg->method == SIP_METHOD_CANCEL) {
		cancel_receive(txs, turn, in, tx);
	} else if (tx) {
		metric_add(&txs->metrics.requests_repeated, 1);
		tx_step(txs, turn, tx, TX_EV_REQUEST, &(struct tx_input){ .in = in });
	} else {
		request_new(txs, turn, in, &key);
	}
}

// Responses ----------

void sip_server_set_tag(struct sip_tx *tx, struct span tag)
{
	if (tag.len == 0 || tag.len > SIP_TX_TAG_MAX || !tx->live)
		return;
	memcpy(tx->live->tag, tag.ptr, tag.len);
	tx->live->tag_len = (uint16_t)tag.len;
}

struct span sip_server_tag(const struct sip_tx *tx)
{
	return tx->live ? span_make(tx->live->tag, tx->live->tag_len) : rest_tag(tx);
}

void sip_server_put_head(const struct sip_tx *tx, struct sip_writer *w, uint16_t status,
	struct span reason)
{
	const struct tx_live *live = tx->live;
	sip_put_status_line(w, status, reason);
	if (!live) // it was answered and acknowledged: sip_server_respond() takes nothing more
		return;
	const char *lines = live->head->data;
	uint32_t to = live->head_fixed + live->head_routes;
	sip_put(w, span_make(lines, live->head_fixed));
	if (status > 100 && status < 300)
		sip_put(w, span_make(lines + live->head_fixed, live->head_routes));
	sip_put_lit(w, "To: ");
	sip_put(w, span_make(lines + to, live->head->len - to));
	if (!tx->has_to_tag && status != 100) {
		sip_put_lit(w, ";tag=");
		sip_put(w, sip_server_tag(tx));
	}
	sip_put_lit(w, "\r\n");
}

static bool is_early(const struct sip_tx *tx, uint16_t status)
{
	return status < 200 &&
		(status > 100 || tx->is_reliable || timer_is_armed(&tx->live->retry));
}

int sip_server_respond(struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx,
	uint16_t status, struct span data)
{
	enum tx_event event = tx_event_of(status);
	// RFC 4320 4.2: nobody waits any more for a 408 to anything but INVITE; 4.1: only 100, and
	// only when it is due (tx_step()), may come before its final answer.
	bool is_futile = tx->kind == SIP_TX_SERVER && tx->live &&
		(status == 408 || is_early(tx, status));
	if (!tx->live || is_futile || !tx_allows(tx, event)) {
		metric_add(&txs->metrics.responses_late, 1);
		return -EALREADY;
	}
	tx->status = status;
	tx_step(txs, turn, tx, event, &(struct tx_input){ .data = data });
	return tx->rest || (tx->live && tx->live->out) ? 0 : -ENOMEM;
}

int sip_server_respond_simple(struct sip_transactions *txs, const struct sip_turn *turn,
	struct sip_tx *tx, uint16_t status, struct span reason)
{
	struct sip_writer w;
	sip_writer_init(&w, txs->buffer, sizeof(txs->buffer));
	sip_server_put_head(tx, &w, status, reason);
	sip_put_body(&w, SPAN_NONE, SPAN_NONE);
	return w.is_overflowed ? -ENOMEM
			       : sip_server_respond(txs, turn, tx, status, sip_writer_text(&w));
}

void sip_server_acked(struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx)
{
	if (tx->kind != SIP_TX_INVITE_SERVER || tx->state != SIP_TX_ACCEPTED)
		return;
	(void)turn;
	tx->is_acked = true;
	if (tx->live) {
		timer_stop(txs->wheel, &tx->live->retry);
		rest_shrink(txs, tx);
	}
}

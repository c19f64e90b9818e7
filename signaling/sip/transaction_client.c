// transaction_client.c - client transactions: start, responses, ACK of non-2xx, CANCEL.

#include "sip/parse.h"
#include "sip/transaction_private.h"

static struct tx_key client_key(
	const struct sip_transactions *txs, struct span branch, struct span method)
{
	// RFC 3261 17.1.3: branch of the top Via and method of CSeq; a CANCEL shares the branch.
	struct span parts[2] = { branch, method };
	return tx_key_make(txs, TX_KEY_CLIENT, parts, 2);
}

static struct sip_tx *client_new(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_client_params *params)
{
	struct tx_key key = client_key(txs, params->branch, params->method_text);
	struct sip_tx *tx = tx_new(txs, &key, 0);
	if (!tx)
		return NULL;
	struct tx_live *live = tx->live;
	if (!tx_store(txs, &live->out, params->data) ||
		(params->hop.tls_name.len &&
			!tx_store(txs, &live->tls_name, params->hop.tls_name))) {
		tx_discard(txs, tx);
		return NULL;
	}
	tx->kind = params->method == SIP_METHOD_INVITE ? SIP_TX_INVITE_CLIENT : SIP_TX_CLIENT;
	tx->state = SIP_TX_CALLING;
	tx->method = (uint8_t)params->method;
	live->hop = params->hop;
	live->hop.tls_name = live->tls_name ? span_make(live->tls_name->data, live->tls_name->len)
					    : SPAN_NONE;
	tx->is_reliable = tx_is_reliable(txs, turn, live->hop.listener);
	tx->user = params->user;
	metric_add(&txs->metrics.client_started, 1);
	if (!tx->is_reliable)
		tx_timer_retry(txs, turn, tx, txs->params.t1_ms); // A, E
	tx_timer_end(txs, turn, tx, 64 * txs->params.t1_ms);  // B, F
	tx_send(txs, turn, tx, params->data);
	return tx;
}

struct sip_tx *sip_client_start(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_client_params *params)
{
	struct sip_client_params stream;
	if (!size_prefers_stream(txs, turn, params, &stream))
		return client_new(txs, turn, params);
	struct sip_tx *tx = client_new(txs, turn, &stream);
	if (tx) {
		tx->live->fallback = params->hop.listener;
		tx->has_fallback = true;
	}
	return tx;
}

void client_receive(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_received *in)
{
	const struct sip_msg *msg = in->msg;
	struct tx_key key = client_key(txs, msg->via.branch, msg->cseq.method_text);
	struct sip_tx *tx = tx_lookup(txs, &key);
	if (!tx) {
		metric_add(&txs->metrics.responses_stray, 1);
		txs->params.ops->on_stray_response(txs->params.context, turn, in);
		return;
	}
	if (tx->state == SIP_TX_COMPLETED || tx->state == SIP_TX_ACCEPTED)
		metric_add(&txs->metrics.responses_repeated, 1);
	tx_step(txs, turn, tx, tx_event_of(msg->status), &(struct tx_input){ .in = in });
}

// Parses the stored INVITE into the scratch message. False: it is gone.
static bool scratch_parse(struct sip_transactions *txs, const struct sip_tx *tx)
{
	struct sip_fault fault;
	const struct sip_stored *out = tx->live ? tx->live->out : NULL;
	return out && sip_parse(span_make(out->data, out->len), &txs->scratch, &fault) == 0 &&
		txs->scratch.method == SIP_METHOD_INVITE;
}

// What the ACK takes from the INVITE. Its lines are written by `w`. False: it is gone.
static bool ack_make(struct sip_transactions *txs, struct sip_tx *tx, struct sip_writer *w,
	struct tx_ack *ack)
{
	if (!scratch_parse(txs, tx))
		return false;
	// By name it is not what the listener says of itself.
	if (ip_is_unset(&txs->scratch.via.ip))
		sip_put_header(w, SIP_HEADER_VIA, txs->scratch.via.text);
	sip_put_headers_of(w, &txs->scratch, SIP_HEADER_ROUTE);
	sip_put_headers_of(w, &txs->scratch, SIP_HEADER_SESSION_ID); // RFC 7989 6
	*ack = (struct tx_ack){ .hop = tx->live->hop, .uri = txs->scratch.uri.text,
		.lines = sip_writer_text(w),
		.identity = rest_identity(txs, &txs->scratch) };
	return !w->is_overflowed;
}

// RFC 3261 17.1.1.3: the INVITE's Request-URI, Via and route, the rest as in its answer.
static void put_ack(struct sip_transactions *txs, const struct sip_turn *turn,
	struct sip_writer *w, const struct tx_ack *ack, const struct sip_msg *answer)
{
	struct sip_local local =
		txs->params.ops->local(txs->params.context, turn, ack->hop.listener);
	struct sip_via_out via = { .transport = sip_transport_name(local.transport),
		.sent_by = local.sent_by, .branch = answer->via.branch };
	sip_put_request_line(w, SPAN_LIT("ACK"), ack->uri);
	if (!span_starts(ack->lines, SPAN_LIT("Via:")))
		sip_put_via(w, &via);
	sip_put_header_u32(w, SIP_HEADER_MAX_FORWARDS, 70);
	sip_put(w, ack->lines);
	sip_put_header(w, SIP_HEADER_FROM, answer->from.text);
	sip_put_header(w, SIP_HEADER_TO, answer->to.text);
	sip_put_header(w, SIP_HEADER_CALL_ID, answer->call_id);
	sip_put_cseq(w, answer->cseq.number, SPAN_LIT("ACK"));
	sip_put_body(w, SPAN_NONE, SPAN_NONE);
}

void client_send_ack(struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in)
{
	struct sip_writer routes, w;
	struct tx_ack ack;
	sip_writer_init(&routes, txs->buffer, sizeof(txs->buffer));
	if (!rest_get_ack(tx, &ack)) {
		if (!ack_make(txs, tx, &routes, &ack))
			return;
		// Without room for that, the INVITE itself stays.
		rest_take_ack(txs, tx, &ack);
	}
	if (ack.identity != rest_identity(txs, in->msg))
		return;
	sip_writer_init(&w, txs->buffer + routes.len, (uint32_t)sizeof(txs->buffer) - routes.len);
	put_ack(txs, turn, &w, &ack, in->msg);
	if (!w.is_overflowed)
		tx_send_by(txs, turn, tx, &ack.hop, sip_writer_text(&w));
}

// RFC 3261 9.1: all of the INVITE's identity.
static void put_cancel(struct sip_transactions *txs, struct sip_writer *w)
{
	const struct sip_msg *invite = &txs->scratch;
	sip_put_request_line(w, SPAN_LIT("CANCEL"), invite->uri.text);
	sip_put_header(w, SIP_HEADER_VIA, invite->via.text);
	sip_put_header_u32(w, SIP_HEADER_MAX_FORWARDS, 70);
	sip_put_headers_of(w, invite, SIP_HEADER_ROUTE);
	sip_put_header(w, SIP_HEADER_FROM, invite->from.text);
	sip_put_header(w, SIP_HEADER_TO, invite->to.text);
	sip_put_header(w, SIP_HEADER_CALL_ID, invite->call_id);
	sip_put_headers_of(w, invite, SIP_HEADER_SESSION_ID);
	sip_put_cseq(w, invite->cseq.number, SPAN_LIT("CANCEL"));
}

void client_send_cancel(
	struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx)
{
	struct sip_writer w;
	if (!scratch_parse(txs, tx))
		return;
	sip_writer_init(&w, txs->buffer, sizeof(txs->buffer));
	put_cancel(txs, &w);
	if (tx->live->head)
		sip_put(&w, span_make(tx->live->head->data, tx->live->head->len));
	sip_put_body(&w, SPAN_NONE, SPAN_NONE);
	if (w.is_overflowed)
		return;
	struct sip_client_params params = {
		.data = sip_writer_text(&w),
		.branch = txs->scratch.via.branch,
		.method = SIP_METHOD_CANCEL,
		.method_text = SPAN_LIT("CANCEL"),
		.hop = tx->live->hop,
	};
	struct sip_tx *cancel = client_new(txs, turn, &params);
	if (cancel)
		cancel->is_internal = true;
	else // full: once, unrepeated, is better than never
		tx_send(txs, turn, tx, params.data);
	tx->is_cancel_sent = true;
	tx_timer_end(txs, turn, tx, 64 * txs->params.t1_ms);
}

struct span sip_client_request(const struct sip_tx *tx)
{
	const struct sip_stored *out = tx->live ? tx->live->out : NULL;

	return out ? span_make(out->data, out->len) : SPAN_NONE;
}

void sip_client_cancel(struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx,
	struct span extra)
{
	if (tx->kind != SIP_TX_INVITE_CLIENT || tx->is_cancelled)
		return;
	if (tx->state != SIP_TX_CALLING && tx->state != SIP_TX_PROCEEDING)
		return;
	tx->is_cancelled = true;
	if (extra.len)
		tx_store(txs, &tx->live->head, extra);
	if (tx->state == SIP_TX_PROCEEDING)
		client_send_cancel(txs, turn, tx);
}

// transaction_client.c - client transactions: start, responses, ACK of non-2xx, CANCEL.

#include "sip/parse.h"
#include "sip/transaction_private.h"

static struct tx_key client_key(
	const struct sip_transactions *txs, struct span branch, struct span method)
{
	// RFC 3261 17.1.3: branch of the top Via and method of CSeq; a CANCEL shares the branch.
	struct span parts[3] = { SPAN_LIT("client"), branch, method };
	return tx_key_make(txs, parts, 3);
}

static struct sip_tx *client_new(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_client_params *params)
{
	struct tx_key key = client_key(txs, params->branch, params->method_text);
	struct sip_tx *tx = tx_new(txs, &key, NULL);
	if (!tx)
		return NULL;
	if (!tx_store(txs, &tx->out, params->data) ||
		(params->hop.tls_name.len &&
			!tx_store(txs, &tx->tls_name, params->hop.tls_name))) {
		tx_discard(txs, tx);
		return NULL;
	}
	tx->kind = params->method == SIP_METHOD_INVITE ? SIP_TX_INVITE_CLIENT : SIP_TX_CLIENT;
	tx->state = SIP_TX_CALLING;
	tx->method = (uint8_t)params->method;
	tx->hop = params->hop;
	tx->hop.tls_name = tx->tls_name ? span_make(tx->tls_name->data, tx->tls_name->len)
					: SPAN_NONE;
	tx->is_reliable = tx_is_reliable(txs, turn, tx->hop.listener);
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
		tx->fallback = params->hop.listener;
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

// Start line to CSeq of an ACK or CANCEL that repeats our INVITE's identity (RFC 3261 9.1,
// 17.1.1.3).
static void put_companion(struct sip_transactions *txs, struct sip_writer *w, struct span method,
	struct span to)
{
	const struct sip_msg *invite = &txs->scratch;
	sip_put_request_line(w, method, invite->uri.text);
	sip_put_header(w, SIP_HEADER_VIA, invite->via.text);
	sip_put_header_u32(w, SIP_HEADER_MAX_FORWARDS, 70);
	sip_put_headers_of(w, invite, SIP_HEADER_ROUTE);
	sip_put_header(w, SIP_HEADER_FROM, invite->from.text);
	sip_put_header(w, SIP_HEADER_TO, to);
	sip_put_header(w, SIP_HEADER_CALL_ID, invite->call_id);
	sip_put_cseq(w, invite->cseq.number, method);
}

// Parses the stored INVITE into the scratch message. False: it is gone.
static bool scratch_parse(struct sip_transactions *txs, const struct sip_tx *tx)
{
	struct sip_fault fault;
	return tx->out &&
		sip_parse(span_make(tx->out->data, tx->out->len), &txs->scratch, &fault) == 0 &&
		txs->scratch.method == SIP_METHOD_INVITE;
}

void client_send_ack(struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in)
{
	struct sip_writer w;
	if (!scratch_parse(txs, tx))
		return;
	sip_writer_init(&w, txs->buffer, sizeof(txs->buffer));
	put_companion(txs, &w, SPAN_LIT("ACK"), in->msg->to.text);
	sip_put_body(&w, SPAN_NONE, SPAN_NONE);
	if (w.is_overflowed)
		return;
	tx_store(txs, &tx->out, sip_writer_text(&w));
	tx_send(txs, turn, tx, sip_writer_text(&w));
}

void client_send_cancel(
	struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx)
{
	struct sip_writer w;
	if (!scratch_parse(txs, tx))
		return;
	sip_writer_init(&w, txs->buffer, sizeof(txs->buffer));
	put_companion(txs, &w, SPAN_LIT("CANCEL"), txs->scratch.to.text);
	if (tx->head)
		sip_put(&w, span_make(tx->head->data, tx->head->len));
	sip_put_body(&w, SPAN_NONE, SPAN_NONE);
	if (w.is_overflowed)
		return;
	struct sip_client_params params = {
		.data = sip_writer_text(&w),
		.branch = txs->scratch.via.branch,
		.method = SIP_METHOD_CANCEL,
		.method_text = SPAN_LIT("CANCEL"),
		.hop = tx->hop,
	};
	struct sip_tx *cancel = client_new(txs, turn, &params);
	if (cancel)
		cancel->is_internal = true;
	else // full: once, unrepeated, is better than never
		tx_send(txs, turn, tx, params.data);
	tx->is_cancel_sent = true;
	tx_timer_end(txs, turn, tx, 64 * txs->params.t1_ms);
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
		tx_store(txs, &tx->head, extra);
	if (tx->state == SIP_TX_PROCEEDING)
		client_send_cancel(txs, turn, tx);
}

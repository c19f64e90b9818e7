// transaction_size.c - requests that might not fit one packet go by TCP, and by UDP all the same
// where the far end has none (RFC 3261 18.1.1).
//
// The transaction stays the same one: branch and CSeq are kept, only the transport and the sent-by
// of its Via change. A far end that saw it by both ways sees one request twice.

#include "sip/parse.h"
#include "sip/transaction_private.h"

// "If a request is within 200 bytes of the path MTU, or if it is larger than 1300 bytes and the
// path MTU is unknown"
#define UDP_REQUEST_MAX 1300u
#define REFUSED_MS      600000u // how long a far end is believed to have no TCP

static struct tx_refused *refused_at(struct sip_transactions *txs, const struct addr *addr,
	uint64_t *print)
{
	uint8_t place[sizeof(addr->ip.b) + sizeof(addr->port)];
	memcpy(place, addr->ip.b, sizeof(addr->ip.b));
	memcpy(place + sizeof(addr->ip.b), &addr->port, sizeof(addr->port));
	*print = hash_sip(&txs->table_key, place, sizeof(place)) | 1;
	return &txs->refused[(*print >> 1) % TX_REFUSED_COUNT];
}

static bool is_refused_before(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct addr *addr)
{
	uint64_t print;
	const struct tx_refused *refused = refused_at(txs, addr, &print);
	return refused->print == print && turn->now_ms < refused->until_ms;
}

// Copies a request of our own with another transport and sent-by in its only Via. False: that is
// not where our requests have it, or it does not fit.
static bool put_moved(struct sip_writer *w, struct span request, const struct sip_local *local)
{
	static const char start[] = "\r\nVia: ";
	const char *line = memmem(request.ptr, request.len, start, sizeof(start) - 1);
	struct sip_via via;
	if (!line)
		return false;
	uint32_t at = (uint32_t)(line - request.ptr) + 2; // behind the line before
	uint32_t value = at + (uint32_t)sizeof(start) - 3;
	int32_t end = span_find(request, '\r', value);
	if (end < 0 ||
		sip_via_parse(span_sub(request, value, (uint32_t)end - value), &via) < 0)
		return false;
	// A name of ours is one by any transport.
	struct sip_via_out moved = { .transport = sip_transport_name(local->transport),
		.sent_by = local->sent_by, .branch = via.branch,
		.host = ip_is_unset(&via.ip) ? via.host : SPAN_NONE };
	sip_put(w, span_make(request.ptr, at));
	sip_put_via(w, &moved);
	sip_put(w, span_sub(request, (uint32_t)end + 2, request.len));
	return !w->is_overflowed;
}

bool size_prefers_stream(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_client_params *params, struct sip_client_params *out)
{
	const struct sip_tu_ops *ops = txs->params.ops;
	void *context = txs->params.context;
	uint32_t listener;
	if (params->data.len <= UDP_REQUEST_MAX ||
		tx_is_reliable(txs, turn, params->hop.listener) ||
		is_refused_before(txs, turn, &params->hop.addr) ||
		!ops->find_stream(context, turn, &params->hop, &listener))
		return false;
	struct sip_local local = ops->local(context, turn, listener);
	struct sip_writer w;
	sip_writer_init(&w, txs->buffer, sizeof(txs->buffer));
	if (!put_moved(&w, params->data, &local))
		return false;
	metric_add(&txs->metrics.long_requests, 1);
	*out = *params;
	out->data = sip_writer_text(&w);
	out->hop.listener = listener;
	out->hop.connection = 0;
	return true;
}

bool size_fall_back(struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx,
	bool is_refused)
{
	if (!tx->has_fallback || tx->state != SIP_TX_CALLING || !tx->live->out)
		return false;
	struct sip_local local =
		txs->params.ops->local(txs->params.context, turn, tx->live->fallback);
	struct sip_writer w;
	uint64_t print;
	sip_writer_init(&w, txs->buffer, sizeof(txs->buffer));
	tx->has_fallback = false;
	if (!put_moved(&w, span_make(tx->live->out->data, tx->live->out->len), &local) ||
		!tx_store(txs, &tx->live->out, sip_writer_text(&w)))
		return false;
	if (is_refused) {
		struct tx_refused *refused = refused_at(txs, &tx->live->hop.addr, &print);
		*refused = (struct tx_refused){ print, turn->now_ms + REFUSED_MS };
	}
	metric_add(&txs->metrics.long_requests_returned, 1);
	tx->live->hop.listener = tx->live->fallback;
	tx->live->hop.connection = 0;
	tx->is_reliable = false;
	tx_timer_retry(txs, turn, tx, txs->params.t1_ms);
	tx_timer_end(txs, turn, tx, 64 * txs->params.t1_ms);
	tx_send(txs, turn, tx, sip_writer_text(&w));
	return true;
}

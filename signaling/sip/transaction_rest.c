// transaction_rest.c - what is left of a finished transaction while it waits for what comes again.
//
// It needs little: whoever repeats a message brings most of the answer along. A response is made
// from the repeated request and what we had added to its head; the ACK of a refused INVITE from the
// repeated refusal, the Request-URI and the route of that INVITE.

#include "sip/transaction_private.h"

#include "base/check.h"

// The texts in a struct sip_tx's `rest`, behind their lengths and an identity.
#define REST_PARTS 4u
enum rest_response { REST_TAG, REST_REASON, REST_TAIL };
enum rest_ack { REST_HOP, REST_URI, REST_ROUTES, REST_TLS_NAME };

// What stands in front of the reason phrase: "SIP/2.0 200 ".
#define STATUS_LEN 12u

struct rest_head {
	uint64_t identity;
	uint16_t lens[REST_PARTS];
};

uint64_t rest_identity(const struct sip_transactions *txs, const struct sip_msg *msg)
{
	struct span parts[3] = { msg->from.tag, msg->call_id,
		span_make((const char *)&msg->cseq.number, sizeof(msg->cseq.number)) };
	return tx_key_make(txs, TX_KEY_IDENTITY, parts, 3).a;
}

static bool rest_store(struct sip_transactions *txs, struct sip_tx *tx, uint64_t identity,
	const struct span parts[REST_PARTS])
{
	struct rest_head head = { .identity = identity };
	uint32_t at = sizeof(head), len = at;
	for (uint32_t i = 0; i < REST_PARTS; i++) {
		if (parts[i].len > UINT16_MAX)
			return false;
		head.lens[i] = (uint16_t)parts[i].len;
		len += parts[i].len;
	}
	struct sip_stored *rest = tx_stored_new(txs, len);
	if (!rest)
		return false;
	memcpy(rest->data, &head, sizeof(head));
	for (uint32_t i = 0; i < REST_PARTS; i++) {
		if (parts[i].len)
			memcpy(rest->data + at, parts[i].ptr, parts[i].len);
		at += parts[i].len;
	}
	tx_stored_drop(txs, &tx->rest);
	tx->rest = rest;
	return true;
}

static struct span rest_part(const struct sip_tx *tx, uint32_t index)
{
	struct rest_head head;
	uint32_t at = sizeof(head);
	if (!tx->rest)
		return SPAN_NONE;
	memcpy(&head, tx->rest->data, sizeof(head));
	for (uint32_t i = 0; i < index; i++)
		at += head.lens[i];
	return span_make(tx->rest->data + at, head.lens[index]);
}

static uint64_t identity_of(const struct sip_tx *tx)
{
	struct rest_head head;
	memcpy(&head, tx->rest->data, sizeof(head));
	return head.identity;
}

// Server ----------

// Whether `data` has at `at` what the head of responses says; then *at is behind it.
static bool skip(struct span data, uint32_t *at, const char *text, uint32_t len)
{
	if (data.len < *at || data.len - *at < len || memcmp(data.ptr + *at, text, len) != 0)
		return false;
	*at += len;
	return true;
}

// What we added to the head in our response: a reason phrase of our own, lines and body. False: it
// does not begin with the head as sip_server_put_head() writes it.
static bool split_response(const struct sip_tx *tx, struct span data,
	struct span parts[REST_PARTS])
{
	const struct tx_live *live = tx->live;
	const char *lines = live->head->data;
	uint32_t to = live->head_fixed + live->head_routes;
	int32_t end = span_find(data, '\r', 0);
	if (end < (int32_t)STATUS_LEN)
		return false;
	uint32_t at = (uint32_t)end;
	parts[REST_REASON] = span_sub(data, STATUS_LEN, at - STATUS_LEN);
	if (span_eq(parts[REST_REASON], span_str(sip_reason_phrase(tx->status))))
		parts[REST_REASON] = SPAN_NONE;
	bool is_head = skip(data, &at, "\r\n", 2) && skip(data, &at, lines, live->head_fixed) &&
		(tx->status >= 300 ||
			skip(data, &at, lines + live->head_fixed, live->head_routes)) &&
		skip(data, &at, "To: ", 4) &&
		skip(data, &at, lines + to, live->head->len - to) &&
		(tx->has_to_tag || (skip(data, &at, ";tag=", 5) &&
					   skip(data, &at, live->tag, live->tag_len))) &&
		skip(data, &at, "\r\n", 2);
	parts[REST_TAIL] = span_sub(data, at, data.len);
	return is_head;
}

bool rest_take_response(struct sip_transactions *txs, struct sip_tx *tx, struct span data)
{
	struct span parts[REST_PARTS] = { 0 };
	if (!tx->has_to_tag)
		parts[REST_TAG] = span_make(tx->live->tag, tx->live->tag_len);
	return split_response(tx, data, parts) && rest_store(txs, tx, tx->live->identity, parts);
}

bool rest_put_response(const struct sip_transactions *txs, const struct sip_tx *tx,
	struct sip_writer *w, const struct sip_received *in)
{
	const struct sip_msg *request = in->msg;
	if (rest_identity(txs, request) != identity_of(tx))
		return false;
	sip_put_status_line(w, tx->status, rest_part(tx, REST_REASON));
	server_put_fixed(w, in);
	if (tx->status < 300)
		sip_put_headers_of(w, request, SIP_HEADER_RECORD_ROUTE);
	sip_put_lit(w, "To: ");
	sip_put_value(w, request->to.text);
	if (rest_part(tx, REST_TAG).len) {
		sip_put_lit(w, ";tag=");
		sip_put(w, rest_part(tx, REST_TAG));
	}
	sip_put_lit(w, "\r\n");
	sip_put(w, rest_part(tx, REST_TAIL));
	return !w->is_overflowed;
}

struct span rest_tag(const struct sip_tx *tx)
{
	return rest_part(tx, REST_TAG);
}

// Client ----------

bool rest_take_ack(struct sip_transactions *txs, struct sip_tx *tx, const struct tx_ack *ack)
{
	struct span parts[REST_PARTS] = {
		[REST_HOP] = { (const char *)&ack->hop, sizeof(ack->hop) },
		[REST_URI] = ack->uri,
		[REST_ROUTES] = ack->lines,
		[REST_TLS_NAME] = ack->hop.tls_name,
	};
	return rest_store(txs, tx, ack->identity, parts);
}

bool rest_get_ack(const struct sip_tx *tx, struct tx_ack *out)
{
	if (!tx->rest)
		return false;
	memcpy(&out->hop, rest_part(tx, REST_HOP).ptr, sizeof(out->hop));
	out->hop.tls_name = rest_part(tx, REST_TLS_NAME);
	out->uri = rest_part(tx, REST_URI);
	out->lines = rest_part(tx, REST_ROUTES);
	out->identity = identity_of(tx);
	return true;
}

// Both ----------

void rest_shrink(struct sip_transactions *txs, struct sip_tx *tx)
{
	bool is_done = false;
	CHECK_HOT(tx->live);
	switch ((enum sip_tx_kind)tx->kind) {
	case SIP_TX_SERVER:
		is_done = tx->state == SIP_TX_COMPLETED && tx->rest;
		break;
	case SIP_TX_INVITE_SERVER: // acknowledged: only the tag is asked for, by a late CANCEL
		is_done = tx->state == SIP_TX_CONFIRMED ||
			(tx->state == SIP_TX_ACCEPTED && tx->is_acked);
		if (is_done && !tx->has_to_tag)
			is_done = rest_store(txs, tx, 0, (const struct span[REST_PARTS]){
				[REST_TAG] = { tx->live->tag, tx->live->tag_len } });
		break;
	case SIP_TX_CLIENT:
		is_done = tx->state == SIP_TX_COMPLETED;
		break;
	case SIP_TX_INVITE_CLIENT:
		is_done = tx->state == SIP_TX_ACCEPTED ||
			(tx->state == SIP_TX_COMPLETED && tx->rest);
		break;
	case SIP_TX_KIND_COUNT:
		break;
	}
	if (is_done)
		tx_live_drop(txs, tx);
}

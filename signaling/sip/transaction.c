// transaction.c - state tables and timers of the transaction layer.

#include "sip/transaction.h"

#include "base/check.h"
#include "base/pages.h"
#include "base/slab.h"
#include "sip/transaction_private.h"

#include <stddef.h>
#include <stdlib.h>

enum tx_do {
	TX_DO_NOTHING = 1 << 0,    // known and absorbed
	TX_DO_SEND = 1 << 1,       // what is stored, again
	TX_DO_PASS = 1 << 2,       // response to the TU
	TX_DO_STORE = 1 << 3,      // the TU's response, and send it
	TX_DO_ACK = 1 << 4,        // build and send the ACK of a non-2xx
	TX_DO_FORGET = 1 << 5,     // drop what is stored
	TX_DO_RETRY = 1 << 6,      // start A, E or G at T1
	TX_DO_RETRY_NEXT = 1 << 7, // back off
	TX_DO_STOP_RETRY = 1 << 8,
	TX_DO_END_LONG = 1 << 9,   // B, F, H, L, M: 64*T1
	TX_DO_END_D = 1 << 10,     // D: at least 32 s
	TX_DO_END_T4 = 1 << 11,    // I, K
	TX_DO_STOP_END = 1 << 12,
	TX_DO_FAIL = 1 << 13,      // tell the TU
	TX_DO_END_J = 1 << 14,     // J: 64*T1
	TX_DO_TRYING = 1 << 15,    // RFC 4320 4.1: a late 100
};

struct tx_rule {
	uint8_t next;     // enum sip_tx_state
	uint16_t actions; // enum tx_do; 0 = the event has no meaning here
};

#define FINAL_ACTIONS (TX_DO_STOP_RETRY | TX_DO_ACK | TX_DO_END_D | TX_DO_PASS)
#define ACCEPT_ACTIONS (TX_DO_STOP_RETRY | TX_DO_FORGET | TX_DO_END_LONG | TX_DO_PASS)
#define ANSWER_ACTIONS (TX_DO_STOP_RETRY | TX_DO_FORGET | TX_DO_END_T4 | TX_DO_PASS)
#define RESEND_ACTIONS (TX_DO_SEND | TX_DO_RETRY_NEXT)
#define REPLY_ACTIONS (TX_DO_STORE | TX_DO_RETRY | TX_DO_END_LONG)
#define FINISH_ACTIONS (TX_DO_STOP_RETRY | TX_DO_STORE | TX_DO_END_J)

// Row = state, column = event.
static const struct tx_rule rules[SIP_TX_KIND_COUNT][SIP_TX_STATE_COUNT][TX_EVENT_COUNT] = {
	// RFC 3261 figure 5 and RFC 6026 7.2.
	[SIP_TX_INVITE_CLIENT] = {
		[SIP_TX_CALLING] = {
			[TX_EV_1XX] = { SIP_TX_PROCEEDING,
				TX_DO_STOP_RETRY | TX_DO_STOP_END | TX_DO_PASS },
			[TX_EV_2XX] = { SIP_TX_ACCEPTED, ACCEPT_ACTIONS },
			[TX_EV_FINAL] = { SIP_TX_COMPLETED, FINAL_ACTIONS },
			[TX_EV_RETRY] = { SIP_TX_CALLING, RESEND_ACTIONS },
			[TX_EV_END] = { SIP_TX_TERMINATED, TX_DO_FAIL },
			[TX_EV_SEND_FAILED] = { SIP_TX_TERMINATED, TX_DO_FAIL },
		},
		[SIP_TX_PROCEEDING] = {
			[TX_EV_1XX] = { SIP_TX_PROCEEDING, TX_DO_PASS },
			[TX_EV_2XX] = { SIP_TX_ACCEPTED, ACCEPT_ACTIONS },
			[TX_EV_FINAL] = { SIP_TX_COMPLETED, FINAL_ACTIONS },
			[TX_EV_END] = { SIP_TX_TERMINATED, TX_DO_FAIL },
			[TX_EV_SEND_FAILED] = { SIP_TX_TERMINATED, TX_DO_FAIL },
		},
		[SIP_TX_COMPLETED] = {
			[TX_EV_FINAL] = { SIP_TX_COMPLETED, TX_DO_ACK },
			[TX_EV_END] = { SIP_TX_TERMINATED, TX_DO_NOTHING },
			[TX_EV_SEND_FAILED] = { SIP_TX_TERMINATED, TX_DO_NOTHING },
		},
		[SIP_TX_ACCEPTED] = {
			[TX_EV_2XX] = { SIP_TX_ACCEPTED, TX_DO_PASS },
			[TX_EV_END] = { SIP_TX_TERMINATED, TX_DO_NOTHING },
		},
	},
	// RFC 3261 figure 6.
	[SIP_TX_CLIENT] = {
		[SIP_TX_CALLING] = {
			[TX_EV_1XX] = { SIP_TX_PROCEEDING, TX_DO_PASS },
			[TX_EV_2XX] = { SIP_TX_COMPLETED, ANSWER_ACTIONS },
			[TX_EV_FINAL] = { SIP_TX_COMPLETED, ANSWER_ACTIONS },
			[TX_EV_RETRY] = { SIP_TX_CALLING, RESEND_ACTIONS },
			[TX_EV_END] = { SIP_TX_TERMINATED, TX_DO_FAIL },
			[TX_EV_SEND_FAILED] = { SIP_TX_TERMINATED, TX_DO_FAIL },
		},
		[SIP_TX_PROCEEDING] = {
			[TX_EV_1XX] = { SIP_TX_PROCEEDING, TX_DO_PASS },
			[TX_EV_2XX] = { SIP_TX_COMPLETED, ANSWER_ACTIONS },
			[TX_EV_FINAL] = { SIP_TX_COMPLETED, ANSWER_ACTIONS },
			[TX_EV_RETRY] = { SIP_TX_PROCEEDING, RESEND_ACTIONS },
			[TX_EV_END] = { SIP_TX_TERMINATED, TX_DO_FAIL },
			[TX_EV_SEND_FAILED] = { SIP_TX_TERMINATED, TX_DO_FAIL },
		},
		[SIP_TX_COMPLETED] = {
			[TX_EV_2XX] = { SIP_TX_COMPLETED, TX_DO_NOTHING },
			[TX_EV_FINAL] = { SIP_TX_COMPLETED, TX_DO_NOTHING },
			[TX_EV_END] = { SIP_TX_TERMINATED, TX_DO_NOTHING },
		},
	},
	// RFC 3261 figure 7 and RFC 6026 7.1; timer G also repeats the 2xx on behalf of the dialog.
	[SIP_TX_INVITE_SERVER] = {
		[SIP_TX_PROCEEDING] = {
			[TX_EV_REQUEST] = { SIP_TX_PROCEEDING, TX_DO_SEND },
			[TX_EV_1XX] = { SIP_TX_PROCEEDING, TX_DO_STORE },
			[TX_EV_2XX] = { SIP_TX_ACCEPTED, REPLY_ACTIONS },
			[TX_EV_FINAL] = { SIP_TX_COMPLETED, REPLY_ACTIONS },
		},
		[SIP_TX_COMPLETED] = {
			[TX_EV_REQUEST] = { SIP_TX_COMPLETED, TX_DO_SEND },
			[TX_EV_RETRY] = { SIP_TX_COMPLETED, RESEND_ACTIONS },
			[TX_EV_ACK] = { SIP_TX_CONFIRMED,
				TX_DO_STOP_RETRY | TX_DO_FORGET | TX_DO_END_T4 },
			[TX_EV_END] = { SIP_TX_TERMINATED, TX_DO_FAIL },
		},
		[SIP_TX_CONFIRMED] = {
			[TX_EV_REQUEST] = { SIP_TX_CONFIRMED, TX_DO_NOTHING },
			[TX_EV_ACK] = { SIP_TX_CONFIRMED, TX_DO_NOTHING },
			[TX_EV_END] = { SIP_TX_TERMINATED, TX_DO_NOTHING },
		},
		[SIP_TX_ACCEPTED] = {
			[TX_EV_REQUEST] = { SIP_TX_ACCEPTED, TX_DO_NOTHING },
			[TX_EV_2XX] = { SIP_TX_ACCEPTED, TX_DO_STORE },
			[TX_EV_RETRY] = { SIP_TX_ACCEPTED, RESEND_ACTIONS },
			[TX_EV_END] = { SIP_TX_TERMINATED, TX_DO_FAIL },
		},
	},
	// RFC 3261 figure 8. RFC 4320: a 100 when the client slows down, and after 64*T1 the client
	// has given up and no answer may go out.
	[SIP_TX_SERVER] = {
		[SIP_TX_TRYING] = {
			[TX_EV_REQUEST] = { SIP_TX_TRYING, TX_DO_NOTHING },
			[TX_EV_1XX] = { SIP_TX_PROCEEDING, TX_DO_STOP_RETRY | TX_DO_STORE },
			[TX_EV_2XX] = { SIP_TX_COMPLETED, FINISH_ACTIONS },
			[TX_EV_FINAL] = { SIP_TX_COMPLETED, FINISH_ACTIONS },
			[TX_EV_RETRY] = { SIP_TX_TRYING, TX_DO_TRYING },
			[TX_EV_END] = { SIP_TX_TERMINATED, TX_DO_FAIL },
		},
		[SIP_TX_PROCEEDING] = {
			[TX_EV_REQUEST] = { SIP_TX_PROCEEDING, TX_DO_SEND },
			[TX_EV_1XX] = { SIP_TX_PROCEEDING, TX_DO_STORE },
			[TX_EV_2XX] = { SIP_TX_COMPLETED, FINISH_ACTIONS },
			[TX_EV_FINAL] = { SIP_TX_COMPLETED, FINISH_ACTIONS },
			[TX_EV_END] = { SIP_TX_TERMINATED, TX_DO_FAIL },
		},
		[SIP_TX_COMPLETED] = {
			[TX_EV_REQUEST] = { SIP_TX_COMPLETED, TX_DO_SEND },
			[TX_EV_END] = { SIP_TX_TERMINATED, TX_DO_NOTHING },
		},
	},
};

// Timers ----------

// What a timer's fn gets as context.
struct tx_run {
	struct sip_transactions *txs;
	const struct sip_turn *turn;
};

#define OWNER_OF(timer, type, field)                                                               \
	((struct type *)(void *)((char *)(timer)-offsetof(struct type, field)))

static void retry_fired(struct timer *timer, void *context)
{
	struct tx_run *run = context;
	tx_step(run->txs, run->turn, OWNER_OF(timer, tx_live, retry)->tx, TX_EV_RETRY,
		&(struct tx_input){ 0 });
}

static void end_fired(struct timer *timer, void *context)
{
	struct tx_run *run = context;
	struct sip_transactions *txs = run->txs;
	struct sip_tx *tx = OWNER_OF(timer, sip_tx, end);
	if (tx->state != SIP_TX_TERMINATED)
		tx_step(txs, run->turn, tx, TX_EV_END, &(struct tx_input){ 0 });
	if (!tx->is_internal)
		txs->params.ops->on_terminated(txs->params.context, run->turn, tx);
	tx_discard(txs, tx);
}

void tx_timer_retry(struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx,
	uint32_t ms)
{
	tx->live->interval_ms = ms;
	timer_start(txs->wheel, &tx->live->retry, turn->now_ms + ms, retry_fired);
}

void tx_timer_end(struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx,
	uint32_t ms)
{
	timer_start(txs->wheel, &tx->end, turn->now_ms + ms, end_fired);
}

// Timer A doubles without limit (17.1.1.2); E and G stop at T2, E is T2 once there was an answer.
static uint32_t retry_interval(const struct sip_transactions *txs, const struct sip_tx *tx)
{
	uint32_t doubled = tx->live->interval_ms * 2, t2 = txs->params.t2_ms;
	if (tx->kind == SIP_TX_INVITE_CLIENT)
		return doubled;
	if (tx->kind == SIP_TX_CLIENT && tx->state == SIP_TX_PROCEEDING)
		return t2;
	return doubled < t2 ? doubled : t2;
}

// Steps ----------

enum tx_event tx_event_of(uint16_t status)
{
	return status < 200 ? TX_EV_1XX : status < 300 ? TX_EV_2XX : TX_EV_FINAL;
}

bool tx_allows(const struct sip_tx *tx, enum tx_event event)
{
	return rules[tx->kind][tx->state][event].actions != 0;
}

void tx_send(struct sip_transactions *txs, const struct sip_turn *turn, const struct sip_tx *tx,
	struct span data)
{
	tx_send_by(txs, turn, tx, &tx->live->hop, data);
}

void tx_send_by(struct sip_transactions *txs, const struct sip_turn *turn, const struct sip_tx *tx,
	const struct sip_hop *hop, struct span data)
{
	struct slab_handle handle = slab_handle_of(txs->slab, tx);
	uint64_t ticket = (uint64_t)handle.generation << 32 | handle.index;
	txs->params.ops->send(txs->params.context, turn, hop, data, ticket);
}

// What is stored, again; of a finished one made from what the far end repeated. False: nothing is
// there, or it is another request.
static bool send_again(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_tx *tx, const struct sip_received *in)
{
	if (tx->live) {
		const struct sip_stored *out = tx->live->out;
		if (out)
			tx_send(txs, turn, tx, span_make(out->data, out->len));
		return out != NULL;
	}
	struct sip_writer w;
	struct sip_hop hop = server_hop(txs, turn, in);
	sip_writer_init(&w, txs->buffer, sizeof(txs->buffer));
	if (!rest_put_response(txs, tx, &w, in))
		return false;
	tx_send_by(txs, turn, tx, &hop, sip_writer_text(&w));
	return true;
}

static void do_send(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_tx *tx, const struct sip_received *in)
{
	bool is_server = tx->kind == SIP_TX_INVITE_SERVER || tx->kind == SIP_TX_SERVER;
	if (send_again(txs, turn, tx, in))
		metric_add(is_server ? &txs->metrics.responses_retransmitted
				     : &txs->metrics.requests_retransmitted, 1);
}

// The TU's response.
static void do_store(struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx,
	struct span data)
{
	tx_send(txs, turn, tx, data);
	if (tx->kind != SIP_TX_SERVER || tx->state != SIP_TX_COMPLETED ||
		!rest_take_response(txs, tx, data))
		tx_store(txs, &tx->live->out, data);
}

static void do_timers(struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx,
	enum tx_event event, uint16_t actions)
{
	const struct sip_transactions_params *p = &txs->params;
	// Reliable transports need neither timer G nor the time to absorb what comes again (D, I,
	// J, K); but a 2xx to INVITE may be lost behind the next hop (RFC 3261 13.3.1.4).
	bool is_quick = tx->is_reliable;
	if ((actions & TX_DO_RETRY) && (!is_quick || event == TX_EV_2XX))
		tx_timer_retry(txs, turn, tx, p->t1_ms);
	if (actions & TX_DO_RETRY_NEXT)
		tx_timer_retry(txs, turn, tx, retry_interval(txs, tx));
	if ((actions & TX_DO_STOP_RETRY) && tx->live)
		timer_stop(txs->wheel, &tx->live->retry);
	if (actions & TX_DO_STOP_END)
		timer_stop(txs->wheel, &tx->end);
	if (actions & TX_DO_END_LONG)
		tx_timer_end(txs, turn, tx, 64 * p->t1_ms);
	if (actions & TX_DO_END_D)
		tx_timer_end(txs, turn, tx,
			is_quick ? 0 : 64 * p->t1_ms > 32000 ? 64 * p->t1_ms : 32000);
	if (actions & TX_DO_END_J)
		tx_timer_end(txs, turn, tx, is_quick ? 0 : 64 * p->t1_ms);
	if (actions & TX_DO_END_T4)
		tx_timer_end(txs, turn, tx, is_quick ? 0 : p->t4_ms);
}

static void do_fail(struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx,
	enum tx_event event)
{
	enum sip_tx_failure failure = SIP_TX_TIMEOUT;
	if (tx->is_acked) // its 2xx reached the far end: the end of timer L is no failure
		return;
	if (event == TX_EV_SEND_FAILED)
		failure = SIP_TX_TRANSPORT;
	else if (tx->kind == SIP_TX_INVITE_SERVER)
		failure = SIP_TX_NO_ACK;
	else if (tx->kind == SIP_TX_INVITE_CLIENT && tx->is_cancel_sent)
		failure = SIP_TX_CANCELLED;
	metric_add(failure == SIP_TX_TRANSPORT ? &txs->metrics.transport_failures
					       : &txs->metrics.timeouts, 1);
	if (!tx->is_internal)
		txs->params.ops->on_failure(txs->params.context, turn, tx, failure);
}

void tx_step(struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx,
	enum tx_event event, const struct tx_input *input)
{
	const struct tx_rule *rule = &rules[tx->kind][tx->state][event];
	if (rule->actions == 0)
		return;
	do_timers(txs, turn, tx, event, rule->actions);
	bool is_cancel_due = tx->is_cancelled && tx->state == SIP_TX_CALLING &&
		rule->next == SIP_TX_PROCEEDING && tx->kind == SIP_TX_INVITE_CLIENT;
	tx->state = rule->next;
	if (rule->actions & TX_DO_SEND)
		do_send(txs, turn, tx, input->in);
	if (rule->actions & TX_DO_STORE)
		do_store(txs, turn, tx, input->data);
	if (rule->actions & TX_DO_ACK)
		client_send_ack(txs, turn, tx, input->in);
	if ((rule->actions & TX_DO_FORGET) && tx->live)
		tx_stored_drop(txs, &tx->live->out);
	if (is_cancel_due)
		client_send_cancel(txs, turn, tx);
	if (rule->actions & TX_DO_TRYING)
		sip_server_respond_simple(txs, turn, tx, 100, SPAN_NONE);
	if (rule->actions & TX_DO_FAIL)
		do_fail(txs, turn, tx, event);
	if ((rule->actions & TX_DO_PASS) && !tx->is_internal)
		txs->params.ops->on_response(txs->params.context, turn, tx, input->in);
	if (tx->live)
		rest_shrink(txs, tx);
	if (tx->state == SIP_TX_TERMINATED && event != TX_EV_END) {
		if (tx->live)
			timer_stop(txs->wheel, &tx->live->retry);
		tx_timer_end(txs, turn, tx, 0); // freed at the next run, never under a caller
	}
}

// The layer ----------

static uint32_t bucket_count(uint32_t count_max)
{
	uint32_t n = 16;
	while (n < count_max && n < 1u << 24)
		n *= 2;
	return n;
}

struct sip_transactions *sip_transactions_new(const struct sip_transactions_params *params)
{
	CHECK(params->count_max >= 1 && params->count_max <= 1u << 24);
	struct sip_transactions *txs = calloc(1, sizeof(*txs));
	if (!txs)
		return NULL;
	txs->params = *params;
	txs->params.t1_ms = params->t1_ms ? params->t1_ms : 500;
	txs->params.t2_ms = params->t2_ms ? params->t2_ms : 4000;
	txs->params.t4_ms = params->t4_ms ? params->t4_ms : 5000;
	uint32_t buckets = bucket_count(params->count_max);
	txs->mask = buckets - 1;
	txs->table_key.k[0] = hash_sip(&params->keys.mac[0], "table", 5);
	txs->table_key.k[1] = hash_sip(&params->keys.mac[0], "chain", 5);
	txs->slab = slab_new(sizeof(struct sip_tx), params->count_max);
	txs->live_slab = slab_new(sizeof(struct tx_live), params->count_max);
	txs->wheel = timer_wheel_new(params->now_ms);
	txs->by_key = pages_alloc(buckets * sizeof(txs->by_key[0]));
	txs->by_merge = pages_alloc(buckets * sizeof(txs->by_merge[0]));
	if (txs->slab && txs->live_slab && txs->wheel && txs->by_key && txs->by_merge)
		return txs;
	sip_transactions_free(txs);
	return NULL;
}

void sip_transactions_free(struct sip_transactions *txs)
{
	if (!txs)
		return;
	uint32_t cursor = 0;
	struct sip_tx *tx;
	while (txs->slab && (tx = slab_next(txs->slab, &cursor))) {
		if (tx->live) {
			free(tx->live->out);
			free(tx->live->head);
			free(tx->live->tls_name);
		}
		free(tx->rest);
	}
	if (txs->wheel)
		timer_wheel_free(txs->wheel);
	if (txs->slab)
		slab_free(txs->slab);
	if (txs->live_slab)
		slab_free(txs->live_slab);
	pages_free(txs->by_key, (txs->mask + 1) * sizeof(txs->by_key[0]));
	pages_free(txs->by_merge, (txs->mask + 1) * sizeof(txs->by_merge[0]));
	free(txs);
}

void sip_transactions_receive(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_received *in)
{
	if (in->msg->is_request)
		server_receive(txs, turn, in);
	else
		client_receive(txs, turn, in);
}

void sip_transactions_run(struct sip_transactions *txs, const struct sip_turn *turn)
{
	timer_wheel_run(txs->wheel, turn->now_ms, &(struct tx_run){ txs, turn });
}

uint64_t sip_transactions_next_ms(const struct sip_transactions *txs)
{
	return timer_wheel_next(txs->wheel);
}

const struct sip_transaction_metrics *sip_transactions_metrics(const struct sip_transactions *txs)
{
	return &txs->metrics;
}

enum sip_tx_kind sip_tx_kind(const struct sip_tx *tx)
{
	return tx->kind;
}

enum sip_tx_state sip_tx_state(const struct sip_tx *tx)
{
	return tx->state;
}

enum sip_method sip_tx_method(const struct sip_tx *tx)
{
	return tx->method;
}

void *sip_tx_user(const struct sip_tx *tx)
{
	return tx->user;
}

void sip_tx_set_user(struct sip_tx *tx, void *user)
{
	tx->user = user;
}

bool tx_is_reliable(struct sip_transactions *txs, const struct sip_turn *turn, uint32_t listener)
{
	struct sip_local local = txs->params.ops->local(txs->params.context, turn, listener);
	return sip_transport_is_reliable(local.transport);
}

void sip_transactions_send_failed(struct sip_transactions *txs, const struct sip_turn *turn,
	uint64_t ticket, bool is_refused)
{
	struct slab_handle handle = { (uint32_t)ticket, (uint32_t)(ticket >> 32) };
	struct sip_tx *tx = handle.generation ? slab_lookup(txs->slab, handle) : NULL;
	if (!tx || tx->state == SIP_TX_TERMINATED)
		return;
	if (tx->kind == SIP_TX_INVITE_SERVER || tx->kind == SIP_TX_SERVER)
		metric_add(&txs->metrics.responses_undelivered, 1);
	else if (!size_fall_back(txs, turn, tx, is_refused))
		tx_step(txs, turn, tx, TX_EV_SEND_FAILED, &(struct tx_input){ 0 });
}

// tu_double.h - a transaction user that records what the layer does; the clock moves by
// tu_advance().
#pragma once

#include "sip/parse.h"
#include "sip/transaction.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define TU_SENT_MAX 64

static struct tu {
	struct sip_transactions *txs;
	struct sip_turn turn;
	char sent[TU_SENT_MAX][2048]; // NUL-terminated
	uint64_t sent_ms[TU_SENT_MAX];
	struct addr sent_to[TU_SENT_MAX];
	struct sip_hop sent_hop[TU_SENT_MAX];
	bool named[TU_SENT_MAX]; // tls_name is "b.example"
	uint64_t ticket;        // of the last message
	bool has_stream;        // a TCP listener stands beside that for UDP
	struct sip_hop from;    // by which tu_receive() brings messages
	unsigned sent_count;
	unsigned requests, acks, cancels, responses, strays, failures, terminated;
	enum sip_tx_failure failure;
	uint16_t status;        // of the last response
	struct sip_tx *tx;      // of the last request
	uint16_t answer;        // sent from within on_request(), 0 = none
} tu;

static void tu_send(void *context, const struct sip_turn *turn, const struct sip_hop *hop,
	struct span data, uint64_t ticket)
{
	assert_ptr_equal(context, &tu);
	assert_true(tu.sent_count < TU_SENT_MAX);
	assert_int_equal(span_copy(data, tu.sent[tu.sent_count], sizeof(tu.sent[0])), 0);
	tu.sent_ms[tu.sent_count] = turn->now_ms;
	tu.sent_hop[tu.sent_count] = *hop;
	tu.named[tu.sent_count] = span_eq(hop->tls_name, SPAN_LIT("b.example"));
	tu.ticket = ticket;
	tu.sent_to[tu.sent_count++] = hop->addr;
}

// One listener for each transport, at a port of its own.
static inline uint32_t tu_listener(enum sip_transport transport)
{
	return 7 + (uint32_t)transport;
}

static struct sip_local tu_local(void *context, const struct sip_turn *turn, uint32_t listener)
{
	(void)context;
	(void)turn;
	assert_in_range(listener, 7, 7 + SIP_TRANSPORT_COUNT - 1);
	return (struct sip_local){ (enum sip_transport)(listener - 7),
		{ ip_from_v4(0xc0000209), (uint16_t)(5053 + listener) } };
}

static bool tu_find_stream(void *context, const struct sip_turn *turn, const struct sip_hop *hop,
	uint32_t *listener)
{
	(void)context;
	(void)turn;
	assert_int_equal(hop->listener, tu_listener(SIP_TRANSPORT_UDP));
	*listener = tu_listener(SIP_TRANSPORT_TCP);
	return tu.has_stream;
}

static void tu_request(void *context, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in)
{
	(void)context;
	(void)in;
	tu.requests++;
	tu.tx = tx;
	if (tu.answer)
		sip_server_respond_simple(tu.txs, turn, tx, tu.answer, SPAN_NONE);
}

static void tu_ack(void *context, const struct sip_turn *turn, const struct sip_received *in)
{
	(void)context;
	(void)turn;
	assert_int_equal(in->msg->method, SIP_METHOD_ACK);
	tu.acks++;
}

static void tu_cancel(void *context, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in)
{
	(void)context;
	(void)in;
	tu.cancels++;
	sip_server_respond_simple(tu.txs, turn, tx, 487, SPAN_NONE);
}

static void tu_response(void *context, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in)
{
	(void)context;
	(void)turn;
	assert_ptr_equal(sip_tx_user(tx), &tu);
	tu.responses++;
	tu.status = in->msg->status;
}

static void tu_stray(void *context, const struct sip_turn *turn, const struct sip_received *in)
{
	(void)context;
	(void)turn;
	(void)in;
	tu.strays++;
}

static void tu_failure(void *context, const struct sip_turn *turn, struct sip_tx *tx,
	enum sip_tx_failure failure)
{
	(void)context;
	(void)turn;
	assert_int_equal(sip_tx_state(tx), SIP_TX_TERMINATED);
	tu.failures++;
	tu.failure = failure;
}

static void tu_terminated(void *context, const struct sip_turn *turn, struct sip_tx *tx)
{
	(void)context;
	(void)turn;
	assert_int_equal(sip_tx_state(tx), SIP_TX_TERMINATED);
	tu.terminated++;
}

static const struct sip_tu_ops tu_ops = { tu_send, tu_local, tu_find_stream, tu_request, tu_ack,
	tu_cancel, tu_response, tu_stray, tu_failure, tu_terminated };

static void tu_open(uint32_t count_max, uint64_t stored_bytes_max)
{
	static const struct hash_key cluster = { { 3, 5 } };
	struct sip_transactions_params params = { .count_max = count_max,
		.stored_bytes_max = stored_bytes_max, .retry_after_s = 5, .ops = &tu_ops,
		.context = &tu, .now_ms = 1000 };
	sip_keys_init(&params.keys, &cluster, 0);
	memset(&tu, 0, sizeof(tu));
	tu.turn.now_ms = 1000;
	tu.from = (struct sip_hop){ .listener = 7, .addr = { ip_from_v4(0xc0000201), 5070 } };
	tu.txs = sip_transactions_new(&params);
	assert_non_null(tu.txs);
}

static int tu_setup(void **state)
{
	(void)state;
	tu_open(100, 1 << 20);
	return 0;
}

// Whatever a test did: nothing may be left when all timers have ended.
static void tu_advance(uint64_t ms);
static int tu_teardown(void **state)
{
	(void)state;
	tu_advance(200000);
	const struct sip_transaction_metrics *m = sip_transactions_metrics(tu.txs);
	assert_int_equal(m->active, 0);
	assert_int_equal(m->stored_bytes, 0);
	assert_true(sip_transactions_next_ms(tu.txs) == UINT64_MAX);
	sip_transactions_free(tu.txs);
	return 0;
}

static void tu_advance(uint64_t ms)
{
	uint64_t end = tu.turn.now_ms + ms;
	while (sip_transactions_next_ms(tu.txs) <= end) {
		uint64_t next = sip_transactions_next_ms(tu.txs);
		if (next > tu.turn.now_ms)
			tu.turn.now_ms = next;
		sip_transactions_run(tu.txs, &tu.turn);
	}
	tu.turn.now_ms = end;
	sip_transactions_run(tu.txs, &tu.turn);
}

// Gives the text to the layer as a message by tu.from, at first a datagram of 192.0.2.1:5070.
static void tu_receive(const char *text)
{
	static struct sip_msg msg;
	static char copy[4096];
	struct sip_fault fault;
	struct span data = span_str(text);
	memcpy(copy, data.ptr, data.len);
	data.ptr = copy;
	if (sip_parse(data, &msg, &fault))
		fail_msg("%s in: %s", fault.reason, text);
	struct sip_received in = { tu.from, &msg };
	sip_transactions_receive(tu.txs, &tu.turn, &in);
	memset(copy, '#', data.len); // nothing may point into it any more
}

static inline const char *tu_last(void)
{
	assert_true(tu.sent_count > 0);
	return tu.sent[tu.sent_count - 1];
}

#define assert_has(text, part)                                                                     \
	do {                                                                                       \
		if (!strstr(text, part))                                                           \
			fail_msg("no \"%s\" in: %s", part, text);                                  \
	} while (0)
#define assert_has_not(text, part)                                                                 \
	do {                                                                                       \
		if (strstr(text, part))                                                            \
			fail_msg("\"%s\" in: %s", part, text);                                     \
	} while (0)

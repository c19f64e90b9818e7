// Client transactions: timers A, B, D, E, F, K, M; ACK of non-2xx; CANCEL.
#include "tu_double.h"

static const char request[] = "%s sip:bob@192.0.2.4 SIP/2.0\r\n"
	"Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKours;rport\r\nMax-Forwards: 70\r\n"
	"Route: <sip:p1.example;lr>\r\n"
	"From: <sip:a@sbc>;tag=f1\r\nTo: <sip:bob@b>\r\nCall-ID: c1\r\nCSeq: 42 %s\r\n"
	"Content-Length: 0\r\n\r\n";

static struct sip_tx *start_by(enum sip_method method, enum sip_transport transport)
{
	char text[1024];
	const char *name = sip_method_name(method);
	snprintf(text, sizeof(text), request, name, name);
	struct sip_client_params params = { .data = span_str(text),
		.branch = SPAN_LIT("z9hG4bKours"),
		.method = method,
		.method_text = span_str(name),
		.hop = { .listener = tu_listener(transport),
			.addr = { ip_from_v4(0xc0000204), 5060 },
			.tls_name = SPAN_LIT("b.example") },
		.user = &tu };
	return sip_client_start(tu.txs, &tu.turn, &params);
}

static struct sip_tx *start(enum sip_method method)
{
	return start_by(method, SIP_TRANSPORT_UDP);
}

static void respond(unsigned status, const char *method)
{
	char text[1024];
	snprintf(text, sizeof(text), "SIP/2.0 %u X\r\n"
		"Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKours;rport=1\r\n"
		"From: <sip:a@sbc>;tag=f1\r\nTo: <sip:bob@b>;tag=t9\r\nCall-ID: c1\r\n"
		"CSeq: 42 %s\r\nContent-Length: 0\r\n\r\n", status, method);
	tu_receive(text);
}

static void check_schedule(const uint64_t *ms, unsigned count)
{
	assert_int_equal(tu.sent_count, count);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(tu.sent_ms[i] - 1000, ms[i]);
}

static void invite_unanswered(void **state)
{
	static const uint64_t ms[] = { 0, 500, 1500, 3500, 7500, 15500, 31500 };
	(void)state;
	assert_non_null(start(SIP_METHOD_INVITE));
	tu_advance(31999);
	assert_int_equal(tu.failures, 0);
	tu_advance(1);
	check_schedule(ms, 7);
	assert_int_equal(tu.failures, 1);
	assert_int_equal(tu.failure, SIP_TX_TIMEOUT);
	assert_int_equal(tu.terminated, 1);
	for (unsigned i = 1; i < 7; i++)
		assert_string_equal(tu.sent[i], tu.sent[0]);
}

static void options_unanswered(void **state)
{
	static const uint64_t ms[] = { 0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500,
		31500 };
	(void)state;
	assert_non_null(start(SIP_METHOD_OPTIONS));
	tu_advance(40000);
	check_schedule(ms, 11);
	assert_int_equal(tu.failure, SIP_TX_TIMEOUT);
	assert_int_equal(tu.terminated, 1);
}

static void options_provisional_slows_down(void **state)
{
	static const uint64_t ms[] = { 0, 500, 4500, 8500, 12500 };
	(void)state;
	assert_non_null(start(SIP_METHOD_OPTIONS));
	tu_advance(400);
	respond(100, "OPTIONS");
	tu_advance(12200);
	check_schedule(ms, 5);
	respond(200, "OPTIONS");
	respond(200, "OPTIONS");
	assert_int_equal(tu.responses, 2);
	tu_advance(4999);
	assert_int_equal(tu.terminated, 0);
	tu_advance(1); // timer K
	assert_int_equal(tu.terminated, 1);
	assert_int_equal(tu.failures, 0);
}

static void invite_refused_is_acked(void **state)
{
	(void)state;
	assert_non_null(start(SIP_METHOD_INVITE));
	respond(100, "INVITE");
	tu_advance(60000); // no timer while it proceeds
	assert_int_equal(tu.sent_count, 1);
	respond(486, "INVITE");
	assert_int_equal(tu.status, 486);
	assert_int_equal(tu.sent_count, 2);
	const char *ack = tu_last();
	assert_has(ack, "ACK sip:bob@192.0.2.4 SIP/2.0\r\n");
	assert_has(ack, "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKours");
	assert_has(ack, "Route: <sip:p1.example;lr>\r\n");
	assert_has(ack, "To: <sip:bob@b>;tag=t9\r\n");
	assert_has(ack, "CSeq: 42 ACK\r\n");
	respond(486, "INVITE");
	assert_int_equal(tu.sent_count, 3);
	assert_string_equal(tu_last(), ack);
	assert_int_equal(tu.responses, 2);
	tu_advance(31999);
	assert_int_equal(tu.terminated, 0);
	tu_advance(1); // timer D
	assert_int_equal(tu.terminated, 1);
	assert_int_equal(tu.failures, 0);
}

static void invite_accepted(void **state)
{
	(void)state;
	assert_non_null(start(SIP_METHOD_INVITE));
	respond(200, "INVITE");
	tu_advance(1000);
	respond(200, "INVITE"); // the dialog layer must see it, to send its ACK again
	respond(180, "INVITE");
	respond(486, "INVITE");
	assert_int_equal(tu.responses, 2);
	assert_int_equal(tu.sent_count, 1);
	tu_advance(32000); // timer M
	assert_int_equal(tu.terminated, 1);
	respond(200, "INVITE");
	assert_int_equal(tu.strays, 1);
}

static void cancel_waits_for_provisional(void **state)
{
	(void)state;
	struct sip_tx *tx = start(SIP_METHOD_INVITE);
	sip_client_cancel(tu.txs, &tu.turn, tx, SPAN_LIT("Reason: SIP;cause=200\r\n"));
	sip_client_cancel(tu.txs, &tu.turn, tx, SPAN_NONE);
	assert_int_equal(tu.sent_count, 1);
	respond(180, "INVITE");
	assert_int_equal(tu.sent_count, 2);
	assert_has(tu_last(), "CANCEL sip:bob@192.0.2.4 SIP/2.0\r\n");
	assert_has(tu_last(), ";branch=z9hG4bKours");
	assert_has(tu_last(), "To: <sip:bob@b>\r\n");
	assert_has(tu_last(), "CSeq: 42 CANCEL\r\n");
	assert_has(tu_last(), "Reason: SIP;cause=200\r\n");
	respond(200, "CANCEL");
	assert_int_equal(tu.responses, 1); // the TU does not hear of the CANCEL
	respond(487, "INVITE");
	assert_int_equal(tu.status, 487);
	assert_has(tu_last(), "CSeq: 42 ACK\r\n");
	tu_advance(40000);
	assert_int_equal(tu.terminated, 1);
	assert_int_equal(tu.failures, 0);
}

static void cancel_unanswered(void **state)
{
	(void)state;
	struct sip_tx *tx = start(SIP_METHOD_INVITE);
	respond(180, "INVITE");
	sip_client_cancel(tu.txs, &tu.turn, tx, SPAN_NONE);
	tu_advance(32000);
	assert_int_equal(tu.failures, 1);
	assert_int_equal(tu.failure, SIP_TX_CANCELLED);
	assert_int_equal(tu.terminated, 1);
}

static void cancel_after_final_is_nothing(void **state)
{
	(void)state;
	struct sip_tx *tx = start(SIP_METHOD_INVITE);
	respond(200, "INVITE");
	sip_client_cancel(tu.txs, &tu.turn, tx, SPAN_NONE);
	assert_int_equal(tu.sent_count, 1);
}

static void send_failure(void **state)
{
	(void)state;
	struct sip_tx *tx = start(SIP_METHOD_INVITE);
	sip_transactions_send_failed(tu.txs, &tu.turn, tu.ticket, true);
	assert_int_equal(tu.failure, SIP_TX_TRANSPORT);
	assert_int_equal(tu.terminated, 0); // not under the caller
	assert_int_equal(sip_tx_state(tx), SIP_TX_TERMINATED);
	respond(200, "INVITE");
	assert_int_equal(tu.responses, 0);
	tu_advance(1);
	assert_int_equal(tu.terminated, 1);
	assert_int_equal(tu.failures, 1);
}

// Once by a connection; timers B and F remain, D and K are 0.
static void reliable(void **state)
{
	(void)state;
	for (int transport = SIP_TRANSPORT_TCP; transport < SIP_TRANSPORT_COUNT; transport++) {
		unsigned sent = tu.sent_count, failures = tu.failures, ended = tu.terminated;
		start_by(SIP_METHOD_INVITE, (enum sip_transport)transport);
		tu_advance(31999);
		assert_int_equal(tu.sent_count, sent + 1);
		assert_int_equal(tu.failures, failures);
		tu_advance(1);
		assert_int_equal(tu.failures, failures + 1);
		assert_int_equal(tu.failure, SIP_TX_TIMEOUT);
		start_by(SIP_METHOD_INVITE, (enum sip_transport)transport);
		respond(486, "INVITE");
		assert_has(tu_last(), "ACK sip:bob@192.0.2.4 ");
		tu_advance(0); // timer D
		assert_int_equal(tu.terminated, ended + 2);
		start_by(SIP_METHOD_OPTIONS, (enum sip_transport)transport);
		tu_advance(31000);
		respond(200, "OPTIONS");
		tu_advance(0); // timer K
		assert_int_equal(tu.terminated, ended + 3);
		assert_int_equal(tu.sent_count, sent + 4);
		assert_int_equal(tu.failures, failures + 1);
	}
}

// RFC 6026: timer M runs by any transport, further 2xx are for the TU.
static void reliable_invite_accepted(void **state)
{
	(void)state;
	start_by(SIP_METHOD_INVITE, SIP_TRANSPORT_TCP);
	respond(200, "INVITE");
	tu_advance(31999);
	respond(200, "INVITE");
	assert_int_equal(tu.responses, 2);
	tu_advance(1);
	assert_int_equal(tu.terminated, 1);
	assert_int_equal(tu.failures, 0);
}

static void tls_name_goes_along(void **state)
{
	(void)state;
	struct sip_tx *tx = start_by(SIP_METHOD_INVITE, SIP_TRANSPORT_TLS);
	respond(180, "INVITE");
	sip_client_cancel(tu.txs, &tu.turn, tx, SPAN_NONE);
	respond(200, "CANCEL");
	respond(487, "INVITE");
	assert_int_equal(tu.sent_count, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_true(tu.named[i]);
}

static void failure_of_a_stale_ticket(void **state)
{
	(void)state;
	start(SIP_METHOD_OPTIONS);
	uint64_t ticket = tu.ticket;
	respond(200, "OPTIONS");
	// its answer came all the same
	sip_transactions_send_failed(tu.txs, &tu.turn, ticket, true);
	assert_int_equal(tu.failures, 0);
	tu_advance(5000);
	start(SIP_METHOD_INVITE);
	sip_transactions_send_failed(tu.txs, &tu.turn, ticket, true);
	sip_transactions_send_failed(tu.txs, &tu.turn, 0, true);
	sip_transactions_send_failed(tu.txs, &tu.turn, ~0ull, true);
	assert_int_equal(tu.failures, 0);
}

static void limits(void **state)
{
	(void)state;
	sip_transactions_free(tu.txs);
	tu_open(1, 1 << 20);
	assert_non_null(start(SIP_METHOD_INVITE));
	assert_null(start(SIP_METHOD_OPTIONS));
	assert_int_equal(tu.sent_count, 1);
	sip_transactions_free(tu.txs);
	tu_open(10, 100); // less than one request
	assert_null(start(SIP_METHOD_INVITE));
	assert_int_equal(tu.sent_count, 0);
	assert_int_equal(sip_transactions_metrics(tu.txs)->active, 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, tu_setup, tu_teardown)
	const struct CMUnitTest tests[] = {
		TEST(invite_unanswered),
		TEST(options_unanswered),
		TEST(options_provisional_slows_down),
		TEST(invite_refused_is_acked),
		TEST(invite_accepted),
		TEST(cancel_waits_for_provisional),
		TEST(cancel_unanswered),
		TEST(cancel_after_final_is_nothing),
		TEST(send_failure),
		TEST(reliable),
		TEST(reliable_invite_accepted),
		TEST(tls_name_goes_along),
		TEST(failure_of_a_stale_ticket),
		TEST(limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

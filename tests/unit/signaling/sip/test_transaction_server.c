// Server transactions: timers G, H, I, J, L; CANCEL, merged requests, RFC 2543 matching, limits.
#include "tu_double.h"

#include <errno.h>

static void by(enum sip_transport transport)
{
	tu.from.listener = tu_listener(transport);
	tu.from.connection = 99;
}

// From 192.0.2.1; via is what stands behind "SIP/2.0/UDP ".
static void request(const char *method, const char *via, const char *to_tag, unsigned cseq)
{
	char text[1024];
	snprintf(text, sizeof(text),
		"%s sip:bob@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP %s\r\n"
		"Via: SIP/2.0/UDP first.example;branch=z9hG4bKfirst\r\n"
		"Record-Route: <sip:p1.example;lr>\r\nMax-Forwards: 70\r\n"
		"From: <sip:a@a>;tag=f1\r\nTo: <sip:bob@b>%s%s\r\nCall-ID: c1@a\r\n"
		"CSeq: %u %s\r\nContent-Length: 0\r\n\r\n",
		method, via, *to_tag ? ";tag=" : "", to_tag, cseq, method);
	tu_receive(text);
}

#define VIA "192.0.2.1:5070;branch=z9hG4bKtheirs"

// The To tag of the last message sent.
static const char *last_tag(void)
{
	static char tag[64];
	const char *to = strstr(tu_last(), "\r\nTo: ");
	const char *found = strstr(to, ";tag=");
	assert_non_null(found);
	assert_int_equal(sscanf(found, ";tag=%63[a-z0-9]", tag), 1);
	return tag;
}

static void check_schedule(unsigned from, const uint64_t *ms, unsigned count)
{
	assert_int_equal(tu.sent_count, from + count);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(tu.sent_ms[from + i] - 1000, ms[i]);
}

static void invite_refused(void **state)
{
	static const uint64_t ms[] = { 0, 500, 1500, 3500, 7500, 11500 };
	(void)state;
	request("INVITE", VIA, "", 1);
	assert_int_equal(tu.requests, 1);
	assert_has(tu_last(), "SIP/2.0 100 Trying\r\n");
	assert_has_not(strstr(tu_last(), "\r\nTo: "), ";tag=");
	request("INVITE", VIA, "", 1);
	assert_int_equal(tu.sent_count, 2);
	assert_string_equal(tu.sent[0], tu.sent[1]);
	assert_int_equal(sip_server_respond_simple(tu.txs, &tu.turn, tu.tx, 486, SPAN_NONE), 0);
	tu_advance(12000);
	check_schedule(2, ms, 6);
	request("INVITE", VIA, "", 1);
	assert_int_equal(tu.sent_count, 9);
	assert_has(tu_last(), "SIP/2.0 486 Busy Here\r\n");
	assert_int_equal(
		sip_server_respond_simple(tu.txs, &tu.turn, tu.tx, 200, SPAN_NONE), -EALREADY);
	request("ACK", VIA, last_tag(), 1);
	request("ACK", VIA, last_tag(), 1);
	request("INVITE", VIA, "", 1);
	tu_advance(4999);
	assert_int_equal(tu.sent_count, 9);
	assert_int_equal(tu.acks, 0);
	assert_int_equal(tu.terminated, 0);
	tu_advance(1); // timer I
	assert_int_equal(tu.terminated, 1);
	assert_int_equal(tu.failures, 0);
	assert_int_equal(tu.requests, 1);
}

static void invite_refused_no_ack(void **state)
{
	(void)state;
	tu.answer = 404;
	request("INVITE", VIA, "", 1);
	assert_has(tu.sent[0], "SIP/2.0 404 Not Found\r\n"); // no 100 before it
	tu_advance(32000);
	assert_int_equal(tu.failure, SIP_TX_NO_ACK);
	assert_int_equal(tu.terminated, 1);
	assert_int_equal(tu.sent_count, 11); // T1 doubling to T2, then every T2
}

static void invite_accepted(void **state)
{
	static const uint64_t ms[] = { 0, 500, 1500, 3500 };
	(void)state;
	tu.answer = 200;
	request("INVITE", VIA, "", 1);
	tu_advance(3600);
	check_schedule(0, ms, 4);
	request("INVITE", VIA, "", 1); // RFC 6026: absorbed
	request("ACK", "192.0.2.1:5070;branch=z9hG4bKack", last_tag(), 1);
	assert_int_equal(tu.acks, 1);
	sip_server_acked(tu.txs, &tu.turn, tu.tx);
	tu_advance(40000);
	assert_int_equal(tu.sent_count, 4);
	assert_int_equal(tu.failures, 0);
	assert_int_equal(tu.terminated, 1);
}

static void invite_accepted_no_ack(void **state)
{
	(void)state;
	tu.answer = 200;
	request("INVITE", VIA, "", 1);
	tu_advance(32000);
	assert_int_equal(tu.failure, SIP_TX_NO_ACK);
	assert_int_equal(tu.terminated, 1);
}

static void head_of_responses(void **state)
{
	(void)state;
	request("INVITE", "10.9.9.9:5070;rport;branch=z9hG4bKtheirs", "", 1);
	assert_has(tu_last(), "Via: SIP/2.0/UDP 10.9.9.9:5070;branch=z9hG4bKtheirs;"
		"received=192.0.2.1;rport=5070\r\n"
		"Via: SIP/2.0/UDP first.example;branch=z9hG4bKfirst\r\n");
	assert_has_not(tu_last(), "Record-Route");
	sip_server_set_tag(tu.tx, SPAN_LIT("mytag"));
	assert_int_equal(sip_server_respond_simple(tu.txs, &tu.turn, tu.tx, 180, SPAN_NONE), 0);
	assert_has(tu_last(), "Record-Route: <sip:p1.example;lr>\r\n");
	assert_has(tu_last(), "To: <sip:bob@b>;tag=mytag\r\n");
	assert_has(tu_last(), "From: <sip:a@a>;tag=f1\r\n");
	assert_has(tu_last(), "CSeq: 1 INVITE\r\n");
	sip_server_respond_simple(tu.txs, &tu.turn, tu.tx, 500, SPAN_LIT("Own Words"));
	assert_has(tu_last(), "SIP/2.0 500 Own Words\r\n");
	assert_has_not(tu_last(), "Record-Route");
}

static void answers_go_to_the_right_port(void **state)
{
	(void)state;
	tu.answer = 200;
	request("OPTIONS", "192.0.2.1:5999;branch=z9hG4bK1", "", 1);
	assert_int_equal(tu.sent_to[0].port, 5999);
	request("OPTIONS", "192.0.2.1;branch=z9hG4bK2", "", 2);
	assert_int_equal(tu.sent_to[1].port, 5060);
	request("OPTIONS", "192.0.2.1:5999;branch=z9hG4bK3;rport", "", 3);
	assert_int_equal(tu.sent_to[2].port, 5070);
}

static void cancelled(void **state)
{
	(void)state;
	request("INVITE", VIA, "", 1);
	request("CANCEL", VIA, "", 1);
	assert_int_equal(tu.cancels, 1);
	assert_int_equal(tu.sent_count, 3);
	assert_has(tu.sent[1], "SIP/2.0 200 OK\r\n");
	assert_has(tu.sent[1], "CSeq: 1 CANCEL\r\n");
	assert_has(tu.sent[2], "SIP/2.0 487 Request Terminated\r\n");
	assert_has(tu.sent[1], last_tag()); // RFC 3261 9.2: the same tag
	request("CANCEL", VIA, "", 1);
	assert_int_equal(tu.cancels, 1);
	assert_has(tu_last(), "SIP/2.0 200 OK\r\n");
	request("CANCEL", "192.0.2.1:5070;branch=z9hG4bKother", "", 1);
	assert_has(tu_last(), "SIP/2.0 481 ");
	request("ACK", VIA, "x", 1);
	assert_int_equal(tu.acks, 0);
	assert_int_equal(tu.requests, 1);
}

static void merged(void **state)
{
	(void)state;
	request("INVITE", VIA, "", 1);
	request("INVITE", "192.0.2.1:5070;branch=z9hG4bKotherway", "", 1);
	assert_int_equal(tu.requests, 1);
	assert_has(tu_last(), "SIP/2.0 482 Loop Detected\r\n");
	request("ACK", "192.0.2.1:5070;branch=z9hG4bKotherway", last_tag(), 1);
	assert_int_equal(tu.acks, 0);
	assert_int_equal(sip_transactions_metrics(tu.txs)->acks_stateless, 1);
	request("INVITE", "192.0.2.1:5070;branch=z9hG4bKnext", "",
		2); // another CSeq is another request
	assert_int_equal(tu.requests, 2);
	sip_server_respond_simple(tu.txs, &tu.turn, tu.tx, 480, SPAN_NONE);
	request("CANCEL", VIA, "", 1);
}

static void full(void **state)
{
	(void)state;
	sip_transactions_free(tu.txs);
	tu_open(1, 1 << 20);
	tu.answer = 200;
	request("OPTIONS", "192.0.2.1;branch=z9hG4bK1", "", 1);
	request("INVITE", VIA, "", 2);
	assert_int_equal(tu.requests, 1);
	assert_has(tu_last(), "SIP/2.0 503 Service Unavailable\r\n");
	assert_has(tu_last(), "Retry-After: 5\r\n");
	request("ACK", VIA, last_tag(), 2);
	assert_int_equal(tu.acks, 0);
	char first[64];
	strcpy(first, last_tag());
	request("INVITE", VIA, "", 2);
	assert_string_equal(first, last_tag()); // RFC 3261 8.2.7
	assert_int_equal(sip_transactions_metrics(tu.txs)->refused_full, 2);
}

static void options_answered(void **state)
{
	(void)state;
	request("OPTIONS", VIA, "", 1);
	assert_int_equal(tu.sent_count, 0); // no 100 to non-INVITE
	request("OPTIONS", VIA, "", 1);
	assert_int_equal(tu.sent_count, 0);
	assert_int_equal(
		sip_server_respond_simple(tu.txs, &tu.turn, tu.tx, 408, SPAN_NONE), -EALREADY);
	sip_server_respond_simple(tu.txs, &tu.turn, tu.tx, 200, SPAN_NONE);
	tu_advance(1000);
	request("OPTIONS", VIA, "", 1);
	assert_int_equal(tu.sent_count, 2);
	assert_string_equal(tu.sent[0], tu.sent[1]);
	tu_advance(31000); // timer J
	assert_int_equal(tu.terminated, 1);
	assert_int_equal(tu.requests, 1);
}

static void options_never_answered(void **state)
{
	(void)state;
	request("OPTIONS", VIA, "", 1);
	tu_advance(32000);
	assert_int_equal(tu.failure, SIP_TX_TIMEOUT);
	assert_int_equal(tu.terminated, 1);
	assert_int_equal(tu.sent_count, 1); // the 100 alone
}

// RFC 4320 4.1: 100 when the client's timer E has reached T2, by UDP only, and nothing else before
// the final answer.
static void options_slow(void **state)
{
	(void)state;
	request("OPTIONS", VIA, "", 1);
	assert_int_equal(
		sip_server_respond_simple(tu.txs, &tu.turn, tu.tx, 100, SPAN_NONE), -EALREADY);
	assert_int_equal(
		sip_server_respond_simple(tu.txs, &tu.turn, tu.tx, 180, SPAN_NONE), -EALREADY);
	tu_advance(3499);
	assert_int_equal(tu.sent_count, 0);
	tu_advance(1);
	assert_int_equal(tu.sent_count, 1);
	assert_has(tu_last(), "SIP/2.0 100 Trying\r\n");
	request("OPTIONS", VIA, "", 1);
	assert_int_equal(tu.sent_count, 2);
	sip_server_respond_simple(tu.txs, &tu.turn, tu.tx, 200, SPAN_NONE);
	tu_advance(20000);
	assert_int_equal(tu.sent_count, 3);
	by(SIP_TRANSPORT_TCP);
	request("OPTIONS", "192.0.2.1;branch=z9hG4bKtcp", "", 2);
	tu_advance(20000);
	assert_int_equal(tu.sent_count, 3);
}

// By a connection nothing is repeated but the 2xx to INVITE, and nothing lingers but what may still
// be acknowledged.
static void reliable(void **state)
{
	(void)state;
	by(SIP_TRANSPORT_TCP);
	tu.answer = 486;
	request("INVITE", VIA, "", 1);
	tu_advance(31000);
	assert_int_equal(tu.sent_count, 1);
	request("ACK", VIA, last_tag(), 1);
	tu_advance(0); // timer I
	assert_int_equal(tu.terminated, 1);
	assert_int_equal(tu.failures, 0);
	tu.answer = 200;
	request("OPTIONS", "192.0.2.1;branch=z9hG4bK2", "", 2);
	tu_advance(0); // timer J
	assert_int_equal(tu.terminated, 2);
	request("INVITE", "192.0.2.1;branch=z9hG4bK3", "", 3);
	tu_advance(32000);
	assert_int_equal(tu.sent_count, 2 + 11); // RFC 3261 13.3.1.4
	assert_int_equal(tu.failure, SIP_TX_NO_ACK);
}

// Back on the request's connection; if that is gone, to the sender's listener, unless it can have
// none (RFC 3261 18.2.2, RFC 7118 5).
static void answers_go_back_by_connection(void **state)
{
	static const struct {
		enum sip_transport transport;
		const char *via;
		uint16_t port;
		bool is_bound;
	} rows[] = {
		{ SIP_TRANSPORT_TCP, "192.0.2.1:5999;branch=z9hG4bK1;rport", 5999, false },
		{ SIP_TRANSPORT_TCP, "192.0.2.1;branch=z9hG4bK2;rport", 5060, false },
		{ SIP_TRANSPORT_TLS, "192.0.2.1;branch=z9hG4bK3", 5061, false },
		{ SIP_TRANSPORT_WS, "x.invalid;branch=z9hG4bK4", 5060, true },
		{ SIP_TRANSPORT_WSS, "x.invalid;branch=z9hG4bK5", 5061, true },
	};
	(void)state;
	tu.answer = 200;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		by(rows[i].transport);
		request("OPTIONS", rows[i].via, "", 1 + i);
		request("CANCEL", "192.0.2.1;branch=z9hG4bKnone", "", 1 + i); // stateless
		for (unsigned k = 1; k <= 2; k++) {
			const struct sip_hop *hop = &tu.sent_hop[tu.sent_count - k];
			assert_int_equal(hop->listener, tu_listener(rows[i].transport));
			assert_int_equal(hop->connection, 99);
			assert_int_equal(hop->is_bound, rows[i].is_bound);
		}
		assert_int_equal(tu.sent_hop[tu.sent_count - 2].addr.port, rows[i].port);
	}
	by(SIP_TRANSPORT_TCP);
	tu.from.is_bound = true; // behind a NAT
	request("OPTIONS", "192.0.2.1;branch=z9hG4bK9", "", 20);
	assert_true(tu.sent_hop[tu.sent_count - 1].is_bound);
}

// RFC 6026 8.8: the state stays, the TU's timers go on.
static void answer_not_delivered(void **state)
{
	(void)state;
	by(SIP_TRANSPORT_TCP);
	tu.answer = 200;
	request("INVITE", VIA, "", 1);
	sip_transactions_send_failed(tu.txs, &tu.turn, tu.ticket, true);
	assert_int_equal(sip_tx_state(tu.tx), SIP_TX_ACCEPTED);
	tu_advance(500);
	assert_int_equal(tu.sent_count, 2);
	tu_advance(32000);
	assert_int_equal(tu.failures, 1);
	assert_int_equal(tu.failure, SIP_TX_NO_ACK);
	assert_int_equal(sip_transactions_metrics(tu.txs)->responses_undelivered, 1);
}

static void without_magic_cookie(void **state)
{
	(void)state;
	tu.answer = 486;
	request("INVITE", "192.0.2.1:5070", "", 1);
	request("INVITE", "192.0.2.1:5070", "", 1);
	assert_int_equal(tu.requests, 1);
	assert_int_equal(tu.sent_count, 2);
	request("ACK", "192.0.2.1:5070", last_tag(), 1);
	assert_int_equal(tu.acks, 0);
	tu_advance(5000);
	assert_int_equal(tu.terminated, 1);
	assert_int_equal(tu.sent_count, 2);
}

static void same_branch_from_another_host(void **state)
{
	(void)state;
	tu.answer = 200;
	request("OPTIONS", "192.0.2.1:5070;branch=z9hG4bKsame", "t1", 1);
	request("OPTIONS", "192.0.2.2:5070;branch=z9hG4bKsame", "t1", 1);
	assert_int_equal(tu.requests, 2);
}

static void stateless_answer(void **state)
{
	static struct sip_msg msg;
	struct sip_fault fault;
	(void)state;
	assert_int_not_equal(
		sip_parse(SPAN_LIT("INVITE sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP 1.2.3.4;branch="
				   "z9hG4bK1\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: "
				   "q\r\nCSeq: 1 BYE\r\n\r\n"),
			&msg, &fault),
		0);
	assert_true(fault.can_answer);
	struct sip_received in = { { .listener = 7, .addr = { ip_from_v4(0xc0000201), 5070 } },
		&msg };
	sip_reply_stateless(tu.txs, &tu.turn, &in, fault.status, span_str(fault.reason));
	assert_has(tu_last(), "SIP/2.0 400 CSeq Method Mismatch\r\n");
	assert_has(tu_last(), ";received=192.0.2.1");
	assert_int_equal(sip_transactions_metrics(tu.txs)->active, 0);
}

// RFC 4475 3.3.1: as long as a Via says where to, what is missing is answered by 400 and not made
// up.
static void stateless_answer_without_headers(void **state)
{
	static struct sip_msg msg;
	struct sip_fault fault;
	(void)state;
	assert_int_not_equal(sip_parse(SPAN_LIT("OPTIONS sip:x@y SIP/2.0\r\n"
						"Via: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bK1\r\n"
						"To: <sip:b@b>\r\nCSeq: 1 OPTIONS\r\n\r\n"),
				     &msg, &fault),
		0);
	assert_true(fault.can_answer);
	struct sip_received in = { { .listener = 7, .addr = { ip_from_v4(0xc0000201), 5070 } },
		&msg };
	sip_reply_stateless(tu.txs, &tu.turn, &in, fault.status, span_str(fault.reason));
	assert_has(tu_last(), "SIP/2.0 400 Missing From\r\n");
	assert_has(tu_last(), "\r\nTo: <sip:b@b>;tag=");
	assert_has(tu_last(), "\r\nCSeq: 1 OPTIONS\r\n");
	assert_null(strstr(tu_last(), "\r\nFrom:"));
	assert_null(strstr(tu_last(), "\r\nCall-ID:"));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, tu_setup, tu_teardown)
	const struct CMUnitTest tests[] = {
		TEST(invite_refused),
		TEST(invite_refused_no_ack),
		TEST(invite_accepted),
		TEST(invite_accepted_no_ack),
		TEST(head_of_responses),
		TEST(answers_go_to_the_right_port),
		TEST(cancelled),
		TEST(merged),
		TEST(full),
		TEST(options_answered),
		TEST(options_never_answered),
		TEST(options_slow),
		TEST(reliable),
		TEST(answers_go_back_by_connection),
		TEST(answer_not_delivered),
		TEST(without_magic_cookie),
		TEST(same_branch_from_another_host),
		TEST(stateless_answer),
		TEST(stateless_answer_without_headers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

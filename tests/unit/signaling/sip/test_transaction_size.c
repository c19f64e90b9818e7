// RFC 3261 18.1.1: long requests go by TCP, and back to UDP where it is refused.
#include "tu_double.h"

static char text[4096];
static const char *own_host = "192.0.2.9";

// A request of that many bytes in all.
static struct span long_request(enum sip_method method, unsigned len)
{
	const char *name = sip_method_name(method);
	int head = snprintf(text, sizeof(text), "%s sip:bob@192.0.2.4 SIP/2.0\r\n"
		"Via: SIP/2.0/UDP %s:5060;branch=z9hG4bKlong;rport\r\n"
		"From: <sip:a@sbc>;tag=f1\r\nTo: <sip:bob@b>\r\nCall-ID: c1\r\nCSeq: 7 %s\r\n"
		"Subject: ", name, own_host, name);
	assert_true(head > 0 && (unsigned)head + 4 < len && len < sizeof(text));
	memset(text + head, 'x', len - (unsigned)head - 4);
	memcpy(text + len - 4, "\r\n\r\n", 4);
	text[len] = 0;
	return span_make(text, len);
}

static struct sip_tx *start_to(enum sip_method method, unsigned len, uint32_t ip)
{
	struct sip_client_params params = { .data = long_request(method, len),
		.branch = SPAN_LIT("z9hG4bKlong"),
		.method = method,
		.method_text = span_str(sip_method_name(method)),
		.hop = { .listener = tu_listener(SIP_TRANSPORT_UDP),
			.addr = { ip_from_v4(ip), 5060 } },
		.user = &tu };
	return sip_client_start(tu.txs, &tu.turn, &params);
}

static struct sip_tx *start(enum sip_method method, unsigned len)
{
	return start_to(method, len, 0xc0000204);
}

static uint32_t last_listener(void)
{
	assert_true(tu.sent_count > 0);
	return tu.sent_hop[tu.sent_count - 1].listener;
}

static void only_what_is_too_long(void **state)
{
	(void)state;
	tu.has_stream = true;
	start(SIP_METHOD_INVITE, 1300);
	assert_int_equal(last_listener(), tu_listener(SIP_TRANSPORT_UDP));
	tu_advance(100000);
	start(SIP_METHOD_INVITE, 1301);
	assert_int_equal(last_listener(), tu_listener(SIP_TRANSPORT_TCP));
	assert_has(tu_last(), "\r\nVia: SIP/2.0/TCP 192.0.2.9:5061;branch=z9hG4bKlong;rport\r\n");
	unsigned sent = tu.sent_count;
	tu_advance(31999); // no retransmission, but timer B
	assert_int_equal(tu.sent_count, sent);
	assert_int_equal(tu.failures, 1);
	tu_advance(1);
	assert_int_equal(tu.failures, 2);
	assert_int_equal(tu.failure, SIP_TX_TIMEOUT);
	assert_int_equal(sip_transactions_metrics(tu.txs)->long_requests, 1);
}

static void no_stream_listener(void **state)
{
	(void)state;
	start(SIP_METHOD_OPTIONS, 1301);
	assert_int_equal(last_listener(), tu_listener(SIP_TRANSPORT_UDP));
	assert_has(tu_last(), "\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;");
}

static void refused(void **state)
{
	(void)state;
	tu.has_stream = true;
	struct sip_tx *tx = start(SIP_METHOD_INVITE, 1400);
	tu_advance(3000);
	sip_transactions_send_failed(tu.txs, &tu.turn, tu.ticket, true);
	assert_int_equal(tu.failures, 0);
	assert_int_equal(tu.sent_count, 2);
	assert_int_equal(last_listener(), tu_listener(SIP_TRANSPORT_UDP));
	assert_int_equal(tu.sent_hop[1].addr.ip.b[15], 4);
	assert_string_equal(tu_last(), long_request(SIP_METHOD_INVITE, 1400).ptr);
	tu_advance(500); // timer A from now on
	assert_int_equal(tu.sent_count, 3);
	assert_int_equal(sip_tx_state(tx), SIP_TX_CALLING);
	tu_receive("SIP/2.0 486 X\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKlong\r\n"
		"From: <sip:a@sbc>;tag=f1\r\nTo: <sip:bob@b>;tag=t9\r\nCall-ID: c1\r\n"
		"CSeq: 7 INVITE\r\n\r\n");
	assert_int_equal(tu.status, 486);
	assert_has(tu_last(), "ACK sip:bob@192.0.2.4 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;");
	// A second failure of the same transaction is its end.
	assert_int_equal(sip_transactions_metrics(tu.txs)->long_requests_returned, 1);
}

static void refused_for_good(void **state)
{
	(void)state;
	tu.has_stream = true;
	start(SIP_METHOD_INVITE, 1400);
	sip_transactions_send_failed(tu.txs, &tu.turn, tu.ticket, true);
	sip_transactions_send_failed(tu.txs, &tu.turn, tu.ticket, true);
	assert_int_equal(tu.failure, SIP_TX_TRANSPORT);
	tu_advance(40000);
	// It is known by now, for ten minutes; another one is not.
	start(SIP_METHOD_OPTIONS, 1400);
	assert_int_equal(last_listener(), tu_listener(SIP_TRANSPORT_UDP));
	tu_advance(40000);
	start_to(SIP_METHOD_OPTIONS, 1400, 0xc0000205);
	assert_int_equal(last_listener(), tu_listener(SIP_TRANSPORT_TCP));
	tu_advance(600000);
	start(SIP_METHOD_OPTIONS, 1400);
	assert_int_equal(last_listener(), tu_listener(SIP_TRANSPORT_TCP));
}

// A connection that broke says nothing about the next one.
static void broken_is_not_refused(void **state)
{
	(void)state;
	tu.has_stream = true;
	start(SIP_METHOD_OPTIONS, 1400);
	sip_transactions_send_failed(tu.txs, &tu.turn, tu.ticket, false);
	assert_int_equal(last_listener(), tu_listener(SIP_TRANSPORT_UDP));
	tu_advance(40000);
	start(SIP_METHOD_OPTIONS, 1400);
	assert_int_equal(last_listener(), tu_listener(SIP_TRANSPORT_TCP));
}

// A trunk may be shown a name instead of our address.
static void name_stays(void **state)
{
	(void)state;
	tu.has_stream = true;
	own_host = "sbc.example";
	start(SIP_METHOD_OPTIONS, 1400);
	assert_has(tu_last(), "\r\nVia: SIP/2.0/TCP sbc.example:5061;branch=z9hG4bKlong;rport\r\n");
	sip_transactions_send_failed(tu.txs, &tu.turn, tu.ticket, true);
	assert_string_equal(tu_last(), long_request(SIP_METHOD_OPTIONS, 1400).ptr);
	own_host = "192.0.2.9";
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, tu_setup, tu_teardown)
	const struct CMUnitTest tests[] = {
		TEST(only_what_is_too_long),
		TEST(no_stream_listener),
		TEST(refused),
		TEST(refused_for_good),
		TEST(broken_is_not_refused),
		TEST(name_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// The layer as a whole: defaults, memory with transactions alive, many at once, accessors.
#include "tu_double.h"

static struct sip_tx *start(unsigned n)
{
	static char text[1024];
	char branch[32];
	snprintf(branch, sizeof(branch), "z9hG4bK%u", n);
	snprintf(text, sizeof(text),
		"OPTIONS sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=%s\r\n"
		"From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n",
		branch);
	struct sip_client_params params = { .data = span_str(text),
		.branch = span_str(branch),
		.method = SIP_METHOD_OPTIONS,
		.method_text = SPAN_LIT("OPTIONS"),
		.hop = { .listener = 7, .addr = { ip_from_v4(0xc0000204), 5060 } },
		.user = &tu };
	return sip_client_start(tu.txs, &tu.turn, &params);
}

static void respond(unsigned n, const char *method)
{
	char text[1024];
	snprintf(text, sizeof(text),
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK%u\r\n"
		"From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: c\r\nCSeq: 1 %s\r\n\r\n",
		n, method);
	tu_receive(text);
}

static void accessors(void **state)
{
	(void)state;
	struct sip_tx *tx = start(1);
	assert_int_equal(sip_tx_kind(tx), SIP_TX_CLIENT);
	assert_int_equal(sip_tx_state(tx), SIP_TX_CALLING);
	assert_int_equal(sip_tx_method(tx), SIP_METHOD_OPTIONS);
	assert_ptr_equal(sip_tx_user(tx), &tu);
	sip_tx_set_user(tx, NULL);
	assert_null(sip_tx_user(tx));
	sip_tx_set_user(tx, &tu);
	assert_true(sip_transactions_next_ms(tu.txs) <= tu.turn.now_ms + 500);
}

static void responses_find_their_own(void **state)
{
	struct sip_tx *tx[50];
	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		tx[i] = start(i);
		assert_non_null(tx[i]);
	}
	for (unsigned i = 0; i < 50; i += 2)
		respond(i, "OPTIONS");
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(sip_tx_state(tx[i]), i % 2 ? SIP_TX_CALLING : SIP_TX_COMPLETED);
	assert_int_equal(tu.responses, 25);
	respond(1, "INVITE"); // the branch alone is not enough
	respond(99, "OPTIONS");
	assert_int_equal(tu.strays, 2);
	for (unsigned i = 1; i < 50; i += 2)
		respond(i, "OPTIONS");
	tu_advance(5000);
	assert_int_equal(tu.terminated, 50);
	assert_int_equal(tu.failures, 0);
}

static void free_with_transactions_alive(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10; i++)
		assert_non_null(start(i));
	assert_true(sip_transactions_metrics(tu.txs)->stored_bytes > 0);
	sip_transactions_free(tu.txs); // a leak shows under ASan
	assert_int_equal(tu.terminated, 0);
	sip_transactions_free(NULL);
	tu_open(100, 1 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(accessors, tu_setup, tu_teardown),
		cmocka_unit_test_setup_teardown(responses_find_their_own, tu_setup, tu_teardown),
		cmocka_unit_test_setup_teardown(
			free_with_transactions_alive, tu_setup, tu_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

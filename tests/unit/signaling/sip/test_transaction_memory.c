// The tables of transactions and the bytes that they hold: keys, chains, limits.
#include "sip/transaction_private.h"
#include "unit/signaling/sip/tu_double.h"

#include <stdlib.h>

static void keys_tell_parts_apart(void **state)
{
	static const struct span sets[][3] = {
		{ SPAN_LIT("ab"), SPAN_LIT("c"), SPAN_LIT("") },
		{ SPAN_LIT("a"), SPAN_LIT("bc"), SPAN_LIT("") },
		{ SPAN_LIT("abc"), SPAN_LIT(""), SPAN_LIT("") },
		{ SPAN_LIT(""), SPAN_LIT("abc"), SPAN_LIT("") },
		{ SPAN_LIT("ab"), SPAN_LIT("c"), SPAN_LIT("\0\0") },
		{ SPAN_LIT("AB"), SPAN_LIT("c"), SPAN_LIT("") },
	};
	const uint32_t count = sizeof(sets) / sizeof(sets[0]);
	struct tx_key keys[sizeof(sets) / sizeof(sets[0]) + 2];

	(void)state;
	for (uint32_t i = 0; i < count; i++)
		keys[i] = tx_key_make(tu.txs, TX_KEY_MERGE, sets[i], 3);
	// Fewer parts are other parts, another kind is another key.
	keys[count] = tx_key_make(tu.txs, TX_KEY_MERGE, sets[0], 2);
	keys[count + 1] = tx_key_make(tu.txs, TX_KEY_IDENTITY, sets[0], 3);
	for (uint32_t i = 0; i < count + 2; i++)
		for (uint32_t j = 0; j < i; j++)
			assert_true(keys[i].a != keys[j].a && keys[i].b != keys[j].b);
	struct tx_key again = tx_key_make(tu.txs, TX_KEY_MERGE, sets[2], 3);
	assert_memory_equal(&again, &keys[2], sizeof(again));
}

// Chains of one bucket: any of them may go.
static void chains_survive_every_removal(void **state)
{
	struct sip_tx *tx[4];

	(void)state;
	for (uint32_t gone = 0; gone < 4; gone++) {
		for (uint32_t i = 0; i < 4; i++) {
			struct tx_key key = { .a = 5, .b = i };
			tx[i] = tx_new(tu.txs, &key, 1ull << 63 | i);
			assert_non_null(tx[i]);
		}
		tx_discard(tu.txs, tx[gone]);
		for (uint32_t i = 0; i < 4; i++) {
			struct tx_key key = { .a = 5, .b = i };
			struct sip_tx *wanted = i == gone ? NULL : tx[i];
			assert_ptr_equal(tx_lookup(tu.txs, &key), wanted);
			assert_ptr_equal(tx_lookup_merge(tu.txs, 1ull << 63 | i), wanted);
			if (wanted)
				tx_discard(tu.txs, wanted);
		}
	}
	assert_int_equal(metric_read(&tu.txs->metrics.active), 0);
}

static void bytes_are_counted_and_bounded(void **state)
{
	struct sip_stored *one = NULL, *two = NULL;
	uint64_t max = tu.txs->params.stored_bytes_max, half = max / 2 + 1;
	char *data = calloc(1, half);

	(void)state;
	assert_true(tx_store(tu.txs, &one, span_make(data, (uint32_t)half)));
	assert_int_equal(tu.txs->stored_bytes, half);
	assert_false(tx_store(tu.txs, &two, span_make(data, (uint32_t)half)));
	assert_null(two);
	// What is replaced makes room for what comes.
	assert_true(tx_store(tu.txs, &one, span_make(data, (uint32_t)half)));
	assert_true(tx_store(tu.txs, &one, span_make(one->data, 3))); // out of itself
	assert_int_equal(tu.txs->stored_bytes, 3);
	tx_stored_drop(tu.txs, &one);
	tx_stored_drop(tu.txs, &one);
	assert_int_equal(tu.txs->stored_bytes, 0);
	// The gauge follows with the next change of the table.
	tx_discard(tu.txs, tx_new(tu.txs, &(struct tx_key){ 1, 2 }, 0));
	free(data);
}

// What a real request takes is given back when it is over.
static void gauges_follow(void **state)
{
	(void)state;
	tu.answer = 200;
	tu_receive("OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x>\r\nCall-ID: 1\r\n"
		"CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(metric_read(&tu.txs->metrics.active), 1);
	assert_int_equal(metric_read(&tu.txs->metrics.stored_bytes), tu.txs->stored_bytes);
	tu_advance(64 * 500);
	assert_int_equal(metric_read(&tu.txs->metrics.active), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tu_setup, tu_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keys_tell_parts_apart),
		TEST(chains_survive_every_removal),
		TEST(bytes_are_counted_and_bounded),
		TEST(gauges_follow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

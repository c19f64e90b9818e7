#include "fixture.h"

static void test_every_bit_counts(void **state)
{
	(void)state;
	struct flow_cfg cfg = {
		.incarnation = 5, .generation = 1, .media_address = 2, .port = 4000
	};
	cfg.checksum = flow_checksum(&cfg);
	assert_true(flow_is_valid(&cfg, 2, 4000, 256));
	assert_false(flow_is_valid(&cfg, 1, 4000, 256));
	assert_false(flow_is_valid(&cfg, 2, 4001, 256));
	for (size_t bit = 0; bit < sizeof(cfg) * 8; bit++) {
		struct flow_cfg bad = cfg;
		((uint8_t *)&bad)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(flow_is_valid(&bad, 2, 4000, 256));
	}
}

static void test_zero_is_no_record(void **state)
{
	(void)state;
	struct flow_cfg cfg = { 0 };
	cfg.checksum = flow_checksum(&cfg);
	assert_false(flow_is_valid(&cfg, 0, 0, 256));
	cfg = (struct flow_cfg){ .incarnation = 1, .generation = 1, .state_index = 256 };
	cfg.checksum = flow_checksum(&cfg);
	assert_false(flow_is_valid(&cfg, 0, 0, 256)); // state out of range
	assert_true(flow_is_valid(&cfg, 0, 0, 512));
}

static void test_latch(void **state)
{
	(void)state;
	struct flow_state flow = { 0 };
	struct flow_latch latch = { .port = 1 };
	assert_false(flow_latch_read(&flow, &latch));
	flow.latch[1] = (struct flow_latch){ .port = 4711, .phase = FLOW_LATCH_LOCKED, .ssrc = 9 };
	assert_false(flow_latch_read(&flow, &latch));
	assert_int_equal(latch.port, 1);
	atomic_store(&flow.latch_selector, 1);
	assert_true(flow_latch_read(&flow, &latch));
	assert_int_equal(latch.port, 4711);
	assert_int_equal(latch.ssrc, 9);
	flow.latch[1].phase = 99; // scribbled
	assert_false(flow_latch_read(&flow, &latch));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_zero_is_no_record),
		cmocka_unit_test(test_latch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

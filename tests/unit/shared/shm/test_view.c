#include "fixture.h"

static void test_torn_record_is_not_read(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 1, 256);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_view view;
	struct flow_pair pair;
	struct flow_cfg copy;
	flow_view_init(&view, &f.signaling);
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	publish(writer, &pair, 0);
	shm_flow_cfg(&f.signaling)[pair.cfg_slot[0]].call_token++;
	assert_false(flow_read(&view, 0, pair.port, &copy));
	atomic_store(&shm_index(&f.signaling, 0)[pair.port], 256); // beyond the slab
	assert_null(flow_lookup(&view, 0, pair.port));
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_bounds(void **state)
{
	(void)state;
	struct fixture f = fixture_make(2, 1, 256);
	struct flow_view view;
	struct flow_cfg copy;
	flow_view_init(&view, &f.signaling);
	assert_int_equal(view.addresses, 2);
	assert_int_equal(view.flows, 256);
	assert_false(flow_read(&view, 1, 65535, &copy));
	assert_false(flow_read(&view, 2, 0, &copy));
	assert_false(flow_read(&view, UINT32_MAX, 0, &copy));
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_torn_record_is_not_read),
		cmocka_unit_test(test_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

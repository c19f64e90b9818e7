#include "fixture.h"

#include "base/clock.h"

// Two legs that lead to each other, left by a dead instance.
static void leave_call(struct fixture *f, struct flow_pair legs[2])
{
	struct flow_writer *writer = writer_of(f, 0, 1);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(flow_pair_reserve(writer, 0, 9, &legs[i]), 0);
	for (uint32_t i = 0; i < 2; i++) {
		struct flow_cfg cfg = { .peer_incarnation = legs[!i].incarnation,
			.peer_port = legs[!i].port };
		assert_int_equal(flow_publish(writer, &legs[i], 0, &cfg), 0);
	}
	fixture_restart(f, writer);
}

static void packet(struct fixture *f, const struct flow_pair *leg)
{
	struct flow_state *flow = &shm_flow_state(&f->media)[leg->state_index[0]];
	atomic_store(&flow->incarnation, leg->incarnation);
	atomic_store(&flow->last_ns, f->now_ms * NS_PER_MS);
}

static void test_one_way_media_keeps_both(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 1, 256);
	struct flow_pair legs[2];
	leave_call(&f, legs);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	for (uint32_t i = 0; i < 20; i++) {
		packet(&f, &legs[0]);
		run_for(&f, writer, 1000);
	}
	assert_int_equal(counters_of(writer).orphans, 2);
	run_for(&f, writer, 3500);
	assert_int_equal(counters_of(writer).orphans, 2);
	run_for(&f, writer, 1000);
	assert_int_equal(counters_of(writer).orphans, 0);
	assert_int_equal(counters_of(writer).orphans_retired, 2);
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_missing_peer(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 1, 256);
	struct flow_pair legs[2];
	leave_call(&f, legs);
	atomic_store(&shm_index(&f.signaling, 0)[legs[1].port], SHM_FLOW_NONE);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	assert_int_equal(counters_of(writer).orphans, 1);
	for (uint32_t i = 0; i < 6; i++) {
		packet(&f, &legs[0]); // comes, but goes nowhere
		run_for(&f, writer, 1000);
	}
	assert_int_equal(counters_of(writer).orphans, 0);
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_time_from_the_future(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 1, 256);
	struct flow_pair legs[2];
	leave_call(&f, legs);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	packet(&f, &legs[0]);
	atomic_store(&shm_flow_state(&f.media)[legs[0].state_index[0]].last_ns, UINT64_MAX);
	run_for(&f, writer, 6000);
	assert_int_equal(counters_of(writer).orphans, 0);
	flow_writer_free(writer);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_way_media_keeps_both),
		cmocka_unit_test(test_missing_peer),
		cmocka_unit_test(test_time_from_the_future),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

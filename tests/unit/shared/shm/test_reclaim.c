#include "fixture.h"
#include "shm/layout.h"

static void test_grace_then_quarantine(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 1, 256);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct epoch_slot *lane = &shm_epoch_slots(&f.media)[0];
	_Atomic uint64_t *epoch = shm_global_epoch(&f.signaling);
	struct flow_pair pair;
	epoch_online(lane, epoch, atomic_load(&shm_header(&f.media)->instance));
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	publish(writer, &pair, 0);
	flow_pair_retire(writer, &pair);
	uint32_t before = counters_of(writer).slots_free;
	run_for(&f, writer, 5000); // the lane hangs in its turn
	assert_int_equal(counters_of(writer).slots_free, before);
	assert_int_equal(counters_of(writer).ports_resting, 2);
	assert_int_equal(counters_of(writer).is_stalled, 1);
	epoch_quiescent(lane, epoch);
	run_for(&f, writer, 10);
	assert_int_equal(counters_of(writer).slots_free, before + 1);
	assert_int_equal(counters_of(writer).is_stalled, 0);
	assert_int_equal(counters_of(writer).ports_resting, 2);
	run_for(&f, writer, QUARANTINE_MS - 20);
	assert_int_equal(counters_of(writer).ports_resting, 2);
	run_for(&f, writer, 40);
	assert_int_equal(counters_of(writer).ports_resting, 0);
	assert_int_equal(counters_of(writer).reclaimed, 1);
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_superseded_media_stalls(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 1, 256);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_pair pair;
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	publish(writer, &pair, 0);
	flow_pair_retire(writer, &pair);
	uint32_t before = counters_of(writer).slots_free;
	atomic_store(&shm_header(&f.media)->is_superseded, 1);
	run_for(&f, writer, 2000); // lanes may be online with the new file
	assert_int_equal(counters_of(writer).slots_free, before);
	atomic_store(&shm_header(&f.media)->is_superseded, 0);
	flow_writer_set_media(writer, &f.media);
	run_for(&f, writer, 10);
	assert_int_equal(counters_of(writer).slots_free, before + 1);
	flow_writer_free(writer);
	fixture_end(&f);
}

// A stopped lane for many more turns than there are batches: all comes back, none early.
static void test_many_turns_while_stalled(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 4, 2048);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct epoch_slot *lane = &shm_epoch_slots(&f.media)[3];
	_Atomic uint64_t *epoch = shm_global_epoch(&f.signaling);
	struct flow_pair pair;
	epoch_online(lane, epoch, atomic_load(&shm_header(&f.media)->instance));
	for (uint32_t i = 0; i < 500; i++) {
		assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
		publish(writer, &pair, 0);
		publish(writer, &pair, 1);
		flow_pair_retire(writer, &pair);
		run_for(&f, writer, 10);
	}
	assert_int_equal(counters_of(writer).slots_free, 2048 - 1000);
	epoch_quiescent(lane, epoch);
	run_for(&f, writer, 2 * QUARANTINE_MS);
	assert_int_equal(counters_of(writer).slots_free, 2048);
	assert_int_equal(counters_of(writer).states_free, 2048);
	assert_int_equal(counters_of(writer).ports_free, 1024);
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_quarantine_is_never_short(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 1, 256);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_pair pair;
	uint64_t retired_ms[256] = { 0 };
	for (uint32_t i = 0; i < 3000; i++) {
		f.now_ms += 3;
		flow_writer_run(writer, f.now_ms);
		if (flow_pair_reserve(writer, 0, -1, &pair))
			continue;
		uint64_t *last_ms = &retired_ms[pair.port - PORT_MIN];
		assert_true(*last_ms == 0 || f.now_ms - *last_ms >= QUARANTINE_MS);
		*last_ms = f.now_ms;
		flow_pair_retire(writer, &pair);
	}
	assert_true(counters_of(writer).reclaimed > 500);
	flow_writer_free(writer);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grace_then_quarantine),
		cmocka_unit_test(test_superseded_media_stalls),
		cmocka_unit_test(test_many_turns_while_stalled),
		cmocka_unit_test(test_quarantine_is_never_short),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

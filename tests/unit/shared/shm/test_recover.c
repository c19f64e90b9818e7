#include "fixture.h"
#include "shm/layout.h"

static void test_live_flows_stay(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 4, 1024);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_pair kept, reserved;
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &kept), 0);
	publish(writer, &kept, 0);
	publish(writer, &kept, 1);
	publish(writer, &kept, 0);
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &reserved), 0);
	fixture_restart(&f, writer);

	writer = writer_of(&f, 0, 1);
	struct flow_counters counters = counters_of(writer);
	assert_int_equal(counters.orphans, 1);
	assert_int_equal(counters.ports_used, 2);
	assert_int_equal(
		counters.ports_resting, 2); // the reserved pair may have been told somebody
	assert_int_equal(counters.ports_free, 1024 - 4);
	assert_int_equal(counters.slots_free, 0); // all rest until the lanes have passed
	assert_int_equal(counters.discarded, 0);
	flow_writer_run(writer, f.now_ms);
	assert_int_equal(counters_of(writer).slots_free, 1024 - 2);

	struct flow_pair claimed, fresh;
	assert_int_equal(
		flow_pair_claim(writer, 0, kept.port, kept.incarnation + 1, &claimed), -ENOENT);
	assert_int_equal(flow_pair_claim(writer, 0, kept.port, kept.incarnation, &claimed), 0);
	assert_int_equal(
		flow_pair_claim(writer, 0, kept.port, kept.incarnation, &claimed), -ENOENT);
	assert_int_equal(claimed.incarnation, kept.incarnation);
	for (uint32_t which = 0; which < 2; which++) {
		assert_int_equal(claimed.cfg_slot[which], kept.cfg_slot[which]);
		assert_int_equal(claimed.state_index[which], kept.state_index[which]);
		assert_int_equal(claimed.generation[which], kept.generation[which]);
	}
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &fresh), 0);
	assert_true(fresh.incarnation > reserved.incarnation);
	publish(writer, &claimed, 0);
	assert_int_equal(claimed.generation[0], 3);
	flow_pair_retire(writer, &claimed);
	flow_pair_retire(writer, &fresh);
	run_for(&f, writer, 3 * QUARANTINE_MS);
	counters = counters_of(writer);
	assert_int_equal(counters.ports_free, 1024);
	assert_int_equal(counters.slots_free, 1024);
	assert_int_equal(counters.states_free, 1024);
	flow_writer_free(writer);
	fixture_end(&f);
}

static void corrupt(struct fixture *f, const struct flow_pair *pair, uint32_t what)
{
	struct flow_cfg *cfg = &shm_flow_cfg(&f->signaling)[pair->cfg_slot[0]];
	_Atomic uint32_t *index = &shm_index(&f->signaling, 0)[pair->port];
	if (what == 0)
		cfg->remote_port ^= 1; // torn
	else if (what == 1)
		atomic_store(index, 70000); // beyond the slab
	else if (what == 2)
		atomic_store(index, pair->cfg_slot[1]); // another port's record
	else if (what == 3)
		cfg->incarnation = UINT64_MAX - 5; // never handed out
	else
		cfg->state_index = pair->state_index[1]; // two ports with one state
	if (what >= 3) {
		cfg->checksum = flow_checksum(cfg);
	}
}

static void test_impossible_records(void **state)
{
	(void)state;
	for (uint32_t what = 0; what < 5; what++) {
		struct fixture f = fixture_make(1, 1, 512);
		struct flow_writer *writer = writer_of(&f, 0, 1);
		struct flow_pair pair;
		assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
		publish(writer, &pair, 0);
		publish(writer, &pair, 1);
		corrupt(&f, &pair, what);
		fixture_restart(&f, writer);
		writer = writer_of(&f, 0, 1);
		assert_int_equal(counters_of(writer).discarded, 1);
		assert_int_equal(counters_of(writer).orphans, 1);
		run_for(&f, writer, 8000); // the orphan goes too
		struct flow_counters counters = counters_of(writer);
		assert_int_equal(counters.ports_free, 256);
		assert_int_equal(counters.slots_free, 512);
		assert_int_equal(counters.states_free, 512);
		flow_writer_free(writer);
		fixture_end(&f);
	}
}

static void test_quarantine_survives(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 1, 512);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_pair pair;
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	flow_pair_retire(writer, &pair);
	flow_writer_run(writer, f.now_ms);
	fixture_restart(&f, writer);
	writer = writer_of(&f, 0, 1);
	assert_int_equal(counters_of(writer).ports_resting, 2); // just retired
	flow_writer_free(writer);
	atomic_fetch_add(&shm_header(&f.signaling)->instance, 1);
	f.now_ms += 10 * QUARANTINE_MS;
	writer = writer_of(&f, 0, 1);
	assert_int_equal(counters_of(writer).ports_resting, 0); // long ago
	flow_writer_free(writer);
	fixture_end(&f);
}

// Two workers take over from one and one from three: lent ids come back.
static void test_worker_count_changes(void **state)
{
	(void)state;
	struct fixture f = fixture_make(2, 6, 2048);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_pair pair;
	for (uint32_t i = 0; i < 300; i++) {
		assert_int_equal(flow_pair_reserve(writer, i & 1, -1, &pair), 0);
		publish(writer, &pair, 0);
		publish(writer, &pair, 1);
	}
	fixture_restart(&f, writer);
	struct flow_writer *writers[3];
	uint32_t orphans = 0, used = 0, free_ports = 0, free_slots = 0, free_states = 0;
	for (uint32_t i = 0; i < 3; i++)
		writers[i] = writer_of(&f, i, 3);
	for (uint32_t i = 0; i < 3; i++) {
		orphans += counters_of(writers[i]).orphans;
		used += counters_of(writers[i]).ports_used;
	}
	assert_int_equal(orphans, 300);
	assert_int_equal(used, 600);
	for (uint32_t ms = 0; ms < 10000; ms += 10) {
		f.now_ms += 10;
		for (uint32_t i = 0; i < 3; i++)
			flow_writer_run(writers[i], f.now_ms);
	}
	for (uint32_t i = 0; i < 3; i++) {
		free_ports += counters_of(writers[i]).ports_free;
		free_slots += counters_of(writers[i]).slots_free;
		free_states += counters_of(writers[i]).states_free;
		flow_writer_free(writers[i]);
	}
	assert_int_equal(free_ports, 2 * 6 * 256);
	assert_int_equal(free_slots, 2048);
	assert_int_equal(free_states, 2048);
	fixture_end(&f);
}

static void test_blocks_of_the_living(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 2, 512);
	struct flow_writer *writer = writer_of(&f, 0, 2);
	struct flow_writer_params params = {
		.signaling = &f.signaling, .media = &f.media, .worker = 0, .workers = 1
	};
	assert_non_null(writer);
	// Another partition while worker 0 of 2 lives: block 0 is its own again, others are new.
	_Atomic uint64_t *owners = shm_slot_owner(&f.signaling);
	atomic_store(
		&owners[1], (uint64_t)atomic_load(&shm_header(&f.signaling)->instance) << 32 | 2);
	assert_null(flow_writer_new(&params, f.now_ms)); // block 1 is worker 1's
	flow_writer_free(writer);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_live_flows_stay),
		cmocka_unit_test(test_impossible_records),
		cmocka_unit_test(test_quarantine_survives),
		cmocka_unit_test(test_worker_count_changes),
		cmocka_unit_test(test_blocks_of_the_living),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

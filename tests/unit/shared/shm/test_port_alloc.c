#include "fixture.h"

static void test_all_ports_once(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 4, 4096);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	static bool is_taken[SHM_PORTS];
	struct flow_pair pair;
	memset(is_taken, 0, sizeof(is_taken));
	uint64_t last = 0;
	for (uint32_t i = 0; i < 4 * 128; i++) {
		assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
		assert_in_range(pair.port, PORT_MIN, PORT_MIN + 4 * 256 - 2);
		assert_int_equal(pair.port & 1, 0);
		assert_false(is_taken[pair.port]);
		is_taken[pair.port] = true;
		assert_true(pair.incarnation > last);
		last = pair.incarnation;
	}
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), -ENOSPC);
	assert_int_equal(counters_of(writer).refused_ports, 1);
	assert_int_equal(counters_of(writer).ports_free, 0);
	assert_int_equal(counters_of(writer).ports_used, 1024);
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_fullest_shard_first(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 1, 1024); // two pairs for each shard
	struct flow_writer *writer = writer_of(&f, 0, 1);
	uint32_t taken[SHM_MEDIA_SHARDS] = { 0 };
	struct flow_pair pair;
	for (uint32_t i = 0; i < SHM_MEDIA_SHARDS; i++) {
		assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
		taken[shm_media_shard(pair.port)]++;
	}
	for (uint32_t i = 0; i < SHM_MEDIA_SHARDS; i++)
		assert_int_equal(taken[i], 1); // evenly, though each shard had two
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_legs_share_a_shard(void **state)
{
	(void)state;
	struct fixture f = fixture_make(2, 1, 1024);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_pair pair;
	// On address 1 only shard 17 has anything left.
	for (int shard = 0; shard < 64; shard++)
		while (shard != 17 && flow_pair_reserve(writer, 1, shard, &pair) == 0)
			assert_int_equal(shm_media_shard(pair.port), shard);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
		assert_int_equal(shm_media_shard(pair.port), 17);
		assert_int_equal(flow_pair_reserve(writer, 1, 17, &pair), 0);
		assert_int_equal(shm_media_shard(pair.port), 17);
	}
	assert_int_equal(flow_pair_reserve(writer, 1, 17, &pair), -ENOSPC);
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0); // address 1 has none: any
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_refusals(void **state)
{
	(void)state;
	struct fixture f = fixture_make(2, 4, 256);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_pair pair;
	assert_int_equal(flow_pair_reserve(writer, 2, -1, &pair), -ENOSPC);
	assert_int_equal(flow_pair_reserve(writer, 0, 64, &pair), -EINVAL);
	shm_addresses(&f.signaling)[1].is_retired = 1;
	assert_int_equal(flow_pair_reserve(writer, 1, -1, &pair), -ENOSPC);
	uint32_t count = 0;
	while (flow_pair_reserve(writer, 0, -1, &pair) == 0)
		count++;
	assert_int_equal(count, (256 - 256 / 32) / 2); // a part of the slots is for replacements
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), -ENOMEM);
	assert_true(counters_of(writer).refused_slots >= 1);
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_range_bounds(void **state)
{
	(void)state;
	static const struct {
		uint16_t min, max;
		uint32_t pairs;
	} cases[] = { { 10001, 10005, 2 }, { 10000, 10001, 1 }, { 10000, 10000, 0 }, { 0, 3, 1 },
		{ 65534, 65535, 1 }, { 65533, 65535, 1 }, { 20, 10, 0 } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f = fixture_make(1, 1, 256);
		shm_addresses(&f.signaling)[0].port_min = cases[i].min;
		shm_addresses(&f.signaling)[0].port_max = cases[i].max;
		struct flow_writer *writer = writer_of(&f, 0, 1);
		assert_int_equal(counters_of(writer).ports_free, cases[i].pairs * 2);
		flow_writer_free(writer);
		fixture_end(&f);
	}
}

static bool is_taken[2][SHM_PORTS], is_slot[2048], is_state[2048];

static void check_unshared(const struct flow_pair *pair)
{
	assert_false(is_taken[pair->media_address][pair->port]);
	is_taken[pair->media_address][pair->port] = true;
	for (uint32_t which = 0; which < 2; which++) {
		assert_false(is_slot[pair->cfg_slot[which]]);
		assert_false(is_state[pair->state_index[which]]);
		is_slot[pair->cfg_slot[which]] = true;
		is_state[pair->state_index[which]] = true;
	}
}

static void test_workers_never_share(void **state)
{
	(void)state;
	struct fixture f = fixture_make(2, 7, 2048);
	struct flow_writer *writers[3];
	struct flow_pair pair;
	uint32_t count = 0;
	for (uint32_t i = 0; i < 3; i++)
		writers[i] = writer_of(&f, i, 3);
	for (uint32_t i = 0; i < 6; i++)
		for (; flow_pair_reserve(writers[i / 2], i % 2, -1, &pair) == 0; count++)
			check_unshared(&pair);
	assert_true(count > 900);
	for (uint32_t i = 0; i < 3; i++)
		flow_writer_free(writers[i]);
	fixture_end(&f);
}

static void test_address_added_later(void **state)
{
	(void)state;
	struct fixture f = fixture_make(2, 1, 512);
	atomic_store(shm_address_count(&f.signaling), 1);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_pair pair;
	assert_int_equal(flow_pair_reserve(writer, 1, -1, &pair), -ENOSPC);
	atomic_store(shm_address_count(&f.signaling), 2);
	assert_int_equal(flow_pair_reserve(writer, 1, -1, &pair), 0);
	assert_int_equal(pair.media_address, 1);
	flow_writer_free(writer);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_ports_once),
		cmocka_unit_test(test_fullest_shard_first),
		cmocka_unit_test(test_legs_share_a_shard),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_range_bounds),
		cmocka_unit_test(test_workers_never_share),
		cmocka_unit_test(test_address_added_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

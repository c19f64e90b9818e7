#include "fixture.h"
#include "shm/shard_lanes.h"

static void test_publish_replace_retire(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 1, 256);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_view view;
	struct flow_pair pair;
	struct flow_cfg copy;
	flow_view_init(&view, &f.signaling);
	assert_int_equal(flow_pair_reserve(writer, 0, 5, &pair), 0);
	uint16_t port = pair.port;
	assert_null(flow_lookup(&view, 0, port));
	struct flow_cfg cfg = {
		.remote_port = 7, .incarnation = 999, .generation = 50, .key_rx = 3
	};
	assert_int_equal(flow_publish(writer, &pair, 0, &cfg), 0);
	const struct flow_cfg *first = flow_lookup(&view, 0, port);
	assert_non_null(first);
	assert_int_equal(first->incarnation, pair.incarnation); // identity is not the caller's
	assert_int_equal(first->generation, 1);
	assert_int_equal(first->key_rx, 0); // nor are keys
	assert_int_equal(first->port, port);
	assert_null(flow_lookup(&view, 0, port + 1));

	cfg.remote_port = 8;
	assert_int_equal(flow_publish(writer, &pair, 0, &cfg), 0);
	assert_int_equal(first->remote_port, 7); // who holds the old one still has it whole
	assert_true(flow_read(&view, 0, port, &copy));
	assert_int_equal(copy.remote_port, 8);
	assert_int_equal(copy.generation, 2);
	assert_int_equal(copy.state_index, first->state_index);
	flow_pair_retire(writer, &pair);
	assert_null(flow_lookup(&view, 0, port));
	assert_false(flow_read(&view, 0, port, &copy));
	assert_false(flow_read(&view, 1, port, &copy)); // no such address
	struct flow_counters counters = counters_of(writer);
	assert_int_equal(counters.published, 1);
	assert_int_equal(counters.replaced, 1);
	assert_int_equal(counters.retired, 1);
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_no_slot_for_a_replacement(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 1, 256);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_view view;
	struct flow_pair pair;
	struct flow_cfg cfg = { .remote_port = 1 };
	flow_view_init(&view, &f.signaling);
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	assert_int_equal(flow_publish(writer, &pair, 0, &cfg), 0);
	for (cfg.remote_port = 2; flow_publish(writer, &pair, 0, &cfg) == 0; cfg.remote_port++)
		assert_true(cfg.remote_port < 300);
	assert_int_equal(cfg.remote_port, 256); // 254 others than the pair's two
	assert_int_equal(flow_lookup(&view, 0, pair.port)->remote_port, 255);
	run_for(&f, writer, 10);
	assert_int_equal(flow_publish(writer, &pair, 0, &cfg), 0);
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_state_of_another_incarnation(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 1, 256);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_pair pair;
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	struct flow_state *flow = &shm_flow_state(&f.media)[pair.state_index[1]];
	assert_null(flow_state_of(writer, &pair, 1));
	atomic_store(&flow->incarnation, pair.incarnation);
	assert_ptr_equal(flow_state_of(writer, &pair, 1), flow);
	assert_null(flow_state_of(writer, &pair, 0));
	assert_null(flow_state_of(writer, &pair, 2));
	flow_writer_set_media(writer, NULL);
	assert_null(flow_state_of(writer, &pair, 1));
	flow_writer_free(writer);
	fixture_end(&f);
}

// Which lane heard of which change.
static uint32_t take_hints(
	struct fixture *f, uint32_t lane, struct hint out[HINT_RING_SLOTS], bool *lost)
{
	const struct hint_ring *ring = shm_hint_ring(&f->signaling, 0, lane);
	struct hint_cursor *cursor = shm_hint_cursor(&f->media, 0, lane);
	uint32_t count = 0;
	while (count < HINT_RING_SLOTS && hint_pop(ring, cursor, &out[count], lost))
		count++;
	return count;
}

static void test_hints_go_to_the_lane_of_the_shard(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 1, 256);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct hint hints[HINT_RING_SLOTS];
	uint8_t lane_of[SHM_MEDIA_SHARDS] = { [5] = 1 };
	bool is_lost = false;
	struct flow_pair pair, other;
	assert_int_equal(flow_pair_reserve(writer, 0, 5, &pair), 0);
	publish(writer, &pair, 0); // media has not said who owns what: nobody hears it
	shm_shard_lanes_publish(&f.media, lane_of);
	assert_int_equal(
		take_hints(&f, 0, hints, &is_lost) + take_hints(&f, 1, hints, &is_lost), 0);

	publish(writer, &pair, 0);
	publish(writer, &pair, 1);
	assert_int_equal(take_hints(&f, 0, hints, &is_lost), 0);
	assert_int_equal(take_hints(&f, 1, hints, &is_lost), 2);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(hints[i].kind, HINT_FLOW_CHANGED);
		assert_int_equal(hints[i].media_address, 0);
		assert_int_equal(hints[i].port, pair.port + i);
		assert_int_equal(hints[i].incarnation, pair.incarnation);
	}
	flow_pair_retire(writer, &pair);
	assert_int_equal(take_hints(&f, 1, hints, &is_lost), 2);
	assert_int_equal(flow_pair_reserve(writer, 0, 6, &other), 0);
	flow_pair_retire(writer, &other); // lanes never saw it
	assert_int_equal(take_hints(&f, 0, hints, &is_lost), 0);
	assert_false(is_lost);
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_full_hint_ring_loses_nothing_else(void **state)
{
	(void)state;
	struct fixture f = fixture_make(1, 1, 256);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct hint hints[HINT_RING_SLOTS];
	uint8_t lane_of[SHM_MEDIA_SHARDS] = { 0 };
	bool is_lost = false;
	struct flow_pair pair;
	shm_shard_lanes_publish(&f.media, lane_of);
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	for (uint32_t i = 0; i < HINT_RING_SLOTS + 44; i++) {
		publish(writer, &pair, 0);
		run_for(&f, writer, 10); // slots come back: no lane is online
	}
	assert_int_equal(counters_of(writer).replaced, HINT_RING_SLOTS + 43);
	assert_int_equal(shm_hint_ring(&f.signaling, 0, 0)->lost, 44);
	assert_int_equal(take_hints(&f, 0, hints, &is_lost), HINT_RING_SLOTS);
	assert_true(is_lost);
	flow_writer_free(writer);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_publish_replace_retire),
		cmocka_unit_test(test_no_slot_for_a_replacement),
		cmocka_unit_test(test_state_of_another_incarnation),
		cmocka_unit_test(test_hints_go_to_the_lane_of_the_shard),
		cmocka_unit_test(test_full_hint_ring_loses_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// test_flow_hints.c - hints of all lanes come to the worker, in each lane's order; whose port they
// are about; what is lost is known to be lost.
#include "fixture.h"
#include "shm/shard_lanes.h"

static void lanes_are(struct fixture *f, uint32_t lanes)
{
	uint8_t lane_of[SHM_MEDIA_SHARDS];

	for (uint32_t shard = 0; shard < SHM_MEDIA_SHARDS; shard++)
		lane_of[shard] = (uint8_t)(shard % lanes);
	shm_shard_lanes_publish(&f->media, lane_of);
}

static bool push(struct fixture *f, uint32_t lane, uint16_t port, uint64_t incarnation)
{
	struct hint hint = { .kind = HINT_SECURE, .port = port, .incarnation = incarnation };

	return hint_push(shm_hint_ring(&f->media, 0, lane), shm_hint_cursor(&f->signaling, 0, lane),
		&hint);
}

static void test_all_lanes(void **state)
{
	struct fixture f = fixture_make(1, 2, 1024);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	bool is_overflowed = false;
	struct hint hint;
	uint32_t seen[2] = { 0, 0 };
	(void)state;
	lanes_are(&f, 2);
	assert_false(flow_hint_take(writer, &hint, &is_overflowed));
	for (uint16_t i = 0; i < 10; i++)
		for (uint32_t lane = 0; lane < 2; lane++)
			assert_true(push(&f, lane, (uint16_t)(lane * 1000 + i), 1));
	while (flow_hint_take(writer, &hint, &is_overflowed)) {
		uint32_t lane = hint.port / 1000;
		assert_int_equal(hint.port % 1000, seen[lane]);
		seen[lane]++;
	}
	assert_int_equal(seen[0], 10);
	assert_int_equal(seen[1], 10);
	assert_false(is_overflowed);
	for (uint32_t i = 0; i <= HINT_RING_SLOTS; i++)
		assert_int_equal(push(&f, 1, 5, 1), i < HINT_RING_SLOTS);
	while (flow_hint_take(writer, &hint, &is_overflowed))
		;
	assert_true(is_overflowed);
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_whose_port(void **state)
{
	struct fixture f = fixture_make(1, 2, 1024);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_pair pair;
	(void)state;
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	struct hint hint = { .kind = HINT_SECURE, .port = pair.port,
		.incarnation = pair.incarnation };
	assert_int_equal(flow_hint_call(writer, &hint), 0); // not published yet
	publish(writer, &pair, 0);
	assert_int_equal(flow_hint_call(writer, &hint), 77);
	hint.incarnation++;
	assert_int_equal(flow_hint_call(writer, &hint), 0);
	hint.incarnation--;
	hint.media_address = 9;
	assert_int_equal(flow_hint_call(writer, &hint), 0);
	hint.media_address = 0;
	flow_pair_retire(writer, &pair);
	assert_int_equal(flow_hint_call(writer, &hint), 0);
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_certificates(void **state)
{
	struct fixture f = fixture_make(1, 2, 1024);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct shm_identity *identity = shm_identity_of(&f.media);
	struct flow_fingerprint out;
	(void)state;
	assert_int_equal(flow_identity_of(writer, 0, &out), 0);
	for (uint8_t i = 1; i <= 3; i++)
		shm_identity_publish(identity, &(struct flow_fingerprint){ .hash = 1,
			.value = { i } });
	assert_int_equal(flow_identity_of(writer, 0, &out), 3);
	assert_int_equal(out.value[0], 3);
	assert_int_equal(flow_identity_of(writer, 2, &out), 2);
	assert_int_equal(out.value[0], 2);
	// Gone: the newest takes its place.
	assert_int_equal(flow_identity_of(writer, 1, &out), 3);
	assert_int_equal(out.value[0], 3);
	flow_writer_free(writer);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_lanes),
		cmocka_unit_test(test_whose_port),
		cmocka_unit_test(test_certificates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

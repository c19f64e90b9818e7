// test_flow_keys.c - a key's slot: kept while the key is the same, rests when no record names it,
// wiped before it serves another, taken up by a restart.
#include "fixture.h"
#include "shm/layout.h"

#define KEYS 256u

static struct flow_key key_of(uint8_t seed)
{
	struct flow_key key = { .suite = 1, .mki_bytes = 2, .mki = { 7, seed } };

	memset(key.key, seed, 16);
	memset(key.salt, seed + 1, 14);
	return key;
}

static const struct flow_cfg *record_of(const struct fixture *f, const struct flow_pair *pair,
	uint32_t which)
{
	return &shm_flow_cfg(&f->signaling)[pair->cfg_slot[which]];
}

static const struct flow_key *slot_of(const struct fixture *f, uint32_t key)
{
	assert_in_range(key, 1, f->signaling.geometry.keys);
	return &shm_flow_key(&f->signaling)[key - 1];
}

static void set_both(struct flow_writer *writer, struct flow_pair *pair, uint8_t rx, uint8_t tx)
{
	struct flow_key keys[2] = { key_of(rx), key_of(tx) };

	assert_int_equal(flow_pair_set_key(writer, pair, FLOW_KEY_RX, &keys[0]), 0);
	assert_int_equal(flow_pair_set_key(writer, pair, FLOW_KEY_TX, &keys[1]), 0);
	publish(writer, pair, 0);
	publish(writer, pair, 1);
}

static void test_records_name_whole_keys(void **state)
{
	struct fixture f = fixture_with_keys(KEYS);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_pair pair;
	(void)state;

	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	set_both(writer, &pair, 1, 2);
	for (uint32_t which = 0; which < 2; which++) {
		const struct flow_cfg *cfg = record_of(&f, &pair, which);
		assert_int_equal(cfg->key_rx, pair.key[FLOW_KEY_RX]);
		assert_int_equal(cfg->key_tx, pair.key[FLOW_KEY_TX]);
		assert_true(flow_is_valid(cfg, 0, (uint16_t)(pair.port + which), 1024));
	}
	const struct flow_key *rx = slot_of(&f, pair.key[FLOW_KEY_RX]);
	const struct flow_key *tx = slot_of(&f, pair.key[FLOW_KEY_TX]);
	assert_true(flow_key_is_valid(rx, pair.incarnation));
	assert_true(flow_key_is_valid(tx, pair.incarnation));
	assert_int_equal(rx->key[0], 1);
	assert_int_equal(tx->key[0], 2);
	assert_true(rx->serial != tx->serial);
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_same_key_keeps_its_slot(void **state)
{
	struct fixture f = fixture_with_keys(KEYS);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_pair pair;
	(void)state;

	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	set_both(writer, &pair, 1, 2);
	uint32_t rx = pair.key[FLOW_KEY_RX], tx = pair.key[FLOW_KEY_TX];
	uint64_t serial = slot_of(&f, tx)->serial;
	set_both(writer, &pair, 3, 2); // the far end changes its key, we keep ours
	assert_int_not_equal(pair.key[FLOW_KEY_RX], rx);
	assert_int_equal(pair.key[FLOW_KEY_TX], tx);
	assert_int_equal(slot_of(&f, tx)->serial, serial);
	assert_int_equal(counters_of(writer).keys_free, KEYS - 3); // the old one rests
	run_for(&f, writer, 50);
	assert_int_equal(counters_of(writer).keys_free, KEYS - 2);
	flow_writer_free(writer);
	fixture_end(&f);
}

// Between the two publications each record names a key that is there.
static void test_old_key_stays_until_both_changed(void **state)
{
	struct fixture f = fixture_with_keys(KEYS);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_key next = key_of(9);
	struct flow_pair pair;
	(void)state;

	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	set_both(writer, &pair, 1, 2);
	assert_int_equal(flow_pair_set_key(writer, &pair, FLOW_KEY_RX, &next), 0);
	publish(writer, &pair, 0);
	run_for(&f, writer, 50);
	const struct flow_cfg *rtcp = record_of(&f, &pair, 1);
	assert_true(flow_key_is_valid(slot_of(&f, rtcp->key_rx), pair.incarnation));
	publish(writer, &pair, 1);
	run_for(&f, writer, 50);
	assert_int_equal(counters_of(writer).keys_free, KEYS - 2);
	flow_writer_free(writer);
	fixture_end(&f);
}

// A key that was set and never published gives way to the one in force: not a second slot, whose
// indexes would begin anew under the same key.
static void test_key_in_force_comes_back(void **state)
{
	struct fixture f = fixture_with_keys(KEYS);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_key next = key_of(9), same = key_of(2);
	struct flow_pair pair;
	(void)state;

	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	set_both(writer, &pair, 1, 2);
	uint32_t tx = pair.key[FLOW_KEY_TX];
	uint64_t serial = slot_of(&f, tx)->serial;
	assert_int_equal(flow_pair_set_key(writer, &pair, FLOW_KEY_TX, &next), 0);
	assert_int_not_equal(pair.key[FLOW_KEY_TX], tx);
	assert_int_equal(flow_pair_set_key(writer, &pair, FLOW_KEY_TX, &same), 0);
	assert_int_equal(pair.key[FLOW_KEY_TX], tx);
	// Half way, too: only the record of RTCP names the old one.
	assert_int_equal(flow_pair_set_key(writer, &pair, FLOW_KEY_TX, &next), 0);
	publish(writer, &pair, 0);
	assert_int_equal(flow_pair_set_key(writer, &pair, FLOW_KEY_TX, &same), 0);
	assert_int_equal(pair.key[FLOW_KEY_TX], tx);
	publish(writer, &pair, 0);
	publish(writer, &pair, 1);
	run_for(&f, writer, 50);
	assert_int_equal(slot_of(&f, tx)->serial, serial);
	assert_true(flow_key_is_valid(slot_of(&f, tx), pair.incarnation));
	assert_int_equal(counters_of(writer).keys_free, KEYS - 2);
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_wiped_after_the_grace_period(void **state)
{
	struct fixture f = fixture_with_keys(KEYS);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct epoch_slot *lane = &shm_epoch_slots(&f.media)[0];
	_Atomic uint64_t *epoch = shm_global_epoch(&f.signaling);
	static const struct flow_key wiped;
	struct flow_pair pair;
	(void)state;

	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	set_both(writer, &pair, 1, 2);
	const struct flow_key *rx = slot_of(&f, pair.key[FLOW_KEY_RX]);
	const struct flow_key *tx = slot_of(&f, pair.key[FLOW_KEY_TX]);
	epoch_online(lane, epoch, atomic_load(&shm_header(&f.media)->instance));
	flow_pair_retire(writer, &pair);
	run_for(&f, writer, 100);
	assert_int_equal(rx->key[0], 1); // a lane may be reading it
	epoch_quiescent(lane, epoch);
	run_for(&f, writer, 100);
	assert_memory_equal(rx, &wiped, sizeof(wiped));
	assert_memory_equal(tx, &wiped, sizeof(wiped));
	assert_int_equal(counters_of(writer).keys_free, KEYS);
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_plain_again(void **state)
{
	struct fixture f = fixture_with_keys(KEYS);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_pair pair;
	(void)state;

	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	set_both(writer, &pair, 1, 2);
	assert_int_equal(flow_pair_set_key(writer, &pair, FLOW_KEY_RX, NULL), 0);
	assert_int_equal(flow_pair_set_key(writer, &pair, FLOW_KEY_TX, NULL), 0);
	publish(writer, &pair, 0);
	publish(writer, &pair, 1);
	assert_int_equal(record_of(&f, &pair, 0)->key_rx | record_of(&f, &pair, 1)->key_tx, 0);
	run_for(&f, writer, 50);
	assert_int_equal(counters_of(writer).keys_free, KEYS);
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_full_and_impossible(void **state)
{
	struct fixture f = fixture_with_keys(KEYS);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_key key = key_of(1), none = key_of(1), long_mki = key_of(1);
	struct flow_pair pairs[KEYS / 2 + 1];
	(void)state;

	none.suite = 0;
	long_mki.mki_bytes = 17;
	for (uint32_t i = 0; i <= KEYS / 2; i++)
		assert_int_equal(flow_pair_reserve(writer, 0, -1, &pairs[i]), 0);
	for (uint32_t i = 0; i < KEYS / 2; i++)
		set_both(writer, &pairs[i], (uint8_t)i, (uint8_t)(i + 1));
	struct flow_pair *last = &pairs[KEYS / 2];
	assert_int_equal(flow_pair_set_key(writer, last, FLOW_KEY_RX, &key), -ENOMEM);
	assert_int_equal(last->key[FLOW_KEY_RX], 0);
	assert_int_equal(counters_of(writer).refused_keys, 1);
	assert_int_equal(flow_pair_set_key(writer, last, FLOW_KEY_RX, &none), -EINVAL);
	assert_int_equal(flow_pair_set_key(writer, last, FLOW_KEY_RX, &long_mki), -EINVAL);
	flow_pair_retire(writer, &pairs[0]);
	run_for(&f, writer, 50);
	assert_int_equal(flow_pair_set_key(writer, last, FLOW_KEY_RX, &key), 0);
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_restart_takes_keys_up(void **state)
{
	struct fixture f = fixture_with_keys(KEYS);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_pair kept, lost, found;
	static const struct flow_key wiped;
	(void)state;

	assert_int_equal(flow_pair_reserve(writer, 0, -1, &kept), 0);
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &lost), 0);
	set_both(writer, &kept, 1, 2);
	struct flow_key unpublished = key_of(5);
	assert_int_equal(flow_pair_set_key(writer, &lost, FLOW_KEY_RX, &unpublished), 0);
	const struct flow_key *leaked = slot_of(&f, lost.key[FLOW_KEY_RX]);
	fixture_restart(&f, writer);
	writer = writer_of(&f, 0, 1);
	run_for(&f, writer, 100);
	assert_memory_equal(leaked, &wiped, sizeof(wiped)); // no record names it
	assert_int_equal(flow_pair_claim(writer, 0, kept.port, kept.incarnation, &found), 0);
	assert_memory_equal(found.key, kept.key, sizeof(found.key));
	set_both(writer, &found, 1, 2);
	assert_memory_equal(found.key, kept.key, sizeof(found.key));
	flow_pair_retire(writer, &found);
	run_for(&f, writer, 100);
	assert_int_equal(counters_of(writer).keys_free, KEYS);
	flow_writer_free(writer);
	fixture_end(&f);
}

// A record whose key is torn would be plain text to nobody and noise to all: it is given up.
static void test_restart_discards_torn_keys(void **state)
{
	struct fixture f = fixture_with_keys(KEYS);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_pair pair, found;
	(void)state;

	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	set_both(writer, &pair, 1, 2);
	shm_flow_key(&f.signaling)[pair.key[FLOW_KEY_TX] - 1].key[3] ^= 1;
	fixture_restart(&f, writer);
	writer = writer_of(&f, 0, 1);
	assert_int_equal(counters_of(writer).discarded, 2);
	assert_int_equal(flow_pair_claim(writer, 0, pair.port, pair.incarnation, &found), -ENOENT);
	run_for(&f, writer, 100);
	assert_int_equal(counters_of(writer).keys_free, KEYS);
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_restart_with_other_workers(void **state)
{
	struct fixture f = fixture_with_keys(1024);
	struct flow_writer *writer = writer_of(&f, 0, 1), *two[2];
	struct flow_pair pair, found;
	(void)state;

	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	set_both(writer, &pair, 1, 2);
	fixture_restart(&f, writer);
	for (uint32_t i = 0; i < 2; i++)
		two[i] = writer_of(&f, i, 2);
	uint32_t owner = flow_pair_claim(two[0], 0, pair.port, pair.incarnation, &found) != 0;
	if (owner == 1)
		assert_int_equal(
			flow_pair_claim(two[1], 0, pair.port, pair.incarnation, &found), 0);
	flow_pair_retire(two[owner], &found);
	for (uint32_t i = 0; i < 100; i++)
		for (uint32_t w = 0; w < 2; w++)
			run_for(&f, two[w], 10);
	uint32_t free = counters_of(two[0]).keys_free + counters_of(two[1]).keys_free;
	assert_int_equal(free, 1024);
	flow_writer_free(two[0]);
	flow_writer_free(two[1]);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records_name_whole_keys),
		cmocka_unit_test(test_same_key_keeps_its_slot),
		cmocka_unit_test(test_old_key_stays_until_both_changed),
		cmocka_unit_test(test_key_in_force_comes_back),
		cmocka_unit_test(test_wiped_after_the_grace_period),
		cmocka_unit_test(test_plain_again),
		cmocka_unit_test(test_full_and_impossible),
		cmocka_unit_test(test_restart_takes_keys_up),
		cmocka_unit_test(test_restart_discards_torn_keys),
		cmocka_unit_test(test_restart_with_other_workers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

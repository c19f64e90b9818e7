// test_flow_agreement.c - the slot of an agreement about ICE and DTLS: named by both records, kept
// while it is the same, wiped after its grace, taken up by a restart; results of media, read back.
#include "fixture.h"
#include "shm/layout.h"

#define KEYS 256u

static struct flow_secure agreement(uint8_t ice)
{
	struct flow_secure secure;

	memset(&secure, 0, sizeof(secure));
	secure.ice = ice;
	secure.dtls = FLOW_DTLS_PASSIVE;
	secure.components = 1;
	secure.mtu = 1200;
	secure.own_pwd_bytes = 22;
	memset(secure.own_pwd, 'p', 22);
	return secure;
}

static const struct flow_secure *slot_of(const struct fixture *f, const struct flow_pair *pair)
{
	assert_in_range(pair->key[FLOW_KEY_SECURE], 1, f->signaling.geometry.keys);
	return &shm_flow_secure(&f->signaling)[pair->key[FLOW_KEY_SECURE] - 1];
}

static void set(struct flow_writer *writer, struct flow_pair *pair, uint8_t ice)
{
	struct flow_secure secure = agreement(ice);

	assert_int_equal(flow_pair_set_secure(writer, pair, &secure), 0);
	publish(writer, pair, 0);
	publish(writer, pair, 1);
}

static void test_records_name_it(void **state)
{
	struct fixture f = fixture_with_keys(KEYS);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_secure impossible = agreement(9);
	struct flow_pair pair;
	(void)state;
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	assert_int_equal(flow_pair_set_secure(writer, &pair, &impossible), -EINVAL);
	assert_int_equal(pair.key[FLOW_KEY_SECURE], 0);
	set(writer, &pair, FLOW_ICE_LITE);
	for (uint32_t which = 0; which < 2; which++)
		assert_int_equal(shm_flow_cfg(&f.signaling)[pair.cfg_slot[which]].secure,
			pair.key[FLOW_KEY_SECURE]);
	const struct flow_secure *slot = slot_of(&f, &pair);
	assert_true(flow_secure_is_valid(slot, pair.incarnation));
	assert_int_equal(slot->port, pair.port);
	assert_int_equal(slot->media_address, 0);
	// The same again keeps the slot; another one takes another.
	uint32_t first = pair.key[FLOW_KEY_SECURE];
	uint64_t serial = slot->serial;
	set(writer, &pair, FLOW_ICE_LITE);
	assert_int_equal(pair.key[FLOW_KEY_SECURE], first);
	set(writer, &pair, FLOW_ICE_FULL);
	assert_int_not_equal(pair.key[FLOW_KEY_SECURE], first);
	assert_true(slot_of(&f, &pair)->serial != serial);
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_wiped_after_grace(void **state)
{
	struct fixture f = fixture_with_keys(KEYS);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_pair pair;
	(void)state;
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	set(writer, &pair, FLOW_ICE_LITE);
	const struct flow_secure *slot = slot_of(&f, &pair);
	assert_int_equal(slot->own_pwd[21], 'p');
	flow_pair_retire(writer, &pair);
	run_for(&f, writer, 100);
	assert_int_equal(counters_of(writer).keys_free, KEYS);
	assert_int_equal(slot->own_pwd[21], 0);
	assert_true(slot->incarnation == 0);
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_restart_takes_it_up(void **state)
{
	struct fixture f = fixture_with_keys(KEYS);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_pair pair, again;
	(void)state;
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	set(writer, &pair, FLOW_ICE_FULL);
	flow_writer_free(writer);
	writer = writer_of(&f, 0, 1);
	assert_int_equal(
		flow_pair_claim(writer, 0, pair.port, pair.incarnation, &again), 0);
	assert_int_equal(again.key[FLOW_KEY_SECURE], pair.key[FLOW_KEY_SECURE]);
	flow_writer_free(writer);
	// A torn one makes its records impossible.
	((struct flow_secure *)(uintptr_t)slot_of(&f, &pair))->mtu++;
	writer = writer_of(&f, 0, 1);
	assert_int_equal(counters_of(writer).discarded, 2);
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_result(void **state)
{
	struct fixture f = fixture_with_keys(KEYS);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct flow_secure_result result = { .suite = 5 }, out;
	struct flow_pair pair;
	(void)state;
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	assert_false(flow_secure_of(writer, &pair, &out));
	set(writer, &pair, FLOW_ICE_FULL);
	assert_false(flow_secure_of(writer, &pair, &out));
	flow_secure_publish(
		&shm_flow_secure_state(&f.media)[pair.key[FLOW_KEY_SECURE] - 1],
		slot_of(&f, &pair), &result);
	assert_true(flow_secure_of(writer, &pair, &out));
	assert_int_equal(out.suite, 5);
	set(writer, &pair, FLOW_ICE_LITE);
	assert_false(flow_secure_of(writer, &pair, &out));
	flow_writer_free(writer);
	fixture_end(&f);
}

static void test_identity(void **state)
{
	struct fixture f = fixture_with_keys(KEYS);
	struct shm_identity *identity = shm_identity_of(&f.media);
	struct flow_fingerprint value = { .hash = 1, .value = { 42 } }, out = { 0 };
	(void)state;
	assert_int_equal(shm_identity_read(identity, &out), 0);
	shm_identity_publish(identity, &value);
	assert_int_equal(shm_identity_read(identity, &out), 1);
	assert_memory_equal(&out, &value, sizeof(out));
	value.value[0] = 43;
	shm_identity_publish(identity, &value);
	assert_int_equal(shm_identity_read(identity, &out), 2);
	assert_int_equal(out.value[0], 43);
	assert_true(shm_identity_find(identity, 1, &out));
	assert_int_equal(out.value[0], 42);
	// What media leaves there is not believed: a hash of no name, a number that never was.
	for (uint32_t hash = 0; hash < 256; hash += hash == 0 ? FLOW_HASH_MAX + 1 : 1) {
		identity->copy[0].hash = identity->copy[1].hash = (uint8_t)hash;
		assert_int_equal(shm_identity_read(identity, &out), 0);
		assert_false(shm_identity_find(identity, 2, &out));
		assert_false(shm_identity_find(identity, UINT32_MAX, &out));
	}
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records_name_it),
		cmocka_unit_test(test_wiped_after_grace),
		cmocka_unit_test(test_restart_takes_it_up),
		cmocka_unit_test(test_result),
		cmocka_unit_test(test_identity),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

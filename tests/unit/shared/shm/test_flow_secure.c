// test_flow_secure.c - agreements are checked whole; results are read whole, and of the right one.
#include "shm/flow_secure.h"
#include "unit/unit.h"

#include <pthread.h>

static struct flow_secure good(void)
{
	struct flow_secure secure;

	memset(&secure, 0, sizeof(secure));
	secure.incarnation = 7;
	secure.serial = 1;
	secure.ice = FLOW_ICE_FULL;
	secure.dtls = FLOW_DTLS_ACTIVE;
	secure.components = 1;
	secure.mtu = 1200;
	secure.checksum = flow_secure_checksum(&secure);
	return secure;
}

static void test_every_byte_counts(void **state)
{
	struct flow_secure secure = good();
	(void)state;
	assert_true(flow_secure_is_valid(&secure, 7));
	assert_false(flow_secure_is_valid(&secure, 8));
	for (uint32_t i = 0; i < offsetof(struct flow_secure, checksum) + 4; i++) {
		((uint8_t *)&secure)[i] ^= 0x10;
		assert_false(flow_secure_is_valid(&secure, 7));
		((uint8_t *)&secure)[i] ^= 0x10;
	}
	assert_true(flow_secure_is_valid(&secure, 7));
}

static bool is_valid_again(struct flow_secure *secure)
{
	secure->checksum = flow_secure_checksum(secure);
	return flow_secure_is_valid(secure, secure->incarnation);
}

static void test_ranges(void **state)
{
	struct flow_secure s;
	(void)state;
#define REFUSED(field, value) (s = good(), s.field = (value), assert_false(is_valid_again(&s)))
	REFUSED(incarnation, 0);
	REFUSED(serial, 0);
	REFUSED(ice, FLOW_ICE_FULL + 1);
	REFUSED(dtls, FLOW_DTLS_ACTIVE + 1);
	REFUSED(components, 0);
	REFUSED(components, 3);
	REFUSED(candidate_count, FLOW_CANDIDATES_MAX + 1);
	REFUSED(fingerprint_count, FLOW_FINGERPRINTS + 1);
	REFUSED(own_ufrag_bytes, FLOW_OWN_SECRET_MAX + 1);
	REFUSED(own_pwd_bytes, FLOW_OWN_SECRET_MAX + 1);
	REFUSED(ufrag_bytes, FLOW_SECRET_MAX + 1);
	REFUSED(pwd_bytes, FLOW_SECRET_MAX + 1);
	REFUSED(mtu, 255);
	REFUSED(bundle.count, FLOW_MEMBERS_MAX + 1);
	REFUSED(bundle.count, 1); // a line without a port
#undef REFUSED
	s = good();
	s.ufrag_bytes = s.pwd_bytes = FLOW_SECRET_MAX;
	s.candidate_count = FLOW_CANDIDATES_MAX;
	s.fingerprint_count = FLOW_FINGERPRINTS;
	s.bundle.count = FLOW_MEMBERS_MAX;
	for (uint32_t i = 0; i < FLOW_MEMBERS_MAX; i++)
		s.bundle.members[i] =
			(struct flow_member){ .port = 20000, .mid_bytes = FLOW_MID_MAX };
	assert_true(is_valid_again(&s));
	s.bundle.members[FLOW_MEMBERS_MAX - 1].mid_bytes++;
	assert_false(is_valid_again(&s));
}

static void test_result_of_the_right_agreement(void **state)
{
	static struct flow_secure_state slot;
	struct flow_secure secure = good(), next = good();
	struct flow_secure_result result = { .suite = 3 }, out = { .suite = 9 };
	(void)state;
	assert_false(flow_secure_read(&slot, 0, 0, &out));
	assert_false(flow_secure_read(&slot, 7, 1, &out));
	flow_secure_publish(&slot, &secure, &result);
	assert_true(flow_secure_read(&slot, 7, 1, &out));
	assert_int_equal(out.suite, 3);
	assert_false(flow_secure_read(&slot, 7, 2, &out));
	assert_false(flow_secure_read(&slot, 8, 1, &out));
	result.suite = 4;
	flow_secure_publish(&slot, &secure, &result);
	assert_true(flow_secure_read(&slot, 7, 1, &out));
	assert_int_equal(out.suite, 4);
	next.serial = 2;
	result.suite = 5;
	flow_secure_publish(&slot, &next, &result);
	assert_false(flow_secure_read(&slot, 7, 1, &out));
	assert_true(flow_secure_read(&slot, 7, 2, &out));
	assert_int_equal(out.suite, 5);
}

// What was read, or never will be, leaves no key behind in either copy.
static void test_keys_are_wiped(void **state)
{
	static struct flow_secure_state slot;
	static const struct flow_secure_result wiped[2];
	struct flow_secure secure = good(), next = good();
	struct flow_secure_result result = { .suite = 3, .own_key = { 1 }, .far_salt = { 2 } }, out;
	(void)state;
	flow_secure_publish(&slot, &secure, &result);
	flow_secure_publish(&slot, &secure, &result);
	flow_secure_withdraw(&slot, 7, 2); // of another agreement: no business of it
	flow_secure_withdraw(&slot, 8, 1);
	assert_true(flow_secure_read(&slot, 7, 1, &out));
	flow_secure_withdraw(&slot, 7, 1);
	assert_false(flow_secure_read(&slot, 7, 1, &out));
	assert_memory_equal(slot.result, wiped, sizeof(wiped));
	// A process that died withdrew nothing: the next agreement in the slot does.
	flow_secure_publish(&slot, &secure, &result);
	flow_secure_publish(&slot, &secure, &result);
	next.serial = 2;
	flow_secure_publish(&slot, &next, &(struct flow_secure_result){ 0 });
	assert_true(flow_secure_read(&slot, 7, 2, &out));
	assert_memory_equal(slot.result, wiped, sizeof(wiped));
}

// A reader beside the writer never sees half a result.
static struct flow_secure_state shared_slot;
static _Atomic bool is_done;

static void *write_results(void *unused)
{
	struct flow_secure secure = good();
	struct flow_secure_result result;

	(void)unused;
	for (uint32_t i = 0; i < 200000; i++) {
		memset(&result, (int)(i & 0xff), sizeof(result));
		flow_secure_publish(&shared_slot, &secure, &result);
	}
	atomic_store(&is_done, true);
	return NULL;
}

static void test_whole_results(void **state)
{
	struct flow_secure_result out, same;
	pthread_t writer;
	(void)state;
	assert_int_equal(pthread_create(&writer, NULL, write_results, NULL), 0);
	while (!atomic_load(&is_done)) {
		if (!flow_secure_read(&shared_slot, 7, 1, &out))
			continue;
		memset(&same, out.suite, sizeof(same));
		assert_memory_equal(&out, &same, sizeof(out));
	}
	pthread_join(writer, NULL);
	assert_true(flow_secure_read(&shared_slot, 7, 1, &out));
	assert_int_equal(out.suite, (200000 - 1) & 0xff); // the last one, whatever was read before
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte_counts),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_result_of_the_right_agreement),
		cmocka_unit_test(test_keys_are_wiped),
		cmocka_unit_test(test_whole_results),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

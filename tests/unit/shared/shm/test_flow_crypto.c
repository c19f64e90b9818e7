// test_flow_crypto.c - a key is believed only whole, and only by its own pair.
#include "shm/flow_crypto.h"
#include "unit/unit.h"

static void test_key_is_believed_whole_only(void **state)
{
	struct flow_key key = { .incarnation = 7, .serial = 1, .suite = 1, .key = { 1, 2, 3 } };
	(void)state;

	assert_false(flow_key_is_valid(&key, 7));
	key.checksum = flow_key_checksum(&key);
	assert_true(flow_key_is_valid(&key, 7));
	assert_false(flow_key_is_valid(&key, 8));
	for (size_t i = 0; i < sizeof(key) - sizeof(key.checksum); i++) {
		((uint8_t *)&key)[i] ^= 0x10;
		assert_false(flow_key_is_valid(&key, 7));
		((uint8_t *)&key)[i] ^= 0x10;
	}
	key.serial = 0;
	key.checksum = flow_key_checksum(&key);
	assert_false(flow_key_is_valid(&key, 7));
}

static void test_wiped_key_belongs_to_nobody(void **state)
{
	struct flow_key wiped = { 0 };
	(void)state;

	assert_false(flow_key_is_valid(&wiped, 0));
	wiped.checksum = flow_key_checksum(&wiped);
	assert_false(flow_key_is_valid(&wiped, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_is_believed_whole_only),
		cmocka_unit_test(test_wiped_key_belongs_to_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

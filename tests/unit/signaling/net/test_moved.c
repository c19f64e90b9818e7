#include "net/moved.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static uint64_t key_of(uint32_t i)
{
	return (i + 1) * 0x9e3779b97f4a7c15ull;
}

static void put_and_dropped(void **state)
{
	struct moved *moved = moved_new();

	(void)state;
	assert_true(moved_is_empty(moved));
	assert_int_equal(moved_find(moved, key_of(1)), -1);
	assert_true(moved_put(moved, key_of(1), 3));
	assert_false(moved_is_empty(moved));
	assert_int_equal(moved_find(moved, key_of(1)), 3);
	assert_int_equal(moved_find(moved, key_of(2)), -1);
	// It goes on to another worker, the one before has nothing to say any more.
	assert_true(moved_put(moved, key_of(1), 5));
	moved_drop(moved, key_of(1), 3);
	assert_int_equal(moved_find(moved, key_of(1)), 5);
	moved_drop(moved, key_of(1), 5);
	assert_int_equal(moved_find(moved, key_of(1)), -1);
	assert_true(moved_is_empty(moved));
	moved_free(moved);
}

static void filled_and_used_again(void **state)
{
	struct moved *moved = moved_new();
	uint32_t count = 0;

	(void)state;
	for (uint32_t round = 0; round < 8; round++) {
		count = 0;
		while (moved_put(moved, key_of(round * 100000 + count), count % 64))
			count++;
		// Nearly full before the first one finds no place.
		assert_in_range(count, MOVED_MAX / 2, MOVED_MAX);
		for (uint32_t i = 0; i < count; i++)
			assert_int_equal(moved_find(moved, key_of(round * 100000 + i)), i % 64);
		for (uint32_t i = 0; i < count; i++)
			moved_drop(moved, key_of(round * 100000 + i), i % 64);
		assert_true(moved_is_empty(moved));
	}
	moved_free(moved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_and_dropped),
		cmocka_unit_test(filled_and_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

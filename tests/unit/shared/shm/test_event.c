#include "fixture.h"

static void test_order_and_full(void **state)
{
	(void)state;
	static struct hint_ring ring;
	static struct hint_cursor cursor;
	struct hint hint = { .kind = HINT_FLOW_CHANGED };
	struct hint out;
	bool overflowed = false;

	assert_false(hint_pop(&ring, &cursor, &out, &overflowed));
	for (uint32_t i = 0; i < HINT_RING_SLOTS; i++) {
		hint.incarnation = i;
		assert_true(hint_push(&ring, &cursor, &hint));
	}
	assert_false(hint_push(&ring, &cursor, &hint));
	assert_int_equal(atomic_load(&ring.lost), 1);
	for (uint32_t i = 0; i < HINT_RING_SLOTS; i++) {
		assert_true(hint_pop(&ring, &cursor, &out, &overflowed));
		assert_int_equal(out.incarnation, i);
	}
	assert_true(overflowed);
	overflowed = false;
	assert_false(hint_pop(&ring, &cursor, &out, &overflowed));
	assert_false(overflowed); // told once
	assert_true(hint_push(&ring, &cursor, &hint));
	assert_true(hint_pop(&ring, &cursor, &out, &overflowed));
}

static void test_cursor_of_another_life(void **state)
{
	(void)state;
	static const struct {
		uint64_t head, tail;
	} cases[] = { { 0, 1000 }, { 5000, 3 }, { 10, UINT64_MAX - 400 }, { UINT64_MAX, 0 } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static struct hint_ring ring;
		static struct hint_cursor cursor;
		struct hint hint = { .kind = HINT_LATCHED, .incarnation = 9 };
		bool overflowed = false;
		atomic_store(&ring.head, cases[i].head);
		atomic_store(&cursor.tail, cases[i].tail);
		assert_false(hint_pop(&ring, &cursor, &hint, &overflowed));
		assert_true(overflowed);
		assert_true(hint_push(&ring, &cursor, &hint)); // healed
		overflowed = false;
		assert_true(hint_pop(&ring, &cursor, &hint, &overflowed));
		assert_false(overflowed);
		assert_int_equal(hint.incarnation, 9);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_full),
		cmocka_unit_test(test_cursor_of_another_life),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

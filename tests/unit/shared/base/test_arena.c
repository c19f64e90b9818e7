// test_arena.c - alignment, the limit, reset and copies.
#include "base/arena.h"
#include "unit/unit.h"

#include <malloc.h>

static void test_pieces_do_not_overlap(void **state)
{
	struct arena arena;
	uint8_t *pieces[200];
	(void)state;
	arena_init(&arena, 1 << 20);
	for (uint32_t i = 0; i < COUNT_OF(pieces); i++) {
		pieces[i] = arena_alloc(&arena, i + 1);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % 8, 0);
		memset(pieces[i], (int)i, i + 1);
	}
	for (uint32_t i = 0; i < COUNT_OF(pieces); i++) {
		for (uint32_t j = 0; j <= i; j++)
			assert_int_equal(pieces[i][j], i);
	}
	arena_fini(&arena);
}

static void test_limit(void **state)
{
	struct arena arena;
	(void)state;
	arena_init(&arena, 100);
	assert_null(arena_alloc(&arena, 101));
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_non_null(arena_alloc(&arena, 90)); // 96 with its alignment
	assert_int_equal(arena.used, 96);
	assert_null(arena_alloc(&arena, 8));
	arena_reset(&arena);
	assert_int_equal(arena.used, 0);
	assert_non_null(arena_alloc(&arena, 96));
	arena_fini(&arena);
}

static void test_reset_keeps_a_chunk(void **state)
{
	struct arena arena;
	(void)state;
	arena_init(&arena, 1 << 24);
	assert_non_null(arena_alloc(&arena, 100));
	assert_non_null(arena_alloc(&arena, 1 << 20)); // a chunk of its own
	arena_reset(&arena);
	void *first = arena_alloc(&arena, 8);
	arena_reset(&arena);
	assert_ptr_equal(arena_alloc(&arena, 8), first);
	arena_fini(&arena);
	assert_null(arena.chunks);
}

// Thousands of calls hold one each: what is not asked for is not taken.
static void test_lean_grows_by_little(void **state)
{
	struct arena lean, usual;
	(void)state;
	arena_init_lean(&lean, 1 << 16);
	arena_init(&usual, 1 << 16);
	for (uint32_t i = 0; i < 20; i++) {
		memset(arena_alloc(&lean, 300), (int)i, 300);
		assert_non_null(arena_alloc(&usual, 300));
		assert_in_range(malloc_usable_size(lean.chunks), 500, i < 3 ? 1100 : 600);
	}
	assert_true(malloc_usable_size(usual.chunks) >= 4000);
	memset(arena_alloc(&lean, 5000), 7, 5000);
	arena_fini(&lean);
	arena_fini(&usual);
}

static void test_empty_and_zeroed(void **state)
{
	struct arena arena;
	(void)state;
	arena_init(&arena, 4096);
	void *a = arena_alloc(&arena, 0);
	void *b = arena_alloc(&arena, 0);
	assert_non_null(a);
	assert_ptr_not_equal(a, b);
	memset(arena_alloc(&arena, 64), 0xff, 64);
	arena_reset(&arena);
	uint8_t *zeroed = arena_zalloc(&arena, 64);
	for (int i = 0; i < 64; i++)
		assert_int_equal(zeroed[i], 0);
	arena_fini(&arena);
}

static void test_copy(void **state)
{
	struct arena arena;
	struct span copy;
	char text[] = "carrier";
	(void)state;
	arena_init(&arena, 32);
	assert_true(arena_copy(&arena, span_str(text), &copy));
	text[0] = 'x';
	assert_true(span_eq(copy, SPAN_LIT("carrier")));
	assert_true(arena_copy(&arena, SPAN_NONE, &copy));
	assert_true(span_is_empty(copy));
	assert_false(arena_copy(&arena, SPAN_LIT("this is too long for the rest"), &copy));
	assert_true(span_is_empty(copy));
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_do_not_overlap),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_reset_keeps_a_chunk),
		cmocka_unit_test(test_lean_grows_by_little),
		cmocka_unit_test(test_empty_and_zeroed),
		cmocka_unit_test(test_copy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

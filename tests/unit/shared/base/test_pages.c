// test_pages.c - tables small and large: zeroed, aligned, and given back whole.
#include "base/pages.h"
#include "unit/unit.h"

#include <string.h>

static void test_tables_are_zeroed_and_writable(void **state)
{
	static const size_t sizes[] = { 1, 64, 4097, (2u << 20) - 1, 2u << 20, (2u << 20) + 1,
		5u << 20 };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		// Twice: what was given back must not come again with its old content.
		for (int round = 0; round < 2; round++) {
			uint8_t *table = pages_alloc(sizes[i]);
			assert_non_null(table);
			for (size_t at = 0; at < sizes[i]; at += 509)
				assert_int_equal(table[at], 0);
			assert_int_equal(table[sizes[i] - 1], 0);
			memset(table, 0xff, sizes[i]);
			pages_free(table, sizes[i]);
		}
	}
}

static void test_large_tables_begin_with_a_huge_page(void **state)
{
	(void)state;
	for (size_t mib = 2; mib < 9; mib++) {
		void *table = pages_alloc(mib << 20);
		assert_int_equal((uintptr_t)table % (2u << 20), 0);
		pages_free(table, mib << 20);
	}
}

static void test_nothing_may_be_given_back(void **state)
{
	(void)state;
	pages_free(NULL, 8);
	pages_free(NULL, 8u << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables_are_zeroed_and_writable),
		cmocka_unit_test(test_large_tables_begin_with_a_huge_page),
		cmocka_unit_test(test_nothing_may_be_given_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

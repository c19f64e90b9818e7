// Columns by the widest cell, numbers right, nothing of a cell reaches the terminal as a command.
#include "unit/unit.h"

#include "muga/table.h"

#include <stdlib.h>

static char *printed;

static const char *print(struct table *table)
{
	size_t len;
	free(printed);
	FILE *out = open_memstream(&printed, &len);
	assert_non_null(out);
	table_print(table, "nothing here", out);
	fclose(out);
	table_free(table);
	return printed;
}

static void test_alignment(void **state)
{
	(void)state;
	struct table *table = table_new("NAME|>N|LAST");
	table_add(table, "%s", "a");
	table_add(table, "%u", 5);
	table_add(table, "x");
	table_add(table, "longer name");
	table_add(table, "%u", 12345);
	table_add(table, "y");
	assert_string_equal(print(table),
		"NAME             N  LAST\n"
		"a                5  x\n"
		"longer name  12345  y\n");
}

static void test_empty(void **state)
{
	(void)state;
	assert_string_equal(print(table_new("A|B")), "nothing here\n");
	table_free(NULL);
}

static void test_cells_are_cleaned(void **state)
{
	static const struct {
		const char *cell, *shown;
	} cases[] = {
		{ "plain ~!", "plain ~!" },
		{ "\033[2Jx", "?[2Jx" },
		{ "a\nb\tc\x7f", "a?b?c?" },
		{ "\xc3\xa4", "??" },
		{ "%s%n", "%s%n" },
		{ "", "" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char wanted[64];
		struct table *table = table_new("A");
		table_add(table, "%s", cases[i].cell);
		snprintf(wanted, sizeof(wanted), "A\n%s\n", cases[i].shown);
		assert_string_equal(print(table), wanted);
	}
}

static void test_bounds(void **state)
{
	char name[400], many[51];
	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	struct table *table = table_new("A|B");
	table_add(table, "%s", name);
	table_add(table, "b");
	const char *text = print(table);
	assert_int_equal(strspn(strchr(text, '\n') + 1, "x"), 95);
	// What is beyond 20 columns has none.
	for (int i = 0; i < 25; i++)
		memcpy(&many[2 * i], "C|", 3);
	table = table_new(many);
	for (int i = 0; i < 20; i++)
		table_add(table, "%d", i);
	assert_int_equal(strlen(strchr(print(table), '\n')),
		strlen("\n0  1  2  3  4  5  6  7  8  9  10  11  12  13  14  15  16  17  18  19\n"));
}

static void test_many_rows(void **state)
{
	(void)state;
	struct table *table = table_new(">N");
	for (int i = 0; i < 5000; i++)
		table_add(table, "%d", i);
	const char *text = print(table);
	assert_non_null(strstr(text, "\n   0\n"));
	assert_non_null(strstr(text, "\n4999\n"));
	assert_int_equal(strlen(text), 5001 * 5);
	free(printed);
	printed = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_cells_are_cleaned),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_many_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

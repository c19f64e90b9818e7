// The walk over a document, by a table of its own: strangers, repetitions, defaults, order, counts.
#include "loader.h"

struct part {
	uint32_t size;
	bool is_finished;
};

static struct loader_fixture f;

static struct seen {
	uint32_t first, second;       // of the fixed keys
	bool nested;
	uint32_t listed[4];           // lengths of the elements
	uint32_t listed_count;
	struct part parts[4];
	uint32_t part_count;
	uint32_t siblings;
	bool refuse;                  // begin() gives nothing
} seen;

static void take_listed(struct config_loader *loader, const struct node *node,
	const struct config_item *item, void *target)
{
	struct span text;
	(void)item;
	(void)target;
	if (config_scalar(loader, node, &text) && seen.listed_count < COUNT_OF(seen.listed))
		seen.listed[seen.listed_count++] = text.len;
}

static void *begin_part(struct config_loader *loader, const struct node *node, uint32_t siblings)
{
	seen.siblings = siblings;
	if (!seen.refuse)
		return &seen.parts[seen.part_count++];
	config_fail(loader, node, "refused");
	return NULL;
}

static void finish_part(struct config_loader *loader, const struct node *node, void *target)
{
	(void)loader;
	(void)node;
	((struct part *)target)->is_finished = true;
}

static const struct config_item nested_items[] = {
	{ .key = "flag", .type = CONFIG_TYPE_BOOL, .offset = offsetof(struct seen, nested),
	  .fallback = "true" },
	{ .key = "later", .type = CONFIG_TYPE_LATER },
	{ .key = NULL },
};

static const struct config_item part_items[] = {
	{ .key = "size", .type = CONFIG_TYPE_UINT, .is_required = true, .max = 9,
	  .offset = offsetof(struct part, size) },
	{ .key = NULL },
};

static const struct config_item items[] = {
	{ .key = "first", .type = CONFIG_TYPE_UINT, .is_required = true, .max = 9,
	  .offset = offsetof(struct seen, first) },
	{ .key = "second", .type = CONFIG_TYPE_UINT, .max = 9, .fallback = "7",
	  .offset = offsetof(struct seen, second) },
	{ .key = "nested", .type = CONFIG_TYPE_MAP, .items = nested_items },
	{ .key = "listed", .type = CONFIG_TYPE_LIST, .min = 1, .max = 3, .value = take_listed },
	{ .key = "named", .type = CONFIG_TYPE_NAMED, .max = 3, .items = part_items,
	  .begin = begin_part, .finish = finish_part },
	{ .key = "rows", .type = CONFIG_TYPE_MAP_LIST, .max = 3, .items = part_items,
	  .begin = begin_part, .finish = finish_part },
	{ .key = "section", .type = CONFIG_TYPE_LATER },
	{ .key = NULL },
};

static void walk(const char *text)
{
	loader_open(&f);
	bool refuse = seen.refuse;
	seen = (struct seen){ .refuse = refuse };
	config_walk_map(&f.loader, yaml_of(&f, text), items, &seen);
}

static void test_mistakes(void **state)
{
	static const struct {
		const char *text;
		uint32_t line, column;
		const char *key, *message;
	} cases[] = {
		{ "second: 1", 1, 1, "first", "the key 'first' is missing" },
		{ "first: ~", 1, 1, "first", "the key 'first' is missing" },
		{ "first: 1\nfirst: 2", 2, 1, "first", "the key stands here twice" },
		{ "first: 1\nsecnd: 2", 2, 1, "secnd", "unknown key, did you mean 'second'?" },
		{ "first: 1\nzzzzzzz: 2", 2, 1, "zzzzzzz",
		  "unknown key, expected one of: first, second, nested, listed, named, rows" },
		{ "first: 1\nsection: 2", 2, 1, "section",
		  "section 'section' is not available in this version" },
		{ "first: 1\nnested: {later: 1}", 2, 10, "nested.later",
		  "key 'later' is not available in this version" },
		{ "first: 10", 1, 8, "first", "expected a number 0..9, found \"10\"" },
		{ "first: 1\nnested: 5", 2, 9, "nested", "expected a map of keys, found \"5\"" },
		{ "first: 1\nlisted: {a: 1}", 2, 9, "listed", "expected a list, found a map" },
		{ "first: 1\nlisted: []", 2, 9, "listed", "expected 1..3 entries, found 0" },
		{ "first: 1\nlisted: [a, b, c, d]", 2, 9, "listed",
		  "expected 1..3 entries, found 4" },
		{ "first: 1\nlisted: [a, [b]]", 2, 13, "listed[1]",
		  "expected a single value, found a list" },
		{ "first: 1\nnamed: [a]", 2, 8, "named", "expected a map of names, found a list" },
		{ "first: 1\nnamed: {a: 1}", 2, 12, "named.a",
		  "expected a map of keys, found \"1\"" },
		{ "first: 1\nnamed: {a: {}}", 2, 12, "named.a.size", "the key 'size' is missing" },
		{ "first: 1\nnamed: {a b: {size: 1}}", 2, 9, "named.a b",
		  "expected a name of 1..31 letters, digits, - and _, found \"a b\"" },
		{ "first: 1\nrows: {a: 1}", 2, 7, "rows", "expected a list, found a map" },
		{ "first: 1\nrows: [{size: 1}, {size: x}]", 2, 26, "rows[1].size",
		  "expected a number 0..9, found \"x\"" },
		{ "first: 1\nrows: [{}, {}, {}, {}]", 2, 7, "rows",
		  "expected 0..3 entries, found 4" },
		{ "[first, 1]", 1, 1, "", "expected a map of keys, found a list" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		walk(cases[i].text);
		const struct config_error *e = &f.errors[0];
		if (f.loader.error_count != 1)
			fail_msg("%s: %u mistakes", cases[i].text, f.loader.error_count);
		assert_string_equal(e->message, cases[i].message);
		assert_string_equal(e->key, cases[i].key);
		assert_int_equal(e->line, cases[i].line);
		assert_int_equal(e->column, cases[i].column);
		assert_int_equal(f.loader.path_len, 0);
		loader_close(&f);
	}
}

static void test_defaults(void **state)
{
	(void)state;
	walk("first: 4");
	assert_int_equal(f.loader.error_count, 0);
	assert_int_equal(seen.first, 4);
	assert_int_equal(seen.second, 7);
	assert_true(seen.nested); // below a map that is not there either
	assert_int_equal(seen.part_count, 0);
	loader_close(&f);
	walk("first: 4\nsecond: null\nnested: {flag: false}");
	assert_int_equal(seen.second, 7);
	assert_false(seen.nested);
	loader_close(&f);
}

static void test_lists(void **state)
{
	(void)state;
	walk("first: 4\nlisted: [a, bb, ccc]");
	assert_int_equal(f.loader.error_count, 0);
	assert_int_equal(seen.listed_count, 3);
	assert_int_equal(seen.listed[2], 3);
	loader_close(&f);
	walk("first: 4\nlisted: dddd");
	assert_int_equal(seen.listed_count, 1);
	assert_int_equal(seen.listed[0], 4);
	loader_close(&f);
}

static void test_elements(void **state)
{
	(void)state;
	walk("rows: [{size: 3}]\nnamed: {x: {size: 1}, y: {size: 2}}\nfirst: 0");
	assert_int_equal(f.loader.error_count, 0);
	assert_int_equal(seen.part_count, 3);
	// In the table's order, whatever the file's.
	assert_int_equal(seen.parts[0].size, 1);
	assert_int_equal(seen.parts[1].size, 2);
	assert_int_equal(seen.parts[2].size, 3);
	assert_true(seen.parts[0].is_finished && seen.parts[2].is_finished);
	assert_int_equal(seen.siblings, 1);
	loader_close(&f);
}

// finish() would only repeat what is known to be wrong; a name that stands twice is made once.
static void test_finish_needs_a_good_element(void **state)
{
	(void)state;
	walk("first: 0\nnamed: {x: {size: 99}, y: {size: 2}, x: {size: 3}}");
	assert_int_equal(f.loader.error_count, 2);
	assert_string_equal(f.errors[1].message, "the name stands here twice");
	assert_int_equal(seen.part_count, 2);
	assert_false(seen.parts[0].is_finished);
	assert_true(seen.parts[1].is_finished);
	loader_close(&f);
}

static void test_begin_may_refuse(void **state)
{
	(void)state;
	seen.refuse = true;
	walk("first: 0\nrows: [{size: 99}, {size: 2}]");
	assert_int_equal(f.loader.error_count, 2);
	assert_string_equal(f.errors[0].message, "refused");
	assert_string_equal(f.errors[1].key, "rows[1]");
	seen.refuse = false;
	loader_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_elements),
		cmocka_unit_test(test_finish_needs_a_good_element),
		cmocka_unit_test(test_begin_may_refuse),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

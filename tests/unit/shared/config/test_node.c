// test_node.c - the tree, its marks, and what YAML may not contain.
#include "config/node.h"
#include "unit/unit.h"

#include <errno.h>

static int parse(struct arena *arena, const char *text, struct node **out)
{
	struct node_error error = { 0 };
	int err = node_parse(arena, span_str(text), out, &error);
	if (err == -EINVAL)
		assert_true(error.line > 0 && error.column > 0 && error.message[0] != '\0');
	return err;
}

static void test_tree_and_marks(void **state)
{
	struct arena arena;
	struct node *root = NULL;
	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(
		parse(&arena, "a: 1\nb:\n  - x\n  - \"~\"\nc: {d: ~, e: null, f: }\n", &root), 0);
	assert_int_equal(root->kind, NODE_MAP);
	assert_int_equal(root->count, 3);
	const struct node *b = node_child(root, SPAN_LIT("b"));
	assert_int_equal(b->kind, NODE_LIST);
	assert_int_equal(b->count, 2);
	assert_int_equal(b->key->line, 2);
	assert_int_equal(b->key->column, 1);
	assert_true(span_eq(b->first->text, SPAN_LIT("x")));
	assert_int_equal(b->first->line, 3);
	assert_int_equal(b->first->column, 5);
	assert_false(node_is_null(b->first->next)); // in quotes it is a text
	const struct node *c = node_child(root, SPAN_LIT("c"));
	for (const struct node *child = c->first; child; child = child->next)
		assert_true(node_is_null(child));
	assert_null(node_child(root, SPAN_LIT("d")));
	arena_fini(&arena);
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"a: &x 1", "a: *x", "a: !!str 1", "a: !x {b: 1}", "a: [1", "a: 1\n---\nb: 1",
		"{a: 1}: 2", "? [a]\n: 1", "a: \"\\0\"",
		"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]",
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct arena arena;
		struct node *root = NULL;
		arena_init(&arena, 1 << 20);
		assert_int_equal(parse(&arena, texts[i], &root), -EINVAL);
		assert_null(root);
		arena_fini(&arena);
	}
}

static void test_empty_and_too_large(void **state)
{
	struct arena arena;
	struct node *root = NULL;
	(void)state;
	arena_init(&arena, 256);
	assert_int_equal(parse(&arena, "# nothing\n", &root), 0);
	assert_null(root);
	assert_int_equal(parse(&arena, "[1, 2, 3, 4, 5, 6, 7, 8, 9]", &root), -ENOMEM);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree_and_marks),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_empty_and_too_large),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

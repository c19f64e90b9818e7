// The path of the node in hand, and messages cut to their fields.
#include "loader.h"

static struct loader_fixture f;

static void test_path(void **state)
{
	(void)state;
	struct config_loader *loader = loader_open(&f);
	assert_int_equal(config_path_push(loader, SPAN_LIT("realms")), 0);
	assert_string_equal(loader->path, "realms");
	assert_int_equal(config_path_push(loader, SPAN_LIT("a")), 6);
	assert_int_equal(config_path_push_index(loader, 12), 8);
	assert_string_equal(loader->path, "realms.a[12]");
	assert_int_equal(loader->path_len, 12);
	config_path_pop(loader, 6);
	assert_string_equal(loader->path, "realms");
	config_path_pop(loader, 0);
	assert_string_equal(loader->path, "");
	loader_close(&f);
}

// A path that does not fit is cut; what was pushed on top of it goes again all the same.
static void test_path_is_cut(void **state)
{
	(void)state;
	struct config_loader *loader = loader_open(&f);
	char word[300];
	memset(word, 'x', sizeof word);
	config_path_push(loader, SPAN_LIT("top"));
	uint32_t before = config_path_push(loader, span_make(word, sizeof word));
	assert_int_equal(before, 3);
	assert_int_equal(loader->path_len, sizeof loader->path - 1);
	assert_int_equal(config_path_push(loader, SPAN_LIT("more")), sizeof loader->path - 1);
	assert_int_equal(config_path_push_index(loader, 4), sizeof loader->path - 1);
	assert_int_equal(strlen(loader->path), sizeof loader->path - 1);
	config_path_pop(loader, before);
	assert_string_equal(loader->path, "top");
	loader_close(&f);
}

static void test_fail_fills_every_field(void **state)
{
	(void)state;
	struct config_loader *loader = loader_open(&f);
	struct node node = scalar_of("x");
	char word[100], text[400];
	memset(word, 'k', sizeof word);
	memset(text, 't', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	config_path_push(loader, span_make(word, sizeof word));
	config_fail(loader, &node, "%s", text);
	assert_int_equal(loader->error_count, 1);
	assert_string_equal(f.errors[0].file, "test.yaml");
	assert_int_equal(f.errors[0].line, 3);
	assert_int_equal(f.errors[0].column, 7);
	assert_int_equal(strlen(f.errors[0].key), sizeof f.errors[0].key - 1);
	assert_int_equal(strlen(f.errors[0].message), sizeof f.errors[0].message - 1);
	loader_close(&f);
}

static void test_fail_is_bounded(void **state)
{
	(void)state;
	struct config_loader *loader = loader_open(&f);
	struct node node = scalar_of("x");
	loader->errors_max = 2;
	for (int i = 0; i < 5; i++)
		config_fail(loader, &node, "mistake %d", i);
	assert_int_equal(loader->error_count, 2);
	assert_string_equal(f.errors[1].message, "mistake 1");
	assert_string_equal(f.errors[2].message, "");
	loader_close(&f);
}

#define TEN "0123456789"

static void test_what_was_found(void **state)
{
	static const struct {
		enum node_kind kind;
		const char *text, *message;
	} cases[] = {
		{ NODE_SCALAR, "abc", "expected a thing, found \"abc\"" },
		{ NODE_SCALAR, "", "expected a thing, found \"\"" },
		{ NODE_LIST, "", "expected a thing, found a list" },
		{ NODE_MAP, "", "expected a thing, found a map" },
		{ NODE_SCALAR, "a\tb\x1b[2J\xc3\xa4", "expected a thing, found \"a?b?[2J??\"" },
		{ NODE_SCALAR, TEN TEN TEN TEN,
		  "expected a thing, found \"" TEN TEN TEN TEN "\"" },
		{ NODE_SCALAR, TEN TEN TEN TEN "x",
		  "expected a thing, found \"" TEN TEN TEN TEN "...\"" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config_loader *loader = loader_open(&f);
		struct node node = scalar_of(cases[i].text);
		node.kind = cases[i].kind;
		config_fail_expected(loader, &node, "a thing");
		assert_string_equal(f.errors[0].message, cases[i].message);
		loader_close(&f);
	}
}

static void test_unknown_name(void **state)
{
	static const struct {
		const char *candidate, *message;
	} cases[] = {
		{ "public", "no such realm: \"publik\", did you mean 'public'?" },
		{ "core", "no such realm: \"publik\"" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config_loader *loader = loader_open(&f);
		struct node node = scalar_of("publik");
		struct suggest suggest;
		suggest_init(&suggest, node.text);
		suggest_offer(&suggest, span_str(cases[i].candidate));
		config_fail_unknown(loader, &node, "realm", &suggest);
		assert_string_equal(f.errors[0].message, cases[i].message);
		loader_close(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_path_is_cut),
		cmocka_unit_test(test_fail_fills_every_field),
		cmocka_unit_test(test_fail_is_bounded),
		cmocka_unit_test(test_what_was_found),
		cmocka_unit_test(test_unknown_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

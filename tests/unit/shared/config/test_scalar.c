// Single values: variables of the environment, each plain type at its limits, secrets.
#include "loader.h"

#include <unistd.h>

static struct loader_fixture f;

static void test_copy_ends_the_text(void **state)
{
	(void)state;
	struct config_loader *loader = loader_open(&f);
	struct node node = scalar_of("");
	const char *copy = config_copy(loader, &node, span_make("abcdef", 3));
	assert_string_equal(copy, "abc");
	assert_string_equal(config_copy(loader, &node, SPAN_NONE), "");
	arena_fini(&f.arena);
	arena_init(&f.arena, 64);
	char large[200] = { 0 };
	assert_null(config_copy(loader, &node, span_make(large, sizeof large)));
	assert_string_equal(f.errors[0].message, "the configuration is too large");
	loader_close(&f);
}

static void test_environment(void **state)
{
	static const struct {
		const char *text, *value, *message;
	} cases[] = {
		{ "plain", "plain", NULL },
		{ "$MUGA_TEST_A", "$MUGA_TEST_A", NULL },
		{ "a$", "a$", NULL },
		{ "${MUGA_TEST_A}", "one", NULL },
		{ "<${MUGA_TEST_A}${MUGA_TEST_EMPTY}-${MUGA_TEST_A}>", "<one-one>", NULL },
		{ "${MUGA_TEST_EMPTY}", "", NULL },
		// A value is not looked through again.
		{ "${MUGA_TEST_LOOP}", "${MUGA_TEST_LOOP}", NULL },
		{ "${MUGA_TEST_UNSET}", NULL, "environment variable 'MUGA_TEST_UNSET' is not set" },
		{ "${MUGA_TEST_A", NULL, "its } is missing" },
		{ "${}", NULL, "expected a variable like ${NAME}" },
		{ "x${", NULL, "expected a variable like ${NAME}" },
	};
	(void)state;
	setenv("MUGA_TEST_A", "one", 1);
	setenv("MUGA_TEST_EMPTY", "", 1);
	setenv("MUGA_TEST_LOOP", "${MUGA_TEST_LOOP}", 1);
	unsetenv("MUGA_TEST_UNSET");
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config_loader *loader = loader_open(&f);
		struct node node = scalar_of(cases[i].text);
		struct span out;
		bool is_good = config_scalar(loader, &node, &out);
		assert_int_equal(is_good, cases[i].message == NULL);
		expect_message(cases[i].text, loader->error_count ? f.errors[0].message : NULL,
			cases[i].message);
		if (is_good && !span_eq(out, span_str(cases[i].value)))
			fail_msg("%s became " SPAN_FMT, cases[i].text, SPAN_ARG(out));
		loader_close(&f);
	}
}

static void test_environment_is_bounded(void **state)
{
	(void)state;
	struct config_loader *loader = loader_open(&f);
	char large[4090];
	struct span out;
	memset(large, 'x', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	setenv("MUGA_TEST_LARGE", large, 1);
	struct node node = scalar_of("${MUGA_TEST_LARGE}1234567");
	assert_true(config_scalar(loader, &node, &out));
	assert_int_equal(out.len, 4096);
	node = scalar_of("${MUGA_TEST_LARGE}12345678");
	assert_false(config_scalar(loader, &node, &out));
	assert_string_equal(f.errors[0].message, "the value is too long");
	node.kind = NODE_LIST;
	assert_false(config_scalar(loader, &node, &out));
	unsetenv("MUGA_TEST_LARGE");
	loader_close(&f);
}

static const char *const colours[] = { "red", "green", "blue", NULL };

struct target {
	uint64_t guard;
	uint32_t number;
	bool flag;
	const char *text;
	struct span secret;
};

static const struct config_item as_uint = { .key = "n", .type = CONFIG_TYPE_UINT,
	.offset = offsetof(struct target, number), .min = 3, .max = 70 };
static const struct config_item as_duration = { .key = "d", .type = CONFIG_TYPE_DURATION,
	.offset = offsetof(struct target, number), .min = 1000, .max = 60000, .fallback = "5s" };
static const struct config_item as_choice = { .key = "c", .type = CONFIG_TYPE_CHOICE,
	.offset = offsetof(struct target, number), .choices = colours };
static const struct config_item as_bool = { .key = "b", .type = CONFIG_TYPE_BOOL,
	.offset = offsetof(struct target, flag) };
static const struct config_item as_text = { .key = "t", .type = CONFIG_TYPE_TEXT,
	.offset = offsetof(struct target, text), .min = 1, .max = 5 };
static const struct config_item as_secret = { .key = "s", .type = CONFIG_TYPE_SECRET,
	.offset = offsetof(struct target, secret), .min = 4, .max = 8 };

static const char *take_scalar(struct target *target, const struct config_item *item,
	const char *text)
{
	struct node node = scalar_of(text);
	f.loader.error_count = 0;
	config_take_scalar(&f.loader, &node, item, target);
	return f.loader.error_count ? f.errors[0].message : NULL;
}

static void test_numbers(void **state)
{
	static const struct {
		const struct config_item *item;
		const char *text;
		uint32_t value;
		const char *message;
	} cases[] = {
		{ &as_uint, "3", 3, NULL },
		{ &as_uint, "70", 70, NULL },
		{ &as_uint, "2", 0, "expected a number 3..70, found \"2\"" },
		{ &as_uint, "71", 0, "expected a number 3..70" },
		{ &as_uint, "-4", 0, "expected a number 3..70" },
		{ &as_uint, "4 ", 0, "expected a number 3..70" },
		{ &as_uint, "0x10", 0, "expected a number 3..70" },
		{ &as_uint, "18446744073709551619", 0, "expected a number 3..70" },
		{ &as_duration, "1s", 1000, NULL },
		{ &as_duration, "1m", 60000, NULL },
		{ &as_duration, "1500ms", 1500, NULL },
		{ &as_duration, "999ms", 0, "expected a duration 1s..60s with its unit, like 5s" },
		{ &as_duration, "61s", 0, "expected a duration" },
		{ &as_duration, "5", 0, "expected a duration" },
		{ &as_choice, "red", 0, NULL },
		{ &as_choice, "blue", 2, NULL },
		{ &as_choice, "Blue", 0, "expected one of red, green, blue, found \"Blue\"" },
		{ &as_choice, "", 0, "expected one of" },
	};
	(void)state;
	loader_open(&f);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct target target = { .guard = 1, .number = 12345 };
		expect_message(cases[i].text, take_scalar(&target, cases[i].item, cases[i].text),
			cases[i].message);
		assert_int_equal(target.number, cases[i].message ? 12345 : cases[i].value);
		assert_int_equal(target.guard, 1);
	}
	loader_close(&f);
}

static void test_words(void **state)
{
	(void)state;
	struct target target = { .text = "before" };
	loader_open(&f);
	assert_null(take_scalar(&target, &as_bool, "true"));
	assert_true(target.flag);
	expect_message("bool", take_scalar(&target, &as_bool, "no"), "true or false");
	assert_true(target.flag);
	assert_null(take_scalar(&target, &as_bool, "false"));
	assert_false(target.flag);
	expect_message("text", take_scalar(&target, &as_text, ""), "text of 1..5 bytes");
	expect_message("text", take_scalar(&target, &as_text, "123456"), "text of 1..5 bytes");
	assert_string_equal(target.text, "before");
	assert_null(take_scalar(&target, &as_text, "12345"));
	assert_string_equal(target.text, "12345");
	loader_close(&f);
}

static void test_secret(void **state)
{
	static const struct {
		const char *text, *value, *message;
	} cases[] = {
		{ "abcd", "abcd", NULL },
		{ "12345678", "12345678", NULL },
		{ "abc", NULL, "found one of 3" },
		{ "123456789", NULL, "found one of 9" },
		{ "file:/nonexistent/x", NULL, "cannot read the file '/nonexistent/x'" },
	};
	(void)state;
	loader_open(&f);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct target target = { .secret = SPAN_LIT("before") };
		const char *message = take_scalar(&target, &as_secret, cases[i].text);
		expect_message(cases[i].text, message, cases[i].message);
		if (message) // whatever is wrong with a secret, it is not repeated
			assert_null(strstr(message, "123456789"));
		assert_true(span_eq(target.secret,
			cases[i].value ? span_str(cases[i].value) : SPAN_LIT("before")));
	}
	loader_close(&f);
}

static void test_secret_of_a_file(void **state)
{
	char path[] = "/tmp/muga-test-scalar-XXXXXX", text[600];
	struct target target = { 0 };
	(void)state;
	loader_open(&f);
	int fd = mkstemp(path);
	assert_int_equal(write(fd, " abcdef\r\n", 9), 9);
	snprintf(text, sizeof text, "file:%s", path);
	assert_null(take_scalar(&target, &as_secret, text));
	assert_true(span_eq(target.secret, SPAN_LIT("abcdef")));
	assert_int_equal(ftruncate(fd, 0), 0);
	expect_message("empty", take_scalar(&target, &as_secret, text), "found one of 0");
	close(fd);
	unlink(path);
	memset(text + 5, 'x', sizeof text - 6);
	text[sizeof text - 1] = '\0';
	expect_message("long", take_scalar(&target, &as_secret, text), "the path is too long");
	loader_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy_ends_the_text),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_environment_is_bounded),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_secret),
		cmocka_unit_test(test_secret_of_a_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

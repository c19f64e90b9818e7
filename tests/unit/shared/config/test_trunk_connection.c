// Keys of trunks.NAME.connection.
#include "loader.h"

static struct loader_fixture f;

static void test_path(void **state)
{
	static const struct {
		const char *text;
		bool is_good;
	} cases[] = {
		{ "/", true }, { "/sip/ws?token=a%20b", true }, { "sip", false }, { "", false },
		{ "/a b", false }, { "/a\r\nHost: x", false }, { "/a#b", false }, { "\x7f", false },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config_trunk trunk = { 0 };
		loader_open(&f);
		expect_message(cases[i].text, take(&f, "trunks.connection.path", cases[i].text,
			&trunk), cases[i].is_good ? NULL : "expected an absolute path like /sip");
		if (cases[i].is_good)
			assert_string_equal(trunk.connection.path, cases[i].text);
		else
			assert_null(trunk.connection.path);
		loader_close(&f);
	}
}

static void test_keepalive(void **state)
{
	static const struct {
		struct config_trunk_connection connection;
		uint32_t mistakes;
	} cases[] = {
		{ { 0 }, 0 },
		{ { .keepalive_ms = 30000, .is_kept = true }, 0 },
		{ { .keepalive_ms = 1000, .has_stun = true }, 0 },
		{ { .keepalive_ms = 999 }, 1 },
		{ { .has_stun = true }, 1 },
	};
	struct node node = scalar_of("");
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config_trunk trunk = { .connection = cases[i].connection };
		struct config_loader *loader = loader_open(&f);
		config_check_trunk_connection(loader, &node, &trunk);
		assert_int_equal(loader->error_count, cases[i].mistakes);
		loader_close(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_keepalive),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

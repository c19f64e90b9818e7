// Sections trunks and routes, on a configuration with two realms and two trunks.
#include "loader.h"

static struct loader_fixture f;
static struct config_trunk trunks[2];

static struct addr addr_of(const char *text)
{
	struct addr addr;
	assert_int_equal(addr_parse(span_str(text), 0, &addr), 0);
	return addr;
}

static struct config_loader *open_with_trunks(void)
{
	struct config_loader *loader = loader_open(&f);
	f.config.realms[0].name = "access";
	f.config.realms[1].name = "core";
	f.config.realm_count = 2;
	f.config.realms[0].listeners[0].addr = addr_of("192.0.2.1:5060");
	f.config.realms[0].listener_count = 1;
	memset(trunks, 0, sizeof trunks);
	trunks[0].name = "carrier";
	trunks[1] = (struct config_trunk){ .name = "pbx", .realm = 1 };
	f.config.trunks = trunks;
	f.config.trunk_count = 2;
	return loader;
}

static void test_names(void **state)
{
	static const struct {
		const char *path, *text, *message;
		int index;
	} cases[] = {
		{ "trunks.realm", "core", NULL, 1 },
		{ "trunks.realm", "cor", "no such realm: \"cor\", did you mean 'core'?", 0 },
		{ "trunks.realm", "Core", "no such realm", 0 },
		{ "routes.match.from_realm", "access", NULL, 0 },
		{ "routes.match.from_realm", "x", "no such realm: \"x\"", -1 },
		{ "routes.match.from_trunk", "pbx", NULL, 1 },
		{ "routes.match.from_trunk", "pbxx", "did you mean 'pbx'?", -1 },
		{ "routes.to", "pbx", NULL, 1 },
		{ "routes.to", "", "no such trunk: \"\"", 0 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config_trunk trunk = { 0 };
		struct config_route route = { .from_realm = -1, .from_trunk = -1 };
		const char *path = cases[i].path;
		bool is_trunk = strncmp(path, "trunks", 6) == 0;
		open_with_trunks();
		expect_message(cases[i].text,
			take(&f, path, cases[i].text, is_trunk ? (void *)&trunk : (void *)&route),
			cases[i].message);
		int index = is_trunk                 ? (int)trunk.realm
			: strstr(path, "from_realm") ? route.from_realm
			: strstr(path, "from_trunk") ? route.from_trunk
						     : (int)route.trunk;
		assert_int_equal(index, cases[i].index);
		loader_close(&f);
	}
}

static void test_match(void **state)
{
	(void)state;
	open_with_trunks();
	assert_null(take(&f, "trunks.match.ip", "198.51.100.0/24", &trunks[0]));
	assert_null(take(&f, "trunks.match.ip", "198.51.100.7", &trunks[0]));
	assert_null(take(&f, "trunks.match.ip", "2001:db8::/32", &trunks[0]));
	assert_int_equal(trunks[0].match_count, 3);
	assert_int_equal(trunks[0].match[0].bits, 96 + 24);
	assert_int_equal(trunks[0].match[1].bits, 128);
	expect_message("host bits", take(&f, "trunks.match.ip", "198.51.100.1/24", &trunks[0]),
		"without host bits");
	expect_message("bits", take(&f, "trunks.match.ip", "198.51.100.0/33", &trunks[0]),
		"expected an address prefix");
	// The same prefix may be another trunk's in another realm, and in this one if it is longer.
	assert_null(take(&f, "trunks.match.ip", "198.51.100.0/24", &trunks[1]));
	trunks[1].realm = 0;
	expect_message("twice", take(&f, "trunks.match.ip", "198.51.100.7/32", &trunks[1]),
		"already belongs to the trunk 'carrier' of this realm");
	assert_null(take(&f, "trunks.match.ip", "198.51.100.0/25", &trunks[1]));
	loader_close(&f);
}

// Whoever shows one of the names is the trunk; a client is asked for them by a listener only.
static void test_tls_san(void **state)
{
	static const struct {
		uint32_t verify;
		bool is_good;
	} cases[] = { { CONFIG_CLIENT_NONE, false }, { CONFIG_CLIENT_REQUEST, true },
		{ CONFIG_CLIENT_REQUIRE, true } };
	struct node node = scalar_of("");
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config_loader *loader = open_with_trunks();
		f.config.realms[0].listeners[0].tls.verify = cases[i].verify;
		assert_null(take(&f, "trunks.match.tls_san", "sip.example.com", &trunks[0]));
		assert_null(take(&f, "trunks.match.tls_san", "sip2.example.com", &trunks[0]));
		assert_int_equal(trunks[0].tls_san_count, 2);
		assert_string_equal(trunks[0].tls_san[1], "sip2.example.com");
		expect_message("no name", take(&f, "trunks.match.tls_san", "192.0.2.1",
			&trunks[0]), "expected a name like sip.example.com");
		expect_message("wildcard", take(&f, "trunks.match.tls_san", "*.example.com",
			&trunks[0]), "expected a name like sip.example.com");
		// In another realm the same name may be somebody else's.
		assert_null(take(&f, "trunks.match.tls_san", "sip.example.com", &trunks[1]));
		trunks[1].realm = 0;
		expect_message("twice", take(&f, "trunks.match.tls_san", "SIP.example.com",
			&trunks[1]), "already belongs to the trunk 'carrier' of this realm");
		uint32_t before = loader->error_count;
		config_finish_trunk(loader, &node, &trunks[0]);
		assert_int_equal(loader->error_count, before + !cases[i].is_good);
		loader_close(&f);
	}
}

static void test_patterns(void **state)
{
	static const struct {
		const char *path, *text;
		bool is_good;
	} cases[] = {
		{ "routes.match.to", "4930123", true },
		{ "routes.match.to", "+49*", true },
		{ "routes.match.to", "*", true },
		{ "routes.match.to", "alice.smith", true },
		{ "routes.match.to", "+49*0", false },
		{ "routes.match.to", "**", false },
		{ "routes.match.to", "", false },
		{ "routes.match.to", "a b", false },
		{ "routes.match.to", "a@b", false },
		{ "routes.match.from", "0*", true },
		{ "routes.rewrite.prefix", "0049", true },
		{ "routes.rewrite.prefix", "", true },
		{ "routes.rewrite.prefix", "00 49", false },
		{ "routes.rewrite.strip", "+", true },
		{ "routes.rewrite.strip", "\r\nVia:", false },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config_route route = { 0 };
		open_with_trunks();
		const struct config_item *item = item_at(cases[i].path);
		expect_message(cases[i].text, take(&f, cases[i].path, cases[i].text, &route),
			cases[i].is_good ? NULL : item->expected);
		const struct span *field = (const void *)((const char *)&route + item->offset);
		assert_true(span_eq(*field, span_str(cases[i].is_good ? cases[i].text : "")));
		// It outlives the nodes.
		assert_true(!cases[i].is_good || field->ptr != cases[i].text);
		loader_close(&f);
	}
}

static void test_begin(void **state)
{
	(void)state;
	struct config_loader *loader = loader_open(&f);
	struct node key = scalar_of("carrier"), node = scalar_of("");
	node.key = &key;
	struct config_trunk *first = config_begin_trunk(loader, &node, 2);
	assert_string_equal(first->name, "carrier");
	assert_ptr_equal(config_begin_trunk(loader, &node, 2), first + 1);
	assert_int_equal(f.config.trunk_count, 2);
	struct config_route *route = config_begin_route(loader, &node, 1);
	assert_int_equal(route->from_realm, -1);
	assert_int_equal(route->from_trunk, -1);
	assert_int_equal(route->line, 3);
	loader_close(&f);
	loader = loader_open(&f);
	arena_fini(&f.arena);
	arena_init(&f.arena, 64);
	assert_null(config_begin_route(loader, &node, CONFIG_ROUTES_MAX));
	assert_string_equal(f.errors[0].message, "the configuration is too large");
	assert_null(config_begin_trunk(loader, &node, CONFIG_TRUNKS_MAX));
	assert_int_equal(loader->error_count, 2); // refused, and said so
	loader_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_tls_san),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Section node.dns.
#include "loader.h"

static struct loader_fixture f;

static void test_servers(void **state)
{
	static const struct {
		const char *text, *addr, *message;
	} cases[] = {
		{ "192.0.2.53", "192.0.2.53:53", NULL },
		{ "127.0.0.53", "127.0.0.53:53", NULL },
		{ "192.0.2.53:5353", "192.0.2.53:5353", NULL },
		{ "2001:db8::53", "[2001:db8::53]:53", NULL },
		{ "ns.example.com", NULL, "expected an IP address, with a port if it is not 53" },
		{ "224.0.0.251", NULL, "expected a unicast IP address" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		loader_open(&f);
		expect_message(cases[i].text,
			take(&f, "node.dns.servers", cases[i].text, &f.config), cases[i].message);
		assert_int_equal(f.config.dns.server_count, cases[i].addr ? 1 : 0);
		if (cases[i].addr) {
			struct addr addr;
			assert_int_equal(addr_parse(span_str(cases[i].addr), 0, &addr), 0);
			assert_true(addr_eq(&f.config.dns.servers[0], &addr));
			expect_message("twice",
				take(&f, "node.dns.servers", cases[i].text, &f.config),
				"the server stands here twice");
		}
		loader_close(&f);
	}
}

static void test_times(void **state)
{
	static const struct {
		const char *yaml, *message;
	} cases[] = {
		{ "{}", NULL },
		{ "{dns: {}}", NULL },
		{ "{dns: {timeout: 500ms, deadline: 2s, ttl_min: 2s, ttl_max: 2s}}", NULL },
		{ "{dns: {timeout: 5s}}", "expected 'timeout' not above 'deadline'" },
		{ "{dns: {ttl_min: 4s, ttl_max: 3s, deadline: 3s}}",
		  "expected 'ttl_min' not above 'ttl_max'" },
		{ "{dns: {ttl_min: 3s}}", "expected 'ttl_min' not below 'deadline'" },
		{ "{dns: {tries: 0}}", "expected a number 1..5" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		loader_open(&f);
		config_walk_map(&f.loader, yaml_of(&f, cases[i].yaml), item_at("node")->items,
			&f.config);
		expect_message(cases[i].yaml, f.loader.error_count ? f.errors[0].message : NULL,
			cases[i].message);
		if (i == 0) {
			assert_int_equal(f.config.dns.timeout_ms, 1000);
			assert_int_equal(f.config.dns.deadline_ms, 4000);
			assert_int_equal(f.config.dns.ttl_min_ms, 5000);
			assert_int_equal(f.config.dns.server_count, 0);
		}
		loader_close(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

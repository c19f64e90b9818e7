#include "call/trunk.h"

#include "sip/transport.h"

#include "base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>

static void match(struct config_trunk *trunk, uint32_t realm, const char *prefix, const char *host)
{
	trunk->realm = realm;
	if (prefix)
		CHECK(ip_prefix_parse(span_str(prefix), &trunk->match[trunk->match_count++]) == 0);
	if (host)
		CHECK(addr_parse(span_str(host), 5060,
			&trunk->hosts[trunk->host_count++].addr) == 0);
}

static void found_by_source(void **state)
{
	static struct config_trunk trunks[5];
	static struct config config = { .trunks = trunks, .trunk_count = 5 };
	static const struct {
		uint32_t realm;
		const char *source;
		int trunk;
	} cases[] = {
		{ 0, "10.0.0.9", 0 },
		{ 0, "10.0.5.9", 1 }, // the longer prefix, though it stands later
		{ 0, "10.0.5.1", 1 },
		{ 0, "192.0.2.1", 2 },
		{ 0, "192.0.2.2", -1 },
		{ 0, "10.1.0.1", -1 },
		{ 1, "10.0.0.9", 3 },
		{ 1, "2001:db8::7", 4 },
		{ 2, "10.0.0.9", -1 },
	};

	(void)state;
	match(&trunks[0], 0, "10.0.0.0/16", "10.1.0.1"); // with prefixes the hosts do not count
	match(&trunks[1], 0, "10.0.5.0/24", NULL);
	match(&trunks[2], 0, NULL, "192.0.2.1");
	match(&trunks[3], 1, "10.0.0.0/8", NULL);
	match(&trunks[4], 1, "2001:db8::/32", NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip ip;

		assert_int_equal(ip_parse(span_str(cases[i].source), &ip), 0);
		struct sip_hop hop = { .listener = cases[i].realm << 8, .addr.ip = ip };
		assert_int_equal(trunk_find(&config, &hop), cases[i].trunk);
		// A certificate says more than an address, but not of another realm.
		for (uint16_t peer = 1; peer <= config.trunk_count + 1; peer++) {
			bool is_here = peer <= config.trunk_count &&
				trunks[peer - 1].realm == cases[i].realm;
			hop.peer_trunk = peer;
			assert_int_equal(trunk_find(&config, &hop),
				is_here ? peer - 1 : cases[i].trunk);
		}
	}
}

static void slots_by_name(void **state)
{
	struct trunk_table *table = trunk_table_new();
	uint32_t a = trunk_slot(table, SPAN_LIT("carrier-a"));
	uint32_t b = trunk_slot(table, SPAN_LIT("carrier-b"));

	(void)state;
	assert_int_not_equal(a, b);
	assert_int_equal(trunk_slot(table, SPAN_LIT("carrier-a")), a);
	assert_true(trunk_take(table, a, 2));
	assert_true(trunk_take(table, a, 2));
	assert_false(trunk_take(table, a, 2));
	assert_int_equal(trunk_calls(table, a), 2);
	assert_int_equal(trunk_calls(table, b), 0);
	trunk_give(table, a);
	assert_true(trunk_take(table, a, 2));
	assert_true(trunk_take(table, b, 0));
	trunk_table_free(table);
}

static void table_full(void **state)
{
	struct trunk_table *table = trunk_table_new();
	char name[16];

	(void)state;
	for (uint32_t i = 0; i < TRUNK_SLOTS; i++) {
		snprintf(name, sizeof(name), "t%u", i);
		assert_int_not_equal(trunk_slot(table, span_str(name)), TRUNK_NONE);
	}
	assert_int_equal(trunk_slot(table, SPAN_LIT("one-more")), TRUNK_NONE);
	// Uncounted is allowed where nothing is limited, and only there.
	assert_true(trunk_take(table, TRUNK_NONE, 0));
	assert_false(trunk_take(table, TRUNK_NONE, 5));
	trunk_give(table, TRUNK_NONE);
	trunk_table_free(table);
}

struct race {
	struct trunk_table *table;
	uint32_t taken;
};

static void *take_all(void *context)
{
	struct race *race = context;
	uint32_t slot = trunk_slot(race->table, SPAN_LIT("raced"));

	for (uint32_t i = 0; i < 1000; i++)
		race->taken += trunk_take(race->table, slot, 500);
	return NULL;
}

static void limit_is_exact(void **state)
{
	struct trunk_table *table = trunk_table_new();
	struct race races[2] = { { table, 0 }, { table, 0 } };
	pthread_t threads[2];

	(void)state;
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_all, &races[i]), 0);
	for (uint32_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_true(races[0].taken + races[1].taken <= 500);
	assert_int_equal(trunk_calls(table, trunk_slot(table, SPAN_LIT("raced"))),
		races[0].taken + races[1].taken);
	trunk_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found_by_source),
		cmocka_unit_test(slots_by_name),
		cmocka_unit_test(table_full),
		cmocka_unit_test(limit_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

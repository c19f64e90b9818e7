// test_source.c - the index must say what a plain search through all trunks says.
#include "config/source.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/rng.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static int search(const struct config *config, uint32_t realm, const struct ip *source)
{
	int best = -1, found = -1;

	for (uint32_t i = 0; i < config->trunk_count; i++) {
		const struct config_trunk *trunk = &config->trunks[i];

		for (uint32_t m = 0; m < trunk->match_count && trunk->realm == realm; m++) {
			if (!ip_prefix_has(&trunk->match[m], source) ||
				trunk->match[m].bits <= best)
				continue;
			best = trunk->match[m].bits;
			found = (int)i;
		}
		for (uint32_t h = 0; trunk->match_count == 0 && h < trunk->host_count &&
			trunk->realm == realm; h++) {
			if (!ip_eq(&trunk->hosts[h].addr.ip, source) || best >= 128)
				continue;
			best = 128;
			found = (int)i;
		}
	}
	return found;
}

// Few values for each byte, so that prefixes lie in one another and are hit.
static struct ip random_ip(struct rng *rng, bool is_v4)
{
	struct ip ip = ip_from_v4(10u << 24 | rng_below(rng, 4) << 16 | rng_below(rng, 4) << 8 |
		rng_below(rng, 4));

	if (is_v4)
		return ip;
	for (uint32_t i = 0; i < sizeof(ip.b); i++)
		ip.b[i] = i == 0 ? 0x20 : (uint8_t)(rng_below(rng, 2) * 0xa5);
	return ip;
}

static struct ip_prefix random_prefix(struct rng *rng)
{
	bool is_v4 = rng_below(rng, 2);
	uint32_t least = is_v4 ? 96 : 0;
	struct ip_prefix prefix = { .ip = random_ip(rng, is_v4),
		.bits = (uint8_t)(least + rng_below(rng, 129 - least)) };

	for (uint32_t bit = prefix.bits; bit < 128; bit++)
		prefix.ip.b[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
	return prefix;
}

static void fill(struct rng *rng, struct config_trunk *trunks, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct config_trunk *trunk = &trunks[i];

		trunk->realm = rng_below(rng, 3);
		trunk->match_count = rng_below(rng, 4);
		trunk->host_count = 1 + rng_below(rng, 3);
		for (uint32_t m = 0; m < trunk->match_count; m++)
			trunk->match[m] = random_prefix(rng);
		for (uint32_t h = 0; h < trunk->host_count; h++)
			trunk->hosts[h].addr.ip = random_ip(rng, rng_below(rng, 2));
	}
}

static void equals_search(void **state)
{
	uint32_t found = 0;

	(void)state;
	for (uint32_t seed = 1; seed <= 60; seed++) {
		struct config config = { .realm_count = 4, .trunk_count = seed * 2 };
		struct arena arena;
		struct rng rng;

		rng_init(&rng, seed);
		arena_init(&arena, 1u << 24);
		config.trunks = arena_zalloc(&arena, config.trunk_count * sizeof(config.trunks[0]));
		fill(&rng, config.trunks, config.trunk_count);
		assert_int_equal(config_build_sources(&config, &arena), 0);
		for (uint32_t i = 0; i < 500; i++) {
			struct ip ip = random_ip(&rng, rng_below(&rng, 2));
			uint32_t realm = rng_below(&rng, 4);
			int want = search(&config, realm, &ip);

			assert_int_equal(config_find_source(&config, realm, &ip), want);
			found += want >= 0;
		}
		arena_fini(&arena);
	}
	assert_in_range(found, 1000, 29000); // both answers were asked for
}

// By name as well, apart from the addresses; hosts do not count beside names.
static void names(void **state)
{
	static struct config_trunk trunks[] = {
		{ .realm = 1, .tls_san = { "a.test", "b.test" }, .tls_san_count = 2 },
		{ .realm = 2, .tls_san = { "a.test" }, .tls_san_count = 1 },
		{ .realm = 1, .tls_san = { "C.test" }, .tls_san_count = 1, .host_count = 1 },
	};
	static const struct {
		uint32_t realm;
		const char *name;
		int trunk;
	} cases[] = {
		{ 1, "a.test", 0 }, { 1, "B.TEST", 0 }, { 2, "a.test", 1 }, { 2, "b.test", -1 },
		{ 1, "c.test", 2 }, { 1, "test", -1 }, { 1, "", -1 }, { 0, "a.test", -1 },
	};
	struct config config = { .realm_count = 3, .trunk_count = 3, .trunks = trunks };
	struct arena arena;

	(void)state;
	trunks[2].hosts[0].addr.ip = ip_from_v4(0x0a000001);
	arena_init(&arena, 1u << 20);
	assert_int_equal(config_build_sources(&config, &arena), 0);
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(config_find_tls_name(&config, cases[i].realm,
			span_str(cases[i].name)), cases[i].trunk);
	assert_int_equal(config_find_source(&config, 1, &trunks[2].hosts[0].addr.ip), -1);
	arena_fini(&arena);
}

static void no_trunks_and_no_room(void **state)
{
	struct config config = { .realm_count = 1 };
	struct ip ip = ip_from_v4(0x0a000001);
	struct arena arena;

	(void)state;
	arena_init(&arena, 64);
	assert_int_equal(config_build_sources(&config, &arena), -ENOMEM);
	assert_null(config.sources);
	arena_fini(&arena);
	arena_init(&arena, 1u << 20);
	assert_int_equal(config_build_sources(&config, &arena), 0);
	assert_int_equal(config_find_source(&config, 0, &ip), -1);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equals_search),
		cmocka_unit_test(names),
		cmocka_unit_test(no_trunks_and_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "neigh_known.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static uint32_t changes[3];

static void on_change(
	void *context, enum neigh_change change, const struct neigh_neighbour *neighbour)
{
	(void)context;
	(void)neighbour;
	changes[change]++;
}

static void dump(struct neigh_known *known, const uint8_t *hosts, uint64_t now_ns)
{
	neigh_known_begin(known);
	for (; *hosts; hosts++) {
		struct ip ip = ip_from_v4(0x0a000000u + *hosts);
		uint8_t mac[6] = { 0, 0, 0, 0, 0, *hosts };

		assert_true(neigh_known_add(known, 7, &ip, mac));
	}
	neigh_known_merge(known, now_ns, on_change, NULL);
}

// A neighbour in use that fails keeps its MAC for the hold time, and comes back unharmed.
static void test_hold(void **state)
{
	struct neigh_known *known = neigh_known_new();
	struct ip two = ip_from_v4(0x0a000002);
	struct neigh_neighbour *found;
	uint32_t count;

	(void)state;
	assert_non_null(known);
	memset(changes, 0, sizeof(changes));
	dump(known, (const uint8_t[]){ 3, 1, 2, 0 }, 1000);
	found = neigh_known_find(known, 7, &two);
	assert_non_null(found);
	found->used_ns = 1000;
	dump(known, (const uint8_t[]){ 3, 1, 0 }, 2000);
	found = neigh_known_find(known, 7, &two);
	assert_non_null(found);
	assert_int_equal(found->mac[5], 2);
	assert_int_equal(found->lost_ns, 2000);
	assert_int_equal(changes[NEIGH_LOST], 1);
	dump(known, (const uint8_t[]){ 3, 1, 2, 0 }, 3000);
	assert_int_equal(changes[NEIGH_FOUND], 1);
	assert_int_equal(neigh_known_find(known, 7, &two)->lost_ns, 0);
	dump(known, (const uint8_t[]){ 1, 0 }, 4000);
	dump(known, (const uint8_t[]){ 1, 0 }, 4000 + NEIGH_HOLD_NS);
	assert_non_null(neigh_known_find(known, 7, &two));
	dump(known, (const uint8_t[]){ 1, 0 }, 4001 + NEIGH_HOLD_NS);
	assert_null(neigh_known_find(known, 7, &two));
	assert_int_equal(changes[NEIGH_EXPIRED], 1);
	neigh_known_all(known, &count);
	assert_int_equal(count, 1);
	neigh_known_free(known);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_hold) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

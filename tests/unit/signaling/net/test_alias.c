// The table of connections that lead back.
#include "net/alias.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct sip_hop hop_of(uint32_t listener, uint32_t ip, uint16_t port)
{
	return (struct sip_hop){ .listener = listener,
		.addr = { .ip = ip_from_v4(ip), .port = port } };
}

static void test_table(void **state)
{
	struct hash_key key = { { 1, 2 } };
	struct aliases *aliases = aliases_new(&key);
	struct sip_hop a = hop_of(1, 0x0a000001, 5061), others[] = { hop_of(2, 0x0a000001, 5061),
		hop_of(1, 0x0a000002, 5061), hop_of(1, 0x0a000001, 5060) };
	(void)state;
	assert_int_equal(alias_find(aliases, &a), 0);
	assert_true(alias_put(aliases, &a, 7));
	assert_int_equal(alias_find(aliases, &a), 7);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(alias_find(aliases, &others[i]), 0);
	assert_true(alias_put(aliases, &a, 8)); // a newer connection takes its place
	alias_drop(aliases, &a, 7);             // the end of the old one changes nothing
	assert_int_equal(alias_find(aliases, &a), 8);
	alias_drop(aliases, &a, 8);
	assert_int_equal(alias_find(aliases, &a), 0);
	aliases_free(aliases);
}

// Nearly all places are used before one is refused, and each can be used again.
static void test_full(void **state)
{
	struct hash_key key = { { 1, 2 } };
	struct aliases *aliases = aliases_new(&key);
	uint32_t taken[3] = { 0 };
	(void)state;
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 2 * ALIASES_MAX; i++) {
			struct sip_hop hop = hop_of(round, 0x0a000000 + i, 5061);
			taken[round] += alias_put(aliases, &hop, 100 + i);
		}
		assert_in_range(taken[round], ALIASES_MAX / 2, ALIASES_MAX);
		for (uint32_t i = 0; i < 2 * ALIASES_MAX; i++) {
			struct sip_hop hop = hop_of(round, 0x0a000000 + i, 5061);
			sip_connection found = alias_find(aliases, &hop);
			assert_true(found == 0 || found == 100 + i);
			taken[round] -= found != 0;
			alias_drop(aliases, &hop, found);
		}
		assert_int_equal(taken[round], 0);
	}
	aliases_free(aliases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

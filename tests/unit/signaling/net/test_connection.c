// The table of one worker: handles that die with their connection, and keys that find one.
#include "net/connection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const struct hash_key key = { { 3, 4 } };

static struct sip_hop hop_of(uint32_t listener, uint16_t port, const char *name)
{
	return (struct sip_hop){ .listener = listener,
		.addr = { .ip = ip_from_v4(0xc0000201), .port = port },
		.tls_name = span_str(name) };
}

static void test_handles(void **state)
{
	struct connection_table *table = connection_table_new(5, 2, &key);
	struct sip_hop hop = hop_of(1, 5060, "");
	(void)state;
	struct connection *a = connection_new(table, &hop, false);
	struct connection *b = connection_new(table, &hop, false);
	assert_non_null(a);
	assert_non_null(b);
	assert_null(connection_new(table, &hop, false)); // full
	assert_int_equal(connection_worker(a->handle), 5);
	assert_ptr_equal(connection_lookup(table, a->handle), a);
	assert_ptr_equal(connection_lookup(table, b->handle), b);
	assert_null(connection_lookup(table, 0));
	assert_null(connection_lookup(table, a->handle ^ (UINT64_C(1) << 56))); // another worker's
	assert_null(connection_lookup(table, a->handle + 2));                   // generation
	sip_connection old = a->handle;
	connection_free(table, a);
	assert_null(connection_lookup(table, old));
	struct connection *c = connection_new(table, &hop, false);
	assert_ptr_equal(c, a); // the same slot
	assert_null(connection_lookup(table, old));
	assert_ptr_equal(connection_lookup(table, c->handle), c);
	assert_int_equal(connection_count(table), 2);
	connection_free(table, b);
	connection_free(table, c);
	connection_table_free(table);
}

static void test_find(void **state)
{
	struct connection_table *table = connection_table_new(0, 20, &key);
	struct sip_hop hops[] = { hop_of(1, 5060, ""), hop_of(2, 5060, ""), hop_of(1, 5061, ""),
		hop_of(1, 5061, "a.test"), hop_of(1, 5061, "b.test"), hop_of(1, 5061, "a.test") };
	enum { COUNT = sizeof(hops) / sizeof(hops[0]) };
	struct connection *made[COUNT];
	(void)state;
	hops[5].tls_trunk = 3;
	for (int i = 0; i < COUNT; i++) {
		char name[32];
		assert_null(connection_find(table, &hops[i]));
		struct sip_hop hop = hops[i];
		snprintf(name, sizeof(name), SPAN_FMT, SPAN_ARG(hops[i].tls_name));
		hop.tls_name = span_str(name); // goes out of scope: it must be copied
		made[i] = connection_new(table, &hop, true);
		memset(name, 'x', sizeof(name));
	}
	for (int i = 0; i < COUNT; i++)
		assert_ptr_equal(connection_find(table, &hops[i]), made[i]);
	// One that came to us is nobody's to find.
	struct sip_hop other = hop_of(9, 1, "");
	connection_new(table, &other, false);
	assert_null(connection_find(table, &other));
	connection_hide(table, made[3]);
	assert_null(connection_find(table, &hops[3]));
	assert_ptr_equal(connection_lookup(table, made[3]->handle), made[3]);
	connection_free(table, made[3]);
	connection_free(table, made[5]);
	assert_null(connection_find(table, &hops[5]));
	assert_ptr_equal(connection_find(table, &hops[4]), made[4]);
	connection_table_free(table);
}

static void test_long_name(void **state)
{
	static char name[SIP_TLS_NAME_MAX + 1];
	struct connection_table *table = connection_table_new(0, 20, &key);
	struct sip_hop hop = hop_of(1, 1, "");
	(void)state;
	memset(name, 'a', sizeof(name));
	hop.tls_name = span_make(name, SIP_TLS_NAME_MAX);
	assert_non_null(connection_new(table, &hop, true));
	hop.tls_name.len++;
	assert_null(connection_new(table, &hop, true));
	connection_table_free(table);
}

// Every worker names the same owner, and all of them get their share.
static void test_owner(void **state)
{
	uint32_t counts[4] = { 0 };
	(void)state;
	for (uint16_t port = 1; port <= 4000; port++) {
		struct sip_hop hop = hop_of(1, port, "a.test");
		uint32_t owner = connection_owner(&key, &hop, 4);
		assert_true(owner < 4);
		hop.connection = 77; // of no account
		assert_int_equal(connection_owner(&key, &hop, 4), owner);
		counts[owner]++;
	}
	for (int i = 0; i < 4; i++)
		assert_in_range(counts[i], 850, 1150);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handles),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_owner),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

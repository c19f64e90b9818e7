// Limits by source and in all, exact also when several threads count at once.
#include "net/source.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct hash_key key = { { 1, 2 } };
static const struct source_limits limits = { .connections_max = 5, .connections_per_source_max = 2,
	.bytes_max = 1000, .bytes_per_source_max = 600 };

static struct ip v4(uint32_t last)
{
	return ip_from_v4(0xc0000200 + last);
}

static struct ip v6(const char *text)
{
	struct ip ip;
	assert_int_equal(ip_parse(span_str(text), &ip), 0);
	return ip;
}

static void test_connections(void **state)
{
	struct source_table *table = source_table_new(&limits, &key);
	struct ip a = v4(1), b = v4(2), c = v4(3);
	(void)state;
	assert_int_equal(source_open(table, &a, false), SOURCE_OK);
	assert_int_equal(source_open(table, &a, false), SOURCE_OK);
	assert_int_equal(source_open(table, &a, false), SOURCE_TOO_MANY);
	assert_int_equal(source_open(table, &a, true), SOURCE_OK); // ours
	assert_int_equal(source_open(table, &b, false), SOURCE_OK);
	assert_int_equal(source_open(table, &b, false), SOURCE_OK);
	assert_int_equal(source_connections(table), 5);
	assert_int_equal(source_open(table, &c, false), SOURCE_TABLE_FULL);
	assert_int_equal(source_open(table, &c, true), SOURCE_TABLE_FULL);
	source_close(table, &a, true);
	assert_int_equal(source_open(table, &a, false), SOURCE_TOO_MANY);
	assert_int_equal(source_open(table, &c, false), SOURCE_OK);
	source_close(table, &a, false);
	assert_int_equal(source_open(table, &a, false), SOURCE_OK);
	assert_int_equal(source_connections(table), 5);
	source_table_free(table);
}

static void test_ipv6_network_is_one_source(void **state)
{
	struct source_table *table = source_table_new(&limits, &key);
	struct ip a = v6("2001:db8:0:1::1"), b = v6("2001:db8:0:1:ffff::2"),
		  other = v6("2001:db8:0:2::1");
	(void)state;
	assert_int_equal(source_open(table, &a, false), SOURCE_OK);
	assert_int_equal(source_open(table, &b, false), SOURCE_OK);
	assert_int_equal(source_open(table, &a, false), SOURCE_TOO_MANY);
	assert_int_equal(source_open(table, &other, false), SOURCE_OK);
	source_table_free(table);
}

static void test_bytes(void **state)
{
	struct source_table *table = source_table_new(&limits, &key);
	struct ip a = v4(1), b = v4(2);
	(void)state;
	assert_true(source_take_bytes(table, &a, 600));
	assert_false(source_take_bytes(table, &a, 1));
	assert_true(source_take_bytes(table, &b, 400));
	assert_false(source_take_bytes(table, &b, 1)); // 1000 in all
	source_give_bytes(table, &a, 100);
	assert_true(source_take_bytes(table, &b, 100));
	assert_int_equal(source_bytes(table), 1000);
	source_give_bytes(table, &a, 500);
	source_give_bytes(table, &b, 500);
	assert_int_equal(source_bytes(table), 0);
	source_table_free(table);
}

#define ROUNDS 20000u

static void *storm(void *context)
{
	struct source_table *table = context;
	struct ip ip = v4(9);
	uintptr_t refused = 0;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		bool is_open = source_open(table, &ip, false) == SOURCE_OK;
		bool has_bytes = source_take_bytes(table, &ip, 300);
		refused += !is_open || !has_bytes;
		if (has_bytes)
			source_give_bytes(table, &ip, 300);
		if (is_open)
			source_close(table, &ip, false);
	}
	return (void *)refused; // how often is chance
}

static void test_threads(void **state)
{
	struct source_table *table = source_table_new(&limits, &key);
	pthread_t threads[3];
	struct ip ip = v4(9);
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, storm, table), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(source_connections(table), 0);
	assert_int_equal(source_bytes(table), 0);
	assert_true(source_take_bytes(table, &ip, 600));
	assert_int_equal(source_open(table, &ip, false), SOURCE_OK);
	assert_int_equal(source_open(table, &ip, false), SOURCE_OK);
	assert_int_equal(source_open(table, &ip, false), SOURCE_TOO_MANY);
	source_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_ipv6_network_is_one_source),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Record sets by {type, name}: found again, bounded, those in use kept.
#include "net/resolver_private.h"
#include "unit/unit.h"

static struct record_cache cache;

static int setup(void **state)
{
	(void)state;
	return record_cache_init(&cache, 4) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	record_cache_fini(&cache);
	return 0;
}

static struct record_set *add(const char *name)
{
	return record_cache_add(&cache, SIP_RECORD_A, span_str(name));
}

static struct record_set *look(const char *name)
{
	return record_cache_lookup(&cache, SIP_RECORD_A, span_str(name));
}

static void by_type_and_name(void **state)
{
	(void)state;
	struct record_set *a = add("x.test");
	struct record_set *srv = record_cache_add(&cache, SIP_RECORD_SRV, SPAN_LIT("x.test"));
	assert_non_null(a);
	assert_ptr_equal(look("x.test"), a);
	assert_ptr_equal(record_cache_lookup(&cache, SIP_RECORD_SRV, SPAN_LIT("x.test")), srv);
	assert_null(look("x.tes"));
	assert_null(record_cache_lookup(&cache, SIP_RECORD_AAAA, SPAN_LIT("x.test")));
	assert_string_equal(a->name, "x.test");
}

static void oldest_go_first(void **state)
{
	struct location waiting = { 0 };

	(void)state;
	add("1");
	add("2")->waiting = &waiting;
	add("3")->is_asked = true;
	add("4");
	assert_null(add("5")); // full
	record_cache_touch(&cache, look("1"));
	assert_int_equal(record_cache_make_room(&cache, 1), 1);
	assert_null(look("4")); // 2 and 3 are in use, 1 was used after it
	assert_non_null(look("1"));
	assert_non_null(add("5"));
	assert_int_equal(record_cache_make_room(&cache, 4), 2);
	assert_null(look("1"));
	assert_null(look("5"));
	assert_int_equal(record_cache_make_room(&cache, 4), 0);
	assert_non_null(look("2"));
	assert_non_null(look("3"));
	assert_int_equal(cache.count, 2);
}

// Texts are the set's own; nothing of the answer is borrowed.
static void own_texts(void **state)
{
	static struct dns_answer answer;

	(void)state;
	struct record_set *set = record_cache_add(&cache, SIP_RECORD_NAPTR, SPAN_LIT("x"));
	memcpy(answer.text, "sSIP+D2Uto.test", 15);
	answer.text_len = 15;
	answer.count = 1;
	answer.records[0].naptr.flags = span_make(answer.text, 1);
	answer.records[0].naptr.service = span_make(answer.text + 1, 7);
	answer.records[0].name = span_make(answer.text + 8, 7);
	assert_true(record_set_fill(set, &answer));
	memset(&answer, 0x55, sizeof(answer));
	assert_int_equal(set->count, 1);
	assert_true(span_eq(set->records[0].naptr.flags, SPAN_LIT("s")));
	assert_true(span_eq(set->records[0].naptr.service, SPAN_LIT("SIP+D2U")));
	assert_true(span_eq(set->records[0].name, SPAN_LIT("to.test")));
	answer.count = 0;
	assert_true(record_set_fill(set, &answer));
	assert_null(set->records);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(by_type_and_name, setup, teardown),
		cmocka_unit_test_setup_teardown(oldest_go_first, setup, teardown),
		cmocka_unit_test_setup_teardown(own_texts, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

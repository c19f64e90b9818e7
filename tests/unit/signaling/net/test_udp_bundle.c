#include "net/udp_bundle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define ROWS_MAX 8

// A datagram of `len` bytes to port `target`, of call `call` (0 = it has no Call-ID).
struct row {
	uint16_t target;
	uint32_t call, len;
};

struct bed {
	struct udp_message messages[UDP_BUNDLE_SORT_MAX];
	char texts[UDP_BUNDLE_SORT_MAX][2048];
	uint8_t order[UDP_BUNDLE_SORT_MAX];
};

static void put(struct bed *bed, uint32_t i, const struct row *row)
{
	char *text = bed->texts[i];

	memset(text, 'x', sizeof(bed->texts[0]));
	if (row->call != 0)
		text[snprintf(text, 64, "BYE sip:a SIP/2.0\r\nCall-ID: call-number-%u\r\n",
			row->call)] = 'x';
	bed->messages[i] = (struct udp_message){
		.target = { .ip = ip_from_v4(0xc6336401), .port = row->target },
		.data = span_make(text, row->len),
	};
}

static const struct sort_case {
	const char *name;
	struct row rows[ROWS_MAX];
	const char *order; // of the indices
} sort_cases[] = {
	{ "one", { { 1, 1, 300 } }, "0" },
	{ "largest first", { { 1, 1, 300 }, { 1, 2, 500 }, { 1, 3, 400 } }, "120" },
	{ "equals as they come", { { 1, 1, 300 }, { 1, 2, 300 }, { 1, 3, 300 } }, "012" },
	{ "a call keeps its order", { { 1, 1, 300 }, { 1, 1, 500 }, { 1, 2, 400 } }, "201" },
	{ "three of a call", { { 1, 7, 300 }, { 1, 7, 400 }, { 1, 7, 500 }, { 1, 8, 600 } },
		"3012" },
	{ "second ones follow together",
		{ { 1, 1, 300 }, { 1, 1, 500 }, { 1, 2, 300 }, { 1, 2, 500 } }, "0213" },
	{ "without a Call-ID nothing moves", { { 1, 0, 100 }, { 1, 0, 500 }, { 1, 0, 300 } },
		"012" },
	{ "by target", { { 1, 1, 300 }, { 2, 2, 500 }, { 1, 3, 400 }, { 2, 4, 600 } }, "2031" },
	{ "a call to two targets", { { 1, 1, 300 }, { 2, 1, 300 }, { 1, 2, 400 }, { 2, 3, 400 } },
		"2031" },
	{ "longer than a length can say", { { 1, 1, 300 }, { 1, 2, 70000 } }, "10" },
};

static uint32_t rows_of(const struct row *rows)
{
	uint32_t count = 0;
	while (count < ROWS_MAX && rows[count].target != 0)
		count++;
	return count;
}

static void test_sort(void **state)
{
	static struct bed bed;
	(void)state;
	for (size_t c = 0; c < sizeof(sort_cases) / sizeof(sort_cases[0]); c++) {
		const struct sort_case *row = &sort_cases[c];
		uint32_t count = rows_of(row->rows);
		char order[ROWS_MAX + 1] = "";
		for (uint32_t i = 0; i < count; i++)
			put(&bed, i, &row->rows[i]);
		udp_bundle_sort(bed.messages, count, bed.order);
		for (uint32_t i = 0; i < count; i++)
			order[i] = (char)('0' + bed.order[i]);
		if (strcmp(order, row->order) != 0)
			fail_msg("%s: %s, not %s", row->name, order, row->order);
	}
}

// The largest batch: a permutation, and each call in order.
static void test_sort_full(void **state)
{
	static struct bed bed;
	uint32_t last[5] = { 0 }, seen[UDP_BUNDLE_SORT_MAX] = { 0 };
	(void)state;
	for (uint32_t i = 0; i < UDP_BUNDLE_SORT_MAX; i++)
		put(&bed, i, &(struct row){ 1, 1 + i % 5, 100 + i * 37 % 900 });
	udp_bundle_sort(bed.messages, UDP_BUNDLE_SORT_MAX, bed.order);
	for (uint32_t i = 0; i < UDP_BUNDLE_SORT_MAX; i++) {
		uint32_t at = bed.order[i];
		assert_int_equal(seen[at]++, 0);
		assert_true(last[at % 5] <= at);
		last[at % 5] = at;
	}
}

static const struct count_case {
	const char *name;
	struct row rows[ROWS_MAX];
	uint32_t len_max, count;
} count_cases[] = {
	{ "one", { { 1, 1, 300 } }, 1400, 1 },
	{ "equals", { { 1, 1, 300 }, { 1, 2, 300 }, { 1, 3, 300 } }, 1400, 3 },
	{ "the last is shorter", { { 1, 1, 300 }, { 1, 2, 300 }, { 1, 3, 200 }, { 1, 4, 200 } },
		1400, 3 },
	{ "two of two lengths", { { 1, 1, 300 }, { 1, 2, 299 } }, 1400, 2 },
	{ "a longer one begins anew", { { 1, 1, 300 }, { 1, 2, 301 } }, 1400, 1 },
	{ "another target", { { 1, 1, 300 }, { 1, 2, 300 }, { 2, 3, 300 } }, 1400, 2 },
	{ "an empty one ends it", { { 1, 1, 300 }, { 1, 0, 0 } }, 1400, 1 },
	{ "an empty one begins none", { { 1, 0, 0 }, { 1, 0, 0 } }, 1400, 1 },
	{ "as long as may be", { { 1, 1, 1400 }, { 1, 2, 1400 } }, 1400, 2 },
	{ "longer than may be", { { 1, 1, 1401 }, { 1, 2, 1400 } }, 1400, 1 },
	{ "switched off", { { 1, 1, 300 }, { 1, 2, 300 } }, 0, 1 },
};

static void test_count(void **state)
{
	static struct bed bed;
	(void)state;
	for (uint32_t i = 0; i < UDP_BUNDLE_SORT_MAX; i++)
		bed.order[i] = (uint8_t)i;
	for (size_t c = 0; c < sizeof(count_cases) / sizeof(count_cases[0]); c++) {
		const struct count_case *row = &count_cases[c];
		uint32_t rows = rows_of(row->rows);
		for (uint32_t i = 0; i < rows; i++)
			put(&bed, i, &row->rows[i]);
		uint32_t count = udp_bundle_count(bed.messages, bed.order, rows, row->len_max);
		if (count != row->count)
			fail_msg("%s: %u, not %u", row->name, count, row->count);
	}
}

static void test_count_limits(void **state)
{
	static struct bed bed;
	(void)state;
	for (uint32_t i = 0; i < UDP_BUNDLE_SORT_MAX; i++) {
		bed.order[i] = (uint8_t)i;
		put(&bed, i, &(struct row){ 1, 0, 10 });
	}
	assert_int_equal(udp_bundle_count(bed.messages, bed.order, UDP_BUNDLE_SORT_MAX, 1400),
		UDP_BUNDLE_COUNT_MAX);
	for (uint32_t i = 0; i < UDP_BUNDLE_SORT_MAX; i++)
		put(&bed, i, &(struct row){ 1, 0, 2000 });
	assert_int_equal(udp_bundle_count(bed.messages, bed.order, UDP_BUNDLE_SORT_MAX, 2048),
		UDP_BUNDLE_BYTES_MAX / 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sort),
		cmocka_unit_test(test_sort_full),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_count_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

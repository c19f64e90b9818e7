// test_ring.c - records in order, wrap, full and empty, and two real threads.
#include "base/ring.h"
#include "base/rng.h"
#include "unit/unit.h"

#include <pthread.h>
#include <sched.h>

static void put(struct ring *ring, const char *text)
{
	uint32_t len = (uint32_t)strlen(text);
	char *room = ring_reserve(ring, len + 20);
	assert_non_null(room);
	memcpy(room, text, len);
	ring_commit(ring, len);
}

static void expect(struct ring *ring, const char *text)
{
	uint32_t len;
	const char *record = ring_peek(ring, &len);
	assert_non_null(record);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(record, text, len);
	assert_ptr_equal(ring_peek(ring, &len), record); // peeking takes nothing
	ring_release(ring);
}

static void test_fifo(void **state)
{
	struct ring *ring = ring_new(4096);
	uint32_t len;
	(void)state;
	assert_true(ring_is_empty(ring));
	assert_null(ring_peek(ring, &len));
	put(ring, "one");
	put(ring, "");
	put(ring, "three");
	assert_false(ring_is_empty(ring));
	expect(ring, "one");
	expect(ring, "");
	expect(ring, "three");
	assert_true(ring_is_empty(ring));
	ring_free(ring);
}

static void test_uncommitted_is_invisible(void **state)
{
	struct ring *ring = ring_new(4096);
	uint32_t len;
	(void)state;
	assert_non_null(ring_reserve(ring, 100));
	assert_null(ring_peek(ring, &len));
	put(ring, "x"); // the reservation before is simply replaced
	expect(ring, "x");
	ring_free(ring);
}

static void test_full(void **state)
{
	struct ring *ring = ring_new(4096);
	uint32_t count = 0, len;
	(void)state;
	assert_null(ring_reserve(ring, 4096));
	assert_null(ring_reserve(ring, UINT32_MAX));
	while (ring_reserve(ring, 56)) {
		ring_commit(ring, 56);
		count++;
	}
	assert_int_equal(count, 4096 / 64);
	assert_non_null(ring_peek(ring, &len));
	ring_release(ring);
	assert_non_null(ring_reserve(ring, 56));
	ring_free(ring);
}

// The longest record goes through an empty ring from wherever its cursors stand.
static void test_longest_from_every_offset(void **state)
{
	struct ring *ring = ring_new(4096);
	uint32_t len;
	(void)state;
	for (uint32_t i = 0; i < 600; i++) {
		uint8_t *room = ring_reserve(ring, 2040);
		assert_non_null(room);
		memset(room, (int)i, 2040);
		ring_commit(ring, 2040);
		const uint8_t *record = ring_peek(ring, &len);
		assert_int_equal(len, 2040);
		assert_int_equal(record[0], (uint8_t)i);
		assert_int_equal(record[2039], (uint8_t)i);
		ring_release(ring);
		put(ring, "shift");
		expect(ring, "shift");
	}
	ring_free(ring);
}

#define RECORDS 200000u

static uint32_t length_of(uint32_t number)
{
	return 4 + number * 7919u % 300;
}

static void *produce(void *arg)
{
	struct ring *ring = arg;
	for (uint32_t i = 0; i < RECORDS; i++) {
		uint32_t len = length_of(i);
		uint8_t *room;
		while (!(room = ring_reserve(ring, len)))
			sched_yield();
		memset(room, (int)(i & 0xff), len);
		memcpy(room, &i, sizeof i);
		ring_commit(ring, len);
	}
	return NULL;
}

static void check_record(const uint8_t *record, uint32_t len, uint32_t number)
{
	uint32_t found;
	memcpy(&found, record, sizeof found);
	assert_int_equal(found, number);
	assert_int_equal(len, length_of(number));
	if (len > 4)
		assert_int_equal(record[len - 1], number & 0xff);
}

static void test_two_threads(void **state)
{
	struct ring *ring = ring_new(8192);
	pthread_t producer;
	(void)state;
	assert_int_equal(pthread_create(&producer, NULL, produce, ring), 0);
	for (uint32_t i = 0; i < RECORDS; i++) {
		uint32_t len;
		const uint8_t *record;
		while (!(record = ring_peek(ring, &len)))
			sched_yield();
		check_record(record, len, i);
		ring_release(ring);
	}
	pthread_join(producer, NULL);
	assert_true(ring_is_empty(ring));
	ring_free(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fifo),
		cmocka_unit_test(test_uncommitted_is_invisible),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_longest_from_every_offset),
		cmocka_unit_test(test_two_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

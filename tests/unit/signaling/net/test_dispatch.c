#include "net/dispatch.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu/urcu-qsbr.h>

#include <cmocka.h>

#define SHARDS   64u
#define MESSAGES 200000u

static uint32_t wakes[DISPATCH_WORKERS_MAX];

static void count_wake(void *context, uint32_t to)
{
	(void)context;
	wakes[to]++;
}

static struct dispatch *make(uint32_t workers)
{
	struct dispatch_params params = {
		.workers = workers,
		.shards = SHARDS,
		.ring_bytes = 128 << 10,
		.wake = count_wake,
	};
	memset(wakes, 0, sizeof(wakes));
	struct dispatch *dispatch = dispatch_new(&params);
	assert_non_null(dispatch);
	return dispatch;
}

static struct dispatch_message message_of(const char *text)
{
	return (struct dispatch_message){
		.hop = { .listener = 0x0103,
			.addr = { .ip = ip_from_v4(0xc0000201), .port = 5062 } },
		.data = span_str(text),
	};
}

static void test_owner_round(void **state)
{
	static const uint32_t counts[] = { 1, 2, 3, 64 };
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct dispatch *dispatch = make(counts[i]);
		for (uint32_t shard = 0; shard < SHARDS; shard++)
			assert_int_equal(dispatch_owner(dispatch, shard), shard % counts[i]);
		dispatch_free(dispatch);
	}
}

static void test_publish_map(void **state)
{
	struct dispatch *dispatch = make(3);
	uint16_t owners[SHARDS] = { 0 };
	(void)state;
	owners[5] = 2;
	assert_int_equal(dispatch_publish_map(dispatch, owners), 0);
	assert_int_equal(dispatch_owner(dispatch, 5), 2);
	assert_int_equal(dispatch_owner(dispatch, 4), 0);
	owners[6] = 3; // no such worker: the old map stays in force
	owners[5] = 1;
	assert_int_equal(dispatch_publish_map(dispatch, owners), -EINVAL);
	assert_int_equal(dispatch_owner(dispatch, 5), 2);
	dispatch_free(dispatch);
}

static void test_pass_and_take(void **state)
{
	struct dispatch *dispatch = make(3);
	struct dispatch_message in = message_of("INVITE"), out;
	(void)state;
	assert_false(dispatch_take(dispatch, 1, &out));
	assert_true(dispatch_pass(dispatch, 0, 1, &in));
	assert_false(dispatch_take(dispatch, 2, &out));
	assert_true(dispatch_take(dispatch, 1, &out));
	assert_int_equal(out.hop.listener, in.hop.listener);
	assert_int_equal(out.hops, 1);
	assert_true(addr_eq(&out.hop.addr, &in.hop.addr));
	assert_true(span_eq(out.data, in.data));
	dispatch_release(dispatch, 1);
	assert_false(dispatch_take(dispatch, 1, &out));
	dispatch_free(dispatch);
}

// A message to be sent keeps all that says where to, and the news of its failure has no text.
static void test_send_and_failure(void **state)
{
	struct dispatch *dispatch = make(2);
	struct dispatch_message in = message_of("BYE"), out;
	(void)state;
	in.kind = DISPATCH_SEND;
	in.from = 0;
	in.ticket = 77;
	in.hop.connection = 0x0100000200000003;
	in.hop.is_bound = true;
	in.hop.tls_trunk = 5;
	in.hop.tls_name = SPAN_LIT("sip.example.com");
	assert_true(dispatch_pass(dispatch, 0, 1, &in));
	in = (struct dispatch_message){ .kind = DISPATCH_FAILED, .ticket = 78, .failure = 2 };
	assert_true(dispatch_pass(dispatch, 0, 1, &in));
	assert_true(dispatch_take(dispatch, 1, &out));
	assert_int_equal(out.kind, DISPATCH_SEND);
	assert_int_equal(out.ticket, 77);
	assert_true(out.hop.connection == 0x0100000200000003);
	assert_true(out.hop.is_bound);
	assert_int_equal(out.hop.tls_trunk, 5);
	assert_true(span_eq(out.hop.tls_name, SPAN_LIT("sip.example.com")));
	assert_true(span_eq(out.data, SPAN_LIT("BYE")));
	dispatch_release(dispatch, 1);
	assert_true(dispatch_take(dispatch, 1, &out));
	assert_int_equal(out.kind, DISPATCH_FAILED);
	assert_int_equal(out.ticket, 78);
	assert_int_equal(out.failure, 2);
	assert_true(span_is_empty(out.data) && span_is_empty(out.hop.tls_name));
	dispatch_release(dispatch, 1);
	dispatch_free(dispatch);
}

static void test_one_wake_per_turn(void **state)
{
	struct dispatch *dispatch = make(4);
	struct dispatch_message in = message_of("x");
	(void)state;
	dispatch_wake(dispatch, 0);
	assert_int_equal(wakes[1] + wakes[2] + wakes[3], 0);
	for (int i = 0; i < 5; i++)
		dispatch_pass(dispatch, 0, 1, &in);
	dispatch_pass(dispatch, 0, 3, &in);
	dispatch_wake(dispatch, 0);
	dispatch_wake(dispatch, 0);
	assert_int_equal(wakes[1], 1);
	assert_int_equal(wakes[2], 0);
	assert_int_equal(wakes[3], 1);
	dispatch_free(dispatch);
}

// No sender starves another: a full ring from one gives one message for each of the other's.
static void test_senders_take_turns(void **state)
{
	struct dispatch *dispatch = make(3);
	struct dispatch_message loud = message_of("loud"), quiet = message_of("quiet"), out;
	bool is_quiet_seen = false;
	(void)state;
	for (int i = 0; i < 100; i++)
		assert_true(dispatch_pass(dispatch, 0, 2, &loud));
	assert_true(dispatch_pass(dispatch, 1, 2, &quiet));
	for (int i = 0; i < 2; i++) {
		assert_true(dispatch_take(dispatch, 2, &out));
		is_quiet_seen |= span_eq(out.data, quiet.data);
		dispatch_release(dispatch, 2);
	}
	assert_true(is_quiet_seen);
	dispatch_free(dispatch);
}

static void test_full_ring(void **state)
{
	static char big[60000];
	struct dispatch *dispatch = make(2);
	struct dispatch_message in = message_of("x"), out;
	uint32_t passed = 0, taken = 0;
	(void)state;
	in.data = span_make(big, sizeof(big));
	while (dispatch_has_room(dispatch, 0, 1, sizeof(big))) {
		assert_true(dispatch_pass(dispatch, 0, 1, &in));
		passed++;
	}
	assert_false(dispatch_pass(dispatch, 0, 1, &in));
	assert_in_range(passed, 1, 2);
	dispatch_wake(dispatch, 0);
	assert_int_equal(wakes[1], 1); // the owner is woken although the last one did not fit
	while (dispatch_take(dispatch, 1, &out)) {
		assert_int_equal(out.data.len, sizeof(big));
		dispatch_release(dispatch, 1);
		taken++;
	}
	assert_int_equal(taken, passed);
	assert_true(dispatch_pass(dispatch, 0, 1, &in));
	dispatch_free(dispatch);
}

// Two workers hand MESSAGES to each other in parallel; each checks number, order and content.
struct side {
	struct dispatch *dispatch;
	uint32_t me, other;
	uint32_t received;
	uint32_t wrong;
};

static void side_send(struct side *side, uint32_t *next)
{
	char text[64];
	if (*next == MESSAGES)
		return;
	snprintf(text, sizeof(text), "%u:%u:%.*s", side->me, *next, (int)(*next % 40),
		"abcdefghijklmnopqrstuvwxyzabcdefghijklmnop");
	struct dispatch_message message = message_of(text);
	if (dispatch_pass(side->dispatch, side->me, side->other, &message))
		(*next)++;
}

static void side_receive(struct side *side)
{
	struct dispatch_message out;
	char want[64];
	while (dispatch_take(side->dispatch, side->me, &out)) {
		snprintf(want, sizeof(want), "%u:%u:%.*s", side->other, side->received,
			(int)(side->received % 40), "abcdefghijklmnopqrstuvwxyzabcdefghijklmnop");
		side->wrong += !span_eq(out.data, span_str(want));
		side->received++;
		dispatch_release(side->dispatch, side->me);
	}
}

static void *side_main(void *context)
{
	struct side *side = context;
	uint32_t next = 0;
	urcu_qsbr_register_thread();
	while (next < MESSAGES || side->received < MESSAGES) {
		for (int i = 0; i < 32; i++)
			side_send(side, &next);
		side_receive(side);
		urcu_qsbr_quiescent_state();
		sched_yield();
	}
	urcu_qsbr_unregister_thread();
	return NULL;
}

static void test_two_threads(void **state)
{
	struct dispatch *dispatch = make(2);
	struct side sides[2] = {
		{ .dispatch = dispatch, .me = 0, .other = 1 },
		{ .dispatch = dispatch, .me = 1, .other = 0 },
	};
	pthread_t threads[2];
	uint16_t owners[SHARDS] = { 0 };
	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, side_main, &sides[i]), 0);
	for (int i = 0; i < 20; i++) { // the map is replaced meanwhile
		owners[i] ^= 1;
		assert_int_equal(dispatch_publish_map(dispatch, owners), 0);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(sides[i].received, MESSAGES);
		assert_int_equal(sides[i].wrong, 0);
	}
	dispatch_free(dispatch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owner_round),
		cmocka_unit_test(test_publish_map),
		cmocka_unit_test(test_pass_and_take),
		cmocka_unit_test(test_send_and_failure),
		cmocka_unit_test(test_one_wake_per_turn),
		cmocka_unit_test(test_senders_take_turns),
		cmocka_unit_test(test_full_ring),
		cmocka_unit_test(test_two_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

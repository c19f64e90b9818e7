// The controller against a server of a few lines: a socket's queue that is worked off in order,
// calls of seven messages each, of which those behind the first one queue up like everything else,
// and are repeated half a second later when the queue was full.
#include "net/overload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MESSAGES   7u   // of a call that the server reads
#define MESSAGE_US 15u
#define CALL_US    (MESSAGES * MESSAGE_US)
#define REFUSAL_US 8u
#define READ_US    2u   // of a new call that is dropped after reading
#define QUEUE_MAX  4000u
#define LATER_MS   500u
#define LATER_MAX  8192u

struct item {
	uint32_t at_ms;
	uint32_t left; // messages of its call, this one included; MESSAGES = a new call
};

// Everything in calls and microseconds of one core.
struct server {
	struct overload overload;
	struct item queue[QUEUE_MAX];
	uint32_t head, count;
	struct item later[LATER_MAX]; // repeated in the order in which they were lost
	uint32_t later_head, later_count;
	double due;           // part of a call that is not asked for yet
	double left_us;       // of work, may be below 0
	double asked, taken, refused;
	double waited_ms;     // by the oldest datagram, summed up over the milliseconds
	uint32_t now_ms;
};

static void enqueue(struct server *s, uint32_t left)
{
	struct item item = { s->now_ms, left };

	if (s->count < QUEUE_MAX)
		s->queue[(s->head + s->count++) % QUEUE_MAX] = item;
	else if (left < MESSAGES && s->later_count < LATER_MAX) // new callers give up
		s->later[(s->later_head + s->later_count++) % LATER_MAX] = item;
}

static void arrive(struct server *s, double asked_per_ms)
{
	s->asked += asked_per_ms;
	s->due += asked_per_ms * (1000 - s->overload.shed_permille) / 1000;
	for (; s->due >= 1; s->due -= 1)
		enqueue(s, MESSAGES);
	while (s->later_count && s->now_ms - s->later[s->later_head].at_ms >= LATER_MS) {
		uint32_t left = s->later[s->later_head].left;
		s->later_head = (s->later_head + 1) % LATER_MAX;
		s->later_count--;
		enqueue(s, left);
	}
}

static void go_on(struct server *s, uint32_t left)
{
	s->left_us -= MESSAGE_US;
	if (left == 1)
		s->taken++;
	else
		enqueue(s, left - 1);
}

static void serve(struct server *s, struct overload_use *use)
{
	uint32_t left = s->queue[s->head].left;

	s->head = (s->head + 1) % QUEUE_MAX;
	s->count--;
	if (left < MESSAGES) {
		go_on(s, left);
	} else if (use->admitted < overload_calls_left(&s->overload)) {
		use->admitted++;
		go_on(s, left);
	} else if (use->refused < overload_refusals_left(&s->overload)) {
		use->refused++;
		s->left_us -= REFUSAL_US;
	} else {
		use->dropped++;
		s->left_us -= READ_US;
	}
}

// One millisecond: messages come, 1,000 us of work are done in order.
static void step(struct server *s, double asked_per_ms)
{
	struct overload_use use = { 0 };

	arrive(s, asked_per_ms);
	uint32_t waited_ms = s->count ? s->now_ms - s->queue[s->head].at_ms : 0;
	overload_note_delay(&s->overload, waited_ms * 1000);
	overload_note_delay(&s->overload, 1000); // the callees' socket is emptied in each turn
	s->waited_ms += waited_ms;
	s->left_us += 1000;
	while (s->count && s->left_us > 0)
		serve(s, &use);
	if (s->left_us > 0)
		s->left_us = 0; // idle
	s->refused += use.refused;
	overload_note_use(&s->overload, &use);
	overload_run(&s->overload, ++s->now_ms);
}

static void run(struct server *s, double factor, uint32_t ms)
{
	s->asked = s->taken = s->refused = s->waited_ms = 0;
	for (uint32_t i = 0; i < ms; i++)
		step(s, factor * 1000 / CALL_US);
}

static void begin(struct server *s)
{
	memset(s, 0, sizeof(*s));
	overload_init(&s->overload, 0);
}

static void nothing_is_limited_below_the_peak(void **state)
{
	static struct server s;

	(void)state;
	begin(&s);
	run(&s, 0.8, 10000);
	assert_false(s.overload.is_limiting);
	assert_int_equal(s.overload.shed_permille, 0);
	assert_true(s.taken >= s.asked - 20);
	assert_int_equal(overload_calls_left(&s.overload), UINT32_MAX);
}

static void goodput_under(double factor)
{
	static struct server s;

	begin(&s);
	run(&s, factor, 5000); // finds its rate
	run(&s, factor, 20000);
	double peak = 20000 * 1000.0 / CALL_US;
	if (s.taken < 0.8 * peak)
		fail_msg("%.0f times the peak: goodput %.2f", factor, s.taken / peak);
	assert_true(s.refused <= s.taken * 1.2 + 100); // one for each, at most
	assert_true(s.refused > 0);
	// And nobody waits long: a full queue is three times the target.
	if (s.waited_ms / 20000 * 1000 > 2 * OVERLOAD_TARGET_US)
		fail_msg("%.1f times the peak: a wait of %.1f ms", factor, s.waited_ms / 20000);
}

static void goodput_holds(void **state)
{
	(void)state;
	goodput_under(1.2);
	goodput_under(1.5);
	goodput_under(2);
	goodput_under(3);
	goodput_under(10);
	goodput_under(50);
}

// The queue of the first moments takes its time; the rate must not fall all the while.
static void a_full_queue_is_worked_off(void **state)
{
	static const double factors[] = { 1.3, 2, 5 };
	static struct server s;

	(void)state;
	for (uint32_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++) {
		begin(&s);
		for (uint32_t k = 0; k < QUEUE_MAX; k++)
			enqueue(&s, MESSAGES);
		run(&s, factors[i], 3000);
		double peak = 3000 * 1000.0 / CALL_US;
		// The first second goes to what stood there already.
		if (s.taken < 0.5 * peak)
			fail_msg("%.1f times the peak: %.2f of it", factors[i], s.taken / peak);
		run(&s, factors[i], 1000);
		if (s.waited_ms > 2 * OVERLOAD_TARGET_US)
			fail_msg("%.1f times the peak: a wait of %.1f ms", factors[i],
				s.waited_ms / 1000);
	}
}

static void the_limit_goes_when_the_load_goes(void **state)
{
	static struct server s;

	(void)state;
	begin(&s);
	run(&s, 5, 5000);
	assert_true(s.overload.is_limiting);
	run(&s, 0.5, 10000);
	assert_false(s.overload.is_limiting);
	assert_int_equal(s.overload.shed_permille, 0);
	run(&s, 0.5, 1000);
	assert_true(s.taken >= s.asked - 2);
}

static void a_single_late_datagram_is_no_overload(void **state)
{
	struct overload overload;
	uint64_t now_ms = 0;

	(void)state;
	overload_init(&overload, now_ms);
	for (uint32_t i = 0; i < 100; i++) {
		overload_note_delay(&overload, 500000);
		assert_false(overload_run(&overload, now_ms + 1));
		overload_note_delay(&overload, 100); // the interval had a short wait, too
		now_ms += OVERLOAD_INTERVAL_MS;
		assert_true(overload_run(&overload, now_ms));
		assert_false(overload.is_limiting);
	}
	// Nor is a hiccup of the machine, be it all of an interval or three.
	for (uint32_t i = 0; i < 100; i++) {
		if (i % 4 != 3)
			overload_note_delay(&overload, 500000);
		now_ms += OVERLOAD_INTERVAL_MS;
		assert_true(overload_run(&overload, now_ms));
		assert_false(overload.is_limiting);
	}
	// An idle worker has no wait at all.
	assert_true(overload_run(&overload, now_ms + 100000));
	assert_false(overload.is_limiting);
}

// Answers of the callees are read in each turn, after a batch from the callers' full socket.
static void no_socket_hides_another(void **state)
{
	struct overload overload;
	uint64_t now_ms = 0;

	(void)state;
	overload_init(&overload, now_ms);
	for (uint32_t i = 0; i < 100; i++) {
		overload_note_delay(&overload, i % 2 ? 900000 : 8000);
		overload_note_delay(&overload, i % 2 ? 8000 : 900000);
		now_ms += 10;
		overload_run(&overload, now_ms);
	}
	assert_true(overload.is_limiting);
}

static void some_hope_is_always_left(void **state)
{
	struct overload overload;
	uint64_t now_ms = 0;

	(void)state;
	overload_init(&overload, now_ms);
	for (uint32_t i = 0; i < 1000; i++) {
		overload_note_delay(&overload, 1000000);
		overload_note_use(&overload,
			&(struct overload_use){ .refused = 50, .dropped = 9000 });
		now_ms += OVERLOAD_INTERVAL_MS;
		overload_run(&overload, now_ms);
	}
	assert_in_range(overload.rate, 1, 100);
	assert_in_range(overload.shed_permille, 900, 990);
	now_ms += 1000;
	overload_run(&overload, now_ms);
	assert_true(overload_calls_left(&overload) >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_limited_below_the_peak),
		cmocka_unit_test(goodput_holds),
		cmocka_unit_test(a_full_queue_is_worked_off),
		cmocka_unit_test(the_limit_goes_when_the_load_goes),
		cmocka_unit_test(a_single_late_datagram_is_no_overload),
		cmocka_unit_test(no_socket_hides_another),
		cmocka_unit_test(some_hope_is_always_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

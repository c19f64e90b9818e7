// The controller against a server of a few lines: a queue that works off so much a millisecond.
#include "net/overload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define CALL_US    100u // cost of a call
#define REFUSAL_US 8u
#define READ_US    2u   // of a datagram that is dropped after reading
#define QUEUE_MAX  4000.0

// Everything in calls and microseconds of one core.
struct server {
	struct overload overload;
	double queue, asked, taken, refused;
	uint64_t now_ms;
};


// One millisecond: new calls come, 1,000 us of work are done in order.
static void step(struct server *s, double asked_per_ms)
{
	double passed = asked_per_ms * (1000 - s->overload.shed_permille) / 1000, left_us = 1000;
	struct overload_use use = { 0 };

	s->asked += asked_per_ms;
	s->queue += passed;
	if (s->queue > QUEUE_MAX)
		s->queue = QUEUE_MAX;
	// A queued new call waits until those before it are dealt with.
	overload_note_delay(&s->overload, (uint32_t)(s->queue * CALL_US));
	while (s->queue >= 1 && left_us > 0) {
		s->queue -= 1;
		if (use.admitted < overload_calls_left(&s->overload)) {
			use.admitted++;
			left_us -= CALL_US;
		} else if (use.refused < overload_refusals_left(&s->overload)) {
			use.refused++;
			left_us -= REFUSAL_US;
		} else {
			use.dropped++;
			left_us -= READ_US;
		}
	}
	s->taken += use.admitted;
	s->refused += use.refused;
	overload_note_use(&s->overload, &use);
	overload_run(&s->overload, ++s->now_ms);
}

static void run(struct server *s, double factor, uint32_t ms)
{
	s->asked = s->taken = s->refused = 0;
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
	struct server s;

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
	struct server s;

	begin(&s);
	run(&s, factor, 5000); // finds its rate
	run(&s, factor, 20000);
	double peak = 20000 * 1000.0 / CALL_US;
	if (s.taken < 0.8 * peak)
		fail_msg("%.0f times the peak: goodput %.2f", factor, s.taken / peak);
	assert_true(s.refused <= s.taken * 1.2 + 100); // one for each, at most
	assert_true(s.refused > 0);
	assert_true(s.queue < QUEUE_MAX / 4);          // and nobody waits long
}

static void goodput_holds(void **state)
{
	(void)state;
	goodput_under(1.2);
	goodput_under(3);
	goodput_under(10);
	goodput_under(50);
}

// The queue of the first moments takes its time; the rate must not fall all the while.
static void a_full_queue_is_worked_off(void **state)
{
	static const double factors[] = { 1.3, 2, 5 };
	struct server s;

	(void)state;
	for (uint32_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++) {
		begin(&s);
		s.queue = QUEUE_MAX;
		run(&s, factors[i], 3000);
		double peak = 3000 * 1000.0 / CALL_US;
		if (s.taken < 0.75 * peak)
			fail_msg("%.1f times the peak: %.2f of it", factors[i], s.taken / peak);
		run(&s, factors[i], 1000);
		assert_true(s.queue * CALL_US < 10 * OVERLOAD_TARGET_US);
	}
}

static void the_limit_goes_when_the_load_goes(void **state)
{
	struct server s;

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
		cmocka_unit_test(some_hope_is_always_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

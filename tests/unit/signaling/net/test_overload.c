// The controller against a server of a few lines that works in turns as a worker does: messages of
// living calls first, then some new calls of the line. Calls have seven messages, each the echo of
// the one before; the machine may take the core away for most of the time, as a quota does.
#include "net/overload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MESSAGES   7u    // of a call that the server reads
#define MESSAGE_US 15u
#define CALL_US    (MESSAGES * MESSAGE_US)
#define REFUSAL_US 21u   // with its ACK
#define READ_US    2u    // of a new call that is dropped after reading
#define ECHO_US    1000u // until the next message of a call comes, unless told otherwise
#define TURN_US    5u
#define NAP_US     1000u
#define SLICE_US   1000u // how long the server runs before the core is taken away
#define LIVING_MAX 262144u
#define LINE_MAX   1024u

struct living {
	uint64_t at_us;
	uint32_t left; // messages of its call, this one included
};

struct server {
	struct overload overload;
	uint64_t now_us, read_us, slice_us; // slice_us: of it used
	uint32_t pause_us;                  // between two slices
	uint32_t echo_us;
	struct living living[LIVING_MAX];   // in the order in which they come
	uint32_t living_head, living_count;
	uint64_t line[LINE_MAX];            // since when
	uint32_t line_head, line_count;
	double due;                         // part of a call that is not asked for yet
	double asked, taken, refused;
	uint64_t living_wait_us, line_wait_us; // the longest
	struct overload_use use;
};

static void work(struct server *s, uint32_t us)
{
	s->now_us += us;
	s->slice_us += us;
	if (s->slice_us < SLICE_US)
		return;
	s->slice_us = 0;
	s->now_us += s->pause_us;
}

static void go_on(struct server *s, uint32_t left)
{
	work(s, MESSAGE_US);
	if (left == 1) {
		s->taken++;
		return;
	}
	assert_true(s->living_count < LIVING_MAX);
	s->living[(s->living_head + s->living_count++) % LIVING_MAX] =
		(struct living){ s->now_us + s->echo_us, left - 1 };
}

static bool serve_living(struct server *s, uint64_t until_us)
{
	bool is_busy = false;
	uint64_t waited_us = 0;

	while (s->living_count && s->living[s->living_head].at_us <= until_us) {
		struct living living = s->living[s->living_head];
		if (!is_busy)
			waited_us = s->now_us - living.at_us;
		is_busy = true;
		s->living_head = (s->living_head + 1) % LIVING_MAX;
		s->living_count--;
		go_on(s, living.left);
	}
	if (is_busy)
		overload_note_delay(&s->overload, (uint32_t)waited_us);
	if (waited_us > s->living_wait_us)
		s->living_wait_us = waited_us;
	return is_busy;
}

static void knock(struct server *s)
{
	work(s, READ_US);
	if (s->line_count < LINE_MAX && s->line_count < s->overload.line_max) {
		s->line[(s->line_head + s->line_count++) % LINE_MAX] = s->now_us;
	} else if (s->use.refused < s->overload.refusals) {
		s->use.refused++;
		work(s, REFUSAL_US);
	} else {
		s->use.dropped++;
	}
}

static void take(struct server *s)
{
	while (s->line_count && s->use.admitted < OVERLOAD_CALLS_PER_TURN) {
		uint64_t waited_us = s->now_us - s->line[s->line_head];
		if (waited_us > s->line_wait_us)
			s->line_wait_us = waited_us;
		s->line_head = (s->line_head + 1) % LINE_MAX;
		s->line_count--;
		s->use.admitted++;
		go_on(s, MESSAGES);
	}
	overload_note_delay(&s->overload,
		s->line_count ? (uint32_t)(s->now_us - s->line[s->line_head]) : 0);
}

static void turn(struct server *s, double asked_per_us)
{
	uint64_t now_us = s->now_us, span_us = now_us - s->read_us;

	s->read_us = now_us;
	s->use = (struct overload_use){ 0 };
	s->asked += asked_per_us * (double)span_us;
	s->due += asked_per_us * (double)span_us * (1000 - s->overload.shed_permille) / 1000;
	bool is_busy = serve_living(s, now_us) || s->due >= 1 || s->line_count;
	for (; s->due >= 1; s->due -= 1)
		knock(s);
	take(s);
	work(s, TURN_US);
	if (!is_busy)
		s->now_us += NAP_US;
	s->refused += s->use.refused;
	overload_note_use(&s->overload, &s->use);
	overload_run(&s->overload, s->now_us / 1000);
}

static void run(struct server *s, double factor, uint32_t ms)
{
	uint64_t end_us = s->now_us + ms * 1000ull;
	double share = (double)SLICE_US / (SLICE_US + s->pause_us);

	s->asked = s->taken = s->refused = 0;
	s->living_wait_us = s->line_wait_us = 0;
	while (s->now_us < end_us)
		turn(s, factor * share / CALL_US);
}

static void begin(struct server *s, uint32_t pause_us)
{
	memset(s, 0, sizeof(*s));
	s->pause_us = pause_us;
	s->echo_us = ECHO_US;
	overload_init(&s->overload, 0);
}

static void nothing_is_limited_below_the_peak(void **state)
{
	static struct server s;

	(void)state;
	begin(&s, 0);
	run(&s, 0.8, 10000);
	assert_false(s.overload.is_limiting);
	assert_int_equal(s.overload.shed_permille, 0);
	assert_int_equal(s.overload.line_max, UINT32_MAX);
	assert_true(s.taken >= s.asked - 100);
	assert_int_equal(s.refused, 0);
}

static void goodput_under(double factor, uint32_t pause_us)
{
	static struct server s;

	begin(&s, pause_us);
	run(&s, factor, 2000); // notices
	run(&s, factor, 20000);
	double peak = 20000 * 1000.0 / CALL_US * SLICE_US / (SLICE_US + pause_us);
	if (s.taken < 0.85 * peak)
		fail_msg("%.1f times the peak: goodput %.2f", factor, s.taken / peak);
	assert_true(s.refused > 0 && s.refused < s.taken / 4 + 400);
	// A call that is taken waits no longer than a telephone does before it repeats.
	if (s.line_wait_us > 250000)
		fail_msg("%.1f times the peak: new calls wait %.1f ms", factor,
			(double)s.line_wait_us / 1000);
	// And those that live are served at once: within a turn and the pauses in it.
	if (s.living_wait_us > 10000 + 5 * pause_us)
		fail_msg("%.1f times the peak: living calls wait %.1f ms", factor,
			(double)s.living_wait_us / 1000);
}

static void goodput_holds(void **state)
{
	static const double factors[] = { 1.2, 1.5, 2, 3, 10, 50 };

	(void)state;
	for (uint32_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++) {
		goodput_under(factors[i], 0);
		goodput_under(factors[i], 7000);
	}
}

// Telephones ring and people talk: what an INVITE brings about comes seconds later, when there may
// be too many already. Still nobody who was taken waits, and the core is always of use.
static void slow_calls_are_not_overtaken(void **state)
{
	static const double before[] = { 0.3, 0.9 };
	static struct server s;
	double peak = 60000 * 1000.0 / CALL_US;

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		begin(&s, 0);
		s.echo_us = 2000000;
		run(&s, before[i], 20000);
		run(&s, 10, 12000); // until the first of them end
		assert_true(s.living_wait_us < 20000);
		run(&s, 10, 60000);
		assert_true(s.living_wait_us < 20000);
		if (s.taken < 0.85 * peak)
			fail_msg("from %.1f of the peak: %.2f of it", before[i], s.taken / peak);
	}
}

static void the_limit_goes_when_the_load_goes(void **state)
{
	static struct server s;

	(void)state;
	begin(&s, 0);
	run(&s, 5, 5000);
	assert_true(s.overload.is_limiting);
	run(&s, 0.5, 10000);
	assert_false(s.overload.is_limiting);
	assert_int_equal(s.overload.shed_permille, 0);
	run(&s, 0.5, 1000);
	assert_true(s.taken >= s.asked - 20);
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

// One interval in which so much happened while a line stood.
static void pass(struct overload *overload, uint64_t *now_ms, struct overload_use use)
{
	overload_note_delay(overload, 1000000);
	overload_note_use(overload, &use);
	*now_ms += OVERLOAD_INTERVAL_MS;
	assert_true(overload_run(overload, *now_ms));
}

static void some_hope_is_always_left(void **state)
{
	struct overload overload;
	uint64_t now_ms = 0;

	(void)state;
	overload_init(&overload, now_ms);
	for (uint32_t i = 0; i < 1000; i++)
		pass(&overload, &now_ms, (struct overload_use){ .refused = overload.refusals,
			.dropped = 9000 });
	assert_in_range(overload.line_max, 1, OVERLOAD_CALLS_PER_TURN);
	assert_in_range(overload.shed_permille, 900, 990);
	assert_int_equal(overload.refusals, 1);
}

// One for every five calls taken, not too many at once; the line is what is taken in an interval.
static void refusals_are_earned(void **state)
{
	struct overload overload;
	uint64_t now_ms = 0;

	(void)state;
	overload_init(&overload, now_ms);
	for (uint32_t i = 0; i < 10; i++)
		pass(&overload, &now_ms, (struct overload_use){ .refused = overload.refusals,
			.admitted = 4 });
	assert_int_equal(overload.refusals, 1); // 40 / 5 were earned in ten steps, one at once
	assert_int_equal(overload.line_max, OVERLOAD_CALLS_PER_TURN + 4);
	pass(&overload, &now_ms, (struct overload_use){ .admitted = 50 });
	assert_int_equal(overload.refusals, 11);
	pass(&overload, &now_ms, (struct overload_use){ .admitted = 5000 });
	assert_int_equal(overload.refusals, 64);
	pass(&overload, &now_ms, (struct overload_use){ .refused = 60 });
	assert_int_equal(overload.refusals, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_limited_below_the_peak),
		cmocka_unit_test(goodput_holds),
		cmocka_unit_test(slow_calls_are_not_overtaken),
		cmocka_unit_test(the_limit_goes_when_the_load_goes),
		cmocka_unit_test(a_single_late_datagram_is_no_overload),
		cmocka_unit_test(no_socket_hides_another),
		cmocka_unit_test(some_hope_is_always_left),
		cmocka_unit_test(refusals_are_earned),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// test_timer_wheel.c - the wheel against a naive list of deadlines, and its corners.
#include "base/rng.h"
#include "base/timer_wheel.h"
#include "unit/unit.h"

#define MODEL_TIMERS 200u
#define DAY_MS       86400000ull

struct probe {
	struct timer timer; // first: the callback casts
	uint32_t fired;
	uint64_t fired_after; // value of `last_deadline` when it fired
};

static uint64_t last_deadline;

static void on_fire(struct timer *timer, void *context)
{
	struct probe *probe = (struct probe *)timer;
	(void)context;
	assert_false(timer_is_armed(timer));
	probe->fired++;
	probe->fired_after = last_deadline;
	last_deadline = timer->deadline_ms;
}

static void test_far_deadlines(void **state)
{
	static const uint64_t delays[] = { 0, 1, 255, 256, 257, 65535, 65536, 65537, 16777215,
		16777216, DAY_MS, 49 * DAY_MS, 4294967295ull, 4294967296ull, 4294967297ull,
		400 * DAY_MS };
	static const uint64_t starts[] = { 0, 1, 250, 255, 256, 65530, 4294967290ull,
		1763841600000ull };
	(void)state;
	for (size_t s = 0; s < COUNT_OF(starts); s++) {
		for (size_t d = 0; d < COUNT_OF(delays); d++) {
			struct timer_wheel *wheel = timer_wheel_new(starts[s]);
			struct probe probe = { 0 };
			uint64_t deadline = starts[s] + delays[d];
			timer_start(wheel, &probe.timer, deadline, on_fire);
			assert_true(timer_wheel_next(wheel) <= deadline);
			if (delays[d] > 0)
				assert_int_equal(timer_wheel_run(wheel, deadline - 1, NULL), 0);
			assert_int_equal(timer_wheel_next(wheel), deadline);
			assert_int_equal(timer_wheel_run(wheel, deadline, NULL), 1);
			assert_int_equal(probe.fired, 1);
			assert_int_equal(timer_wheel_count(wheel), 0);
			assert_int_equal(timer_wheel_next(wheel), UINT64_MAX);
			timer_wheel_free(wheel);
		}
	}
}

static void test_past_deadline_fires_next(void **state)
{
	struct timer_wheel *wheel = timer_wheel_new(1000);
	struct probe probe = { 0 };
	(void)state;
	assert_int_equal(timer_wheel_run(wheel, 1000, NULL), 0);
	timer_start(wheel, &probe.timer, 3, on_fire);
	assert_true(timer_wheel_next(wheel) <= 1000);
	assert_int_equal(timer_wheel_run(wheel, 1000, NULL), 1);
	// A clock that stands or goes back is no harm.
	assert_int_equal(timer_wheel_run(wheel, 900, NULL), 0);
	timer_start(wheel, &probe.timer, 1001, on_fire);
	assert_int_equal(timer_wheel_run(wheel, 900, NULL), 0);
	assert_int_equal(timer_wheel_run(wheel, 1001, NULL), 1);
	timer_wheel_free(wheel);
}

static void test_restart_and_stop(void **state)
{
	struct timer_wheel *wheel = timer_wheel_new(0);
	struct probe probe = { 0 };
	(void)state;
	timer_stop(wheel, &probe.timer);
	timer_start(wheel, &probe.timer, 10, on_fire);
	timer_start(wheel, &probe.timer, 70000, on_fire);
	assert_int_equal(timer_wheel_count(wheel), 1);
	assert_int_equal(timer_wheel_run(wheel, 69999, NULL), 0);
	timer_stop(wheel, &probe.timer);
	timer_stop(wheel, &probe.timer);
	assert_int_equal(timer_wheel_run(wheel, 80000, NULL), 0);
	assert_int_equal(probe.fired, 0);
	timer_wheel_free(wheel);
}

struct chain {
	struct timer timer;
	struct timer_wheel *wheel;
	struct chain *victim; // stopped by the callback
	uint64_t again_ms;    // restarts itself this much later, while rounds are left
	uint32_t rounds;
	uint32_t fired;
};

static void on_chain(struct timer *timer, void *context)
{
	struct chain *chain = (struct chain *)timer;
	uint64_t *now = context;
	chain->fired++;
	if (chain->victim)
		timer_stop(chain->wheel, &chain->victim->timer);
	if (chain->rounds-- > 0)
		timer_start(chain->wheel, timer, *now + chain->again_ms, on_chain);
}

static void test_callbacks_may_do_anything(void **state)
{
	uint64_t now = 0;
	struct timer_wheel *wheel = timer_wheel_new(now);
	struct chain a = { .wheel = wheel }, b = { .wheel = wheel };
	(void)state;
	// Two of one millisecond stop each other: whichever fires first wins.
	a.victim = &b;
	b.victim = &a;
	timer_start(wheel, &a.timer, 5, on_chain);
	timer_start(wheel, &b.timer, 5, on_chain);
	assert_int_equal(timer_wheel_run(wheel, 5, &now), 1);
	assert_int_equal(a.fired + b.fired, 1);
	assert_int_equal(timer_wheel_count(wheel), 0);
	// One that restarts itself for now fires once in each run, and does not hang it.
	now = 10;
	struct chain c = { .wheel = wheel, .rounds = 3 };
	timer_start(wheel, &c.timer, 10, on_chain);
	for (uint32_t i = 1; i <= 4; i++) {
		timer_wheel_run(wheel, now, &now);
		assert_int_equal(c.fired, i);
	}
	assert_int_equal(timer_wheel_count(wheel), 0);
	timer_wheel_free(wheel);
}

struct model {
	struct timer_wheel *wheel;
	struct probe probes[MODEL_TIMERS];
	uint64_t deadlines[MODEL_TIMERS]; // UINT64_MAX = not armed
	struct rng rng;
	uint64_t now;
};

static uint64_t random_delay(struct rng *rng)
{
	// Every level of the wheel gets its share.
	static const uint64_t spans[] = { 4, 300, 70000, 20000000, 90 * DAY_MS };
	uint64_t span = spans[rng_below(rng, COUNT_OF(spans))];
	return rng_u64(rng) % span;
}

static uint64_t earliest(const struct model *model)
{
	uint64_t least = UINT64_MAX;
	for (uint32_t i = 0; i < MODEL_TIMERS; i++) {
		if (model->deadlines[i] < least)
			least = model->deadlines[i];
	}
	return least;
}

static void check_run(struct model *model)
{
	uint32_t due = 0;
	last_deadline = 0;
	for (uint32_t i = 0; i < MODEL_TIMERS; i++) {
		model->probes[i].fired = 0;
		due += model->deadlines[i] <= model->now;
	}
	assert_int_equal(timer_wheel_run(model->wheel, model->now, NULL), due);
	for (uint32_t i = 0; i < MODEL_TIMERS; i++) {
		struct probe *probe = &model->probes[i];
		bool is_due = model->deadlines[i] <= model->now;
		assert_int_equal(probe->fired, is_due);
		if (!is_due)
			continue;
		assert_true(probe->fired_after <= model->deadlines[i]); // in order
		model->deadlines[i] = UINT64_MAX;
	}
}

static void step(struct model *model)
{
	uint32_t index = rng_below(&model->rng, MODEL_TIMERS);
	uint32_t what = rng_below(&model->rng, 10);
	if (what < 6) {
		// Strictly later than now, so that the order of firing is defined for all.
		model->deadlines[index] = model->now + 1 + random_delay(&model->rng);
		timer_start(model->wheel, &model->probes[index].timer, model->deadlines[index],
			on_fire);
	} else if (what < 8) {
		model->deadlines[index] = UINT64_MAX;
		timer_stop(model->wheel, &model->probes[index].timer);
	} else {
		// Sometimes exactly to the next event, sometimes anywhere.
		uint64_t next = timer_wheel_next(model->wheel);
		assert_true(next <= earliest(model));
		bool is_exact = what == 8 && next != UINT64_MAX;
		model->now = is_exact ? next : model->now + random_delay(&model->rng);
		check_run(model);
	}
}

static void test_random_against_model(void **state)
{
	static const uint64_t starts[] = { 0, 4294967000ull, (1ull << 33) - 5, 1763841600000ull };
	(void)state;
	for (size_t s = 0; s < COUNT_OF(starts); s++) {
		static struct model model;
		memset(&model, 0, sizeof model);
		memset(model.deadlines, 0xff, sizeof model.deadlines);
		model.now = starts[s];
		model.wheel = timer_wheel_new(starts[s]);
		rng_init(&model.rng, s + 1);
		for (int i = 0; i < 20000; i++)
			step(&model);
		model.now += 400 * DAY_MS;
		check_run(&model);
		assert_int_equal(timer_wheel_count(model.wheel), 0);
		timer_wheel_free(model.wheel);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_far_deadlines),
		cmocka_unit_test(test_past_deadline_fires_next),
		cmocka_unit_test(test_restart_and_stop),
		cmocka_unit_test(test_callbacks_may_do_anything),
		cmocka_unit_test(test_random_against_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

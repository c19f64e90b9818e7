#include "net/overload.h"

#define RATE_MIN         50u   // calls/s: fewer are no load, whatever made them wait
#define PATIENCE         4u    // intervals in a row with a wait before a limit begins
#define BURST_MS         100u  // of tokens
#define CALM_INTERVALS   40u   // without a refusal: the limit goes
#define SHED_MAX         990u  // one of a hundred always comes through, and shows what is asked
#define DOWN_PERCENT     95u
#define DOWN_FAR_PERCENT 85u
#define FAR_FACTOR       4u    // times the target
#define UP_PERCENT       4u
#define UP_FAST_AFTER    4u    // intervals without a wait: the rate is far too low
#define UP_FAST_PERCENT  20u

void overload_init(struct overload *overload, uint64_t now_ms)
{
	*overload = (struct overload){ .filled_ms = now_ms, .began_ms = now_ms,
		.turn_us = UINT32_MAX, .delay_us = UINT32_MAX };
}

void overload_note_delay(struct overload *overload, uint32_t delay_us)
{
	if (overload->turn_us == UINT32_MAX || delay_us > overload->turn_us)
		overload->turn_us = delay_us;
}

static uint64_t spend(uint64_t tokens_m, uint32_t count)
{
	uint64_t spent_m = (uint64_t)count * 1000;

	return tokens_m > spent_m ? tokens_m - spent_m : 0;
}

void overload_note_use(struct overload *overload, const struct overload_use *use)
{
	overload->use.admitted += use->admitted;
	overload->use.refused += use->refused;
	overload->use.dropped += use->dropped;
	overload->calls_m = spend(overload->calls_m, use->admitted);
	overload->refusals_m = spend(overload->refusals_m, use->refused);
}

static void fill(struct overload *overload, uint64_t now_ms)
{
	uint64_t gained_m = (now_ms - overload->filled_ms) * overload->rate;
	uint64_t max_m = (uint64_t)overload->rate * BURST_MS;

	overload->filled_ms = now_ms;
	if (max_m < 1000)
		max_m = 1000;
	overload->calls_m += gained_m;
	overload->refusals_m += gained_m;
	if (overload->calls_m > max_m)
		overload->calls_m = max_m;
	if (overload->refusals_m > max_m)
		overload->refusals_m = max_m;
}

// What was taken in the interval is what was too much; a limit in force is never raised by it.
static void go_down(struct overload *overload, uint32_t admitted_rate)
{
	bool is_far = overload->delay_us > FAR_FACTOR * OVERLOAD_TARGET_US;
	uint64_t rate = admitted_rate;

	if (overload->is_limiting && overload->rate < rate)
		rate = overload->rate;
	rate = rate * (is_far ? DOWN_FAR_PERCENT : DOWN_PERCENT) / 100;
	overload->rate = rate < RATE_MIN ? RATE_MIN : (uint32_t)rate;
	overload->is_limiting = true;
	overload->calm = 0;
}

// A limit begins with patience. It changes no faster than a change shows: what waits now was let in
// before, and must be served first.
static bool is_time_to_go_down(const struct overload *overload, uint64_t now_ms)
{
	if (!overload->is_limiting)
		return overload->waiting >= PATIENCE;
	return now_ms - overload->down_ms >= overload->delay_us / 1000;
}

static void go_up(struct overload *overload)
{
	const struct overload_use *use = &overload->use;
	uint32_t percent = ++overload->served >= UP_FAST_AFTER ? UP_FAST_PERCENT : UP_PERCENT;

	if (use->refused + use->dropped > 0 || overload->shed_permille > 0) {
		overload->calm = 0;
		overload->rate += overload->rate * percent / 100 + 1;
	} else if (++overload->calm >= CALM_INTERVALS) {
		overload->is_limiting = false;
	}
}

// As many as are taken and refused shall come through the filters.
static uint32_t shed_wanted(const struct overload *overload, uint64_t span_ms)
{
	const struct overload_use *use = &overload->use;
	uint64_t seen = (uint64_t)use->admitted + use->refused + use->dropped;
	uint64_t asked = seen * 1000 / (1000 - overload->shed_permille);
	uint64_t wanted = 2 * overload->rate * span_ms / 1000 + 1;

	if (!overload->is_limiting || asked <= wanted)
		return 0;
	uint64_t shed = 1000 - wanted * 1000 / asked;
	return shed < SHED_MAX ? (uint32_t)shed : SHED_MAX;
}

bool overload_run(struct overload *overload, uint64_t now_ms)
{
	uint64_t span_ms = now_ms - overload->began_ms;

	fill(overload, now_ms);
	if (overload->turn_us < overload->delay_us)
		overload->delay_us = overload->turn_us;
	overload->turn_us = UINT32_MAX;
	if (span_ms < OVERLOAD_INTERVAL_MS)
		return false;
	bool is_waiting = overload->delay_us != UINT32_MAX &&
		overload->delay_us > OVERLOAD_TARGET_US;
	overload->waiting = is_waiting ? overload->waiting + 1 : 0;
	if (is_waiting)
		overload->served = 0;
	if (is_waiting && is_time_to_go_down(overload, now_ms)) {
		go_down(overload, (uint32_t)(overload->use.admitted * 1000ull / span_ms));
		overload->down_ms = now_ms;
	} else if (!is_waiting && overload->is_limiting) {
		go_up(overload);
	}
	// Half way each time: what is asked for is known from a sample only.
	overload->shed_permille =
		(overload->shed_permille + shed_wanted(overload, span_ms)) / 2;
	overload->use = (struct overload_use){ 0 };
	overload->delay_us = UINT32_MAX;
	overload->began_ms = now_ms;
	return true;
}

uint32_t overload_calls_left(const struct overload *overload)
{
	return overload->is_limiting ? (uint32_t)(overload->calls_m / 1000) : UINT32_MAX;
}

uint32_t overload_refusals_left(const struct overload *overload)
{
	return overload->is_limiting ? (uint32_t)(overload->refusals_m / 1000) : UINT32_MAX;
}

#include "net/overload.h"

#define PATIENCE         4u   // intervals in a row with a wait before a limit begins
#define CALM_INTERVALS   40u  // without a refusal: the limit goes
#define SHED_MAX         990u // one of a hundred always comes through, and shows what is asked
#define CALLS_A_REFUSAL  5u   // so that a twentieth of the time goes to refusals
#define REFUSALS_MAX     64u  // saved up
#define THROUGH_FACTOR   2u   // new calls that come through the filters for each that is taken
#define THROUGH_SPARE    4u   // an interval

void overload_init(struct overload *overload, uint64_t now_ms)
{
	*overload = (struct overload){ .began_ms = now_ms, .line_max = UINT32_MAX,
		.turn_us = UINT32_MAX, .delay_us = UINT32_MAX };
}

void overload_note_delay(struct overload *overload, uint32_t delay_us)
{
	if (overload->turn_us == UINT32_MAX || delay_us > overload->turn_us)
		overload->turn_us = delay_us;
}

void overload_note_use(struct overload *overload, const struct overload_use *use)
{
	uint32_t earned = (overload->unpaid + use->admitted) / CALLS_A_REFUSAL;
	uint32_t left = overload->refusals > use->refused ? overload->refusals - use->refused : 0;

	overload->unpaid = (overload->unpaid + use->admitted) % CALLS_A_REFUSAL;
	overload->refusals = left + earned < REFUSALS_MAX ? left + earned : REFUSALS_MAX;
	overload->use.admitted += use->admitted;
	overload->use.refused += use->refused;
	overload->use.dropped += use->dropped;
}

// Some more shall come through than are taken, so that there is always a choice.
static uint32_t shed_wanted(const struct overload *overload)
{
	const struct overload_use *use = &overload->use;
	uint64_t seen = (uint64_t)use->admitted + use->refused + use->dropped;
	uint64_t asked = seen * 1000 / (1000 - overload->shed_permille);
	uint64_t wanted = THROUGH_FACTOR * use->admitted + THROUGH_SPARE;

	if (!overload->is_limiting || asked <= wanted)
		return 0;
	uint64_t shed = 1000 - wanted * 1000 / asked;
	return shed < SHED_MAX ? (uint32_t)shed : SHED_MAX;
}

static void judge(struct overload *overload)
{
	const struct overload_use *use = &overload->use;
	bool is_waiting = overload->delay_us != UINT32_MAX &&
		overload->delay_us > OVERLOAD_TARGET_US;
	bool is_calm = use->refused + use->dropped == 0 && overload->shed_permille == 0;

	overload->waiting = is_waiting ? overload->waiting + 1 : 0;
	overload->calm = is_calm && !is_waiting ? overload->calm + 1 : 0;
	if (!overload->is_limiting && overload->waiting >= PATIENCE)
		overload->is_limiting = true;
	else if (overload->is_limiting && overload->calm >= CALM_INTERVALS)
		overload->is_limiting = false;
}

bool overload_run(struct overload *overload, uint64_t now_ms)
{
	if (overload->turn_us < overload->delay_us)
		overload->delay_us = overload->turn_us;
	overload->turn_us = UINT32_MAX;
	if (now_ms - overload->began_ms < OVERLOAD_INTERVAL_MS)
		return false;
	judge(overload);
	overload->line_max = overload->is_limiting ?
		OVERLOAD_CALLS_PER_TURN + overload->use.admitted : UINT32_MAX;
	if (overload->refusals == 0)
		overload->refusals = 1; // somebody hears of it, though no call is taken
	// Half way each time: what is asked for is known from a sample only.
	overload->shed_permille = (overload->shed_permille + shed_wanted(overload)) / 2;
	overload->use = (struct overload_use){ 0 };
	overload->delay_us = UINT32_MAX;
	overload->began_ms = now_ms;
	return true;
}

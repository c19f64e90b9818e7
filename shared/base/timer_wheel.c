// timer_wheel.c - four levels of 256 slots over 1 ms ticks (Varghese, Lauck 1987), 49 days in all;
// what lies further waits in one overflow list that is looked at when the top level turns round.
//
// A timer sits at the level of the highest byte in which its deadline differs from `now`. So a slot
// of level 0 holds exactly one millisecond, and slots behind `now` are empty on every level.
#include "base/timer_wheel.h"

#include "base/check.h"

#include <stdlib.h>

#define LEVELS     4u
#define SLOT_BITS  8u
#define SLOTS      (1u << SLOT_BITS)
#define SLOT_MASK  (SLOTS - 1)
#define MAP_WORDS  (SLOTS / 64)
#define WHEEL_BITS (LEVELS * SLOT_BITS)

struct level {
	struct timer *slots[SLOTS];
	// bit set = slot may hold timers; cleared when it is emptied by time
	uint64_t map[MAP_WORDS];
};

struct timer_wheel {
	uint64_t now_ms; // everything with a deadline before this has fired
	uint32_t count;
	// deadlines before now_ms at their start, fire first at the next run
	struct timer *due;
	struct timer *overflow; // deadlines beyond the top level's turn
	struct level levels[LEVELS];
};

struct timer_wheel *timer_wheel_new(uint64_t now_ms)
{
	struct timer_wheel *wheel = calloc(1, sizeof *wheel);
	if (wheel)
		wheel->now_ms = now_ms;
	return wheel;
}

void timer_wheel_free(struct timer_wheel *wheel)
{
	free(wheel);
}

static void link_front(struct timer **list, struct timer *timer)
{
	timer->next = *list;
	timer->prev = list;
	if (timer->next)
		timer->next->prev = &timer->next;
	*list = timer;
}

static void unlink_timer(struct timer *timer)
{
	*timer->prev = timer->next;
	if (timer->next)
		timer->next->prev = timer->prev;
	timer->next = NULL;
	timer->prev = NULL;
}

static uint32_t slot_of(uint64_t time_ms, uint32_t level)
{
	return (uint32_t)(time_ms >> level * SLOT_BITS) & SLOT_MASK;
}

static void place(struct timer_wheel *wheel, struct timer *timer)
{
	uint64_t deadline = timer->deadline_ms;
	if (deadline < wheel->now_ms) {
		link_front(&wheel->due, timer);
		return;
	}
	uint64_t differs = deadline ^ wheel->now_ms;
	if (differs >> WHEEL_BITS) {
		link_front(&wheel->overflow, timer);
		return;
	}
	uint32_t index = 0;
	while (differs >> (index + 1) * SLOT_BITS)
		index++;
	struct level *level = &wheel->levels[index];
	uint32_t slot = slot_of(deadline, index);
	link_front(&level->slots[slot], timer);
	level->map[slot / 64] |= 1ull << slot % 64;
}

void timer_start(struct timer_wheel *wheel, struct timer *timer, uint64_t deadline_ms, timer_fn fn)
{
	CHECK(fn);
	timer_stop(wheel, timer);
	timer->deadline_ms = deadline_ms;
	timer->fn = fn;
	place(wheel, timer);
	wheel->count++;
}

void timer_stop(struct timer_wheel *wheel, struct timer *timer)
{
	if (!timer_is_armed(timer))
		return;
	unlink_timer(timer);
	wheel->count--;
}

bool timer_is_armed(const struct timer *timer)
{
	return timer->prev != NULL;
}

// First slot at or after `from` that holds timers, or SLOTS. Stopped timers leave their bit behind.
static uint32_t find_slot(const struct level *level, uint32_t from)
{
	while (from < SLOTS) {
		uint64_t word = level->map[from / 64] >> from % 64;
		if (word == 0) {
			from = (from / 64 + 1) * 64;
			continue;
		}
		from += (uint32_t)__builtin_ctzll(word);
		if (level->slots[from])
			return from;
		from++;
	}
	return SLOTS;
}

// Start of the first non-empty slot at or after now_ms, over all levels. A slot of level 1 and up
// begins when its timers must be spread over the levels below.
static uint64_t next_event(const struct timer_wheel *wheel)
{
	for (uint32_t i = 0; i < LEVELS; i++) {
		uint32_t shift = i * SLOT_BITS;
		uint32_t slot = find_slot(&wheel->levels[i], slot_of(wheel->now_ms, i));
		if (slot == SLOTS)
			continue;
		uint64_t turn = wheel->now_ms >> (shift + SLOT_BITS) << (shift + SLOT_BITS);
		uint64_t start = turn + ((uint64_t)slot << shift);
		return start > wheel->now_ms ? start : wheel->now_ms;
	}
	if (wheel->overflow)
		return ((wheel->now_ms >> WHEEL_BITS) + 1) << WHEEL_BITS;
	return UINT64_MAX;
}

uint64_t timer_wheel_next(const struct timer_wheel *wheel)
{
	// The caller's clock may still stand at the millisecond of its last run.
	if (wheel->due)
		return wheel->now_ms > 0 ? wheel->now_ms - 1 : 0;
	return next_event(wheel);
}

uint32_t timer_wheel_count(const struct timer_wheel *wheel)
{
	return wheel->count;
}

static void replace_all(struct timer_wheel *wheel, struct timer **list)
{
	struct timer *timer = *list;
	*list = NULL;
	while (timer) {
		struct timer *next = timer->next;
		place(wheel, timer);
		timer = next;
	}
}

// Moves the clock to `time_ms`, before which nothing is pending, and spreads the slots that begin
// there: top down, because a timer may fall through several levels.
static void advance(struct timer_wheel *wheel, uint64_t time_ms)
{
	bool is_new_turn = (time_ms >> WHEEL_BITS) != (wheel->now_ms >> WHEEL_BITS);
	wheel->now_ms = time_ms;
	if (is_new_turn)
		replace_all(wheel, &wheel->overflow);
	for (uint32_t i = LEVELS - 1; i > 0; i--) {
		uint32_t slot = slot_of(time_ms, i);
		struct level *level = &wheel->levels[i];
		level->map[slot / 64] &= ~(1ull << slot % 64);
		replace_all(wheel, &level->slots[slot]);
	}
}

// Pops one by one, so that a callback may stop or restart any timer, its neighbours included.
static uint32_t fire_list(struct timer_wheel *wheel, struct timer **list, void *context)
{
	uint32_t fired = 0;
	while (*list) {
		struct timer *timer = *list;
		unlink_timer(timer);
		wheel->count--;
		fired++;
		timer->fn(timer, context);
	}
	return fired;
}

static struct timer *take_list(struct timer **list, struct timer **head)
{
	*head = *list;
	*list = NULL;
	if (*head)
		(*head)->prev = head;
	return *head;
}

uint32_t timer_wheel_run(struct timer_wheel *wheel, uint64_t now_ms, void *context)
{
	uint32_t fired = 0;
	struct timer *batch;
	if (take_list(&wheel->due, &batch))
		fired += fire_list(wheel, &batch, context);
	while (wheel->now_ms <= now_ms) {
		uint64_t event_ms = next_event(wheel);
		if (event_ms > now_ms)
			break;
		advance(wheel, event_ms);
		uint32_t slot = slot_of(event_ms, 0);
		struct level *level = &wheel->levels[0];
		level->map[slot / 64] &= ~(1ull << slot % 64);
		take_list(&level->slots[slot], &batch);
		// From here on this millisecond lies behind: what a callback starts for it or
		// earlier goes to `due` and fires at the next run, not in an endless loop here.
		advance(wheel, event_ms + 1);
		fired += fire_list(wheel, &batch, context);
	}
	if (wheel->now_ms <= now_ms)
		advance(wheel, now_ms + 1);
	return fired;
}

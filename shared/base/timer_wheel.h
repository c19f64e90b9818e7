// timer_wheel.h - hierarchical timing wheel in milliseconds, intrusive nodes, no allocation.
//
// Owned by one thread. The clock is an argument, so the simulator drives the same code.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct timer;
typedef void (*timer_fn)(struct timer *timer, void *context);

struct timer {
	struct timer *next, **prev; // wheel only
	uint64_t deadline_ms;       // absolute, same clock as timer_wheel_run(); valid while armed
	timer_fn fn;                // set by timer_start
};

struct timer_wheel;

struct timer_wheel *timer_wheel_new(uint64_t now_ms);
void timer_wheel_free(struct timer_wheel *wheel);

// (Re)arms. A deadline in the past fires at the next run.
void timer_start(struct timer_wheel *wheel, struct timer *timer, uint64_t deadline_ms, timer_fn fn);
// Safe on a timer that is not armed.
void timer_stop(struct timer_wheel *wheel, struct timer *timer);
bool timer_is_armed(const struct timer *timer);

// Fires everything due at `now_ms`, in order of deadline tick. Timers may start and stop timers
// (themselves included) from their fn. Returns how many fired.
uint32_t timer_wheel_run(struct timer_wheel *wheel, uint64_t now_ms, void *context);

// The earliest time at which timer_wheel_run() may have work, UINT64_MAX if none is armed. May be
// early (a cascade), never late.
uint64_t timer_wheel_next(const struct timer_wheel *wheel);
uint32_t timer_wheel_count(const struct timer_wheel *wheel);

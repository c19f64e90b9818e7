// overload.h - when a worker has more new calls than it can serve, and what it does with the rest.
//
// Messages of living calls are served first and at once; new calls begin only when nothing else is
// left, OVERLOAD_CALLS_PER_TURN at a time, the others wait in a line (worker_line.c). So the rate
// needs no reckoning: a worker takes what it has time for. What is reckoned here is whether that
// line, or a socket, stands: its shortest wait of 50 ms was above the target four times in a row.
// Then the line is kept as short as what is taken in 50 ms, and of what finds no place in it one is
// refused (503, Retry-After) for every five calls taken, because a refusal and its ACK cost a fifth
// of a call. The rest is left to the filters of the sockets (net/shed.h), which cost nearly
// nothing, and to the callers' repetitions.
//
// Pure: time and measurements are arguments. One per worker, its thread only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define OVERLOAD_INTERVAL_MS    50u
#define OVERLOAD_TARGET_US      20000u // a standing wait above it is too much
#define OVERLOAD_CALLS_PER_TURN 16u    // so that a turn is short, and what they bring about is next

// What happened to new calls since the last report; retransmissions of known ones do not count.
struct overload_use {
	uint32_t admitted, refused, dropped;
};

struct overload {
	bool is_limiting;
	uint32_t shed_permille;  // of new calls that the sockets shall drop
	uint32_t line_max;       // places in the line, UINT32_MAX while not limiting
	uint32_t refusals;       // that may be sent now; more come with the calls that are taken
	uint32_t unpaid;         // calls taken since the last of them came
	uint64_t began_ms;       // of the interval
	uint32_t turn_us;        // largest wait of the turn, UINT32_MAX = nothing came
	uint32_t delay_us;       // smallest turn_us of the interval, UINT32_MAX = nothing came
	struct overload_use use; // of the interval
	uint32_t waiting;        // intervals in a row whose wait was too long
	uint32_t calm;           // intervals in a row in which nothing had to be refused
};

void overload_init(struct overload *overload, uint64_t now_ms);
// How long the oldest datagram of a socket, or the first of the line, has waited. What came at once
// to one of them says nothing about another that is never empty.
void overload_note_delay(struct overload *overload, uint32_t delay_us);
void overload_note_use(struct overload *overload, const struct overload_use *use);
// Ends a turn. True: an interval is over; shed_permille, line_max and is_limiting may have changed.
bool overload_run(struct overload *overload, uint64_t now_ms);

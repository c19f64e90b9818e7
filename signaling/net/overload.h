// overload.h - how many new calls a worker takes when it cannot take all of them.
//
// The measure is how long datagrams wait in the socket where they wait longest: while they do, a
// rate of new calls is kept below which the wait vanishes, found by small steps (RFC 6357 5.4).
// What comes beyond it is refused (503, Retry-After), at most as often as calls are taken, because
// each refusal costs a tenth of a call. The rest is left to the filters of the sockets
// (net/shed.h), which cost nearly nothing, and to the callers' repetitions. Requests of living
// calls are never counted here.
//
// Pure: time and measurements are arguments. One per worker, its thread only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define OVERLOAD_INTERVAL_MS 50u
#define OVERLOAD_TARGET_US   20000u // a standing wait above it is too much

// What happened to new calls since the last report; retransmissions of known ones do not count.
struct overload_use {
	uint32_t admitted, refused, dropped;
};

struct overload {
	bool is_limiting;
	uint32_t rate;           // new calls per second while limiting
	uint32_t shed_permille;  // of new calls that the sockets shall drop
	uint64_t calls_m;        // tokens, thousandths of a call
	uint64_t refusals_m;     // likewise
	uint64_t filled_ms;      // when the tokens were reckoned last
	uint64_t began_ms;       // of the interval
	uint32_t turn_us;        // largest wait of the turn, UINT32_MAX = nothing came
	uint32_t delay_us;       // smallest turn_us of the interval, UINT32_MAX = nothing came
	struct overload_use use; // of the interval
	uint64_t down_ms;        // when the rate was lowered last
	uint32_t served;         // intervals in a row without a wait
	uint32_t waiting;        // intervals in a row whose wait was too long
	uint32_t calm;           // intervals in a row in which nothing had to be refused
};

void overload_init(struct overload *overload, uint64_t now_ms);
// How long the oldest datagram of a batch had waited; one batch of each socket in a turn. What came
// at once to one socket says nothing about another that is never empty.
void overload_note_delay(struct overload *overload, uint32_t delay_us);
void overload_note_use(struct overload *overload, const struct overload_use *use);
// Ends a turn. True: an interval is over, and shed_permille or is_limiting may have changed.
bool overload_run(struct overload *overload, uint64_t now_ms);

// What may be taken and refused now; UINT32_MAX while not limiting.
uint32_t overload_calls_left(const struct overload *overload);
uint32_t overload_refusals_left(const struct overload *overload);

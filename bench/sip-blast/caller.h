// caller.h - the calling side: begins calls on time, repeats, acknowledges, hangs up, counts.
#pragma once

#include "line.h"
#include "port.h"

#include <stdbool.h>
#include <stdint.h>

#define CALLER_STATUS_MAX 700u
#define CALLER_STEPS      7u      // 500 ms, 1 s ... 32 s: intervals of repetition (RFC 3261 17)
#define CALLER_BINS       20000u  // of 100 us: set-up times up to 2 s

struct caller_options {
	struct sockaddr_in border;
	const char *users;           // first characters of called numbers
	const char *body;            // session description; "" = none
	uint32_t calls_max;          // living ones; a call beyond that is counted as late
	uint32_t hold_ms;            // from the answer to BYE
	uint32_t timeout_ms;         // an INVITE or BYE without a final answer
	uint32_t emergency_every;    // each Nth call goes to urn:service:sos, 0 = none
	bool is_repeating;           // as over UDP; else a datagram lost is a call lost
};

struct caller_kind { // ordinary or emergency calls
	uint64_t begun, answered, completed, timed_out;
	uint64_t refused;            // 300..699 to INVITE
	uint64_t refused_badly;      // of them: not 503, or without Retry-After
	uint64_t counted;            // of the completed: while is_counting
};

enum caller_state { CALLER_FREE, CALLER_INVITED, CALLER_RINGING, CALLER_UP, CALLER_ENDING };

struct caller_call {
	enum caller_state state;
	uint32_t generation;
	uint32_t wait;               // new in each state: a line's entry of an earlier one is void
	uint32_t step;               // of repetition
	bool is_emergency;
	uint64_t begun_ns;
	char *dialog;                // To value, Contact URI, routes: as in our requests; owned
	uint32_t to_len, target_len, routes_len;
};

struct caller {
	const struct caller_options *options;
	struct blast_port *port;
	struct caller_call *calls;   // [options->calls_max]
	uint32_t *free_slots, free_count;
	struct line repeat[CALLER_STEPS], hold, timeout;
	struct caller_kind kinds[2]; // [is_emergency]
	uint64_t statuses[CALLER_STATUS_MAX];
	uint64_t late;               // due, but calls_max were alive
	uint64_t repeated;           // requests sent again
	uint64_t setup[CALLER_BINS + 1];
	bool is_counting;            // the load has settled, and still comes
	uint32_t waits;
	uint64_t session;            // distinguishes runs in Call-IDs
};

bool caller_init(struct caller *caller, struct blast_port *port,
	const struct caller_options *options);
void caller_free(struct caller *caller);
void caller_begin(struct caller *caller, uint64_t now_ns);
void caller_receive(struct caller *caller, const struct blast_datagram *datagram, uint64_t now_ns);
void caller_run(struct caller *caller, uint64_t now_ns);
static inline uint32_t caller_alive(const struct caller *caller)
{
	return caller->options->calls_max - caller->free_count;
}
// Set-up time in ms at quantile q; 0 without calls.
double caller_setup_ms(const struct caller *caller, double q);

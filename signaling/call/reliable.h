// reliable.h - reliable provisional answers (RFC 3262): ours to the caller, the others' to us.
//
// Each leg has its own RSeq. Where both sides know 100rel an answer crosses reliably and the
// caller's PRACK goes on to the fork that gave it, with offers and answers in either. Where only
// the called side does, we acknowledge; where only the caller does and requires it, we repeat.
// Owner thread only.
#pragma once

#include "base/timer_wheel.h"
#include "sip/dialog.h"
#include "sip/transaction.h"

struct call;
struct call_fork;
struct leg_response;
struct relay_ops;

#define RELIABLE_QUEUE_MAX 4u

struct reliable_answer {
	uint16_t status;
	bool has_body;   // with what leg A was told of the session
	uint32_t fork;   // that gave it reliably, 0 = none: its PRACK ends here
	uint32_t rseq;   // of that fork
	struct sip_text parts; // body parts that go along
};

struct call_reliable {
	struct timer timer;      // the next repetition
	uint64_t end_ms;         // when we give up
	uint32_t interval_ms;
	uint32_t rseq;           // last one that the caller got, 0 = none
	bool is_waiting;         // the first of `queue` was sent and has no PRACK yet
	bool is_required;        // by the caller, of the first INVITE
	bool is_offered;         // it carried an offer: its PRACK answers
	bool is_settled;         // offer and answer of the first INVITE are done at the caller
	uint32_t told_fork;      // whose answer the caller was told so
	// The PRACK that went on last. A challenged one comes again (RFC 3261 22.2).
	bool is_challenged;
	uint32_t passed_rseq;    // that it names, ours
	uint8_t passed_data;     // what it carried
	struct { uint32_t fork, rseq; } passed; // theirs
	uint16_t final_due;      // 2xx that waits for the PRACK, 0 = none
	struct sip_text final_parts; // of that 2xx
	uint32_t head, count;    // ring of what was sent last and what follows it
	struct reliable_answer queue[RELIABLE_QUEUE_MAX];
};

// What the first INVITE of the caller said.
void reliable_begin(struct call *call, const struct sip_msg *invite);
// The caller takes reliable answers, and its profile lets it.
bool reliable_is_possible(const struct call *call, const struct sip_turn *turn);
// It insists on them.
bool reliable_is_demanded(const struct call *call, const struct sip_turn *turn);
// Sends it, or puts it behind the one that waits. Copies `parts`; answer->parts is not read.
void reliable_send(struct call *call, const struct sip_turn *turn,
	const struct reliable_answer *answer, struct span parts);
// A 2xx may not overtake an answer with a session description (RFC 3262 3). True: it goes out with
// the PRACK, by answer_caller().
bool reliable_hold_final(struct call *call, uint16_t status, struct span parts);

// Of an answer of the called side: its RSeq, 0 = not reliable.
uint32_t reliable_rseq(const struct call *call, const struct sip_turn *turn,
	const struct sip_msg *msg);
// Acknowledges a fork's answer without asking the caller. Its dialog must be leg B's.
void reliable_acknowledge(struct call *call, const struct sip_turn *turn, uint32_t rseq);

// What the caller has of the fork at hand and of a parked one change places, timers go on.
void reliable_swap(struct call *call, struct call_fork *fork);
// The caller knows the answer that the 2xx of the fork at hand would bring.
bool reliable_is_told(const struct call *call);

extern const struct relay_ops prack_ops;

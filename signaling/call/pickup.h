// pickup.h - an INVITE with Replaces for a call that only rings (RFC 3891 3): whoever sends it
// answers in place of the one who was called.
//
// The early dialog that it names is one that we began, with the called side. That side's INVITE is
// cancelled and waits for its end in a call of its own; the newcomer becomes leg B. Both it and the
// caller have offered, so each offer is the answer to the other (mutual.h), and both get their 2xx
// at once. A newcomer without an offer gets the caller's, and its ACK answers the caller. Pure
// core, owner thread.
#pragma once

#include "call/call.h"

struct newcomer;

// Of a call whose leg B was replaced, in its arena.
struct pickup {
	struct sip_tx *server; // the newcomer's INVITE while its ACK is awaited, NULL = over
	uint32_t cseq;
	bool is_late;          // it had no offer: the caller waits for the answer in its ACK
};

// The call that rings at the early dialog that a Replaces value names. NULL: there is none.
struct call *pickup_find(struct core *core, struct span value);
// The newcomer takes leg B of that call. 0, or the status to refuse it with.
uint16_t pickup_take(struct call *call, const struct sip_turn *turn, struct newcomer *n);

// Whether the newcomer still owes its ACK.
bool pickup_is_pending(const struct call *call);
// True: it was that ACK.
bool pickup_receive_ack(struct call *call, const struct sip_turn *turn, enum call_side side,
	const struct sip_msg *ack);
// The transaction has ended, without an ACK if `is_failed`.
void pickup_over(struct call *call, const struct sip_turn *turn, const struct sip_tx *tx,
	bool is_failed);

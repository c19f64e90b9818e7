// invite_setup.h - what the steps of the first INVITE share; for invite*.c only.
#pragma once

#include "call/core_private.h"

struct invite_setup {
	struct core *core;
	const struct sip_turn *turn;
	const struct core_env *env;
	struct sip_tx *tx;             // the caller's INVITE, NULL = a call of our own
	const struct sip_received *in; // likewise
	struct call *call;             // NULL = not made yet
	uint32_t realm;                // of the caller
	bool is_emergency;
	int from_trunk;                // -1 = a call of our own
	struct route_decision route;
	struct call_body body;
};

// Before there is a call: an empty reason is the usual phrase.
COLD void invite_refuse(struct invite_setup *s, uint16_t status, struct span reason);
// Into s->body, which lives as long as the message: both sides' profiles say what may cross besides
// the session description. False: it was refused.
bool invite_read_body(struct invite_setup *s);
// The call is there and goes its way: to our INVITE, to a question of DNS, or to its end.
void invite_set_up(struct invite_setup *s);

// To the target at hand. False: tables are full, or it did not fit.
bool invite_send(struct call *call, const struct sip_turn *turn);
// The next target that can be tried at all, now or after an answer of DNS. False: there is none.
bool invite_try_targets(struct call *call, const struct sip_turn *turn);

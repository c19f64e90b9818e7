// handover.h - an INVITE with Replaces for a call that another worker has goes to that worker, and
// the dialog that it begins stays there.
//
// Its Call-ID led it here by chance. OUTBOX_HANDOVER asks the conductor to let all messages with
// that Call-ID go where the call is (net/moved.h), this one first; OUTBOX_GONE ends that. A message
// that comes back, because nobody has the call, is answered here. Pure core, owner thread.
#pragma once

#include "call/core.h"
#include "sip/transaction.h"

// `in` is the message, parsed. True: it goes elsewhere, or was refused; no transaction may see it.
// Of an INVITE with Replaces that stays the Call-ID is forgotten in time, unless it is kept.
bool handover_take(struct core *core, const struct sip_turn *turn, const struct sip_received *in,
	const struct core_message *message);
// A leg with that Call-ID lives here now; its own end says OUTBOX_GONE.
void handover_keep(struct core *core, struct span call_id);

struct slab *handover_table_new(void); // NULL: out of memory

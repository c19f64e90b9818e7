// replaces.h - dialogs that are named by Replaces (RFC 3891), and the INVITE that takes one over.
//
// Pure core, owner thread.
#pragma once

#include "call/call.h"

struct replaces_match {
	struct call *call;
	enum call_side side; // the leg that goes; the other one gets a new partner
};

// The call that a Replaces value names, by the identifiers as either end of the dialog knows them:
// named as we know it, the leg with that far end goes; named as the far end knows it, whom we
// joined to it. 0, or the status of RFC 3891 3: 400, 481, 486 (early-only, but answered), 603
// (over).
uint16_t replaces_find(struct core *core, struct span value, struct replaces_match *out);

// Whether the value names a dialog by a tag of ours: some other worker may have it.
bool replaces_name(const struct core *core, struct span value, struct sip_token *out);

// An INVITE outside a dialog that has the header.
void replaces_receive(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in);

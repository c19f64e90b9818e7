// replaces.h - dialogs that are named by Replaces (RFC 3891), and the INVITE that takes one over.
//
// Pure core, owner thread.
#pragma once

#include "call/body.h"
#include "call/call.h"

// A Replaces value, in the words of whoever gets it.
struct replaces_value {
	struct span call_id, to_tag, from_tag;
	bool is_early_only;
};
bool replaces_parse(struct span value, struct replaces_value *out);

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

// Whoever takes a place in a call by an INVITE of its own.
struct newcomer {
	struct core *core;
	const struct sip_turn *turn;
	struct sip_tx *tx;
	const struct sip_received *in;
	const struct config_trunk *trunk;
	struct call_body body;
};
// Whether it could sit there. 0, or the status to refuse it with, as newcomer_sit().
uint16_t newcomer_fits(const struct newcomer *n, struct call *call);
// The newcomer is that leg of the call, whose place is empty: dialog, trunk, abilities. 0, or the
// status to refuse it with: 400 no usable dialog, 503 its trunk is full.
uint16_t newcomer_sit(struct newcomer *n, struct call *call, enum call_side side);

// An INVITE outside a dialog that has the header.
void replaces_receive(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in);

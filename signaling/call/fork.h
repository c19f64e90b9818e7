// fork.h - several early dialogs of one INVITE (RFC 3261 12.1, 13.2.2.4): the called side forks.
//
// Leg B's dialog is the fork that spoke last; the others are parked here, each with its own CSeq,
// route set and reliable answers, and change places with it when they speak, are asked, or win. The
// caller sees one dialog, or all of them (face.h). At most FORKS_PER_CALL are parked; what a
// further one says is not heard until its final answer. Owner thread only.
#pragma once

#include "call/face.h"
#include "call/summary.h"
#include "sip/dialog.h"

struct call;
struct core;

#define FORKS_PER_CALL 7u

// What one early dialog has said, beside its struct sip_dialog.
struct fork_state {
	uint32_t number;        // 1.. in the order of appearance, 0 = no dialog yet
	uint32_t rseq;          // of its last reliable answer, 0 = none
	struct sip_text answer; // its session description, if that came reliably
	// Of an exchange in this dialog alone, by face.h: the offer under way, then what both sides
	// said, and who began.
	struct sip_text proposed;
	struct sip_text said[CALL_LEGS];
	enum call_side offered;
	bool has_session;
};

struct call_fork {
	struct call_fork *next;
	struct sip_dialog dialog;
	struct fork_state state;
	struct call *call;
	struct face face; // what the caller has of it
};

// A provisional or final answer with a To tag came: leg B's dialog becomes that fork's, and takes
// what the answer says. 0, -ENOSPC: too many forks, -EINVAL and -ENOMEM as
// sip_dialog_receive_response().
int fork_take(struct call *call, const struct sip_msg *msg);
// Its first half, before the answer is looked at: what is kept of answers is kept of that fork.
void fork_turn_to(struct call *call, struct span tag);
// Makes the parked dialog with that tag, or number, leg B's. False: there is none such.
bool fork_select_tag(struct call *call, struct span tag);
bool fork_select(struct call *call, uint32_t number);
// Leg B's fork is gone (199): another one takes its place, if there is one.
void fork_drop(struct call *call);
// CSeq of the last request in that fork's dialog; 0: we do not know it.
uint32_t fork_cseq(const struct call *call, struct span tag);
void fork_free_all(struct call *call);
void fork_stop_all(struct call *call); // nothing is repeated to the caller any more

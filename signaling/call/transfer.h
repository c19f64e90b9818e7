// transfer.h - legs that change their partner: carried out REFER (RFC 3515, 5589) and INVITE with
// Replaces (RFC 3891).
//
// Three calls may take part, all of one core. `old` has the leg that stays and the one that goes;
// `consult` (attended transfer) has the target and the referrer's second leg; `joined` is new and
// gets the two that shall talk. Legs move with their dialogs and identifiers, ports are the joined
// call's own, and what the old calls had stays in force until both far ends have agreed. If they do
// not, the legs go back to where they came from.
//
//   REFER     joined asks the target without an offer (INVITE, or re-INVITE if it has a call with
//             us), the target's offer goes to the one that stays as a re-INVITE, its answer to the
//             target in the ACK. Nobody's 2xx waits longer than one re-INVITE takes.
//   Replaces  the newcomer's offer goes as a re-INVITE to the one that stays.
//
// Pure core, owner thread. At most one transfer in a call; re-INVITEs get 491 meanwhile.
#pragma once

#include "call/call.h"

struct route_decision;

struct transfer {
	struct call *joined;     // NULL of the three: over, or not part of it
	struct call *old;
	struct call *consult;
	enum call_side stays;    // of old
	enum call_side target;   // of consult
	enum call_side seat;     // in joined, of the leg that stays; A for REFER, B for Replaces
	bool is_moved;           // that leg is there
	bool is_target_moved;    // the consulted one is in joined, side B
	bool is_fetching;        // waits for a call of another worker
	bool is_refresh;         // nobody is new: the joined call only asks for other ports
	bool is_reported;        // the referrer wants NOTIFY
	bool has_event_id;       // not the first REFER of its dialog (RFC 3515 2.4.6)
	uint32_t refer_cseq;
	uint32_t target_cseq;    // of the target's 2xx that awaits our ACK, 0 = none
	uint16_t progress;       // last status that was reported
	uint16_t code;           // why it failed, 0 = as the joined call says
};

// A new transfer that `old` and `consult` (may be NULL) are bound to, with its joined call. NULL:
// no room. The caller fills in what the zeroes do not say.
struct transfer *transfer_new(struct call *old, struct call *consult, const struct core_env *env);
// Whether a call could take part: answered, no INVITE under way, in no other transfer.
bool transfer_is_possible(const struct call *call);
// Takes the leg that stays, or the consulted one, into the joined call. False: not now.
bool transfer_take(struct transfer *transfer);
bool transfer_take_target(struct transfer *transfer);
// The consulted target is asked for an offer. False: could not be sent.
bool transfer_ask_target(struct transfer *transfer, const struct sip_turn *turn);
// Both far ends of an answered call are asked to change to ports that this worker can give. It goes
// on without them if they do not want to.
void transfer_refresh(struct call *call, const struct sip_turn *turn);
// Gives up with that status.
void transfer_fail(struct transfer *transfer, const struct sip_turn *turn, uint16_t code);

// What the other files tell of call->transfer, which is not NULL --------------------------------

// 101..199 to the joined call's own INVITE.
void transfer_progress(struct call *joined, const struct sip_turn *turn, uint16_t status);
// Its 2xx, whose dialog is taken over.
void transfer_answered(struct call *joined, const struct sip_turn *turn, const struct sip_msg *msg);
// Both far ends of the joined call have agreed.
void transfer_done(struct call *joined, const struct sip_turn *turn);
// The one that stays refused the change. True: the call is over, or another one goes on.
bool transfer_refused(struct call *joined, const struct sip_turn *turn, uint16_t status);
// A BYE came. True: it was the referrer's, who need not wait; nothing else ends.
bool transfer_takes_bye(struct call *call, enum call_side side);
// call_finish() is at work on one of the calls.
void transfer_call_ends(struct call *call, const struct sip_turn *turn);

// face.h - what the caller sees of a called side that forks (flow.forks of the caller's profile).
//
// `one`: a single dialog, whoever speaks. `all`: each early dialog of the called side is one of the
// caller's as well, with a To tag of ours, its own CSeq, RSeq and PRACKs, UPDATEs and description
// of the session. Leg A shows the one that spoke or was asked last, the others are parked with the
// forks that they belong to (fork.h). Media follow the dialog whose offer and answer were agreed
// last, or the first one (flow.early_media of the called side's profile), then the winner's.
//
// The exchange of the INVITE stays open until the winner's 2xx, unless the caller has gone on to
// another one in a dialog that was answered reliably (UPDATE, PRACK): then it is opened again for
// whoever answers next. Only one exchange is open at a time in all dialogs. Owner thread only.
#pragma once

#include "call/offer.h"
#include "call/reliable.h"
#include "sip/dialog.h"

struct call;
struct call_fork;
struct core_env;
struct sip_turn;

#define FACES_PER_CALL 8u // ever shown in one call, the first one included

// What leg A has of its own in one early dialog.
struct face {
	bool is_shown;           // else the caller does not know of this fork
	struct sip_dialog dialog;
	struct call_reliable reliable; // its timer runs while it is parked, too
	struct sip_text sdp_sent;
	uint64_t sdp_id, sdp_version;
	struct sip_text answered_with; // see struct call
};

// The call's first INVITE is shown so, and has no final answer yet.
bool face_is_wanted(const struct call *call);

// For fork.c: a new fork takes the place of one that goes to `fork`; these two change places; this
// one's timer goes. False: the arena is full, or FACES_PER_CALL were shown.
bool face_park(struct call *call, struct call_fork *fork);
void face_swap(struct call *call, struct call_fork *fork);
void face_stop(struct call *call, struct call_fork *fork);
// The dialog that a request of the caller names by our tag becomes leg A's.
void face_select(struct call *call, struct span tag);

// Whether an answer to the INVITE's offer can be taken now, of the fork at hand; opens the exchange
// again if need be.
bool face_open_exchange(struct call *call, const struct core_env *env);
// The offer that was just received is one of this early dialog alone.
void face_propose(struct call *call, struct span sdp);
// Its answer. As offer_answer() with `is_final`, but streams that other forks may use stay.
enum offer_result face_answer(struct call *call, const struct core_env *env, struct span sdp);

// The fork at hand has won: no other is heard of any more. Its requests get 481.
void face_win(struct call *call, const struct sip_turn *turn);
// Then: whether the session is settled without its 2xx, by what was agreed in its dialog before.
bool face_settle(struct call *call, const struct core_env *env, enum offer_result *result);

// 199 of the fork at hand, which is about to be dropped (RFC 6228).
void face_tell_gone(struct call *call, const struct sip_turn *turn);
// The caller's BYE in one of several early dialogs (RFC 3261 15) ends that one. False: it has no
// other.
bool face_take_bye(struct call *call, const struct sip_turn *turn);

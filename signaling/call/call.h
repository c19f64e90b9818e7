// call.h - one call: two dialogs, the INVITE between them, the media, in one slab slot.
//
// Owner thread only. Everything that names a call from outside (a transaction's user pointer, a
// tag) goes through a handle or the token table, so a call that is gone is simply not found. Calls
// are freed between messages only (core_reap()): a pointer stays good until the core returns to its
// caller.
#pragma once

#include "base/slab.h"
#include "base/timer_wheel.h"
#include "call/core.h"
#include "call/fork.h"
#include "call/media.h"
#include "call/offer.h"
#include "call/reliable.h"
#include "call/session.h"
#include "call/summary.h"
#include "call/target.h"
#include "sip/dialog.h"
#include "sip/transaction.h"

#define CALL_SHED_MAX  8u     // forks remembered of one call
#define CALL_ARENA_MAX 65536u // bytes of dialog and SDP text of one call

// What the far end said of itself (ability.h).
struct leg_ability {
	uint32_t allowed;   // bit: enum sip_method
	uint32_t supported; // bit: enum option_tag
};

struct call_leg {
	bool is_moved;           // came as a record: dispatch may know its Call-ID
	bool has_referred;       // a REFER came by it: later ones are told apart by id=
	// CSeq of its REFER that was passed on, here and on the other leg; 0 = nothing to be told
	uint32_t refer_asked, refer_passed;
	struct call *call;       // whose leg it is, NULL = not in the token table
	struct call_leg *next;   // in its bucket of that table
	uint64_t token;          // in its tag, 48 bits
	uint32_t shard;          // likewise; the call's own unless the leg came from another call
	struct sip_dialog dialog;
	bool has_dialog;         // dialog is initialised
	struct sip_hop hop;      // by which the far end's messages come
	struct leg_next next_hop;// of the dialog, where that is a name
	char tag[SIP_TOKEN_LEN];
	char contact[SIP_TOKEN_LEN]; // user part of our Contact
	uint32_t profile;        // index, the trunk's
	char uuid[CALL_UUID_LEN];// of the far end (RFC 7989), [0] = 0: not known yet
	struct leg_ability ability;
	struct leg_session session;
	uint32_t duration_max_ms;// of a call of its trunk and realm, 0 = no limit; limit.c
	uint32_t trunk_slot;     // counted in the trunk table, TRUNK_NONE = not counted
	char trunk[CALL_NAME_MAX];
	struct sip_text sdp_sent;    // last session description that the far end was sent
	uint64_t sdp_id;         // of o=
	uint64_t sdp_version;
	struct sip_tx *bye;      // our BYE, until its final answer
	bool is_bye_due;         // BYE waits for the ACK of our 2xx (RFC 3261 15)
	uint32_t acked_cseq;     // of the INVITE whose 2xx we acknowledged last, 0 = none
	char ack_branch[SIP_BRANCH_LEN]; // of that ACK
	struct sip_text ack_body;// what it carried
};

// The INVITE that is being relayed: the first one, or a re-INVITE from either side.
struct call_invite {
	bool is_active;          // no other INVITE is taken meanwhile: 491
	bool is_quiet;           // its 1xx do not cross: they would have to be reliable
	bool is_refresh;         // our own, to the leg that is not `from`, for its session timer
	bool is_converted;       // it had no offer, we made one: the ACK answers what was answered
	bool is_late;            // it had no offer: the 2xx has one, the ACK answers (RFC 3264 5)
	bool is_final;           // the client side has its final answer
	bool is_answered;        // 2xx went to `from`, its ACK is awaited
	enum call_side from;
	struct sip_tx *server;   // of leg `from`; NULL once terminated
	struct relay *update;    // instead of `server`: the UPDATE that we carry on as this INVITE
	struct sip_tx *client;   // of the other leg
	uint32_t server_cseq;
	uint32_t client_cseq;
};

struct call {
	struct core *core;
	struct call *next;       // on the list of the dead
	uint64_t token;          // even, 48 bits; the leg B that it began with carries token + 1
	uint32_t shard;
	enum call_state state;
	bool is_finished;        // summary given, media and trunks given back
	bool has_lingered;       // finished, came as a record, and nothing of it is repeated now
	bool is_dead;            // on the core's list, freed by core_reap()
	enum call_cause cause;
	enum call_side ended_by;
	uint32_t code;           // final status of the first INVITE at the caller, 0 = none yet

	struct arena arena;
	struct call_leg legs[CALL_LEGS];
	struct call_invite invite;
	struct pickup *pickup;   // in the arena, NULL = leg B is the one that was called; pickup.h
	struct transfer *transfer; // that it takes part in, NULL = none; transfer.h
	struct relay *relays;    // other requests under way, see relay.h
	struct sip_text sdp_before; // in force at the side that an open offer went to
	struct call_reliable reliable; // provisional answers to the caller
	struct fork_state fork;  // of leg B's dialog
	struct call_fork *forks; // the other early dialogs of leg B
	uint32_t fork_count;     // ever seen
	uint32_t media_fork;     // whose answer is in force, 0 = none
	struct offer offer;
	struct media media;

	struct timer ring_timer; // the caller waits no longer; finished: nothing is repeated now
	struct timer host_timer; // the target is silent: try the next one
	struct timer session_timers[CALL_LEGS];
	struct timer limit_timer;// the call has lasted long enough
	struct timer media_timer;// answered: when to look for media again
	struct call_secure *secure; // in the arena, NULL = no leg has ICE or DTLS; secure_watch.c
	struct call_targets targets; // of the first INVITE
	struct invite_pending *pending; // the INVITE that waits for a name, NULL = it went on
	struct sip_text offer_text; // its session description, while other targets may need it anew
	uint32_t invites_given_up; // cancelled first INVITEs that may still be answered (again)
	uint32_t max_forwards;   // of requests to B
	struct sip_text answered_with; // header lines that go along with 101 to 2xx of the INVITE
	struct redirect *redirect; // in the arena, NULL = no 3xx was followed
	struct divert *divert;   // in the arena (hide.h), NULL = not diverted
	bool is_session_private; // its media must not go past us (RFC 3323 4.2)
	bool is_emergency;       // no limit of ours may stop it (RFC 5031)
	struct sip_text passed;  // header lines that go along with the first INVITE
	struct sip_text passed_parts; // body parts that do; then those of the BYE
	struct sip_tx *accepted; // the first INVITE of leg B that got a 2xx, while forks may follow
	uint32_t winner;         // prints of that fork's tag and a loser's (stray.c)
	uint64_t shed[CALL_SHED_MAX]; // hashes of the dialogs that leg_shed_answer() ended
	uint32_t shed_count;     // ever; the newest CALL_SHED_MAX are kept

	uint64_t started_ms, started_unix_ms;
	uint64_t answered_ms;    // 0 = not answered
	uint64_t heard_ms;       // answered: last packet of either side, or change of session
	uint32_t route_line;
	char from_user[CALL_PARTY_MAX];
	char to_user[CALL_PARTY_MAX];
	char codec[CALL_NAME_MAX];
};

static inline enum call_side call_other(enum call_side side)
{
	return side == CALL_LEG_A ? CALL_LEG_B : CALL_LEG_A;
}

// In the token table, with identifiers made for both legs. Messages of leg B will come to the owner
// of `shard`. NULL: the slab is full.
struct call *call_new(struct core *core, const struct core_env *env, uint32_t shard);
// The call whose identifier carries `value` (struct sip_token), with the side; NULL: none.
struct call *call_lookup(struct core *core, uint64_t value, enum call_side *side);
// A call without identifiers and legs, in no table but the slab: call_import() fills it in.
struct call *call_new_empty(struct core *core, const struct core_env *env);
struct call *call_of_tx(struct core *core, const struct sip_tx *tx);
void *call_user(const struct call *call); // for sip_tx_set_user()
// A first INVITE of the call that is awaited by nobody, but may still be answered: the call stays
// for that until the transaction is over.
void call_give_up(struct call *call, struct sip_tx *invite);
bool call_is_given_up(const struct sip_tx *tx);
// The call of such a number; NULL: it is gone.
struct call *call_of_user(struct core *core, uint64_t user);

// The session is over: records the cause, retires media, gives trunks back, reports. Only the first
// call of it counts.
void call_finish(struct call *call, const struct core_env *env, enum call_cause cause);
// Gone from this core without a word: its flows become orphans of their worker. No transaction of
// it is under way.
void call_leave(struct call *call, const struct core_env *env);
// Finished, and no transaction of it matters any more: hands it to core_reap().
void call_settle(struct call *call);

// Replaces a text of the call. False: its arena is full.
bool call_set_text(struct call *call, struct sip_text *text, struct span value);

// Ends both legs from our side: an unanswered INVITE gets `code`, the rest BYE.
struct call_hangup {
	enum call_cause cause;
	uint16_t code;
	struct span headers; // whole lines of what is sent, may be empty
};
void call_hangup(struct call *call, const struct sip_turn *turn, const struct call_hangup *hangup);

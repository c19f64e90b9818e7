// core_private.h - the inside of the core, for the files of signaling/call only.
#pragma once

#include "call/body.h"
#include "call/call.h"
#include "call/hide.h"
#include "call/metric.h"
#include "call/outbox.h"
#include "call/relay.h"
#include "call/trunk.h"
#include "route/route.h"
#include "sip/parse.h"
#include "sip/sdp.h"

#define CORE_BODY_MAX  16384u // bytes of a session description that we write
#define CORE_ATTRS_MAX 16384u // bytes of attributes of our own in one
#define CORE_PARTS_MAX 16384u // bytes of body parts passed from one leg to the other
#define CORE_EXTRA_MAX 2048u  // bytes of header lines passed from one leg to the other
// What a fork was asked in its early dialog, PRACK above all, took the next numbers. How many is
// known no more where that dialog was dropped, its leg moved on, or its call is gone.
#define CORE_CSEQ_GAP 1000u

#define CORE_REFUSED_MAX 1024u // refused INVITEs that are known when they come again

struct subscription;

// The tag of ours that was verified last: each message is asked for its own several times.
struct core_own_tag {
	bool is_set;
	char text[SIP_TOKEN_LEN];
	struct sip_token token;
};

struct core {
	struct core_params params;
	struct sip_keys keys;
	struct timer_wheel *wheel;
	struct sip_transactions *txs;
	struct slab *calls;
	struct slab *relays;
	struct slab *forks;
	struct slab *transfers;
	struct slab *asks;           // resolve.c
	struct slab *handovers;      // handover.c
	struct call_leg **buckets;       // token table, [bucket_mask + 1]
	uint32_t bucket_mask;
	struct call *dead;
	struct trunk_table *trunks;
	bool is_trunks_own;          // made by core_new()
	struct core_env *env;        // of the turn that runs now or ran last
	struct core_metrics metrics;
	struct core_own_tag own_tag;
	struct sip_msg msg;          // the message at hand
	struct sdp_session sdp;      // the description at hand
	struct sdp_session sdp_other;// that it is compared with, mutual.c
	struct sdp_rewrite rewrite;  // what is made of it
	char crypto[SDP_MEDIA_MAX][SDES_OFFERS_MAX][SDES_TEXT_MAX]; // its a=crypto lines
	char attrs[CORE_ATTRS_MAX];  // lines of ICE and DTLS in it
	uint32_t attrs_used;
	bool is_attrs_full;          // some had no room: it must not go out
	struct span built;           // the request that was built last
	char message[SIP_MESSAGE_MAX];
	char body[CORE_BODY_MAX];
	char parts[CORE_PARTS_MAX];
	char extra[CORE_EXTRA_MAX];
	struct slab *exchanges;      // exchange.h
	struct slab *subscriptions;
	struct subscription **subscription_buckets; // [SUBSCRIPTION_BUCKETS]
	struct sip_msg held_msg;     // a request that waited for its target's address
	uint32_t emergency_calls;    // of those in the slab
	uint64_t refused_ms;         // when overload control refused last
	uint64_t refused[CORE_REFUSED_MAX]; // prints of what it refused, the newest at each place
	const struct sip_tx *peer_tx;// the request at hand, NULL = none
	const struct config_profile *peer; // of its sender
	struct sip_msg edited_msg;   // edit.c: the message at hand as rules left it
	struct sip_msg edited_check;
	char edited_in[SIP_MESSAGE_MAX];
	char edited_out[SIP_MESSAGE_MAX];
};

// What hardly any message asks for: the compiler puts it, and the way to it, out of the way of the
// others. A call waits more for instructions than it executes them.
#define COLD __attribute__((cold))

#define CORE_COUNT(core, field) metric_add(&(core)->metrics.field, 1)

static inline struct core_env *core_env_of(const struct sip_turn *turn)
{
	return turn->env;
}

// resolve.c: questions under way.
struct slab *resolve_table_new(uint32_t count_max);
// Frees the calls that were settled.
void core_reap(struct core *core);

// core_request.c, core_response.c: what the transactions tell, see struct sip_tu_ops --------------

// Whether we made the tag, of a leg or of a further early dialog that a caller was shown (face.h),
// and what it says. The second one remembers the tag that it was asked for last.
bool core_read_tag(const struct core *core, struct span tag, struct sip_token *out);
bool core_is_own_tag(struct core *core, struct span tag, struct sip_token *out);
// The call whose dialog the far end names by our tag, with the side. NULL: none.
struct call *core_find_call(struct core *core, struct span tag, const struct sip_msg *msg,
	enum call_side *side);
void core_on_request(void *context, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in);
void core_on_ack(void *context, const struct sip_turn *turn, const struct sip_received *in);
void core_on_cancel(void *context, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in);
void core_on_response(void *context, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in);
void core_on_stray_response(void *context, const struct sip_turn *turn,
	const struct sip_received *in);

// reuse.c: one connection both ways (RFC 5923) ----------------------------------------------------

// Whether our requests by that listener offer it; `tls_trunk` as in struct sip_hop.
bool reuse_is_offered(const struct config *config, listener_id listener, uint32_t tls_trunk,
	const struct config_profile *profile);
// A request came: its connection may have been offered.
void reuse_hear(struct core *core, const struct sip_turn *turn, const struct sip_received *in);

// leg_table.c: the leg that a token of ours names ------------------------------------------------

// An even token that no leg carries, nor the odd one behind it.
uint64_t leg_draw_token(const struct core *core, const struct core_env *env);
// Makes tag and Contact of a leg in `shard` that will carry `token`, and puts it into the table.
void leg_link(struct call *call, enum call_side side, uint64_t token, uint32_t shard);
void leg_unlink(struct core *core, struct call_leg *leg); // safe on one that is in none
struct call_leg *leg_lookup(const struct core *core, uint64_t token); // NULL: none
// Another call of the same core takes the leg over, with its dialog, texts and identifiers; what
// was at that place is forgotten, `from` is left without a leg there. False: the arena of `to` is
// full, or a BYE of either is under way; nothing has changed. No other transaction may wait on the
// leg.
struct leg_place {
	struct call *call;
	enum call_side side;
};
bool leg_move(struct leg_place from, struct leg_place to);

// refuse.c: answers that end a request ------------------------------------------------------------

struct refusal {
	uint16_t status;
	struct span reason;  // empty = the usual phrase
	struct span headers; // whole lines, may be empty
};
COLD void refuse(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct refusal *refusal);
COLD void refuse_status(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	uint16_t status);
// 503 with a Retry-After of 5 to 10 s.
COLD void refuse_busy(struct core *core, const struct sip_turn *turn, struct sip_tx *tx);
// 500 with a Retry-After of 0 to 10 s: something that came before is not answered yet (RFC 3311
// 5.2).
COLD void refuse_early(struct core *core, const struct sip_turn *turn, struct sip_tx *tx);
// 415 with Accept for a peer with that profile.
COLD void refuse_type(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct config_profile *profile);
// 405 with Allow.
COLD void refuse_method(struct core *core, const struct sip_turn *turn, struct sip_tx *tx);
// RFC 3261 8.2 for a request outside a dialog: true if it was refused.
bool refuse_request(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in);
// Require, and bodies that nobody could read, in a dialog too. Whether their types may pass is
// seen by body_read().
bool refuse_extensions(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_msg *msg, const struct config_profile *profile);

// listener.c: which of our listeners speaks to whom ----------------------------------------------

struct sip_local listener_local(const struct config *config, listener_id id);
// Index in the realm of the listener for that transport and the family of `ip`, -1 = none.
int listener_find(const struct config_realm *realm, enum sip_transport transport,
	const struct ip *ip);
// The TCP listener beside that of a hop by UDP. False: none, or the far end cannot be dialled.
bool listener_find_stream(const struct config *config, const struct sip_hop *hop,
	listener_id *out);

// leg.c: messages of one leg, built anew ----------------------------------------------------------

struct leg_request {
	enum call_side side; // leg that it is sent on
	enum sip_method method;
	uint32_t cseq;
	struct span headers; // whole lines, may be empty
	struct sip_body body; // may be empty; see sip_body_sdp()
};
// Sends a request in the leg's dialog as a transaction of the call. NULL: tables full, or it did
// not fit.
struct sip_tx *leg_send(struct call *call, const struct sip_turn *turn,
	const struct leg_request *request);
// A request in the dialog did not get through: once more by the next target of the dialog's name
// (RFC 3263 4.3), in a transaction of its own. NULL: there is none, or tables are full.
struct sip_tx *leg_send_elsewhere(struct call *call, const struct sip_turn *turn,
	enum call_side side, const struct sip_tx *failed);
// The far end spoke, by a request of the dialog or a response to ours: what we send in the dialog
// goes by the connection, and behind a NAT to the place, that it speaks from now.
void leg_hear_request(struct call_leg *leg, const struct core_env *env, const struct sip_hop *hop);
void leg_hear_response(struct call_leg *leg, const struct sip_hop *hop);
void leg_send_ack(struct call *call, const struct sip_turn *turn, enum call_side side,
	uint32_t cseq,
	struct span body);
// The far end did not get the ACK and repeated its 2xx.
void leg_repeat_ack(struct call *call, const struct sip_turn *turn, enum call_side side);
// BYE now, or after the ACK that the far end still owes us. Nothing on a leg without a confirmed
// dialog.
void leg_send_bye(struct call *call, const struct sip_turn *turn, enum call_side side,
	struct span headers);
// A 2xx of another fork, or of an INVITE given up: ACK, then BYE, to where it came from unless its
// Contact or route set says otherwise.
void leg_shed_answer(struct call *call, const struct sip_turn *turn, enum call_side side,
	const struct sip_received *response);

// Of a call that came as a record: a 2xx that comes again is acknowledged again.
void leg_restore_ack(struct call *call, enum call_side side, const struct core_env *env,
	uint32_t cseq);

struct leg_response {
	uint16_t status;
	enum call_side side; // of the transaction's leg; not needed for the INVITE being relayed
	struct span headers;
	struct sip_body body; // may be empty
};
void leg_respond(struct call *call, const struct sip_turn *turn, struct sip_tx *tx,
	const struct leg_response *response);

// The flows of messages ---------------------------------------------------------------------------

// invite*.c: the first INVITE, until it is on its way; also to the next host.
void invite_receive(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in);
// An INVITE of our own to where the route leads, without an offer: leg B of a call that has no
// INVITE of a caller. A failure ends the call.
void invite_originate(struct call *call, const struct sip_turn *turn,
	const struct route_decision *route);
// An INVITE went out, first or later one: limits.ring_timeout_ms begins.
void invite_watch(struct call *call, const struct core_env *env);
// To the same host, which asked for something else in it. False: it could not be sent.
bool invite_send_again(struct call *call, const struct sip_turn *turn);
// True: the next target is tried, or looked up.
bool invite_try_next(struct call *call, const struct sip_turn *turn);
// What target_next() waited for has come: call->targets.
void invite_resolved(struct call *call, const struct sip_turn *turn);
// reinvite.c
void reinvite_receive(struct call *call, const struct sip_turn *turn, struct sip_tx *tx,
	enum call_side side, const struct sip_received *in);
void reinvite_response(struct call *call, const struct sip_turn *turn,
	const struct sip_received *in);
// Goes on as an INVITE where the far end knows no UPDATE; the offer is open. False: it could not be
// sent, nothing has changed.
bool reinvite_for_update(struct call *call, const struct sip_turn *turn, struct relay *update);
// With the description that the far end of `side` knows, for its session timer alone. False:
// another INVITE is pending, or tables are full.
bool reinvite_refresh(struct call *call, const struct sip_turn *turn, enum call_side side);
void reinvite_failed(struct call *call, const struct sip_turn *turn, enum sip_tx_failure failure);
// describe.c: before an offer goes to the far end of `side`, and when that has refused it.
void describe_keep(struct call *call, enum call_side side);
void describe_restore(struct call *call, enum call_side side);
// What is in force there; empty = nothing that could be said again.
struct span describe_leg(struct call *call, const struct core_env *env, enum call_side side);
// The same as the answer to an offer of that far end, which changes nothing: a line for each of its
// own. Empty = they have none in common. Valid until core->parts is used again.
struct span describe_answer(struct call *call, const struct core_env *env, enum call_side side,
	struct span offer);
// late.c: an offer in place of the one that the caller did not make.
bool late_is_converted(const struct call *call, const struct core_env *env);
struct span late_make_offer(struct call *call); // valid until core->extra is used again
void late_take_ack(struct call *call, const struct sip_turn *turn, const struct sip_msg *ack);
// limit.c: what a leg's trunk and its realm allow, once it has that trunk.
void limit_learn(struct call_leg *leg, const struct config *config,
	const struct config_trunk *trunk);
// The call was answered, now or before it came here.
void limit_watch(struct call *call, const struct core_env *env);
// early.c: provisional responses to the first INVITE.
void early_response(struct call *call, const struct sip_turn *turn, const struct sip_msg *msg);
// Its 2xx: whose dialog it is, as fork_take(), and what it says of the session.
int early_take_final(struct call *call, const struct sip_msg *msg);
enum offer_result early_take_answer(struct call *call, const struct core_env *env,
	struct span sdp);
// answer.c: responses to the first INVITE.
void answer_response(struct call *call, const struct sip_turn *turn,
	const struct sip_received *in);
void answer_failed(struct call *call, const struct sip_turn *turn, enum sip_tx_failure failure);
// The 2xx to the caller, now that nothing holds it back.
void answer_caller(struct call *call, const struct sip_turn *turn, uint16_t status,
	struct span parts);
// A 2xx to INVITE that is not the first: repeated, or of another fork.
void answer_again(struct call *call, const struct sip_turn *turn, enum call_side side,
	const struct sip_received *in);
// A 2xx to an INVITE of a call that is over: its leg may be back in the call that it came from, and
// is acknowledged there.
void answer_elsewhere(struct call *call, const struct sip_turn *turn,
	const struct sip_received *in);
// The offer or answer in the 2xx of an INVITE being relayed; empty = it has none.
enum offer_result answer_take_body(struct call *call, const struct core_env *env,
	struct span sdp);
// Gives up an INVITE: `code` to the caller's side unless it has its answer, CANCEL to the other.
void invite_abort(struct call *call, const struct sip_turn *turn, uint16_t code,
	struct span headers);
// stray.c: the INVITE of leg B got its first 2xx, whose dialog is that of the leg.
void stray_expect(struct call *call);
// Another fork with that tag was ended in the call.
void stray_note(struct call *call, struct span tag);
// The call ends and leaves that transaction, which answers may still come to.
void stray_leave(struct call *call);
void stray_answer(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in);
// silence.c: begins when the 2xx is passed on; a change of the session counts as a sign of life.
void silence_watch(struct call *call, const struct core_env *env);
// A call that came from elsewhere was heard then.
void silence_resume(struct call *call, const struct core_env *env, uint64_t heard_ms);
// secure_watch.c: after each change of what is agreed about ICE and DTLS, and when media has news
// of it. It costs nothing where there is neither.
void secure_watch(struct call *call, const struct core_env *env);
void secure_run(struct call *call, const struct sip_turn *turn);
void secure_stop(struct call *call);
// ack.c, bye.c, cancel.c, options.c
void ack_receive(struct call *call, const struct sip_turn *turn, enum call_side side,
	const struct sip_msg *msg);
void ack_missing(struct call *call, const struct sip_turn *turn);
void bye_receive(struct call *call, const struct sip_turn *turn, struct sip_tx *tx,
	enum call_side side, const struct sip_received *in);
void bye_done(struct call *call, enum call_side side);
// It got no answer, or could not be sent: again by the next target, or it is done.
void bye_failed(struct call *call, const struct sip_turn *turn, enum call_side side);
void cancel_receive(struct call *call, const struct sip_turn *turn, const struct sip_msg *msg);
void options_receive(struct core *core, const struct sip_turn *turn, struct sip_tx *tx);

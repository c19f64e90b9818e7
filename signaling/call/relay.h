// relay.h - requests inside a call: of one leg carried to the other, and our own on either.
//
// Any request in a dialog but INVITE, ACK, CANCEL, BYE and OPTIONS. A relay is the pair of its
// transactions: the server one that asked, and the client one on the other leg; a request of our
// own has no server. What is special about a method stands in its struct relay_ops (table in
// relay.c); what has none gets 405. Owner thread only.
//
// At most RELAYS_PER_CALL at a time in a call, each from a slab of the core. call_finish() answers
// those that wait, with 487 as a rule, and forgets them. Credentials go along with any of them, and
// challenges come back, by profile (challenge.c).
#pragma once

#include "call/call.h"

#define RELAYS_PER_CALL 8u

struct leg_request;
struct leg_response;
struct relay_ops;

struct relay {
	struct relay *next;          // of the same call
	const struct relay_ops *ops;
	struct sip_tx *server;       // NULL: a request of our own, or its transaction is over
	struct sip_tx *client;       // NULL: not sent, see RELAY_WAIT
	enum call_side from;         // leg that asked; of our own: the one that is not asked
	uint32_t fork;               // early dialog of leg B that it belongs to, 0 = none
	uint64_t data;               // of the ops
};

enum relay_verdict {
	RELAY_SEND,     // `out` goes to the other leg
	RELAY_ANSWERED, // the hook has answered relay->server, nothing goes on
	RELAY_WAIT,     // the hook has begun something else, relay_respond() ends it
};

// Any function may be NULL. Headers and bodies that they give must live until they are called again
// (core->extra, a text of the call): `out` is sent at once after they return.
struct relay_ops {
	// 408, 481 or silence mean that the dialog is gone, and the call with it (RFC 5057 5.2).
	bool ends_call;
	// Which of its headers and which body go to the other leg; without it: none.
	enum relay_verdict (*request)(struct call *call, const struct sip_turn *turn,
		struct relay *relay, const struct sip_received *in, struct leg_request *out);
	// Likewise those of the final answer, and its status; without it: the status alone, as
	// hide_status() lets it pass. Of a request of our own nothing is sent. The relay is no more
	// on the call's list.
	void (*response)(struct call *call, const struct sip_turn *turn, struct relay *relay,
		const struct sip_msg *msg, struct leg_response *out);
	// There will be no answer: silence, no transport, or the asking side waits no longer.
	void (*failed)(struct call *call, const struct sip_turn *turn, struct relay *relay);
	// The call ended meanwhile: answers relay->server; without it: 487.
	void (*ended)(struct call *call, const struct sip_turn *turn, struct relay *relay);
};

struct relay_asked {
	enum call_side side; // whose far end asked
	const struct sip_received *in;
};
// By those rules; refused only where there is no room.
void relay_take(struct call *call, const struct sip_turn *turn, struct sip_tx *tx,
	const struct relay_ops *ops, const struct relay_asked *asked);
// A request of leg `side` that is not our business.
void relay_receive(struct call *call, const struct sip_turn *turn, struct sip_tx *tx,
	enum call_side side, const struct sip_received *in);
// A request of our own; request->cseq is chosen here. NULL: tables full, nothing was sent.
struct relay *relay_start(struct call *call, const struct sip_turn *turn,
	const struct relay_ops *ops, struct leg_request *request);
// Ends a relay that was told to wait: sends the answer and frees it.
void relay_respond(struct call *call, const struct sip_turn *turn, struct relay *relay,
	const struct leg_response *response);

// What the transactions say. False: the transaction is none of a relay.
bool relay_response(struct call *call, const struct sip_turn *turn, const struct sip_tx *tx,
	const struct sip_msg *msg);
bool relay_failed(struct call *call, const struct sip_turn *turn, const struct sip_tx *tx,
	enum sip_tx_failure failure);
void relay_terminated(struct call *call, const struct sip_turn *turn, const struct sip_tx *tx);

// The call is over.
void relay_end_all(struct call *call, const struct sip_turn *turn);

// 481 to those of one fork, which is over; of all others than the one at hand.
void relay_end_fork(struct call *call, const struct sip_turn *turn, uint32_t fork);
void relay_end_others(struct call *call, const struct sip_turn *turn);

// Without a word: the call goes on elsewhere.
void relay_forget_all(struct call *call);

// "Allow: ..." with all that we serve in a dialog, and outside for a peer with that profile.
struct config_profile;
void relay_put_allow(struct sip_writer *w, const struct config_profile *profile);

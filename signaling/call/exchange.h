// exchange.h - requests outside calls, relayed by route: MESSAGE (RFC 3428), PUBLISH (3903),
// OPTIONS to trunks, and the dialogs that SUBSCRIBE makes (6665).
//
// An exchange is one request and its answer: a server transaction on one side, a client one on the
// other. A subscription is two dialogs and lives as long as its last Expires; its SUBSCRIBEs and
// NOTIFYs are exchanges too. Both are bounded and built anew, as calls are. Owner thread only.
#pragma once

#include "call/call.h"
#include "call/hide.h"

#define EXCHANGE_BODY_MAX      32768u // bytes of one body
#define SUBSCRIPTION_ARENA_MAX 16384u // bytes of both dialogs' texts
#define SUBSCRIPTION_BUCKETS   4096u
#define EXCHANGE_USER          0x80000000u // in the index of a transaction's user: no call

struct subscription;

struct exchange {
	struct core *core;
	struct sip_tx *server; // NULL: answered or over
	struct sip_tx *client; // NULL: not sent yet, or over
	struct subscription *subscription; // NULL: the request stands alone
	enum call_side from;   // side of the subscription that asked
	enum sip_method method;
	uint32_t profiles[CALL_LEGS];  // of the asking peer (A) and of the asked one (B)
	uint32_t listeners[CALL_LEGS];
	struct sip_target *targets; // [count], in the arena and in the order in which to try them
	uint32_t count, next;
	uint32_t host;         // of the trunk, the one to be looked up behind them
	struct arena arena;    // of a request that waits for its target, or may need another one
	struct span held;
	struct sip_hop hop;    // by which that request came
	uint64_t ticket;       // of the resolver, 0 = none
};

// One side of a subscription.
struct subscription_side {
	struct sip_dialog dialog;
	struct sip_hop hop;
	uint32_t profile;
	char tag[SIP_TOKEN_LEN];
	char contact[SIP_TOKEN_LEN];
};

struct subscription {
	struct core *core;
	struct subscription *next; // in its bucket
	uint64_t token;            // even; side B's identifiers carry token + 1
	uint32_t shard;
	uint32_t exchanges;        // under way
	int64_t asked_s;           // Expires of the newest SUBSCRIBE, -1 = none
	bool is_over;              // no more requests; freed with the last exchange
	struct arena arena;
	struct timer timer;        // it expires
	struct subscription_side sides[CALL_LEGS]; // subscriber, notifier
};

// A request outside any dialog with one of these methods. False: it is not ours to relay.
bool exchange_receive(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in);
// A request in the dialog of a subscription. False: there is none.
bool subscription_receive(struct core *core, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in);
// ", MESSAGE, ..." for Allow: what a peer with that profile may have relayed.
void exchange_put_methods(struct sip_writer *w, const struct config_profile *profile);
// What the transactions say. False: the transaction belongs to no exchange.
bool exchange_response(struct core *core, const struct sip_turn *turn, const struct sip_tx *tx,
	const struct sip_msg *msg);
bool exchange_failed(struct core *core, const struct sip_turn *turn, const struct sip_tx *tx,
	enum sip_tx_failure failure);
bool exchange_terminated(struct core *core, const struct sip_tx *tx);

// False: out of memory.
bool exchange_tables_make(struct core *core, uint32_t exchanges_max, uint32_t subscriptions_max);
void exchange_tables_free(struct core *core);

// Between exchange.c, subscription.c and exchange_head.c, which writes header fields --------------

struct exchange *exchange_new(struct core *core, struct sip_tx *server);
void exchange_free(struct exchange *x);
// What goes on of a request: header lines by method, and its body. The head is written already.
void exchange_put_rest(struct sip_writer *w, const struct exchange *x,
	const struct hide_params *hide);
// Likewise of an answer, but for what hide.h lets pass.
void exchange_put_answer(struct sip_writer *w, const struct exchange *x,
	const struct sip_msg *msg);
// Subscription-State of a NOTIFY, without what could name somebody.
void exchange_put_state(struct sip_writer *w, const struct sip_msg *msg);
// Our Contact and Allow towards that side.
void exchange_put_contact(struct sip_writer *w, const struct config *config,
	const struct subscription_side *side);
// Sends what `w` holds as the exchange's client transaction. False: it could not be sent.
bool exchange_send(struct exchange *x, const struct sip_turn *turn, const struct sip_writer *w,
	struct span branch, const struct sip_hop *hop);
void exchange_refuse(struct exchange *x, const struct sip_turn *turn, uint16_t status);

// Both dialogs of a SUBSCRIBE that goes to `hop`; `remote` is the notifier's URI in < >. NULL: the
// table is full, or the request makes no dialog (*status says how to refuse).
struct subscription *subscription_new(struct exchange *x, const struct sip_turn *turn,
	const struct hide_params *hide, struct span remote, uint16_t *status);
// The first SUBSCRIBE, and any later request in its dialogs.
bool subscription_send(struct exchange *x, const struct sip_turn *turn,
	const struct sip_msg *msg);
// An answer of the other side, before it is relayed.
void subscription_answered(struct exchange *x, const struct sip_turn *turn,
	const struct sip_msg *msg);
void subscription_end(struct subscription *s);
void subscription_settle(struct subscription *s);

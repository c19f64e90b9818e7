// transaction_private.h - what the files of the transaction layer share; nobody else includes it.
//
// transaction.c: state tables and timers. transaction_client.c, transaction_server.c: the two
// sides. transaction_size.c: too long for UDP. transaction_rest.c: what lingers.
// transaction_memory.c: the table. transaction_metric.c: names of the counters.
#pragma once

#include "base/metric.h"
#include "base/timer_wheel.h"
#include "sip/transaction.h"

// Bytes kept for sending again, counted against the limit.
struct sip_stored {
	uint32_t len;
	char data[];
};

// 128 bits of keyed hash stand for the identity of RFC 3261 17.1.3 and 17.2.3: two different
// transactions never meet by chance nor by an attacker's choice.
struct tx_key {
	uint64_t a, b;
};

enum tx_event {
	TX_EV_REQUEST,     // server: the request again
	TX_EV_ACK,         // INVITE server: ACK of the non-2xx
	TX_EV_1XX,         // client: received, server: the TU sends
	TX_EV_2XX,
	TX_EV_FINAL,       // 300..699
	TX_EV_RETRY,       // timer A, E or G; non-INVITE server: time for a 100 (RFC 4320)
	TX_EV_END,         // timer B, F, D, K, M, H, I, J or L: whichever the state has running
	TX_EV_SEND_FAILED,
	TX_EVENT_COUNT
};

// What a transaction needs until it is finished; one that lingers has none of it.
struct tx_live {
	struct timer retry;
	struct sip_tx *tx;         // whose it is
	struct sip_hop hop;
	uint32_t fallback;         // listener for UDP, if has_fallback
	uint32_t interval_ms;      // of the retry timer
	struct sip_stored *tls_name; // of hop
	struct sip_stored *out;    // client: request; server: last response
	// server: lines of every response; client: lines to add to a CANCEL
	struct sip_stored *head;
	uint32_t head_fixed;       // of head: Vias, From, Call-ID, CSeq
	uint32_t head_routes;      // then Record-Route lines; the rest is the value of To
	uint64_t identity;         // server: rest_identity() of the request
	uint16_t tag_len;
	char tag[SIP_TX_TAG_MAX];  // To tag for our responses
};

// Calls end, their transactions stay for 32 s: millions of them at a carrier's rates, so this much
// is kept of each (transaction_rest.c).
struct sip_tx {
	struct timer end;
	struct sip_tx *key_next;   // chain of the table
	struct sip_tx *merge_next; // server requests without To tag, chain by merge_key
	struct tx_key key;
	uint64_t merge_key;        // 0 = none
	void *user;
	struct tx_live *live;      // NULL: lingers
	struct sip_stored *rest;   // for answers to what comes again, may be NULL
	uint16_t status;           // server: last status sent, 0 = none
	uint8_t kind;              // enum sip_tx_kind
	uint8_t state;             // enum sip_tx_state
	uint8_t method;            // enum sip_method
	bool is_internal : 1;      // our own CANCEL: the TU never hears of it
	bool is_cancelled : 1;     // client: CANCEL asked for; server: CANCEL received
	bool is_cancel_sent : 1;
	bool is_acked : 1;         // INVITE server: the TU saw the ACK of the 2xx
	bool is_reliable : 1;      // transport of the hop: no retransmission, no waiting for one
	bool has_fallback : 1;     // too long for UDP: sent by TCP, which may be refused
	bool has_to_tag : 1;       // server: the request's To has one
};
_Static_assert(sizeof(struct sip_tx) <= 112, "with the slab's 16 bytes it is two cache lines");

// Far ends that refused TCP, by place: a new one takes the slot of an old one.
#define TX_REFUSED_COUNT 256u
struct tx_refused {
	uint64_t print;    // hash of the address, 0 = free
	uint64_t until_ms;
};

struct sip_transactions {
	struct sip_transactions_params params;
	struct slab *slab;      // struct sip_tx
	struct slab *live_slab; // struct tx_live
	struct timer_wheel *wheel;
	struct sip_tx **by_key;
	struct sip_tx **by_merge;
	uint32_t mask;               // buckets - 1, of both tables
	struct hash_key table_key;
	uint64_t stored_bytes;
	struct tx_refused refused[TX_REFUSED_COUNT];
	struct sip_transaction_metrics metrics;
	struct sip_msg scratch;      // our own request, parsed again for its ACK or CANCEL
	char buffer[SIP_MESSAGE_MAX];
};

// What comes with an event; either may be empty.
struct tx_input {
	const struct sip_received *in;
	struct span data;
};

// What a key is made for: no key of one kind equals one of another.
enum tx_key_kind {
	TX_KEY_CLIENT,
	TX_KEY_SERVER,
	TX_KEY_SERVER_2543,
	TX_KEY_MERGE,
	TX_KEY_IDENTITY,
};

// Identity from at most TX_KEY_PARTS parts of a message, hashed with their lengths, so that no
// concatenation of parts equals another.
#define TX_KEY_PARTS 8u
struct tx_key tx_key_make(const struct sip_transactions *txs, enum tx_key_kind kind,
	const struct span *parts, uint32_t count);
struct sip_tx *tx_lookup(const struct sip_transactions *txs, const struct tx_key *key);
struct sip_tx *tx_lookup_merge(const struct sip_transactions *txs, uint64_t key);

// Zeroed and live, linked by key and, if `merge_key` is not 0, by that. NULL: full.
struct sip_tx *tx_new(struct sip_transactions *txs, const struct tx_key *key, uint64_t merge_key);
// For a transaction that has not been seen by anyone yet, or has terminated.
void tx_discard(struct sip_transactions *txs, struct sip_tx *tx);
void tx_live_drop(struct sip_transactions *txs, struct sip_tx *tx);
// Room for `len` bytes, counted; NULL: over the limit.
struct sip_stored *tx_stored_new(struct sip_transactions *txs, uint32_t len);
void tx_stored_drop(struct sip_transactions *txs, struct sip_stored **slot);
// Replaces *slot by a copy of `data`; false: over the limit, *slot is then empty.
bool tx_store(struct sip_transactions *txs, struct sip_stored **slot, struct span data);
// By the hop of a live transaction.
void tx_send(struct sip_transactions *txs, const struct sip_turn *turn, const struct sip_tx *tx,
	struct span data);
void tx_send_by(struct sip_transactions *txs, const struct sip_turn *turn, const struct sip_tx *tx,
	const struct sip_hop *hop, struct span data);
// Whether the state knows what to do with the event.
bool tx_allows(const struct sip_tx *tx, enum tx_event event);
void tx_step(struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx,
	enum tx_event event, const struct tx_input *input);
void tx_timer_retry(struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx,
	uint32_t ms);
void tx_timer_end(struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx,
	uint32_t ms);
enum tx_event tx_event_of(uint16_t status);

// Whether the transport of a listener delivers by itself.
bool tx_is_reliable(
	struct sip_transactions *txs, const struct sip_turn *turn, uint32_t listener);

// transaction_size.c
// True: the request is too long for UDP, *out is the same one for TCP (its data in txs->buffer).
bool size_prefers_stream(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_client_params *params, struct sip_client_params *out);
// After a failure: the request goes by UDP all the same. False: it never was meant to.
bool size_fall_back(struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx,
	bool is_refused);

// transaction_client.c
void client_receive(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_received *in);
void client_send_ack(struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx,
	const struct sip_received *in);
void client_send_cancel(
	struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx);

// transaction_server.c
void server_receive(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_received *in);
// Vias, From, Call-ID and CSeq of every response to a request.
void server_put_fixed(struct sip_writer *w, const struct sip_received *in);
// Where responses to a request go.
struct sip_hop server_hop(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_received *in);

// transaction_rest.c
// Of From tag, Call-ID and CSeq: what comes again must have the same, or somebody plays with a
// branch that he overheard.
uint64_t rest_identity(const struct sip_transactions *txs, const struct sip_msg *msg);
// Keeps what the final response `data` to anything but INVITE adds to the request's own. False: no
// room, or built by other means than sip_server_put_head().
bool rest_take_response(struct sip_transactions *txs, struct sip_tx *tx, struct span data);
// That response again, from the repeated request. False: it is another request.
bool rest_put_response(const struct sip_transactions *txs, const struct sip_tx *tx,
	struct sip_writer *w, const struct sip_received *in);
struct span rest_tag(const struct sip_tx *tx);
// What the ACK of a refused INVITE needs beyond the refusal.
struct tx_ack {
	struct sip_hop hop;
	struct span uri;
	struct span lines;  // Route, Session-ID, and Via where it has a name
	uint64_t identity;  // rest_identity() of the INVITE
};
bool rest_take_ack(struct sip_transactions *txs, struct sip_tx *tx, const struct tx_ack *ack);
// Borrowed from `tx`. False: nothing was kept.
bool rest_get_ack(const struct sip_tx *tx, struct tx_ack *out);
// Drops what a finished transaction needs no more; the others stay as they are.
void rest_shrink(struct sip_transactions *txs, struct sip_tx *tx);

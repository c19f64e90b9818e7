// transaction.h - client and server transactions: RFC 3261 section 17, RFC 6026, RFC 4320, over
// every transport; requests that are too long for UDP go by TCP (RFC 3261 18.1.1).
//
// One struct sip_transactions per worker, used by that worker's thread only. Pure: time is an
// argument, sending and every decision go out through struct sip_tu_ops. It answers by itself only
// retransmissions, CANCEL (200 / 481), merged requests (482), a full table (503) and 100 Trying to
// INVITE; and it sends the ACK of non-2xx answers. Owns copies of what it must send again, within a
// byte limit.
//
// Lifetime: a struct sip_tx * that the TU got stays valid until on_terminated() for it has
// returned. Transactions are freed inside sip_transactions_run() only, so no call below ever frees
// one.
#pragma once

#include "base/addr.h"
#include "base/hash.h"
#include "base/metric.h"
#include "sip/build.h"
#include "sip/msg.h"
#include "sip/token.h"
#include "sip/transport.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sip_transactions;
struct sip_tx;

enum sip_tx_kind {
	SIP_TX_INVITE_CLIENT,
	SIP_TX_CLIENT,
	SIP_TX_INVITE_SERVER,
	SIP_TX_SERVER,
	SIP_TX_KIND_COUNT
};

enum sip_tx_state {
	SIP_TX_CALLING,    // INVITE client; non-INVITE client: Trying
	SIP_TX_TRYING,     // non-INVITE server before any answer
	SIP_TX_PROCEEDING,
	SIP_TX_COMPLETED,
	SIP_TX_ACCEPTED,   // RFC 6026: after a 2xx to INVITE
	SIP_TX_CONFIRMED,  // INVITE server after the ACK of a non-2xx
	SIP_TX_TERMINATED,
	SIP_TX_STATE_COUNT
};

enum sip_tx_failure {
	SIP_TX_TIMEOUT,   // timer B or F: no final answer, the TU acts as on a 408
	SIP_TX_TRANSPORT, // sip_transactions_send_failed(): as on a 503
	SIP_TX_NO_ACK,    // INVITE server: timer H, or L with no sip_server_acked() after a 2xx
	SIP_TX_CANCELLED, // INVITE client: cancelled, and no final answer within 64*T1: as on a 487
};

// Who calls us, for one call down: handed through to every callback.
struct sip_turn {
	void *env;       // opaque here (struct core_env of the caller)
	uint64_t now_ms; // monotonic
};

// A listener as Via shows it; its transport says which timers run.
struct sip_local {
	enum sip_transport transport;
	struct addr sent_by;
};

// A parsed message and how it came.
struct sip_received {
	struct sip_hop hop; // its addr: the source as the network showed it
	const struct sip_msg *msg;
};

// The transaction user. All callbacks are required; `context` is that of the params. They may call
// any function of this header except sip_transactions_run() and _free().
struct sip_tu_ops {
	// `hop` and `data` are borrowed during the call. `ticket` is for
	// sip_transactions_send_failed(), 0 = nobody wants to know.
	void (*send)(void *context, const struct sip_turn *turn, const struct sip_hop *hop,
		struct span data, uint64_t ticket);
	struct sip_local (*local)(void *context, const struct sip_turn *turn, uint32_t listener);
	// The listener for TCP that stands beside that hop's, which is one for UDP. False: none, or
	// the far end cannot be dialled.
	bool (*find_stream)(void *context, const struct sip_turn *turn, const struct sip_hop *hop,
		uint32_t *listener);
	// A new request other than ACK and CANCEL, in-dialog or not. The TU answers with
	// sip_server_respond(), now or later; INVITE gets its 100 from here if it has not when this
	// returns.
	void (*on_request)(void *context, const struct sip_turn *turn, struct sip_tx *tx,
		const struct sip_received *in);
	// An ACK that belongs to no non-2xx answer: that of a 2xx, or stray. No transaction, no
	// answer.
	void (*on_ack)(void *context, const struct sip_turn *turn, const struct sip_received *in);
	// The INVITE that `tx` serves was cancelled before its final answer; the CANCEL is answered
	// already. The TU answers 487 to `tx`.
	void (*on_cancel)(void *context, const struct sip_turn *turn, struct sip_tx *tx,
		const struct sip_received *in);
	// A provisional or final response; of INVITE also every further 2xx (forks and
	// retransmissions: the dialog layer sends the ACK again). 100 Trying is passed too.
	void (*on_response)(void *context, const struct sip_turn *turn, struct sip_tx *tx,
		const struct sip_received *in);
	// A response without a transaction: late 2xx of INVITE are the ones that matter.
	void (*on_stray_response)(void *context, const struct sip_turn *turn,
		const struct sip_received *in);
	// The transaction will bring nothing more; on_terminated() follows.
	void (*on_failure)(void *context, const struct sip_turn *turn, struct sip_tx *tx,
		enum sip_tx_failure failure);
	// `tx` dies when this returns. Called exactly once for each transaction that the TU was
	// given.
	void (*on_terminated)(void *context, const struct sip_turn *turn, struct sip_tx *tx);
};

struct sip_transactions_params {
	uint32_t count_max;        // 1..2^24, client and server transactions together
	uint64_t stored_bytes_max; // of messages kept for retransmission
	uint32_t t1_ms, t2_ms, t4_ms; // RFC 3261: 500, 4000, 5000; 0 = that default
	uint32_t retry_after_s;    // Retry-After of our own 503, 0 = none
	struct sip_keys keys;      // keyed tables, stateless To tags
	const struct sip_tu_ops *ops;
	void *context;
	uint64_t now_ms;
};

struct sip_transaction_metrics {
#define METRIC(field, kind, unit, help) _Atomic uint64_t field;
#include "sip/transaction.def"
#undef METRIC
};
// In the order of the .def file.
extern const struct metric_info sip_transaction_metric_info[];
extern const uint32_t sip_transaction_metric_count;

// NULL: out of memory.
struct sip_transactions *sip_transactions_new(const struct sip_transactions_params *params);
// Frees everything without callbacks.
void sip_transactions_free(struct sip_transactions *txs);

// Every parsed message goes in here.
void sip_transactions_receive(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_received *in);
// Fires due timers; on_failure() and on_terminated() come from here.
void sip_transactions_run(struct sip_transactions *txs, const struct sip_turn *turn);
// What was sent with `ticket` did not leave. A client transaction fails at once, unless a long
// request can still go by UDP; a server transaction goes on (RFC 6026 8.8: its timers end it, and
// the 2xx is sent again). `is_refused`: no connection was had. A ticket of the past is nobody's.
void sip_transactions_send_failed(struct sip_transactions *txs, const struct sip_turn *turn,
	uint64_t ticket, bool is_refused);
// When sip_transactions_run() must be called at the latest; UINT64_MAX = never.
uint64_t sip_transactions_next_ms(const struct sip_transactions *txs);
const struct sip_transaction_metrics *sip_transactions_metrics(const struct sip_transactions *txs);

// Whether a request belongs to a server transaction that exists: a retransmission.
bool sip_transactions_knows(const struct sip_transactions *txs, const struct sip_msg *request);

// Answers a request without a transaction (parse faults, refusals at the door). The To tag is
// keyed, so that the ACK of an INVITE so refused is absorbed by sip_transactions_receive().
// `reason` empty = the usual phrase. Does nothing for ACK and responses.
void sip_reply_stateless(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_received *in, uint16_t status, struct span reason);

// Any transaction ----------

enum sip_tx_kind sip_tx_kind(const struct sip_tx *tx);
enum sip_tx_state sip_tx_state(const struct sip_tx *tx);
enum sip_method sip_tx_method(const struct sip_tx *tx);
// For the TU alone; NULL at first (server) or what sip_client_start() was given.
void *sip_tx_user(const struct sip_tx *tx);
void sip_tx_set_user(struct sip_tx *tx, void *user);

// Client ----------

struct sip_client_params {
	struct span data;   // whole request, built by us for the hop's listener; copied
	struct span branch; // of its top Via, unique, with cookie
	enum sip_method method;
	struct span method_text; // as in CSeq
	struct sip_hop hop; // tls_name is copied
	void *user;
};

// Sends the request and follows it to its end. NULL: table or memory full (nothing was sent). Not
// for ACK (of a 2xx: just send it) and not for CANCEL (sip_client_cancel()).
struct sip_tx *sip_client_start(struct sip_transactions *txs, const struct sip_turn *turn,
	const struct sip_client_params *params);
// The request, as long as it may be sent again; in on_failure it is there. Borrowed until then.
struct span sip_client_request(const struct sip_tx *tx);
// RFC 3261 9.1: sends CANCEL once the INVITE has a provisional answer, or as soon as it gets one;
// no-op after the final answer. `extra` are whole header lines to add (Reason), may be empty;
// borrowed. If no final answer comes within 64*T1 of the CANCEL, on_failure(SIP_TX_CANCELLED).
void sip_client_cancel(struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx,
	struct span extra);

// Server ----------

// The To tag of all answers but 100; default is a keyed one. At most SIP_TX_TAG_MAX bytes, before
// the first answer that carries it; ignored when the request's To has a tag.
#define SIP_TX_TAG_MAX 64u
void sip_server_set_tag(struct sip_tx *tx, struct span tag);
struct span sip_server_tag(const struct sip_tx *tx);

// Head of a response: status line, Vias, From, To with tag, Call-ID, CSeq, and Record-Route where
// it belongs (101..299). The caller adds headers and sip_put_body(). The request need not exist any
// more.
void sip_server_put_head(const struct sip_tx *tx, struct sip_writer *w, uint16_t status,
	struct span reason);
// Sends a response built so, keeps a final one for retransmission, drives the state. A 2xx to
// INVITE is sent again at T1, 2*T1 .. T2 until sip_server_acked(), on behalf of the dialog (RFC
// 3261 13.3.1.4). 0, -EALREADY: the state allows no such response any more (counted, nothing sent),
// -ENOMEM: not kept (sent once all the same).
int sip_server_respond(struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx,
	uint16_t status, struct span data);
// sip_server_put_head() + sip_put_body() without body + sip_server_respond().
int sip_server_respond_simple(struct sip_transactions *txs, const struct sip_turn *turn,
	struct sip_tx *tx, uint16_t status, struct span reason);
// The dialog got the ACK of the 2xx.
void sip_server_acked(struct sip_transactions *txs, const struct sip_turn *turn, struct sip_tx *tx);

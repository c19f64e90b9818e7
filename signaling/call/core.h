// core.h - the signaling core of one worker: parse -> transaction -> call -> route -> offer/answer.
//
// One struct core per worker, used by that worker's thread only (or by the simulator). Pure in the
// sense of env.h. Nothing here blocks.
#pragma once

#include "call/env.h"

struct core;
struct trunk_table; // call/trunk.h

struct core_params {
	uint32_t worker;           // index; the shard map decides what it owns
	uint32_t calls_max;        // of this worker: slab limits, 503 beyond
	uint32_t transactions_max;
	struct hash_key key;       // cluster key: shards, tokens, tags, branches
	// Borrowed, shared by all cores of the process: trunk limits are exact over workers. NULL:
	// this core keeps a table of its own.
	struct trunk_table *trunks;
	uint64_t now_ms;
};

// A datagram or one framed stream message, as it came.
struct core_message {
	listener_id listener;      // tells the transport
	struct addr source;
	sip_connection connection; // 0 = a datagram
	bool is_dialled;           // the connection was opened by us
	uint16_t peer_trunk;       // that the certificate named, 1 + index; 0 = none did
	struct span data;          // borrowed during the call
	struct span call_id;       // in data, as core_scan() saw it; empty = nobody has looked
	bool is_handed_over;       // came back from an OUTBOX_HANDOVER: nobody else has its call
};

// NULL: out of memory.
struct core *core_new(const struct core_params *params);
// Retires nothing: flows of living calls stay in the segment (orphans of the next instance). The
// trunks, whose table may go on, get them back.
void core_free(struct core *core);

void core_receive(struct core *core, struct core_env *env, const struct core_message *message);

enum core_send_failure {
	CORE_SEND_QUEUE_FULL,     // the far end does not read
	CORE_SEND_CONNECT_FAILED, // also: no certificate that we believe
	CORE_SEND_CLOSED,         // the connection broke before the message was written, or is gone
};
// What became of an OUTBOX_SEND with a ticket; silence means that it left.
void core_send_failed(struct core *core, struct core_env *env, uint64_t ticket,
	enum core_send_failure failure);

// What became of an OUTBOX_RESOLVE: at most SIP_TARGETS_MAX, in the order in which to try them.
// `count` 0: the name leads nowhere, or nobody answered in time.
void core_resolved(struct core *core, struct core_env *env, uint64_t ticket,
	const struct sip_target *targets, uint32_t count);

// Media has news of ICE or DTLS (flow_secure_of()) of that call; 0: of any, hints were lost.
void core_media_changed(struct core *core, struct core_env *env, uint64_t call_token);

// Fires due timers. Call each turn.
void core_run_timers(struct core *core, struct core_env *env);
// When core_run_timers() must be called at the latest; UINT64_MAX = never.
uint64_t core_next_timer_ms(const struct core *core);

// Ends every call with BYE or an error answer (drain, simulator's end).
void core_hangup_all(struct core *core, struct core_env *env);

// Counters of this core (call/core_metric.def), readable from other threads with metric_read().
const struct core_metrics *core_metrics(const struct core *core);
// Likewise those of its transactions (sip/transaction.def).
struct sip_transaction_metrics;
const struct sip_transaction_metrics *core_transaction_metrics(const struct core *core);
// Timers of calls that are armed now, without those of transactions.
uint32_t core_timer_count(const struct core *core);

// `muga show calls`: walks the calls in use. Owner thread only, within a turn (after core_receive()
// or core_run_timers() with the same env). *cursor starts at 0; false at the end.
struct call_info; // call/summary.h
bool core_next_call(const struct core *core, uint32_t *cursor, struct call_info *out);

// Dispatch, by whoever receives a message: the shard (0..1023) from the Call-ID alone. A Call-ID
// that we made carries its shard under a MAC, any other is hashed with the cluster key. Scans only
// as far as the Call-ID header. False: no Call-ID found (then shard 0's owner answers 400 or
// drops). `keys` are made once, by sip_keys_init() from the cluster key (sip/token.h).
#define CORE_SHARDS 1024u
struct sip_keys;
struct core_scan {
	struct span call_id; // in the message
	uint32_t shard;
};
bool core_scan(const struct sip_keys *keys, struct span message, struct core_scan *out);

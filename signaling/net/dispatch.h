// dispatch.h - which worker owns a shard, and the lock-free way there.
//
// A map shard -> worker, published by RCU, and one byte ring per (from, to) pair of workers. A
// worker passes messages on during its turn and wakes each receiver once, at the end of it. What
// came off the network goes to the worker that owns the call, what is to be sent by a connection to
// the worker that owns that, and the news of what did not leave back again.
// Registered RCU readers call everything here but dispatch_publish_map(), dispatch_new() and
// dispatch_free().
#pragma once

#include "base/span.h"
#include "sip/transport.h"

#include <stdbool.h>
#include <stdint.h>

#define DISPATCH_WORKERS_MAX 64u
#define DISPATCH_HOPS_MAX    2u // a message whose shard moved on the way is passed on once more

// Wakes worker `to` from its sleep; any thread, may be called while it is awake.
typedef void (*dispatch_wake_fn)(void *context, uint32_t to);

struct dispatch_params {
	uint32_t workers;    // 1..DISPATCH_WORKERS_MAX
	uint32_t shards;     // size of the map
	uint32_t ring_bytes; // of each ring, a power of two; a message takes half of it at most
	dispatch_wake_fn wake;
	void *wake_context;  // borrowed for the life of the dispatch
};

enum dispatch_kind {
	DISPATCH_RECEIVED, // hop: where it came from
	DISPATCH_SEND,     // hop: where it is to go
	DISPATCH_FAILED,   // ticket and failure alone
	DISPATCH_ASK,      // for the call with the leg `name`; `from` and `ticket` are the asker's
	DISPATCH_GIVE,     // its record, empty = there is none
	DISPATCH_HEARD,    // ticket: flow << 8 | sequence of keepalive.h, answered
	DISPATCH_ALIAS,    // hop: its connection may be used towards its address (RFC 5923)
};

// What was tried of a SEND's target: the connection of an alias, asked for or in vain.
enum dispatch_alias { DISPATCH_ALIAS_UNTRIED, DISPATCH_ALIAS_ASKED, DISPATCH_ALIAS_REFUSED };

// A message on its way to the worker that owns it.
struct dispatch_message {
	enum dispatch_kind kind;
	uint32_t hops;      // rings crossed so far
	uint32_t from;      // SEND: worker that is told if it fails
	uint32_t failure;   // FAILED: enum stream_failure (net/stream.h)
	enum dispatch_alias alias; // SEND
	bool is_trusted;    // ALIAS: without a certificate, too
	uint64_t ticket;    // SEND (0 = nobody wants to know), FAILED, ASK, GIVE
	uint64_t name;      // ASK
	struct sip_hop hop; // its tls_name as `data`
	struct span data;   // dispatch_take(): borrowed until dispatch_release()
};

struct dispatch;

// The first map deals the shards out round: shard % workers. NULL: out of memory.
struct dispatch *dispatch_new(const struct dispatch_params *params);
void dispatch_free(struct dispatch *dispatch);

// Call-IDs that are not where their shard says.
struct moved;
struct moved *dispatch_moved(const struct dispatch *dispatch);

// Owner of `shard`, which must be below params.shards.
uint32_t dispatch_owner(const struct dispatch *dispatch, uint32_t shard);
// Control thread: replaces the map by `owners` [shards]; waits for a grace period. 0, -EINVAL (a
// worker that does not exist) or -ENOMEM.
int dispatch_publish_map(struct dispatch *dispatch, const uint16_t *owners);

// Worker `from`: false when the ring is full, the caller counts it. Copies the data.
bool dispatch_pass(struct dispatch *dispatch, uint32_t from, uint32_t to,
	const struct dispatch_message *message);
// Worker `from`: whether its next message to `to` finds room, with `bytes` of data and no TLS name.
bool dispatch_has_room(const struct dispatch *dispatch, uint32_t from, uint32_t to, uint32_t bytes);
// Worker `from`, at the end of its turn: one wake for each worker that got something.
void dispatch_wake(struct dispatch *dispatch, uint32_t from);

// Worker `to`: the next message, taken from the rings in turn so that no sender starves another.
bool dispatch_take(struct dispatch *dispatch, uint32_t to, struct dispatch_message *out);
// Worker `to`: gives the message of the last dispatch_take() back.
void dispatch_release(struct dispatch *dispatch, uint32_t to);

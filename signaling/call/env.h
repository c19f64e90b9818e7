// env.h - everything the pure core may see of the world, and everything it may ask of it.
//
// signaling/sip and signaling/call own no socket, clock, thread or library handle. They are
// functions (state, event, env) -> state + entries in the outbox. worker.c (real) and tests/sim
// (false clock, lossy network) fill the env and carry out the outbox, in order.
#pragma once

#include "base/addr.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/span.h"
#include "config/config.h"
#include "shm/flow_table.h"
#include "sip/transport.h"

#include <stdint.h>

// The SIP listener a message came in by or leaves by: realm index << 8 | listener index in the
// realm.
typedef uint32_t listener_id;

static inline listener_id listener_make(uint32_t realm, uint32_t listener)
{
	return realm << 8 | listener;
}

enum outbox_kind {
	OUTBOX_SEND,     // a SIP message to a numeric target
	OUTBOX_RESOLVE,  // RFC 3263: where a host is; core_resolved() brings the answer
	OUTBOX_FETCH,    // a call of another worker is needed here; core_fetched() brings it
	OUTBOX_HANDOVER, // a message whose call another worker has
	OUTBOX_ALIAS,    // the far end of a connection offers it for the way back (RFC 5923)
	OUTBOX_GONE,     // messages with a Call-ID need not be sent to this worker any more
	OUTBOX_CALL_END, // a call is over: log line and `muga show calls --ended`
};

struct outbox_send {
	// its tls_name and `data`: owned by the outbox's arena until it is flushed
	struct sip_hop hop;
	struct span data;
	uint64_t ticket;    // comes back with core_send_failed(), 0 = nobody wants to know
};

// Answered exactly once, by core_resolved() with the same ticket, in this turn or later.
struct outbox_resolve {
	uint64_t ticket;
	uint32_t realm;              // whose listeners say which transports and families will do
	struct span host;            // name, in the outbox's arena
	uint16_t port;               // 0 = none was given: SRV decides
	enum sip_transport transport;
	bool has_transport;          // given by a parameter or the configuration: no NAPTR
	bool is_secure;              // sips
};

// Answered at most once, by core_fetched() with the same ticket.
struct outbox_fetch {
	uint64_t ticket;
	uint32_t shard;              // whose owner has the call, unless it has moved too
	uint64_t name;               // of one of its legs, for core_move_out()
};

// An INVITE that names a call of another worker. It and all that follows it by its Call-ID goes to
// the worker that has that call, or comes back with core_message.is_handed_over.
struct outbox_handover {
	uint32_t shard;              // whose owner has the call, unless it has moved
	uint64_t dialog;             // core_call_key() of the call's dialog: it may have moved
	uint64_t name;               // of the call's leg, as struct outbox_fetch has it
	uint64_t own;                // core_call_key() of the message
	struct sip_hop hop;          // by which it came
	struct span data;            // the message, in the outbox's arena
};

struct outbox_alias {
	struct sip_hop hop;          // a connection, and where it leads as well
	bool is_trusted;             // without a certificate, too
};

struct call_summary; // call/summary.h

struct outbox_entry {
	enum outbox_kind kind;
	union {
		struct outbox_send send;
		struct outbox_resolve resolve;
		struct outbox_fetch fetch;
		struct outbox_handover handover;
		struct outbox_alias alias;
		uint64_t gone;               // core_call_key() of the Call-ID
		const struct call_summary *call_end; // in the outbox's arena
	};
};

struct outbox; // call/outbox.h: bounded list and arena, emptied by the conductor after each turn

struct core_env {
	uint64_t now_ms;             // monotonic, one value for the whole turn
	uint64_t unix_ms;
	struct rng *rng;
	const struct config *config; // snapshot, borrowed for this turn
	struct flow_writer *flows;   // port pool and this worker's part of the flow table
	struct outbox *outbox;
	uint32_t home_shard;         // one that this worker owns: calls of ours lie in it
	bool is_draining;            // living calls go on, new ones get 503
	// While more new calls come than can be taken: how many may begin, how many more may be
	// refused with 503; what is left over is dropped. The core counts them down, the
	// conductor fills them (worker_overload.c).
	bool is_overloaded;
	uint32_t calls_left, refusals_left;
	uint32_t calls_dropped;      // counted up
};

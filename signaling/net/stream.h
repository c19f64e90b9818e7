// stream.h - the connections of one worker: TCP, TLS, WebSocket; accepted or dialled.
//
// Owned by one worker's thread. Never blocks. One descriptor (streams_fd()) tells that something
// happened anywhere; the work is done in streams_run(), in portions, so that no storm of strangers
// delays the calls of the turn. What is sent is written by streams_flush(). Messages of one
// connection come in the order of the wire and leave in the order of streams_send().
#pragma once

#include "net/alias.h"
#include "net/connection.h"
#include "net/metric.h"
#include "net/source.h"

// In the order of enum core_send_failure (call/core.h).
enum stream_failure { STREAM_QUEUE_FULL, STREAM_CONNECT_FAILED, STREAM_CLOSED };

// How we speak to a far end.
struct stream_rules {
	// Of TLS and WSS: the contexts of whom we dial or of our listener; NULL = refuse to. A
	// session keeps what it needs of it.
	struct tls_context *tls;
	struct span path;      // of the WebSocket that we ask for; for the turn, empty = "/"
	uint32_t keepalive_ms; // between our pings, 0 = none (RFC 5626 4.4.1)
};

// Called inside streams_run(), streams_send() and streams_flush(). They may call streams_send() and
// streams_flush(), but not streams_run().
struct stream_handler {
	void *user;
	// One whole SIP message, borrowed until the handler returns.
	void (*on_message)(void *user, const struct sip_hop *from, struct span message);
	// A message with a ticket did not leave. `from` is what stream_send said.
	void (*on_failed)(void *user, uint32_t from, uint64_t ticket, enum stream_failure failure);
	// Of a connection to or, unless hop->is_dialled, from there.
	struct stream_rules (*rules_of)(void *user, const struct sip_hop *hop);
	// Whose certificate was shown there: what hop.peer_trunk becomes. NULL: nobody asks.
	uint16_t (*peer_of)(void *user, const struct sip_hop *hop, const struct tls_session *tls);
};

struct stream_params {
	uint32_t worker, workers;
	struct hash_key key;           // of tables and of connection_owner()
	uint32_t connections_max;      // of this worker, 1..CONNECTION_SLOTS_MAX
	uint32_t connect_ms;           // see struct config_connections (config/config.h)
	uint32_t handshake_ms;
	uint32_t message_ms;
	uint32_t idle_ms;
	struct source_table *sources;  // borrowed, shared by all workers
	struct aliases *aliases;       // likewise; NULL: streams_alias() is not called
	struct net_metrics *metrics;   // borrowed
	struct stream_handler handler;
	uint64_t now_ms;
};

struct streams;

// 0, -ENOMEM or -errno of epoll_create1(2).
int streams_new(const struct stream_params *params, struct streams **out);
// Ends every connection; the handler hears of the tickets that still wait. Safe with NULL.
void streams_free(struct streams *streams);

struct stream_listen {
	uint32_t id;               // realm << 8 | index
	enum sip_transport transport;
	struct addr addr;
	uint8_t dscp;              // of what is sent by its connections
	// Of WS and WSS, copied: see struct ws_params. None = any.
	const char *const *origins;
	uint32_t origin_count;     // 0..WS_ORIGINS_MAX
};
// 0, -ENOMEM or -errno of tcp_listen(). Connections that are dialled come from its address.
int streams_listen(struct streams *streams, const struct stream_listen *listen);
// Where that listener is bound (its port, if 0 was asked for). False: no such one.
bool streams_address(const struct streams *streams, uint32_t id, struct addr *out);

// Readable when streams_run() has something to read; owned by the streams.
int streams_fd(const struct streams *streams);
// Deadlines, and if `is_readable` one portion of what the descriptor stands for.
void streams_run(struct streams *streams, uint64_t now_ms, bool is_readable);
// When streams_run() must be called at the latest, UINT64_MAX = never.
uint64_t streams_next_ms(const struct streams *streams);

struct stream_send {
	struct sip_hop hop;
	// Copied. Empty: only the connection is wanted, the ticket hears of its end.
	struct span data;
	uint64_t ticket;    // 0 = nobody wants to know
	uint32_t from;      // worker whose ticket it is
	bool is_again;      // was lost with a connection before: not a third time
};
// By the connection that hop names while it lives; else, unless it is bound to that, by one to the
// same target; else one is dialled. Only what is asked for by connection_owner() may be dialled
// here, and only what streams_has() can go by its handle alone.
void streams_send(struct streams *streams, const struct stream_send *send);
bool streams_has(const struct streams *streams, sip_connection handle);

// The far end of offered->connection says that messages to offered->addr may go by it (RFC 5923 5).
// Taken over if its certificate is one that we believe, or if it has none and is_trusted.
void streams_alias(struct streams *streams, const struct sip_hop *offered, bool is_trusted);
// Whether what would be dialled for `hop` may go by hop->connection: it was offered, and its
// certificate shows the trunk or the name that we would have asked for.
bool streams_leads_to(const struct streams *streams, const struct sip_hop *hop);
void streams_flush(struct streams *streams);

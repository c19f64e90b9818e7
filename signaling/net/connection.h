// connection.h - handles of connections, and the table of those that one worker owns.
//
// A handle {worker, slot, generation} may be kept anywhere and outlives its connection: then it
// leads nowhere. Connections that we opened are also found by what they were opened for (struct
// sip_hop: listener, address, TLS rules and name), and that alone says which worker owns them, so
// that two workers never dial one peer twice. Everything with a table is for its worker's thread.
#pragma once

#include "base/hash.h"
#include "base/slab.h"
#include "base/timer_wheel.h"
#include "net/tls.h"
#include "sip/framing.h"
#include "sip/transport.h"

#include <stdbool.h>
#include <stdint.h>

#define CONNECTION_SLOTS_MAX (1u << 24) // of one worker

static inline sip_connection connection_handle(uint32_t worker, struct slab_handle slot)
{
	return (uint64_t)worker << 56 | (uint64_t)slot.index << 32 | slot.generation;
}

static inline uint32_t connection_worker(sip_connection handle)
{
	return (uint32_t)(handle >> 56);
}

// Of 0..workers-1: who dials `hop` and keeps what comes of it.
uint32_t connection_owner(const struct hash_key *key, const struct sip_hop *hop, uint32_t workers);

// In the order of a connection's life.
enum connection_state {
	CONNECTION_CONNECTING, // we dialled, TCP is not up yet
	CONNECTION_TLS,        // TLS handshake
	CONNECTION_UPGRADE,    // WebSocket handshake
	CONNECTION_OPEN,
	CONNECTION_CLOSED,     // no descriptor any more; the slot is given back at the next turn
};

// One write that is not done yet.
struct chunk {
	struct chunk *next;
	uint64_t ticket;       // of the message that ends here, 0 = nobody wants to know
	uint32_t from;         // worker that does
	uint32_t len;
	uint32_t sent;         // bytes of it that left
	bool is_encrypted;     // all of it is TLS output already
	bool is_again;         // was lost with a connection before
	uint64_t end_at;       // in `unacked`: bytes on the wire with its last one
	char data[];
};

struct chunk_list {
	struct chunk *head, *tail;
};

// First member of what epoll leads to.
enum poll_kind { POLL_LISTENER, POLL_CONNECTION };

struct ws;
struct streams;

struct connection {
	enum poll_kind kind;
	int fd;
	enum connection_state state;
	enum sip_transport transport;
	bool is_outbound;
	bool is_write_polled;      // waits until the socket takes more
	bool is_dirty;             // in streams.dirty
	bool has_spoken;           // a whole message or keep-alive came
	bool is_over;              // what is queued is sent, then it is closed
	bool is_cut;               // a part of a WebSocket frame found no room in the queue
	bool is_receiving;         // ws_receive() is at work: what is to be sent waits
	uint32_t owed;             // requests that came and have no final answer yet
	uint32_t keepalive_ms;     // between our pings, 0 = none
	uint32_t pings;            // ever sent
	uint64_t ping_ms;          // when the next one is due, 0 = never
	uint64_t pinged_ms;        // since when a pong is awaited, 0 = none is
	uint64_t pongs_seen;       // of ws_pongs()
	struct addr alias;         // if has_alias: where it leads as well (RFC 5923)
	bool has_alias;
	uint64_t watch_ticket;     // who wants to hear of its end, 0 = nobody
	uint32_t watch_from;       // worker that does
	uint64_t ended_ms;         // since when the far end says no more, 0 = it may
	uint8_t over_reason;       // enum close_reason (stream_private.h) of that end
	const char *over_detail;   // static, for the log
	struct streams *streams;
	sip_connection handle;
	struct sip_hop hop;        // its connection is `handle`; tls_name lies in `name`
	struct tls_session *tls;   // NULL = plain
	struct ws *ws;             // NULL = no WebSocket
	struct sip_framer framer;  // unless ws
	struct timer timer;        // one for all deadlines
	uint64_t opened_ms;
	uint64_t active_ms;        // last message or keep-alive, either way
	uint64_t partial_ms;       // since when half a message waits, 0 = none does
	uint64_t stalled_ms;       // since when the far end takes nothing, 0 = it does
	char *rx;                  // half a message, owned
	uint32_t rx_len, rx_cap;
	uint32_t bytes;            // counted at the source: rx_cap and all chunks
	struct chunk_list out;     // for the socket, or for TLS
	struct chunk_list waiting; // messages until it is open
	struct chunk_list unacked; // written, maybe not delivered (stream_resend.c)
	uint64_t wire_bytes;       // written so far
	struct chunk *current;     // message that ws.h is framing now, in send_framed() only
	struct chunk *last_of_current; // newest chunk made of it
	struct connection *next;   // in a bucket
	struct connection *next_dirty;
	struct connection *next_closed;
	uint16_t name_len;
	char name[SIP_TLS_NAME_MAX];
};

struct connection_table;

// `count_max` up to CONNECTION_SLOTS_MAX. NULL: out of memory.
struct connection_table *connection_table_new(uint32_t worker, uint32_t count_max,
	const struct hash_key *key);
void connection_table_free(struct connection_table *table);

// Zeroed but for handle and hop, whose tls_name is copied. With `is_outbound` connection_find()
// finds it until connection_hide(). NULL: full, or a name that is too long.
struct connection *connection_new(struct connection_table *table, const struct sip_hop *hop,
	bool is_outbound);
void connection_hide(struct connection_table *table, struct connection *connection);
void connection_free(struct connection_table *table, struct connection *connection);

struct connection *connection_lookup(const struct connection_table *table, sip_connection handle);
struct connection *connection_find(const struct connection_table *table,
	const struct sip_hop *hop);
// For walking all of them, as slab_next().
struct connection *connection_next(const struct connection_table *table, uint32_t *cursor);
uint32_t connection_count(const struct connection_table *table);

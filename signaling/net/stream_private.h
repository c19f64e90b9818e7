// stream_private.h - the inside of struct streams, for stream*.c only.
#pragma once

#include "net/stream.h"
#include "net/ws.h"
#include "sip/msg.h"

#define STREAM_LISTENERS_MAX 1024u // realms by listeners
#define STREAM_READ_BYTES    16384u // of one read: a TLS record's plain text, too
#define STREAM_PORTIONS      2u     // see streams.plain

enum close_reason {
#define CLOSE(id, name, metric, is_abort) CLOSE_##id,
#include "net/close_reason.def"
#undef CLOSE
	CLOSE_REASON_COUNT
};

struct stream_listener {
	enum poll_kind kind;
	int fd;
	uint32_t id;
	enum sip_transport transport;
	struct addr addr;
	uint8_t dscp;
	bool is_paused;        // no descriptor was left
	uint32_t origin_count;
	struct span origins[WS_ORIGINS_MAX]; // owned
};

struct streams {
	struct stream_params params;
	struct connection_table *table;
	struct timer_wheel *wheel;
	int epoll;
	uint64_t now_ms;       // of the turn
	struct stream_listener *listeners[STREAM_LISTENERS_MAX];
	uint32_t listener_count;
	uint64_t paused_ms;    // since when accepting rests, 0 = it does not
	struct connection *dirty;  // have something to write
	struct connection *closed; // to be freed at the next turn
	// what is left of this turn's portion
	uint32_t accepts_left, handshakes_left, messages_left;
	// log lines about strangers
	uint64_t log_second;
	uint32_t log_lines;
	struct sip_msg msg;    // of a message that is refused
	char wire[STREAM_READ_BYTES];
	char plain[STREAM_READ_BYTES]; // of TLS
};

// stream.c ----------------------------------------------------------------------------------------
// Makes a connection around `fd`, which it owns from then on. NULL: refused and closed, counted.
struct connection *connection_add(struct streams *streams, const struct sip_hop *hop, int fd,
	bool is_outbound);
// Once; fails the tickets of what is queued. `detail` goes to the log, NULL = nothing to add.
void connection_close(struct connection *connection, enum close_reason reason, const char *detail);
// Sends what is queued, then closes; `detail` is static.
void connection_finish(struct connection *connection, enum close_reason reason, const char *detail);
// Whether it may be used by whoever has something to send.
static inline bool connection_is_usable(const struct connection *connection)
{
	return connection != NULL && connection->state != CONNECTION_CLOSED &&
		!connection->is_over;
}
// Strangers fill no log: true for the first lines of each second.
bool stream_may_log(struct streams *streams);
const struct stream_listener *stream_listener_of(const struct streams *streams, uint32_t id);
struct stream_rules connection_rules(const struct connection *connection);

// stream_deadline.c -------------------------------------------------------------------------------
// Sets the timer to the next deadline after one of the connection's times changed.
void connection_arm(struct connection *connection);

// stream_open.c: from a socket to an open connection ---------------------------------------------
void stream_accept(struct streams *streams, struct stream_listener *listener);
struct connection *stream_dial(struct streams *streams, const struct sip_hop *hop);
void connection_connected(struct connection *connection); // TCP is up
// Goes on with TLS; true when it is open.
bool connection_handshake(struct connection *connection);
void connection_opened(struct connection *connection);    // messages may leave

// Tells the kernel what it waits for, after one of its reasons changed.
void connection_poll(struct connection *connection);
// The far end says no more, and gets what it is owed.
void connection_ended(struct connection *connection);

// stream_read.c -----------------------------------------------------------------------------------
void connection_receive(struct connection *connection); // readable
void connection_spoke(struct connection *connection);   // a message, ping or pong came
// One message, or another frame, that came by ws.h or by the framer.
void connection_take_frame(struct connection *connection, const struct sip_frame *frame);

// stream_alias.c ----------------------------------------------------------------------------------
void connection_drop_alias(struct connection *connection);

// stream_keepalive.c ------------------------------------------------------------------------------
// Once it is open; 0 = no pings.
void connection_keep_alive(struct connection *connection, uint32_t interval_ms);
void connection_ping(struct connection *connection);
void connection_ponged(struct connection *connection);
#define STREAM_PONG_MS 10000u // RFC 5626 4.4.1

// stream_write.c ----------------------------------------------------------------------------------
void connection_send(struct connection *connection, const struct stream_send *send);
// Raw bytes behind what is queued. False: no room.
bool connection_put(struct connection *connection, struct span bytes);
void connection_send_waiting(struct connection *connection); // once it is open
void connection_touch(struct connection *connection);   // to be written by the next flush
void connection_pump(struct connection *connection);    // writes what the socket takes
void connection_fail_queued(struct connection *connection, enum stream_failure failure);
void connection_give_bytes(struct connection *connection, uint32_t bytes);
bool connection_take_bytes(struct connection *connection, uint32_t bytes);

struct chunk *chunk_pop(struct chunk_list *list);
void chunk_append(struct chunk_list *list, struct chunk *chunk);
void chunk_free(struct connection *connection, struct chunk *chunk);
// Tells whoever waits for its ticket, and frees it.
void chunk_fail(struct connection *connection, struct chunk *chunk, enum stream_failure failure);

// stream_resend.c ---------------------------------------------------------------------------------
// Takes a chunk whose last byte was written.
void connection_written(struct connection *connection, struct chunk *chunk);
void connection_note_acked(struct connection *connection); // drops what was delivered
// When it is closed and hidden: what it did not deliver goes by another one.
void connection_resend(struct connection *connection);

// stream_ws.c -------------------------------------------------------------------------------------
bool connection_open_ws(struct connection *connection); // begins the WebSocket handshake
void connection_receive_ws(struct connection *connection, struct span data);

// stream_refuse.c ---------------------------------------------------------------------------------
void connection_refuse(struct connection *connection, const struct sip_frame *frame);

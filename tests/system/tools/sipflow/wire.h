// wire.h - the two ends of the generator on the network: UDP, TCP, TLS, WebSocket in either kind.
//
// Either end listens, and dials the border. Messages leave here whole: cut from streams by
// Content-Length, from WebSockets by their frames. One thread, nothing blocks. Shares nothing with
// signaling/net on purpose.
#pragma once

#include "bytes.h"
#include "../sip_text.h"

#include <openssl/ssl.h>

enum wire_kind { WIRE_UDP, WIRE_TCP, WIRE_TLS, WIRE_WS, WIRE_WSS };
enum { SIDE_A, SIDE_B, SIDES };

struct wire_end {
	const char *netns;      // path or NULL
	enum wire_kind kind;
	char ip[64], border_ip[64];
	uint16_t port, border_port; // border: where requests go, and where connections are made to
};

struct wire_params {
	struct wire_end end[SIDES];
	const char *ca, *cert, *key; // PEM, for TLS in both roles; NULL where no end speaks TLS
};

struct wire_message {
	int side;
	uint32_t connection;    // by which it came, 0 = a datagram
	const char *text;       // ends in NUL
};
typedef void (*wire_message_fn)(void *context, const struct wire_message *message);

struct wire_counts {
	uint64_t sent, received, dialled, accepted, closed, failed;
};

struct connection {
	struct connection *next;
	uint32_t id;
	int side, fd;
	SSL *ssl;               // NULL: in the clear
	bool is_ours;           // we dialled it
	bool is_dead;           // freed at the end of the turn
	bool wants_write;
	struct websocket *ws;   // NULL: none
	struct bytes in, out;   // what came and is no whole message yet; what is to be written
};

struct wire {
	struct wire_params params;
	wire_message_fn receive;
	void *context;
	int epoll_fd, socket_fd[SIDES]; // the datagram or the listening socket
	SSL_CTX *client, *server;
	struct connection *connections;
	uint32_t last_id;
	struct wire_counts counts;
};

// Message on stderr and false: it cannot be.
bool wire_open(struct wire *wire, const struct wire_params *params);
void wire_close(struct wire *wire);
// By that connection, or by a new one where it is 0 or gone; says which it was.
void wire_send(struct wire *wire, int side, uint32_t *connection, const char *text);
// Closed at once, without a farewell where `is_abrupt`.
void wire_hang_up(struct wire *wire, uint32_t connection, bool is_abrupt);
// Reads and writes what can be, at most that long.
void wire_turn(struct wire *wire, int timeout_ms);

const char *wire_name(enum wire_kind kind); // as in Via
bool wire_kind_of(const char *name, enum wire_kind *out);
bool wire_is_websocket(enum wire_kind kind);

// connection.c: one stream ------------------------------------------------------------------------

// Takes the descriptor; NULL: no memory.
struct connection *connection_add(struct wire *wire, int side, int fd, bool is_ours);
void connection_free(struct connection *connection);
// The descriptor is ready for something.
void connection_pump(struct wire *wire, struct connection *connection);
// Queues and writes what can be written.
void connection_send(struct wire *wire, struct connection *connection, const char *text);
void connection_flush(struct wire *wire, struct connection *connection);

// tls.c -------------------------------------------------------------------------------------------

// Contexts of both roles; message on stderr and false: a file is no good.
bool tls_open(struct wire *wire);
SSL *tls_begin(struct wire *wire, const struct connection *connection);

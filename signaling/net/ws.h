// ws.h - WebSocket (RFC 6455) with the subprotocol "sip" (RFC 7118) as a codec: bytes of one
// connection in; SIP messages, and bytes to be sent, out. Framing by wslay.
//
// Knows no socket and no TLS: what struct ws_handler is given goes to either. One struct ws per
// connection, used by its worker only. Handlers run inside ws_receive(), ws_send(), ws_ping() and
// ws_close(); they may call ws_send(), ws_ping() and ws_close() again, but not ws_receive() or
// ws_free(). Deadlines are the owner's: ws_is_idle() says whether one is needed.
#pragma once

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define WS_HANDSHAKE_MAX 8192u // bytes of the peer's request or response, with its empty line
#define WS_FRAGMENTS_MAX 256u  // frames of one message: more cost us more than they tell
#define WS_ORIGINS_MAX   32u

// Close codes of RFC 6455 7.4.1 that we send.
enum ws_code {
	WS_CODE_NORMAL = 1000,
	WS_CODE_GOING_AWAY = 1001, // shutdown
	WS_CODE_PROTOCOL = 1002,
	WS_CODE_NOT_UTF8 = 1007,
	WS_CODE_POLICY = 1008, // too many fragments; for the owner: rate, no SIP
	WS_CODE_TOO_LARGE = 1009,
	WS_CODE_INTERNAL = 1011,
};

struct ws_handler {
	void *user;
	// The handshake is done: ws_send() works from now on.
	void (*on_open)(void *user);
	// One whole message, text or binary, borrowed until the handler returns. sip_frame_single()
	// tells what it is.
	void (*on_message)(void *user, struct span message);
	// A ping, a pong or a close frame came; NULL: nobody wants to know.
	void (*on_control)(void *user);
	// Send these bytes after those of the calls before; borrowed until the handler returns.
	void (*on_output)(void *user, struct span bytes);
};

struct ws_params {
	struct ws_handler handler;
	uint32_t
		// payload bytes of a message; a longer one closes with WS_CODE_TOO_LARGE
		message_max;
	// Server: who may connect from a browser, as "https://phone.example.com", compared without
	// case; borrowed for the life of the struct ws. None given: any. A request without Origin
	// is no browser's and always let in.
	const struct span *origins;
	uint32_t origin_count; // 0..WS_ORIGINS_MAX
	// Client: the request, copied by ws_new_client(). Host "sip.example.com:8443", path "/sip"
	// (empty = "/"), Origin or empty.
	struct span host;
	struct span path;
	struct span origin;
};

enum ws_verdict {
	WS_GOES_ON,
	// Nothing more comes or goes: send what on_output was given, then close the connection.
	WS_OVER,
};

struct ws;

// Waits for the client's request. NULL: out of memory.
struct ws *ws_new_server(const struct ws_params *params);
// Gives its request to on_output at once. NULL: out of memory, or host, path or origin hold what no
// request line or header may.
struct ws *ws_new_client(const struct ws_params *params);
void ws_free(struct ws *ws);

// Takes all of `data`. After WS_OVER every further call returns WS_OVER.
enum ws_verdict ws_receive(struct ws *ws, struct span data);

// One message: a text frame if it is UTF-8, else binary (RFC 7118 5). 0, -ENOTCONN (not open, or
// closing), -ENOMEM.
int ws_send(struct ws *ws, struct span message);
// Ping of RFC 6455 5.5.2; the pong makes ws_pongs() grow. 0, -ENOTCONN, -ENOMEM.
int ws_ping(struct ws *ws);
uint64_t ws_pongs(const struct ws *ws);
// Starts the closing handshake; what comes until the peer's close frame is still delivered. Before
// the handshake was done: WS_OVER at once. The owner closes anyway after a while.
enum ws_verdict ws_close(struct ws *ws, enum ws_code code);

bool ws_is_open(const struct ws *ws); // handshake done, no close sent or received
// Open, and not in the middle of a frame or message.
bool ws_is_idle(const struct ws *ws);
// Why it is over or the handshake was refused, for the log; static text, "" while all is well.
const char *ws_why(const struct ws *ws);

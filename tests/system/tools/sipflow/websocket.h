// websocket.h - RFC 6455 as far as RFC 7118 needs it, in either role.
#pragma once

#include "bytes.h"

#include <stdbool.h>

struct websocket;

enum websocket_event { WEBSOCKET_NOTHING, WEBSOCKET_MESSAGE, WEBSOCKET_OVER };

// A client's upgrade request goes to `out` at once.
struct websocket *websocket_new(bool is_client, const char *host, struct bytes *out);
void websocket_free(struct websocket *ws);
// One text message; it waits until the handshake is over.
void websocket_send(struct websocket *ws, struct bytes *out, const char *text);
// What is next in `in`. MESSAGE: appended to `message`. Pongs and the answer of the handshake go to
// `out`. OVER: closed, or no WebSocket with the subprotocol sip.
enum websocket_event websocket_next(struct websocket *ws, struct bytes *in, struct bytes *out,
	struct bytes *message);

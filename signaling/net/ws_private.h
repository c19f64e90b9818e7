// ws_private.h - the inside of a WebSocket connection, for ws.c and ws_handshake.c only.
#pragma once

#include "net/ws.h"

#define WS_KEY_BYTES    24u // 16 random bytes in base64: Sec-WebSocket-Key
#define WS_ACCEPT_BYTES 28u // SHA-1 in base64: Sec-WebSocket-Accept

// What the peer of a finished handshake gets, or why there is none.
struct ws_answer {
	uint16_t status; // of HTTP: 101 = accepted
	const char *why; // static, for the log; "" if accepted
	char accept[WS_ACCEPT_BYTES];
};

// Judges the client's request, start line to empty line (RFC 6455 4.2.1, RFC 7118 4.2).
void ws_request_judge(struct span head, const struct ws_params *params, struct ws_answer *out);
// The response to it, with the empty line. Borrowed static text or `buf` of WS_RESPONSE_MAX bytes.
#define WS_RESPONSE_MAX 256u
struct span ws_response_format(const struct ws_answer *answer, char *buf);

// The client's request into `buf` of WS_HANDSHAKE_MAX bytes; `key` of WS_KEY_BYTES. An empty span:
// host, path or origin hold what no request may, or are too long.
struct span ws_request_format(const struct ws_params *params, const char *key, char *buf);
// NULL, or why the server's response, start line to empty line, is no consent (RFC 6455 4.1).
const char *ws_response_judge(struct span head, const char *key);

// Base64 of 16 random bytes.
void ws_key_make(char key[WS_KEY_BYTES]);
void ws_accept_of(struct span key, char accept[WS_ACCEPT_BYTES]);

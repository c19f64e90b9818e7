#include "websocket.h"

#include "../sip_text.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

enum opcode { OP_CONTINUATION, OP_TEXT, OP_BINARY, OP_CLOSE = 8, OP_PING, OP_PONG };

struct websocket {
	bool is_client, is_open;
	char key[32];       // of our upgrade request
	struct bytes held;  // frames that wait for the handshake
	struct bytes part;  // fragments so far
};

static void accept_of(const char *key, char out[32])
{
	unsigned char sum[20];
	char text[128];

	snprintf(text, sizeof(text), "%s" GUID, key);
	EVP_Digest(text, strlen(text), sum, NULL, EVP_sha1(), NULL);
	EVP_EncodeBlock((unsigned char *)out, sum, sizeof(sum));
}

struct websocket *websocket_new(bool is_client, const char *host, struct bytes *out)
{
	struct websocket *ws = calloc(1, sizeof(*ws));
	unsigned char nonce[16];
	char request[512];

	if (!ws)
		abort();
	ws->is_client = is_client;
	if (!is_client)
		return ws;
	RAND_bytes(nonce, sizeof(nonce));
	EVP_EncodeBlock((unsigned char *)ws->key, nonce, sizeof(nonce));
	int len = snprintf(request, sizeof(request),
		"GET / HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: sip\r\n"
		"Sec-WebSocket-Version: 13\r\n\r\n", host, ws->key);
	bytes_put(out, request, (size_t)len);
	return ws;
}

void websocket_free(struct websocket *ws)
{
	if (!ws)
		return;
	bytes_free(&ws->held);
	bytes_free(&ws->part);
	free(ws);
}

static void put_frame(const struct websocket *ws, struct bytes *out, enum opcode opcode,
	const struct bytes *data)
{
	unsigned char head[8] = { 0x80 | opcode }, mask[4] = { 0 };
	size_t len = 2;

	if (data->len < 126) {
		head[1] = (unsigned char)data->len;
	} else {
		head[1] = 126;
		head[2] = (unsigned char)(data->len >> 8);
		head[3] = (unsigned char)data->len;
		len = 4;
	}
	if (ws->is_client) { // whose frames are masked
		head[1] |= 0x80;
		RAND_bytes(mask, sizeof(mask));
		memcpy(head + len, mask, sizeof(mask));
		len += sizeof(mask);
	}
	bytes_put(out, head, len);
	for (size_t i = 0; i < data->len; i++)
		bytes_put(out, &(char){ (char)(data->data[i] ^ mask[i % 4]) }, 1);
}

void websocket_send(struct websocket *ws, struct bytes *out, const char *text)
{
	struct bytes data = { .data = (char *)text, .len = strlen(text) };

	put_frame(ws, ws->is_open ? out : &ws->held, OP_TEXT, &data);
}

// The server's half: whatever asks for a WebSocket of SIP gets it.
static bool answer_upgrade(const char *head, struct bytes *out)
{
	char key[64], accept[32], protocol[64], text[256];

	if (strncmp(head, "GET ", 4) ||
		!sip_text_header(head, "Sec-WebSocket-Key", key, sizeof(key)) ||
		!sip_text_header(head, "Sec-WebSocket-Protocol", protocol, sizeof(protocol)) ||
		!strstr(protocol, "sip"))
		return false;
	accept_of(key, accept);
	int len = snprintf(text, sizeof(text),
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: sip\r\n\r\n", accept);
	bytes_put(out, text, (size_t)len);
	return true;
}

static bool is_upgraded(const struct websocket *ws, const char *head)
{
	char accept[64] = "", protocol[64] = "", wanted[32];

	accept_of(ws->key, wanted);
	sip_text_header(head, "Sec-WebSocket-Accept", accept, sizeof(accept));
	sip_text_header(head, "Sec-WebSocket-Protocol", protocol, sizeof(protocol));
	return !strncmp(head, "HTTP/1.1 101 ", 13) && !strcmp(accept, wanted) &&
		!strcmp(protocol, "sip");
}

static enum websocket_event shake(struct websocket *ws, struct bytes *in, struct bytes *out)
{
	char *end = strstr(in->data, "\r\n\r\n");

	if (!end)
		return WEBSOCKET_NOTHING;
	if (ws->is_client ? !is_upgraded(ws, in->data) : !answer_upgrade(in->data, out))
		return WEBSOCKET_OVER;
	bytes_take(in, (size_t)(end + 4 - in->data));
	ws->is_open = true;
	bytes_put(out, ws->held.len ? ws->held.data : "", ws->held.len);
	ws->held.len = 0;
	return WEBSOCKET_MESSAGE;
}

struct frame {
	enum opcode opcode;
	bool is_last;
	struct bytes data; // inside the buffer
	size_t len;        // of all of it
};

// False: it is not whole yet.
static bool parse_frame(struct bytes *in, struct frame *out)
{
	unsigned char *raw = (unsigned char *)in->data;
	size_t at = 2;

	if (in->len < at)
		return false;
	size_t len = raw[1] & 0x7f;
	if (len == 126 && in->len >= 4)
		len = (size_t)raw[2] << 8 | raw[3], at = 4;
	else if (len >= 126)
		return false; // longer ones than 64 KiB are no SIP
	unsigned char *mask = raw + at;
	bool is_masked = raw[1] & 0x80;
	at += is_masked ? 4 : 0;
	if (in->len < at + len)
		return false;
	for (size_t i = 0; is_masked && i < len; i++)
		raw[at + i] ^= mask[i % 4];
	*out = (struct frame){ .opcode = raw[0] & 0x0f, .is_last = raw[0] & 0x80,
		.data = { .data = in->data + at, .len = len }, .len = at + len };
	return true;
}

// MESSAGE: a whole one is in ws->part. NOTHING: go on with the next frame.
static enum websocket_event take_frame(struct websocket *ws, const struct frame *frame,
	struct bytes *out)
{
	switch (frame->opcode) {
	case OP_PING:
		put_frame(ws, out, OP_PONG, &frame->data);
		return WEBSOCKET_NOTHING;
	case OP_PONG:
		return WEBSOCKET_NOTHING;
	case OP_CLOSE:
		put_frame(ws, out, OP_CLOSE, &frame->data);
		return WEBSOCKET_OVER;
	case OP_TEXT:
	case OP_BINARY:
	case OP_CONTINUATION:
		bytes_put(&ws->part, frame->data.data, frame->data.len);
		return frame->is_last ? WEBSOCKET_MESSAGE : WEBSOCKET_NOTHING;
	}
	return WEBSOCKET_OVER;
}

enum websocket_event websocket_next(struct websocket *ws, struct bytes *in, struct bytes *out,
	struct bytes *message)
{
	struct frame frame;

	if (!ws->is_open) {
		enum websocket_event event = in->len ? shake(ws, in, out) : WEBSOCKET_NOTHING;
		if (event != WEBSOCKET_MESSAGE)
			return event;
	}
	while (parse_frame(in, &frame)) {
		// The role decides who masks (RFC 6455 5.1).
		bool is_masked = in->data[1] & 0x80;
		enum websocket_event event = is_masked == ws->is_client ? WEBSOCKET_OVER :
			take_frame(ws, &frame, out);
		bytes_take(in, frame.len);
		if (event == WEBSOCKET_OVER)
			return event;
		if (event == WEBSOCKET_MESSAGE) {
			bytes_put(message, ws->part.data, ws->part.len);
			ws->part.len = 0;
			return event;
		}
	}
	return WEBSOCKET_NOTHING;
}

// fuzz_ws.c - a WebSocket connection: bit 0 of the first byte makes us the client, bit 1 puts a
// good handshake in front (of a server's), the rest of that byte is the size of the pieces; then
// the peer's bytes.
//
// Invariants: no message beyond the limit; nothing but a refusal is sent before the handshake is
// done; after WS_OVER nothing more is sent or delivered.
#include "base/check.h"
#include "net/ws.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MESSAGE_MAX 1000u

static const char handshake[] =
	"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n";

struct end {
	struct ws *ws;
	bool is_open, is_over;
	uint32_t output, messages;
};

static void on_open(void *user)
{
	struct end *end = user;
	CHECK(!end->is_open);
	end->is_open = true;
}

static void on_message(void *user, struct span message)
{
	struct end *end = user;
	CHECK(end->is_open && !end->is_over && message.len <= MESSAGE_MAX);
	CHECK(end->messages++ < 100000);
	// A conversation: some messages are answered, some close.
	if (message.len % 3 == 1)
		ws_send(end->ws, message);
	if (message.len % 16 == 15)
		ws_close(end->ws, WS_CODE_POLICY);
}

static void on_output(void *user, struct span bytes)
{
	struct end *end = user;
	CHECK(!end->is_over && bytes.len > 0);
	end->output += bytes.len;
}

static void feed(struct end *end, struct span stream, uint32_t piece)
{
	while (stream.len) {
		struct span part = span_sub(stream, 0, piece);
		stream = span_sub(stream, part.len, stream.len);
		enum ws_verdict verdict = ws_receive(end->ws, part);
		CHECK(!end->is_over || verdict == WS_OVER);
		end->is_over = verdict == WS_OVER;
		CHECK(!end->is_over || (ws_why(end->ws)[0] && !ws_is_open(end->ws)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct span origins[] = { SPAN_LIT("https://a.example") };
	struct end end = { 0 };
	struct ws_params params = { .handler = { &end, on_open, on_message, NULL, on_output },
		.message_max = MESSAGE_MAX,
		.origins = origins,
		.origin_count = 1,
		.host = SPAN_LIT("h") };
	if (size < 1)
		return 0;
	bool is_client = data[0] & 1;
	end.ws = is_client ? ws_new_client(&params) : ws_new_server(&params);
	CHECK(end.ws);
	if (!is_client && data[0] & 2) {
		feed(&end, span_str(handshake), UINT32_MAX);
		CHECK(end.is_open && ws_is_idle(end.ws));
	}
	feed(&end, span_make((const char *)data + 1, (uint32_t)size - 1), (data[0] >> 2) + 1u);
	if (!end.is_over && end.is_open)
		ws_close(end.ws, WS_CODE_GOING_AWAY);
	ws_free(end.ws);
	return 0;
}

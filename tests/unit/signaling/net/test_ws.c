// WebSocket connections: our client against our server, and hostile frames byte for byte.
#include "net/ws.h"
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MESSAGE_MAX 70000u
#define OUT_MAX     300000u

// One end: what it was told and what it wants sent.
struct end {
	struct ws *ws;
	bool is_open;
	uint32_t messages;
	uint32_t controls;
	char *last; // the last message
	uint32_t last_len;
	bool does_echo, does_close; // from inside on_message
	char *out;
	uint32_t out_len;
};

static struct end client, server;

static void on_open(void *user)
{
	((struct end *)user)->is_open = true;
}

static void on_message(void *user, struct span message)
{
	struct end *end = user;
	assert_true(message.len <= MESSAGE_MAX);
	memcpy(end->last, message.ptr, message.len);
	end->last_len = message.len;
	end->messages++;
	if (end->does_echo)
		assert_int_equal(ws_send(end->ws, message), 0);
	if (end->does_close)
		assert_int_equal(ws_close(end->ws, WS_CODE_GOING_AWAY), WS_GOES_ON);
}

static void on_control(void *user)
{
	((struct end *)user)->controls++;
}

static void on_output(void *user, struct span bytes)
{
	struct end *end = user;
	assert_true(bytes.len <= OUT_MAX - end->out_len);
	memcpy(end->out + end->out_len, bytes.ptr, bytes.len);
	end->out_len += bytes.len;
}

static struct ws_params params_of(struct end *end)
{
	end->last = malloc(MESSAGE_MAX + 1);
	end->out = malloc(OUT_MAX);
	return (struct ws_params){
		.handler = { end, on_open, on_message, on_control, on_output },
		.message_max = MESSAGE_MAX,
		.host = SPAN_LIT("h"),
	};
}

static int teardown(void **state)
{
	(void)state;
	struct end *ends[] = { &client, &server };
	for (int i = 0; i < 2; i++) {
		ws_free(ends[i]->ws);
		free(ends[i]->last);
		free(ends[i]->out);
		memset(ends[i], 0, sizeof(*ends[i]));
	}
	return 0;
}

// What one end wants sent reaches the other one in pieces of `piece` bytes.
static enum ws_verdict carry(struct end *from, struct end *to, uint32_t piece)
{
	enum ws_verdict verdict = WS_GOES_ON;
	for (uint32_t i = 0; i < from->out_len; i += piece) {
		uint32_t len = from->out_len - i < piece ? from->out_len - i : piece;
		char *exact = malloc(len);
		memcpy(exact, from->out + i, len);
		verdict = ws_receive(to->ws, span_make(exact, len));
		free(exact);
	}
	from->out_len = 0;
	return verdict;
}

static int setup_pair(void **state)
{
	(void)state;
	struct ws_params params = params_of(&server);
	server.ws = ws_new_server(&params);
	params = params_of(&client);
	client.ws = ws_new_client(&params);
	assert_non_null(server.ws);
	assert_non_null(client.ws);
	assert_false(ws_is_open(client.ws));
	assert_int_equal(ws_send(client.ws, SPAN_LIT("x")), -ENOTCONN);
	assert_int_equal(carry(&client, &server, 1), WS_GOES_ON);
	assert_true(server.is_open && ws_is_open(server.ws) && ws_is_idle(server.ws));
	assert_false(client.is_open);
	assert_int_equal(carry(&server, &client, 1), WS_GOES_ON);
	assert_true(client.is_open && ws_is_open(client.ws));
	return 0;
}

// A server behind its handshake, and a client whose frames the test writes by hand.
static int setup_server(void **state)
{
	static const char request[] =
		"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Protocol: sip\r\n\r\n";
	(void)state;
	struct ws_params params = params_of(&server);
	server.ws = ws_new_server(&params);
	assert_int_equal(ws_receive(server.ws, span_str(request)), WS_GOES_ON);
	assert_true(server.is_open);
	server.out_len = 0;
	return 0;
}

static void test_messages(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 125, 126, 127, 65535, 65536, MESSAGE_MAX };
	static char text[MESSAGE_MAX];
	(void)state;
	memset(text, 'm', sizeof(text));
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct span message = span_make(text, sizes[i]);
		uint32_t piece = i % 2 ? 1000 : 3;
		assert_int_equal(ws_send(client.ws, message), 0);
		assert_int_equal(carry(&client, &server, piece), WS_GOES_ON);
		assert_int_equal(server.messages, i + 1);
		assert_int_equal(server.last_len, sizes[i]);
		assert_memory_equal(server.last, text, sizes[i]);
		assert_int_equal(ws_send(server.ws, message), 0);
		assert_int_equal(carry(&server, &client, piece), WS_GOES_ON);
		assert_int_equal(client.messages, i + 1);
		assert_int_equal(client.last_len, sizes[i]);
		assert_true(ws_is_idle(server.ws) && ws_is_idle(client.ws));
	}
}

// Two messages in one read, each answered from inside the handler; one handler closes.
static void test_send_from_handler(void **state)
{
	(void)state;
	server.does_echo = true;
	ws_send(client.ws, SPAN_LIT("one"));
	ws_send(client.ws, SPAN_LIT("second"));
	assert_int_equal(carry(&client, &server, OUT_MAX), WS_GOES_ON);
	assert_int_equal(carry(&server, &client, OUT_MAX), WS_GOES_ON);
	assert_int_equal(client.messages, 2);
	assert_int_equal(client.last_len, 6);
	server.does_close = true;
	ws_send(client.ws, SPAN_LIT("third"));
	assert_int_equal(carry(&client, &server, OUT_MAX), WS_GOES_ON);
	assert_false(ws_is_open(server.ws));
	assert_int_equal(carry(&server, &client, OUT_MAX), WS_OVER);
	assert_int_equal(client.messages, 3);
	assert_int_equal(carry(&client, &server, OUT_MAX), WS_OVER);
}

static void test_opcodes(void **state)
{
	(void)state;
	assert_int_equal(ws_send(server.ws, SPAN_LIT("caf\xc3\xa9")), 0);
	assert_int_equal((uint8_t)server.out[0], 0x81);
	server.out_len = 0;
	assert_int_equal(ws_send(server.ws, SPAN_LIT("caf\xe9")), 0);
	assert_int_equal((uint8_t)server.out[0], 0x82);
	// A client masks, with another key each time.
	char first[4];
	ws_send(client.ws, SPAN_LIT("x"));
	assert_int_equal((uint8_t)client.out[1], 0x81);
	memcpy(first, client.out + 2, 4);
	client.out_len = 0;
	ws_send(client.ws, SPAN_LIT("x"));
	assert_memory_not_equal(first, client.out + 2, 4);
}

static void test_ping(void **state)
{
	(void)state;
	assert_int_equal(ws_ping(server.ws), 0);
	carry(&server, &client, 1);
	carry(&client, &server, 1);
	assert_int_equal(ws_pongs(server.ws), 1);
	assert_int_equal(ws_ping(client.ws), 0);
	carry(&client, &server, 1);
	carry(&server, &client, 1);
	assert_int_equal(ws_pongs(client.ws), 1);
	assert_int_equal(client.messages + server.messages, 0);
	assert_int_equal(client.controls, 2);
	assert_int_equal(server.controls, 2);
}

static void test_close(void **state)
{
	(void)state;
	assert_int_equal(ws_close(server.ws, WS_CODE_GOING_AWAY), WS_GOES_ON);
	assert_false(ws_is_open(server.ws));
	assert_int_equal(ws_send(server.ws, SPAN_LIT("x")), -ENOTCONN);
	assert_int_equal(ws_ping(server.ws), -ENOTCONN);
	// What the client had sent before is still delivered.
	ws_send(client.ws, SPAN_LIT("late"));
	assert_int_equal(carry(&client, &server, 1), WS_GOES_ON);
	assert_int_equal(server.messages, 1);
	assert_int_equal(carry(&server, &client, 1), WS_OVER);
	assert_int_equal(carry(&client, &server, 1), WS_OVER);
	assert_int_equal(ws_receive(server.ws, SPAN_LIT("x")), WS_OVER);
	assert_int_equal(ws_close(server.ws, WS_CODE_NORMAL), WS_OVER);
	assert_int_equal(server.out_len, 0);
}

static uint32_t unhex(const char *hex, char *out)
{
	uint32_t n = 0;
	unsigned byte;
	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		out[n++] = (char)byte;
	return n;
}

#define MASK "00000000"

static const struct {
	const char *name;
	const char *frames; // hexadecimal
	uint32_t messages;
	uint16_t code; // of our close frame, 0 = none
	const char *why;
} frames[] = {
	{ "text", "8181" MASK "41", 1, 0, "" },
	{ "binary", "8281" MASK "ff", 1, 0, "" },
	{ "masked", "8183010203044241", 0, 0, "" },
	{ "two fragments",
		"0181" MASK "41"
		"8081" MASK "42",
		1, 0, "" },
	{ "a ping between fragments",
		"0181" MASK "41"
		"8981" MASK "50"
		"8081" MASK "42",
		1, 0, "" },
	{ "UTF-8 across fragments",
		"0181" MASK "c3"
		"8081" MASK "a9",
		1, 0, "" },
	{ "empty fragments", "0180" MASK "0080" MASK "8080" MASK, 1, 0, "" },
	{ "unmasked", "810141", 0, 1002, "WebSocket Protocol Error" },
	{ "RSV1", "c181" MASK "41", 0, 1002, "WebSocket Protocol Error" },
	{ "RSV3", "9181" MASK "41", 0, 1002, "WebSocket Protocol Error" },
	{ "opcode 3", "8381" MASK "41", 0, 1002, "WebSocket Protocol Error" },
	{ "opcode 11", "8b80" MASK, 0, 1002, "WebSocket Protocol Error" },
	{ "ping in fragments", "0980" MASK, 0, 1005, "WebSocket Protocol Error" },
	{ "ping of 126 bytes", "89fe007e" MASK, 0, 1005, "WebSocket Protocol Error" },
	{ "continuation of nothing", "8081" MASK "41", 0, 1002, "WebSocket Protocol Error" },
	{ "text inside a message",
		"0181" MASK "41"
		"8181" MASK "41",
		0, 1002, "WebSocket Protocol Error" },
	{ "length not minimal", "81fe0001" MASK "41", 0, 1005, "WebSocket Protocol Error" },
	{ "64-bit length not minimal", "81ff0000000000000001" MASK "41", 0, 1005,
		"WebSocket Protocol Error" },
	{ "length beyond 63 bits", "81ff8000000000000001" MASK "41", 0, 1005,
		"WebSocket Protocol Error" },
	{ "not UTF-8", "8181" MASK "ff", 0, 1007, "Text Is Not UTF-8" },
	{ "UTF-8 cut", "8181" MASK "c3", 0, 1007, "Text Is Not UTF-8" },
	{ "too large", "82ff0000000000011171" MASK "41", 0, 1009, "Message Too Large" },
	{ "huge", "82ff7fffffffffffffff" MASK "41", 0, 1009, "Message Too Large" },
	{ "too large in sum",
		"0281" MASK "41"
		"80ff0000000000011170" MASK "41",
		0, 1009, "Message Too Large" },
	{ "close", "8882" MASK "03e8", 0, 1000, "Closed" },
	{ "close without a code", "8880" MASK, 0, 1005, "Closed" },
	{ "close with half a code", "8881" MASK "03", 0, 1005, "Closed" },
	{ "close with 1005", "8882" MASK "03ed", 0, 1002, "WebSocket Protocol Error" },
	{ "message behind close",
		"8882" MASK "03e8"
		"8181" MASK "41",
		0, 1000, "Closed" },
};

static uint16_t close_code(const struct end *end)
{
	for (uint32_t i = 0; i + 2 <= end->out_len;) {
		uint32_t len = end->out[i + 1] & 0x7f;
		assert_true(len < 126 && !(end->out[i + 1] & 0x80)); // servers do not mask
		if ((uint8_t)end->out[i] == 0x88)
			return len == 0 ? 1005 :
					  (uint16_t)((uint8_t)end->out[i + 2] << 8 |
						  (uint8_t)end->out[i + 3]);
		i += 2 + len;
	}
	return 0;
}

static void test_frames(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(frames) * 2; i++) {
		size_t k = i / 2;
		struct end bytes = { .out = malloc(200) };
		setup_server(NULL);
		bytes.out_len = unhex(frames[k].frames, bytes.out);
		enum ws_verdict verdict = carry(&bytes, &server, i % 2 ? 1 : 200);
		uint16_t code = close_code(&server);
		if (server.messages != frames[k].messages || code != frames[k].code ||
			(verdict == WS_OVER) != (code != 0) ||
			strcmp(ws_why(server.ws), frames[k].why))
			fail_msg("%s: %u messages, code %u, %s, verdict %d", frames[k].name,
				server.messages, code, ws_why(server.ws), (int)verdict);
		free(bytes.out);
		teardown(NULL);
	}
}

static void test_too_many_fragments(void **state)
{
	static const char first[] = "\x01\x80\0\0\0", more[] = "\0\x80\0\0\0";
	(void)state;
	assert_int_equal(ws_receive(server.ws, span_make(first, 6)), WS_GOES_ON);
	assert_false(ws_is_idle(server.ws));
	for (uint32_t i = 1; i < WS_FRAGMENTS_MAX; i++)
		assert_int_equal(ws_receive(server.ws, span_make(more, 6)), WS_GOES_ON);
	assert_int_equal(ws_receive(server.ws, span_make(more, 6)), WS_OVER);
	assert_int_equal(close_code(&server), WS_CODE_POLICY);
	assert_string_equal(ws_why(server.ws), "Too Many Fragments");
	assert_int_equal(server.messages, 0);
}

// A client must hang up on masked frames (RFC 6455 5.1).
static void test_client_refuses_masks(void **state)
{
	(void)state;
	assert_int_equal(ws_receive(client.ws, span_make("\x81\x81\0\0\0\0A", 7)), WS_OVER);
	assert_int_equal(client.messages, 0);
	assert_int_equal((uint8_t)client.out[0], 0x88);
}

// Frames right behind the request are taken; a request that never ends is cut.
static void test_handshake_limits(void **state)
{
	(void)state;
	struct ws_params params = params_of(&server);
	server.ws = ws_new_server(&params);
	params = params_of(&client);
	client.ws = ws_new_client(&params);
	on_output(&client, span_make("\x81\x81\0\0\0\0A", 7));
	assert_int_equal(carry(&client, &server, OUT_MAX), WS_GOES_ON);
	assert_int_equal(server.messages, 1);
	teardown(NULL);

	params = params_of(&server);
	server.ws = ws_new_server(&params);
	for (uint32_t i = 1; i < WS_HANDSHAKE_MAX; i++)
		assert_int_equal(ws_receive(server.ws, SPAN_LIT("G")), WS_GOES_ON);
	assert_int_equal(server.out_len, 0);
	assert_int_equal(ws_receive(server.ws, SPAN_LIT("G")), WS_OVER);
	assert_memory_equal(server.out, "HTTP/1.1 431 ", 13);
	assert_string_equal(ws_why(server.ws), "HTTP Headers Too Large");
	server.out_len = 0;
	assert_int_equal(ws_close(server.ws, WS_CODE_NORMAL), WS_OVER);
	assert_int_equal(server.out_len, 0);
}

static void test_refused(void **state)
{
	(void)state;
	struct ws_params params = params_of(&server);
	server.ws = ws_new_server(&params);
	assert_int_equal(
		ws_receive(server.ws, SPAN_LIT("GET / HTTP/1.1\r\nHost: h\r\n\r\n")), WS_OVER);
	assert_memory_equal(server.out, "HTTP/1.1 426 ", 13);
	assert_string_equal(ws_why(server.ws), "No Upgrade to WebSocket");
	assert_false(server.is_open);
	params = params_of(&client);
	client.ws = ws_new_client(&params);
	assert_int_equal(carry(&server, &client, OUT_MAX), WS_OVER);
	assert_string_equal(ws_why(client.ws), "Upgrade Refused");
	assert_false(client.is_open);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_messages, setup_pair, teardown),
		cmocka_unit_test_setup_teardown(test_send_from_handler, setup_pair, teardown),
		cmocka_unit_test_setup_teardown(test_opcodes, setup_pair, teardown),
		cmocka_unit_test_setup_teardown(test_ping, setup_pair, teardown),
		cmocka_unit_test_setup_teardown(test_close, setup_pair, teardown),
		cmocka_unit_test(test_frames),
		cmocka_unit_test_setup_teardown(test_too_many_fragments, setup_server, teardown),
		cmocka_unit_test_setup_teardown(test_client_refuses_masks, setup_pair, teardown),
		cmocka_unit_test_setup_teardown(test_handshake_limits, NULL, teardown),
		cmocka_unit_test_setup_teardown(test_refused, NULL, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

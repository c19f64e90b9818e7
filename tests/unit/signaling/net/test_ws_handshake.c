// The upgrade: what each side writes, and every way in which the other one can get it wrong.
#include "net/ws_private.h"
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define SIP     "Sec-WebSocket-Protocol: sip\r\n"
#define GET     "GET / HTTP/1.1\r\nHost: h\r\n"
#define GOOD    GET UPGRADE KEY VERSION SIP

static const struct {
	const char *request;
	uint16_t status;
} requests[] = {
	{ GOOD "\r\n", 101 },
	// RFC 7118 4.3 and what browsers send.
	{ "GET /sip?x=1 HTTP/1.1\r\nhost:h:80\r\nUPGRADE: WebSocket\r\n"
	  "Connection: keep-alive, Upgrade\r\n" KEY VERSION
	  "Sec-WebSocket-Protocol: msrp, sip\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"
	  "User-Agent: caf\xc3\xa9\r\nCookie:\r\n\r\n",
		101 },
	{ GOOD "Connection: close\r\n\r\n", 101 }, // a list over two lines
	{ GOOD "Origin: https://a.example\r\n\r\n", 101 },
	{ GOOD "Origin: HTTPS://A.example\r\n\r\n", 101 },
	{ GOOD "Origin: https://b.example\r\n\r\n", 403 },
	{ GOOD "Origin: null\r\n\r\n", 403 },
	{ GOOD "Content-Length: 0\r\n\r\n", 101 },
	{ GOOD "Content-Length: 1\r\n\r\n", 400 },
	{ GOOD "Transfer-Encoding: chunked\r\n\r\n", 400 },
	{ GOOD " folded\r\n\r\n", 400 },
	{ GOOD "Blank : x\r\n\r\n", 400 },
	{ GOOD ": x\r\n\r\n", 400 },
	{ GOOD "nothing\r\n\r\n", 400 },
	{ GOOD "X: a\x01\r\n\r\n", 400 },
	{ GOOD "X: a\x7f\r\n\r\n", 400 },
	{ GOOD "X: a\n\r\n", 400 },
	{ GOOD "Host: g\r\n\r\n", 400 },
	{ GOOD KEY "\r\n", 400 },
	{ GOOD VERSION "\r\n", 400 },
	{ GOOD "Origin: https://a.example\r\nOrigin: https://a.example\r\n\r\n", 400 },
	{ GOOD "Origin:\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" UPGRADE KEY VERSION SIP "\r\n", 400 },
	{ GET "Connection: Upgrade\r\n" KEY VERSION SIP "\r\n", 426 },
	{ GET "Upgrade: websocket\r\n" KEY VERSION SIP "\r\n", 426 },
	{ GET "Upgrade: h2c\r\nConnection: Upgrade\r\n" KEY VERSION SIP "\r\n", 426 },
	{ GET UPGRADE KEY SIP "\r\n", 426 },
	{ GET UPGRADE KEY SIP "Sec-WebSocket-Version: 8\r\n\r\n", 426 },
	{ GET UPGRADE VERSION SIP "\r\n", 400 },
	{ GET UPGRADE VERSION SIP "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n\r\n", 400 },
	{ GET UPGRADE VERSION SIP "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ===\r\n\r\n", 400 },
	{ GET UPGRADE VERSION SIP "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==\r\n\r\n", 400 },
	{ GET UPGRADE VERSION SIP "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZWFi\r\n\r\n", 400 },
	{ GET UPGRADE KEY VERSION "\r\n", 400 },
	{ GET UPGRADE KEY VERSION "Sec-WebSocket-Protocol: sips, xmpp\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\nHost: h\r\n" UPGRADE KEY VERSION SIP "\r\n", 405 },
	{ "GET / HTTP/1.0\r\nHost: h\r\n" UPGRADE KEY VERSION SIP "\r\n", 505 },
	{ "GET / HTTP/2.0\r\nHost: h\r\n" UPGRADE KEY VERSION SIP "\r\n", 505 },
	{ "GET /\r\nHost: h\r\n" UPGRADE KEY VERSION SIP "\r\n", 400 },
	{ "GET  HTTP/1.1\r\nHost: h\r\n" UPGRADE KEY VERSION SIP "\r\n", 400 },
	{ "OPTIONS sip:h SIP/2.0\r\nVia: x\r\n\r\n", 400 },
	{ "\r\n\r\n", 400 },
};

// In memory of the exact size, for the sanitizer.
static struct ws_answer judge(const char *text, const struct ws_params *params)
{
	struct ws_answer answer = { 0 };
	size_t len = strlen(text);
	char *exact = malloc(len);
	memcpy(exact, text, len);
	ws_request_judge(span_make(exact, (uint32_t)len), params, &answer);
	free(exact);
	return answer;
}

static void test_requests(void **state)
{
	static const struct span origins[] = { SPAN_LIT("https://c.example"),
		SPAN_LIT("https://a.example") };
	const struct ws_params params = { .origins = origins, .origin_count = 2 };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(requests); i++) {
		struct ws_answer answer = judge(requests[i].request, &params);
		if (answer.status != requests[i].status)
			fail_msg("request %zu: %u %s", i, answer.status, answer.why);
		assert_true((answer.status == 101) == (answer.why[0] == '\0'));
	}
	const struct ws_params any = { .origin_count = 0 };
	assert_int_equal(judge(GOOD "Origin: https://b.example\r\n\r\n", &any).status, 101);
}

// RFC 6455 1.3 has this pair.
static void test_accept(void **state)
{
	const struct ws_params any = { .origin_count = 0 };
	(void)state;
	struct ws_answer answer = judge(GOOD "\r\n", &any);
	assert_memory_equal(answer.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", WS_ACCEPT_BYTES);
}

static void test_responses(void **state)
{
	static const uint16_t statuses[] = { 101, 400, 403, 405, 426, 431, 505 };
	char buf[WS_RESPONSE_MAX], start[32];
	(void)state;
	for (size_t i = 0; i < COUNT_OF(statuses); i++) {
		struct ws_answer answer = { .status = statuses[i] };
		memset(answer.accept, 'a', sizeof(answer.accept));
		struct span text = ws_response_format(&answer, buf);
		snprintf(start, sizeof(start), "HTTP/1.1 %u ", statuses[i]);
		assert_true(span_starts(text, span_str(start)));
		assert_memory_equal(text.ptr + text.len - 4, "\r\n\r\n", 4);
		assert_true(text.len <= WS_RESPONSE_MAX);
	}
}

static void test_own_request_is_accepted(void **state)
{
	char key[WS_KEY_BYTES], other[WS_KEY_BYTES], buf[WS_HANDSHAKE_MAX],
		response[WS_RESPONSE_MAX];
	const struct ws_params params = { .host = SPAN_LIT("h:8443"),
		.path = SPAN_LIT("/x"),
		.origin = SPAN_LIT("https://a.example") };
	struct ws_answer answer = { 0 };
	(void)state;
	ws_key_make(key);
	ws_key_make(other);
	assert_memory_not_equal(key, other, WS_KEY_BYTES);
	struct span text = ws_request_format(&params, key, buf);
	assert_true(span_starts(text, SPAN_LIT("GET /x HTTP/1.1\r\nHost: h:8443\r\n")));
	assert_non_null(memmem(text.ptr, text.len, "\r\nOrigin: https://a.example\r\n", 29));
	ws_request_judge(text, &params, &answer);
	assert_int_equal(answer.status, 101);
	assert_null(ws_response_judge(ws_response_format(&answer, response), key));
	assert_string_equal(ws_response_judge(ws_response_format(&answer, response), other),
		"Wrong Sec-WebSocket-Accept");
}

// No text of the configuration can begin a header of its own.
static void test_request_injection(void **state)
{
	static const char *const bad[] = { "a b", "a\r\nX: y", "a\n", "a\x7f", "\xc3\xa9" };
	char key[WS_KEY_BYTES], buf[WS_HANDSHAKE_MAX];
	static char longest[WS_HANDSHAKE_MAX];
	(void)state;
	ws_key_make(key);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		const struct ws_params host = { .host = span_str(bad[i]) };
		const struct ws_params origin = { .host = SPAN_LIT("h"),
			.origin = span_str(bad[i]) };
		char path[32];
		snprintf(path, sizeof(path), "/%s", bad[i]);
		const struct ws_params with_path = { .host = SPAN_LIT("h"),
			.path = span_str(path) };
		assert_int_equal(ws_request_format(&host, key, buf).len, 0);
		assert_int_equal(ws_request_format(&origin, key, buf).len, 0);
		assert_int_equal(ws_request_format(&with_path, key, buf).len, 0);
	}
	const struct ws_params none = { .path = SPAN_LIT("/") };
	assert_int_equal(ws_request_format(&none, key, buf).len, 0);
	const struct ws_params relative = { .host = SPAN_LIT("h"), .path = SPAN_LIT("x") };
	assert_int_equal(ws_request_format(&relative, key, buf).len, 0);
	memset(longest, 'h', sizeof(longest));
	const struct ws_params too_long = { .host = span_make(longest, sizeof(longest)) };
	assert_int_equal(ws_request_format(&too_long, key, buf).len, 0);
}

#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define OK     "HTTP/1.1 101 Switching Protocols\r\n"

static const struct {
	const char *response;
	bool is_accepted;
} replies[] = {
	{ OK UPGRADE ACCEPT SIP "\r\n", true },
	{ "HTTP/1.1 101\r\n" UPGRADE ACCEPT SIP "\r\n", true },
	{ OK UPGRADE SIP "\r\n", false },
	{ OK UPGRADE ACCEPT "\r\n", false },
	{ OK UPGRADE ACCEPT "Sec-WebSocket-Protocol: xmpp\r\n\r\n", false },
	{ OK UPGRADE ACCEPT "Sec-WebSocket-Protocol: sip, xmpp\r\n\r\n", false },
	{ OK ACCEPT SIP "\r\n", false },
	{ OK "Upgrade: websocket\r\n" ACCEPT SIP "\r\n", false },
	{ OK UPGRADE ACCEPT SIP "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", false },
	{ OK UPGRADE "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" SIP "\r\n", false },
	{ "HTTP/1.1 200 OK\r\n" UPGRADE ACCEPT SIP "\r\n", false },
	{ "HTTP/1.1 1010 OK\r\n" UPGRADE ACCEPT SIP "\r\n", false },
	{ "HTTP/1.0 101 OK\r\n" UPGRADE ACCEPT SIP "\r\n", false },
	{ "SIP/2.0 200 OK\r\n\r\n", false },
	{ "\r\n\r\n", false },
};

static void test_replies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(replies); i++) {
		const char *why = ws_response_judge(
			span_str(replies[i].response), "dGhlIHNhbXBsZSBub25jZQ==");
		if ((why == NULL) != replies[i].is_accepted)
			fail_msg("reply %zu: %s", i, why ? why : "accepted");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_accept),
		cmocka_unit_test(test_responses),
		cmocka_unit_test(test_own_request_is_accepted),
		cmocka_unit_test(test_request_injection),
		cmocka_unit_test(test_replies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

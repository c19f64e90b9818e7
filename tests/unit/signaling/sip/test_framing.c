// Streams cut into messages: each case whole, byte by byte and in pieces of other sizes, always
// with the same outcome.
#include "sip/framing.h"
#include "sip/parse.h"
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#define HEAD     "OPTIONS sip:b@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKx\r\n"
#define EMPTY    HEAD "l: 0\r\n\r\n"
#define RESPONSE "SIP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nabc"

static const struct sip_frame_limits limits = { 200, 300 };

// Events as one letter each: M message, P ping, p pong, R refuse, C close; then what is left over.
static const struct {
	const char *name;
	const char *stream;
	const char *events;
	uint16_t status; // of the last one
	uint32_t left;   // bytes not consumed
} cases[] = {
	{ "nothing", "", "", 0, 0 },
	{ "version in lower case", "BYE sip:h sip/2.0\r\nl: 0\r\n\r\n", "M", 0, 0 },
	{ "one", EMPTY, "M", 0, 0 },
	{ "two", EMPTY RESPONSE, "MM", 0, 0 },
	{ "half a body", "SIP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nab", "", 0, 39 },
	{ "CRLF in front", "\r\n" EMPTY "\r\n" EMPTY, "MM", 0, 0 },
	{ "ping", "\r\n\r\n", "P", 0, 0 },
	{ "ping between", EMPTY "\r\n\r\n" EMPTY, "MPM", 0, 0 },
	{ "two pings", "\r\n\r\n\r\n\r\n", "PP", 0, 0 },
	{ "a ping and a half", "\r\n\r\n\r\n", "P", 0, 0 },
	{ "CR alone", "\r", "", 0, 1 },
	{ "CR and a letter", "\rO", "C", 0, 2 },
	{ "LF alone", "\n", "C", 0, 1 },
	{ "compact and folded", HEAD "L \t: \r\n  2\r\n\r\nxy", "M", 0, 0 },
	{ "body is CRLF", HEAD "Content-Length: 4\r\n\r\n\r\n\r\n", "M", 0, 0 },
	{ "longer name", HEAD "Content-Length-X: 9\r\nl: 0\r\n\r\n", "M", 0, 0 },
	{ "inside a folded line", HEAD "Subject: x\r\n l: 9\r\nl: 0\r\n\r\n", "M", 0, 0 },
	{ "no length", HEAD "\r\n", "R", 400, 0 },
	{ "two lengths", HEAD "l: 1\r\nContent-Length: 1\r\n\r\nx", "R", 400, 1 },
	{ "sign", HEAD "l: +1\r\n\r\nx", "R", 400, 1 },
	{ "negative", HEAD "l: -1\r\n\r\n", "R", 400, 0 },
	{ "list", HEAD "l: 1, 1\r\n\r\nx", "R", 400, 1 },
	{ "empty length", HEAD "l:\r\n\r\n", "R", 400, 0 },
	{ "CR in a value", HEAD "l: 0\rl: 5\r\n\r\n", "R", 400, 0 },
	{ "beyond 32 bits", HEAD "l: 4294967296\r\n\r\n", "R", 400, 0 },
	{ "bare LF", HEAD "l: 0\nX: y\r\n\r\n", "R", 400, 8 },
	{ "bare LF as the end", HEAD "l: 0\r\n\n", "R", 400, 0 },
	{ "body too large", HEAD "l: 299\r\n\r\n", "R", 513, 0 },
	{ "HTTP", "GET / HTTP/1.1\r\n", "C", 0, 16 },
	{ "TLS", "\x16\x03\x01", "C", 0, 3 },
	{ "STUN", "\1\1", "C", 0, 2 },
	{ "after a message", EMPTY "\x16", "MC", 0, 1 },
};

static void note(struct sip_framer *framer, const struct sip_frame *frame, char *events)
{
	static const char letters[] = { [SIP_FRAME_MESSAGE] = 'M',
		[SIP_FRAME_PING] = 'P',
		[SIP_FRAME_PONG] = 'p',
		[SIP_FRAME_REFUSE] = 'R',
		[SIP_FRAME_CLOSE] = 'C' };
	size_t n = strlen(events);
	assert_true(n < 30);
	events[n] = letters[frame->kind];
	events[n + 1] = '\0';
	assert_true(
		frame->kind == SIP_FRAME_REFUSE ? frame->status && frame->reason : !frame->status);
	assert_true(frame->kind != SIP_FRAME_CLOSE || frame->reason);
	(void)framer;
}

struct outcome {
	char events[32];
	uint16_t status;
	uint32_t left;
	uint32_t data_len; // of the last message or refusal
};

// A connection: bytes arrive in pieces, what is not consumed is kept. Buffers of the exact size, so
// that the sanitizer sees a read beyond them.
static struct outcome run(struct sip_framer *framer, const char *stream, uint32_t piece)
{
	struct outcome out = { .events = "" };
	uint32_t size = (uint32_t)strlen(stream), begin = 0, end = 0;
	bool is_over = false;
	while (!is_over && end < size) {
		end = size - end < piece ? size : end + piece;
		struct sip_frame frame;
		do {
			char *exact = malloc(end - begin + 1);
			memcpy(exact, stream + begin, end - begin);
			sip_framer_next(framer, span_make(exact, end - begin), &frame);
			assert_true(frame.consumed <= end - begin);
			begin += frame.consumed;
			if (frame.kind != SIP_FRAME_MORE) {
				note(framer, &frame, out.events);
				out.status = frame.status;
				out.data_len = frame.data.len;
			}
			is_over = frame.kind == SIP_FRAME_REFUSE || frame.kind == SIP_FRAME_CLOSE;
			free(exact);
		} while (!is_over && frame.kind != SIP_FRAME_MORE);
	}
	out.left = end - begin;
	return out;
}

static void test_streams(void **state)
{
	static const uint32_t pieces[] = { 100000, 1, 2, 3, 7, 64 };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		for (size_t k = 0; k < COUNT_OF(pieces); k++) {
			struct sip_framer framer;
			sip_framer_init(&framer, &limits);
			struct outcome out = run(&framer, cases[i].stream, pieces[k]);
			if (strcmp(out.events, cases[i].events) || out.status != cases[i].status)
				fail_msg("%s by %u: %s %u", cases[i].name, pieces[k], out.events,
					out.status);
			// What has not arrived yet when the verdict falls is not left over either.
			if (pieces[k] == 100000)
				assert_int_equal(out.left, cases[i].left);
		}
	}
}

static void test_header_limit(void **state)
{
	char stream[1000];
	struct sip_framer framer;
	(void)state;
	// Exactly the limit passes, one byte more does not, complete or still open.
	for (int over = 0; over < 3; over++) {
		int pad = 200 - (int)strlen(EMPTY) - 5 + over;
		snprintf(stream, sizeof(stream), HEAD "X: %0*d\r\nl: 0\r\n\r\n", pad, 0);
		sip_framer_init(&framer, &limits);
		struct outcome out = run(&framer, stream, over == 2 ? 50 : 1000);
		assert_string_equal(out.events, over ? "R" : "M");
		assert_int_equal(out.status, over ? 513 : 0);
		assert_int_equal(out.data_len, 200);
	}
	memset(stream, 'A', 999);
	stream[999] = '\0';
	sip_framer_init(&framer, &limits);
	assert_string_equal(run(&framer, stream, 10).events, "C");
}

static void test_message_limit(void **state)
{
	char stream[1000];
	(void)state;
	for (int over = 0; over < 2; over++) {
		struct sip_framer framer;
		int head = (int)strlen(HEAD "l: 000\r\n\r\n"), body = 300 - head + over;
		snprintf(stream, sizeof(stream), HEAD "l: %03d\r\n\r\n%0*d", body, body, 0);
		sip_framer_init(&framer, &limits);
		struct outcome out = run(&framer, stream, 1000);
		assert_string_equal(out.events, over ? "R" : "M");
		assert_int_equal(out.status, over ? 513 : 0);
		assert_int_equal(out.data_len, over ? head : 300);
	}
}

static void test_pong(void **state)
{
	struct sip_framer framer;
	(void)state;
	sip_framer_init(&framer, &limits);
	sip_framer_expect_pong(&framer);
	assert_string_equal(run(&framer, "\r\n", 1).events, "p");
	// Only one was due.
	assert_string_equal(run(&framer, "\r\n", 2).events, "");
	assert_string_equal(run(&framer, "\r\n", 2).events, "P");
	// A message may come before it, and one right behind it.
	sip_framer_expect_pong(&framer);
	assert_string_equal(run(&framer, EMPTY "\r\n" EMPTY, 1).events, "MpM");
}

// What a refusal hands over can be answered: the parser finds Via, From, To, Call-ID and CSeq.
static void test_refused_is_answerable(void **state)
{
	static const char request[] = HEAD
		"From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: x\r\n"
		"CSeq: 1 OPTIONS\r\nl: x\r\n\r\n";
	static struct sip_msg msg;
	struct sip_fault fault;
	struct sip_framer framer;
	struct sip_frame frame;
	(void)state;
	sip_framer_init(&framer, &limits);
	sip_framer_next(&framer, span_str(request), &frame);
	assert_int_equal(frame.kind, SIP_FRAME_REFUSE);
	assert_string_equal(frame.reason, "Malformed Content-Length");
	assert_int_equal(sip_parse(frame.data, &msg, &fault), -22);
	assert_true(fault.can_answer);
	assert_int_equal(msg.cseq.number, 1);
}

static void test_single(void **state)
{
	static const struct {
		const char *text;
		char event;
		uint16_t status;
		uint32_t len; // of data
	} singles[] = {
		{ EMPTY, 'M', 0, sizeof(EMPTY) - 1 },
		{ HEAD "\r\n", 'M', 0, sizeof(HEAD) + 1 },
		{ "\r\n\r\n" HEAD "\r\nbody", 'M', 0, sizeof(HEAD) + 5 },
		{ "\r\n", 'p', 0, 0 },
		{ "\r\n\r\n", 'P', 0, 0 },
		{ "\r\n\r\n\r\n", 'P', 0, 0 },
		{ "", 'C', 0, 0 },
		{ "hello", 'R', 400, 5 },
		{ "hello\r\n\r\n", 'C', 0, 0 },
		{ "\1", 'C', 0, 0 },
		{ "\r", 'C', 0, 0 },
		{ HEAD, 'R', 400, sizeof(HEAD) - 1 },
		{ HEAD "x: y\n\r\n", 'R', 400, sizeof(HEAD) + 4 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(singles); i++) {
		struct sip_frame frame;
		char events[32] = "";
		sip_frame_single(span_str(singles[i].text), &limits, &frame);
		assert_int_not_equal(frame.kind, SIP_FRAME_MORE);
		note(NULL, &frame, events);
		if (events[0] != singles[i].event || frame.status != singles[i].status ||
			frame.data.len != singles[i].len)
			fail_msg("case %zu: %s %u %u", i, events, frame.status, frame.data.len);
		assert_int_equal(frame.consumed, strlen(singles[i].text));
	}
}

static void test_single_limits(void **state)
{
	char text[400];
	struct sip_frame frame;
	(void)state;
	snprintf(text, sizeof(text), HEAD "\r\n%0*d", 300 - (int)strlen(HEAD) - 2, 0);
	sip_frame_single(span_str(text), &limits, &frame);
	assert_int_equal(frame.kind, SIP_FRAME_MESSAGE);
	assert_int_equal(frame.data.len, 300);
	memcpy(text + 300, "x", 2);
	sip_frame_single(span_str(text), &limits, &frame);
	assert_int_equal(frame.kind, SIP_FRAME_REFUSE);
	assert_int_equal(frame.status, 513);
	snprintf(text, sizeof(text), HEAD "X: %0*d\r\n\r\n", 200 - (int)strlen(HEAD) - 6, 0);
	sip_frame_single(span_str(text), &limits, &frame);
	assert_int_equal(frame.kind, SIP_FRAME_REFUSE);
	assert_int_equal(frame.status, 513);
	assert_int_equal(frame.data.len, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_header_limit),
		cmocka_unit_test(test_message_limit),
		cmocka_unit_test(test_pong),
		cmocka_unit_test(test_refused_is_answerable),
		cmocka_unit_test(test_single),
		cmocka_unit_test(test_single_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Messages over every transport, connections found again, failures that are told.
#include "stream_bed.h"

static const enum sip_transport reliable[] = { SIP_TRANSPORT_TCP, SIP_TRANSPORT_TLS,
	SIP_TRANSPORT_WS, SIP_TRANSPORT_WSS };
#define RELIABLE (sizeof(reliable) / sizeof(reliable[0]))

// Dialled once, used for everything after; the answer goes back the same way.
static void test_there_and_back(void **state)
{
	(void)state;
	for (size_t t = 0; t < RELIABLE; t++) {
		struct bed *bed = bed_open();
		struct end *server = &bed->ends[0], *client = &bed->ends[1];
		struct sip_hop hop = bed_target(bed, reliable[t]);
		server->answer = SPAN_LIT(
			"SIP/2.0 200 OK\r\nCall-ID: x\r\nContent-Length: 0\r\n\r\n");
		for (uint32_t i = 1; i <= 3; i++) {
			bed_send(client, &hop, SPAN_LIT(BED_MESSAGE), 0);
			bed_until(bed, &client->messages, i);
			assert_int_equal(server->messages, i);
		}
		assert_string_equal(server->text, BED_MESSAGE);
		assert_true(strncmp(client->text, "SIP/2.0 200", 11) == 0);
		assert_int_equal(server->from.listener, reliable[t]);
		assert_true(addr_eq(&client->from.addr, &hop.addr));
		assert_int_equal(connection_worker(server->from.connection), 0);
		assert_int_equal(connection_worker(client->from.connection), 1);
		assert_true(streams_has(server->streams, server->from.connection));
		assert_int_equal(metric_read(&client->metrics.stream_dialled), 1);
		assert_int_equal(metric_read(&server->metrics.stream_accepted), 1);
		assert_int_equal(metric_read(&server->metrics.tls_handshakes),
			sip_transport_is_secure(reliable[t]));
		assert_int_equal(client->failures + server->failures, 0);
		bed_close(bed);
	}
}

static void test_large_messages_in_order(void **state)
{
	static char text[60000];
	(void)state;
	for (size_t t = 0; t < RELIABLE; t++) {
		struct bed *bed = bed_open();
		struct sip_hop hop = bed_target(bed, reliable[t]);
		for (uint32_t i = 0; i < 20; i++) {
			uint32_t body = i * 2500;
			int len = snprintf(text, sizeof(text),
				SIP_OPTIONS "Content-Length: %u\r\n\r\n", body);
			memset(text + len, 'a' + (int)i, body);
			bed_send(&bed->ends[1], &hop, span_make(text, (uint32_t)len + body), 0);
		}
		bed_until(bed, &bed->ends[0].messages, 20);
		assert_int_equal(strlen(bed->ends[0].text), strlen(text));
		assert_string_equal(bed->ends[0].text, text); // the last one is the last one sent
		bed_close(bed);
	}
}

static void test_byte_by_byte(void **state)
{
	struct bed *bed = bed_open();
	int fd = stranger_open(bed, SIP_TRANSPORT_TCP);
	(void)state;
	for (uint32_t i = 0; i < sizeof(BED_MESSAGE) - 1; i++) {
		stranger_say(fd, span_make(&BED_MESSAGE[i], 1));
		bed_turn(bed);
	}
	bed_until(bed, &bed->ends[0].messages, 1);
	assert_string_equal(bed->ends[0].text, BED_MESSAGE);
	stranger_say(fd, SPAN_LIT(BED_MESSAGE BED_MESSAGE BED_MESSAGE "OPTI"));
	bed_until(bed, &bed->ends[0].messages, 4);
	tcp_abort(fd);
	bed_until_metric(bed, &bed->ends[0].metrics.stream_closed_error, 1);
	bed_close(bed);
}

// RFC 5626 3.5.1
static void test_keepalive(void **state)
{
	struct bed *bed = bed_open();
	int fd = stranger_open(bed, SIP_TRANSPORT_TCP);
	(void)state;
	stranger_say(fd, SPAN_LIT("\r\n\r\n"));
	assert_string_equal(stranger_hear(bed, fd), "\r\n");
	assert_int_equal(metric_read(&bed->ends[0].metrics.stream_keepalives), 1);
	assert_int_equal(bed->ends[0].messages, 0);
	close(fd);
	bed_close(bed);
}

// RFC 3261 18.3: nobody can say where the next message begins.
static void test_message_without_end(void **state)
{
	struct bed *bed = bed_open();
	int fd = stranger_open(bed, SIP_TRANSPORT_TCP);
	(void)state;
	stranger_say(fd, SPAN_LIT(SIP_OPTIONS "\r\n"));
	const char *answer = stranger_hear(bed, fd);
	if (strncmp(answer, "SIP/2.0 400 ", 12) != 0)
		fail_msg("%s", answer);
	assert_non_null(strstr(answer, "Call-ID: x\r\n"));
	assert_string_equal(stranger_hear(bed, fd), "");
	assert_int_equal(metric_read(&bed->ends[0].metrics.stream_closed_refused), 1);
	assert_int_equal(bed->ends[0].messages, 0);
	close(fd);
	bed_close(bed);
}

static void test_garbage(void **state)
{
	static const char *const texts[] = { "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"\x16\x03\x01\x02",
		"hello, is this a telephone exchange? I would like to speak to somebody\r\n\r\n" };
	struct bed *bed = bed_open();
	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		int fd = stranger_open(bed, SIP_TRANSPORT_TCP);
		stranger_say(fd, span_str(texts[i]));
		assert_string_equal(stranger_hear(bed, fd), "");
		assert_int_equal(metric_read(&bed->ends[0].metrics.stream_closed_garbage), i + 1);
		close(fd);
	}
	int fd = stranger_open(bed, SIP_TRANSPORT_TLS);
	stranger_say(fd, SPAN_LIT(BED_MESSAGE));
	bed_until_metric(bed, &bed->ends[0].metrics.tls_failed, 1);
	close(fd);
	assert_int_equal(bed->ends[0].messages, 0);
	bed_close(bed);
}

static void expect_failures(const struct end *end, uint32_t count, enum stream_failure reason)
{
	assert_int_equal(end->failures, count);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(end->tickets[i], 100 + i);
		assert_int_equal(end->reasons[i], reason);
	}
}

static void test_nobody_listens(void **state)
{
	struct bed *bed = bed_open();
	struct end *client = &bed->ends[1];
	struct sip_hop hop = bed_target(bed, SIP_TRANSPORT_TCP);
	struct addr bound;
	int fd = tcp_listen(&(struct addr){ .ip = hop.addr.ip }, &bound);
	(void)state;
	close(fd); // its port is free now
	hop.addr.port = bound.port;
	for (uint32_t i = 0; i < 5; i++)
		bed_send(client, &hop, SPAN_LIT(BED_MESSAGE), 100 + i);
	bed_until(bed, &client->failures, 5);
	expect_failures(client, 5, STREAM_CONNECT_FAILED);
	assert_int_equal(metric_read(&client->metrics.stream_connect_failed), 1);
	assert_int_equal(metric_read(&client->metrics.stream_unsent), 5);
	bed_close(bed);
}

// The certificate is for sip.example.com, and no other name will do.
static void test_wrong_name(void **state)
{
	static const enum sip_transport secure[] = { SIP_TRANSPORT_TLS, SIP_TRANSPORT_WSS };
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct bed *bed = bed_open();
		struct end *client = &bed->ends[1];
		struct sip_hop hop = bed_target(bed, secure[i]);
		hop.tls_name = SPAN_LIT("sip.example.org");
		bed_send(client, &hop, SPAN_LIT(BED_MESSAGE), 100);
		bed_until(bed, &client->failures, 1);
		expect_failures(client, 1, STREAM_CONNECT_FAILED);
		assert_int_equal(metric_read(&client->metrics.tls_failed), 1);
		bed_settle(bed);
		assert_int_equal(bed->ends[0].messages, 0);
		bed_close(bed);
	}
}

// Two names at one address are two connections: each is checked against its own certificate.
static void test_names_share_nothing(void **state)
{
	struct bed *bed = bed_open();
	struct end *client = &bed->ends[1];
	struct sip_hop hop = bed_target(bed, SIP_TRANSPORT_TLS);
	(void)state;
	bed_send(client, &hop, SPAN_LIT(BED_MESSAGE), 1);
	bed_until(bed, &bed->ends[0].messages, 1);
	hop.tls_name = SPAN_LIT("other.example.com");
	bed_send(client, &hop, SPAN_LIT(BED_MESSAGE), 100);
	bed_until(bed, &client->failures, 1);
	expect_failures(client, 1, STREAM_CONNECT_FAILED);
	assert_int_equal(metric_read(&client->metrics.stream_dialled), 2);
	bed_close(bed);
}

// A handle whose connection is gone: bound to it, the message fails; else a new one is dialled.
static void test_connection_that_is_gone(void **state)
{
	struct bed *bed = bed_open();
	struct end *server = &bed->ends[0], *client = &bed->ends[1];
	struct sip_hop hop = bed_target(bed, SIP_TRANSPORT_TCP);
	int fd = stranger_open(bed, SIP_TRANSPORT_TCP);
	(void)state;
	stranger_say(fd, SPAN_LIT(BED_MESSAGE));
	bed_until(bed, &server->messages, 1);
	struct sip_hop back = server->from;
	tcp_abort(fd);
	bed_until_metric(bed, &server->metrics.stream_closed_error, 1);
	assert_false(streams_has(server->streams, back.connection));
	back.is_bound = true;
	bed_send(server, &back, SPAN_LIT(BED_MESSAGE), 100);
	expect_failures(server, 1, STREAM_CLOSED);
	// The other end knows an old handle too, but can reach the place again.
	bed_send(client, &hop, SPAN_LIT(BED_MESSAGE), 1);
	bed_until(bed, &server->messages, 2);
	hop.connection = UINT64_C(1) << 56 | 12345;
	bed_send(client, &hop, SPAN_LIT(BED_MESSAGE), 1);
	bed_until(bed, &server->messages, 3);
	assert_int_equal(client->failures, 0);
	assert_int_equal(metric_read(&client->metrics.stream_dialled), 1);
	bed_close(bed);
}

// The far end of an open connection dies, a new one takes over.
static void test_dialled_again(void **state)
{
	struct bed *bed = bed_open();
	struct end *server = &bed->ends[0], *client = &bed->ends[1];
	struct sip_hop hop = bed_target(bed, SIP_TRANSPORT_TLS);
	(void)state;
	bed_send(client, &hop, SPAN_LIT(BED_MESSAGE), 1);
	bed_until(bed, &server->messages, 1);
	bed->now_ms += BED_IDLE_MS; // the server's deadline, the client's as well
	bed_until_metric(bed, &client->metrics.stream_connections, 0);
	bed_send(client, &hop, SPAN_LIT(BED_MESSAGE), 2);
	bed_until(bed, &server->messages, 2);
	assert_int_equal(metric_read(&client->metrics.stream_dialled), 2);
	assert_int_equal(client->failures, 0);
	bed_close(bed);
}

// Who has said all it had to say still listens for what it asked, and only for that it is kept.
static void test_half_close(void **state)
{
	static const char *const ends[] = { "SIP/2.0 200 OK\r\n\r\n", NULL };
	struct bed *bed = bed_open();
	struct end *server = &bed->ends[0];
	const _Atomic uint64_t *connections = &server->metrics.stream_connections;
	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		int fd = stranger_open(bed, SIP_TRANSPORT_TCP);
		stranger_say(fd, SPAN_LIT(BED_MESSAGE));
		assert_int_equal(shutdown(fd, SHUT_WR), 0);
		bed_until_metric(bed, &server->metrics.stream_half_closed, i + 1);
		bed_send(server, &server->from, SPAN_LIT("SIP/2.0 100 Trying\r\n\r\n"), 0);
		assert_string_equal(stranger_hear(bed, fd), "SIP/2.0 100 Trying\r\n\r\n");
		bed_settle(bed);
		assert_int_equal(metric_read(connections), 1);
		if (ends[i] != NULL) {
			bed_send(server, &server->from, span_str(ends[i]), 0);
			assert_string_equal(stranger_hear(bed, fd), ends[i]);
		} else { // nobody answers: not for ever
			bed->now_ms += BED_MESSAGE_MS;
		}
		assert_string_equal(stranger_hear(bed, fd), "");
		bed_until_metric(bed, connections, 0);
		close(fd);
	}
	// An ACK asks for nothing, nor does one who said nothing.
	for (uint32_t i = 0; i < 2; i++) {
		int fd = stranger_open(bed, SIP_TRANSPORT_TCP);
		if (i == 0)
			stranger_say(fd, SPAN_LIT("ACK sip:a@b SIP/2.0\r\nCall-ID: x\r\n"
				"Content-Length: 0\r\n\r\n"));
		assert_int_equal(shutdown(fd, SHUT_WR), 0);
		assert_string_equal(stranger_hear(bed, fd), "");
		close(fd);
	}
	assert_int_equal(server->messages, 3);
	assert_int_equal(metric_read(&server->metrics.stream_half_closed), 2);
	assert_int_equal(metric_read(&server->metrics.stream_closed_peer), 4);
	bed_close(bed);
}

// A far end of our own, whose sockets can be broken in any state.
struct far_end {
	struct sip_hop hop;
	int listener, fd;
};

static void far_end_open(struct far_end *far)
{
	struct addr local = { .ip = ip_from_v4(0x7f000001) };
	far->hop = (struct sip_hop){ .listener = SIP_TRANSPORT_TCP };
	far->listener = tcp_listen(&local, &far->hop.addr);
	assert_true(far->listener >= 0);
}

static void far_end_accept(struct bed *bed, struct far_end *far)
{
	struct addr remote;
	far->fd = -EAGAIN;
	for (int i = 0; i < 1000 && far->fd == -EAGAIN; i++) {
		bed_turn(bed);
		far->fd = tcp_accept(far->listener, &remote);
		poll(NULL, 0, 1);
	}
	assert_true(far->fd >= 0);
}

// Shrinks the window to nothing: what is sent then is written, but not delivered.
static uint32_t fill(struct bed *bed, struct far_end *far, uint32_t ticket)
{
	static char text[20000];
	uint32_t count = 0;
	memset(text, 'z', sizeof(text));
	for (; metric_read(&bed->ends[1].metrics.stream_unsent) == 0 && count < 40; count++) {
		bed_send(&bed->ends[1], &far->hop, span_make(text, sizeof(text)), ticket + count);
		bed_turn(bed);
	}
	return count;
}

// What the broken connection did not deliver goes by the next one, in order, and only once.
static void test_resent(void **state)
{
	static char got[2000000];
	struct bed *bed = bed_open();
	struct end *client = &bed->ends[1];
	struct far_end far;
	int one = 4096;
	size_t len = 0;
	(void)state;
	far_end_open(&far);
	setsockopt(far.listener, SOL_SOCKET, SO_RCVBUF, &one, sizeof(one));
	bed_send(client, &far.hop, SPAN_LIT("first"), 1);
	far_end_accept(bed, &far);
	uint32_t count = fill(bed, &far, 100);
	bed_send(client, &far.hop, SPAN_LIT("last"), 200);
	assert_int_equal(client->failures, 0);
	tcp_abort(far.fd);
	far_end_accept(bed, &far);
	uint64_t resent = metric_read(&client->metrics.stream_resent);
	assert_in_range(resent, 2, count + 1); // not what was delivered
	for (int i = 0; i < 2000 && (len < 4 || memcmp(got + len - 4, "last", 4) != 0); i++) {
		bed_turn(bed);
		ssize_t n = tcp_receive(far.fd, got + len, (uint32_t)(sizeof(got) - len));
		if (n > 0)
			len += (size_t)n;
		else
			poll(NULL, 0, 1);
	}
	assert_int_equal(len, (resent - 1) * 20000 + 4);
	assert_int_equal(got[0], 'z');
	assert_int_equal(client->failures, 0);

	// Delivered: gone with the next thing that happens, and nothing is sent again.
	assert_int_equal(send(far.fd, "\r\n\r\n", 4, MSG_NOSIGNAL), 4);
	bed_until_metric(bed, &client->metrics.stream_keepalives, 1);
	tcp_abort(far.fd);
	bed_until_metric(bed, &client->metrics.stream_connections, 0);
	assert_int_equal(metric_read(&client->metrics.stream_resent), resent);
	close(far.listener);
	bed_close(bed);
}

// A far end that breaks every connection gets no third copy; the ticket says so.
static void test_resent_once(void **state)
{
	struct bed *bed = bed_open();
	struct end *client = &bed->ends[1];
	struct far_end far;
	int one = 4096;
	(void)state;
	far_end_open(&far);
	setsockopt(far.listener, SOL_SOCKET, SO_RCVBUF, &one, sizeof(one));
	bed_send(client, &far.hop, SPAN_LIT("first"), 1);
	far_end_accept(bed, &far);
	fill(bed, &far, 100);
	for (int i = 0; i < 2; i++) {
		bed_settle(bed);
		tcp_abort(far.fd);
		if (i == 0)
			far_end_accept(bed, &far);
	}
	bed_until_metric(bed, &client->metrics.stream_connections, 0);
	assert_true(client->failures > 0);
	for (uint32_t i = 0; i < client->failures; i++)
		assert_int_equal(client->reasons[i], STREAM_CLOSED);
	assert_int_equal(metric_read(&client->metrics.stream_dialled), 2);
	close(far.listener);
	bed_close(bed);
}

// A web page of somebody else's may not use the reader's address to call (RFC 6455 10.2).
static void test_origin(void **state)
{
	static const struct {
		const char *origin, *answer;
	} cases[] = {
		{ "Origin: https://phone.example.com\r\n", "HTTP/1.1 101 " },
		{ "Origin: https://evil.test\r\n", "HTTP/1.1 403 " },
		{ "", "HTTP/1.1 101 " }, // no browser
	};
	static const char *const origins[] = { "https://phone.example.com" };
	struct bed *bed = bed_open();
	struct stream_listen listen = { .id = 77, .transport = SIP_TRANSPORT_WS,
		.addr = { .ip = ip_from_v4(0x7f000001) }, .origins = origins, .origin_count = 1 };
	(void)state;
	assert_int_equal(streams_listen(bed->ends[0].streams, &listen), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[400];
		int fd = stranger_open(bed, 77);
		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
			"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n%s"
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
			"Sec-WebSocket-Protocol: sip\r\n\r\n", cases[i].origin);
		stranger_say(fd, span_str(text));
		const char *answer = stranger_hear(bed, fd);
		if (strncmp(answer, cases[i].answer, strlen(cases[i].answer)) != 0)
			fail_msg("%s: %s", cases[i].origin, answer);
		close(fd);
	}
	bed_close(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_large_messages_in_order),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_keepalive),
		cmocka_unit_test(test_message_without_end),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_wrong_name),
		cmocka_unit_test(test_names_share_nothing),
		cmocka_unit_test(test_connection_that_is_gone),
		cmocka_unit_test(test_dialled_again),
		cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_resent),
		cmocka_unit_test(test_resent_once),
		cmocka_unit_test(test_origin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

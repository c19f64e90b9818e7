// Deadlines by the false clock, and limits of connections, bytes and queues.
#include "stream_bed.h"

#include <sys/resource.h>

struct deadline_case {
	const char *what;
	enum sip_transport transport;
	const char *said;     // by the stranger, after which it is silent
	uint32_t alive_ms;    // still open then
	uint32_t over_ms;     // closed then
	size_t metric;
};

#define METRIC_AT(field) offsetof(struct net_metrics, field)

static uint64_t metric_at(const struct net_metrics *metrics, size_t offset)
{
	const char *at = (const char *)metrics + offset;

	return metric_read((const _Atomic uint64_t *)(const void *)at);
}

static void check_deadline(const struct deadline_case *c)
{
	struct bed *bed = bed_open();
	struct end *server = &bed->ends[0];
	int fd = stranger_open(bed, c->transport);
	bed_until_metric(bed, &server->metrics.stream_connections, 1);
	if (c->said[0] != '\0')
		stranger_say(fd, span_str(c->said));
	bed_settle(bed);
	bed->now_ms = BED_START_MS + c->alive_ms;
	bed_settle(bed);
	if (metric_read(&server->metrics.stream_connections) != 1)
		fail_msg("%s: closed too early", c->what);
	bed->now_ms = BED_START_MS + c->over_ms;
	bed_settle(bed);
	if (metric_at(&server->metrics, c->metric) != 1)
		fail_msg("%s: not closed by its deadline", c->what);
	bed_until_metric(bed, &server->metrics.stream_connections, 0);
	close(fd);
	bed_close(bed);
}

static void test_deadlines(void **state)
{
	static const struct deadline_case cases[] = {
		{ "never says anything", SIP_TRANSPORT_TCP, "", 14900, 15100,
		  METRIC_AT(stream_closed_silent) },
		{ "half a message", SIP_TRANSPORT_TCP, "OPTIONS sip:a@b SIP/2.0\r\nVia:", 9900,
		  10100, METRIC_AT(stream_closed_slow) },
		{ "half a body", SIP_TRANSPORT_TCP,
		  SIP_OPTIONS "Content-Length: 50\r\n\r\nabc", 9900, 10100,
		  METRIC_AT(stream_closed_slow) },
		{ "a message, then half of one", SIP_TRANSPORT_TCP, BED_MESSAGE "OPTIONS sip:a",
		  9900, 10100, METRIC_AT(stream_closed_slow) },
		{ "a message, then nothing", SIP_TRANSPORT_TCP, BED_MESSAGE, BED_IDLE_MS - 100,
		  BED_IDLE_MS + 100, METRIC_AT(stream_closed_idle) },
		{ "a keep-alive, then nothing", SIP_TRANSPORT_TCP, "\r\n\r\n", BED_IDLE_MS - 100,
		  BED_IDLE_MS + 100, METRIC_AT(stream_closed_idle) },
		{ "no TLS", SIP_TRANSPORT_TLS, "", 4900, 5100, METRIC_AT(stream_closed_handshake) },
		{ "a bit of TLS", SIP_TRANSPORT_TLS, "\x16\x03\x01", 4900, 5100,
		  METRIC_AT(stream_closed_handshake) },
		{ "no upgrade", SIP_TRANSPORT_WS, "GET / HTTP/1.1\r\n", 4900, 5100,
		  METRIC_AT(stream_closed_handshake) },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_deadline(&cases[i]);
}

// One byte now and then is no progress: the message had its time.
static void test_slow_loris(void **state)
{
	struct bed *bed = bed_open();
	struct end *server = &bed->ends[0];
	int fd = stranger_open(bed, SIP_TRANSPORT_TCP);
	(void)state;
	for (uint32_t i = 0; i < 30 && metric_read(&server->metrics.stream_closed_slow) == 0; i++) {
		if (send(fd, &BED_MESSAGE[i], 1, MSG_NOSIGNAL) != 1)
			break;
		bed_settle(bed);
		bed->now_ms += 1000;
		assert_true(bed->now_ms < BED_START_MS + BED_MESSAGE_MS + 3000);
	}
	bed_until_metric(bed, &server->metrics.stream_closed_slow, 1);
	close(fd);
	bed_close(bed);
}

static void test_connections_of_a_source(void **state)
{
	struct bed *bed = bed_open();
	struct end *server = &bed->ends[0];
	int fds[12];
	(void)state;
	for (int i = 0; i < 12; i++)
		fds[i] = stranger_open(bed, SIP_TRANSPORT_TCP);
	bed_until_metric(bed, &server->metrics.stream_refused_source, 4);
	assert_int_equal(metric_read(&server->metrics.stream_accepted), 8);
	// Those that are in are served, and a place that is given up can be had again.
	stranger_say(fds[0], SPAN_LIT(BED_MESSAGE));
	bed_until(bed, &server->messages, 1);
	tcp_abort(fds[0]);
	bed_until_metric(bed, &server->metrics.stream_connections, 7);
	fds[0] = stranger_open(bed, SIP_TRANSPORT_TCP);
	bed_until_metric(bed, &server->metrics.stream_accepted, 9);
	for (int i = 0; i < 12; i++)
		close(fds[i]);
	bed_until_metric(bed, &server->metrics.stream_connections, 0);
	assert_int_equal(source_connections(bed->sources), 0);
	bed_close(bed);
}

// A message waits until the WebSocket is open, then in its frame: never in both at once.
static void test_websocket_message_counts_once(void **state)
{
	static char text[60000];
	struct bed *bed = bed_open_limited(sizeof(text) + 2000);
	struct end *client = &bed->ends[1];
	struct sip_hop hop = bed_target(bed, SIP_TRANSPORT_WS);
	(void)state;
	int len = snprintf(text, sizeof(text), SIP_OPTIONS "Content-Length: 59000\r\n\r\n");
	memset(text + len, 'x', 59000);
	for (uint32_t i = 1; i <= 3; i++) {
		bed_send(client, &hop, span_make(text, (uint32_t)len + 59000), 100);
		bed_until(bed, &bed->ends[0].messages, i);
	}
	assert_int_equal(client->failures, 0);
	assert_int_equal(metric_read(&client->metrics.stream_dialled), 1);
	bed_close(bed);
}

// Half messages of one source, 64 kB each: its bytes are limited, not only its connections.
static void test_bytes_of_a_source(void **state)
{
	static char text[60000];
	struct source_limits limits = { .connections_max = 100, .connections_per_source_max = 100,
		.bytes_max = 1 << 20, .bytes_per_source_max = 200000 };
	struct hash_key key = { { 5, 6 } };
	struct bed *bed = bed_open();
	struct end *server = &bed->ends[0];
	int fds[8];
	(void)state;
	streams_free(server->streams);
	tls_context_free(server->server);
	tls_context_free(server->client);
	struct source_table *before = bed->sources;
	bed->sources = source_table_new(&limits, &key);
	end_open(bed, 0);
	int len = snprintf(text, sizeof(text), SIP_OPTIONS "Content-Length: 60000\r\n\r\n");
	memset(text + len, 'x', sizeof(text) - (size_t)len);
	for (int i = 0; i < 8; i++) {
		fds[i] = stranger_open(bed, SIP_TRANSPORT_TCP);
		stranger_say(fds[i], span_make(text, sizeof(text)));
		bed_settle(bed);
	}
	assert_int_equal(metric_read(&server->metrics.stream_closed_buffers), 5);
	assert_true(source_bytes(bed->sources) <= 200000);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	bed_until_metric(bed, &server->metrics.stream_connections, 0);
	assert_int_equal(source_bytes(bed->sources), 0);
	struct source_table *after = bed->sources;
	streams_free(bed->ends[1].streams);
	bed->ends[1].streams = NULL;
	source_table_free(before);
	bed->sources = after;
	bed_close(bed);
}

// The far end reads nothing: the queue fills, is refused, and in the end everything is told.
static void test_far_end_that_does_not_read(void **state)
{
	static char text[30000];
	struct bed *bed = bed_open();
	struct end *server = &bed->ends[0];
	uint32_t sent = 0, full;
	int fd = stranger_open(bed, SIP_TRANSPORT_TCP);
	(void)state;
	stranger_say(fd, SPAN_LIT(BED_MESSAGE));
	bed_until(bed, &server->messages, 1);
	memset(text, 'y', sizeof(text));
	while (server->failures == 0 && sent < 2000)
		bed_send(server, &server->from, span_make(text, sizeof(text)), 1 + sent++);
	assert_int_equal(server->failures, 1);
	assert_int_equal(server->tickets[0], sent);
	assert_int_equal(server->reasons[0], STREAM_QUEUE_FULL);
	assert_true(source_bytes(bed->sources) <= 2 << 20);
	full = server->failures;
	bed->now_ms += BED_MESSAGE_MS + 100;
	bed_until_metric(bed, &server->metrics.stream_closed_stalled, 1);
	assert_true(server->failures > full + 10);
	for (uint32_t i = full; i < server->failures; i++) {
		assert_int_equal(server->reasons[i], STREAM_CLOSED);
		if (i > full) // in order, the oldest first
			assert_int_equal(server->tickets[i], server->tickets[i - 1] + 1);
	}
	assert_int_equal(server->tickets[server->failures - 1], sent - 1);
	assert_int_equal(source_bytes(bed->sources), 0);
	close(fd);
	bed_close(bed);
}

// Answers that are given while a WebSocket is being read obey the same limit, and their tickets are
// told like any other's.
static void test_answers_while_reading(void **state)
{
	static char text[30000];
	enum { COUNT = 400 };
	struct bed *bed = bed_open();
	struct end *server = &bed->ends[0], *client = &bed->ends[1];
	struct sip_hop hop = bed_target(bed, SIP_TRANSPORT_WS);
	(void)state;
	bed_send(client, &hop, SPAN_LIT(BED_MESSAGE), 0);
	bed_until(bed, &server->messages, 1);
	memset(text, 'y', sizeof(text));
	server->answer = span_make(text, sizeof(text));
	server->answer_ticket = 1;
	for (uint32_t i = 0; i < COUNT; i++)
		bed_send(client, &hop, SPAN_LIT(BED_MESSAGE), 0);
	// The client reads nothing meanwhile.
	for (int i = 0; i < 3000 && server->failures == 0; i++) {
		streams_run(server->streams, bed->now_ms, true);
		streams_flush(server->streams);
		poll(NULL, 0, 1);
	}
	assert_true(server->failures > 0);
	assert_int_equal(server->reasons[0], STREAM_QUEUE_FULL);
	bed_close(bed);
}

// A read full of keep-alives is a turn's portion, too.
static void test_keepalive_budget(void **state)
{
	static char text[1200];
	struct bed *bed = bed_open();
	struct end *server = &bed->ends[0];
	int fds[8];
	(void)state;
	for (uint32_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 == 0 ? '\r' : '\n';
	for (int i = 0; i < 8; i++)
		fds[i] = stranger_open(bed, SIP_TRANSPORT_TCP);
	bed_until_metric(bed, &server->metrics.stream_accepted, 8);
	for (int i = 0; i < 8; i++)
		stranger_say(fds[i], span_make(text, sizeof(text)));
	streams_run(server->streams, bed->now_ms, true);
	assert_int_equal(metric_read(&server->metrics.stream_keepalives), 300);
	bed_until_metric(bed, &server->metrics.stream_keepalives, 8 * 300);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	bed_until_metric(bed, &server->metrics.stream_connections, 0);
	bed_close(bed);
}

// A listener that accepts nobody: its queue is full, so the connection hangs.
static void test_connect_timeout(void **state)
{
	struct bed *bed = bed_open();
	struct end *client = &bed->ends[1];
	struct sip_hop hop = bed_target(bed, SIP_TRANSPORT_TCP);
	struct sockaddr_storage sa;
	int fds[4], listener = socket(AF_INET, SOCK_STREAM, 0);
	struct addr any = { .ip = hop.addr.ip };
	socklen_t len = addr_to_sockaddr(&any, &sa);
	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&sa, &len), 0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&sa, &hop.addr), 0);
	for (int i = 0; i < 4; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(fds[i], (struct sockaddr *)&sa, len);
	}
	poll(NULL, 0, 50);
	bed_send(client, &hop, SPAN_LIT(BED_MESSAGE), 100);
	bed_settle(bed);
	assert_int_equal(client->failures, 0);
	bed->now_ms += BED_CONNECT_MS + 100;
	bed_until(bed, &client->failures, 1);
	assert_int_equal(client->reasons[0], STREAM_CONNECT_FAILED);
	assert_int_equal(metric_read(&client->metrics.stream_connect_timeout), 1);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	close(listener);
	bed_close(bed);
}

// A storm of newcomers is let in by portions: no turn takes more than a few of them.
static void test_accept_budget(void **state)
{
	struct source_limits limits = { .connections_max = 1000,
		.connections_per_source_max = 1000, .bytes_max = 1 << 20,
		.bytes_per_source_max = 1 << 20 };
	struct hash_key key = { { 5, 6 } };
	struct bed *bed = bed_open();
	struct end *server = &bed->ends[0];
	int fds[100];
	(void)state;
	streams_free(server->streams);
	streams_free(bed->ends[1].streams);
	bed->ends[1].streams = NULL;
	tls_context_free(server->server);
	tls_context_free(server->client);
	source_table_free(bed->sources);
	bed->sources = source_table_new(&limits, &key);
	end_open(bed, 0);
	for (int i = 0; i < 100; i++)
		fds[i] = stranger_open(bed, SIP_TRANSPORT_TLS);
	for (uint64_t seen = 0; seen < 100;) {
		streams_run(server->streams, bed->now_ms, true);
		uint64_t now = metric_read(&server->metrics.stream_accepted);
		assert_in_range(now - seen, 1, 16);
		seen = now;
	}
	for (int i = 0; i < 100; i++)
		close(fds[i]);
	for (int i = 0; i < 1000 && metric_read(&server->metrics.stream_connections) > 0; i++)
		streams_run(server->streams, bed->now_ms, true);
	assert_int_equal(metric_read(&server->metrics.stream_connections), 0);
	bed_close(bed);
}

static bool is_readable(struct streams *streams)
{
	struct pollfd p = { .fd = streams_fd(streams), .events = POLLIN };
	return poll(&p, 1, 0) == 1;
}

// Without a descriptor an accept fails for ever: the listeners rest, and the loop may sleep.
static void test_no_descriptor_left(void **state)
{
	struct bed *bed = bed_open();
	struct end *server = &bed->ends[0];
	struct rlimit before, none;
	int fds[3];
	(void)state;
	for (int i = 0; i < 3; i++)
		fds[i] = stranger_open(bed, SIP_TRANSPORT_TCP);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	int next = dup(fds[0]);
	close(next);
	none.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_true(is_readable(server->streams));
	bed_settle(bed);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(metric_read(&server->metrics.stream_accept_errors), 1);
	assert_false(is_readable(server->streams));
	assert_in_range(streams_next_ms(server->streams), bed->now_ms + 1, bed->now_ms + 1000);
	bed->now_ms += 1000;
	bed_until_metric(bed, &server->metrics.stream_accepted, 3);
	stranger_say(fds[2], SPAN_LIT(BED_MESSAGE));
	bed_until(bed, &server->messages, 1);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	bed_close(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_slow_loris),
		cmocka_unit_test(test_connections_of_a_source),
		cmocka_unit_test(test_websocket_message_counts_once),
		cmocka_unit_test(test_bytes_of_a_source),
		cmocka_unit_test(test_far_end_that_does_not_read),
		cmocka_unit_test(test_answers_while_reading),
		cmocka_unit_test(test_keepalive_budget),
		cmocka_unit_test(test_connect_timeout),
		cmocka_unit_test(test_accept_budget),
		cmocka_unit_test(test_no_descriptor_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Keep-alive as the one who dialled (RFC 5626 4.4.1), connections that are wanted for themselves.
#include "stream_bed.h"

#define KEEPALIVE_MS 30000u

static const enum sip_transport reliable[] = { SIP_TRANSPORT_TCP, SIP_TRANSPORT_TLS,
	SIP_TRANSPORT_WS, SIP_TRANSPORT_WSS };
#define RELIABLE (sizeof(reliable) / sizeof(reliable[0]))

// Asked within 80 to 100 per cent of the interval, answered by the other end as by anybody.
static void test_asked_and_answered(void **state)
{
	(void)state;
	for (size_t t = 0; t < RELIABLE; t++) {
		struct bed *bed = bed_open();
		struct end *server = &bed->ends[0], *client = &bed->ends[1];
		struct sip_hop hop = bed_target(bed, reliable[t]);
		client->rules.keepalive_ms = KEEPALIVE_MS;
		server->rules.keepalive_ms = KEEPALIVE_MS; // who was dialled does not ask
		bed_send(client, &hop, SPAN_LIT(BED_MESSAGE), 0);
		bed_until(bed, &server->messages, 1);
		for (uint32_t i = 1; i <= 3; i++) {
			bed->now_ms += KEEPALIVE_MS * 8 / 10 - 100;
			bed_settle(bed);
			assert_int_equal(metric_read(&client->metrics.stream_pings), i - 1);
			bed->now_ms += KEEPALIVE_MS * 2 / 10 + 200;
			bed_until_metric(bed, &client->metrics.stream_pongs, i);
			assert_int_equal(metric_read(&client->metrics.stream_pings), i);
			assert_int_equal(metric_read(&server->metrics.stream_keepalives), i);
		}
		assert_int_equal(metric_read(&server->metrics.stream_pings), 0);
		assert_int_equal(metric_read(&client->metrics.stream_dialled), 1);
		assert_int_equal(server->messages + client->messages, 1);
		bed_close(bed);
	}
}

static void test_not_asked(void **state)
{
	struct bed *bed = bed_open();
	struct sip_hop hop = bed_target(bed, SIP_TRANSPORT_TCP);
	(void)state;
	bed_send(&bed->ends[1], &hop, SPAN_LIT(BED_MESSAGE), 0);
	bed_until(bed, &bed->ends[0].messages, 1);
	bed->now_ms += BED_IDLE_MS - 1000;
	bed_settle(bed);
	assert_int_equal(metric_read(&bed->ends[1].metrics.stream_pings), 0);
	assert_int_equal(metric_read(&bed->ends[1].metrics.stream_connections), 1);
	bed_close(bed);
}

// A far end whose kernel acknowledges everything, and that is dead all the same.
static void test_dead(void **state)
{
	struct bed *bed = bed_open();
	struct end *client = &bed->ends[1];
	struct addr local = { .ip = ip_from_v4(0x7f000001) };
	struct sip_hop hop = { .listener = SIP_TRANSPORT_TCP };
	int listener = tcp_listen(&local, &hop.addr);
	(void)state;
	client->rules.keepalive_ms = KEEPALIVE_MS;
	bed_send(client, &hop, SPAN_NONE, 100);
	bed_settle(bed);
	bed->now_ms += KEEPALIVE_MS;
	bed_until_metric(bed, &client->metrics.stream_pings, 1);
	bed->now_ms += 10000 - 100;
	bed_settle(bed);
	assert_int_equal(metric_read(&client->metrics.stream_connections), 1);
	bed->now_ms += 200;
	bed_until_metric(bed, &client->metrics.stream_closed_no_pong, 1);
	assert_int_equal(client->failures, 1);
	assert_int_equal(client->tickets[0], 100);
	assert_int_equal(client->reasons[0], STREAM_CLOSED);
	close(listener);
	bed_close(bed);
}

// Opened without a message, used by the first one, its end told once.
static void test_wanted_for_itself(void **state)
{
	(void)state;
	for (size_t t = 0; t < RELIABLE; t++) {
		struct bed *bed = bed_open();
		struct end *server = &bed->ends[0], *client = &bed->ends[1];
		struct sip_hop hop = bed_target(bed, reliable[t]);
		for (uint32_t i = 0; i < 3; i++) { // asked for again: it is there
			bed_send(client, &hop, SPAN_NONE, 100 + i);
			bed_settle(bed);
		}
		assert_int_equal(metric_read(&client->metrics.stream_dialled), 1);
		assert_int_equal(metric_read(&server->metrics.stream_connections), 1);
		bed_send(client, &hop, SPAN_LIT(BED_MESSAGE), 0);
		bed_until(bed, &server->messages, 1);
		assert_int_equal(metric_read(&client->metrics.stream_dialled), 1);
		assert_int_equal(client->failures, 0);
		bed->now_ms += BED_IDLE_MS;
		bed_until(bed, &client->failures, 1);
		assert_int_equal(client->tickets[0], 102);
		assert_int_equal(client->reasons[0], STREAM_CLOSED);
		bed_close(bed);
	}
}

// The request of a WebSocket names the path and the host that we called.
static void test_websocket_path(void **state)
{
	static const struct {
		const char *path, *name, *line, *host;
	} cases[] = {
		{ "", "", "GET / HTTP/1.1\r\n", "Host: 127.0.0.1:" },
		{ "/sip/ws?a=b", "sip.example.com", "GET /sip/ws?a=b HTTP/1.1\r\n",
		  "Host: sip.example.com:" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bed *bed = bed_open();
		struct addr local = { .ip = ip_from_v4(0x7f000001) }, remote;
		struct sip_hop hop = { .listener = SIP_TRANSPORT_WS,
			.tls_name = span_str(cases[i].name) };
		int listener = tcp_listen(&local, &hop.addr), fd = -EAGAIN;
		char port[16];
		bed->ends[1].rules.path = span_str(cases[i].path);
		bed_send(&bed->ends[1], &hop, SPAN_LIT(BED_MESSAGE), 0);
		for (int n = 0; n < 1000 && fd == -EAGAIN; n++) {
			bed_turn(bed);
			fd = tcp_accept(listener, &remote);
			poll(NULL, 0, 1);
		}
		const char *text = stranger_hear(bed, fd);
		snprintf(port, sizeof(port), ":%u\r\n", hop.addr.port);
		if (strncmp(text, cases[i].line, strlen(cases[i].line)) != 0 ||
			strstr(text, cases[i].host) == NULL || strstr(text, port) == NULL ||
			strstr(text, "Sec-WebSocket-Protocol: sip\r\n") == NULL)
			fail_msg("%s", text);
		close(fd);
		close(listener);
		bed_close(bed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_asked_and_answered),
		cmocka_unit_test(test_not_asked),
		cmocka_unit_test(test_dead),
		cmocka_unit_test(test_wanted_for_itself),
		cmocka_unit_test(test_websocket_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// RFC 5923: a connection of others leads to whom its certificate names, and to nobody else.
#include "stream_bed.h"

#define PEER_PORT 5071

// End 0 asks for certificates, end 1 shows one for peer.test.
static struct bed *open_mutual(void)
{
	struct bed *bed = bed_open();
	struct end *server = &bed->ends[0], *client = &bed->ends[1];
	char error[TLS_ERROR_MAX];
	certs_make(&bed->certs, "peer", "DNS:peer.test,URI:sip:domain.test");
	struct tls_settings asks = { .is_server = true, .verify = TLS_VERIFY_REQUEST,
		.cert = certs_path(&bed->certs, "server.pem"),
		.key = certs_path(&bed->certs, "server.key"),
		.ca = certs_path(&bed->certs, "ca.pem") };
	tls_context_free(server->server);
	assert_int_equal(tls_context_new(&asks, &server->server, error), 0);
	struct tls_settings shows = { .verify = TLS_VERIFY_NAME,
		.cert = certs_path(&bed->certs, "peer.pem"),
		.key = certs_path(&bed->certs, "peer.key"),
		.ca = certs_path(&bed->certs, "ca.pem") };
	tls_context_free(client->client);
	assert_int_equal(tls_context_new(&shows, &client->client, error), 0);
	return bed;
}

// What end 0 heard by a connection of end 1, offered for that port.
static struct sip_hop offer(struct bed *bed, enum sip_transport transport, bool is_trusted)
{
	struct end *server = &bed->ends[0];
	struct sip_hop hop = bed_target(bed, transport);
	uint32_t before = server->messages;
	bed_send(&bed->ends[1], &hop, SPAN_LIT(BED_MESSAGE), 0);
	bed_until(bed, &server->messages, before + 1);
	struct sip_hop offered = { .listener = server->from.listener,
		.addr = { server->from.addr.ip, PEER_PORT },
		.connection = server->from.connection };
	streams_alias(server->streams, &offered, is_trusted);
	return offered;
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		uint16_t trunk, peer; // of the hop; that the certificate named
		bool is_led;
	} cases[] = {
		{ "peer.test", 0, 0, true },
		{ "PEER.test", 3, 0, true },
		{ "domain.test", 0, 0, true },
		{ "other.test", 0, 0, false },
		{ "", 0, 0, false }, // the certificate shows no address
		{ "other.test", 3, 3, true },
		{ "other.test", 3, 2, false },
	};
	struct bed *bed = open_mutual();
	struct end *server = &bed->ends[0];
	(void)state;
	struct sip_hop offered = offer(bed, SIP_TRANSPORT_TLS, false);
	assert_int_equal(metric_read(&server->metrics.alias_taken), 1);
	assert_int_equal(alias_find(bed->aliases, &offered), offered.connection);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sip_hop hop = offered;
		hop.tls_name = span_str(cases[i].name);
		hop.tls_trunk = cases[i].trunk;
		server->peer = cases[i].peer;
		if (cases[i].peer != 0) { // asked for when TLS is open: a new connection
			bed->now_ms += BED_IDLE_MS;
			bed_until_metric(bed, &server->metrics.stream_connections, 0);
			assert_int_equal(alias_find(bed->aliases, &offered), 0);
			offered = offer(bed, SIP_TRANSPORT_TLS, false);
			hop.connection = offered.connection;
		}
		if (streams_leads_to(server->streams, &hop) != cases[i].is_led)
			fail_msg("case %zu", i);
		hop.addr.port++;
		assert_false(streams_leads_to(server->streams, &hop));
	}
	bed_close(bed);
}

// One for each connection; its end is the end of it.
static void test_one_each(void **state)
{
	struct bed *bed = open_mutual();
	struct end *server = &bed->ends[0];
	(void)state;
	struct sip_hop first = offer(bed, SIP_TRANSPORT_TLS, false), second = first;
	second.addr.port++;
	streams_alias(server->streams, &second, false);
	assert_int_equal(alias_find(bed->aliases, &first), 0);
	assert_int_equal(alias_find(bed->aliases, &second), first.connection);
	streams_free(bed->ends[1].streams);
	bed->ends[1].streams = NULL;
	for (int i = 0; i < 2000 && metric_read(&server->metrics.stream_half_closed) == 0; i++) {
		streams_run(server->streams, bed->now_ms, true);
		poll(NULL, 0, 1);
	}
	// Who says no more may not be asked either.
	second.tls_name = SPAN_LIT("peer.test");
	assert_false(streams_leads_to(server->streams, &second));
	bed->now_ms += BED_MESSAGE_MS;
	streams_run(server->streams, bed->now_ms, true);
	assert_int_equal(alias_find(bed->aliases, &second), 0);
	bed_close(bed);
}

static void test_not_proved(void **state)
{
	static const struct {
		enum sip_transport transport;
		bool is_mutual, is_trusted, is_taken;
	} cases[] = {
		{ SIP_TRANSPORT_TLS, false, false, false },
		{ SIP_TRANSPORT_TLS, false, true, false }, // an address is no certificate
		{ SIP_TRANSPORT_TLS, true, false, true },
		{ SIP_TRANSPORT_TCP, false, false, false },
		{ SIP_TRANSPORT_TCP, false, true, true },
		{ SIP_TRANSPORT_WS, false, true, false },
		{ SIP_TRANSPORT_WSS, true, true, false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bed *bed = cases[i].is_mutual ? open_mutual() : bed_open();
		struct end *server = &bed->ends[0];
		struct sip_hop offered = offer(bed, cases[i].transport, cases[i].is_trusted);
		if ((alias_find(bed->aliases, &offered) != 0) != cases[i].is_taken)
			fail_msg("case %zu", i);
		assert_int_equal(metric_read(&server->metrics.alias_refused), !cases[i].is_taken);
		assert_int_equal(streams_leads_to(server->streams, &offered),
			cases[i].is_taken && cases[i].transport == SIP_TRANSPORT_TCP);
		// Whom we dialled ourselves needs none.
		struct sip_hop dialled = bed_target(bed, cases[i].transport);
		server->answer = SPAN_LIT("SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n");
		bed_send(&bed->ends[1], &dialled, SPAN_LIT(BED_MESSAGE), 0);
		bed_until(bed, &bed->ends[1].messages, 1);
		streams_alias(bed->ends[1].streams, &bed->ends[1].from, true);
		assert_int_equal(metric_read(&bed->ends[1].metrics.alias_taken), 0);
		bed_close(bed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_one_each),
		cmocka_unit_test(test_not_proved),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

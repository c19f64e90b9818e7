// Connection reuse (RFC 5923): whose offers are heard, and to whom we make one.
#include "fixture.h"

enum { BY_UDP, BY_TCP, BY_TLS, BY_WS };

static int open_transports(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	CHECK(f);
	fixture_config(f);
	for (uint32_t i = 0; i < 2; i++) {
		struct config_realm *realm = &f->config.realms[i];

		realm->latching = CONFIG_LATCH_STRICT;
		for (uint32_t k = BY_TCP; k <= BY_WS; k++) {
			realm->listeners[k].transport = (enum config_transport)k;
			realm->listeners[k].addr = realm->listeners[0].addr;
			realm->listeners[k].addr.port = (uint16_t)(5060 + k);
		}
		realm->listener_count = 4;
	}
	fixture_start(f, 8);
	*state = f;
	return 0;
}

static void test_heard(void **state)
{
	static const struct {
		uint32_t by, reuse;
		const char *via;    // behind the transport
		bool is_dialled, is_learning;
		uint16_t port;      // of the alias, 0 = not heard
		bool is_trusted;
	} cases[] = {
		{ BY_TLS, PROFILE_REUSE_CERTIFICATE, "a.test:5071;alias", .port = 5071 },
		{ BY_TLS, PROFILE_REUSE_CERTIFICATE, "a.test;ALIAS", .port = 5061 },
		{ BY_TLS, PROFILE_REUSE_ADDRESS, "a.test;alias", .port = 5061 },
		{ BY_TLS, PROFILE_REUSE_CERTIFICATE, "a.test", .port = 0 },
		{ BY_TLS, PROFILE_REUSE_OFF, "a.test;alias", .port = 0 },
		{ BY_TLS, PROFILE_REUSE_CERTIFICATE, "a.test;alias", .is_dialled = true },
		{ BY_TLS, PROFILE_REUSE_CERTIFICATE, "a.test;alias", .is_learning = true },
		{ BY_TCP, PROFILE_REUSE_CERTIFICATE, "a.test;alias", .port = 0 },
		{ BY_TCP, PROFILE_REUSE_ADDRESS, "a.test;alias", .port = 5060, .is_trusted = true },
		{ BY_WS, PROFILE_REUSE_ADDRESS, "a.test;alias", .port = 0 },
	};
	struct fixture *f = *state;

	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[1024];
		struct core_message message = {
			.listener = listener_make(REALM_ACCESS, cases[i].by),
			.source = fixture_addr("10.1.1.5:40001"), .connection = 77,
			.is_dialled = cases[i].is_dialled };

		snprintf(text, sizeof(text), "OPTIONS sip:10.1.0.1 SIP/2.0\r\n"
			"Via: SIP/2.0/TLS %s;branch=z9hG4bK%u\r\nMax-Forwards: 70\r\n"
			"From: <sip:55@x.example>;tag=a\r\nTo: <sip:10.1.0.1>\r\nCall-ID: %u@x\r\n"
			"CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", cases[i].via, i, i);
		message.data = span_str(text);
		f->profiles[0].flow.reuse = cases[i].reuse;
		f->config.realms[REALM_ACCESS].latching =
			cases[i].is_learning ? CONFIG_LATCH_ONCE : CONFIG_LATCH_STRICT;
		f->alias_count = 0;
		core_receive(f->core, &f->env, &message);
		fixture_take(f);
		if (f->alias_count != (cases[i].port != 0))
			fail_msg("case %u: %u offers heard", i, f->alias_count);
		if (cases[i].port == 0)
			continue;
		assert_int_equal(f->alias.hop.connection, 77);
		assert_int_equal(f->alias.hop.listener, message.listener);
		assert_true(ip_eq(&f->alias.hop.addr.ip, &message.source.ip));
		assert_int_equal(f->alias.hop.addr.port, cases[i].port);
		assert_int_equal(f->alias.is_trusted, cases[i].is_trusted);
	}
}

static void test_offered(void **state)
{
	static const struct {
		uint32_t by, reuse;
		bool has_tls, has_cert; // of the trunk
		bool is_offered;
	} cases[] = {
		{ BY_TLS, PROFILE_REUSE_CERTIFICATE, false, false, true },
		{ BY_TLS, PROFILE_REUSE_CERTIFICATE, true, true, true },
		{ BY_TLS, PROFILE_REUSE_CERTIFICATE, true, false, false },
		{ BY_TLS, PROFILE_REUSE_OFF, false, false, false },
		{ BY_TCP, PROFILE_REUSE_CERTIFICATE, false, false, false },
		{ BY_TCP, PROFILE_REUSE_ADDRESS, false, false, true },
		{ BY_UDP, PROFILE_REUSE_ADDRESS, false, false, false },
	};
	struct fixture *f = *state;

	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config_trunk *trunk = &f->trunks[1];
		const struct fixture_message *m;

		trunk->hosts[0].transport = (enum config_transport)cases[i].by;
		trunk->hosts[0].has_transport = true;
		trunk->has_tls = cases[i].has_tls;
		trunk->tls.cert = cases[i].has_cert ? "/x.pem" : NULL;
		f->profiles[1].flow.reuse = cases[i].reuse;
		fixture_forget(f);
		char id[32];
		snprintf(id, sizeof(id), "reuse%u", i);
		struct fixture_request r = { .method = "INVITE", .cseq = 1,
			.body = FIXTURE_SDP("10.1.1.5"), .call_id = id, .branch = id };
		fixture_phone(f, &r);
		m = fixture_last(f, "INVITE");
		if (!m)
			fail_msg("case %u: no INVITE, but %s", i,
				f->sent_count ? f->sent[f->sent_count - 1].text : "nothing");
		if ((strstr(fixture_header(m->text, "Via"), ";alias") != NULL) !=
			cases[i].is_offered)
			fail_msg("case %u: %s", i, fixture_header(m->text, "Via"));
		core_hangup_all(f->core, &f->env);
		fixture_wait(f, 40000);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_transports, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_heard), TEST(test_offered) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

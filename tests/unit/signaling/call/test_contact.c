// The Contact line that a peer gets, by transport, dialog and profile.
#include "fixture.h"

#include "call/contact.h"

static void lines(void **state)
{
	static const struct {
		enum config_transport transport;
		bool is_secure;
		const char *host, *line;
	} cases[] = {
		{ CONFIG_UDP, false, NULL, "Contact: <sip:u@10.2.0.1:5060>\r\n" },
		{ CONFIG_TCP, false, NULL, "Contact: <sip:u@10.2.0.1:5060;transport=tcp>\r\n" },
		{ CONFIG_TLS, false, NULL, "Contact: <sip:u@10.2.0.1:5060;transport=tls>\r\n" },
		{ CONFIG_TLS, true, NULL, "Contact: <sips:u@10.2.0.1:5060>\r\n" },
		{ CONFIG_WSS, true, NULL, "Contact: <sips:u@10.2.0.1:5060;transport=ws>\r\n" },
		{ CONFIG_TLS, false, "sbc.example.com",
			"Contact: <sip:u@sbc.example.com:5060;transport=tls>\r\n" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct contact contact = { .user = SPAN_LIT("u"), .profile = 1,
			.listener = listener_make(REALM_CORE, 0),
			.is_secure = cases[i].is_secure };
		char out[256];
		struct sip_writer w;

		f->config.realms[REALM_CORE].listeners[0].transport = cases[i].transport;
		f->profiles[1].headers.contact_host = cases[i].host;
		sip_writer_init(&w, out, sizeof(out));
		contact_put(&w, &f->config, &contact);
		assert_false(w.is_overflowed);
		if (!span_eq(sip_writer_text(&w), span_str(cases[i].line)))
			fail_msg("%s: " SPAN_FMT, cases[i].line, SPAN_ARG(sip_writer_text(&w)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines, fixture_open, fixture_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

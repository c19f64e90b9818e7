// INFO inside a call: packages and key presses cross, other content by list (RFC 6086).
#include "dialog.h"

#include "call/relay.h"

static void establish(struct dialog *d, struct fixture *f)
{
	dialog_invite(d, f, "Recv-Info: g.3gpp.mid-call\r\n", FIXTURE_SDP("10.1.1.5"));
	assert_string_equal(fixture_header(fixture_last(f, "INVITE")->text, "Recv-Info"),
		"g.3gpp.mid-call");
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
}

static void info(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *extra, *body;
		const char *package, *type; // as they cross; NULL: refused
	} cases[] = {
		{ "Content-Type: application/dtmf-relay\r\n", "Signal=5\r\nDuration=160\r\n", "",
			"application/dtmf-relay" },
		{ "Info-Package: foo;host=secret\r\n", "", "foo", "" },
		{ "", "", "", "" },
		{ "Content-Type: application/secret\r\n", "x", NULL, NULL },
		{ "Info-Package: b@d\r\n", "", "", "" },
	};
	struct dialog d;
	char tag[64];

	establish(&d, f);
	fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char branch[16];
		struct fixture_request r = { .method = "INFO", .cseq = 10 + i, .to_tag = tag,
			.branch = branch, .extra = cases[i].extra, .body = cases[i].body };

		snprintf(branch, sizeof(branch), "info%u", i);
		fixture_forget(f);
		fixture_phone(f, &r);
		const struct fixture_message *m = fixture_last(f, "INFO");
		if (!cases[i].package) {
			assert_null(m);
			assert_non_null(fixture_last(f, "SIP/2.0 415"));
			continue;
		}
		assert_non_null(m);
		assert_string_equal(fixture_header(m->text, "Info-Package"), cases[i].package);
		assert_string_equal(fixture_header(m->text, "Content-Type"), cases[i].type);
		assert_string_equal(strstr(m->text, "\r\n\r\n") + 4, cases[i].body);
		assert_null(strstr(m->text, "secret-a"));
		fixture_carrier(f, "INFO", 469, "");
		assert_non_null(fixture_last(f, "SIP/2.0 469"));
	}
}

// More than a call may have under way at once: 503, and as many again when those are answered.
static void flood(void **state)
{
	struct fixture *f = *state;
	struct dialog d;

	dialog_establish(&d, f, "", "");
	for (uint32_t round = 0; round < 2; round++) {
		fixture_forget(f);
		for (uint32_t i = 0; i < RELAYS_PER_CALL + 20; i++)
			dialog_phone(&d, "INFO", 10 + round * 100 + i, "", "");
		assert_int_equal(fixture_count(f, "INFO"), RELAYS_PER_CALL);
		assert_int_equal(fixture_count(f, "SIP/2.0 503"), 20);
		assert_non_null(strstr(fixture_last(f, "SIP/2.0 503")->text, "Retry-After: "));
		uint32_t count = f->sent_count;
		for (uint32_t i = 0; i < count; i++) {
			const char *text = f->sent[i].text;
			char answer[2048];

			if (strncmp(text, "INFO", 4) != 0)
				continue;
			snprintf(answer, sizeof(answer),
				"SIP/2.0 200 OK\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\n"
				"Call-ID: %s\r\nCSeq: %s\r\nContent-Length: 0\r\n\r\n",
				fixture_header(text, "Via"), fixture_header(text, "From"),
				fixture_header(text, "To"), fixture_header(text, "Call-ID"),
				fixture_header(text, "CSeq"));
			fixture_receive(f, "10.2.1.1:5060", answer);
		}
		assert_int_equal(fixture_count(f, "SIP/2.0 200"), RELAYS_PER_CALL);
	}
	assert_int_equal(f->ended_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(info, fixture_open, fixture_close),
		cmocka_unit_test_setup_teardown(flood, fixture_open, fixture_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

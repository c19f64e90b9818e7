// Header rules, names and passed fields of the profiles, in whole calls.
#include "params.h"

static void begin(struct fixture *f, const char *extra)
{
	struct fixture_request invite = { .method = "INVITE", .cseq = 1, .extra = extra,
		.body = FIXTURE_SDP("10.1.1.5") };

	fixture_phone(f, &invite);
}

static const struct fixture_message *newest(const struct fixture *f, const char *start)
{
	const struct fixture_message *m = fixture_last(f, start);

	assert_non_null(m);
	return m;
}

// Smuggled fields cross only if both sides' profiles say so.
static void pass_list(void **state)
{
	static const char *names[] = { "X-Account", "User-to-User" };

	(void)state;
	for (uint32_t both = 0; both < 4; both++) {
		void *one;
		struct fixture *f;

		fixture_open(&one);
		f = one;
		for (uint32_t i = 0; i < 2; i++) {
			f->profiles[i].headers.pass = names;
			f->profiles[i].headers.pass_count = both >> i & 1 ? 2 : 0;
		}
		begin(f, "x-account: 7\r\nX-Smuggled: 8\r\nUser-to-User: 99;encoding=hex\r\n");
		const char *text = newest(f, "INVITE")->text;
		assert_string_equal(fixture_header(text, "X-Account"), both == 3 ? "7" : "");
		assert_string_equal(fixture_header(text, "User-to-User"),
			both == 3 ? "99;encoding=hex" : "");
		assert_null(strstr(text, "Smuggled"));
		fixture_close(&one);
	}
}

static void rules_out(void **state)
{
	struct fixture *f = *state;
	static struct header_rule list[] = {
		{ .action = HEADER_SET, .name = "X-Border", .value = "1" },
		{ .action = HEADER_SET, .name = "Request-URI", .value = "sip:0100@peer.example" },
		{ .action = HEADER_SET, .name = "To", .value = "<sip:0100@peer.example>" },
		{ .action = HEADER_SET, .name = "From", .value = "<sip:main@sbc.example>" },
	};

	f->profiles[1].headers.out = (struct header_rules){ list, 4 };
	begin(f, "");
	const struct fixture_message *m = newest(f, "INVITE sip:0100@peer.example SIP/2.0\r\n");
	assert_string_equal(fixture_header(m->text, "X-Border"), "1");
	assert_int_equal(strncmp(fixture_header(m->text, "From"),
				 "<sip:main@sbc.example>;tag=", 27), 0);
	// CANCEL and the ACK of an error name the same request (RFC 3261 9.1, 17.1.1.3).
	fixture_carrier(f, "INVITE", 486, "");
	m = newest(f, "ACK sip:0100@peer.example SIP/2.0\r\n");
	assert_int_equal(strncmp(fixture_header(m->text, "From"),
				 "<sip:main@sbc.example>;tag=", 27), 0);
	// The phones' profile has no rules.
	assert_null(strstr(newest(f, "SIP/2.0 486")->text, "X-Border"));
	assert_int_equal(metric_read(&core_metrics(f->core)->rules_failed), 0);
}

static void rules_in(void **state)
{
	struct fixture *f = *state;
	static struct header_rule list[] = {
		{ .action = HEADER_SET, .name = "Request-URI", .value = "sip:1234@10.1.0.1" },
		{ .action = HEADER_SET, .name = "From", .value = "<sip:77@secret.example>" },
		{ .action = HEADER_RENAME, .name = "X-Subject", .to = "Subject" },
	};

	f->profiles[0].headers.in = (struct header_rules){ list, 3 };
	begin(f, "X-Subject: moved\r\n");
	const struct fixture_message *m = newest(f, "INVITE sip:+491234@");
	assert_string_equal(fixture_header(m->text, "Subject"), "moved");
	assert_int_equal(strncmp(fixture_header(m->text, "From"), "<sip:77@10.2.0.1", 16), 0);
	// The caller is spoken to under the name that it gave itself.
	fixture_carrier(f, "INVITE", 180, "");
	m = newest(f, "SIP/2.0 180");
	assert_non_null(strstr(fixture_header(m->text, "From"), "sip:55@secret.example"));
}

// A rule that makes no SIP of it: the message goes as it was, counted.
static void spoiled(void **state)
{
	struct fixture *f = *state;
	static struct header_rule out[] = {
		{ .action = HEADER_SET, .name = "From", .value = "<sip:1@x>;tag=forged" },
		{ .action = HEADER_SET, .name = "Request-URI", .value = "no uri" },
	};
	static struct header_rule in[] = {
		{ .action = HEADER_SET, .name = "From", .value = "<<<" },
	};

	f->profiles[1].headers.out = (struct header_rules){ out, 1 };
	f->profiles[0].headers.in = (struct header_rules){ in, 1 };
	begin(f, "");
	assert_null(strstr(newest(f, "INVITE sip:+49100@")->text, "forged"));
	assert_int_equal(metric_read(&core_metrics(f->core)->rules_failed), 2);
	f->profiles[1].headers.out = (struct header_rules){ out + 1, 1 };
	f->profiles[0].headers.in.count = 0;
	struct fixture_request again = { .method = "INVITE", .cseq = 1, .call_id = "other",
		.branch = "phone2", .body = FIXTURE_SDP("10.1.1.5") };
	fixture_forget(f);
	fixture_phone(f, &again);
	newest(f, "INVITE sip:+49100@");
	assert_int_equal(metric_read(&core_metrics(f->core)->rules_failed), 3);
}

static void host_names(void **state)
{
	struct fixture *f = *state;
	struct profile_headers *headers = &f->profiles[1].headers;

	headers->contact_host = "sbc.example.com";
	headers->via_host = "via.example.com";
	headers->from_host = "from.example.com";
	headers->to_host = "peer.example.com";
	headers->agent = "Border 1";
	begin(f, "");
	const char *text = newest(f, "INVITE sip:+49100@peer.example.com SIP/2.0\r\n")->text;
	assert_non_null(strstr(fixture_header(text, "Contact"), "@sbc.example.com:5060>"));
	assert_int_equal(strncmp(fixture_header(text, "Via"),
				 "SIP/2.0/UDP via.example.com:5060;branch=", 40), 0);
	assert_int_equal(strncmp(fixture_header(text, "From"),
				 "\"Alice\" <sip:55@from.example.com>;tag=", 38), 0);
	assert_string_equal(fixture_header(text, "To"), "<sip:+49100@peer.example.com>");
	assert_string_equal(fixture_header(text, "User-Agent"), "Border 1");
	fixture_carrier(f, "INVITE", 180, "");
	text = newest(f, "SIP/2.0 180")->text;
	assert_string_equal(fixture_header(text, "Server"), "");
	assert_null(strstr(text, "example.com"));
}

// Refusals of our own follow the sender's profile too.
static void refused(void **state)
{
	struct fixture *f = *state;
	static struct profile_text texts[] = { { 404, SPAN_LIT("Nobody") } };
	struct fixture_request invite = { .method = "INVITE", .uri = "sip:9@10.1.0.1", .cseq = 1 };

	f->profiles[0].headers.texts = texts;
	f->profiles[0].headers.text_count = 1;
	f->profiles[0].headers.agent = "Border 1";
	fixture_phone(f, &invite);
	assert_string_equal(fixture_header(newest(f, "SIP/2.0 404 Nobody\r\n")->text, "Server"),
		"Border 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pass_list),
		cmocka_unit_test_setup_teardown(rules_out, fixture_open, fixture_close),
		cmocka_unit_test_setup_teardown(rules_in, fixture_open, fixture_close),
		cmocka_unit_test_setup_teardown(spoiled, fixture_open, fixture_close),
		cmocka_unit_test_setup_teardown(host_names, fixture_open, fixture_close),
		cmocka_unit_test_setup_teardown(refused, fixture_open, fixture_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

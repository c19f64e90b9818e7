// Requests that are refused before a call exists: with what status, header and reason.
#include "fixture.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

static const struct {
	const char *name;
	const char *line;    // method and URI
	const char *headers;
	const char *body;
	const char *status;  // how the answer begins
	const char *header;  // that it has, NULL: none
} cases[] = {
	{ "extension", "INVITE sip:100@x", "Require: 100rel, foo\r\n", "", "SIP/2.0 420 ",
		"Unsupported: foo\r\n" },
	{ "two lines", "INVITE sip:100@x", "Require: a\r\nRequire: b\r\n", "", "SIP/2.0 420 ",
		"Unsupported: a, b\r\n" },
	{ "options", "OPTIONS sip:x", "Require: foo\r\n", "", "SIP/2.0 420 ",
		"Unsupported: foo\r\n" },
	{ "body", "INVITE sip:100@x", "Content-Type: text/plain\r\n", "hello", "SIP/2.0 415 ",
		"Accept: application/sdp, multipart/mixed\r\n" },
	{ "untyped body", "INVITE sip:100@x", "", "v=0", "SIP/2.0 400 Missing Content-Type", NULL },
	{ "coded body", "INVITE sip:100@x",
		"Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n", "x", "SIP/2.0 415 ",
		"Accept-Encoding: identity\r\n" },
	{ "multipart", "INVITE sip:100@x", "Content-Type: multipart/mixed;boundary=x\r\n", "--x",
		"SIP/2.0 400 Malformed Body", NULL },
	{ "unlisted part", "INVITE sip:100@x", "Content-Type: multipart/mixed;boundary=x\r\n",
		"--x\r\n\r\nhello\r\n--x--\r\n", "SIP/2.0 415 ", "Accept: application/sdp" },
	{ "method", "DANCE sip:x", "", "", "SIP/2.0 405 ",
		"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS" },
	{ "register", "REGISTER sip:x", "", "", "SIP/2.0 405 ", "Allow: INVITE" },
	{ "privacy", "INVITE sip:100@x", "Privacy: voice;critical\r\n", "",
		"SIP/2.0 500 Privacy Not Available", NULL },
	{ "privacy of a message", "MESSAGE sip:100@x", "Privacy: voice;critical\r\n", "",
		"SIP/2.0 500 ", NULL },
	{ "bye", "BYE sip:x", "", "", "SIP/2.0 481 ", NULL },
	{ "update", "UPDATE sip:x", "", "", "SIP/2.0 481 ", NULL },
	{ "sips", "INVITE sips:100@x", "", "", "SIP/2.0 416 ", NULL },
	{ "mailto", "INVITE mailto:a@b", "", "", "SIP/2.0 416 ", NULL },
	{ "no route", "INVITE sip:900@x", "", "", "SIP/2.0 404 ", NULL },
	{ "long user", "INVITE sip:1000000000000000000000000000000000000000000000000000000000000000"
		"00000000000000000000@x", "", "", "SIP/2.0 484 ", NULL },
	{ "bye with a route", "BYE sip:x",
		"Route: <sip:10.1.0.1;lr>\r\n", "", "SIP/2.0 481 ", NULL },
};

static void each_by_its_name(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[2048], method[32];

		snprintf(method, sizeof(method), "%.*s", (int)strcspn(cases[i].line, " "),
			cases[i].line);
		snprintf(text, sizeof(text),
			"%s SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.1.5:5060;branch=z9hG4bKr%zu;rport\r\n"
			"Max-Forwards: 70\r\nFrom: <sip:55@x>;tag=1\r\nTo: <sip:x@y>\r\n"
			"Call-ID: refuse%zu\r\nCSeq: 1 %s\r\nContact: <sip:a@10.1.1.5>\r\n%s"
			"Content-Length: %zu\r\n\r\n%s",
			cases[i].line, i, i, method, cases[i].headers, strlen(cases[i].body),
			cases[i].body);
		fixture_forget(f);
		fixture_receive(f, "10.1.1.5:5060", text);
		const struct fixture_message *answer = fixture_last(f, cases[i].status);
		if (!answer)
			fail_msg("%s: %s", cases[i].name,
				f->sent_count ? f->sent[0].text : "silence");
		if (cases[i].header && !strstr(answer->text, cases[i].header))
			fail_msg("%s: %s", cases[i].name, answer->text);
		assert_int_equal(fixture_calls(f), 0);
		assert_int_equal(fixture_flows(f), 0);
	}
	assert_int_equal(f->ended_count, 0);
	assert_int_equal(metric_read(&core_metrics(f->core)->refused_extension), 3);
	assert_int_equal(metric_read(&core_metrics(f->core)->refused_body), 5);
}

// RFC 3261 8.1.1.8: without a Contact nobody could be sent a BYE.
static void no_contact(void **state)
{
	struct fixture *f = *state;

	fixture_receive(f, "10.1.1.5:5060",
		"INVITE sip:100@x SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.1.5;branch=z9hG4bKn\r\n"
		"From: <sip:55@x>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: n\r\nCSeq: 1 INVITE\r\n"
		"Content-Length: 0\r\n\r\n");
	assert_non_null(fixture_last(f, "SIP/2.0 400 Missing Contact"));
	assert_int_equal(metric_read(&core_metrics(f->core)->refused_contact), 1);
	assert_int_equal(fixture_calls(f), 0);
}

// Our INVITE comes back from a proxy, for the same user or for another one (RFC 3261 16.3).
static void spiral(void **state)
{
	static const struct {
		const char *user, *answer, *hops;
	} passes[] = {
		{ "+49100", "SIP/2.0 482", "Max-Forwards: 60\r\n" }, // whom we called
		{ "100", "SIP/2.0 482", "Max-Forwards: 60\r\n" },    // who was dialled
		{ "177", "SIP/2.0 482", "" },                        // without end
		{ "177", "SIP/2.0 100", "Max-Forwards: 60\r\n" },
	};
	struct fixture *f = *state;
	struct fixture_request invite = { .method = "INVITE", .cseq = 1,
		.body = FIXTURE_SDP("10.1.1.5") };
	char text[4096], sent[4096];

	fixture_phone(f, &invite);
	snprintf(sent, sizeof(sent), "%s", fixture_last(f, "INVITE")->text);
	for (uint32_t i = 0; i < sizeof(passes) / sizeof(passes[0]); i++) {
		const char *sdp = FIXTURE_SDP("10.2.1.9");

		fixture_forget(f);
		snprintf(text, sizeof(text),
			"INVITE sip:%s@10.2.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.2.1.1;branch="
			"z9hG4bKproxy%u\r\nVia: %s\r\n%sFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\n"
			"CSeq: %u INVITE\r\nContact: <sip:x@10.2.1.9>\r\n"
			"Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
			passes[i].user, i, fixture_header(sent, "Via"), passes[i].hops,
			fixture_header(sent, "From"), fixture_header(sent, "To"),
			fixture_header(sent, "Call-ID"), 100 + i, strlen(sdp), sdp);
		fixture_receive(f, "10.2.1.1:5060", text);
		assert_non_null(fixture_last(f, passes[i].answer));
		fixture_wait(f, 1000);
	}
	assert_non_null(fixture_last(f, "INVITE sip:177@10.1.1.200"));
	assert_int_equal(metric_read(&core_metrics(f->core)->spirals), 1);
	assert_int_equal(metric_read(&core_metrics(f->core)->refused_loop), 3);
	assert_int_equal(fixture_calls(f), 2);
}

// Callers that come again later do not come all at once.
static void retry_after_is_spread(void **state)
{
	struct fixture *f = *state;
	unsigned seen = 0;

	f->env.is_draining = true;
	for (uint32_t i = 0; i < 40; i++) {
		char name[16];

		snprintf(name, sizeof(name), "retry%u", i);
		struct fixture_request invite = { .method = "INVITE", .cseq = 1, .branch = name,
			.call_id = name };
		fixture_forget(f);
		fixture_phone(f, &invite);
		int seconds = atoi(fixture_header(fixture_last(f, "SIP/2.0 503")->text,
			"Retry-After"));
		assert_in_range(seconds, 5, 10);
		seen |= 1u << seconds;
	}
	assert_true(__builtin_popcount(seen) >= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_by_its_name), TEST(no_contact), TEST(spiral), TEST(retry_after_is_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Digest authentication that the two ends do with each other, by profile (RFC 3261 22, RFC 8760).
#include "dialog.h"
#include "params.h"

#define DIGEST \
	"Digest realm=\"carrier, Inc.\", nonce=\"a,b\", algorithm=SHA-256, qop=\"auth,auth-int\""

static void challenges(void **state)
{
	static const struct {
		const char *first, *said;
		bool is_passed;
		uint16_t told;
		const char *heard;
	} cases[] = {
		{ "SIP/2.0 401 x", "WWW-Authenticate: " DIGEST "\r\n", true, 401,
			"WWW-Authenticate: " DIGEST "\r\n" },
		{ "SIP/2.0 401 x", "WWW-Authenticate: " DIGEST "\r\n", false, 403, "" },
		{ "SIP/2.0 407 x", "Proxy-Authenticate: " DIGEST "\r\n", true, 407,
			"Proxy-Authenticate: " DIGEST "\r\n" },
		// One for each algorithm, and those of a proxy's several branches (RFC 3261 22.3).
		{ "SIP/2.0 407 x", "Proxy-Authenticate: Digest realm=\"a\", nonce=\"1\"\r\n"
			"WWW-Authenticate: Digest realm=\"b\", nonce=\"2\"\r\n"
			"Proxy-Authenticate: Digest realm=\"a\", nonce=\"3\"\r\n", true, 407,
			"WWW-Authenticate: Digest realm=\"b\", nonce=\"2\"\r\n"
			"Proxy-Authenticate: Digest realm=\"a\", nonce=\"1\"\r\n"
			"Proxy-Authenticate: Digest realm=\"a\", nonce=\"3\"\r\n" },
		// Names of hosts stay here, wherever they stand.
		{ "SIP/2.0 401 x", "WWW-Authenticate: Digest domain=\"sip:in.example\", "
			"realm=\"a\", Domain = \"sip:in.example\",nonce=\"1\"\r\n", true, 401,
			"WWW-Authenticate: Digest realm=\"a\", nonce=\"1\"\r\n" },
		// A challenge without one is none, and an answer of another kind carries none.
		{ "SIP/2.0 401 x", "", true, 403, "" },
		{ "SIP/2.0 403 x", "WWW-Authenticate: " DIGEST "\r\n", true, 403, "" },
		{ "SIP/2.0 401 x", "WWW-Authenticate: realm=\"a\", nonce=\"1\"\r\n", true, 401,
			"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hide_params params = params_make(false, false);
		char out[1024];
		struct sip_writer w;

		params_from.headers.is_challenge_passed = cases[i].is_passed;
		params_parse(cases[i].first, "<sip:a@x>;tag=1", cases[i].said);
		assert_int_equal(hide_told(&params), cases[i].told);
		sip_writer_init(&w, out, sizeof(out));
		hide_put_error(&w, &params);
		params_expect(&w, cases[i].heard, cases[i].said);
	}
	params_from.headers.is_challenge_passed = false;
}

// A code that the caller's profile wants told is told, without the challenge.
static void codes_come_first(void **state)
{
	static struct profile_code map[] = { { 401, 404 } };
	struct hide_params params = params_make(false, false);
	char out[1024];
	struct sip_writer w;

	(void)state;
	params_from.headers.is_challenge_passed = true;
	params_to.headers.codes = map;
	params_to.headers.code_count = 1;
	params_parse("SIP/2.0 401 x", "<sip:a@x>;tag=1", "WWW-Authenticate: " DIGEST "\r\n");
	assert_int_equal(hide_told(&params), 404);
	sip_writer_init(&w, out, sizeof(out));
	hide_put_error(&w, &params);
	params_expect(&w, "", "no challenge");
	params_to.headers.code_count = 0;
	params_from.headers.is_challenge_passed = false;
}

static void credentials(void **state)
{
	static const char both[] = "Authorization: Digest username=\"a\", response=\"1\"\r\n"
		"Proxy-Authorization: Digest username=\"a\", response=\"2\"\r\n";
	static const char info[] = "Authentication-Info: nextnonce=\"4\"\r\n";
	struct hide_params params = params_make(false, false);
	char out[1024];
	struct sip_writer w;

	(void)state;
	for (int is_passed = 0; is_passed < 2; is_passed++) {
		params_to.headers.is_challenge_passed = is_passed;
		params_parse("INVITE sip:1@x SIP/2.0", "<sip:a@x>;tag=1", both);
		sip_writer_init(&w, out, sizeof(out));
		hide_put_request(&w, &params);
		params_expect(&w, is_passed ? both : "", "credentials");
		params_to.headers.is_challenge_passed = false;
		params_from.headers.is_challenge_passed = is_passed;
		params_parse("SIP/2.0 200 OK", "<sip:a@x>;tag=1", info);
		sip_writer_init(&w, out, sizeof(out));
		hide_put_answer(&w, &params);
		params_expect(&w, is_passed ? info : "", "Authentication-Info");
		params_from.headers.is_challenge_passed = false;
	}
}

// The caller answers what the carrier asked, by a new INVITE, whose call is a new one here.
static void in_a_call(void **state)
{
	struct fixture *f = *state;
	struct dialog_answer challenge = { .start = "INVITE", .status = 401,
		.extra = "WWW-Authenticate: " DIGEST "\r\n", .body = "" };
	struct dialog d;

	f->profiles[1].headers.is_challenge_passed = true;
	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	dialog_answer(&d, &challenge);
	const struct fixture_message *m = fixture_last(f, "SIP/2.0 401 Unauthorized\r\n");
	assert_non_null(m);
	assert_string_equal(fixture_header(m->text, "WWW-Authenticate"), DIGEST);
	assert_int_equal(f->ended.code, 401);
}

#define ABLE  "Allow: INVITE, PRACK, UPDATE, INFO, REFER\r\nSupported: 100rel\r\n"
#define CREDENTIALS "Authorization: Digest username=\"a\", response=\"1\"\r\n"

static struct dialog d;

// In the call the carrier challenges requests as well: they come back to whoever can answer.
static void in_dialogs(void **state)
{
	struct fixture *f = *state;
	static const struct { const char *method, *extra, *body; } cases[] = {
		{ "INFO", "Content-Type: application/dtmf-relay\r\n", "Signal=1\r\n" },
		{ "UPDATE", "", "" },
		{ "UPDATE", "", FIXTURE_SDP("10.1.1.6") },
		{ "INVITE", "", FIXTURE_SDP("10.1.1.6") },
		{ "REFER", "Refer-To: <sip:1000@10.1.0.1>\r\n", "" },
	};
	uint32_t cseq = 2;

	f->profiles[1].headers.is_challenge_passed = true;
	f->profiles[0].flow.refer = PROFILE_REFER_PASS;
	dialog_establish(&d, f, ABLE, ABLE);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char extra[512];

		fixture_forget(f);
		dialog_phone(&d, cases[i].method, cseq++, cases[i].extra, cases[i].body);
		const struct fixture_message *m = fixture_last(f, cases[i].method);
		assert_non_null(m);
		assert_null(strstr(m->text, "Authorization"));
		dialog_answer(&d, &(struct dialog_answer){ .start = cases[i].method,
			.status = 401, .extra = "WWW-Authenticate: " DIGEST "\r\n" });
		m = fixture_last(f, "SIP/2.0 401");
		assert_non_null(m);
		assert_string_equal(fixture_header(m->text, "WWW-Authenticate"), DIGEST);
		snprintf(extra, sizeof(extra), "%s%s", cases[i].extra, CREDENTIALS);
		dialog_phone(&d, cases[i].method, cseq++, extra, cases[i].body);
		m = fixture_last(f, cases[i].method);
		assert_int_equal(m->realm, REALM_CORE);
		assert_string_equal(fixture_header(m->text, "Authorization"),
			"Digest username=\"a\", response=\"1\"");
		dialog_answer(&d, &(struct dialog_answer){ .start = cases[i].method,
			.status = 200, .extra = "Authentication-Info: nextnonce=\"4\"\r\n",
			.body = strstr(cases[i].body, "v=0") ? FIXTURE_SDP("10.2.1.1") : "" });
		m = fixture_last(f, "SIP/2.0 200");
		assert_non_null(m);
		assert_string_equal(fixture_header(m->text, "Authentication-Info"),
			"nextnonce=\"4\"");
		if (!strcmp(cases[i].method, "INVITE"))
			dialog_phone(&d, "ACK", cseq - 1, "", "");
	}
	assert_int_equal(f->ended_count, 0);
}

// PRACK with nothing, then with an offer, comes again; what it acknowledges is said no more.
static void in_pracks(void **state)
{
	struct fixture *f = *state;
	uint32_t cseq = 2;

	f->profiles[1].headers.is_challenge_passed = true;
	dialog_invite(&d, f, ABLE, FIXTURE_SDP("10.1.1.5"));
	for (uint32_t i = 0; i < 2; i++) {
		const char *offer = i ? FIXTURE_SDP("10.1.1.6") : "";
		char extra[512], rack[64], rseq[128];

		snprintf(rseq, sizeof(rseq), "Require: 100rel\r\nRSeq: %u\r\n", 7 + i);
		dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 183,
			.extra = rseq, .body = i ? "" : FIXTURE_SDP("10.2.1.1") });
		fixture_to_tag(f, "SIP/2.0 183", d.tag_a, sizeof(d.tag_a));
		snprintf(rack, sizeof(rack), "RAck: %s 1 INVITE\r\n",
			fixture_header(fixture_last(f, "SIP/2.0 183")->text, "RSeq"));
		dialog_phone(&d, "PRACK", cseq++, rack, offer);
		dialog_answer(&d, &(struct dialog_answer){ .start = "PRACK", .status = 407,
			.extra = "Proxy-Authenticate: " DIGEST "\r\n" });
		assert_non_null(fixture_last(f, "SIP/2.0 407"));
		snprintf(extra, sizeof(extra), "%s%s", rack, CREDENTIALS);
		dialog_phone(&d, "PRACK", cseq++, extra, offer);
		const struct fixture_message *m = fixture_last(f, "PRACK");
		assert_int_equal(atoi(fixture_header(m->text, "RAck")), 7 + (int)i);
		assert_true(strlen(fixture_header(m->text, "Authorization")) > 0);
		assert_int_equal(strstr(m->text, "v=0") != NULL, i);
		dialog_answer(&d, &(struct dialog_answer){ .start = "PRACK", .status = 200,
			.body = i ? FIXTURE_SDP("10.2.1.1") : "" });
		m = fixture_last(f, "SIP/2.0 200");
		assert_int_equal(strstr(m->text, "v=0") != NULL, i);
		fixture_wait(f, 5000);
		dialog_phone(&d, "PRACK", cseq++, rack, offer); // done with
		assert_int_equal(fixture_count(f, "SIP/2.0 481"), i + 1);
	}
	assert_int_equal(fixture_count(f, "SIP/2.0 183"), 2);
}

// The call goes on until the BYE is accepted, and its sender hears so.
static void in_bye(void **state)
{
	struct fixture *f = *state;

	f->profiles[1].headers.is_challenge_passed = true;
	dialog_establish(&d, f, "", "");
	dialog_phone(&d, "BYE", 2, "Reason: Q.850;cause=16\r\n", "");
	assert_null(fixture_last(f, "SIP/2.0 200"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "BYE", .status = 401,
		.extra = "WWW-Authenticate: " DIGEST "\r\n" });
	assert_non_null(fixture_last(f, "SIP/2.0 401"));
	assert_int_equal(f->ended_count, 0);
	assert_int_equal(fixture_flows(f), 4);
	dialog_phone(&d, "BYE", 3, "Reason: Q.850;cause=16\r\n" CREDENTIALS, "");
	const struct fixture_message *bye = fixture_last(f, "BYE");
	assert_true(strlen(fixture_header(bye->text, "Authorization")) > 0);
	assert_string_equal(fixture_header(bye->text, "Reason"), "Q.850;cause=16");
	dialog_answer(&d, &(struct dialog_answer){ .start = "BYE", .status = 200 });
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	assert_int_equal(f->ended_count, 1);
	assert_int_equal(fixture_flows(f), 0);
	assert_int_equal(fixture_count(f, "BYE"), 2);
	assert_int_equal(fixture_calls(f), 0);
}

// A BYE of the other side crosses it, or nobody answers: both are let go, once.
static void bye_is_crossed(void **state)
{
	struct fixture *f = *state;

	f->profiles[1].headers.is_challenge_passed = true;
	dialog_establish(&d, f, "", "");
	dialog_phone(&d, "BYE", 2, "", "");
	dialog_carrier(&d, "BYE 7", "", "");
	assert_int_equal(fixture_count(f, "SIP/2.0 200"), 2);
	assert_int_equal(fixture_count(f, "BYE"), 1);
	assert_int_equal(f->ended_count, 1);
	dialog_answer(&d, &(struct dialog_answer){ .start = "BYE", .status = 481 });
	assert_int_equal(fixture_calls(f), 0);
}

static void bye_is_lost(void **state)
{
	struct fixture *f = *state;

	f->profiles[1].headers.is_challenge_passed = true;
	dialog_establish(&d, f, "", "");
	dialog_phone(&d, "BYE", 2, "", "");
	fixture_wait(f, 33000);
	assert_int_equal(f->ended_count, 1);
	assert_int_equal(fixture_flows(f), 0);
	fixture_wait(f, 70000);
	assert_int_equal(fixture_calls(f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(challenges),
		cmocka_unit_test(codes_come_first),
		cmocka_unit_test(credentials),
		cmocka_unit_test_setup_teardown(in_a_call, fixture_open, fixture_close),
		cmocka_unit_test_setup_teardown(in_dialogs, fixture_open, fixture_close),
		cmocka_unit_test_setup_teardown(in_pracks, fixture_open, fixture_close),
		cmocka_unit_test_setup_teardown(in_bye, fixture_open, fixture_close),
		cmocka_unit_test_setup_teardown(bye_is_crossed, fixture_open, fixture_close),
		cmocka_unit_test_setup_teardown(bye_is_lost, fixture_open, fixture_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

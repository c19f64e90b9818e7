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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(challenges),
		cmocka_unit_test(codes_come_first),
		cmocka_unit_test(credentials),
		cmocka_unit_test_setup_teardown(in_a_call, fixture_open, fixture_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

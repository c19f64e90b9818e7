// Who calls, by the trust of both realms and the caller's wish (RFC 3323, RFC 3325).
#include "params.h"

#define OWN   "@10.2.0.1:5060>"
#define ALICE "\"Alice\" <sip:55@home.example>;tag=1"

enum { U, T }; // untrusted, trusted

static void asserted(void **state)
{
	static const struct {
		bool from, to;
		enum profile_assert identity;
		const char *said, *heard;
	} cases[] = {
		{ T, T, 0, "P-Asserted-Identity: \"A\" <sip:5@h>\r\n",
			"P-Asserted-Identity: <sip:5" OWN "\r\n" },
		{ T, T, 0, "P-Asserted-Identity: <sip:5@h>, <tel:+49-30-1>\r\nPrivacy: id\r\n",
			"P-Asserted-Identity: <sip:5" OWN "\r\n"
			"P-Asserted-Identity: <sip:+49301" OWN "\r\nPrivacy: id\r\n" },
		{ T, U, 0, "P-Asserted-Identity: <sip:5@h>\r\nPrivacy: id\r\n", "" },
		{ T, U, 0, "P-Asserted-Identity: <sip:5@h>\r\n", "" },
		{ T, U, 0, "P-Asserted-Identity: <sip:5@h>\r\nPrivacy: none\r\n",
			"P-Asserted-Identity: <sip:5" OWN "\r\n" },
		{ U, T, 0, "P-Asserted-Identity: <sip:5@h>\r\n", "" },
		{ U, T, 0, "P-Preferred-Identity: <sip:5@h>\r\nPrivacy: id\r\n",
			"Privacy: id\r\n" },
		{ U, U, 0, "P-Asserted-Identity: <sip:5@h>\r\nPrivacy: none\r\n", "" },
		{ U, T, PROFILE_ASSERT_FROM, "P-Asserted-Identity: <sip:5@h>\r\n",
			"P-Asserted-Identity: <sip:55" OWN "\r\n" },
		{ U, T, PROFILE_ASSERT_PREFERRED, "P-Preferred-Identity: <sip:6@h>\r\n",
			"P-Asserted-Identity: <sip:6" OWN "\r\n" },
		{ U, T, PROFILE_ASSERT_PREFERRED, "", "P-Asserted-Identity: <sip:55" OWN "\r\n" },
		{ U, U, PROFILE_ASSERT_FROM, "", "" },
		// Bad ones assert nothing.
		{ T, T, 0, "P-Asserted-Identity: <sip:h>\r\n", "" },
		{ T, T, 0, "P-Asserted-Identity: <<>\r\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hide_params params = params_make(cases[i].from, cases[i].to);
		char out[1024];
		struct sip_writer w;

		params_from.headers.identity = cases[i].identity;
		params_parse("INVITE sip:1@x SIP/2.0", ALICE, cases[i].said);
		sip_writer_init(&w, out, sizeof(out));
		identity_put(&w, &params);
		params_expect(&w, cases[i].heard, cases[i].said);
	}
	params_from.headers.identity = PROFILE_ASSERT_NONE;
}

static void from(void **state)
{
	static const char anonymous[] = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
	static const struct {
		bool to, is_emergency;
		const char *host, *from, *said, *heard;
	} cases[] = {
		{ U, false, NULL, ALICE, "", "\"Alice\" <sip:55" OWN },
		{ U, false, "sbc.example", ALICE, "", "\"Alice\" <sip:55@sbc.example>" },
		{ U, false, NULL, ALICE, "Privacy: id\r\n", anonymous },
		{ U, false, NULL, ALICE, "Privacy: user\r\n", anonymous },
		{ U, false, NULL, ALICE, "Privacy: critical; header\r\n", anonymous },
		{ U, false, NULL, ALICE, "Privacy: session;critical\r\nPrivacy: ID\r\n",
			anonymous },
		{ U, false, NULL, ALICE, "Privacy: none\r\n", "\"Alice\" <sip:55" OWN },
		{ U, false, NULL, ALICE, "Privacy: history\r\n", "\"Alice\" <sip:55" OWN },
		{ T, false, NULL, ALICE, "Privacy: id;user\r\n", "\"Alice\" <sip:55" OWN },
		{ U, true, NULL, ALICE, "Privacy: id\r\n", "\"Alice\" <sip:55" OWN },
		{ U, false, NULL, "\"A\\\"b\" <sip:55@h>;tag=1", "", "\"A\\\"b\" <sip:55" OWN },
		{ U, false, NULL, "<sip:55@anonymous.invalid>;tag=1", "",
			"<sip:55@anonymous.invalid>" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hide_params params = params_make(true, cases[i].to);
		char out[512];
		struct sip_writer w;

		params.is_emergency = cases[i].is_emergency;
		params_to.headers.from_host = cases[i].host;
		params_parse("INVITE sip:1@x SIP/2.0", cases[i].from, cases[i].said);
		sip_writer_init(&w, out, sizeof(out));
		identity_put_from(&w, &params, SPAN_LIT("55"));
		params_expect(&w, cases[i].heard, cases[i].said);
	}
	params_to.headers.from_host = NULL;
}

// The whole way: nothing of a hidden caller stands anywhere in the INVITE to an untrusted realm.
static void hidden_caller(void **state)
{
	struct fixture *f = *state;
	struct fixture_request invite = { .method = "INVITE", .cseq = 1,
		.extra = "Privacy: id\r\nP-Asserted-Identity: <sip:55@secret.example>\r\n",
		.body = FIXTURE_SDP("10.1.1.5") };

	f->config.realms[REALM_CORE].is_trusted = false;
	fixture_phone(f, &invite);
	const struct fixture_message *m = fixture_last(f, "INVITE");
	assert_non_null(m);
	assert_null(strstr(m->text, "Alice"));
	assert_null(strstr(m->text, "sip:55"));
	assert_null(strstr(m->text, "Privacy"));
	assert_non_null(strstr(m->text,
		"From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag="));
	// Our own records know.
	struct call_info info;
	uint32_t cursor = 0;
	core_run_timers(f->core, &f->env);
	assert_true(core_next_call(f->core, &cursor, &info));
	assert_string_equal(info.from, "55");
}

static void answered_identity(void **state)
{
	struct hide_params params = params_make(true, true);
	char out[512];
	struct sip_writer w;

	(void)state;
	params_parse("SIP/2.0 200 OK", ALICE, "P-Asserted-Identity: <sip:9@h>\r\n");
	sip_writer_init(&w, out, sizeof(out));
	hide_put_answer(&w, &params);
	params_expect(&w, "P-Asserted-Identity: <sip:9" OWN "\r\n", "200");
	// A profile asserts callers only: From of an answer is the caller's own.
	params = params_make(false, true);
	params_from.headers.identity = PROFILE_ASSERT_FROM;
	sip_writer_init(&w, out, sizeof(out));
	hide_put_answer(&w, &params);
	params_expect(&w, "", "untrusted 200");
	params_from.headers.identity = PROFILE_ASSERT_NONE;
}

// Only who insists on something that nobody here knows is refused.
static void critical(void **state)
{
	static const struct {
		const char *said;
		bool is_refused;
	} cases[] = {
		{ "", false },
		{ "Privacy: critical\r\n", false },
		{ "Privacy: header;session;user;id;history;critical\r\n", false },
		{ "Privacy: id; critical;\r\n", false },
		{ "Privacy: voice\r\n", false },
		{ "Privacy: voice;critical\r\n", true },
		{ "Privacy: CRITICAL\r\nPrivacy: id;voice\r\n", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		params_parse("INVITE sip:1@x SIP/2.0", ALICE, cases[i].said);
		if (identity_is_refused(&params_msg) != cases[i].is_refused)
			fail_msg("%s", cases[i].said);
	}
}

#define MSRP(ip)                                                                                   \
	"v=0\r\no=- 1 1 IN IP4 " ip "\r\ns=-\r\nc=IN IP4 " ip "\r\nt=0 0\r\n"                     \
	"m=audio 4000 RTP/AVP 8\r\nm=message 7654 TCP/MSRP *\r\na=path:msrp://" ip ":7654/x;tcp\r\n"

// What would go past us would show the caller's address.
static void private_session(void **state)
{
	struct fixture *f = *state;
	struct fixture_request invite = { .method = "INVITE", .cseq = 1, .body = MSRP("10.1.1.5") };

	for (uint32_t i = 0; i < 2; i++)
		f->profiles[i].sdp.unanchored = PROFILE_UNANCHORED_PASS;
	fixture_phone(f, &invite);
	assert_non_null(strstr(fixture_last(f, "INVITE")->text, "10.1.1.5:7654"));
	fixture_forget(f);
	invite.call_id = invite.branch = "private";
	invite.extra = "Privacy: session;critical\r\n";
	fixture_phone(f, &invite);
	assert_null(strstr(fixture_last(f, "INVITE")->text, "10.1.1.5"));
	assert_non_null(strstr(fixture_last(f, "INVITE")->text, "m=message 0 TCP/MSRP"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asserted),
		cmocka_unit_test(from),
		cmocka_unit_test_setup_teardown(hidden_caller, fixture_open, fixture_close),
		cmocka_unit_test(answered_identity),
		cmocka_unit_test(critical),
		cmocka_unit_test_setup_teardown(private_session, fixture_open, fixture_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

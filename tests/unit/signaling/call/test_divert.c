// Diversion and History-Info: read in either form, written in either form (RFC 5806, 7044, 7544).
#include "params.h"

#define OWN "@10.2.0.1:5060"

static void converted(void **state)
{
	static const struct {
		enum profile_diversion wish;
		bool is_trusted;
		const char *said, *heard;
	} cases[] = {
		{ PROFILE_DIVERSION_NONE, true, "Diversion: <sip:2@h>;reason=user-busy\r\n", "" },
		{ PROFILE_DIVERSION_HEADER, true,
			"Diversion: \"B\" <sip:2@h>;reason=user-busy;counter=2\r\n"
			"Diversion: <sip:1@g>;reason=no-answer;privacy=full\r\n",
			"Diversion: <sip:2" OWN ">;reason=user-busy;counter=2\r\n"
			"Diversion: <sip:1" OWN ">;reason=no-answer;privacy=full\r\n" },
		{ PROFILE_DIVERSION_HISTORY, true,
			"Diversion: <sip:2@h>;reason=user-busy, <sip:1@g>;reason=unconditional\r\n",
			"History-Info: <sip:1" OWN ">;index=1\r\n"
			"History-Info: <sip:2" OWN ";cause=302>;index=1.1;mp=1\r\n"
			"History-Info: <sip:9" OWN ";cause=486>;index=1.1.1;mp=1.1\r\n" },
		{ PROFILE_DIVERSION_HISTORY, false,
			"Diversion: <sip:2@h>;reason=odd;privacy=full\r\n",
			"History-Info: <sip:anonymous@anonymous.invalid?Privacy=history>;"
			"index=1\r\n"
			"History-Info: <sip:9" OWN ";cause=404>;index=1.1;mp=1\r\n" },
		{ PROFILE_DIVERSION_HEADER, true,
			"History-Info: <sip:1@g>;index=1\r\n"
			"History-Info: <sip:2@h;cause=302>;index=1.1;rc=1, "
			"<sip:3@h;cause=408?Privacy=history&Reason=SIP%3Bcause%3D302>;"
			"index=1.1.1\r\n"
			"History-Info: <sip:4@h;cause=486>;index=1.1.1.1\r\n",
			"Diversion: <sip:3" OWN ">;reason=user-busy;privacy=full\r\n"
			"Diversion: <sip:2" OWN ">;reason=no-answer\r\n"
			"Diversion: <sip:1" OWN ">;reason=unconditional\r\n" },
		// No diversion, only a way.
		{ PROFILE_DIVERSION_HEADER, true,
			"History-Info: <sip:1@g>;index=1, <sip:2@g>;index=1.1\r\n", "" },
		// History-Info is the fuller one.
		{ PROFILE_DIVERSION_HEADER, true,
			"Diversion: <sip:7@h>\r\n"
			"History-Info: <sip:1@g>;index=1, <sip:2@g;cause=480>;index=1.1\r\n",
			"Diversion: <sip:1" OWN ">;reason=deflection\r\n" },
		{ PROFILE_DIVERSION_BOTH, false, "Diversion: <tel:+49-30-1>\r\n",
			"Diversion: <sip:+49301" OWN ">;reason=unknown\r\n"
			"History-Info: <sip:+49301" OWN ">;index=1\r\n"
			"History-Info: <sip:9" OWN ";cause=404>;index=1.1;mp=1\r\n" },
		// All of it is private, though no entry says so.
		{ PROFILE_DIVERSION_HEADER, false,
			"Privacy: history\r\n"
			"History-Info: <sip:1@g>;index=1, <sip:2@g;cause=480>;index=1.1\r\n",
			"Diversion: <sip:anonymous@anonymous.invalid>;reason=deflection;"
			"privacy=full\r\n" },
		// What nobody could read.
		{ PROFILE_DIVERSION_BOTH, true, "Diversion: <sip:h>, <<>;reason=away\r\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hide_params params = params_make(true, cases[i].is_trusted);
		struct divert divert;
		char out[2048];
		struct sip_writer w;

		params_to.headers.diversion = cases[i].wish;
		params_parse("INVITE sip:9@x SIP/2.0", "<sip:a@x>;tag=1", cases[i].said);
		divert_read(&divert, &params_msg);
		sip_writer_init(&w, out, sizeof(out));
		divert_put(&w, &divert, &params, SPAN_LIT("9"));
		params_expect(&w, cases[i].heard, cases[i].said);
	}
}

// The oldest is forgotten; a hostile list costs no more than its limit.
static void bounded(void **state)
{
	char headers[4000] = "";
	struct divert divert;
	size_t len = 0;

	(void)state;
	for (uint32_t i = 0; i < 60; i++)
		len += (size_t)snprintf(headers + len, sizeof(headers) - len,
			"History-Info: <sip:%u@h;cause=302>;index=1\r\n", i);
	params_parse("INVITE sip:9@x SIP/2.0", "<sip:a@x>;tag=1", headers);
	assert_int_equal(divert_read(&divert, &params_msg), DIVERT_MAX);
	assert_string_equal(divert.entries[DIVERT_MAX - 1].user, "58");
	assert_string_equal(divert.entries[0].user, "51");
}

// Through the core, in the INVITE to the called side, under the rewritten number.
static void in_a_call(void **state)
{
	struct fixture *f = *state;
	struct fixture_request invite = { .method = "INVITE", .cseq = 1,
		.extra = "Diversion: <sip:77@secret.example>;reason=no-answer\r\n",
		.body = FIXTURE_SDP("10.1.1.5") };

	f->profiles[1].headers.diversion = PROFILE_DIVERSION_HISTORY;
	fixture_phone(f, &invite);
	const struct fixture_message *m = fixture_last(f, "INVITE");
	assert_non_null(m);
	assert_non_null(strstr(m->text, "History-Info: <sip:77@10.2.0.1:5060>;index=1\r\n"
		"History-Info: <sip:+49100@10.2.0.1:5060;cause=408>;index=1.1;mp=1\r\n"));
	assert_null(strstr(m->text, "secret"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(converted),
		cmocka_unit_test(bounded),
		cmocka_unit_test_setup_teardown(in_a_call, fixture_open, fixture_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

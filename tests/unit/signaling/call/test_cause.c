// Reason and status codes between SIP and Q.850, by profile (RFC 3326, RFC 3398, RFC 6432).
#include "params.h"

static void reasons(void **state)
{
	static const struct {
		enum profile_reason wish;
		uint32_t status; // 0 = BYE or CANCEL
		const char *said, *heard;
	} cases[] = {
		{ PROFILE_REASON_PASS, 486, "", "" },
		{ PROFILE_REASON_PASS, 486, "Reason: Q.850;cause=17;text=\"x\"\r\n",
			"Reason: Q.850;cause=17\r\n" },
		{ PROFILE_REASON_Q850, 486, "", "Reason: Q.850;cause=17\r\n" },
		{ PROFILE_REASON_Q850, 486, "Reason: Q.850;cause=21\r\n",
			"Reason: Q.850;cause=21\r\n" },
		{ PROFILE_REASON_Q850, 404, "Reason: SIP;cause=404\r\n",
			"Reason: SIP;cause=404\r\nReason: Q.850;cause=1\r\n" },
		{ PROFILE_REASON_Q850, 699, "", "" },
		{ PROFILE_REASON_Q850, 0, "", "Reason: Q.850;cause=16\r\n" },
		{ PROFILE_REASON_Q850, 0, "Reason: SIP;cause=200\r\n",
			"Reason: SIP;cause=200\r\nReason: Q.850;cause=16\r\n" },
		{ PROFILE_REASON_Q850, 0, "Reason: SIP;cause=600\r\n",
			"Reason: SIP;cause=600\r\nReason: Q.850;cause=17\r\n" },
		{ PROFILE_REASON_SIP, 500, "Reason: Q.850;cause=17\r\n",
			"Reason: Q.850;cause=17\r\nReason: SIP;cause=486\r\n" },
		{ PROFILE_REASON_SIP, 500, "Reason: Q.850;cause=16\r\n",
			"Reason: Q.850;cause=16\r\n" },
		{ PROFILE_REASON_SIP, 500, "", "" },
		{ PROFILE_REASON_NONE, 486, "Reason: Q.850;cause=17\r\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hide_params params = params_make(true, true);
		char out[512];
		struct sip_writer w;

		params_to.headers.reason = cases[i].wish;
		params_parse("SIP/2.0 500 x", "<sip:a@x>;tag=1", cases[i].said);
		sip_writer_init(&w, out, sizeof(out));
		cause_put(&w, &params, cases[i].status);
		params_expect(&w, cases[i].heard, cases[i].said);
	}
	params_to.headers.reason = PROFILE_REASON_PASS;
}

static void codes(void **state)
{
	static struct profile_code map[] = { { 486, 600 }, { 302, 404 } };
	static const struct {
		const char *first, *said;
		bool is_by_cause;
		uint16_t told;
	} cases[] = {
		{ "SIP/2.0 486 x", "", false, 600 },
		{ "SIP/2.0 302 x", "", false, 404 },
		{ "SIP/2.0 301 x", "", false, 480 },
		{ "SIP/2.0 500 x", "Reason: Q.850;cause=1\r\n", false, 500 },
		{ "SIP/2.0 500 x", "Reason: Q.850;cause=1\r\n", true, 404 },
		{ "SIP/2.0 500 x", "Reason: SIP;cause=1, Q.850;cause=21\r\n", true, 403 },
		{ "SIP/2.0 500 x", "Reason: Q.850;cause=16\r\n", true, 500 },
		{ "SIP/2.0 500 x", "Reason: Q.850;cause=999\r\n", true, 500 },
		{ "SIP/2.0 486 x", "Reason: Q.850;cause=1\r\n", true, 600 },
		{ "SIP/2.0 401 x", "", true, 403 },
	};

	(void)state;
	params_to.headers.codes = map;
	params_to.headers.code_count = 2;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hide_params params = params_make(true, true);

		params_to.headers.is_code_from_cause = cases[i].is_by_cause;
		params_parse(cases[i].first, "<sip:a@x>;tag=1", cases[i].said);
		assert_int_equal(hide_told(&params), cases[i].told);
	}
}

static void warnings(void **state)
{
	struct hide_params params = params_make(true, true);
	char out[512];
	struct sip_writer w;

	(void)state;
	params_parse("SIP/2.0 486 x", "<sip:a@x>;tag=1",
		"Warning: 370 secret.example \"too narrow\", 399 h no\r\nWarning: 12 h \"x\"\r\n");
	sip_writer_init(&w, out, sizeof(out));
	hide_put_error(&w, &params);
	params_expect(&w, "", "not by default");
	params_to.headers.is_warning_passed = true;
	hide_put_error(&w, &params);
	params_expect(&w, "Warning: 370 10.2.0.1:5060 \"too narrow\"\r\n", "by profile");
	params_to.headers.is_warning_passed = false;
}

static void mapped_in_a_call(void **state)
{
	struct fixture *f = *state;
	static struct profile_code map[] = { { 486, 600 } };
	static struct profile_text texts[] = { { 600, SPAN_LIT("Engaged") } };
	struct fixture_request invite = { .method = "INVITE", .cseq = 1,
		.body = FIXTURE_SDP("10.1.1.5") };

	f->profiles[0].headers.codes = map;
	f->profiles[0].headers.code_count = 1;
	f->profiles[0].headers.texts = texts;
	f->profiles[0].headers.text_count = 1;
	f->profiles[0].headers.reason = PROFILE_REASON_Q850;
	f->profiles[0].headers.agent = "Border 1";
	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 486, "");
	const struct fixture_message *m = fixture_last(f, "SIP/2.0 600 Engaged\r\n");
	assert_non_null(m);
	assert_string_equal(fixture_header(m->text, "Reason"), "Q.850;cause=17");
	assert_string_equal(fixture_header(m->text, "Server"), "Border 1");
	assert_int_equal(f->ended.code, 600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reasons),
		cmocka_unit_test(codes),
		cmocka_unit_test(warnings),
		cmocka_unit_test_setup_teardown(mapped_in_a_call, fixture_open, fixture_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

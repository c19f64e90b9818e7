// Emergency calls are known, marked, and stopped by no limit (RFC 5031, RFC 4412, RFC 7135).
#include "params.h"

static void known(void **state)
{
	struct fixture *f = *state;
	static const struct {
		bool is_trusted;
		const char *uri, *said;
		bool is_emergency;
	} cases[] = {
		{ false, "urn:service:sos", "", true },
		{ false, "urn:service:SOS.fire", "", true },
		{ false, "urn:service:sosx", "", false },
		{ false, "urn:service:counseling", "", false },
		{ false, "sip:112@x", "", true },
		{ false, "tel:1-1-2;phone-context=+49", "", true },
		{ false, "sip:1120@x", "", false },
		{ false, "sip:5@x", "Resource-Priority: esnet.0\r\n", false },
		{ true, "sip:5@x", "Resource-Priority: ets.0, ESNET.1\r\n", true },
		{ true, "sip:5@x", "Resource-Priority: ets.0\r\n", false },
	};

	f->config.realms[0].emergency[0] = "110";
	f->config.realms[0].emergency[1] = "112";
	f->config.realms[0].emergency_count = 2;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char first[128];

		f->config.realms[0].is_trusted = cases[i].is_trusted;
		snprintf(first, sizeof(first), "INVITE %s SIP/2.0", cases[i].uri);
		params_parse(first, "<sip:a@x>;tag=1", cases[i].said);
		if (emergency_is(&f->env, 0, &params_msg) != cases[i].is_emergency)
			fail_msg("%s %s", cases[i].uri, cases[i].said);
	}
}

static void call(struct fixture *f, const char *uri, uint32_t number)
{
	char branch[16], call_id[16];
	struct fixture_request invite = { .method = "INVITE", .uri = uri, .cseq = 1,
		.branch = branch, .call_id = call_id, .body = FIXTURE_SDP("10.1.1.5") };

	snprintf(branch, sizeof(branch), "e%u", number);
	snprintf(call_id, sizeof(call_id), "c%u", number);
	fixture_forget(f);
	fixture_phone(f, &invite);
}

// Table and trunks are full, the node is being drained: it goes through all the same.
static void unstoppable(void **state)
{
	struct fixture *f = *state;

	f->config.realms[0].emergency[0] = "112";
	f->config.realms[0].emergency_count = 1;
	f->trunks[0].calls_max = f->trunks[1].calls_max = 4;
	for (uint32_t i = 0; i < 4; i++)
		call(f, "sip:100@10.1.0.1", i);
	assert_non_null(fixture_last(f, "INVITE"));
	call(f, "sip:100@10.1.0.1", 4);
	assert_non_null(fixture_last(f, "SIP/2.0 503"));
	f->env.is_draining = true;
	call(f, "sip:112@10.1.0.1", 5);
	assert_non_null(fixture_last(f, "INVITE sip:+49112@"));
	assert_int_equal(fixture_calls(f), 5);
	assert_int_equal(metric_read(&core_metrics(f->core)->emergency_calls), 1);
	fixture_carrier(f, "INVITE", 486, "");
	assert_true(f->ended.info.is_emergency);
	f->env.is_draining = false;
	call(f, "sip:100@10.1.0.1", 6);
	assert_non_null(fixture_last(f, "SIP/2.0 503"));
}

static void urn_goes_on(void **state)
{
	struct fixture *f = *state;

	f->routes[0].to = SPAN_LIT("sos*");
	f->routes[0].prefix = SPAN_NONE;
	call(f, "urn:service:sos.fire", 1);
	const struct fixture_message *m = fixture_last(f, "INVITE urn:service:sos.fire SIP/2.0");
	assert_non_null(m);
	assert_string_equal(fixture_header(m->text, "To"), "<urn:service:sos.fire>");
	// A route may also make a number of it.
	f->routes[0].strip = SPAN_LIT("sos.police");
	f->routes[0].prefix = SPAN_LIT("110");
	call(f, "urn:service:sos.police", 2);
	assert_non_null(fixture_last(f, "INVITE sip:110@"));
	call(f, "urn:service:counseling", 3);
	assert_non_null(fixture_last(f, "SIP/2.0 416"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(known, fixture_open, fixture_close),
		cmocka_unit_test_setup_teardown(unstoppable, fixture_open, fixture_close),
		cmocka_unit_test_setup_teardown(urn_goes_on, fixture_open, fixture_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

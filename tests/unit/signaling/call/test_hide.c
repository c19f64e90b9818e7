// What crosses the border, header by header.
#include "fixture.h"

#include "call/core_private.h"

static struct sip_msg msg;

static void parse(const char *headers)
{
	static char text[4096];
	struct sip_fault fault;

	snprintf(text, sizeof(text),
		"INVITE sip:1@x SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\n"
		"From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
		"%sContent-Length: 0\r\n\r\n", headers);
	assert_int_equal(sip_parse(span_str(text), &msg, &fault), 0);
}

enum what { REQUEST, TRUSTED_REQUEST, REASON, ERROR };

static void put(enum what what, struct sip_writer *w)
{
	static const struct config_profile profile;
	struct hide_params params = { .msg = &msg, .from = &profile, .to = &profile,
		.own = fixture_addr("10.2.0.1:5060"), .is_from_trusted = what == TRUSTED_REQUEST,
		.is_to_trusted = what == TRUSTED_REQUEST };

	if (what == REASON)
		cause_put(w, &params, 0);
	else if (what == ERROR)
		hide_put_error(w, &params);
	else
		hide_put_request(w, &params);
}

static void what_crosses(void **state)
{
	static const struct {
		enum what what;
		const char *said;
		const char *heard;
	} cases[] = {
		{ REQUEST, "Subject: hello\r\n", "Subject: hello\r\n" },
		{ REQUEST, "s: short form\r\n", "Subject: short form\r\n" },
		{ REQUEST, "Privacy: id\r\nPriority: urgent\r\n", "Priority: urgent\r\n" },
		{ TRUSTED_REQUEST, "Privacy: id\r\nPriority: urgent\r\n",
			"Priority: urgent\r\nPrivacy: id\r\n" },
		{ REQUEST, "Resource-Priority: ets.0\r\n", "" },
		{ TRUSTED_REQUEST, "Resource-Priority: ets.0\r\n", "Resource-Priority: ets.0\r\n" },
		{ REQUEST, "User-Agent: x\r\nServer: x\r\nX-Own: 1\r\nWarning: 399 x \"y\"\r\n",
			"" },
		{ REQUEST, "Record-Route: <sip:x;lr>\r\nRoute: <sip:y;lr>\r\nDate: now\r\n", "" },
		{ REQUEST, "P-Asserted-Identity: <sip:55@x>\r\n", "" },
		{ TRUSTED_REQUEST, "P-Asserted-Identity: \"Al\" <sip:55@home.example;tag=x>\r\n",
			"P-Asserted-Identity: <sip:55@10.2.0.1:5060>\r\n" },
		{ TRUSTED_REQUEST, "P-Asserted-Identity: <sip:home.example>\r\n", "" },
		{ TRUSTED_REQUEST, "P-Asserted-Identity: <sip:a%0d%0aX:1@x>\r\n",
			"P-Asserted-Identity: <sip:a%0D%0AX@10.2.0.1:5060>\r\n" },
		{ REASON, "Reason: Q.850;cause=16;text=\"host.example\"\r\n",
			"Reason: Q.850;cause=16\r\n" },
		{ REASON, "Reason: SIP;text=\"x\";cause=200, Q.850;cause=17\r\n",
			"Reason: SIP;cause=200\r\nReason: Q.850;cause=17\r\n" },
		{ REASON, "Reason: Vendor;cause=16\r\n", "" },
		{ REASON, "Reason: SIP\r\n", "" },
		{ REASON, "Reason: SIP;cause=99999999999\r\n", "" },
		{ REASON, "Reason: SIP;cause=x\r\n", "" },
		{ ERROR, "Retry-After: 17 (host.example is down);duration=3\r\n",
			"Retry-After: 17\r\n" },
		{ ERROR, "Retry-After: 99999999\r\n", "" },
		{ ERROR, "Retry-After: soon\r\n", "" },
		{ ERROR, "Contact: <sip:other@y>\r\nAlert-Info: <http://x>\r\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[1024] = "";
		struct sip_writer w;

		parse(cases[i].said);
		sip_writer_init(&w, out, sizeof(out));
		put(cases[i].what, &w);
		assert_false(w.is_overflowed);
		if (!span_eq(sip_writer_text(&w), span_str(cases[i].heard)))
			fail_msg("%s gave " SPAN_FMT, cases[i].said, SPAN_ARG(sip_writer_text(&w)));
	}
}

static void status_codes(void **state)
{
	static const uint16_t pairs[][2] = { { 300, 480 }, { 302, 480 }, { 380, 480 },
		{ 400, 400 }, { 401, 403 }, { 404, 404 }, { 407, 403 }, { 486, 486 }, { 503, 503 },
		{ 603, 603 } };

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		assert_int_equal(hide_status(pairs[i][0]), pairs[i][1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_crosses),
		cmocka_unit_test(status_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Which messages may be turned away unread: no emergency call, no request in a dialog, no doubt.
#include "params.h"

#include "call/newcomer.h"

#define LINES "Via: SIP/2.0/UDP 10.1.1.5;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\n"
#define REST  "Call-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n"
#define TO    "To: <sip:b@x>\r\n"

static bool is_newcomer(const struct fixture *f, const char *text)
{
	struct sip_hop from = { .listener = REALM_ACCESS << 8 };

	ip_parse(SPAN_LIT("10.1.1.5"), &from.addr.ip);
	from.addr.port = 5060;
	return newcomer_is(&f->config, &from, span_str(text));
}

static void set_numbers(struct fixture *f)
{
	f->config.realms[REALM_ACCESS].emergency[0] = "110";
	f->config.realms[REALM_ACCESS].emergency[1] = "112";
	f->config.realms[REALM_ACCESS].emergency_count = 2;
}

static void told_from_the_bytes(void **state)
{
	static const struct {
		const char *text;
		bool is_newcomer;
	} cases[] = {
		{ "INVITE sip:b@x SIP/2.0\r\n" LINES TO REST, true },
		{ "INVITE sips:b@x SIP/2.0\r\n" LINES TO REST, true },
		{ "INVITE sip:x SIP/2.0\r\n" LINES TO REST, true },
		{ "INVITE sip:b@x SIP/2.0\r\n" LINES "t\t : <sip:b@x>\r\n" REST, true },
		{ "INVITE sip:b@x SIP/2.0\r\nTo: <sip:b@x>;x=y\r\n" LINES REST, true },
		{ "INVITE sip:vintage@x SIP/2.0\r\nTo: <sip:vintage@x>\r\n" LINES REST, true },
		{ "INVITE sip:b@x SIP/2.0\r\n" LINES "To: <sip:b@x>;tag=2\r\n" REST, false },
		{ "INVITE sip:b@x SIP/2.0\r\n" LINES "t: <sip:b@x> ; TAG = 2\r\n" REST, false },
		{ "INVITE sip:b@x SIP/2.0\r\n" LINES "TO : <sip:b@x>\r\n ;tag=2\r\n" REST, false },
		{ "INVITE sip:b@x SIP/2.0\r\n" LINES "To:\r\n <sip:b@x>;\r\n\ttag=2\r\n" REST,
			false },
		{ "INVITE sip:b@x SIP/2.0\r\n" LINES REST, false },                // no To
		{ "INVITE sip:b@x SIP/2.0\r\n" LINES REST TO, false },             // in the body
		{ "INVITE sip:b@x SIP/2.0\r\n" LINES "Together: 1\r\n" REST, false },
		{ "INVITE SIP:b@x SIP/2.0\r\n" LINES TO REST, true },
		{ "INVITE tel:100 SIP/2.0\r\n" LINES TO REST, true },
		{ "INVITE tel:1-1-2;phone-context=+49 SIP/2.0\r\n" LINES TO REST, false },
		{ "INVITE im:b@x SIP/2.0\r\n" LINES TO REST, false },
		{ "INVITE urn:service:sos SIP/2.0\r\n" LINES TO REST, false },
		{ "INVITE sip:112@x SIP/2.0\r\n" LINES TO REST, false },
		{ "INVITE sip:1%312@x SIP/2.0\r\n" LINES TO REST, false },
		{ "INVITE sip:1121@x SIP/2.0\r\n" LINES TO REST, true },
		{ "INVITE sip:0112@x SIP/2.0\r\n" LINES TO REST, true },
		{ "BYE sip:b@x SIP/2.0\r\n" LINES TO REST, false },
		{ "INVITEX sip:b@x SIP/2.0\r\n" LINES TO REST, false },
		{ "SIP/2.0 200 OK\r\n" LINES TO REST, false },
		{ "INVITE ", false },
		{ "INVITE sip:b@x", false },
		{ "INVITE sip:b@x SIP/2.0\r\nTo", false },
		{ "", false },
	};
	struct fixture *f = *state;

	set_numbers(f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (is_newcomer(f, cases[i].text) != cases[i].is_newcomer)
			fail_msg("%s", cases[i].text);
}

// Strangers get their 403 from the core; a realm that does not exist has no calls.
static void only_of_trunks(void **state)
{
	struct fixture *f = *state;
	struct sip_hop from = { .listener = REALM_ACCESS << 8 };
	struct span text = SPAN_LIT("INVITE sip:b@x SIP/2.0\r\n" LINES TO REST);

	ip_parse(SPAN_LIT("192.0.2.77"), &from.addr.ip);
	assert_false(newcomer_is(&f->config, &from, text));
	from.listener = f->config.realm_count << 8;
	assert_false(newcomer_is(&f->config, &from, text));
}

static void believed_headers_spare(void **state)
{
	struct fixture *f = *state;
	const char *text = "INVITE sip:b@x SIP/2.0\r\n" LINES TO
		"resource-priority : esnet.0\r\n" REST;

	f->config.realms[REALM_ACCESS].is_trusted = false;
	assert_true(is_newcomer(f, text));
	f->config.realms[REALM_ACCESS].is_trusted = true;
	assert_false(is_newcomer(f, text));
	assert_true(is_newcomer(f, "INVITE sip:b@x SIP/2.0\r\n" LINES TO REST));
}

// All ways to write a number: where the parser sees an emergency call, nothing may be turned away.
static void no_disguise_hides_a_number(void **state)
{
	static const char *const shapes[] = { "", "-", ".", "(", ")", "%31", "%2d" };
	static const char *const ends[] = { "@x", ";a=b@x", ":p@x", "@x;user=phone",
		"-@x;user=phone", ";a@x;user=phone" };
	struct fixture *f = *state;
	char text[256];
	uint32_t seen = 0;

	set_numbers(f);
	for (uint32_t i = 0; i < 7 * 7 * 6 * 2; i++) {
		bool is_tel = i >= 7 * 7 * 6;
		snprintf(text, sizeof(text), "INVITE %s:%s1%s12%s SIP/2.0", is_tel ? "tel" : "sip",
			// A tel URI has no escapes.
			shapes[i % (is_tel ? 5 : 7)], shapes[i / 7 % (is_tel ? 5 : 7)],
			is_tel ? ";phone-context=+49" : ends[i / 49]);
		params_parse(text, "<sip:a@x>;tag=1", "");
		bool is_emergency = emergency_is(&f->env, REALM_ACCESS, &params_msg);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "\r\n" LINES TO REST);
		seen += is_emergency;
		if (is_emergency && is_newcomer(f, text))
			fail_msg("%s", text);
	}
	assert_true(seen > 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(told_from_the_bytes), TEST(only_of_trunks),
		TEST(believed_headers_spare), TEST(no_disguise_hides_a_number) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

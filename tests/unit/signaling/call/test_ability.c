#include "call/ability.h"
#include "dialog.h"

static struct call_leg learn(const char *headers)
{
	struct call_leg leg = { 0 };
	static struct sip_msg msg;
	static char text[1024];
	struct sip_fault fault;

	snprintf(text, sizeof(text),
		"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\n"
		"From: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n"
		"%sContent-Length: 0\r\n\r\n",
		headers);
	assert_int_equal(sip_parse(span_str(text), &msg, &fault), 0);
	ability_learn(&leg, &msg);
	// A message that says nothing takes nothing back.
	char *line = strstr(text, headers);
	snprintf(line, sizeof(text) - (size_t)(line - text), "Content-Length: 0\r\n\r\n");
	assert_int_equal(sip_parse(span_str(text), &msg, &fault), 0);
	ability_learn(&leg, &msg);
	return leg;
}

static void learnt(void **state)
{
	(void)state;
	struct call_leg leg = learn("Allow: INVITE, update\r\nAllow: PRACK,BOGUS\r\n"
				    "Supported: timer , 100REL, x\r\n");
	assert_true(ability_allows(&leg, SIP_METHOD_INVITE));
	assert_true(ability_allows(&leg, SIP_METHOD_PRACK));
	assert_false(ability_allows(&leg, SIP_METHOD_UPDATE)); // methods know case
	assert_false(ability_allows(&leg, SIP_METHOD_BYE));
	assert_true(ability_supports(&leg, OPTION_100REL));
	assert_true(ability_supports(&leg, OPTION_TIMER));
	leg = learn("Require: 100rel\r\n");
	assert_true(ability_supports(&leg, OPTION_100REL)); // who requires it has it
	assert_false(ability_supports(&leg, OPTION_TIMER));
	assert_false(ability_allows(&leg, SIP_METHOD_INVITE));
}

static void by_trunk(void **state)
{
	struct fixture *f = *state;
	struct dialog d;

	// The carrier's profile, and only that, forbids what is told by default.
	f->profiles[1].flow.reliable = PROFILE_RELIABLE_OFF;
	f->profiles[1].flow.session_mode = PROFILE_SESSION_OFF;
	dialog_invite(&d, f, "Supported: 100rel\r\n", FIXTURE_SDP("10.1.1.5"));
	const char *supported = fixture_header(fixture_last(f, "INVITE")->text, "Supported");
	assert_null(strstr(supported, "100rel"));
	assert_null(strstr(supported, "timer"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 180 });
	assert_non_null(strstr(fixture_header(fixture_last(f, "SIP/2.0 180")->text, "Supported"),
		"100rel, timer"));
	assert_true(ability_serves(&f->profiles[0], SPAN_LIT("100Rel")));
	assert_false(ability_serves(&f->profiles[1], SPAN_LIT("100rel")));
	assert_false(ability_serves(&f->profiles[0], SPAN_LIT("nonsense")));
}

static void told(void **state)
{
	struct fixture *f = *state;
	struct dialog d;

	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	assert_non_null(strstr(fixture_header(fixture_last(f, "INVITE")->text, "Allow"), "UPDATE"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 180 });
	assert_non_null(strstr(fixture_header(fixture_last(f, "SIP/2.0 180")->text, "Allow"),
		"UPDATE"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(learnt),
		TEST(by_trunk),
		TEST(told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

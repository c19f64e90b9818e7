// CANCEL of the first INVITE, and what crosses it.
#include "fixture.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

static const struct fixture_request invite = { .method = "INVITE", .cseq = 1,
	.body = FIXTURE_SDP("10.1.1.5") };

static void cancel(struct fixture *f, const char *extra)
{
	struct fixture_request request = { .method = "CANCEL", .cseq = 1, .extra = extra };

	fixture_phone(f, &request);
}

static void while_ringing(void **state)
{
	struct fixture *f = *state;

	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 180, "");
	cancel(f, "Reason: SIP;cause=200;text=\"secret\"\r\n");
	assert_non_null(fixture_last(f, "SIP/2.0 487"));
	const struct fixture_message *out = fixture_last(f, "CANCEL");
	assert_int_equal(out->realm, REALM_CORE);
	assert_string_equal(fixture_header(out->text, "Reason"), "SIP;cause=200");
	assert_string_equal(fixture_header(out->text, "Via"),
		fixture_header(fixture_last(f, "INVITE")->text, "Via"));
	assert_int_equal(f->ended.cause, CALL_CAUSE_CANCEL);
	assert_int_equal(f->ended.code, 487);
	assert_int_equal(fixture_flows(f), 0);
	fixture_carrier(f, "CANCEL", 200, "");
	fixture_carrier(f, "INVITE", 487, "");
	assert_int_equal(fixture_last(f, "ACK")->realm, REALM_CORE);
	assert_int_equal(fixture_calls(f), 0);
}

// No CANCEL may go out before a provisional answer came (RFC 3261 9.1).
static void before_any_answer(void **state)
{
	struct fixture *f = *state;

	fixture_phone(f, &invite);
	cancel(f, NULL);
	assert_non_null(fixture_last(f, "SIP/2.0 487"));
	assert_null(fixture_last(f, "CANCEL"));
	fixture_carrier(f, "INVITE", 180, "");
	assert_non_null(fixture_last(f, "CANCEL"));
}

static void crosses_200(void **state)
{
	struct fixture *f = *state;

	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 180, "");
	cancel(f, NULL);
	fixture_forget(f);
	fixture_phone(f, &invite); // repeated: 487 again, no second call
	assert_non_null(fixture_last(f, "SIP/2.0 487"));
	assert_null(fixture_last(f, "INVITE"));
	assert_int_equal(f->ended_count, 1);
}

static void after_the_answer(void **state)
{
	struct fixture *f = *state;

	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
	cancel(f, NULL);
	assert_null(fixture_last(f, "SIP/2.0 487"));
	assert_null(fixture_last(f, "CANCEL"));
	assert_int_equal(f->ended_count, 0);
	assert_int_equal(fixture_flows(f), 4);
}

static void of_nothing(void **state)
{
	struct fixture *f = *state;

	cancel(f, NULL);
	assert_non_null(fixture_last(f, "SIP/2.0 481"));
	assert_int_equal(f->ended_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(while_ringing), TEST(before_any_answer), TEST(crosses_200),
		TEST(after_the_answer), TEST(of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

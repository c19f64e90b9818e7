// Who hangs up, and when the other side hears of it.
#include "fixture.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

// A request of the carrier in the dialog of our INVITE.
static void carrier_says(struct fixture *f, const char *method, uint32_t cseq, const char *extra)
{
	const struct fixture_message *invite = fixture_last(f, "INVITE");
	char text[2048], uri[128];

	assert_non_null(invite);
	snprintf(uri, sizeof(uri), "%s", strchr(fixture_header(invite->text, "Contact"), '<') + 1);
	*strchr(uri, '>') = 0;
	snprintf(text, sizeof(text),
		"%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 10.2.1.1:5060;branch=z9hG4bKc%u\r\n"
		"Max-Forwards: 70\r\nFrom: %s;tag=secret-b\r\nTo: %s\r\nCall-ID: %s\r\n"
		"CSeq: %u %s\r\n"
		"%sContent-Length: 0\r\n\r\n",
		method, uri, cseq, fixture_header(invite->text, "To"),
		fixture_header(invite->text, "From"), fixture_header(invite->text, "Call-ID"), cseq,
		method, extra);
	fixture_receive(f, "10.2.1.1:5060", text);
}

static void by_the_called_side(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	fixture_answered(f, tag);
	fixture_ack(f, tag);
	carrier_says(f, "BYE", 7, "Reason: Q.850;cause=16;text=\"secret\"\r\n");
	const struct fixture_message *bye = fixture_last(f, "BYE");
	assert_int_equal(bye->realm, REALM_ACCESS);
	assert_string_equal(fixture_header(bye->text, "Reason"), "Q.850;cause=16");
	assert_int_equal(fixture_last(f, "SIP/2.0 200")->realm, REALM_CORE);
	assert_int_equal(f->ended.cause, CALL_CAUSE_BYE);
	assert_int_equal(f->ended.ended_by, CALL_LEG_B);
	assert_int_equal(fixture_flows(f), 0);
}

// Our BYE to the caller waits for the ACK of our 200 (RFC 3261 15).
static void before_the_ack(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	fixture_answered(f, tag);
	carrier_says(f, "BYE", 7, "");
	assert_int_equal(f->ended_count, 1);
	assert_int_equal(fixture_flows(f), 0);
	assert_null(fixture_last(f, "BYE"));
	fixture_ack(f, tag);
	assert_int_equal(fixture_last(f, "BYE")->realm, REALM_ACCESS);
}

static void from_both_sides(void **state)
{
	struct fixture *f = *state;
	struct fixture_request bye = { .method = "BYE", .cseq = 2, .branch = "bye" };
	char tag[64];

	fixture_answered(f, tag);
	fixture_ack(f, tag);
	bye.to_tag = tag;
	fixture_phone(f, &bye);
	fixture_forget(f);
	fixture_wait(f, 100);
	assert_int_equal(f->ended_count, 1);
	fixture_phone(f, &bye); // repeated: the same answer, nothing else
	assert_int_equal(f->sent_count, 1);
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	assert_int_equal(f->ended_count, 1);
}

static void of_the_past(void **state)
{
	struct fixture *f = *state;
	struct fixture_request bye = { .method = "BYE", .cseq = 1, .branch = "old" };
	char tag[64];

	fixture_answered(f, tag);
	fixture_ack(f, tag);
	bye.to_tag = tag;
	bye.cseq = 0;
	fixture_phone(f, &bye);
	assert_non_null(fixture_last(f, "SIP/2.0 500"));
	assert_int_equal(f->ended_count, 0);
	assert_int_equal(fixture_calls(f), 1);
}

// Nobody answers our BYE: the call is forgotten all the same.
static void unanswered(void **state)
{
	struct fixture *f = *state;
	struct fixture_request bye = { .method = "BYE", .cseq = 2, .branch = "bye" };
	char tag[64];

	fixture_answered(f, tag);
	fixture_ack(f, tag);
	bye.to_tag = tag;
	fixture_phone(f, &bye);
	assert_int_equal(fixture_calls(f), 1);
	fixture_wait(f, 33000);
	assert_int_equal(fixture_calls(f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(by_the_called_side), TEST(before_the_ack), TEST(from_both_sides),
		TEST(of_the_past), TEST(unanswered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// OPTIONS outside and inside a call.
#include "fixture.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

static void outside(void **state)
{
	struct fixture *f = *state;
	struct fixture_request options = { .method = "OPTIONS", .cseq = 1 };
	fixture_phone(f, &options);
	const struct fixture_message *answer = fixture_last(f, "SIP/2.0 200");
	assert_non_null(answer);
	assert_non_null(strstr(fixture_header(answer->text, "Allow"),
		"INVITE, ACK, CANCEL, BYE, OPTIONS"));
	assert_string_equal(fixture_header(answer->text, "Accept"), "application/sdp");
	assert_string_equal(fixture_header(answer->text, "Content-Length"), "0");
	assert_string_equal(fixture_header(answer->text, "Server"), "");
	assert_int_equal(metric_read(&core_metrics(f->core)->options_answered), 1);
	assert_int_equal(fixture_calls(f), 0);
}

static void to_strangers(void **state)
{
	struct fixture *f = *state;

	fixture_receive(f, "10.1.9.9:5060",
		"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.9.9;branch=z9hG4bKs\r\n"
		"From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: s\r\nCSeq: 1 OPTIONS\r\n\r\n");
	assert_non_null(fixture_last(f, "SIP/2.0 403"));
	assert_int_equal(metric_read(&core_metrics(f->core)->options_answered), 0);
}

static void inside(void **state)
{
	struct fixture *f = *state;
	struct fixture_request invite = { .method = "INVITE", .cseq = 1,
		.body = FIXTURE_SDP("10.1.1.5") };
	char tag[64];

	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
	fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
	fixture_forget(f);
	struct fixture_request options = { .method = "OPTIONS", .cseq = 2, .to_tag = tag,
		.branch = "options" };
	fixture_phone(f, &options);
	assert_int_equal(f->sent_count, 1); // answered by us, the other side hears nothing
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	options.to_tag = "forgedforgedforgedforged";
	options.branch = "forged";
	fixture_phone(f, &options);
	assert_non_null(fixture_last(f, "SIP/2.0 481"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(outside), TEST(to_strangers), TEST(inside) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

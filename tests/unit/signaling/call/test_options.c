// What is answered inside a dialog and outside besides calls: OPTIONS, methods that this version
// does not relay, extensions that one side offers, a request that came back to us.
#include "fixture.h"

#define ALLOW "INVITE, ACK, CANCEL, BYE, OPTIONS"

static char tag[64]; // ours towards the phone

static void establish(struct fixture *f, const char *extra)
{
	struct fixture_request invite = { .method = "INVITE", .cseq = 1, .extra = extra,
		.body = FIXTURE_SDP("10.1.1.5") };

	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
	fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
	struct fixture_request ack = { .method = "ACK", .cseq = 1, .to_tag = tag,
		.branch = "phoneack" };
	fixture_phone(f, &ack);
}

static void methods_in_dialog(void **state)
{
	static const char *const methods[] = { "REFER", "UPDATE", "INFO", "PRACK", "NOTIFY",
		"SUBSCRIBE", "MESSAGE", "PUBLISH", "DANCE" };
	struct fixture *f = *state;

	establish(f, NULL);
	for (uint32_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		char branch[16];
		struct fixture_request request = { .method = methods[i], .cseq = 2 + i,
			.to_tag = tag, .branch = branch };

		snprintf(branch, sizeof(branch), "in%u", i);
		fixture_forget(f);
		fixture_phone(f, &request);
		const struct fixture_message *m = fixture_last(f, "SIP/2.0 405");
		assert_non_null(m);
		assert_string_equal(fixture_header(m->text, "Allow"), ALLOW);
		assert_int_equal(f->sent_count, 1); // nothing goes to the other side
	}
	assert_int_equal(fixture_calls(f), 1);
	assert_int_equal(f->ended_count, 0);
}

static void options(void **state)
{
	struct fixture *f = *state;
	const char *const tags[] = { NULL, tag };

	establish(f, NULL);
	for (uint32_t i = 0; i < 2; i++) {
		struct fixture_request request = { .method = "OPTIONS", .cseq = 2 + i,
			.to_tag = tags[i], .branch = i ? "in" : "out",
			.call_id = i ? NULL : "ping@10.1.1.5" };

		fixture_forget(f);
		fixture_phone(f, &request);
		const struct fixture_message *m = fixture_last(f, "SIP/2.0 200");
		assert_non_null(m);
		assert_string_equal(fixture_header(m->text, "Allow"), ALLOW);
		assert_string_equal(fixture_header(m->text, "Accept"), "application/sdp");
		assert_int_equal(f->sent_count, 1);
	}
	assert_int_equal(metric_read(&core_metrics(f->core)->options_answered), 2);
}

// Neither side hears of extensions that we would have to take part in.
static void extensions_end_here(void **state)
{
	struct fixture *f = *state;

	establish(f, "Supported: 100rel, timer, replaces\r\nSession-Expires: 1800\r\n"
		     "Allow: INVITE, PRACK, UPDATE, REFER\r\nAllow-Events: talk\r\n");
	for (uint32_t i = 0; i < f->sent_count; i++) {
		const char *text = f->sent[i].text;

		assert_string_equal(fixture_header(text, "Supported"), "");
		assert_string_equal(fixture_header(text, "Require"), "");
		assert_null(strstr(text, "100rel"));
		assert_null(strstr(text, "Session-Expires"));
		assert_null(strstr(text, "PRACK"));
	}
	const struct fixture_message *invite = fixture_last(f, "INVITE");
	assert_string_equal(fixture_header(invite->text, "Allow"), ALLOW);
	const struct fixture_message *answer = fixture_last(f, "SIP/2.0 200");
	assert_string_equal(fixture_header(answer->text, "Allow"), ALLOW);
}

// A spiral: our own Call-ID in a new INVITE of another element, whose Via holds no branch of ours.
// A B2BUA shows that Call-ID to nobody who has a reason to begin a call with it.
static void own_call_id_is_a_loop(void **state)
{
	struct fixture *f = *state;
	char own[64];

	establish(f, NULL);
	snprintf(own, sizeof(own), "%s",
		fixture_header(fixture_last(f, "INVITE")->text, "Call-ID"));
	fixture_forget(f);
	struct fixture_request spiral = { .method = "INVITE", .cseq = 1, .call_id = own,
		.branch = "another", .body = FIXTURE_SDP("10.1.1.5") };
	fixture_phone(f, &spiral);
	assert_non_null(fixture_last(f, "SIP/2.0 482"));
	assert_null(fixture_last(f, "INVITE"));
	assert_int_equal(fixture_calls(f), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(methods_in_dialog), TEST(options),
		TEST(extensions_end_here), TEST(own_call_id_is_a_loop) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

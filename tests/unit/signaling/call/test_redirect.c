#include "fixture.h"

static void begin(struct fixture *f)
{
	struct fixture_request invite = { .method = "INVITE", .cseq = 1,
		.body = FIXTURE_SDP("10.1.1.5") };

	fixture_phone(f, &invite);
}

// The carrier's 302 with these Contacts to our newest INVITE.
static void redirect(struct fixture *f, uint32_t status, const char *contacts)
{
	const struct fixture_message *m = fixture_last(f, "INVITE");
	char text[4096], source[ADDR_TEXT_MAX];

	assert_non_null(m);
	snprintf(text, sizeof(text),
		"SIP/2.0 %u x\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=secret-r\r\nCall-ID: %s\r\n"
		"CSeq: %s\r\n%sContent-Length: 0\r\n\r\n",
		status, fixture_header(m->text, "Via"), fixture_header(m->text, "From"),
		fixture_header(m->text, "To"), fixture_header(m->text, "Call-ID"),
		fixture_header(m->text, "CSeq"), contacts);
	addr_format(&m->target, source);
	fixture_receive(f, source, text);
}

static void followed(void **state)
{
	struct fixture *f = *state;

	f->profiles[1].flow.redirect = PROFILE_REDIRECT_FOLLOW;
	begin(f);
	const struct fixture_message *first = fixture_last(f, "INVITE");
	uint32_t cseq = (uint32_t)atoi(fixture_header(first->text, "CSeq"));
	fixture_carrier(f, "INVITE", 180, "");
	// Whom no route of the caller leads to is not called, whatever its q.
	redirect(f, 302, "Contact: <sip:133@secret.example>;q=0.5, <sip:9@secret.example>;q=0.9\r\n"
		"Contact: <sip:144@secret.example>;q=0.7\r\n");
	const struct fixture_message *out = fixture_last(f, "INVITE sip:+49144@10.2.1.1");
	assert_non_null(out);
	assert_non_null(strstr(out->text, "v=0"));
	assert_null(strstr(out->text, "secret.example"));
	assert_null(strstr(fixture_header(out->text, "To"), ";tag="));
	assert_true((uint32_t)atoi(fixture_header(out->text, "CSeq")) > cseq);
	assert_null(fixture_last(f, "SIP/2.0 3"));
	// Busy: the next one.
	fixture_carrier(f, "INVITE sip:+49144", 486, "");
	assert_non_null(fixture_last(f, "INVITE sip:+49133@10.2.1.1"));
	fixture_carrier(f, "INVITE sip:+49133", 200, FIXTURE_SDP("10.2.1.1"));
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	assert_non_null(fixture_last(f, "ACK sip:secret-b@10.2.1.1"));
	assert_int_equal(fixture_flows(f), 4);
	assert_int_equal(metric_read(&core_metrics(f->core)->redirects_followed), 2);
	assert_int_equal(metric_read(&core_metrics(f->core)->redirects_refused), 1);
}

// What the one who went elsewhere said of media is no answer of the one who is called in his place.
static void forgets_media(void **state)
{
	struct fixture *f = *state;

	f->profiles[1].flow.redirect = PROFILE_REDIRECT_FOLLOW;
	begin(f);
	fixture_carrier(f, "INVITE", 183, FIXTURE_SDP("10.2.1.1"));
	assert_non_null(fixture_last(f, "SIP/2.0 183"));
	redirect(f, 302, "Contact: <sip:144@secret.example>\r\n");
	assert_non_null(fixture_last(f, "INVITE sip:+49144@10.2.1.1"));
	fixture_carrier(f, "INVITE sip:+49144", 200, "");
	assert_null(fixture_last(f, "SIP/2.0 200"));
	assert_non_null(fixture_last(f, "SIP/2.0 488"));
	assert_non_null(fixture_last(f, "BYE "));
}

// Round and round: each user once, and not without end.
static void endless(void **state)
{
	struct fixture *f = *state;
	char contact[64];

	f->profiles[1].flow.redirect = PROFILE_REDIRECT_FOLLOW;
	begin(f);
	redirect(f, 302, "Contact: <sip:100@x>\r\n");
	assert_non_null(fixture_last(f, "SIP/2.0 480"));
	assert_int_equal(fixture_calls(f), 0);
	struct fixture_request invite = { .method = "INVITE", .cseq = 1, .call_id = "other",
		.branch = "other", .body = FIXTURE_SDP("10.1.1.5") };
	fixture_forget(f);
	fixture_phone(f, &invite);
	uint32_t count = 0;
	for (; !fixture_last(f, "SIP/2.0 480"); count++) {
		assert_true(count < 20);
		snprintf(contact, sizeof(contact), "Contact: <sip:15%u@x>\r\n", count);
		redirect(f, 301, contact);
	}
	assert_int_equal(count, 5);
	assert_int_equal(fixture_flows(f), 0);
}

static void passed(void **state)
{
	struct fixture *f = *state;

	f->profiles[1].flow.redirect = PROFILE_REDIRECT_PASS;
	begin(f);
	redirect(f, 302, "Contact: \"x\" <sip:133@secret.example:5070;transport=tcp>;q=0.25\r\n");
	const struct fixture_message *out = fixture_last(f, "SIP/2.0 302");
	assert_non_null(out);
	assert_string_equal(fixture_header(out->text, "Contact"),
		"<sip:133@10.1.0.1:5060>;q=0.250");
	assert_null(strstr(out->text, "secret.example:5070"));
	assert_int_equal(fixture_calls(f), 0);
}

static void refused(void **state)
{
	struct fixture *f = *state;

	begin(f);
	redirect(f, 302, "Contact: <sip:133@secret.example>\r\n");
	assert_non_null(fixture_last(f, "SIP/2.0 480"));
	assert_null(fixture_last(f, "SIP/2.0 3"));
	assert_int_equal(fixture_calls(f), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(followed),
		TEST(forgets_media),
		TEST(endless),
		TEST(passed),
		TEST(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

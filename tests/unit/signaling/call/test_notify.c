// NOTIFY in a call: of a REFER that was passed on, and of nothing at all.
#include "dialog.h"

static struct dialog d;

#define REFER_TO "Refer-To: <sip:1777@secret.example>\r\n"
#define FRAGMENT "Content-Type: message/sipfrag\r\n"

static void pass_refer(struct fixture *f, uint32_t cseq, const char *extra)
{
	char lines[256];

	snprintf(lines, sizeof(lines), REFER_TO "%s", extra);
	dialog_phone(&d, "REFER", cseq, lines, "");
	assert_non_null(fixture_last(f, "REFER sip:secret-b@10.2.1.1"));
}

static void establish(struct fixture *f)
{
	f->profiles[0].flow.refer = PROFILE_REFER_PASS;
	dialog_establish(&d, f, "", "");
}

static void of_a_passed_refer(void **state)
{
	struct fixture *f = *state;
	struct dialog_answer accepted = { .start = "REFER", .status = 202 };
	struct dialog_answer ok = { .start = "NOTIFY", .status = 200 };

	establish(f);
	pass_refer(f, 20, "");
	unsigned long passed = strtoul(
		fixture_header(fixture_last(f, "REFER")->text, "CSeq"), NULL, 10);
	dialog_answer(&d, &accepted);
	dialog_carrier(&d, "NOTIFY 7",
		"Event: refer\r\nSubscription-State: active;expires=60;x=y\r\n" FRAGMENT,
		"SIP/2.0 180 secret\r\nContact: <sip:secret.example>\r\n");
	const struct fixture_message *m = fixture_last(f, "NOTIFY sip:alice");
	assert_non_null(m);
	assert_int_equal(m->realm, REALM_ACCESS);
	assert_string_equal(fixture_header(m->text, "Event"), "refer");
	assert_string_equal(fixture_header(m->text, "Subscription-State"), "active;expires=60");
	assert_non_null(strstr(m->text, "\r\n\r\nSIP/2.0 180 Ringing\r\n"));
	assert_null(strstr(strstr(m->text, "\r\n\r\n"), "secret"));
	dialog_answer(&d, &ok);
	assert_int_equal(fixture_last(f, "SIP/2.0 200")->realm, REALM_CORE);
	// By the number of the REFER on either side.
	char lines[256];
	snprintf(lines, sizeof(lines), "Event: refer;id=%lu\r\n"
		"Subscription-State: terminated;reason=noresource\r\n" FRAGMENT, passed);
	dialog_carrier(&d, "NOTIFY 8", lines, "SIP/2.0 200 OK\r\n");
	m = fixture_last(f, "NOTIFY sip:alice");
	assert_string_equal(fixture_header(m->text, "Event"), "refer;id=20");
	assert_string_equal(fixture_header(m->text, "Subscription-State"),
		"terminated;reason=noresource");
	dialog_answer(&d, &ok);
	// It is over.
	dialog_carrier(&d, "NOTIFY 9", lines, "SIP/2.0 200 OK\r\n");
	assert_non_null(fixture_last(f, "SIP/2.0 481"));
	assert_int_equal(fixture_count(f, "NOTIFY"), 2);
}

static void of_nothing(void **state)
{
	static const struct {
		const char *lines, *status;
	} cases[] = {
		{ "Event: refer\r\nSubscription-State: active\r\n", "SIP/2.0 481" },
		{ "Event: refer;id=1\r\nSubscription-State: active\r\n", "SIP/2.0 481" },
		{ "Event: presence\r\nSubscription-State: active\r\n", "SIP/2.0 481" },
		{ "Subscription-State: active\r\n", "SIP/2.0 489" },
	};
	struct fixture *f = *state;
	char line[32];

	establish(f);
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fixture_forget(f);
		snprintf(line, sizeof(line), "NOTIFY %u", 7 + i);
		dialog_carrier(&d, line, cases[i].lines, "");
		if (!fixture_last(f, cases[i].status))
			fail_msg("%s: %s", cases[i].lines, f->sent[0].text);
		assert_null(fixture_last(f, "NOTIFY"));
	}
	// The referrer's own side is told, not the other way round.
	pass_refer(f, 20, "");
	dialog_phone(&d, "NOTIFY", 21, cases[0].lines, "");
	assert_int_equal(fixture_last(f, "SIP/2.0 481")->realm, REALM_ACCESS);
	assert_null(fixture_last(f, "NOTIFY"));
}

// The far end refuses, or wants no subscription (RFC 4488): then there is none.
static void without_subscription(void **state)
{
	static const struct dialog_answer answers[] = {
		{ .start = "REFER", .status = 603 },
		{ .start = "REFER", .status = 202, .extra = "Refer-Sub: false\r\n" },
	};
	struct fixture *f = *state;

	establish(f);
	for (uint32_t i = 0; i < 2; i++) {
		fixture_forget(f);
		pass_refer(f, 20 + i, "");
		dialog_answer(&d, &answers[i]);
		const struct fixture_message *m =
			fixture_last(f, i ? "SIP/2.0 202" : "SIP/2.0 603");
		assert_non_null(m);
		assert_string_equal(fixture_header(m->text, "Refer-Sub"), i ? "false" : "");
		dialog_carrier(&d, i ? "NOTIFY 8" : "NOTIFY 7",
			"Event: refer\r\nSubscription-State: active\r\n", "");
		assert_non_null(fixture_last(f, "SIP/2.0 481"));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(of_a_passed_refer),
		TEST(of_nothing),
		TEST(without_subscription),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

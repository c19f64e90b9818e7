#include "dialog.h"

#define TIMER  "Supported: timer\r\nAllow: INVITE, UPDATE\r\n"
#define ALLOWS "Allow: INVITE, UPDATE\r\n"
#define SDP_A  FIXTURE_SDP("10.1.1.5")
#define SDP_B  FIXTURE_SDP("10.2.1.1")

static struct dialog d;

enum { MODE_ACCEPT = PROFILE_SESSION_ACCEPT, MODE_REQUIRE = PROFILE_SESSION_REQUIRE,
	MODE_OFF = PROFILE_SESSION_OFF };

// What the caller asks for, and what our 2xx says.
static const struct {
	const char *name;
	uint32_t mode, expires_s, refresher;
	const char *headers; // of the INVITE
	const char *expires; // of our 2xx, "" = none
	const char *require;
} cases[] = {
	{ "asked", MODE_ACCEPT, 1800, 0, TIMER "Session-Expires: 600\r\n", "600;refresher=uac",
		"timer" },
	{ "compact", MODE_ACCEPT, 1800, 0, "k: timer\r\nx: 600;refresher=uas\r\n",
		"600;refresher=uas", "" },
	{ "lowered", MODE_ACCEPT, 300, 0, TIMER "Session-Expires: 3600\r\n", "300;refresher=uac",
		"timer" },
	{ "not below its least", MODE_ACCEPT, 300, 0,
		TIMER "Session-Expires: 3600\r\nMin-SE: 900\r\n", "900;refresher=uac", "timer" },
	{ "we refresh by profile", MODE_ACCEPT, 1800, PROFILE_REFRESHER_UAS,
		TIMER "Session-Expires: 600\r\n", "600;refresher=uas", "" },
	{ "its word on the refresher", MODE_ACCEPT, 1800, PROFILE_REFRESHER_UAS,
		TIMER "Session-Expires: 600;refresher=uac\r\n", "600;refresher=uac", "timer" },
	{ "asked by a proxy", MODE_ACCEPT, 1800, 0, "Session-Expires: 600\r\n",
		"600;refresher=uas", "" },
	{ "not asked", MODE_ACCEPT, 1800, 0, TIMER, "", "" },
	{ "required of one who can", MODE_REQUIRE, 1800, 0, TIMER, "1800;refresher=uac", "timer" },
	{ "required of one who cannot", MODE_REQUIRE, 1800, 0, "", "1800;refresher=uas", "" },
	{ "off", MODE_OFF, 1800, 0, TIMER "Session-Expires: 600\r\n", "", "" },
	{ "nonsense", MODE_ACCEPT, 1800, 0, "Session-Expires: soon\r\n", "", "" },
};

static void set(struct fixture *f, uint32_t side, uint32_t mode, uint32_t expires_s)
{
	f->profiles[side].flow.session_mode = mode;
	f->profiles[side].flow.session_expires_ms = expires_s * 1000;
	f->profiles[side].flow.session_min_ms = 90000;
}

static void asked_by_caller(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *f = *state;
		set(f, 0, cases[i].mode, cases[i].expires_s);
		f->profiles[0].flow.session_refresher = cases[i].refresher;
		dialog_invite(&d, f, cases[i].headers, SDP_A);
		// The other leg is asked for nothing.
		assert_string_equal(fixture_header(fixture_last(f, "INVITE")->text,
			"Session-Expires"), "");
		dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
			.body = SDP_B });
		const struct fixture_message *ok = fixture_last(f, "SIP/2.0 200");
		if (strcmp(fixture_header(ok->text, "Session-Expires"), cases[i].expires) != 0)
			fail_msg("%s: %s", cases[i].name, ok->text);
		if (strcmp(fixture_header(ok->text, "Require"), cases[i].require) != 0)
			fail_msg("%s: %s", cases[i].name, ok->text);
		// A core of its own for each case.
		fixture_close(state);
		fixture_open(state);
	}
}

static void too_short(void **state)
{
	struct fixture *f = *state;
	struct fixture_request invite = { .method = "INVITE", .cseq = 1, .body = SDP_A,
		.extra = TIMER "Session-Expires: 100\r\n" };

	set(f, 0, MODE_ACCEPT, 1800);
	f->profiles[0].flow.session_min_ms = 600000;
	fixture_phone(f, &invite);
	assert_string_equal(fixture_header(fixture_last(f, "SIP/2.0 422")->text, "Min-SE"), "600");
	assert_int_equal(fixture_calls(f), 0);
	// Nor later.
	f->env.now_ms += 50;
	struct fixture_request again = { .method = "INVITE", .cseq = 2, .body = SDP_A,
		.branch = "again", .extra = TIMER "Session-Expires: 600\r\n" };
	fixture_phone(f, &again);
	fixture_carrier(f, "INVITE", 200, SDP_B);
	d = (struct dialog){ .f = f };
	fixture_to_tag(f, "SIP/2.0 200", d.tag_a, sizeof(d.tag_a));
	dialog_phone(&d, "ACK", 2, "", "");
	dialog_phone(&d, "UPDATE", 3, TIMER "Session-Expires: 90\r\n", "");
	assert_string_equal(fixture_header(fixture_last(f, "SIP/2.0 422")->text, "CSeq"),
		"3 UPDATE");
	assert_int_equal(metric_read(&core_metrics(f->core)->refused_interval), 2);
}

static uint32_t count(const struct fixture *f, const char *start, uint32_t realm)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->sent_count; i++)
		n += f->sent[i].realm == realm &&
			strncmp(f->sent[i].text, start, strlen(start)) == 0;
	return n;
}

// The caller has to refresh and does not: both legs end, before the interval does.
static void expires(void **state)
{
	struct fixture *f = *state;

	set(f, 0, MODE_ACCEPT, 1800);
	dialog_establish(&d, f, TIMER "Session-Expires: 90;refresher=uac\r\n", "");
	fixture_wait(f, 59000);
	assert_int_equal(f->ended_count, 0);
	fixture_wait(f, 1200);
	assert_int_equal(f->ended.cause, CALL_CAUSE_SESSION_EXPIRED);
	assert_true(count(f, "BYE", REALM_ACCESS) > 0);
	assert_true(count(f, "BYE", REALM_CORE) > 0);
	assert_non_null(strstr(fixture_header(fixture_last(f, "BYE")->text, "Reason"),
		"SIP;cause=408"));
}

static void refreshed_by_caller(void **state)
{
	struct fixture *f = *state;

	set(f, 0, MODE_ACCEPT, 1800);
	dialog_establish(&d, f, TIMER "Session-Expires: 90;refresher=uac\r\n", "");
	for (uint32_t i = 0; i < 4; i++) {
		fixture_wait(f, 50000);
		dialog_phone(&d, "UPDATE", 2 + i, TIMER "Session-Expires: 90;refresher=uac\r\n",
			"");
		assert_string_equal(fixture_header(fixture_last(f, "SIP/2.0 200")->text,
			"Session-Expires"), "90;refresher=uac");
	}
	assert_int_equal(f->ended_count, 0);
	assert_int_equal(count(f, "UPDATE", REALM_CORE), 0); // each leg has its own
}

// We refresh, by UPDATE, at half of the interval.
static void refreshed_by_update(void **state)
{
	struct fixture *f = *state;

	set(f, 1, MODE_REQUIRE, 90);
	dialog_invite(&d, f, "", SDP_A);
	assert_string_equal(fixture_header(fixture_last(f, "INVITE")->text, "Session-Expires"),
		"90");
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
		.extra = ALLOWS "Require: timer\r\nSession-Expires: 90;refresher=uac\r\n",
		.body = SDP_B });
	fixture_to_tag(f, "SIP/2.0 200", d.tag_a, sizeof(d.tag_a));
	dialog_phone(&d, "ACK", 1, "", "");
	for (uint32_t i = 0; i < 3; i++) {
		fixture_forget(f);
		fixture_wait(f, 44000);
		assert_null(fixture_last(f, "UPDATE"));
		fixture_wait(f, 1500);
		const struct fixture_message *out = fixture_last(f, "UPDATE");
		assert_string_equal(fixture_header(out->text, "Session-Expires"),
			"90;refresher=uac");
		assert_string_equal(fixture_header(out->text, "Content-Length"), "0");
		dialog_answer(&d, &(struct dialog_answer){ .start = "UPDATE", .status = 200,
			.extra = "Session-Expires: 90;refresher=uac\r\n" });
	}
	assert_int_equal(f->ended_count, 0);
	assert_int_equal(metric_read(&core_metrics(f->core)->sessions_refreshed), 3);
}

// A far end without timers and without UPDATE: re-INVITE with the same description.
static void refreshed_by_reinvite(void **state)
{
	struct fixture *f = *state;
	char sdp[1024];

	set(f, 1, MODE_REQUIRE, 90);
	dialog_invite(&d, f, "", SDP_A);
	snprintf(sdp, sizeof(sdp), "%s", strstr(fixture_last(f, "INVITE")->text, "v=0"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
		.body = SDP_B });
	fixture_to_tag(f, "SIP/2.0 200", d.tag_a, sizeof(d.tag_a));
	dialog_phone(&d, "ACK", 1, "", "");
	fixture_forget(f);
	fixture_wait(f, 45500);
	const struct fixture_message *out = fixture_last(f, "INVITE");
	assert_int_equal(out->realm, REALM_CORE);
	assert_string_equal(strstr(out->text, "v=0"), sdp);
	assert_string_equal(fixture_header(out->text, "Session-Expires"), "90;refresher=uac");
	// Meanwhile another INVITE has to wait.
	dialog_phone(&d, "INVITE", 2, "", SDP_A);
	assert_non_null(fixture_last(f, "SIP/2.0 491"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
		.body = SDP_B });
	assert_int_equal(fixture_last(f, "ACK")->realm, REALM_CORE);
	assert_int_equal(count(f, "SIP/2.0 200", REALM_ACCESS), 0);
	dialog_phone(&d, "INVITE", 3, "", SDP_A);
	assert_int_equal(count(f, "SIP/2.0 491", REALM_ACCESS), 1);
	assert_int_equal(f->ended_count, 0);
}

// What a re-INVITE offered was refused. The refresh says what is in force, which is older, but by a
// version that is not (RFC 3264 8).
static void refreshed_after_refusal(void **state)
{
	struct fixture *f = *state;
	unsigned long long refused = 0, version = 0;

	set(f, 1, MODE_REQUIRE, 90);
	dialog_establish(&d, f, "", "Session-Expires: 90;refresher=uac\r\n");
	dialog_phone(&d, "INVITE", 2, "", SDP_A "a=sendonly\r\n");
	const struct fixture_message *out = fixture_last(f, "INVITE");
	assert_non_null(strstr(out->text, "a=sendonly"));
	assert_int_equal(sscanf(strstr(out->text, "o=- "), "o=- %*u %llu", &refused), 1);
	assert_int_equal(refused, 2);
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 488 });
	for (uint32_t i = 0; i < 2; i++) {
		fixture_forget(f);
		fixture_wait(f, 45500);
		out = fixture_last(f, "INVITE");
		assert_null(strstr(out->text, "a=sendonly"));
		assert_int_equal(sscanf(strstr(out->text, "o=- "), "o=- %*u %llu", &version), 1);
		assert_int_equal(version, 3); // that of the next refresh, too
		dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
			.body = SDP_B });
	}
}

static void refused_refreshes(void **state)
{
	struct fixture *f = *state;

	set(f, 1, MODE_REQUIRE, 90);
	dialog_establish(&d, f, "", ALLOWS "Session-Expires: 90;refresher=uac\r\n");
	fixture_wait(f, 45100);
	// It wants longer ones.
	dialog_answer(&d, &(struct dialog_answer){ .start = "UPDATE", .status = 422,
		.extra = "Min-SE: 200\r\n" });
	assert_int_equal(count(f, "UPDATE", REALM_CORE), 2);
	const struct fixture_message *out = fixture_last(f, "UPDATE");
	assert_string_equal(fixture_header(out->text, "Session-Expires"), "200;refresher=uac");
	assert_string_equal(fixture_header(out->text, "Min-SE"), "200");
	// It does not know UPDATE after all.
	dialog_answer(&d, &(struct dialog_answer){ .start = "UPDATE", .status = 501 });
	assert_int_equal(count(f, "INVITE", REALM_CORE), 1);
	// Glare: once more, soon.
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 491 });
	fixture_wait(f, 11000);
	assert_true(count(f, "INVITE", REALM_CORE) > 1);
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 481 });
	assert_int_equal(f->ended.cause, CALL_CAUSE_DEAD_DIALOG);
	assert_int_equal(count(f, "BYE", REALM_ACCESS), 1);
}

// A far end that takes neither request is asked again later, not at once.
static void refused_methods(void **state)
{
	struct fixture *f = *state;

	set(f, 1, MODE_REQUIRE, 90);
	dialog_establish(&d, f, "", ALLOWS "Session-Expires: 90;refresher=uac\r\n");
	fixture_wait(f, 45100);
	dialog_answer(&d, &(struct dialog_answer){ .start = "UPDATE", .status = 405 });
	assert_int_equal(count(f, "INVITE", REALM_CORE), 1);
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 405 });
	assert_int_equal(count(f, "INVITE", REALM_CORE), 1);
	fixture_wait(f, 4000);
	assert_int_equal(count(f, "INVITE", REALM_CORE), 1);
	fixture_wait(f, 7000);
	assert_true(count(f, "INVITE", REALM_CORE) > 1);
	assert_int_equal(f->ended_count, 0);
}

// The caller's next request ended the session timer: what we had asked for it may be refused.
static void refused_needless(void **state)
{
	struct fixture *f = *state;

	set(f, 0, MODE_ACCEPT, 90);
	dialog_establish(&d, f, "Allow: INVITE, UPDATE\r\nSession-Expires: 90;refresher=uas\r\n",
		"");
	fixture_wait(f, 45100);
	assert_int_equal(count(f, "UPDATE", REALM_ACCESS), 1);
	dialog_phone(&d, "INVITE", 2, "Allow: INVITE, UPDATE\r\n", SDP_A);
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
		.body = SDP_B });
	dialog_phone(&d, "ACK", 2, "", "");
	dialog_answer(&d, &(struct dialog_answer){ .start = "UPDATE", .status = 491 });
	fixture_wait(f, 200000);
	assert_int_equal(f->ended_count, 0);
}

static void refused_invite(void **state)
{
	struct fixture *f = *state;

	set(f, 1, MODE_REQUIRE, 90);
	dialog_invite(&d, f, "", SDP_A);
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 422,
		.extra = "Min-SE: 1000\r\n" });
	const struct fixture_message *out = fixture_last(f, "INVITE");
	assert_string_equal(fixture_header(out->text, "Session-Expires"), "1000");
	assert_string_equal(fixture_header(out->text, "Min-SE"), "1000");
	assert_non_null(strstr(out->text, "v=0"));
	// The same again is no answer.
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 422,
		.extra = "Min-SE: 1000\r\n" });
	assert_int_equal(fixture_last(f, "SIP/2.0 422")->realm, REALM_ACCESS);
	assert_int_equal(fixture_calls(f), 0);
}

// Whoever asks for one second more each time is told off in the end.
static void refused_step_by_step(void **state)
{
	struct fixture *f = *state;
	uint32_t invites = 0;
	char lines[32];

	set(f, 1, MODE_REQUIRE, 90);
	dialog_invite(&d, f, "", SDP_A);
	for (; !fixture_last(f, "SIP/2.0 422"); invites++) {
		assert_true(invites < 10);
		snprintf(lines, sizeof(lines), "Min-SE: %u\r\n", 101 + invites);
		dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 422,
			.extra = lines });
	}
	assert_int_equal(invites, 5);
	assert_int_equal(fixture_calls(f), 0);
}

static void refused_reinvite(void **state)
{
	struct fixture *f = *state;

	set(f, 1, MODE_REQUIRE, 90);
	dialog_establish(&d, f, "", "Session-Expires: 90;refresher=uac\r\n");
	dialog_phone(&d, "INVITE", 2, "", SDP_A);
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 422,
		.extra = "Min-SE: 300\r\n" });
	assert_null(fixture_last(f, "SIP/2.0 422"));
	assert_string_equal(fixture_header(fixture_last(f, "INVITE")->text, "Session-Expires"),
		"300;refresher=uac");
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
		.body = SDP_B });
	assert_int_equal(count(f, "SIP/2.0 200", REALM_ACCESS), 1);
}

// Nobody answers the refresh: the dialog is dead.
static void unanswered_refresh(void **state)
{
	struct fixture *f = *state;

	set(f, 1, MODE_REQUIRE, 600);
	dialog_establish(&d, f, "", ALLOWS "Session-Expires: 600;refresher=uac\r\n");
	fixture_wait(f, 300500);
	assert_non_null(fixture_last(f, "UPDATE"));
	fixture_wait(f, 33000);
	assert_int_equal(f->ended.cause, CALL_CAUSE_DEAD_DIALOG);
	assert_true(count(f, "BYE", REALM_ACCESS) > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(asked_by_caller),
		TEST(too_short),
		TEST(expires),
		TEST(refreshed_by_caller),
		TEST(refreshed_by_update),
		TEST(refreshed_by_reinvite),
		TEST(refreshed_after_refusal),
		TEST(refused_refreshes),
		TEST(refused_methods),
		TEST(refused_needless),
		TEST(refused_invite),
		TEST(refused_step_by_step),
		TEST(refused_reinvite),
		TEST(unanswered_refresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

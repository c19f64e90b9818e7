#include "dialog.h"

#define ABLE   "Supported: 100rel\r\nAllow: INVITE, PRACK, UPDATE\r\n"
#define NEEDS  "Require: 100rel\r\nAllow: INVITE, PRACK, UPDATE\r\n"
#define RSEQ(n) "Require: 100rel\r\nAllow: INVITE, PRACK, UPDATE\r\nRSeq: " #n "\r\n"
#define SDP_A  FIXTURE_SDP("10.1.1.5")
#define SDP_B  FIXTURE_SDP("10.2.1.1")

static struct dialog d;

static void begin(struct fixture *f, const char *extra_a, const char *body_a)
{
	dialog_invite(&d, f, extra_a, body_a);
}

// The answer of the carrier, and our tag in what the phone hears of it.
static const struct fixture_message *answer(struct fixture *f, uint32_t status, const char *extra,
	const char *body)
{
	char start[32];

	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = status,
		.extra = extra, .body = body });
	snprintf(start, sizeof(start), "SIP/2.0 %u", status);
	const struct fixture_message *m = fixture_last(f, start);
	if (m && m->realm == REALM_ACCESS)
		fixture_to_tag(f, start, d.tag_a, sizeof(d.tag_a));
	return m;
}

static void prack(struct fixture *f, uint32_t cseq, const struct fixture_message *answered,
	const char *body)
{
	char rack[64];

	(void)f;
	snprintf(rack, sizeof(rack), "RAck: %s 1 INVITE\r\n",
		fixture_header(answered->text, "RSeq"));
	dialog_phone(&d, "PRACK", cseq, rack, body);
}

// Both sides know it: RSeq and RAck are each leg's own, the PRACK crosses.
static void end_to_end(void **state)
{
	struct fixture *f = *state;

	begin(f, ABLE, SDP_A);
	assert_non_null(strstr(fixture_header(fixture_last(f, "INVITE")->text, "Supported"),
		"100rel"));
	const char *cseq_b = fixture_header(fixture_last(f, "INVITE")->text, "CSeq");
	char rack_b[64];
	snprintf(rack_b, sizeof(rack_b), "77 %s", cseq_b);
	const struct fixture_message *m = answer(f, 183, RSEQ(77), SDP_B);
	assert_string_equal(fixture_header(m->text, "Require"), "100rel");
	assert_string_not_equal(fixture_header(m->text, "RSeq"), "77");
	assert_non_null(strstr(m->text, "c=IN IP4 10.1.0.2"));
	assert_null(fixture_last(f, "PRACK"));
	prack(f, 2, m, "");
	const struct fixture_message *out = fixture_last(f, "PRACK");
	assert_int_equal(out->realm, REALM_CORE);
	assert_string_equal(fixture_header(out->text, "RAck"), rack_b);
	dialog_answer(&d, &(struct dialog_answer){ .start = "PRACK", .status = 200 });
	assert_string_equal(fixture_header(fixture_last(f, "SIP/2.0 200")->text, "CSeq"),
		"2 PRACK");
	m = answer(f, 200, "", "");
	assert_string_equal(fixture_header(m->text, "CSeq"), "1 INVITE");
	assert_null(strstr(m->text, "v=0")); // said reliably before
	assert_non_null(fixture_last(f, "ACK"));
	dialog_phone(&d, "ACK", 1, "", "");
	assert_int_equal(fixture_flows(f), 4);
	assert_int_equal(f->ended_count, 0);
}

static void repeated_until_acknowledged(void **state)
{
	struct fixture *f = *state;

	begin(f, ABLE, SDP_A);
	answer(f, 180, RSEQ(1), "");
	fixture_wait(f, 400);
	assert_int_equal(fixture_count(f, "SIP/2.0 180"), 1);
	fixture_wait(f, 200);
	assert_int_equal(fixture_count(f, "SIP/2.0 180"), 2); // T1
	fixture_wait(f, 1000);
	assert_int_equal(fixture_count(f, "SIP/2.0 180"), 3); // then twice that
	assert_string_equal(f->sent[f->sent_count - 1].text, fixture_last(f, "SIP/2.0 180")->text);
	prack(f, 2, fixture_last(f, "SIP/2.0 180"), "");
	fixture_wait(f, 5000);
	assert_int_equal(fixture_count(f, "SIP/2.0 180"), 3);
}

static void never_acknowledged(void **state)
{
	struct fixture *f = *state;

	f->config.limits.ring_timeout_ms = 120000;
	begin(f, ABLE, SDP_A);
	answer(f, 183, RSEQ(1), SDP_B);
	fixture_wait(f, 31500);
	assert_null(fixture_last(f, "SIP/2.0 504"));
	fixture_wait(f, 1000);
	assert_int_equal(fixture_last(f, "SIP/2.0 504")->realm, REALM_ACCESS);
	assert_non_null(fixture_last(f, "CANCEL"));
	assert_int_equal(metric_read(&core_metrics(f->core)->pracks_missing), 1);
	assert_int_equal(fixture_flows(f), 0);
}

static void wrong_rack(void **state)
{
	// Behind the right RSeq, but for the first ones.
	static const char *const wrong[] = { "", "0", "4294967296", "x 1 INVITE", " 2 INVITE",
		" 1 BYE", " 1 INVITE more", " 1", " 99999999999 INVITE" };
	struct fixture *f = *state;
	char rack[64];

	begin(f, ABLE, SDP_A);
	const struct fixture_message *m = answer(f, 180, RSEQ(1), "");
	uint32_t rseq = (uint32_t)strtoul(fixture_header(m->text, "RSeq"), NULL, 10);
	for (uint32_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		fixture_forget(f);
		snprintf(rack, sizeof(rack), "RAck: %u%s\r\n", rseq, wrong[i]);
		dialog_phone(&d, "PRACK", 2 + i, rack, "");
		assert_non_null(fixture_last(f, "SIP/2.0 481"));
		assert_null(fixture_last(f, "PRACK"));
	}
}

// The phone knows nothing of it: we acknowledge.
static void called_side_only(void **state)
{
	struct fixture *f = *state;

	begin(f, "", SDP_A);
	const struct fixture_message *m = answer(f, 183, RSEQ(9), SDP_B);
	assert_string_equal(fixture_header(m->text, "RSeq"), "");
	assert_string_equal(fixture_header(m->text, "Require"), "");
	assert_non_null(strstr(m->text, "c=IN IP4 10.1.0.2"));
	assert_int_equal(fixture_last(f, "PRACK")->realm, REALM_CORE);
	dialog_answer(&d, &(struct dialog_answer){ .start = "PRACK", .status = 200 });
	assert_int_equal(fixture_count(f, "SIP/2.0 200"), 0); // nobody asked us
}

static void repetition_ignored(void **state)
{
	struct fixture *f = *state;

	begin(f, "", SDP_A);
	answer(f, 183, RSEQ(9), SDP_B);
	answer(f, 183, RSEQ(9), SDP_B);
	answer(f, 180, RSEQ(12), "");
	assert_int_equal(fixture_count(f, "PRACK"), 1);
	assert_null(fixture_last(f, "SIP/2.0 180"));
	assert_int_equal(metric_read(&core_metrics(f->core)->reliable_repeated), 2);
	answer(f, 180, RSEQ(10), "");
	assert_int_equal(fixture_count(f, "PRACK"), 2);
	// The phone's answer is in the 2xx, since no other was reliable.
	const struct fixture_message *m = answer(f, 200, "", "");
	assert_non_null(strstr(m->text, "c=IN IP4 10.1.0.2"));
}

// The phone requires it, the carrier does not know it: we repeat and take the PRACK.
static void caller_only(void **state)
{
	struct fixture *f = *state;

	begin(f, NEEDS, SDP_A);
	const struct fixture_message *m = answer(f, 183, "", SDP_B);
	assert_string_not_equal(fixture_header(m->text, "RSeq"), "");
	// The 2xx may not overtake the description.
	answer(f, 200, "", SDP_B);
	assert_null(fixture_last(f, "SIP/2.0 200"));
	assert_non_null(fixture_last(f, "ACK"));
	prack(f, 2, m, "");
	assert_null(fixture_last(f, "PRACK"));
	assert_string_equal(fixture_header(fixture_last(f, "SIP/2.0 200")->text, "CSeq"),
		"1 INVITE");
	dialog_phone(&d, "ACK", 1, "", "");
	assert_int_equal(f->ended_count, 0);
}

static void cancelled_while_held(void **state)
{
	struct fixture *f = *state;

	begin(f, NEEDS, SDP_A);
	answer(f, 183, "", SDP_B);
	answer(f, 200, "", SDP_B);
	struct fixture_request cancel = { .method = "CANCEL", .cseq = 1 };
	fixture_phone(f, &cancel);
	assert_non_null(fixture_last(f, "SIP/2.0 487"));
	assert_int_equal(fixture_last(f, "BYE")->realm, REALM_CORE);
	dialog_answer(&d, &(struct dialog_answer){ .start = "BYE", .status = 200 });
	assert_int_equal(f->ended.cause, CALL_CAUSE_CANCEL);
	assert_int_equal(fixture_flows(f), 0);
}

// The next one waits for the PRACK of the one before, in order; the 2xx waits for none without a
// body.
static void one_at_a_time(void **state)
{
	struct fixture *f = *state;

	begin(f, NEEDS, SDP_A);
	const struct fixture_message *m = answer(f, 180, "", "");
	uint32_t rseq = (uint32_t)strtoul(fixture_header(m->text, "RSeq"), NULL, 10);
	answer(f, 181, "", "");
	answer(f, 182, "", "");
	assert_null(fixture_last(f, "SIP/2.0 181"));
	prack(f, 2, m, "");
	m = fixture_last(f, "SIP/2.0 181");
	assert_int_equal(strtoul(fixture_header(m->text, "RSeq"), NULL, 10), rseq + 1);
	assert_null(fixture_last(f, "SIP/2.0 182"));
	answer(f, 200, "", SDP_B);
	assert_non_null(strstr(fixture_last(f, "SIP/2.0 200")->text, "v=0"));
	prack(f, 3, m, ""); // late, but right
	assert_string_equal(fixture_header(fixture_last(f, "SIP/2.0 200")->text, "CSeq"),
		"3 PRACK");
	assert_null(fixture_last(f, "SIP/2.0 182"));
	fixture_wait(f, 3000);
	assert_int_equal(fixture_count(f, "SIP/2.0 181"), 1);
}

// No offer in the INVITE: it comes in the reliable answer, and the PRACK answers (RFC 3262 5).
static void late_offer(void **state)
{
	struct fixture *f = *state;

	begin(f, ABLE, "");
	const struct fixture_message *m = answer(f, 183, RSEQ(5), SDP_B);
	assert_non_null(strstr(m->text, "c=IN IP4 10.1.0.2"));
	prack(f, 2, m, SDP_A);
	const struct fixture_message *out = fixture_last(f, "PRACK");
	assert_non_null(strstr(out->text, "c=IN IP4 10.2.0.2"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "PRACK", .status = 200 });
	m = answer(f, 200, "", "");
	assert_null(strstr(m->text, "v=0"));
	assert_null(strstr(fixture_last(f, "ACK")->text, "v=0"));
	assert_int_equal(fixture_flows(f), 4);
}

static void late_offer_unanswered(void **state)
{
	struct fixture *f = *state;

	begin(f, ABLE, "");
	const struct fixture_message *m = answer(f, 183, RSEQ(5), SDP_B);
	prack(f, 2, m, "");
	assert_non_null(fixture_last(f, "CANCEL"));
	assert_int_equal(f->ended.cause, CALL_CAUSE_MEDIA_REFUSED);
	assert_int_equal(fixture_flows(f), 0);
}

#define LINE "m=audio 4002 RTP/AVP 8\r\n"

// It could never be answered, and would be repeated until the called side gives up: the call ends
// at once. But another fork may have a better one.
static void late_offer_unusable(void **state)
{
	static const struct {
		const char *name, *body;
		uint32_t status;
		bool has_fork;
	} cases[] = {
		{ "without a line", "v=0\r\no=- 1 1 IN IP4 10.2.1.1\r\ns=-\r\nt=0 0\r\n"
			"m=audio 0 RTP/AVP 8\r\n", 488, false },
		{ "no session description", "v=1\r\n", 488, false },
		{ "more lines than ports", SDP_B LINE LINE, 503, false },
		{ "of a fork", SDP_B LINE LINE, 0, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *f = *state;
		char start[32];

		begin(f, ABLE, "");
		if (cases[i].has_fork)
			dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE",
				.status = 180, .tag = "other", .extra = "" });
		answer(f, 183, RSEQ(5), cases[i].body);
		snprintf(start, sizeof(start), "SIP/2.0 %u", cases[i].status);
		if (!fixture_last(f, start) != cases[i].has_fork ||
			!fixture_last(f, "CANCEL") != cases[i].has_fork ||
			f->ended_count == cases[i].has_fork)
			fail_msg("%s: %s", cases[i].name, f->sent[f->sent_count - 1].text);
		assert_null(fixture_last(f, "SIP/2.0 183"));
		assert_int_equal(fixture_flows(f), 0);
		fixture_close(state);
		fixture_open(state);
	}
}

// An offer that would come reliably could not go on: we do not invite to it.
static void late_offer_of_unable_caller(void **state)
{
	struct fixture *f = *state;

	begin(f, "", "");
	assert_null(strstr(fixture_header(fixture_last(f, "INVITE")->text, "Supported"),
		"100rel"));
}

static void second_offer_in_prack(void **state)
{
	struct fixture *f = *state;

	begin(f, ABLE, SDP_A);
	const struct fixture_message *m = answer(f, 183, RSEQ(5), SDP_B);
	prack(f, 2, m, FIXTURE_SDP("10.1.1.6"));
	assert_non_null(strstr(fixture_last(f, "PRACK")->text, "c=IN IP4 10.2.0.2"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "PRACK", .status = 200,
		.body = SDP_B });
	assert_non_null(strstr(fixture_last(f, "SIP/2.0 200")->text, "c=IN IP4 10.1.0.2"));
	// And one more by UPDATE, from the other side.
	dialog_carrier(&d, "UPDATE 7", "", FIXTURE_SDP("10.2.1.9"));
	assert_int_equal(fixture_last(f, "UPDATE")->realm, REALM_ACCESS);
	dialog_answer(&d, &(struct dialog_answer){ .start = "UPDATE", .status = 200,
		.body = SDP_A });
	assert_int_equal(fixture_last(f, "SIP/2.0 200")->realm, REALM_CORE);
	m = answer(f, 200, "", "");
	assert_int_equal(m->realm, REALM_ACCESS);
	assert_null(strstr(m->text, "v=0"));
}

static void profiles_decide(void **state)
{
	struct fixture *f = *state;

	f->profiles[0].flow.reliable = PROFILE_RELIABLE_REQUIRE;
	struct fixture_request invite = { .method = "INVITE", .cseq = 1, .body = SDP_A };
	fixture_phone(f, &invite);
	const struct fixture_message *m = fixture_last(f, "SIP/2.0 421");
	assert_string_equal(fixture_header(m->text, "Require"), "100rel");
	f->profiles[0].flow.reliable = PROFILE_RELIABLE_AUTO;
	f->profiles[1].flow.reliable = PROFILE_RELIABLE_REQUIRE;
	struct fixture_request again = { .method = "INVITE", .cseq = 2, .body = SDP_A,
		.branch = "again", .call_id = "again" };
	fixture_phone(f, &again);
	assert_string_equal(fixture_header(fixture_last(f, "INVITE")->text, "Require"), "100rel");
	f->profiles[0].flow.reliable = PROFILE_RELIABLE_OFF;
	struct fixture_request needs = { .method = "INVITE", .cseq = 3, .body = SDP_A,
		.branch = "needs", .call_id = "needs", .extra = NEEDS };
	fixture_phone(f, &needs);
	assert_string_equal(fixture_header(fixture_last(f, "SIP/2.0 420")->text, "Unsupported"),
		"100rel");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(end_to_end),
		TEST(repeated_until_acknowledged),
		TEST(never_acknowledged),
		TEST(wrong_rack),
		TEST(called_side_only),
		TEST(repetition_ignored),
		TEST(caller_only),
		TEST(cancelled_while_held),
		TEST(one_at_a_time),
		TEST(late_offer),
		TEST(late_offer_unanswered),
		TEST(late_offer_unusable),
		TEST(late_offer_of_unable_caller),
		TEST(second_offer_in_prack),
		TEST(profiles_decide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

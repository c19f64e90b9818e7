#include "dialog.h"

#define ALLOW "Allow: INVITE, ACK, BYE, CANCEL, UPDATE\r\n"
#define MOVED_A                                                                                    \
	"v=0\r\no=secret 1 2 IN IP4 10.1.1.6\r\ns=secret\r\nc=IN IP4 10.1.1.6\r\nt=0 0\r\n"        \
	"m=audio 5000 RTP/AVP 8\r\n"

static struct dialog d;

static uint16_t remote_port(const struct fixture *f, uint32_t realm)
{
	for (uint32_t port = 20000; port < 20256; port += 2) {
		const struct flow_cfg *cfg = flow_lookup(&f->view, realm, (uint16_t)port);

		if (cfg)
			return cfg->remote_port;
	}
	return 0;
}

static void offer_crosses(void **state)
{
	struct fixture *f = *state;

	dialog_establish(&d, f, ALLOW, ALLOW);
	dialog_phone(&d, "UPDATE", 2, "", MOVED_A);
	const struct fixture_message *out = fixture_last(f, "UPDATE");
	assert_non_null(out);
	assert_int_equal(out->realm, REALM_CORE);
	assert_non_null(strstr(out->text, "c=IN IP4 10.2.0.2"));
	assert_non_null(strstr(out->text, "\r\nContact: <sip:"));
	assert_null(strstr(out->text, "secret@"));
	assert_int_equal(remote_port(f, REALM_ACCESS), 4000);
	dialog_answer(&d, &(struct dialog_answer){ .start = "UPDATE", .status = 200,
		.body = FIXTURE_SDP("10.2.1.1") });
	const struct fixture_message *ok = fixture_last(f, "SIP/2.0 200");
	assert_int_equal(ok->realm, REALM_ACCESS);
	assert_non_null(strstr(ok->text, "c=IN IP4 10.1.0.2"));
	assert_non_null(strstr(ok->text, "\r\nContact: <sip:"));
	assert_int_equal(remote_port(f, REALM_ACCESS), 5000);
	assert_int_equal(metric_read(&core_metrics(f->core)->relayed), 1);
}

static void carrier_offers(void **state)
{
	struct fixture *f = *state;

	dialog_establish(&d, f, ALLOW, ALLOW);
	dialog_carrier(&d, "UPDATE 7", "", FIXTURE_SDP("10.2.1.9"));
	assert_int_equal(fixture_last(f, "UPDATE")->realm, REALM_ACCESS);
	dialog_answer(&d, &(struct dialog_answer){ .start = "UPDATE", .status = 488 });
	assert_int_equal(fixture_last(f, "SIP/2.0 488")->realm, REALM_CORE);
	assert_int_equal(remote_port(f, REALM_CORE), 4000);
	assert_int_equal(f->ended_count, 0);
	// The exchange is closed: the next offer goes through.
	dialog_phone(&d, "UPDATE", 2, "", MOVED_A);
	assert_int_equal(fixture_last(f, "UPDATE")->realm, REALM_CORE);
}

// The other side lists no UPDATE: it gets a re-INVITE, and ours is the ACK.
static void becomes_reinvite(void **state)
{
	struct fixture *f = *state;

	dialog_establish(&d, f, ALLOW, "Allow: INVITE, ACK, BYE\r\n");
	dialog_phone(&d, "UPDATE", 2, "", MOVED_A);
	assert_null(fixture_last(f, "UPDATE"));
	assert_non_null(fixture_last(f, "INVITE"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
		.body = FIXTURE_SDP("10.2.1.1") });
	assert_non_null(fixture_last(f, "ACK"));
	const struct fixture_message *ok = fixture_last(f, "SIP/2.0 200");
	assert_string_equal(fixture_header(ok->text, "CSeq"), "2 UPDATE");
	assert_non_null(strstr(ok->text, "c=IN IP4 10.1.0.2"));
	assert_int_equal(remote_port(f, REALM_ACCESS), 5000);
	// The next INVITE finds nothing pending.
	dialog_phone(&d, "INVITE", 3, "", MOVED_A);
	assert_null(fixture_last(f, "SIP/2.0 491"));
}

static void reinvite_never_answered(void **state)
{
	struct fixture *f = *state;

	dialog_establish(&d, f, ALLOW, "");
	dialog_phone(&d, "UPDATE", 2, "", MOVED_A);
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 180 });
	fixture_wait(f, 33000);
	assert_non_null(fixture_last(f, "CANCEL"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 487 });
	assert_int_equal(f->ended_count, 0);
	dialog_phone(&d, "INVITE", 3, "", MOVED_A);
	assert_null(fixture_last(f, "SIP/2.0 491"));
	assert_int_equal(remote_port(f, REALM_ACCESS), 4000);
}

static void without_offer(void **state)
{
	struct fixture *f = *state;

	dialog_establish(&d, f, ALLOW, "");
	dialog_phone(&d, "UPDATE", 2, "", "");
	assert_null(fixture_last(f, "UPDATE")); // answered here
	assert_string_equal(fixture_header(fixture_last(f, "SIP/2.0 200")->text, "CSeq"),
		"2 UPDATE");
	dialog_carrier(&d, "UPDATE 7", "", "");
	assert_int_equal(fixture_last(f, "UPDATE")->realm, REALM_ACCESS);
	dialog_answer(&d, &(struct dialog_answer){ .start = "UPDATE", .status = 200 });
	assert_int_equal(fixture_last(f, "SIP/2.0 200")->realm, REALM_CORE);
}

static void glare(void **state)
{
	struct fixture *f = *state;

	dialog_establish(&d, f, ALLOW, ALLOW);
	dialog_phone(&d, "UPDATE", 2, "", MOVED_A);
	dialog_carrier(&d, "UPDATE 7", "", FIXTURE_SDP("10.2.1.9"));
	assert_int_equal(fixture_last(f, "SIP/2.0 491")->realm, REALM_CORE);
	dialog_phone(&d, "UPDATE", 3, "", MOVED_A);
	const struct fixture_message *early = fixture_last(f, "SIP/2.0 500");
	assert_int_equal(early->realm, REALM_ACCESS);
	assert_true(atoi(fixture_header(early->text, "Retry-After")) <= 10);
	assert_true(fixture_header(early->text, "Retry-After")[0] != 0);
	assert_int_equal(metric_read(&core_metrics(f->core)->glares), 2);
	// Without an offer there is no glare (RFC 3311 5.2).
	dialog_carrier(&d, "UPDATE 8", "", "");
	assert_int_equal(fixture_last(f, "UPDATE")->realm, REALM_ACCESS);
}

static void glare_with_invite(void **state)
{
	struct fixture *f = *state;

	dialog_establish(&d, f, ALLOW, ALLOW);
	dialog_phone(&d, "INVITE", 2, "", "");
	dialog_carrier(&d, "UPDATE 7", "", FIXTURE_SDP("10.2.1.9"));
	assert_int_equal(fixture_last(f, "SIP/2.0 491")->realm, REALM_CORE);
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 491 });
	dialog_phone(&d, "UPDATE", 3, "", MOVED_A);
	dialog_carrier(&d, "INVITE 8", "", FIXTURE_SDP("10.2.1.9"));
	const struct fixture_message *again = fixture_last(f, "SIP/2.0 491");
	assert_string_equal(fixture_header(again->text, "CSeq"), "8 INVITE");
}

static void dialog_dead(void **state)
{
	struct fixture *f = *state;

	dialog_establish(&d, f, ALLOW, ALLOW);
	dialog_phone(&d, "UPDATE", 2, "", "");
	dialog_answer(&d, &(struct dialog_answer){ .start = "UPDATE", .status = 481 });
	assert_non_null(fixture_last(f, "SIP/2.0 481"));
	assert_non_null(fixture_last(f, "BYE sip:alice@10.1.1.5"));
	assert_int_equal(f->ended.cause, CALL_CAUSE_DEAD_DIALOG);
}

static void answer_unusable(void **state)
{
	struct fixture *f = *state;

	dialog_establish(&d, f, ALLOW, ALLOW);
	dialog_phone(&d, "UPDATE", 2, "", MOVED_A);
	dialog_answer(&d, &(struct dialog_answer){ .start = "UPDATE", .status = 200 });
	assert_non_null(fixture_last(f, "SIP/2.0 488"));
	assert_int_equal(f->ended.cause, CALL_CAUSE_MEDIA_REFUSED);
	assert_int_equal(fixture_flows(f), 0);
}

static void bye_meanwhile(void **state)
{
	struct fixture *f = *state;

	dialog_establish(&d, f, ALLOW, ALLOW);
	dialog_phone(&d, "UPDATE", 2, "", MOVED_A);
	dialog_carrier(&d, "BYE 7", "", "");
	const struct fixture_message *over = fixture_last(f, "SIP/2.0 487");
	assert_string_equal(fixture_header(over->text, "CSeq"), "2 UPDATE");
	assert_int_equal(f->ended_count, 1);
	dialog_answer(&d, &(struct dialog_answer){ .start = "UPDATE", .status = 200,
		.body = FIXTURE_SDP("10.2.1.1") });
	dialog_answer(&d, &(struct dialog_answer){ .start = "BYE", .status = 200 });
	fixture_wait(f, 40000);
	assert_int_equal(fixture_calls(f), 0);
	assert_int_equal(fixture_flows(f), 0);
}

static void bye_during_reinvite(void **state)
{
	struct fixture *f = *state;

	dialog_establish(&d, f, ALLOW, "");
	dialog_phone(&d, "UPDATE", 2, "", MOVED_A);
	dialog_phone(&d, "BYE", 3, "", "");
	const struct fixture_message *over = fixture_last(f, "SIP/2.0 487");
	assert_string_equal(fixture_header(over->text, "CSeq"), "2 UPDATE");
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
		.body = FIXTURE_SDP("10.2.1.1") });
	dialog_answer(&d, &(struct dialog_answer){ .start = "BYE", .status = 200 });
	fixture_wait(f, 40000);
	assert_int_equal(fixture_calls(f), 0);
}

// An early dialog, which takes no INVITE.
static void early(void **state)
{
	struct fixture *f = *state;

	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 180 });
	fixture_to_tag(f, "SIP/2.0 180", d.tag_a, sizeof(d.tag_a));
	dialog_carrier(&d, "UPDATE 7", "", "");
	assert_string_equal(fixture_header(fixture_last(f, "SIP/2.0 200")->text, "CSeq"),
		"7 UPDATE");
	// Its own offer was not answered yet, neither was the phone's.
	dialog_carrier(&d, "UPDATE 8", "", FIXTURE_SDP("10.2.1.9"));
	assert_non_null(fixture_last(f, "SIP/2.0 491"));
	dialog_phone(&d, "UPDATE", 2, "", MOVED_A);
	assert_non_null(fixture_last(f, "SIP/2.0 500"));
	assert_int_equal(fixture_calls(f), 1);
}

// Partners do not change while a session does; its answer belongs to the call that it began in.
static void no_refer_meanwhile(void **state)
{
	struct fixture *f = *state;

	dialog_establish(&d, f, ALLOW, ALLOW);
	dialog_phone(&d, "UPDATE", 2, "", MOVED_A);
	dialog_phone(&d, "REFER", 3, "Refer-To: <sip:1777@10.1.0.1>\r\n", "");
	assert_non_null(fixture_last(f, "SIP/2.0 491"));
	assert_null(fixture_last(f, "NOTIFY"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "UPDATE", .status = 200,
		.body = FIXTURE_SDP("10.2.1.1") });
	assert_string_equal(fixture_header(fixture_last(f, "SIP/2.0 200")->text, "CSeq"),
		"2 UPDATE");
	assert_int_equal(fixture_calls(f), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(offer_crosses),
		TEST(carrier_offers),
		TEST(becomes_reinvite),
		TEST(reinvite_never_answered),
		TEST(without_offer),
		TEST(glare),
		TEST(glare_with_invite),
		TEST(dialog_dead),
		TEST(answer_unusable),
		TEST(bye_meanwhile),
		TEST(bye_during_reinvite),
		TEST(early),
		TEST(no_refer_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

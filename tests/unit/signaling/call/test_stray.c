// Forks that answer when their call is over.
#include "dialog.h"

#define SDP_B FIXTURE_SDP("10.2.1.1")

static struct dialog d;
static struct fixture_message invite;

// A call that was answered by fork "one" and hung up at once.
static void begin_and_end(struct fixture *f)
{
	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	invite = *fixture_last(f, "INVITE");
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200, .tag = "one",
		.body = SDP_B });
	fixture_to_tag(f, "SIP/2.0 200", d.tag_a, sizeof(d.tag_a));
	dialog_phone(&d, "ACK", 1, "", "");
	dialog_phone(&d, "BYE", 2, "", "");
	dialog_answer(&d, &(struct dialog_answer){ .start = "BYE", .status = 200 });
	assert_int_equal(fixture_calls(f), 0);
	fixture_forget(f);
	f->sent[f->sent_count++] = invite; // that dialog_answer() answers
}

static void answer(const char *tag)
{
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200, .tag = tag,
		.body = SDP_B });
}

static void late_fork(void **state)
{
	struct fixture *f = *state;

	begin_and_end(f);
	answer("two");
	const struct fixture_message *ack = fixture_last(f, "ACK");
	assert_non_null(ack);
	assert_non_null(strstr(fixture_header(ack->text, "To"), ";tag=two"));
	assert_int_equal(atoi(fixture_header(ack->text, "CSeq")),
		atoi(fixture_header(invite.text, "CSeq")));
	const struct fixture_message *bye = fixture_last(f, "BYE sip:secret-b@10.2.1.1");
	assert_non_null(bye);
	assert_non_null(strstr(fixture_header(bye->text, "To"), ";tag=two"));
	assert_string_equal(fixture_header(bye->text, "Call-ID"),
		fixture_header(invite.text, "Call-ID"));
	assert_int_equal(atoi(fixture_header(bye->text, "CSeq")),
		atoi(fixture_header(invite.text, "CSeq")) + 1000); // PRACKs may have gone before
	// Its 2xx again: only the ACK was lost.
	answer("two");
	assert_int_equal(fixture_count(f, "ACK"), 2);
	assert_int_equal(fixture_count(f, "BYE"), 1);
	answer("three");
	assert_int_equal(fixture_count(f, "BYE"), 2);
	assert_int_equal(metric_read(&core_metrics(f->core)->answers_shed), 3);
}

// It had answered before the call was over, and got its BYE then: when its 2xx comes again, the ACK
// was lost, and another BYE would have the same CSeq.
static void loser_again(void **state)
{
	struct fixture *f = *state;

	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	invite = *fixture_last(f, "INVITE");
	answer("one");
	fixture_to_tag(f, "SIP/2.0 200", d.tag_a, sizeof(d.tag_a));
	dialog_phone(&d, "ACK", 1, "", "");
	answer("two");
	assert_int_equal(fixture_count(f, "BYE"), 1);
	dialog_phone(&d, "BYE", 2, "", "");
	dialog_answer(&d, &(struct dialog_answer){ .start = "BYE", .status = 200 });
	assert_int_equal(fixture_calls(f), 0);
	fixture_forget(f);
	f->sent[f->sent_count++] = invite;
	answer("two");
	assert_int_equal(fixture_count(f, "ACK"), 1);
	assert_int_equal(fixture_count(f, "BYE"), 0);
}

// The BYE went through, so nobody waits for the ACK of the one that won.
static void winner_again(void **state)
{
	struct fixture *f = *state;

	begin_and_end(f);
	answer("one");
	assert_int_equal(fixture_count(f, "ACK"), 0);
	assert_int_equal(fixture_count(f, "BYE"), 0);
	assert_int_equal(metric_read(&core_metrics(f->core)->responses_stray), 1);
}

static void phone_answers(const char *start)
{
	dialog_answer(&d, &(struct dialog_answer){ .start = start, .status = 200 });
}

// The leg that won went on to another call by a transfer: the other fork is ended all the same.
static void late_fork_after_transfer(void **state)
{
	struct fixture *f = *state;

	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	invite = *fixture_last(f, "INVITE");
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200, .tag = "one",
		.body = SDP_B });
	fixture_to_tag(f, "SIP/2.0 200", d.tag_a, sizeof(d.tag_a));
	dialog_phone(&d, "ACK", 1, "", "");
	dialog_phone(&d, "REFER", 2, "Refer-To: <sip:1777@10.1.0.1>\r\n", "");
	phone_answers("NOTIFY");
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE sip:+491777", .status = 200,
		.tag = "target", .body = FIXTURE_SDP("10.2.1.7") });
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE sip:secret-b", .status = 200,
		.body = SDP_B });
	phone_answers("NOTIFY");
	phone_answers("BYE");
	assert_int_equal(fixture_calls(f), 1);
	fixture_forget(f);
	f->sent[f->sent_count++] = invite;
	answer("two");
	assert_non_null(fixture_last(f, "ACK"));
	const struct fixture_message *bye = fixture_last(f, "BYE");
	assert_non_null(bye);
	assert_non_null(strstr(fixture_header(bye->text, "To"), ";tag=two"));
	// The one that goes on is none of those.
	answer("one");
	assert_int_equal(fixture_count(f, "BYE"), 1);
	assert_int_equal(fixture_calls(f), 1);
}

static void too_late(void **state)
{
	struct fixture *f = *state;

	begin_and_end(f);
	fixture_wait(f, 33000);
	answer("two");
	assert_int_equal(fixture_count(f, "BYE"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(late_fork),
		TEST(loser_again),
		TEST(winner_again),
		TEST(late_fork_after_transfer),
		TEST(too_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

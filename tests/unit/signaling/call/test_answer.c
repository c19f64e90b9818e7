#include "fixture.h"

static const struct fixture_request invite = { .method = "INVITE", .cseq = 1,
	.body = FIXTURE_SDP("10.1.1.5") };

static void acknowledge(struct fixture *f, const char *body)
{
	char tag[64];

	fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
	struct fixture_request ack = { .method = "ACK", .cseq = 1, .to_tag = tag,
		.branch = "phoneack", .body = body };
	fixture_phone(f, &ack);
}

static void early_media(void **state)
{
	struct fixture *f = *state;

	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 183, FIXTURE_SDP("10.2.1.1"));
	const struct fixture_message *m = fixture_last(f, "SIP/2.0 183");
	assert_non_null(m);
	assert_non_null(strstr(m->text, "c=IN IP4 10.1.0.2"));
	assert_int_equal(fixture_flows(f), 4);
	// The 200 has no body: the early answer is repeated.
	fixture_carrier(f, "INVITE", 200, "");
	m = fixture_last(f, "SIP/2.0 200");
	assert_non_null(strstr(m->text, "c=IN IP4 10.1.0.2"));
	assert_int_equal(fixture_calls(f), 1);
}

static void late_offer(void **state)
{
	struct fixture *f = *state;
	struct fixture_request empty = { .method = "INVITE", .cseq = 1 };

	fixture_phone(f, &empty);
	assert_null(strstr(fixture_last(f, "INVITE")->text, "v=0"));
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
	const struct fixture_message *m = fixture_last(f, "SIP/2.0 200");
	assert_non_null(strstr(m->text, "c=IN IP4 10.1.0.2"));
	assert_int_equal(fixture_count(f, "ACK"), 0);
	acknowledge(f, FIXTURE_SDP("10.1.1.5"));
	m = fixture_last(f, "ACK");
	assert_non_null(m);
	assert_non_null(strstr(m->text, "c=IN IP4 10.2.0.2"));
	assert_int_equal(fixture_flows(f), 4);
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
	assert_int_equal(fixture_count(f, "ACK"), 2);
	assert_string_equal(f->sent[f->sent_count - 1].text, fixture_last(f, "ACK")->text);
}

static void late_offer_unanswered(void **state)
{
	struct fixture *f = *state;
	struct fixture_request empty = { .method = "INVITE", .cseq = 1 };

	fixture_phone(f, &empty);
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
	acknowledge(f, NULL);
	assert_int_equal(fixture_count(f, "ACK"), 1);
	assert_int_equal(fixture_count(f, "BYE"), 2);
	assert_int_equal(f->ended.cause, CALL_CAUSE_MEDIA_REFUSED);
	assert_int_equal(fixture_flows(f), 0);
}

static void answer_without_session(void **state)
{
	struct fixture *f = *state;

	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 200, "");
	assert_non_null(fixture_last(f, "SIP/2.0 488"));
	assert_int_equal(fixture_count(f, "ACK"), 1);
	assert_int_equal(fixture_count(f, "BYE"), 1);
	assert_int_equal(fixture_flows(f), 0);
	fixture_carrier(f, "BYE", 200, "");
	// Answers of other forks are awaited as long as they may come, 64*T1.
	assert_int_equal(fixture_calls(f), 1);
	fixture_wait(f, 33000);
	assert_int_equal(fixture_calls(f), 0);
}

static void answer_repeated(void **state)
{
	struct fixture *f = *state;

	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
	assert_int_equal(fixture_count(f, "ACK"), 2);
	assert_int_equal(fixture_count(f, "SIP/2.0 200"), 1);
	assert_int_equal(metric_read(&core_metrics(f->core)->answers_repeated), 1);
}

static void ack_lost(void **state)
{
	struct fixture *f = *state;

	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
	fixture_wait(f, 5000);
	assert_in_range(fixture_count(f, "SIP/2.0 200"), 3, 6);
	fixture_wait(f, 30000);
	assert_int_equal(f->ended.cause, CALL_CAUSE_ACK_TIMEOUT);
	assert_true(fixture_count(f, "BYE sip:alice@10.1.1.5") > 0);
	assert_true(fixture_count(f, "BYE sip:secret-b@10.2.1.1") > 0);
	assert_int_equal(fixture_flows(f), 0);
	fixture_wait(f, 40000);
	assert_int_equal(fixture_calls(f), 0);
}

// A BYE from the called side before the caller's ACK: ours to the caller waits for it (RFC 3261
// 15).
static void bye_before_ack(void **state)
{
	struct fixture *f = *state;
	char text[2048], tag[64];

	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
	fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
	struct fixture_request ack = { .method = "ACK", .cseq = 1, .to_tag = tag,
		.branch = "phoneack" };
	const struct fixture_message *out = fixture_last(f, "INVITE");
	snprintf(text, sizeof(text),
		"BYE sip:x@10.2.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.2.1.1;branch=z9hG4bKbye\r\n"
		"From: %s;tag=secret-b\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 9 BYE\r\n"
		"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
		fixture_header(out->text, "To"), fixture_header(out->text, "From"),
		fixture_header(out->text, "Call-ID"));
	fixture_receive(f, "10.2.1.1:5060", text);
	assert_int_equal(fixture_count(f, "SIP/2.0 200"), 2);
	assert_int_equal(fixture_count(f, "BYE"), 0);
	assert_int_equal(f->ended.ended_by, CALL_LEG_B);
	fixture_phone(f, &ack);
	assert_int_equal(fixture_count(f, "BYE sip:alice@10.1.1.5"), 1);
}

static void forked_answer(void **state)
{
	struct fixture *f = *state;
	char text[4096], first[64];

	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
	const struct fixture_message *out = fixture_last(f, "INVITE");
	snprintf(text, sizeof(text),
		"SIP/2.0 200 OK\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=fork\r\nCall-ID: %s\r\n"
		"CSeq: %s\r\nContact: <sip:fork@10.2.1.1>\r\nContent-Length: 0\r\n\r\n",
		fixture_header(out->text, "Via"), fixture_header(out->text, "From"),
		fixture_header(out->text, "To"), fixture_header(out->text, "Call-ID"),
		fixture_header(out->text, "CSeq"));
	snprintf(first, sizeof(first), "ACK sip:fork@10.2.1.1");
	fixture_receive(f, "10.2.1.1:5060", text);
	assert_int_equal(fixture_count(f, first), 1);
	assert_int_equal(fixture_count(f, "BYE sip:fork@10.2.1.1"), 1);
	assert_int_equal(fixture_count(f, "SIP/2.0 200"), 1);
	assert_int_equal(f->ended_count, 0);
	assert_int_equal(fixture_flows(f), 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(early_media), TEST(late_offer), TEST(late_offer_unanswered),
		TEST(answer_without_session), TEST(answer_repeated), TEST(ack_lost),
		TEST(bye_before_ack), TEST(forked_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

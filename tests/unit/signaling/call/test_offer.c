// Offer and answer between the legs: what is reserved, published, given back. What each side reads
// is in golden/sdp-calls.
#include "dialog.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

// The status that an INVITE with this offer gets at once; 0 = it went on.
static uint32_t status_of(struct fixture *f, const char *offer)
{
	struct fixture_request invite = { .method = "INVITE", .cseq = 1, .body = offer };
	unsigned status = 0;

	fixture_forget(f);
	fixture_phone(f, &invite);
	for (uint32_t i = 0; i < f->sent_count; i++)
		if (sscanf(f->sent[i].text, "SIP/2.0 %u", &status) == 1 && status >= 200)
			return status;
	assert_non_null(fixture_last(f, "INVITE"));
	return 0;
}

static void offers_that_cannot_be(void **state)
{
	static const char *const offers[] = {
		"not a description",
		"v=0\r\no=- 1 1 IN IP4 10.1.1.5\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n",
		"v=0\r\no=- 1 1 IN IP4 10.1.1.5\r\ns=-\r\nc=IN IP4 224.2.1.1\r\nt=0 0\r\n"
		"m=audio 4000 RTP/AVP 8\r\n",
		"v=0\r\no=- 1 1 IN IP4 10.1.1.5\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
		"m=audio 4000 RTP/AVP 8\r\n",
		"v=0\r\no=- 1 1 IN IP4 10.1.1.5\r\ns=-\r\nc=IN IP4 10.1.0.2\r\nt=0 0\r\n"
		"m=audio 4000 RTP/AVP 8\r\n", // our own media address
		"v=0\r\no=- 1 1 IN IP4 10.1.1.5\r\ns=-\r\nc=IN IP4 10.1.1.5\r\nt=0 0\r\n"
		"m=audio 4000 RTP/SAVP 8\r\n",
	};
	struct fixture *f = *state;

	for (uint32_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
		uint32_t status = status_of(f, offers[i]);
		if (status != 488 && status != 400)
			fail_msg("offer %u got %u", i, status);
		assert_int_equal(fixture_flows(f), 0);
		fixture_wait(f, 40000);
		assert_int_equal(fixture_calls(f), 0);
	}
}

static void flows_stand_with_the_offer(void **state)
{
	struct fixture *f = *state;
	struct dialog d;

	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	assert_int_equal(fixture_flows(f), 4); // early media of either side finds its way
	const struct fixture_message *invite = fixture_last(f, "INVITE");
	assert_non_null(strstr(invite->text, "\r\nc=IN IP4 10.2.0.2\r\n"));
	assert_null(strstr(invite->text, "secret"));
}

static void refused_calls_give_ports_back(void **state)
{
	struct fixture *f = *state;
	struct dialog d;

	// More calls one after the other than there are ports of one shard.
	for (uint32_t i = 0; i < 8; i++) {
		fixture_forget(f);
		dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
		dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 486 });
		assert_int_equal(fixture_flows(f), 0);
		fixture_wait(f, 40000);
	}
	assert_int_equal(fixture_calls(f), 0);
}

static void unusable_answer_ends_the_call(void **state)
{
	struct fixture *f = *state;
	struct dialog d;

	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
		.body = "v=0\r\no=- 1 1 IN IP4 10.2.1.1\r\ns=-\r\nc=IN IP4 10.2.0.2\r\nt=0 0\r\n"
			"m=audio 4000 RTP/AVP 8\r\n" }); // our own media address
	assert_non_null(fixture_last(f, "SIP/2.0 488"));
	assert_non_null(fixture_last(f, "ACK"));
	assert_int_equal(fixture_last(f, "BYE")->realm, REALM_CORE);
	assert_int_equal(f->ended.cause, CALL_CAUSE_MEDIA_REFUSED);
	assert_int_equal(fixture_flows(f), 0);
}

static void early_answer_is_the_answer(void **state)
{
	struct fixture *f = *state;
	struct dialog d;

	dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 183,
		.body = FIXTURE_SDP("10.2.1.1") });
	assert_non_null(strstr(fixture_last(f, "SIP/2.0 183")->text, "c=IN IP4 10.1.0.2\r\n"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = 200 });
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	assert_int_equal(f->ended_count, 0);
	assert_int_equal(fixture_flows(f), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(offers_that_cannot_be), TEST(flows_stand_with_the_offer),
		TEST(refused_calls_give_ports_back), TEST(unusable_answer_ends_the_call),
		TEST(early_answer_is_the_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

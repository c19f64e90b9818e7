// INVITEs without an offer to a side that needs one.
#include "dialog.h"

#define SDP_B(format)                                                                              \
	"v=0\r\no=secret 1 1 IN IP4 10.2.1.1\r\ns=secret\r\nc=IN IP4 10.2.1.1\r\nt=0 0\r\n"        \
	"m=audio 4000 RTP/AVP " format "\r\n"

static struct dialog d;

static int open_converting(void **state)
{
	int err = fixture_open(state);
	struct fixture *f = *state;

	f->profiles[1].flow.late_offer = PROFILE_LATE_OFFER_CONVERT;
	return err;
}

static uint16_t remote_port(const struct fixture *f, uint32_t realm)
{
	for (uint32_t port = 20000; port < 20256; port += 2) {
		const struct flow_cfg *cfg = flow_lookup(&f->view, realm, (uint16_t)port);

		if (cfg)
			return cfg->remote_port;
	}
	return 0;
}

static void answer(uint32_t status, const char *extra, const char *body)
{
	dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE", .status = status,
		.extra = extra, .body = body });
}

static void converted(void **state)
{
	struct fixture *f = *state;

	dialog_invite(&d, f, "", "");
	const struct fixture_message *invite = fixture_last(f, "INVITE");
	assert_non_null(strstr(invite->text, "c=IN IP4 10.2.0.2"));
	assert_non_null(strstr(invite->text, "RTP/AVP 8 0 101"));
	answer(183, "", SDP_B("8"));
	assert_null(strstr(fixture_last(f, "SIP/2.0 183")->text, "v=0")); // an offer cannot come so
	answer(200, "", SDP_B("8"));
	assert_null(strstr(fixture_last(f, "ACK")->text, "v=0"));
	const struct fixture_message *ok = fixture_last(f, "SIP/2.0 200");
	assert_non_null(strstr(ok->text, "c=IN IP4 10.1.0.2"));
	fixture_to_tag(f, "SIP/2.0 200", d.tag_a, sizeof(d.tag_a));
	dialog_phone(&d, "ACK", 1, "", FIXTURE_SDP("10.1.1.5"));
	assert_int_equal(remote_port(f, REALM_ACCESS), 4000);
	assert_int_equal(remote_port(f, REALM_CORE), 4000);
	assert_int_equal(f->ended_count, 0);
	assert_int_equal(metric_read(&core_metrics(f->core)->offers_made), 1);
	// The next exchange begins as ever.
	dialog_phone(&d, "INVITE", 2, "", FIXTURE_SDP("10.1.1.5"));
	assert_null(fixture_last(f, "SIP/2.0 491"));
}

// The called side said it reliably, so its 2xx is empty; the caller never hears of PRACK.
static void answered_reliably(void **state)
{
	struct fixture *f = *state;

	dialog_invite(&d, f, "Require: 100rel\r\n", "");
	answer(183, "Require: 100rel\r\nRSeq: 3\r\n", SDP_B("0"));
	assert_int_equal(fixture_last(f, "PRACK")->realm, REALM_CORE);
	assert_null(fixture_last(f, "SIP/2.0 183")); // the first one would have to bring an offer
	answer(200, "", "");
	const struct fixture_message *ok = fixture_last(f, "SIP/2.0 200");
	assert_non_null(strstr(ok->text, "RTP/AVP 0\r\n"));
	fixture_to_tag(f, "SIP/2.0 200", d.tag_a, sizeof(d.tag_a));
	dialog_phone(&d, "ACK", 1, "", FIXTURE_SDP("10.1.1.5"));
	assert_int_equal(remote_port(f, REALM_ACCESS), 4000);
	assert_int_equal(f->ended_count, 0);
}

static void unanswered(void **state)
{
	struct fixture *f = *state;

	dialog_invite(&d, f, "", "");
	answer(200, "", SDP_B("8"));
	fixture_to_tag(f, "SIP/2.0 200", d.tag_a, sizeof(d.tag_a));
	dialog_phone(&d, "ACK", 1, "", "");
	assert_int_equal(f->ended.cause, CALL_CAUSE_MEDIA_REFUSED);
	assert_int_equal(fixture_flows(f), 0);
	const struct fixture_message *bye = fixture_last(f, "BYE");
	assert_non_null(bye);
}

static void passed(void **state)
{
	struct fixture *f = *state;

	f->profiles[1].flow.late_offer = PROFILE_LATE_OFFER_PASS;
	dialog_invite(&d, f, "", "");
	assert_null(strstr(fixture_last(f, "INVITE")->text, "v=0"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_converting, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(converted),
		TEST(answered_reliably),
		TEST(unanswered),
		TEST(passed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "fixture.h"

static const struct fixture_request invite = { .method = "INVITE", .cseq = 1,
	.body = FIXTURE_SDP("10.1.1.5") };

static void next_host_after_503(void **state)
{
	struct fixture *f = *state;
	struct addr second = fixture_addr("10.2.1.2");
	char branch[256];

	fixture_phone(f, &invite);
	snprintf(branch, sizeof(branch), "%s", fixture_header(fixture_last(f, "INVITE")->text,
		"Via"));
	fixture_carrier(f, "INVITE", 503, "");
	const struct fixture_message *again = fixture_last(f, "INVITE");
	assert_true(addr_eq(&again->target, &second));
	assert_string_not_equal(fixture_header(again->text, "Via"), branch);
	assert_null(fixture_last(f, "SIP/2.0 503"));
	fixture_carrier(f, "INVITE", 503, "");
	assert_non_null(fixture_last(f, "SIP/2.0 503"));
	assert_int_equal(f->ended.cause, CALL_CAUSE_REJECTED);
	assert_int_equal(fixture_calls(f), 0);
	assert_int_equal(metric_read(&core_metrics(f->core)->failovers), 1);
}

// 486 and the like are the called user's word: no other host is asked.
static void no_next_host_after_486(void **state)
{
	struct fixture *f = *state;

	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 486, "");
	assert_non_null(fixture_last(f, "SIP/2.0 486"));
	assert_int_equal(metric_read(&core_metrics(f->core)->failovers), 0);
	assert_int_equal(f->ended.code, 486);
}

static void next_host_after_silence(void **state)
{
	struct fixture *f = *state;
	struct addr second = fixture_addr("10.2.1.2");

	fixture_phone(f, &invite);
	fixture_wait(f, 4100);
	assert_true(addr_eq(&fixture_last(f, "INVITE")->target, &second));
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.2"));
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	assert_int_equal(fixture_flows(f), 4);
}

static void all_hosts_silent(void **state)
{
	struct fixture *f = *state;

	f->config.limits.ring_timeout_ms = 120000;
	fixture_phone(f, &invite);
	fixture_wait(f, 40000);
	assert_non_null(fixture_last(f, "SIP/2.0 408"));
	assert_int_equal(f->ended.cause, CALL_CAUSE_UNREACHABLE);
	fixture_wait(f, 40000);
	assert_int_equal(fixture_calls(f), 0);
}

static void ring_timeout(void **state)
{
	struct fixture *f = *state;

	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 180, "");
	fixture_wait(f, 30100);
	assert_non_null(fixture_last(f, "SIP/2.0 408"));
	assert_non_null(fixture_last(f, "CANCEL"));
	assert_int_equal(f->ended.cause, CALL_CAUSE_RING_TIMEOUT);
	fixture_carrier(f, "CANCEL", 200, "");
	fixture_carrier(f, "INVITE", 487, "");
	assert_int_equal(fixture_calls(f), 0);
}

static void cancel(struct fixture *f)
{
	struct fixture_request request = { .method = "CANCEL", .cseq = 1,
		.extra = "Reason: SIP;cause=200;text=\"secret-a\"\r\n" };

	fixture_phone(f, &request);
}

static void cancelled(void **state)
{
	struct fixture *f = *state;

	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 180, "");
	cancel(f);
	assert_non_null(fixture_last(f, "SIP/2.0 200"));
	assert_non_null(fixture_last(f, "SIP/2.0 487"));
	const struct fixture_message *out = fixture_last(f, "CANCEL");
	assert_non_null(out);
	assert_string_equal(fixture_header(out->text, "Reason"), "SIP;cause=200");
	assert_int_equal(fixture_flows(f), 0);
	assert_int_equal(f->ended.cause, CALL_CAUSE_CANCEL);
	fixture_carrier(f, "INVITE", 487, "");
	assert_int_equal(fixture_calls(f), 0);
}

// CANCEL may not be sent before a provisional answer (RFC 3261 9.1): it waits for one.
static void cancelled_before_100(void **state)
{
	struct fixture *f = *state;

	fixture_phone(f, &invite);
	cancel(f);
	assert_non_null(fixture_last(f, "SIP/2.0 487"));
	assert_null(fixture_last(f, "CANCEL"));
	fixture_carrier(f, "INVITE", 100, "");
	assert_non_null(fixture_last(f, "CANCEL"));
	fixture_carrier(f, "INVITE", 487, "");
	assert_int_equal(fixture_calls(f), 0);
}

static void cancel_crosses_200(void **state)
{
	struct fixture *f = *state;

	fixture_phone(f, &invite);
	fixture_carrier(f, "INVITE", 180, "");
	static struct fixture_message invite_sent;
	invite_sent = *fixture_last(f, "INVITE");
	cancel(f);
	assert_null(fixture_last(f, "ACK"));
	// The carrier answered before our CANCEL reached it.
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
	assert_non_null(fixture_last(f, "ACK"));
	assert_non_null(fixture_last(f, "BYE"));
	assert_int_equal(f->ended_count, 1);
	assert_int_equal(fixture_flows(f), 0);
	// It comes again: the ACK goes again, the BYE had its number and goes once.
	fixture_wait(f, 100);
	fixture_forget(f);
	f->sent[0] = invite_sent;
	f->sent_count = 1;
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
	assert_non_null(fixture_last(f, "ACK"));
	assert_null(fixture_last(f, "BYE"));
	// The call waits for answers of other forks as long as they may come, 64*T1.
	assert_int_equal(fixture_calls(f), 1);
	fixture_wait(f, 33000);
	assert_int_equal(fixture_calls(f), 0);
}

static void statuses_hidden(void **state)
{
	static const struct {
		uint32_t from;
		const char *to;
	} cases[] = { { 302, "SIP/2.0 480" }, { 401, "SIP/2.0 403" }, { 407, "SIP/2.0 403" },
		{ 404, "SIP/2.0 404" }, { 600, "SIP/2.0 600" } };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char call_id[32], branch[32];
		struct fixture_request request = invite;

		snprintf(call_id, sizeof(call_id), "status-%zu", i);
		snprintf(branch, sizeof(branch), "status%zu", i);
		request.call_id = call_id;
		request.branch = branch;
		fixture_forget(f);
		fixture_phone(f, &request);
		fixture_carrier(f, "INVITE", cases[i].from, "");
		assert_non_null(fixture_last(f, cases[i].to));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(next_host_after_503), TEST(no_next_host_after_486),
		TEST(next_host_after_silence), TEST(all_hosts_silent), TEST(ring_timeout),
		TEST(cancelled), TEST(cancelled_before_100), TEST(cancel_crosses_200),
		TEST(statuses_hidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

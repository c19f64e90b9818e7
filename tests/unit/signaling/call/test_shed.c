// The door under overload: what may begin, what is refused, what is dropped, what never is.
#include "fixture.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

static void phone_calls(struct fixture *f, const char *id, const char *uri)
{
	char call_id[32], branch[32];

	snprintf(call_id, sizeof(call_id), "%s@10.1.1.5", id);
	snprintf(branch, sizeof(branch), "b%s", id);
	struct fixture_request invite = { .method = "INVITE", .cseq = 1, .call_id = call_id,
		.branch = branch, .uri = uri, .body = FIXTURE_SDP("10.1.1.5") };
	fixture_phone(f, &invite);
}

static void as_many_as_allowed(void **state)
{
	struct fixture *f = *state;

	f->env.is_overloaded = true;
	f->env.calls_left = 1;
	f->env.refusals_left = 1;
	phone_calls(f, "1", NULL);
	assert_non_null(fixture_last(f, "INVITE"));
	fixture_forget(f);
	phone_calls(f, "2", NULL);
	const struct fixture_message *refusal = fixture_last(f, "SIP/2.0 503");
	assert_non_null(refusal);
	assert_int_not_equal(fixture_header(refusal->text, "Retry-After")[0], 0);
	fixture_forget(f);
	phone_calls(f, "3", NULL);
	assert_int_equal(f->sent_count, 0);
	assert_int_equal(f->env.calls_dropped, 1);
	assert_int_equal(metric_read(&core_metrics(f->core)->refused_overload), 1);
	assert_int_equal(metric_read(&core_metrics(f->core)->dropped_overload), 1);
	assert_int_equal(fixture_calls(f), 1);
}

// Its caller has heard that there is no call, so that a copy that comes late begins none.
static void refused_stays_refused(void **state)
{
	struct fixture *f = *state;

	f->env.is_overloaded = true;
	f->env.refusals_left = 1;
	phone_calls(f, "1", NULL);
	assert_non_null(fixture_last(f, "SIP/2.0 503"));
	for (uint32_t is_over = 0; is_over < 2; is_over++) {
		fixture_forget(f);
		f->env.is_overloaded = !is_over;
		f->env.calls_left = f->env.refusals_left = 1;
		phone_calls(f, "1", NULL);
		assert_non_null(fixture_last(f, "SIP/2.0 503"));
		assert_null(fixture_last(f, "INVITE"));
	}
	phone_calls(f, "2", NULL);
	assert_non_null(fixture_last(f, "INVITE"));
	fixture_forget(f);
	fixture_wait(f, 33000);
	phone_calls(f, "1", NULL);
	assert_non_null(fixture_last(f, "INVITE"));
}

// A repetition of what was taken before the overload finds its transaction.
static void known_requests_pass(void **state)
{
	struct fixture *f = *state;

	phone_calls(f, "1", NULL);
	f->env.is_overloaded = true;
	fixture_forget(f);
	phone_calls(f, "1", NULL);
	assert_non_null(fixture_last(f, "SIP/2.0 100"));
	assert_int_equal(f->env.calls_dropped, 0);
}

static void living_calls_pass(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	phone_calls(f, "1", NULL);
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
	fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
	f->env.is_overloaded = true;
	struct fixture_request ack = { .method = "ACK", .cseq = 1, .to_tag = tag,
		.call_id = "1@10.1.1.5", .branch = "ack" };
	fixture_phone(f, &ack);
	fixture_forget(f);
	struct fixture_request again = { .method = "INVITE", .cseq = 2, .to_tag = tag,
		.call_id = "1@10.1.1.5", .branch = "again", .body = FIXTURE_SDP("10.1.1.5") };
	fixture_phone(f, &again);
	assert_int_equal(fixture_last(f, "INVITE")->realm, REALM_CORE);
	struct fixture_request bye = { .method = "BYE", .cseq = 3, .to_tag = tag,
		.call_id = "1@10.1.1.5", .branch = "bye" };
	fixture_phone(f, &bye);
	assert_non_null(fixture_last(f, "BYE"));
	assert_int_equal(f->env.calls_dropped, 0);
}

static void emergency_calls_pass(void **state)
{
	struct fixture *f = *state;

	f->config.realms[REALM_ACCESS].emergency[0] = "112";
	f->config.realms[REALM_ACCESS].emergency_count = 1;
	f->env.is_overloaded = true;
	phone_calls(f, "1", "sip:112@10.1.0.1");
	assert_non_null(fixture_last(f, "INVITE")); // the route of 1*
	phone_calls(f, "2", "sip:113@10.1.0.1");
	assert_int_equal(f->env.calls_dropped, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(as_many_as_allowed), TEST(refused_stays_refused),
		TEST(known_requests_pass), TEST(living_calls_pass),
		TEST(emergency_calls_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Names of states and causes, and what a call tells about itself as it goes on.
#include "fixture.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

static void every_name_is_one(void **state)
{
	(void)state;
	for (int i = 0; i < CALL_STATE_COUNT; i++) {
		assert_string_not_equal(call_state_name((enum call_state)i), "unknown");
		for (int k = 0; k < i; k++)
			assert_string_not_equal(call_state_name((enum call_state)i),
				call_state_name((enum call_state)k));
	}
	for (int i = 0; i < CALL_CAUSE_COUNT; i++) {
		assert_string_not_equal(call_cause_name((enum call_cause)i), "unknown");
		for (int k = 0; k < i; k++)
			assert_string_not_equal(call_cause_name((enum call_cause)i),
				call_cause_name((enum call_cause)k));
	}
	assert_string_equal(call_state_name(CALL_STATE_COUNT), "unknown");
	assert_string_equal(call_cause_name(CALL_CAUSE_COUNT), "unknown");
}

static struct call_info look(struct fixture *f)
{
	struct call_info info = { .token = 0 };
	uint32_t cursor = 0;

	core_run_timers(f->core, &f->env);
	assert_true(core_next_call(f->core, &cursor, &info));
	return info;
}

static void step_by_step(void **state)
{
	struct fixture *f = *state;
	struct fixture_request invite = { .method = "INVITE", .cseq = 1,
		.body = FIXTURE_SDP("10.1.1.5") };
	struct addr phone = fixture_addr("10.1.1.5:5060"), media = fixture_addr("10.2.1.1:4000");
	char tag[64];

	fixture_phone(f, &invite);
	struct call_info info = look(f);
	assert_int_equal(info.state, CALL_STATE_CALLING);
	assert_int_equal(info.duration_ms, 0);
	assert_int_equal(info.started_unix_ms, 1700000000000);
	fixture_wait(f, 1000);
	fixture_carrier(f, "INVITE", 180, "");
	assert_int_equal(look(f).state, CALL_STATE_RINGING);
	fixture_wait(f, 2000);
	fixture_carrier(f, "INVITE", 200, FIXTURE_SDP("10.2.1.1"));
	info = look(f);
	assert_int_equal(info.state, CALL_STATE_ANSWERED);
	assert_int_equal(info.setup_ms, 3000);
	fixture_to_tag(f, "SIP/2.0 200", tag, sizeof(tag));
	struct fixture_request ack = { .method = "ACK", .cseq = 1, .to_tag = tag, .branch = "a" };
	fixture_phone(f, &ack);
	fixture_wait(f, 5000);
	info = look(f);
	assert_int_equal(info.state, CALL_STATE_CONNECTED);
	assert_int_equal(info.duration_ms, 5000);
	assert_string_equal(info.legs[CALL_LEG_A].realm, "access");
	assert_string_equal(info.legs[CALL_LEG_A].trunk, "phones");
	assert_string_equal(info.legs[CALL_LEG_B].realm, "core");
	assert_true(addr_eq(&info.legs[CALL_LEG_A].signaling, &phone));
	assert_true(addr_eq(&info.legs[CALL_LEG_B].remote_media, &media));
	assert_true(info.token != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_is_one), TEST(step_by_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

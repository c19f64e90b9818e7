// The ACK of a 2xx: what it sets free, what it carries, and what its absence does.
#include "dialog.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

static uint64_t counted(const struct fixture *f, const _Atomic uint64_t *field)
{
	(void)f;
	return metric_read(field);
}

static enum call_state state_of_call(struct fixture *f)
{
	struct call_info info;
	uint32_t cursor = 0;

	core_run_timers(f->core, &f->env);
	assert_true(core_next_call(f->core, &cursor, &info));
	return info.state;
}

static void answer(struct dialog *d, struct fixture *f, const char *offer)
{
	dialog_invite(d, f, "", offer);
	dialog_answer(d, &(struct dialog_answer){ .start = "INVITE", .status = 200,
		.body = FIXTURE_SDP("10.2.1.1") });
	fixture_to_tag(f, "SIP/2.0 200", d->tag_a, sizeof(d->tag_a));
}

static void connects_the_call(void **state)
{
	struct fixture *f = *state;
	struct dialog d;

	answer(&d, f, FIXTURE_SDP("10.1.1.5"));
	assert_int_equal(state_of_call(f), CALL_STATE_ANSWERED);
	// The carrier's own ACK does not wait for the phone's: its answer was whole.
	assert_int_equal(fixture_last(f, "ACK")->realm, REALM_CORE);
	dialog_phone(&d, "ACK", 1, "", "");
	assert_int_equal(state_of_call(f), CALL_STATE_CONNECTED);
	fixture_forget(f);
	fixture_wait(f, 5000);
	assert_null(fixture_last(f, "SIP/2.0 200")); // repeated no more
}

// An offer in the 2xx is answered in the ACK, which therefore waits (RFC 3261 13.2.1).
static void carries_the_late_answer(void **state)
{
	struct fixture *f = *state;
	struct dialog d;

	answer(&d, f, "");
	assert_null(fixture_last(f, "ACK"));
	dialog_phone(&d, "ACK", 1, "", FIXTURE_SDP("10.1.1.5"));
	const struct fixture_message *ack = fixture_last(f, "ACK");
	assert_int_equal(ack->realm, REALM_CORE);
	assert_non_null(strstr(ack->text, "\r\nc=IN IP4 10.2.0.2\r\n"));
	assert_null(strstr(ack->text, "10.1.1.5"));
	assert_int_equal(fixture_flows(f), 4);
}

static void without_the_late_answer(void **state)
{
	struct fixture *f = *state;
	struct dialog d;

	answer(&d, f, "");
	dialog_phone(&d, "ACK", 1, "", "");
	assert_int_equal(f->ended_count, 1);
	assert_int_equal(f->ended.cause, CALL_CAUSE_MEDIA_REFUSED);
	assert_int_equal(fixture_flows(f), 0);
	assert_int_equal(fixture_last(f, "ACK")->realm, REALM_CORE);
}

static void of_another_transaction(void **state)
{
	struct fixture *f = *state;
	struct dialog d;

	answer(&d, f, FIXTURE_SDP("10.1.1.5"));
	dialog_phone(&d, "ACK", 2, "", "");
	assert_int_equal(state_of_call(f), CALL_STATE_ANSWERED);
	assert_int_equal(counted(f, &core_metrics(f->core)->acks_repeated), 1);
	dialog_phone(&d, "ACK", 1, "", "");
	dialog_phone(&d, "ACK", 1, "", "");
	assert_int_equal(state_of_call(f), CALL_STATE_CONNECTED);
	assert_int_equal(counted(f, &core_metrics(f->core)->acks_repeated), 2);
}

static void never_comes(void **state)
{
	struct fixture *f = *state;
	struct dialog d;

	answer(&d, f, FIXTURE_SDP("10.1.1.5"));
	fixture_forget(f);
	fixture_wait(f, 31900);
	assert_int_equal(f->ended_count, 0);
	fixture_wait(f, 300); // 64*T1
	assert_int_equal(f->ended.cause, CALL_CAUSE_ACK_TIMEOUT);
	assert_int_equal(counted(f, &core_metrics(f->core)->acks_missing), 1);
	assert_int_equal(fixture_flows(f), 0);
	uint32_t byes = 0;
	for (uint32_t i = 0; i < f->sent_count; i++)
		byes |= strncmp(f->sent[i].text, "BYE", 3) == 0 ? 1u << f->sent[i].realm : 0;
	assert_int_equal(byes, 1u << REALM_ACCESS | 1u << REALM_CORE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connects_the_call), TEST(carries_the_late_answer),
		TEST(without_the_late_answer), TEST(of_another_transaction), TEST(never_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

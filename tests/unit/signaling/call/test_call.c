// The slot of a call: taken, found by its identifiers, finished once, freed when nothing matters.
#include "call/core_private.h"
#include "dialog.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

static struct call *new_call(struct fixture *f, const char *call_id)
{
	f->core->env = &f->env;
	return call_new(f->core, &f->env, sip_callid_shard(&f->core->keys, span_str(call_id)));
}

static void identifiers_lead_to_it(void **state)
{
	struct fixture *f = *state;
	enum call_side side;
	struct sip_token token;

	struct call *first = new_call(f, "one@10.1.1.5");
	struct call *second = new_call(f, "two@10.1.1.5");
	assert_non_null(first);
	assert_non_null(second);
	assert_int_not_equal(first->token, second->token);
	assert_int_equal(first->token & 1, 0);
	for (uint32_t i = 0; i < CALL_LEGS; i++) {
		assert_ptr_equal(call_lookup(f->core, second->token + i, &side), second);
		assert_int_equal(side, i);
		assert_true(sip_token_verify(&f->core->keys, SIP_TOKEN_TAG,
			span_make(second->legs[i].tag, SIP_TOKEN_LEN), &token));
		assert_int_equal(token.value, second->token + i);
		assert_int_equal(token.shard, second->shard);
	}
	assert_null(call_lookup(f->core, (first->token + second->token) | 1u << 20, &side));
}

static void as_many_as_there_are_slots(void **state)
{
	struct fixture *f = *state; // four, and those that only emergency calls get
	struct call *calls[20];
	char id[32];

	for (uint32_t i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "%u@x", i);
		calls[i] = new_call(f, id);
		assert_non_null(calls[i]);
	}
	assert_null(new_call(f, "5@x"));
	uint64_t token = calls[2]->token;
	enum call_side side;
	calls[2]->invite.is_active = false;
	call_finish(calls[2], &f->env, CALL_CAUSE_REJECTED);
	call_settle(calls[2]);
	core_reap(f->core);
	assert_null(call_lookup(f->core, token, &side));
	assert_non_null(new_call(f, "6@x"));
	assert_null(new_call(f, "7@x"));
}

static void finished_once(void **state)
{
	struct fixture *f = *state;
	struct call *call = new_call(f, "one@x");

	call_finish(call, &f->env, CALL_CAUSE_CANCEL);
	call_finish(call, &f->env, CALL_CAUSE_BYE);
	fixture_take(f);
	assert_int_equal(f->ended_count, 1);
	assert_int_equal(f->ended.cause, CALL_CAUSE_CANCEL);
}

static void texts_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct call *call = new_call(f, "one@x");
	static char big[CALL_ARENA_MAX];
	struct sip_text text = { 0 };

	memset(big, 'x', sizeof(big));
	assert_true(call_set_text(call, &text, SPAN_LIT("hello")));
	assert_true(span_eq(text.text, SPAN_LIT("hello")));
	assert_true(call_set_text(call, &text, SPAN_LIT("hi"))); // in the same place
	assert_true(span_eq(text.text, SPAN_LIT("hi")));
	assert_false(call_set_text(call, &text, span_make(big, sizeof(big))));
}

// Every state of a call can be hung up, and leaves nothing.
static void hung_up_in_any_state(void **state)
{
	struct fixture *f = *state;
	struct dialog d;

	for (uint32_t stage = 0; stage < 3; stage++) {
		fixture_forget(f);
		f->ended_count = 0;
		dialog_invite(&d, f, "", FIXTURE_SDP("10.1.1.5"));
		if (stage == 1)
			dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE",
				.status = 180 });
		if (stage == 2) {
			dialog_answer(&d, &(struct dialog_answer){ .start = "INVITE",
				.status = 200, .body = FIXTURE_SDP("10.2.1.1") });
			fixture_to_tag(f, "SIP/2.0 200", d.tag_a, sizeof(d.tag_a));
			dialog_phone(&d, "ACK", 1, "", "");
		}
		core_hangup_all(f->core, &f->env);
		fixture_take(f);
		assert_int_equal(f->ended_count, 1);
		assert_int_equal(f->ended.cause, CALL_CAUSE_SHUTDOWN);
		assert_int_equal(fixture_flows(f), 0);
		assert_non_null(fixture_last(f, stage == 2 ? "BYE" : "SIP/2.0 503"));
		fixture_wait(f, 100000);
		assert_int_equal(fixture_calls(f), 0);
		assert_int_equal(core_timer_count(f->core), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(identifiers_lead_to_it), TEST(as_many_as_there_are_slots),
		TEST(finished_once), TEST(texts_are_bounded), TEST(hung_up_in_any_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

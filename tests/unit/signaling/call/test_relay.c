#include "dialog.h"

#include "call/relay.h"

#define ALLOW "Allow: INVITE, UPDATE\r\n"

static struct dialog d;

// A slot is held until the answer, and free for the next request then.
static void again_and_again(void **state)
{
	struct fixture *f = *state;

	dialog_establish(&d, f, ALLOW, ALLOW);
	for (uint32_t i = 0; i < 3 * RELAYS_PER_CALL; i++) {
		dialog_phone(&d, "UPDATE", 2 + i, "", "");
		dialog_answer(&d, &(struct dialog_answer){ .start = "UPDATE", .status = 200 });
	}
	assert_int_equal(metric_read(&core_metrics(f->core)->relayed), 3 * RELAYS_PER_CALL);
	assert_int_equal(metric_read(&core_metrics(f->core)->relays_full), 0);
}

// The far end says nothing for 32 s: whoever asked has given up at the same time, the call ends.
static void silence(void **state)
{
	struct fixture *f = *state;

	dialog_establish(&d, f, ALLOW, ALLOW);
	dialog_phone(&d, "UPDATE", 2, "", "");
	fixture_forget(f);
	fixture_wait(f, 33000);
	assert_null(fixture_last(f, "SIP/2.0 408")); // RFC 4320 4.1
	assert_non_null(fixture_last(f, "BYE sip:alice@10.1.1.5"));
	assert_int_equal(f->ended.cause, CALL_CAUSE_DEAD_DIALOG);
	assert_int_equal(metric_read(&core_metrics(f->core)->relays_failed), 1);
}

static void unserved(void **state)
{
	struct fixture *f = *state;

	dialog_establish(&d, f, "", "");
	dialog_phone(&d, "FOO", 2, "", "");
	const struct fixture_message *m = fixture_last(f, "SIP/2.0 405");
	assert_non_null(strstr(fixture_header(m->text, "Allow"), "UPDATE"));
	dialog_phone(&d, "UPDATE", 3, "Require: nonsense\r\n", "");
	assert_non_null(fixture_last(f, "SIP/2.0 420"));
}

static void after_the_end(void **state)
{
	struct fixture *f = *state;

	dialog_establish(&d, f, ALLOW, ALLOW);
	dialog_phone(&d, "BYE", 2, "", "");
	dialog_carrier(&d, "UPDATE 7", "", "");
	assert_int_equal(fixture_last(f, "SIP/2.0 481")->realm, REALM_CORE);
}

static void answer_twice(void **state)
{
	struct fixture *f = *state;

	dialog_establish(&d, f, ALLOW, ALLOW);
	dialog_phone(&d, "UPDATE", 2, "", "");
	dialog_answer(&d, &(struct dialog_answer){ .start = "UPDATE", .status = 100 });
	assert_null(fixture_last(f, "SIP/2.0 100"));
	dialog_answer(&d, &(struct dialog_answer){ .start = "UPDATE", .status = 302 });
	assert_non_null(fixture_last(f, "SIP/2.0 480")); // a redirection would name hosts
	uint32_t sent = f->sent_count;
	dialog_answer(&d, &(struct dialog_answer){ .start = "UPDATE", .status = 200 });
	assert_int_equal(f->sent_count, sent);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(again_and_again),
		TEST(silence),
		TEST(unserved),
		TEST(after_the_end),
		TEST(answer_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

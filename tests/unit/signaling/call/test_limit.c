#include "dialog.h"

static struct dialog d;

// The lesser of both profiles, from the answer on.
static void lesser_of_both(void **state)
{
	struct fixture *f = *state;

	f->profiles[0].flow.duration_max_ms = 20000;
	f->profiles[1].flow.duration_max_ms = 10000;
	dialog_establish(&d, f, "", "");
	fixture_wait(f, 9900);
	assert_int_equal(f->ended_count, 0);
	fixture_wait(f, 200);
	assert_int_equal(f->ended.cause, CALL_CAUSE_DURATION);
	uint32_t byes = 0;
	for (uint32_t i = 0; i < f->sent_count; i++) {
		if (strncmp(f->sent[i].text, "BYE", 3) != 0)
			continue;
		byes |= 1u << f->sent[i].realm;
		assert_non_null(strstr(fixture_header(f->sent[i].text, "Reason"), "SIP;cause=503"));
	}
	assert_int_equal(byes, 3); // both legs
	assert_int_equal(fixture_flows(f), 0);
}

static void unlimited(void **state)
{
	struct fixture *f = *state;

	dialog_establish(&d, f, "", "");
	fixture_wait(f, 60000);
	assert_int_equal(f->ended_count, 0);
	dialog_phone(&d, "BYE", 2, "", "");
	fixture_wait(f, 60000);
	assert_int_equal(metric_read(&core_metrics(f->core)->duration_limits), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lesser_of_both),
		TEST(unlimited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

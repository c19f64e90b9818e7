#include "dialog.h"

static struct dialog d;

static void ends_after_10_s(struct fixture *f)
{
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

// The lesser of both profiles, from the answer on.
static void lesser_of_both(void **state)
{
	struct fixture *f = *state;

	f->profiles[0].flow.duration_max_ms = 20000;
	f->profiles[1].flow.duration_max_ms = 10000;
	ends_after_10_s(f);
}

// Each place that may say it, and all others say more.
static void least_of_all(void **state)
{
	struct fixture *f = *state;
	uint32_t *const limits[] = { &f->profiles[0].flow.duration_max_ms,
		&f->profiles[1].flow.duration_max_ms, &f->trunks[0].duration_max_ms,
		&f->trunks[1].duration_max_ms, &f->config.realms[REALM_ACCESS].duration_max_ms,
		&f->config.realms[REALM_CORE].duration_max_ms };
	const uint32_t count = sizeof(limits) / sizeof(limits[0]);

	for (uint32_t least = 0; least < count; least++) {
		for (uint32_t others = 0; others < 2; others++) {
			for (uint32_t i = 0; i < count; i++)
				*limits[i] = i == least ? 10000 : others * 20000;
			f->ended_count = 0;
			fixture_forget(f);
			ends_after_10_s(f);
			fixture_wait(f, 40000); // nobody answers the BYEs
			assert_int_equal(fixture_calls(f), 0);
		}
	}
}

// No limit stops it (RFC 5031).
static void emergency(void **state)
{
	struct fixture *f = *state;

	f->config.realms[REALM_ACCESS].emergency[0] = "100";
	f->config.realms[REALM_ACCESS].emergency_count = 1;
	f->trunks[0].duration_max_ms = 10000;
	f->profiles[1].flow.duration_max_ms = 10000;
	dialog_establish(&d, f, "", "");
	fixture_wait(f, 60000);
	assert_int_equal(f->ended_count, 0);
	assert_int_equal(metric_read(&core_metrics(f->core)->emergency_calls), 1);
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
		TEST(least_of_all),
		TEST(emergency),
		TEST(unlimited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

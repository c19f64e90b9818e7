#include "admin/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_text_from_outside(void **state)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ "", "" },
		{ "alice", "alice" },
		{ "M\xc3\xbcller", "M\xc3\xbcller" },
		{ "bad\xff\xc3", "bad??" },
		{ "\xc0\x80zero", "??zero" },
		{ "quote\"back\\slash\n", "quote\"back\\slash\n" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *value = admin_json_text(rows[i].in);
		assert_string_equal(json_string_value(value), rows[i].want);
		json_decref(value);
	}
}

static struct call_summary summary_make(void)
{
	struct call_summary summary = {
		.info = {
			.token = 0xfedcba9876543210ull,
			.state = CALL_STATE_CONNECTED,
			.from = "alice",
			.to = "+49\xff",
			.codec = "PCMA",
			.duration_ms = 61000,
			.legs = { { .realm = "public", .packets = 3000, .loss = 0.25, .mos = 4.1 },
				{ .realm = "core", .lost = 7 } },
		},
		.cause = CALL_CAUSE_BYE,
		.ended_by = CALL_LEG_B,
		.code = 200,
		.ended_unix_ms = 1700000000000ull,
	};
	summary.info.legs[0].signaling.ip = ip_from_v4(0xc0000201);
	summary.info.legs[0].signaling.port = 5060;
	return summary;
}

static void test_ended_call(void **state)
{
	struct call_summary summary = summary_make();
	(void)state;
	json_t *call = admin_json_ended(&summary);
	assert_non_null(call);
	assert_string_equal(json_string_value(json_object_get(call, "token")), "fedcba9876543210");
	assert_string_equal(json_string_value(json_object_get(call, "to")), "+49?");
	assert_string_equal(json_string_value(json_object_get(call, "cause")),
		call_cause_name(CALL_CAUSE_BYE));
	assert_string_equal(json_string_value(json_object_get(call, "ended_by")), "b");
	assert_int_equal(json_integer_value(json_object_get(call, "code")), 200);
	assert_int_equal(json_integer_value(json_object_get(call, "ended_unix_ms")), 1700000000000);
	json_t *legs = json_object_get(call, "legs");
	assert_int_equal(json_array_size(legs), 2);
	json_t *a = json_array_get(legs, 0);
	assert_string_equal(json_string_value(json_object_get(a, "signaling")), "192.0.2.1:5060");
	assert_true(json_is_null(json_object_get(a, "local_media")));
	assert_int_equal(json_integer_value(json_object_get(a, "packets")), 3000);
	assert_true(json_real_value(json_object_get(a, "loss")) == 0.25);
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(legs, 1), "lost")), 7);
	json_decref(call);
}

static void test_nobody_hung_up(void **state)
{
	struct call_summary summary = summary_make();
	(void)state;
	summary.cause = CALL_CAUSE_REJECTED;
	json_t *call = admin_json_ended(&summary);
	assert_true(json_is_null(json_object_get(call, "ended_by")));
	json_decref(call);
}

static void test_metrics_add_up(void **state)
{
	struct two {
		_Atomic uint64_t a, b;
	} one = { 3, UINT64_C(5000000000) }, other = { 4, 0 };
	static const struct metric_info info[] = {
		{ "a", "calls", "A.", METRIC_COUNTER, offsetof(struct two, a) },
		{ "b", "calls", "B.", METRIC_COUNTER, offsetof(struct two, b) },
	};
	(void)state;
	json_t *into = json_object();
	assert_int_equal(admin_json_add_metrics(into, info, 2, &one), 0);
	assert_int_equal(admin_json_add_metrics(into, info, 2, &other), 0);
	assert_int_equal(json_integer_value(json_object_get(into, "a")), 7);
	assert_int_equal(json_integer_value(json_object_get(into, "b")), 5000000000);
	json_decref(into);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_from_outside),
		cmocka_unit_test(test_ended_call),
		cmocka_unit_test(test_nobody_hung_up),
		cmocka_unit_test(test_metrics_add_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

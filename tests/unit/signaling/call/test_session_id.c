// One Session-ID for both ends in every message of a call (RFC 7989).
#include "params.h"

#define ALICE_UUID "ab30317f1a784dc48ff824d0d3715d86"
#define BOB_UUID   "47755a9de7794ba387653f2099600ef2"
#define NIL_UUID   "00000000000000000000000000000000"

static void begin(struct fixture *f, const char *extra)
{
	struct fixture_request invite = { .method = "INVITE", .cseq = 1, .extra = extra,
		.body = FIXTURE_SDP("10.1.1.5") };

	fixture_phone(f, &invite);
}

static const char *id_of(const struct fixture *f, const char *start)
{
	const struct fixture_message *m = fixture_last(f, start);

	assert_non_null(m);
	return fixture_header(m->text, "Session-ID");
}

static void passed(void **state)
{
	struct fixture *f = *state;
	struct fixture_request cancel = { .method = "CANCEL", .cseq = 1 };
	const char *pair = ALICE_UUID ";remote=" NIL_UUID;

	begin(f, "Session-ID: " ALICE_UUID ";remote=" NIL_UUID "\r\n");
	assert_string_equal(id_of(f, "INVITE"), pair);
	fixture_carrier(f, "INVITE", 180, "");
	// The called side said nothing: it gets a UUID, and keeps it.
	char made[CALL_UUID_LEN + 1];
	snprintf(made, sizeof(made), "%s", id_of(f, "SIP/2.0 180"));
	assert_string_not_equal(made, NIL_UUID);
	assert_int_equal(made[12], '4');
	fixture_phone(f, &cancel);
	assert_string_equal(id_of(f, "CANCEL"), pair);
	assert_int_equal(strncmp(id_of(f, "SIP/2.0 487"), made, CALL_UUID_LEN), 0);
	assert_string_equal(id_of(f, "SIP/2.0 487") + CALL_UUID_LEN, ";remote=" ALICE_UUID);
	fixture_carrier(f, "INVITE", 487, "");
	assert_string_equal(id_of(f, "ACK"), pair);
	assert_int_equal(strncmp(f->ended.info.session_id, ALICE_UUID "/", CALL_UUID_LEN + 1), 0);
	assert_string_equal(f->ended.info.session_id + CALL_UUID_LEN + 1, made);
}

static void made_for_the_caller(void **state)
{
	static const char *const extras[] = { NULL, "Session-ID: " NIL_UUID "\r\n",
		"Session-ID: short\r\n", "Session-ID: " ALICE_UUID "0;remote=" NIL_UUID "\r\n",
		"Session-ID: AB30317f1a784dc48ff824d0d3715d86\r\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]); i++) {
		void *one;

		fixture_open(&one);
		begin(one, extras[i]);
		const char *id = id_of(one, "INVITE");
		assert_int_equal(strlen(id), 2 * CALL_UUID_LEN + strlen(";remote="));
		assert_int_not_equal(strncmp(id, NIL_UUID, CALL_UUID_LEN), 0);
		assert_int_not_equal(strncmp(id, ALICE_UUID, CALL_UUID_LEN), 0);
		fixture_close(&one);
	}
}

static void off_by_profile(void **state)
{
	struct fixture *f = *state;

	f->profiles[1].headers.is_session_id_off = true;
	begin(f, "Session-ID: " ALICE_UUID "\r\n");
	assert_string_equal(id_of(f, "INVITE"), "");
	fixture_carrier(f, "INVITE", 180, "");
	assert_string_not_equal(id_of(f, "SIP/2.0 180"), "");
}

static void learned(void **state)
{
	struct fixture *f = *state;
	struct call call = { .core = f->core };

	params_parse("SIP/2.0 180 x", "<sip:a@x>;tag=1", "Session-ID: " BOB_UUID "\r\n");
	session_id_learn(&call, &f->env, CALL_LEG_B, &params_msg);
	assert_memory_equal(call.legs[CALL_LEG_B].uuid, BOB_UUID, CALL_UUID_LEN);
	// Silence changes nothing; another one (a transfer) does.
	params_parse("SIP/2.0 200 x", "<sip:a@x>;tag=1", "");
	session_id_learn(&call, &f->env, CALL_LEG_B, &params_msg);
	assert_memory_equal(call.legs[CALL_LEG_B].uuid, BOB_UUID, CALL_UUID_LEN);
	params_parse("SIP/2.0 200 x", "<sip:a@x>;tag=1", "Session-ID: " ALICE_UUID "\r\n");
	session_id_learn(&call, &f->env, CALL_LEG_B, &params_msg);
	assert_memory_equal(call.legs[CALL_LEG_B].uuid, ALICE_UUID, CALL_UUID_LEN);
	// 100 Trying comes from the next hop, not from the end.
	params_parse("SIP/2.0 100 x", "<sip:a@x>;tag=1", "");
	session_id_learn(&call, &f->env, CALL_LEG_A, &params_msg);
	assert_int_equal(call.legs[CALL_LEG_A].uuid[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(passed, fixture_open, fixture_close),
		cmocka_unit_test(made_for_the_caller),
		cmocka_unit_test_setup_teardown(off_by_profile, fixture_open, fixture_close),
		cmocka_unit_test_setup_teardown(learned, fixture_open, fixture_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// show recordings: ordered, running, done and failed ones; hostile files.
#include "files.h"

#include "capture.h"
#include "shm/recording.h"

static struct shm_recording_state *state_of(uint32_t slot)
{
	return &shm_recording_states(&files.media)[slot];
}

static void order(uint64_t token, uint32_t slot)
{
	struct recording_order wanted = { .call_token = token };
	assert_int_equal(recording_open(&files.signaling, &wanted), slot);
}

static void answer(uint32_t slot, uint64_t token, enum recording_status status, uint32_t error)
{
	struct shm_recording_state *s = state_of(slot);
	s->call_token = token;
	s->flags = RECORDING_DECRYPTED;
	s->status = status;
	s->error = error;
	s->packets = 12345;
	s->octets = 2000;
	s->lost_lane = 3;
	s->lost_file = 4;
	snprintf(s->path, sizeof(s->path), "/var/lib/x%u.pcapng", slot);
	s->serial = shm_recordings(&files.signaling)[slot].serial;
}

static void test_none(void **state)
{
	struct cli cli = files_cli();
	(void)state;
	assert_int_equal(capture_verb(show_recordings_run, &cli), CLI_OK);
	assert_string_equal(captured.out, "no recordings\n");
}

static void test_states(void **state)
{
	struct cli cli = files_cli();
	(void)state;
	order(0xa0, 0);
	order(0xa1, 1);
	order(0xa2, 2);
	order(0xa3, 3);
	answer(1, 0xa1, RECORDING_RUNNING, 0);
	answer(2, 0xa2, RECORDING_FAILED, ENOSPC);
	answer(3, 0xa3, RECORDING_DONE, 0);
	recording_close(&files.signaling, 3); // is told until the slot serves another
	assert_int_equal(capture_verb(show_recordings_run, &cli), CLI_OK);
	assert_non_null(strstr(captured.out, "\n00000000000000a0  waiting  as it came"));
	assert_non_null(strstr(captured.out,
		"\n00000000000000a1  running  decrypted     12.3k   2.0k     7  "
		"/var/lib/x1.pcapng  -\n"));
	assert_non_null(strstr(captured.out, "x2.pcapng  No space left on device\n"));
	assert_non_null(strstr(captured.out, "\n00000000000000a3  done "));
	json_t *value = capture_json(show_recordings_run, &cli, CLI_OK);
	assert_int_equal(json_array_size(json_at(value, "recordings")), 4);
	assert_true(json_is_true(json_at(value, "recordings.2.is_ordered")));
	assert_true(json_is_false(json_at(value, "recordings.3.is_ordered")));
	assert_int_equal(json_integer_value(json_at(value, "recordings.1.lost")), 7);
	json_decref(value);
}

static void test_hostile(void **state)
{
	struct cli cli = files_cli();
	(void)state;
	order(0xa0, 0);
	answer(0, 0xa0, (enum recording_status)77, 0);
	memset(state_of(0)->path, 0x1b, RECORDING_PATH_MAX);
	assert_int_equal(capture_verb(show_recordings_run, &cli), CLI_OK);
	assert_null(strchr(captured.out, 0x1b));
	assert_non_null(strstr(captured.out, "  ?  "));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_open, files_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_none),
		TEST(test_states),
		TEST(test_hostile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

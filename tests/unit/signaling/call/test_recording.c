// A call is recorded on request: its flows are marked, the order has its names, all of it ends with
// the call.
#include "call/recording.h"
#include "dialog.h"
#include "shm/recording.h"

#include <errno.h>

static uint64_t token_of(struct fixture *f)
{
	struct call_info info;
	uint32_t cursor = 0;

	core_run_timers(f->core, &f->env);
	assert_true(core_next_call(f->core, &cursor, &info));
	return info.token;
}

// Records in force whose slot + 1 is that.
static uint32_t marked(const struct fixture *f, uint16_t recording)
{
	uint32_t count = 0;

	for (uint32_t realm = 0; realm < 2; realm++)
		for (uint32_t port = 20000; port <= 20255; port++) {
			const struct flow_cfg *cfg =
				flow_lookup(&f->view, realm, (uint16_t)port);
			count += cfg && cfg->recording == recording;
		}
	return count;
}

static void start_and_stop(void **state)
{
	struct recording_order order = { .flags = RECORDING_DECRYPTED }, read;
	struct fixture *f = *state;
	struct dialog d;

	snprintf(order.name, sizeof(order.name), "mine");
	dialog_establish(&d, f, "", "");
	uint64_t token = token_of(f);
	assert_int_equal(marked(f, 1), 0);
	assert_int_equal(core_record_stop(f->core, token), -ENOENT);
	assert_int_equal(core_record_start(f->core, token + 2, &order), -ENOENT);
	assert_int_equal(core_record_start(f->core, 0, &order), -ENOENT);
	assert_int_equal(core_record_start(f->core, token, &order), 0);
	assert_int_equal(marked(f, 1), 4); // RTP and RTCP of both legs
	assert_int_equal(core_record_start(f->core, token, &order), -EEXIST);
	assert_true(recording_read(&f->signaling, 0, &read) != 0);
	assert_int_equal(read.call_token, token);
	assert_int_equal(read.flags, RECORDING_DECRYPTED);
	assert_string_equal(read.name, "mine");
	assert_true(strlen(read.call_id) > 0);
	assert_int_equal(core_record_stop(f->core, token), 0);
	assert_int_equal(marked(f, 1), 0);
	assert_int_equal(marked(f, 0), 4);
	assert_int_equal(recording_find(&f->signaling, token), -ENOENT);
	assert_int_equal(core_record_stop(f->core, token), -ENOENT);
}

// By the name of either leg; the BYE ends it, and the slot is free.
static void ends_with_the_call(void **state)
{
	struct recording_order order = { 0 };
	struct fixture *f = *state;
	struct dialog d;

	dialog_establish(&d, f, "", "");
	uint64_t token = token_of(f);
	assert_int_equal(core_record_start(f->core, token + 1, &order), 0);
	assert_int_equal(recording_find(&f->signaling, token), 0);
	dialog_phone(&d, "BYE", 20, "", "");
	assert_int_equal(fixture_flows(f), 0);
	assert_int_equal(recording_find(&f->signaling, token), -ENOENT);
	assert_int_equal(core_record_start(f->core, token, &order), -ENOENT);
}

static void refused(void **state)
{
	struct recording_order order = { 0 };
	struct fixture *f = *state;
	struct dialog d;

	dialog_establish(&d, f, "", "");
	uint64_t token = token_of(f);
	snprintf(order.name, sizeof(order.name), "../x");
	assert_int_equal(core_record_start(f->core, token, &order), -EINVAL);
	for (uint32_t i = 0; i < SHM_RECORDINGS_MAX; i++) {
		struct recording_order other = { .call_token = 1000 + i };
		assert_int_equal(recording_open(&f->signaling, &other), i);
	}
	order.name[0] = '\0';
	assert_int_equal(core_record_start(f->core, token, &order), -ENOSPC);
	assert_int_equal(marked(f, 0), 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(start_and_stop),
		TEST(ends_with_the_call),
		TEST(refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

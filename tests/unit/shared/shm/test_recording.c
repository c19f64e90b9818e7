// test_recording.c - orders to record: names, slots, who finds them again, what a start withdraws.
#include "shm/recording.h"
#include "base/span.h"
#include "fixture.h"

#define TEN	       "1234567890"
#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

static struct recording_order order_of(uint64_t token, const char *name)
{
	struct recording_order order = { .call_token = token, .flags = RECORDING_DECRYPTED };

	span_copy(span_str(name), order.name, sizeof(order.name));
	return order;
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		bool is_valid;
	} cases[] = {
		{ "", true },
		{ "call-7_b.pcapng", true },
		{ ".hidden", false },
		{ "..", false },
		{ "a/b", false },
		{ "/etc/passwd", false },
		{ "a b", false },
		{ "a\nb", false },
		{ "a\x7f", false },
		{ "\xc3\xa4", false },
		{ "$HOME", false },
		{ TEN TEN TEN TEN TEN TEN TEN TEN, true },
		{ TEN TEN TEN TEN TEN TEN TEN TEN "1", false },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		if (recording_name_is_valid(cases[i].name) != cases[i].is_valid)
			fail_msg("case %zu: \"%s\"", i, cases[i].name);
}

static void test_slots(void **state)
{
	struct fixture f = fixture_make(1, 1, 256);
	struct recording_order order, read;
	(void)state;
	for (uint32_t i = 0; i < SHM_RECORDINGS_MAX; i++) {
		order = order_of(100 + i, "x");
		assert_int_equal(recording_open(&f.signaling, &order), i);
		assert_int_equal(recording_open(&f.signaling, &order), -EEXIST);
	}
	order = order_of(7, "x");
	assert_int_equal(recording_open(&f.signaling, &order), -ENOSPC);
	uint64_t serial = recording_read(&f.signaling, 3, &read);
	assert_true(serial > 1);
	assert_int_equal(read.call_token, 103);
	assert_string_equal(read.name, "x");
	recording_close(&f.signaling, 3);
	assert_int_equal(recording_read(&f.signaling, 3, &read), 0);
	assert_int_equal(recording_find(&f.signaling, 103), -ENOENT);
	assert_int_equal(recording_open(&f.signaling, &order), 3);
	assert_int_equal(recording_find(&f.signaling, 7), 3);
	assert_true(recording_read(&f.signaling, 3, &read) > serial);
	order = order_of(8, "../x");
	assert_int_equal(recording_open(&f.signaling, &order), -EINVAL);
	fixture_end(&f);
}

// What a hostile writer left without an end is ended in the copy.
static void test_texts_end(void **state)
{
	struct fixture f = fixture_make(1, 1, 256);
	struct recording_order order = order_of(1, "x"), read;
	(void)state;
	assert_int_equal(recording_open(&f.signaling, &order), 0);
	memset(shm_recordings(&f.signaling)[0].order.name, 'a', RECORDING_NAME_MAX);
	memset(shm_recordings(&f.signaling)[0].order.call_id, 'b', RECORDING_CALL_MAX);
	assert_true(recording_read(&f.signaling, 0, &read) != 0);
	assert_int_equal(strlen(read.name), RECORDING_NAME_MAX - 1);
	assert_int_equal(strlen(read.call_id), RECORDING_CALL_MAX - 1);
	fixture_end(&f);
}

// The call of slot 0 has a port that says so, that of slot 1 is gone, slot 2 was being filled.
static void test_recover(void **state)
{
	struct fixture f = fixture_make(1, 1, 256);
	struct flow_writer *writer = writer_of(&f, 0, 1);
	struct recording_order order = order_of(1, "a");
	struct flow_pair pair;
	(void)state;
	assert_int_equal(recordings_recover(&f.signaling), 0);
	assert_int_equal(recording_open(&f.signaling, &order), 0);
	order = order_of(2, "b");
	assert_int_equal(recording_open(&f.signaling, &order), 1);
	atomic_store(&shm_recordings(&f.signaling)[2].serial, 1);
	struct flow_cfg cfg = { .kind = FLOW_RTP, .probation_packets = 1, .recording = 1 };
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	assert_int_equal(flow_publish(writer, &pair, 0, &cfg), 0);
	assert_int_equal(recordings_recover(&f.signaling), 2);
	assert_int_equal(recording_find(&f.signaling, 1), 0);
	assert_int_equal(recording_find(&f.signaling, 2), -ENOENT);
	assert_int_equal(atomic_load(&shm_recordings(&f.signaling)[2].serial), 0);
	flow_pair_retire(writer, &pair);
	assert_int_equal(recordings_recover(&f.signaling), 1);
	flow_writer_free(writer);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_texts_end),
		cmocka_unit_test(test_recover),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

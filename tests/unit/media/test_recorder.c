// test_recorder.c - from orders and records in the rings to files: begun, written, ended, failed.
#include "lane_run.h"
#include "pcapng_read.h"
#include "record_folder.h"
#include "recorder.h"
#include "tap.h"

#include "base/clock.h"

#include <errno.h>

#define TURN (60 * NS_PER_MS)

static struct shm_map signaling, media;
static struct lane_attachment attachment;
static struct recorder *recorder;
static uint64_t now_ns;

static int setup(void **state)
{
	struct shm_geometry geometry = { .addresses = 1, .flows = 256, .workers = 1, .lanes = 2 };
	(void)state;
	record_folder_make();
	assert_int_equal(shm_anonymous(&geometry, &signaling, &media), 0);
	attachment = (struct lane_attachment){ .signaling = &signaling, .media = &media };
	recorder = recorder_new(&record_config, 2);
	assert_non_null(recorder);
	recorder_attach(recorder, &attachment);
	now_ns = 100 * NS_PER_S;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	recorder_free(recorder);
	shm_close(&signaling);
	shm_close(&media);
	record_folder_remove();
	return 0;
}

static uint32_t turn(void)
{
	now_ns += TURN;
	return recorder_turn(recorder, now_ns);
}

static int order(uint64_t token, uint32_t flags, const char *name)
{
	struct recording_order wanted = { .call_token = token, .flags = flags };

	snprintf(wanted.name, sizeof(wanted.name), "%s", name);
	return recording_open(&signaling, &wanted);
}

static void post(uint32_t lane, uint64_t token, uint16_t slot, uint8_t leg, bool is_frame)
{
	struct tap_record *record =
		ring_reserve(recorder_ring(recorder, lane), sizeof(*record) + 20);

	assert_non_null(record);
	*record = (struct tap_record){ .call_token = token, .now_ns = now_ns,
		.source = { ip_from_v4(0xc0000201), 4000 }, .to = { ip_from_v4(0xc0000202), 20000 },
		.recording = slot, .len = 20, .leg = leg, .is_frame = is_frame };
	memset(record->data, 'v', 20);
	ring_commit(recorder_ring(recorder, lane), sizeof(*record) + 20);
}

static struct shm_recording_state *state_of(uint32_t slot)
{
	return &shm_recording_states(&media)[slot];
}

// Packets of each leg in the file, and whether all carry the comment of the call.
static void read_file(uint32_t slot, uint32_t legs[2], uint32_t *packet_len)
{
	uint32_t len = record_read(state_of(slot)->path), at = 0;

	legs[0] = legs[1] = 0;
	while (at < len) {
		struct read_block block = read_block(record_bytes + at, len - at);

		at += block.bytes;
		if (block.type != READ_PACKET)
			continue;
		struct read_packet packet = read_packet(&block);
		char wanted[64];
		snprintf(wanted, sizeof(wanted), "call=%016x leg=%c", 0xab + slot,
			packet.interface ? 'b' : 'a');
		assert_string_equal(packet.comment, wanted);
		uint64_t age_ns = clock_unix_ns() - packet.unix_ns + (now_ns - clock_mono_ns());
		assert_true(age_ns < 60 * NS_PER_S || -age_ns < 60 * NS_PER_S);
		legs[packet.interface]++;
		*packet_len = packet.len;
	}
	assert_int_equal(at, len);
}

static void test_two_calls(void **state)
{
	uint32_t legs[2], len;
	(void)state;
	assert_int_equal(order(0xab, 0, "raw"), 0);
	assert_int_equal(order(0xac, RECORDING_DECRYPTED, "clear"), 1);
	turn();
	assert_int_equal(atomic_load(&state_of(0)->status), RECORDING_RUNNING);
	for (uint32_t i = 0; i < 10; i++) {
		post(0, 0xab, 0, i & 1, true);
		post(1, 0xac, 1, 0, false);
		post(1, 0xdead, 1, 0, false); // of a call that had the slot before
	}
	assert_int_equal(turn(), 30);
	assert_int_equal(metric_read(&state_of(0)->packets), 10);
	assert_int_equal(metric_read(&state_of(1)->packets), 10);
	recording_close(&signaling, 0);
	turn();
	post(0, 0xab, 0, 0, true); // was on its way
	assert_int_equal(recorder_turn(recorder, now_ns), 1);
	turn();
	assert_int_equal(atomic_load(&state_of(0)->status), RECORDING_DONE);
	read_file(0, legs, &len);
	assert_int_equal(legs[0], 6);
	assert_int_equal(legs[1], 5);
	assert_int_equal(len, 20);
	assert_true(metric_read(&state_of(0)->octets) > 11 * 20);
	// The other one goes on, and ends with the process.
	assert_int_equal(atomic_load(&state_of(1)->status), RECORDING_RUNNING);
	recorder_attach(recorder, NULL);
	turn();
	assert_int_equal(atomic_load(&state_of(1)->status), RECORDING_DONE);
	read_file(1, legs, &len);
	assert_int_equal(legs[0], 10);
	assert_int_equal(len, 28 + 20); // with headers of its own
}

// One slot after the other call, while lanes still send of the first.
static void test_slot_again(void **state)
{
	(void)state;
	assert_int_equal(order(0xab, 0, "one"), 0);
	turn();
	uint64_t serial = metric_read(&state_of(0)->serial);
	recording_close(&signaling, 0);
	assert_int_equal(order(0xaf, 0, "two"), 0);
	turn();
	turn();
	assert_true(metric_read(&state_of(0)->serial) > serial);
	assert_non_null(strstr(state_of(0)->path, "/two.pcapng"));
	post(0, 0xab, 0, 0, true);
	turn();
	assert_int_equal(metric_read(&state_of(0)->packets), 0);
	assert_int_equal(metric_read(&state_of(0)->lost_file), 0);
}

static void test_failures(void **state)
{
	(void)state;
	assert_int_equal(order(0xab, 0, "same"), 0);
	assert_int_equal(order(0xac, 0, "same"), 1);
	turn();
	assert_int_equal(atomic_load(&state_of(0)->status), RECORDING_RUNNING);
	assert_int_equal(atomic_load(&state_of(1)->status), RECORDING_FAILED);
	assert_int_equal(atomic_load(&state_of(1)->error), EEXIST);
	post(0, 0xac, 1, 0, true);
	turn();
	assert_int_equal(metric_read(&state_of(1)->lost_file), 1);
	// A name that signaling would never have written there.
	snprintf(shm_recordings(&signaling)[2].order.name, RECORDING_NAME_MAX, "../x");
	atomic_store(&shm_recordings(&signaling)[2].serial, 99);
	turn();
	assert_int_equal(atomic_load(&state_of(2)->status), RECORDING_FAILED);
	assert_int_equal(atomic_load(&state_of(2)->error), EINVAL);
}

static void test_grown_too_large(void **state)
{
	(void)state;
	record_config.file_max = 70000;
	assert_int_equal(order(0xab, 0, "large"), 0);
	turn();
	for (uint32_t i = 0; i < 900; i++)
		post(0, 0xab, 0, 0, true);
	turn();
	assert_int_equal(atomic_load(&state_of(0)->status), RECORDING_FAILED);
	assert_int_equal(atomic_load(&state_of(0)->error), 0);
	uint64_t written = metric_read(&state_of(0)->packets);
	assert_true(written > 500);
	assert_int_equal(metric_read(&state_of(0)->lost_file), 900 - written);
	recording_close(&signaling, 0);
	turn();
	turn();
	assert_int_equal(atomic_load(&state_of(0)->status), RECORDING_FAILED);
}

// With its thread: begins and ends by itself.
static void test_thread(void **state)
{
	uint64_t until_ns = clock_mono_ns() + 10 * NS_PER_S;
	(void)state;
	assert_int_equal(order(0xab, 0, "thread"), 0);
	assert_int_equal(recorder_start(recorder), 0);
	while (atomic_load(&state_of(0)->status) != RECORDING_RUNNING &&
		clock_mono_ns() < until_ns)
		usleep(1000);
	assert_int_equal(atomic_load(&state_of(0)->status), RECORDING_RUNNING);
	recorder_attach(recorder, NULL);
	assert_int_equal(atomic_load(&state_of(0)->status), RECORDING_DONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_two_calls),
		TEST(test_slot_again),
		TEST(test_failures),
		TEST(test_grown_too_large),
		TEST(test_thread),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

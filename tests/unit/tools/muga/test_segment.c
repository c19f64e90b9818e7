// The tool's view of the segment: what a call left there, and what hostile bytes become.
#include "files.h"

#include "capture.h"

static struct segment segment;

static int open_it(const struct cli *cli)
{
	return segment_open(cli->shm_dir, &segment);
}

static void test_flows(void **state)
{
	struct cli cli = files_cli();
	struct segment_flow flow;
	uint32_t cursor = 0, count = 0;
	(void)state;
	files_count();
	assert_int_equal(capture_verb(open_it, &cli), CLI_OK);
	assert_true(segment.has_media);
	while (segment_next(&segment, &cursor, &flow)) {
		const struct flow_pair *leg = &files.legs[flow.cfg.call_leg];
		assert_int_equal(flow.cfg.call_token, 0xfeed);
		assert_int_equal(flow.cfg.port & ~1u, leg->port);
		assert_string_equal(flow.address.realm, flow.cfg.call_leg ? "core" : "access");
		// Media has touched leg A's RTP port alone.
		assert_int_equal(flow.has_stats, flow.cfg.call_leg == 0 &&
			flow.cfg.kind == FLOW_RTP);
		count++;
	}
	assert_int_equal(count, 4);
	assert_false(segment_next(&segment, &cursor, &flow));
	segment_close(&segment);
}

static void test_statistics(void **state)
{
	struct cli cli = files_cli();
	struct segment_flow flow;
	uint32_t cursor = 0;
	(void)state;
	files_count();
	assert_int_equal(capture_verb(open_it, &cli), CLI_OK);
	assert_true(segment_next(&segment, &cursor, &flow));
	const struct segment_stats *s = &flow.stats;
	assert_true(flow.has_stats);
	assert_int_equal(s->packets, 100);
	assert_int_equal(s->forwarded, 99);
	assert_int_equal(s->rtcp_packets, 3);
	assert_int_equal(s->dropped, 4 + 5 + 6);
	assert_int_equal(s->lost, 10); // 110 numbers, over the wrap
	assert_int_equal(s->expected, 110);
	assert_true(s->jitter_ms > 4.99 && s->jitter_ms < 5.01);
	assert_in_range(s->age_ms, 2000, 12000);
	assert_int_equal(s->latch.port, 4010);
	assert_int_equal(s->latch.phase, FLOW_LATCH_LOCKED);
	segment_close(&segment);
}

// Another call's state under the same number is nobody's statistics.
static void test_foreign_state(void **state)
{
	struct cli cli = files_cli();
	struct segment_flow flow;
	uint32_t cursor = 0;
	(void)state;
	files_count();
	shm_flow_state(&files.media)[files.legs[0].state_index[0]].incarnation++;
	assert_int_equal(capture_verb(open_it, &cli), CLI_OK);
	assert_true(segment_next(&segment, &cursor, &flow));
	assert_false(flow.has_stats);
	assert_int_equal(flow.stats.packets, 0);
	segment_close(&segment);
}

static void test_ports(void **state)
{
	struct cli cli = files_cli();
	struct segment_ports ports;
	(void)state;
	assert_int_equal(capture_verb(open_it, &cli), CLI_OK);
	segment_count_ports(&segment, 0, 5000, &ports);
	assert_int_equal(ports.total, 256);
	assert_int_equal(ports.used, 2);
	assert_int_equal(ports.total, ports.used + ports.resting + ports.free);
	segment_count_ports(&segment, 1, 5000, &ports);
	assert_int_equal(ports.total, 512);
	segment_count_ports(&segment, 2, 5000, &ports);
	assert_int_equal(ports.total, 0);
	flow_pair_retire(files.writer, &files.legs[0]);
	segment_count_ports(&segment, 0, 5000, &ports);
	assert_int_equal(ports.used, 0);
	assert_int_equal(ports.resting, 2);
	segment_close(&segment);
}

static void test_counters(void **state)
{
	struct cli cli = files_cli();
	char name[SHM_NAME_MAX];
	(void)state;
	files_count();
	assert_int_equal(capture_verb(open_it, &cli), CLI_OK);
	assert_int_equal(segment_counter_count(&segment), 4);
	assert_int_equal(segment_lane_count(&segment), 2);
	segment_counter_name(&segment, 2, name);
	assert_string_equal(name, "drop_source");
	segment_counter_name(&segment, 4, name);
	assert_string_equal(name, "");
	assert_int_equal(segment_counter(&segment, 1, 0), 1000);
	assert_int_equal(segment_counter(&segment, 0, 0), 0);
	assert_int_equal(segment_counter(&segment, 2, 0), 0);
	assert_int_equal(segment_counter(&segment, 1, 4), 0);
	segment_close(&segment);
}

// Numbers beyond every array, names without an end.
static void test_hostile_numbers(void **state)
{
	struct cli cli = files_cli();
	struct shm_address address;
	struct segment_ports ports;
	struct segment_flow flow;
	char name[SHM_NAME_MAX];
	uint32_t cursor = 0, count = 0;
	(void)state;
	files_count();
	struct shm_address *first = shm_addresses(&files.signaling);
	memset(first->realm, 'r', sizeof(first->realm));
	memset(first->device, 'd', sizeof(first->device));
	first->port_min = 5;
	first->port_max = 4;
	*shm_address_count(&files.signaling) = UINT32_MAX;
	struct shm_counters *counters = shm_counters(&files.media);
	memset(counters->names, 'n', sizeof(counters->names));
	counters->count = UINT32_MAX;
	counters->lanes = UINT32_MAX;
	for (uint32_t port = 0; port < 1000; port++)
		shm_index(&files.signaling, 1)[port] = port * 7919;
	assert_int_equal(capture_verb(open_it, &cli), CLI_OK);
	assert_int_equal(segment_address_count(&segment), 2);
	assert_true(segment_address(&segment, 0, &address));
	assert_int_equal(strlen(address.realm), SHM_NAME_MAX - 1);
	assert_int_equal(strlen(address.device), SHM_NAME_MAX - 1);
	segment_count_ports(&segment, 0, 5000, &ports);
	assert_int_equal(ports.total, 0);
	assert_int_equal(segment_counter_count(&segment), SHM_COUNTERS_MAX);
	assert_int_equal(segment_lane_count(&segment), SHM_LANE_MAX);
	segment_counter_name(&segment, SHM_COUNTERS_MAX - 1, name);
	assert_int_equal(strlen(name), SHM_NAME_MAX - 1);
	while (segment_next(&segment, &cursor, &flow))
		count++;
	assert_int_equal(count, 4); // records that are none are not believed
	segment_close(&segment);
}

static void test_refused_files(void **state)
{
	static const uint64_t foreign = 0x1122334455667788ull;
	struct cli cli = files_cli();
	struct stat st;
	(void)state;
	files_orphan();
	assert_int_equal(stat(files_path("media.seg"), &st), 0);
	// Media's file may be missing or broken, signaling's may not.
	files_scribble("media.seg", 0, &foreign, sizeof(foreign));
	assert_int_equal(capture_verb(open_it, &cli), CLI_OK);
	assert_false(segment.has_media);
	assert_int_equal(segment_counter_count(&segment), 0);
	assert_int_equal(segment_lane_count(&segment), 0);
	assert_int_equal(segment_counter(&segment, 0, 0), 0);
	segment_close(&segment);
	unlink(files_path("media.seg"));
	assert_int_equal(capture_verb(open_it, &cli), CLI_OK);
	assert_int_equal(segment.media_error, -ENOENT);
	segment_close(&segment);
	files_scribble("signaling.seg", 0, &foreign, sizeof(foreign));
	assert_int_equal(capture_verb(open_it, &cli), CLI_FAILED);
	assert_non_null(strstr(captured.err, "signaling.seg: not a segment file of this version"));
	assert_int_equal(truncate(files_path("signaling.seg"), 10), 0);
	assert_int_equal(capture_verb(open_it, &cli), CLI_FAILED);
	unlink(files_path("signaling.seg"));
	assert_int_equal(mkfifo(files_path("signaling.seg"), 0600), 0);
	assert_int_equal(capture_verb(open_it, &cli), CLI_FAILED); // and does not wait for a writer
	unlink(files_path("signaling.seg"));
	assert_int_equal(capture_verb(open_it, &cli), CLI_FAILED);
	assert_non_null(strstr(captured.err, "signaling.seg: there is none"));
}

int main(void)
{
#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, files_open, files_close)
	const struct CMUnitTest tests[] = {
		WITH_FILES(test_flows),
		WITH_FILES(test_statistics),
		WITH_FILES(test_foreign_state),
		WITH_FILES(test_ports),
		WITH_FILES(test_counters),
		WITH_FILES(test_hostile_numbers),
		WITH_FILES(test_refused_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

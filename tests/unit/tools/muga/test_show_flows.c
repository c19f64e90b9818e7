// show flows: those of a call, and what came by them.
#include "files.h"

#include "capture.h"
#include "shm/flow_report.h"

static void test_text(void **state)
{
	struct cli cli = files_cli();
	(void)state;
	files_count();
	assert_int_equal(capture_verb(show_flows_run, &cli), CLI_OK);
	assert_int_equal(strncmp(captured.out, "CALL               REALM   KIND  LOCAL", 38), 0);
	assert_non_null(strstr(captured.out, "\n000000000000feeda  access  rtp   127.0.0.1:"));
	assert_non_null(strstr(captured.out, "\n000000000000feedb  core    rtcp  127.0.0.2:"));
	assert_non_null(strstr(captured.out,
		"  198.51.100.1:4000  198.51.100.7:4010  locked      103       99       15"
		"  9.1%        5.0  2.0 s\n"));
}

static void test_json(void **state)
{
	struct cli cli = files_cli();
	(void)state;
	files_count();
	json_t *value = capture_json(show_flows_run, &cli, CLI_OK);
	assert_int_equal(json_array_size(json_at(value, "flows")), 4);
	assert_string_equal(json_string_value(json_at(value, "flows.0.call")), "000000000000feed");
	assert_string_equal(json_string_value(json_at(value, "flows.0.leg")), "a");
	assert_string_equal(json_string_value(json_at(value, "flows.1.kind")), "rtcp");
	assert_string_equal(json_string_value(json_at(value, "flows.0.stats.latch")), "locked");
	assert_int_equal(json_integer_value(json_at(value, "flows.0.stats.lost")), 10);
	assert_int_equal(json_integer_value(json_at(value, "flows.0.stats.ssrc")), 0xabcdef01);
	assert_true(json_is_null(json_at(value, "flows.1.stats")));
	assert_true(json_is_null(json_at(value, "flows.0.stats.far_end")));
	json_decref(value);
}

// What the far end says by RTCP, and its telephone events.
static void test_far_end(void **state)
{
	struct cli cli = files_cli();
	(void)state;
	files_count();
	uint32_t index = files.legs[0].state_index[0];
	struct flow_report *report = &shm_flow_reports(&files.media)[index];
	flow_report_reset(report, files.legs[0].incarnation);
	atomic_store(&report->reports, 3);
	atomic_store(&report->round_trip_us, 41500);
	flow_report_add_event(report, (struct flow_event){ 5, 100 });
	atomic_store(&shm_flow_state(&files.media)[index].remote_fraction, 64);
	atomic_store(&shm_flow_state(&files.media)[index].remote_jitter, 80);
	json_t *value = capture_json(show_flows_run, &cli, CLI_OK);
	json_t *far = json_at(value, "flows.0.stats.far_end");
	assert_int_equal(json_integer_value(json_object_get(far, "reports")), 3);
	assert_true(json_real_value(json_object_get(far, "round_trip_ms")) == 41.5);
	assert_true(json_real_value(json_object_get(far, "loss")) == 0.25);
	assert_true(json_real_value(json_object_get(far, "jitter_ms")) == 10.0);
	assert_int_equal(json_integer_value(json_at(value, "flows.0.stats.events")), 1);
	json_decref(value);
	flow_report_reset(report, 77); // of another call
	value = capture_json(show_flows_run, &cli, CLI_OK);
	assert_true(json_is_null(json_at(value, "flows.0.stats.far_end")));
	json_decref(value);
}

// Names that are no UTF-8, kinds that do not exist.
static void test_hostile(void **state)
{
	struct cli cli = files_cli();
	(void)state;
	files_count();
	memset(shm_addresses(&files.signaling)[0].realm, 0xff, SHM_NAME_MAX);
	struct flow_cfg *cfg = &shm_flow_cfg(&files.signaling)[files.legs[0].cfg_slot[0]];
	cfg->peer_address = 9999;
	cfg->checksum = flow_checksum(cfg);
	struct flow_state *states = shm_flow_state(&files.media);
	states[files.legs[0].state_index[0]].latch[1].phase = 200;
	assert_int_equal(capture_verb(show_flows_run, &cli), CLI_OK);
	assert_null(strchr(captured.out, 0x1b));
	assert_null(strchr(captured.out, '\xff'));
	json_t *value = capture_json(show_flows_run, &cli, CLI_OK);
	assert_true(json_array_size(json_at(value, "flows")) >= 3);
	assert_true(json_is_null(json_at(value, "flows.0.realm")));
	json_decref(value);
}

static void test_without_media(void **state)
{
	struct cli cli = files_cli();
	(void)state;
	flow_pair_retire(files.writer, &files.legs[0]);
	flow_pair_retire(files.writer, &files.legs[1]);
	files_orphan();
	unlink(files_path("media.seg"));
	assert_int_equal(capture_verb(show_flows_run, &cli), CLI_OK);
	assert_string_equal(captured.out, "no flows\n");
	unlink(files_path("signaling.seg"));
	assert_int_equal(capture_verb(show_flows_run, &cli), CLI_FAILED);
	assert_string_equal(captured.out, "");
}

int main(void)
{
#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, files_open, files_close)
	const struct CMUnitTest tests[] = {
		WITH_FILES(test_text),
		WITH_FILES(test_json),
		WITH_FILES(test_far_end),
		WITH_FILES(test_hostile),
		WITH_FILES(test_without_media),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

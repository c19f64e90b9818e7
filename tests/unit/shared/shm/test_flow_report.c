// test_flow_report.c - events from media to signaling, tones the other way: in order, bounded, of
// the right incarnation.
#include "shm/flow_report.h"
#include "fixture.h"

static struct fixture f;
static struct flow_writer *writer;
static struct flow_pair pair;
static struct flow_report *report;

static int setup(void **state)
{
	(void)state;
	f = fixture_make(1, 1, 256);
	writer = writer_of(&f, 0, 1);
	struct flow_cfg cfg = { .kind = FLOW_RTP, .probation_packets = 1 };
	assert_int_equal(flow_pair_reserve(writer, 0, -1, &pair), 0);
	assert_int_equal(flow_publish(writer, &pair, 0, &cfg), 0);
	report = &shm_flow_reports(&f.media)[pair.state_index[0]];
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	flow_writer_free(writer);
	fixture_end(&f);
	return 0;
}

static void test_report_is_of_its_incarnation(void **state)
{
	(void)state;
	assert_null(flow_report_of(writer, &pair));
	flow_report_reset(report, pair.incarnation);
	assert_ptr_equal(flow_report_of(writer, &pair), report);
	flow_report_reset(report, pair.incarnation + 1);
	assert_null(flow_report_of(writer, &pair));
}

static void test_events_in_order(void **state)
{
	struct flow_event event;
	uint32_t seen = 0, missed = 0;
	(void)state;
	flow_report_reset(report, pair.incarnation);
	assert_false(flow_event_next(report, &seen, &event, &missed));
	for (uint8_t i = 0; i < 3; i++)
		flow_report_add_event(report, (struct flow_event){ i, (uint16_t)(100 + i) });
	for (uint8_t i = 0; i < 3; i++) {
		assert_true(flow_event_next(report, &seen, &event, &missed));
		assert_int_equal(event.code, i);
		assert_int_equal(event.duration_ms, 100 + i);
	}
	assert_false(flow_event_next(report, &seen, &event, &missed));
	assert_int_equal(missed, 0);
	// More than are remembered: the newest ones are told.
	for (uint8_t i = 0; i < FLOW_EVENT_LOG + 5; i++)
		flow_report_add_event(report, (struct flow_event){ i, 60000 });
	assert_true(flow_event_next(report, &seen, &event, &missed));
	assert_int_equal(event.code, 5);
	assert_int_equal(event.duration_ms, 60000);
	assert_int_equal(missed, 5);
	// Another process's file: what it counts is where to go on from.
	flow_report_reset(report, pair.incarnation);
	assert_false(flow_event_next(report, &seen, &event, &missed));
	assert_int_equal(seen, 0);
}

static void test_tones(void **state)
{
	const struct flow_tones *tones = &shm_flow_tones(&f.signaling)[pair.state_index[0]];
	struct flow_event event;
	(void)state;
	assert_false(flow_tone_next(tones, pair.incarnation, 0, &event));
	for (uint8_t i = 0; i < FLOW_TONES_MAX; i++)
		assert_int_equal(
			flow_pair_play(writer, &pair, (struct flow_event){ i, 250 }), 0);
	assert_int_equal(flow_pair_play(writer, &pair, (struct flow_event){ 9, 250 }), -EAGAIN);
	assert_false(flow_tone_next(tones, pair.incarnation + 1, 0, &event));
	assert_true(flow_tone_next(tones, pair.incarnation, 0, &event));
	assert_int_equal(event.code, 0);
	assert_int_equal(event.duration_ms, 250);
	// Media has played three of them.
	flow_report_reset(report, pair.incarnation);
	atomic_store(&report->tones_done, 3);
	assert_true(flow_tone_next(tones, pair.incarnation, 3, &event));
	assert_int_equal(event.code, 3);
	for (uint8_t i = 0; i < 3; i++)
		assert_int_equal(
			flow_pair_play(writer, &pair, (struct flow_event){ i, 250 }), 0);
	assert_int_equal(flow_pair_play(writer, &pair, (struct flow_event){ 9, 250 }), -EAGAIN);
	// A reader that is ahead, or far behind, gets nothing.
	assert_false(flow_tone_next(tones, pair.incarnation, 11, &event));
	assert_false(flow_tone_next(tones, pair.incarnation, 12, &event));
	assert_false(flow_tone_next(tones, pair.incarnation, 1, &event));
}

static void test_without_media(void **state)
{
	(void)state;
	flow_writer_set_media(writer, NULL);
	assert_null(flow_report_of(writer, &pair));
	assert_int_equal(flow_pair_play(writer, &pair, (struct flow_event){ 1, 100 }), -ENODEV);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_report_is_of_its_incarnation),
		TEST(test_events_in_order),
		TEST(test_tones),
		TEST(test_without_media),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// test_tap.c - what a lane does beside forwarding: copies for the recorder, telephone events read
// once and kept from who gets them otherwise, tones in the place of voice and in silence.
#include "tap_bed.h"

#include "stream.h"

static void record_raw(struct flow_cfg *a)
{
	struct recording_order order = { .call_token = 0xfeed };
	a->recording = (uint16_t)(recording_open(&tap_signaling, &order) + 1);
}

static void record_decrypted(struct flow_cfg *a)
{
	struct recording_order order = { .call_token = 0xfeed, .flags = RECORDING_DECRYPTED };
	a->recording = (uint16_t)(recording_open(&tap_signaling, &order) + 1);
}

static const struct tap_record *next_record(void)
{
	uint32_t len;
	const struct tap_record *record = ring_peek(tap_lane.ring, &len);
	if (record)
		assert_int_equal(len, sizeof(*record) + record->len);
	return record;
}

static void test_as_it_came(void **state)
{
	struct rtp_frame frame = frame_of_a(1);
	uint8_t before[FRAME];
	(void)state;
	tap_call(record_raw);
	frame_put(0, &frame, FRAME - 42);
	memcpy(before, rte_pktmbuf_mtod(&bed.mbufs[0].mbuf, uint8_t *), FRAME);
	assert_int_equal(frame_run(&frame), DROP_NONE);
	const struct tap_record *record = next_record();
	assert_non_null(record);
	assert_true(record->is_frame);
	assert_int_equal(record->len, FRAME);
	assert_memory_equal(record->data, before, FRAME); // not what left
	assert_int_equal(record->call_token, 0xfeed);
	assert_int_equal(record->leg, 0);
	assert_int_equal(record->now_ns, frame.at_ns);
	assert_int_equal(metric_read(&bed.lane.counters.recorded), 1);
	ring_release(tap_lane.ring);
	// Who has no business there is recorded as well: it came.
	frame.from_port = 9;
	frame.from = FAR_B;
	assert_int_not_equal(frame_run(&frame), DROP_NONE);
	assert_non_null(next_record());
}

static void test_decrypted(void **state)
{
	struct rtp_frame frame = frame_of_a(1);
	(void)state;
	tap_call(record_decrypted);
	assert_int_equal(frame_run(&frame), DROP_NONE);
	const struct tap_record *record = next_record();
	assert_non_null(record);
	assert_false(record->is_frame);
	assert_int_equal(record->len, FRAME - 42);
	assert_int_equal(rtp_ssrc(record->data), 7);
	assert_int_equal(record->source.port, RTP_A);
	assert_int_equal(record->to.port, PORT);
	struct ip own = ip_from_v4(OWN_A), far = ip_from_v4(FAR_A);
	assert_true(ip_eq(&record->to.ip, &own));
	assert_true(ip_eq(&record->source.ip, &far));
	ring_release(tap_lane.ring);
	frame.from_port = 9;
	frame.from = FAR_B;
	assert_int_not_equal(frame_run(&frame), DROP_NONE);
	assert_null(next_record()); // only what was accepted
}

// A writer that is stuck costs packets of the recording, and none of the call.
static void test_full_ring(void **state)
{
	uint32_t lost = 0;
	(void)state;
	tap_call(record_raw);
	for (uint16_t i = 1; i <= 600; i++) {
		struct rtp_frame frame = frame_of_a(i);
		assert_int_equal(frame_run(&frame), DROP_NONE);
	}
	lost = (uint32_t)metric_read(&bed.lane.counters.recording_lost);
	assert_true(lost > 300 && lost < 450);
	assert_int_equal(metric_read(&tap_lane.states[0].lost_lane), lost);
	assert_int_equal(metric_read(&bed.lane.counters.recorded), 600 - lost);
	assert_int_equal(metric_read(&bed_state(0, PORT)->forwarded), 600);
}

// The order is gone, or the slot is out of range: nothing is copied.
static void test_no_order(void **state)
{
	struct rtp_frame frame = frame_of_a(1);
	struct flow_cfg a = leg(0, PORT);
	(void)state;
	tap_call(NULL);
	a.recording = 5;
	bed_flow(&a);
	assert_int_equal(frame_run(&frame), DROP_NONE);
	assert_null(next_record());
	assert_false(bed.headers[bed.index[PORT]].flags & READY_ASIDE);
	a.recording = SHM_RECORDINGS_MAX + 1;
	bed_flow(&a);
	assert_int_equal(frame_run(&frame), DROP_BAD_FLOW);
}

static void voice(uint16_t sequence)
{
	struct rtp_frame frame = frame_of_a(sequence);
	assert_int_equal(frame_run(&frame), DROP_NONE);
}

static void tell(struct flow_cfg *a)
{
	a->event_flags = FLOW_EVENT_TELL;
}

static void keep(struct flow_cfg *a)
{
	a->event_flags = FLOW_EVENT_TELL | FLOW_EVENT_KEEP;
}

// 5 packets of key 5, 100 ms, and its end three times.
static enum drop_reason press(uint16_t sequence)
{
	enum drop_reason reason = DROP_NONE;
	uint32_t timestamp = sequence * PAYLOAD;

	for (uint16_t i = 0; i < 7; i++) {
		uint16_t duration = (uint16_t)((i < 5 ? i + 1 : 5) * PAYLOAD);
		const uint8_t body[4] = { 5, i >= 4 ? 0x8a : 0x0a, (uint8_t)(duration >> 8),
			(uint8_t)duration };
		reason = tap_event((uint16_t)(sequence + i), timestamp, body);
	}
	return reason;
}

static void test_event_is_told_once(void **state)
{
	struct flow_event event;
	uint32_t seen = 0, missed = 0;
	(void)state;
	tap_call(tell);
	voice(1);
	bed.lane.event_count = 0;
	assert_int_equal(press(2), DROP_NONE);
	assert_int_equal(bed.lane.event_count, 1);
	assert_int_equal(bed.lane.events[0].hint.kind, HINT_EVENT);
	assert_int_equal(bed.lane.events[0].hint.port, PORT);
	voice(9);
	voice(10);
	assert_true(flow_event_next(tap_report(0), &seen, &event, &missed));
	assert_int_equal(event.code, 5);
	assert_int_equal(event.duration_ms, 100);
	assert_false(flow_event_next(tap_report(0), &seen, &event, &missed));
	assert_int_equal(metric_read(&bed.lane.counters.events_read), 1);
	assert_int_equal(metric_read(&bed_state(0, PORT)->forwarded), 10);
	assert_int_equal(stream_get(&bed_state(0, PORT)->jitter_x16), 0);
	assert_int_equal(stream_get(&bed_state(0, PORT)->payload_type), 8);
}

// Its ends are lost: voice that goes on tells, though it is nothing special to latch otherwise.
static void test_lost_ends(void **state)
{
	const uint8_t body[4] = { 7, 10, 0, PAYLOAD };
	(void)state;
	tap_call(NULL);
	voice(1);
	assert_int_equal(tap_event(2, 2 * PAYLOAD, body), DROP_NONE);
	for (uint16_t i = 3; i <= 5; i++)
		voice(i);
	assert_int_equal(metric_read(&bed.lane.counters.events_read), 0);
	voice(6);
	assert_int_equal(metric_read(&bed.lane.counters.events_read), 1);
	voice(7);
	assert_int_equal(metric_read(&bed.lane.counters.events_read), 1);
}

// The far end gets keys by INFO: no packet of them, and no gap in what is left.
static void test_kept(void **state)
{
	uint32_t len;
	(void)state;
	tap_call(keep);
	voice(1);
	assert_int_equal(press(2), DROP_EVENT_KEPT);
	voice(9);
	const uint8_t *rtp = tap_sent(&len);
	assert_int_equal(len, 172);
	assert_int_equal(rtp_seq(rtp), 2);
	assert_int_equal(rtp_timestamp(rtp), 9 * PAYLOAD);
	assert_int_equal(metric_read(&bed_state(0, PORT)->forwarded), 2);
	assert_int_equal(metric_read(&bed_state(0, PORT)->packets), 9);
	assert_int_equal(metric_read(&bed.lane.counters.events_read), 1);
}

// Without telephone events in the record, the payload type means nothing.
static void none(struct flow_cfg *a)
{
	a->event_type = 0;
}

static void test_not_agreed(void **state)
{
	(void)state;
	tap_call(none);
	voice(1);
	assert_int_equal(press(2), DROP_NONE);
	assert_int_equal(metric_read(&bed.lane.counters.events_read), 0);
}

static void ask_tone(uint8_t code, uint16_t duration_ms)
{
	uint32_t state = bed.cfg[bed.index[PORT]].state_index;
	struct flow_tones *tones = &shm_flow_tones(&tap_signaling)[state];
	uint32_t asked = atomic_load(&tones->asked);

	atomic_store(&tones->incarnation, BED_CALL);
	atomic_store(&tones->tone[asked % FLOW_TONES_MAX],
		flow_event_word((struct flow_event){ code, duration_ms }));
	atomic_store(&tones->asked, asked + 1);
	tap_hint(&bed.lane, 0, PORT);
}

static void test_tone_in_voice(void **state)
{
	uint32_t len, events = 0;
	(void)state;
	tap_call(NULL);
	for (uint16_t i = 1; i <= 60; i++) {
		if (i == 10) {
			ask_tone(1, 100);
			ask_tone(2, 60);
		}
		voice(i);
		tap_run(&bed.lane, START + i * 20 * MS);
		const uint8_t *rtp = tap_sent(&len);
		assert_int_equal(rtp_seq(rtp), i);
		if (rtp_payload_type(rtp) != EVENT_TYPE) {
			assert_int_equal(len, 172);
			continue;
		}
		events++;
		assert_int_equal(len, 16);
		assert_int_equal(rtp[12], events <= 7 ? 1 : 2);
		const uint8_t *udp = rtp - 8;
		uint64_t sum = sum_bytes(udp - 8, 8) + sum_be16(17) + sum_be16(24) +
			sum_bytes(udp, 24);
		assert_int_equal(sum_fold(sum), 0xffff);
	}
	assert_int_equal(events, 7 + 5);
	assert_int_equal(metric_read(&bed.lane.counters.tones_played), 2);
	assert_int_equal(stream_get(&tap_report(0)->tones_done), 2);
	assert_int_equal(tap_lane.playing_count, 0);
	// And the flow is a usual one again.
	voice(61);
	assert_false(bed.headers[bed.index[PORT]].flags & READY_ASIDE);
}

static void test_tone_in_silence(void **state)
{
	uint32_t len, events = 0;
	uint16_t last = 0;
	(void)state;
	tap_call(NULL);
	voice(1);
	ask_tone(16, 100);
	for (uint64_t ms = 21; ms < 600; ms++) {
		bed.ports[1].count = 0;
		tap_run(&bed.lane, START + ms * MS);
		if (bed.ports[1].count == 0)
			continue;
		const uint8_t *rtp = tap_sent(&len);
		events++;
		assert_int_equal(rtp_seq(rtp), 1 + events);
		assert_int_equal(rtp_ssrc(rtp), 7);
		assert_int_equal(rtp[12], 16);
		last = rtp_seq(rtp);
	}
	assert_int_equal(events, 7);
	assert_int_equal(metric_read(&bed.lane.counters.tones_played), 1);
	voice(2);
	assert_int_equal(rtp_seq(tap_sent(&len)), last + 1);
	// A new record of the call changes nothing in that.
	struct flow_cfg a = leg(0, PORT);
	a.event_type = EVENT_TYPE;
	a.event_rate = 8000;
	bed_flow(&a);
	voice(3);
	assert_int_equal(rtp_seq(tap_sent(&len)), last + 2);
}

// Hostile or stale: other lanes' ports, ports without flow, calls that ended while a tone waited.
static void test_tone_of_nobody(void **state)
{
	struct rtp_frame frame = frame_of_a(1);
	(void)state;
	tap_call(NULL);
	tap_hint(&bed.lane, 0, 40000);
	tap_hint(&bed.lane, BED_ADDRESSES, PORT);
	tap_hint(&bed.lane, 3, 1);
	assert_int_equal(tap_lane.playing_count, 0);
	ask_tone(1, 100);
	assert_int_equal(tap_lane.playing_count, 1);
	atomic_store(&bed.index[PORT], SHM_FLOW_NONE);
	tap_run(&bed.lane, START);
	assert_int_equal(tap_lane.playing_count, 0);
	assert_int_equal(frame_run(&frame), DROP_UNKNOWN_PORT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tap_bed, tap_bed_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_as_it_came),
		TEST(test_decrypted),
		TEST(test_full_ring),
		TEST(test_no_order),
		TEST(test_event_is_told_once),
		TEST(test_lost_ends),
		TEST(test_kept),
		TEST(test_not_agreed),
		TEST(test_tone_in_voice),
		TEST(test_tone_in_silence),
		TEST(test_tone_of_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

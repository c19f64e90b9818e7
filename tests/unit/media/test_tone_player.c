// test_tone_player.c - events played into a stream: what a receiver of RFC 4733 must find there,
// while the stream runs, while it is silent, and afterwards.
#include "tone_player.h"
#include "event_reader.h"
#include "unit/unit.h"

#define MS   1000000ull
#define RATE 8000u
#define TYPE 101u

struct heard {
	uint32_t packets, events, marked;
	struct flow_event event;
	uint16_t sequence;
	bool is_gap; // sequence numbers do not go on
	uint32_t timestamp;
	struct event_reader reader;
};

static void hear(struct heard *heard, const uint8_t *rtp, uint32_t len)
{
	struct rtp_view view;
	struct flow_event event;

	assert_true(rtp_parse(rtp, len, &view));
	if (heard->packets++ > 0)
		heard->is_gap |= view.seq != (uint16_t)(heard->sequence + 1);
	heard->sequence = view.seq;
	if (view.payload_type != TYPE) {
		assert_false(event_reader_pass(&heard->reader, &view, RATE, &event));
		return;
	}
	heard->marked += view.is_marked;
	heard->timestamp = view.timestamp;
	if (event_reader_take(&heard->reader, &view, rtp + view.payload_at, RATE, &event)) {
		heard->events++;
		heard->event = event;
	}
}

static uint32_t relay(
	struct tone_player *player, struct heard *heard, uint16_t seq, uint64_t now_ns)
{
	uint8_t rtp[172] = { 0 };
	struct rtp_header header = { .ssrc = 9, .timestamp = seq * 160u, .seq = seq,
		.payload_type = 8 };

	rtp_build(&header, rtp);
	enum tone_step step = tone_player_relay(player, rtp, now_ns);
	bool is_event = step == TONE_REPLACED || step == TONE_ENDED;
	hear(heard, rtp, is_event ? TONE_PACKET_BYTES : sizeof(rtp));
	return step;
}

// 250 ms into a stream of 20 ms packets.
static void test_running_stream(void **state)
{
	struct tone_player player = { 0 };
	struct heard heard = { 0 };
	uint32_t replaced = 0, ended = 0;
	(void)state;
	for (uint16_t i = 1; i <= 60; i++) {
		if (i == 20)
			tone_player_begin(&player, (struct flow_event){ 11, 250 }, TYPE, RATE);
		uint32_t step = relay(&player, &heard, i, i * 20 * MS);
		replaced += step == TONE_REPLACED || step == TONE_ENDED;
		ended += step == TONE_ENDED;
		if (i == 20)
			assert_int_equal(heard.timestamp, 20 * 160); // begins where the voice was
	}
	assert_int_equal(heard.packets, 60);
	assert_false(heard.is_gap);
	assert_int_equal(heard.events, 1);
	assert_int_equal(heard.event.code, 11);
	assert_int_equal(heard.event.duration_ms, 250);
	assert_int_equal(heard.marked, 1);
	assert_int_equal(replaced, 15); // 13 to 250 ms, the end twice more
	assert_int_equal(ended, 1);
	assert_int_equal(player.shift, 0);
}

// Nobody speaks: packets are made, and the voice that comes back goes on behind them.
static void test_silent_stream(void **state)
{
	struct tone_player player = { 0 };
	struct heard heard = { 0 };
	uint8_t rtp[TONE_PACKET_BYTES];
	uint32_t made = 0;
	(void)state;
	for (uint16_t i = 1; i <= 5; i++)
		relay(&player, &heard, i, i * 20 * MS);
	tone_player_begin(&player, (struct flow_event){ 3, 100 }, TYPE, RATE);
	for (uint64_t now_ns = 101 * MS; now_ns < 1000 * MS; now_ns += MS) {
		if (!tone_player_is_due(&player, now_ns))
			continue;
		made++;
		tone_player_make(&player, 1, rtp, now_ns);
		hear(&heard, rtp, sizeof(rtp));
	}
	assert_int_equal(made, 7);
	assert_int_equal(heard.events, 1);
	assert_int_equal(heard.event.code, 3);
	assert_int_equal(heard.event.duration_ms, 100);
	assert_int_equal(heard.timestamp, 5 * 160 + 60 * 8); // silence took its time
	for (uint16_t i = 6; i <= 20; i++)
		assert_int_equal(relay(&player, &heard, i, (i + 50) * 20 * MS), TONE_SHIFTED);
	assert_false(heard.is_gap);
	assert_int_equal(heard.packets, 5 + 7 + 15);
}

// A side that has never sent anything.
static void test_no_stream(void **state)
{
	struct tone_player player = { 0 };
	struct heard heard = { 0 };
	uint8_t rtp[TONE_PACKET_BYTES];
	(void)state;
	tone_player_begin(&player, (struct flow_event){ 0, 0 }, TYPE, RATE);
	for (uint64_t now_ns = MS; player.is_playing; now_ns += MS) {
		if (!tone_player_is_due(&player, now_ns))
			continue;
		tone_player_make(&player, 77, rtp, now_ns);
		hear(&heard, rtp, sizeof(rtp));
		assert_int_equal(rtp_ssrc(rtp), 77);
	}
	assert_int_equal(heard.events, 1);
	assert_int_equal(heard.event.duration_ms, 40); // never shorter
	assert_false(heard.is_gap);
	// Then its own stream comes: another SSRC, as it counts.
	uint8_t voice[172] = { 0 };
	struct rtp_header header = { .ssrc = 9, .seq = 500, .payload_type = 8 };
	rtp_build(&header, voice);
	assert_int_equal(tone_player_relay(&player, voice, 2000 * MS), TONE_PASS);
	assert_int_equal(rtp_seq(voice), 500);
}

// Between two events there is a pause.
static void test_pause(void **state)
{
	struct tone_player player = { 0 };
	struct heard heard = { 0 };
	uint16_t seq = 1;
	(void)state;
	assert_true(tone_player_is_free(&player, MS));
	tone_player_begin(&player, (struct flow_event){ 1, 40 }, TYPE, RATE);
	while (player.is_playing) {
		assert_false(tone_player_is_free(&player, seq * 20 * MS));
		relay(&player, &heard, seq, seq * 20 * MS);
		seq++;
	}
	assert_false(tone_player_is_free(&player, (seq - 1) * 20 * MS + 49 * MS));
	assert_true(tone_player_is_free(&player, (seq - 1) * 20 * MS + 50 * MS));
}

// Events that end here leave no gap behind, also when sequence numbers wrap.
static void test_skipped(void **state)
{
	struct tone_player player = { 0 };
	struct heard heard = { 0 };
	uint8_t rtp[172] = { 0 };
	(void)state;
	for (uint32_t i = 0; i < 40; i++) {
		uint16_t seq = (uint16_t)(65520 + i);
		struct rtp_header header = { .ssrc = 9, .seq = seq, .payload_type = TYPE };
		if (i >= 10 && i < 20) {
			rtp_build(&header, rtp);
			tone_player_skip(&player, rtp, (i + 1) * 20 * MS);
		} else {
			relay(&player, &heard, seq, (i + 1) * 20 * MS);
		}
	}
	assert_int_equal(heard.packets, 30);
	assert_false(heard.is_gap);
	assert_int_equal(player.shift, (uint16_t)-10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_running_stream),
		cmocka_unit_test(test_silent_stream),
		cmocka_unit_test(test_no_stream),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_skipped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// test_event_reader.c - each telephone event is told once, whatever is repeated, lost or late.
#include "event_reader.h"
#include "unit/unit.h"

#define RATE	    8000u
#define PACKETS_MAX 12u

// One packet: of the event payload type if `code` is not 255.
struct step {
	uint16_t seq;
	uint32_t timestamp;
	uint8_t code;
	uint16_t duration; // bit 15: end
	uint16_t told_ms;  // 0 = nothing is told
	uint8_t told;
};

#define END   0x8000u
#define VOICE 255, 0

static const struct {
	const char *name;
	struct step steps[PACKETS_MAX];
} cases[] = {
	{ "an event with three ends",
		{ { 1, 800, 5, 160, 0, 0 }, { 2, 800, 5, 320, 0, 0 },
			{ 3, 800, 5, END | 480, 60, 5 },
			{ 4, 800, 5, END | 480, 0, 0 }, { 5, 800, 5, END | 480, 0, 0 },
			{ 6, 1600, VOICE, 0, 0 } } },
	{ "the first two ends are lost",
		{ { 1, 800, 11, 160, 0, 0 }, { 5, 800, 11, END | 800, 100, 11 } } },
	{ "all ends are lost, voice goes on",
		{ { 1, 800, 1, 160, 0, 0 }, { 2, 800, 1, 320, 0, 0 }, { 6, 2000, VOICE, 40, 1 },
			{ 7, 2160, VOICE, 0, 0 } } },
	{ "voice that was overtaken ends nothing",
		{ { 2, 800, 1, 160, 0, 0 }, { 1, 640, VOICE, 0, 0 },
			{ 3, 800, 1, END | 320, 40, 1 } } },
	{ "all ends are lost, another event follows",
		{ { 1, 800, 1, 320, 0, 0 }, { 9, 4000, 2, 160, 40, 1 },
			{ 10, 4000, 2, END | 320, 40, 2 },
			{ 11, 4000, 2, END | 320, 0, 0 } } },
	{ "the same key twice",
		{ { 1, 800, 7, END | 320, 40, 7 }, { 2, 800, 7, END | 320, 0, 0 },
			{ 3, 4000, 7, 160, 0, 0 }, { 4, 4000, 7, END | 320, 40, 7 } } },
	{ "late packets of an event that is over",
		{ { 5, 4000, 7, END | 320, 40, 7 }, { 2, 800, 6, END | 320, 0, 0 } } },
	{ "a packet that was overtaken",
		{ { 2, 800, 3, 320, 0, 0 }, { 1, 800, 3, 160, 0, 0 },
			{ 3, 800, 3, END | 480, 60, 3 } } },
	{ "one packet is the whole event",
		{ { 1, 800, 3, END | 400, 50, 3 }, { 2, 1600, VOICE, 0, 0 } } },
	{ "segments of a long event",
		{ { 1, 0, 9, 0x7fff, 0, 0 }, { 2, 0x7fff, 9, 160, 0, 0 },
			{ 3, 0x7fff, 9, END | 320, 4135, 9 } } },
	{ "timestamps wrap",
		{ { 1, 0xffffff00, 4, END | 320, 40, 4 }, { 2, 0x500, 4, 160, 0, 0 },
			{ 3, 0x500, 4, END | 480, 60, 4 } } },
};

static struct rtp_view view_of(const struct step *step)
{
	return (struct rtp_view){ .ssrc = 7, .seq = step->seq, .timestamp = step->timestamp,
		.payload_type = step->code == 255 ? 0 : 101, .payload_bytes = 4 };
}

static void run_case(size_t c)
{
	struct event_reader reader = { 0 };

	for (uint32_t i = 0; i < PACKETS_MAX && cases[c].steps[i].seq != 0; i++) {
		const struct step *step = &cases[c].steps[i];
		uint16_t duration = step->duration & 0x7fff;
		uint8_t payload[4] = { step->code, step->duration & END ? 0x80 | 10 : 10,
			(uint8_t)(duration >> 8), (uint8_t)duration };
		struct rtp_view rtp = view_of(step);
		struct flow_event event = { 0 };
		bool is_told = step->code == 255 ?
			event_reader_pass(&reader, &rtp, RATE, &event) :
			event_reader_take(&reader, &rtp, payload, RATE, &event);
		if (is_told != (step->told_ms != 0) || event.duration_ms != step->told_ms ||
			event.code != step->told)
			fail_msg("%s, packet %u: told %d, code %u, %u ms", cases[c].name, i,
				is_told, event.code, event.duration_ms);
	}
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t c = 0; c < COUNT_OF(cases); c++)
		run_case(c);
}

static void test_another_source(void **state)
{
	struct event_reader reader = { 0 };
	struct rtp_view rtp = { .ssrc = 1, .seq = 10, .timestamp = 90000, .payload_bytes = 4 };
	const uint8_t open[4] = { 5, 10, 1, 0x40 }, end[4] = { 5, 0x8a, 1, 0x40 };
	struct flow_event event;
	(void)state;
	assert_false(event_reader_take(&reader, &rtp, open, RATE, &event));
	rtp.ssrc = 2;
	rtp.timestamp = 10; // not late: it counts anew
	assert_true(event_reader_take(&reader, &rtp, end, RATE, &event)); // the one before
	assert_true(event_reader_take(&reader, &rtp, end, RATE, &event));
	assert_false(event_reader_take(&reader, &rtp, end, RATE, &event));
}

static void test_short_and_clocks(void **state)
{
	struct event_reader reader = { 0 };
	struct rtp_view rtp = { .ssrc = 1, .payload_bytes = 3 };
	const uint8_t end[4] = { 5, 0x8a, 0xff, 0xff };
	struct flow_event event;
	(void)state;
	assert_false(event_reader_take(&reader, &rtp, end, RATE, &event));
	rtp.payload_bytes = 4;
	assert_true(event_reader_take(&reader, &rtp, end, 48000, &event));
	assert_int_equal(event.duration_ms, 1365);
	reader = (struct event_reader){ 0 };
	assert_true(event_reader_take(&reader, &rtp, end, 1, &event));
	assert_int_equal(event.duration_ms, UINT16_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_another_source),
		cmocka_unit_test(test_short_and_clocks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
